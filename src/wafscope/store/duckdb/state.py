"""How the store is: its sizes, what it holds, what was removed of it."""

from __future__ import annotations

from pathlib import Path

from duckdb import DuckDBPyConnection

from wafscope.query.question import Held
from wafscope.store.duckdb import rewrite
from wafscope.store.duckdb.connection import NAME
from wafscope.store.lasting import StoreState

_REMOVED = 31
"""Days that are listed."""


def state(cursor: DuckDBPyConnection, path: Path, held: Held) -> StoreState:
    """Describe the store at `path`."""
    meta = dict(cursor.execute("SELECT name, value FROM meta").fetchall())
    matches, pieces = cursor.execute(
        "SELECT (SELECT count(*) FROM match), (SELECT count(*) FROM quarantine)"
    ).fetchall()[0]
    return StoreState(
        path=str(path),
        schema=int(meta["version"]),
        file=file_size(path),
        log=file_size(Path(f"{path}.wal")),
        used=rewrite.used(cursor, NAME),
        free=rewrite.free(path.parent),
        disk=rewrite.disk(path.parent),
        events=held.events,
        matches=matches,
        first=held.first,
        last=held.last,
        since=held.since,
        counted_since=held.counted_since,
        reviewed=held.reviewed,
        quarantined=pieces,
        removed_events=sum(each.events for each in held.removed),
        removed=tuple(reversed(held.removed[-_REMOVED:])),
        dirty="dirty" in meta,
        compacted=int(meta["compacted"]) if "compacted" in meta else None,
        backups=tuple(sorted(str(each) for each in path.parent.glob(f"{path.name}.schema-*"))),
    )


def file_size(path: Path) -> int:
    """Bytes of a file; 0 where it is not there."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0

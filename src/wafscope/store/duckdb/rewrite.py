"""A whole store written anew into another file, beside it: what an upgrade, a compaction and a backup begin with.

DuckDB's file never shrinks, and what is deleted stays in its free blocks until they are used again.  A copy holds what
the tables hold and nothing else.  It is made under a name of its own and takes the place of the store in one rename,
so whatever ends the process in between, the store is whole; what it leaves is cleared away by the next copy.
"""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path

from duckdb import DuckDBPyConnection

from wafscope.errors import StoreError
from wafscope.i18n.text import text

ROW_GROUP = 20_480
"""Rows of a row group.  A transaction that fills one writes straight to the file, while it runs; one that does not is
copied into the table, written to the log (WAL) and compressed later.  DuckDB's own of 122 880 is seldom filled."""

_WAL = ("", ".wal", ".wal.checkpoint", ".wal.recovery")
"""What DuckDB writes beside a file of its own."""


def copy_name(path: Path) -> Path:
    """The file that a copy of a store is written to."""
    return path.with_name(f"{path.name}.new")


def backup_name(path: Path) -> Path:
    """The file that a backup is written to before it gets its own name."""
    return path.with_name(f"{path.name}.backup")


def files(path: Path) -> list[str]:
    """A database file and those that DuckDB has beside it."""
    return [f"{path}{ending}" for ending in _WAL]


def clear(path: Path) -> None:
    """Remove a database file, and what stands beside it, where it is there."""
    for name in files(path):
        Path(name).unlink(missing_ok=True)


def attach(cursor: DuckDBPyConnection, path: Path | None, name: str, *, read_only: bool = False) -> None:
    """Attach a file, or a database in memory, as `name`: only so can the size of its row groups be chosen."""
    options = f"TYPE duckdb, ROW_GROUP_SIZE {ROW_GROUP}{', READ_ONLY' if read_only else ''}"
    cursor.execute(f"ATTACH ? AS {name} ({options})", [str(path) if path else ":memory:"])


def used(cursor: DuckDBPyConnection, name: str) -> int:
    """Bytes of the blocks that a database uses: its file may be larger."""
    rows = cursor.execute("SELECT database_name, block_size * used_blocks FROM pragma_database_size()").fetchall()
    return int(dict(rows)[name])


def free(folder: Path) -> int:
    """Bytes that may still be written to a folder."""
    system = os.statvfs(folder)
    return system.f_bavail * system.f_frsize


def disk(folder: Path) -> int:
    """Size of the disk that a folder is on."""
    system = os.statvfs(folder)
    return system.f_blocks * system.f_frsize


def check_room(path: Path, needed: int) -> None:
    """Raise StoreError where there is no room for so many bytes more beside a file."""
    left = free(path.parent)
    if left < needed:
        raise StoreError(
            text(
                "There is no room for a copy of the store: it needs {needed} MB, {free} MB are free.",
                needed=needed // 1_000_000 + 1,
                free=left // 1_000_000,
            ),
            where=str(path.parent),
            hint=text("Make room there and try again; the store is as it was."),
        )


def copy(cursor: DuckDBPyConnection, source: str, path: Path, name: str) -> None:
    """Copy the attached database `source` into a new file, which stays attached as `name`.

    All of it is as of one moment: others may write to `source` meanwhile.
    """
    clear(path)
    attach(cursor, path, name)
    cursor.execute(f"COPY FROM DATABASE {source} TO {name}")


def stain(cursor: DuckDBPyConnection) -> None:
    """Note that what was removed may still stand in free blocks of the file: until it is rewritten."""
    if not cursor.execute("SELECT 1 FROM meta WHERE name = 'dirty'").fetchall():
        cursor.execute("INSERT INTO meta VALUES ('dirty', '1'::BLOB)")


def take_place(new: Path, path: Path) -> None:
    """Let a new file take the place of a store, with the owner and the rights of the one that was there."""
    shutil.copymode(path, new)
    was = path.stat()
    with suppress(PermissionError):
        os.chown(new, was.st_uid, was.st_gid)
    settle(new)
    new.replace(path)
    settle(path)


def settle(path: Path) -> None:
    """Make sure that a file and its name are on the disk."""
    for place, flags in ((path, os.O_RDWR), (path.parent, os.O_RDONLY)):
        opened = os.open(place, flags)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)

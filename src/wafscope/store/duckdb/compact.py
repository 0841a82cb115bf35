"""Writing the store anew, under those who ask and follow, and backups.

DuckDB lets one database of a process have a file, so the new file can not be opened before the old one is closed: for
that moment, some hundredths of a second, questions wait (`Gate`).
"""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import duckdb
from duckdb import DuckDBPyConnection

from wafscope.errors import StoreError
from wafscope.i18n.text import text
from wafscope.store.duckdb import rewrite
from wafscope.store.duckdb.connection import NAME, Connection
from wafscope.store.lasting import BackedUp, check_target

_COPY = "copy"
_PATIENCE = 6.0
"""Seconds for questions under way to be answered; longer ones are interrupted."""


class Gate:
    """Lets questions through, except while the file changes."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._inside = 0
        self._is_shut = False

    @contextmanager
    def asking(self) -> Iterator[None]:
        """Ask inside; waits while it is shut."""
        with self._changed:
            while self._is_shut:
                self._changed.wait()
            self._inside += 1
        try:
            yield
        finally:
            with self._changed:
                self._inside -= 1
                self._changed.notify_all()

    @contextmanager
    def shut(self, patience: float = _PATIENCE) -> Iterator[bool]:
        """Keep questions out, give those inside some seconds to come to an end, and tell whether all have."""
        with self._changed:
            self._is_shut = True
            is_empty = self._changed.wait_for(lambda: not self._inside, patience)
        try:
            yield is_empty
        finally:
            with self._changed:
                self._is_shut = False
                self._changed.notify_all()


def write_anew(connection: Connection, path: Path) -> None:
    """Write all that is held into the file of copies beside the store; nothing may be written to it meanwhile."""
    new = rewrite.copy_name(path)
    with _copied(connection, new) as cursor:
        cursor.execute(f"DELETE FROM {_COPY}.meta WHERE name IN ('dirty', 'compacted')")
        cursor.execute(f"INSERT INTO {_COPY}.meta VALUES ('compacted', ?)", [str(time.time_ns() // 1000).encode()])


def back_up(connection: Connection, path: Path, target: Path, *, overwrite: bool) -> BackedUp:
    """Write all that is held at one moment to `target`; raises StoreError."""
    started = time.monotonic()
    check_target(path, target, overwrite=overwrite)
    here = rewrite.backup_name(path)
    with _copied(connection, here) as cursor:
        events = cursor.execute(f"SELECT count(*) FROM {_COPY}.event").fetchall()[0][0]
    try:
        shutil.copymode(path, here)
        rewrite.settle(here)
        _move(here, target)
    except OSError as error:
        rewrite.clear(here)
        raise StoreError(
            text("The backup could not be written: {reason}", reason=error.strerror or str(error)),
            where=str(target),
            hint=text("Is there room, and may the service write there?"),
        ) from error
    return BackedUp(str(target), target.stat().st_size, events, round(time.monotonic() - started, 3))


def _move(here: Path, target: Path) -> None:
    """Give a file its name, also on another disk: whole or not at all."""
    try:
        here.replace(target)
    except OSError:
        part = target.with_name(f"{target.name}.part")
        try:
            shutil.copy2(here, part)
            rewrite.settle(part)
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
        here.unlink()
    rewrite.settle(target)


@contextmanager
def _copied(connection: Connection, new: Path) -> Iterator[DuckDBPyConnection]:
    """Copy the store into a new file, which is attached inside and closed behind."""
    with connection.copying() as cursor:
        rewrite.check_room(new, rewrite.used(cursor, NAME))
        try:
            rewrite.copy(cursor, NAME, new, _COPY)
            yield cursor
            cursor.execute(f"DETACH {_COPY}")
        except BaseException:
            with suppress(duckdb.Error):
                cursor.execute(f"DETACH {_COPY}")
            rewrite.clear(new)
            raise


def check_log(path: Path) -> None:
    """Raise StoreError where something committed is not in the file yet."""
    log = Path(f"{path}.wal")
    if log.exists() and os.stat(log).st_size:  # noqa: PTH116
        raise StoreError(text("The store could not be written: {reason}", reason="WAL"), where=str(path))

"""One DuckDB database: opening it, questions with a time limit, one writer.

DuckDB lets one process open a file, and has no statement timeout: a watchdog interrupts the cursor, and
again until it takes, since an interrupt that comes before the start is lost.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import duckdb

from wafscope.errors import StoreError, StoreHeld, StoreRefusal
from wafscope.event.identity import KEY_SIZE
from wafscope.i18n.text import text
from wafscope.store.duckdb import rewrite, upgrade
from wafscope.store.duckdb.schema import VERSION, statements

_SETTINGS = {
    # A row group that is full is compressed and written at once, not when five of them are.
    "write_buffer_row_group_count": "1",
    # What is committed by writing it into the file is not written to the log (WAL) first, however much it is.
    "auto_checkpoint_skip_wal_threshold": "0",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
}
NAME = "store"
"""The attached database."""
_TABLES = "SELECT 1 FROM duckdb_tables() WHERE database_name = ? LIMIT 1"
_AGAIN = 0.02
_BROKEN = "has been invalidated"
"""What DuckDB says, with errors of several classes, until the file is closed and opened again."""
_PATIENCE = 10.0
"""Seconds that questions under way get to notice that they are interrupted."""


class Cut(Exception):
    """The time limit stopped a question."""


class Connection:
    """The database of a store: a pool of cursors for questions, one for writing."""

    def __init__(
        self,
        path: Path | None,
        *,
        memory_limit: str = "256MB",
        read_only: bool = False,
        threads: int | None = None,
        makes: bool = True,
    ) -> None:
        """Open the file at `path`, or make it; None keeps everything in memory.

        Raises StoreError, also where there is no file and this `makes` none.
        """
        self.path = path
        self.backup: Path | None = None
        """The store as it was, where opening it has brought it to a new version."""
        new = path is None or not path.exists()
        if read_only and new:
            raise StoreError(
                text("There is no store here."),
                where=str(path),
                hint=text("Import a log first: wafscope import --store FILE PATH"),
            )
        if not makes and path is not None and new:
            raise StoreError(
                text("The file of the store is gone."),
                where=str(path),
                hint=text("Is its disk mounted? If it was removed, start Wafscope anew: it begins another one."),
            )
        config = _config(path, memory_limit, threads)
        try:
            if path is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
            self._root = _attached(path, config, read_only=read_only)
        except (duckdb.Error, OSError) as error:
            failed = opening_failed(error, path)
            if new and path is not None and not isinstance(failed, StoreHeld):
                # Where there was no room for it, what was made of it is no database, and never would be.
                with suppress(OSError):
                    rewrite.clear(path)
            raise failed from error
        self._watchdog = _Watchdog()
        self._free: list[duckdb.DuckDBPyConnection] = []
        self._busy: set[duckdb.DuckDBPyConnection] = set()
        self._long: set[duckdb.DuckDBPyConnection] = set()
        self._closed = False
        self._lock = threading.Condition()
        try:
            self._writer = self._cursor()
            # A file without tables was made when there was no room for them.
            if new or (not read_only and not self.writer.execute(_TABLES, [NAME]).fetchall()):
                self._make()
        except duckdb.Error as error:
            self._root.close()
            raise opening_failed(error, path) from error
        version, self._key = self._check()
        if version < VERSION:
            self._upgrade(version, config, read_only=read_only)

    @property
    def key(self) -> bytes:
        """The key of the store; raises StoreError while it could not be opened."""
        if not self._key:
            raise _unavailable(self.path)
        return self._key

    @property
    def writer(self) -> duckdb.DuckDBPyConnection:
        """The cursor for writing; raises StoreError when this is closed."""
        if self._closed:
            raise _unavailable(self.path)
        return self._writer

    def _cursor(self) -> duckdb.DuckDBPyConnection:
        cursor = self._root.cursor()
        cursor.execute(f"USE {NAME}")
        cursor.execute("SET TimeZone='UTC'")
        return cursor

    def _make(self) -> None:
        from secrets import token_bytes  # noqa: PLC0415 - only for a new store

        self.writer.execute("BEGIN")
        for statement in statements():
            self.writer.execute(statement)
        self.writer.executemany(
            "INSERT INTO meta VALUES (?, ?)", [("version", str(VERSION).encode()), ("key", token_bytes(KEY_SIZE))]
        )
        self.writer.execute("COMMIT")

    def _check(self) -> tuple[int, bytes]:
        """Return version and key of the store; raises StoreError for a file of another kind or a newer schema."""
        try:
            meta = dict(self.writer.execute("SELECT name, value FROM meta").fetchall())
        except duckdb.Error as error:
            self.close()
            raise StoreError(
                text("This DuckDB file is not a store of Wafscope."),
                where=str(self.path),
                hint=text("Choose another file for --store."),
            ) from error
        version = int(meta["version"])
        if version > VERSION:
            self.close()
            raise newer(version, self.path)
        return version, bytes(meta["key"])

    def _upgrade(self, version: int, config: _Config, *, read_only: bool) -> None:
        """Bring an older store to this version, and open it again."""
        self._writer.close()
        self._root.close()
        if read_only or self.path is None:
            raise upgrade.needed(self.path, version)
        try:
            with closing(duckdb.connect(":memory:", config=config)) as root:
                self.backup = upgrade.upgrade(self.path, root)
            self._root = _attached(self.path, config, read_only=False)
            self._writer = self._cursor()
        except (duckdb.Error, OSError) as error:
            raise opening_failed(error, self.path) from error

    @contextmanager
    def _borrowed(self) -> Iterator[duckdb.DuckDBPyConnection]:
        with self._lock:
            if self._closed:
                raise _unavailable(self.path)
            try:
                cursor = self._free.pop() if self._free else self._cursor()
            except duckdb.Error as error:
                raise _unavailable(self.path) from error
            self._busy.add(cursor)
        try:
            yield cursor
        finally:
            with self._lock:
                self._busy.discard(cursor)
                self._free.append(cursor)
                self._lock.notify_all()

    @contextmanager
    def copying(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Give a cursor for something long; closing the file interrupts it.  Raises StoreError."""
        with self._borrowed() as cursor:
            self._long.add(cursor)
            try:
                yield cursor
            except duckdb.InterruptException as error:
                raise _unavailable(self.path) from error
            except (duckdb.Error, OSError) as error:
                raise _unwritten(self.path, error) from error
            finally:
                self._long.discard(cursor)

    def checkpoint(self) -> None:
        """Write to the file what is committed, when nobody asks; raises StoreError."""
        try:
            self.writer.execute(f"FORCE CHECKPOINT {NAME}")
        except duckdb.Error as error:
            raise StoreError(text("The store could not be written: {reason}", reason=str(error))) from error

    def interrupt(self) -> None:
        """Interrupt what takes long."""
        for cursor in tuple(self._long):
            cursor.interrupt()

    def fetch(self, sql: str, parameters: Sequence[object], time_limit: float) -> list[tuple[Any, ...]]:
        """Run a question and return its rows; raises Cut when the limit, in seconds, is over."""
        if time_limit <= 0:
            raise Cut
        with self._borrowed() as cursor, self._watchdog.guard(cursor, time_limit) as guarded:
            try:
                return cursor.execute(sql, list(parameters)).fetchall()
            except duckdb.InterruptException as error:
                if self._closed:
                    raise _unavailable(self.path) from error
                raise Cut from error
            except duckdb.Error as error:
                if self._closed or _BROKEN in str(error):
                    raise _unavailable(self.path) from error
                if guarded.is_over:
                    raise Cut from error
                raise StoreError(text("The store could not answer: {reason}", reason=str(error))) from error

    @contextmanager
    def writing(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Give the writing cursor inside a transaction; commits at the end, rolls back on an error."""
        if self._closed:
            raise _unavailable(self.path)
        try:
            self.writer.execute("BEGIN")
            yield self.writer
            self.writer.execute("COMMIT")
        except BaseException as error:
            with suppress(duckdb.Error):
                self.writer.execute("ROLLBACK")
            if not isinstance(error, duckdb.Error):
                raise
            raise _unwritten(self.path, error) from error

    def close(self) -> None:
        """Close the file, which stays open as long as one cursor is: questions under way are interrupted."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            deadline = time.monotonic() + _PATIENCE
            while self._busy and time.monotonic() < deadline:
                for cursor in self._busy:
                    cursor.interrupt()
                self._lock.wait(_AGAIN)
            for cursor in self._free:
                cursor.close()
            self._free.clear()
        self._watchdog.close()
        self._writer.close()
        self._root.close()


class Shut(Connection):
    """In place of a connection that can not be opened yet: it is closed, and nothing can be asked or written."""

    def __init__(self, path: Path) -> None:
        self.path, self.backup, self._key = path, None, b""
        self._closed, self._lock, self._long = True, threading.Condition(), set()


_Config = dict[str, str | bool | int | float | list[str]]


def _config(path: Path | None, memory_limit: str, threads: int | None) -> _Config:
    config: _Config = {**_SETTINGS, "memory_limit": memory_limit}
    if threads is not None:
        config["threads"] = threads
    if path is not None:
        config["temp_directory"] = f"{path}.tmp"
    return config


def _attached(path: Path | None, config: _Config, *, read_only: bool) -> duckdb.DuckDBPyConnection:
    """Open a DuckDB that has the file attached, and may touch no other but a copy of it."""
    root = duckdb.connect(":memory:", config=config)
    try:
        if path is not None:
            root.execute(
                "SET allowed_paths = ?",
                [[*rewrite.files(rewrite.copy_name(path)), *rewrite.files(rewrite.backup_name(path))]],
            )
        rewrite.attach(root, path, NAME, read_only=read_only)
        if path is not None and not read_only:
            # What was under way when a process ended.
            rewrite.clear(rewrite.copy_name(path))
            rewrite.clear(rewrite.backup_name(path))
        root.execute("SET enable_external_access = false")
    except duckdb.Error:
        root.close()
        raise
    return root


class _Guarded:
    """A cursor that is at work, and the time at which it has to be done."""

    def __init__(self, cursor: duckdb.DuckDBPyConnection, deadline: float) -> None:
        self.cursor = cursor
        self.deadline = deadline
        self.is_over = False


class _Watchdog:
    """Interrupts the cursors whose time is over.

    One thread does it for all: to start one for each question would add a tenth to the short ones.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._guarded: set[_Guarded] = set()
        self._wakes = math.inf
        self._thread: threading.Thread | None = None
        self._closed = False

    @contextmanager
    def guard(self, cursor: duckdb.DuckDBPyConnection, time_limit: float) -> Iterator[_Guarded]:
        """Interrupt the cursor if it is not done in time, and never after that."""
        guarded = _Guarded(cursor, time.monotonic() + time_limit)
        with self._changed:
            self._guarded.add(guarded)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="watchdog", daemon=True)
                self._thread.start()
            elif guarded.deadline < self._wakes:
                self._changed.notify()
        try:
            yield guarded
        finally:
            with self._changed:
                self._guarded.remove(guarded)

    def _run(self) -> None:
        with self._changed:
            while not self._closed:
                now = time.monotonic()
                self._wakes = math.inf
                for guarded in self._guarded:
                    if guarded.deadline <= now:
                        guarded.is_over = True
                        guarded.cursor.interrupt()
                    self._wakes = min(self._wakes, now + _AGAIN if guarded.is_over else guarded.deadline)
                self._changed.wait(None if self._wakes == math.inf else self._wakes - now)

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()


_SAFE = text("Is the disk full, or may you not write there? What was committed before is safe.")


_OF_CONTENT = (
    duckdb.DataError,
    duckdb.IntegrityError,
    duckdb.ProgrammingError,
    duckdb.InternalError,
    duckdb.OutOfMemoryException,
)
"""Errors that what is written may be to blame for; a disk or a file that fails gives others."""


def _unwritten(path: Path | None, error: Exception) -> StoreError:
    kind = StoreRefusal if isinstance(error, _OF_CONTENT) else StoreError
    return kind(text("The store could not be written: {reason}", reason=str(error)), where=str(path), hint=_SAFE)


def _unavailable(path: Path | None) -> StoreError:
    return StoreError(
        text("The store is not available for now; Wafscope tries again by itself."),
        where=str(path),
        hint=_SAFE,
    )


def newer(version: int, path: Path | None) -> StoreError:
    """The error of a store whose schema is newer than this program."""
    return StoreError(
        text("The store has schema version {found}, this program knows {known}.", found=version, known=VERSION),
        where=str(path),
        hint=text("Open it with a newer Wafscope."),
    )


def opening_failed(error: Exception, path: Path | None) -> StoreError:
    """What is said when DuckDB can not open a file."""
    reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
    if "lock" in reason.lower() or "already attached" in reason:
        return StoreHeld(
            text("The store is open in another process."),
            where=str(path),
            hint=text("Only one process can open it: stop the other, or choose another --store."),
        )
    return StoreError(
        text("The store can not be opened: {reason}", reason=reason),
        where=str(path),
        hint=text("Is this path right, is there room, and may you write there?"),
    )

"""One DuckDB database: opening it, questions with a time limit, one writer.

DuckDB lets one process open a file, and has no statement timeout: a watchdog interrupts the cursor, and
again until it takes, since an interrupt that comes before the start is lost.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import duckdb

from wafscope.errors import StoreError
from wafscope.event.identity import KEY_SIZE
from wafscope.i18n.text import text
from wafscope.store.duckdb.schema import VERSION, statements

_SETTINGS = {
    # A checkpoint compresses the last row group anew: the fewer, the better.
    "checkpoint_threshold": "192MB",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "enable_external_access": "false",
}
_AGAIN = 0.02


class Cut(Exception):
    """The time limit stopped a question."""


class Connection:
    """The database of a store: a pool of cursors for questions, one for writing."""

    def __init__(self, path: Path | None, *, memory_limit: str = "256MB", read_only: bool = False) -> None:
        """Open or make the file at `path`; None keeps everything in memory.  Raises StoreError."""
        self.path = path
        new = path is None or not path.exists()
        if read_only and new:
            raise StoreError(
                text("There is no store here."),
                where=str(path),
                hint=text("Import a log first: wafscope import --store FILE PATH"),
            )
        try:
            if path is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
            self._root = duckdb.connect(
                str(path) if path else ":memory:",
                read_only=read_only,
                config={**_SETTINGS, "memory_limit": memory_limit},
            )
        except (duckdb.Error, OSError) as error:
            raise _opening_failed(error, path) from error
        self._root.execute("SET TimeZone='UTC'")
        self._free: list[duckdb.DuckDBPyConnection] = []
        self._lock = threading.Lock()
        self.writer = self._cursor()
        if new:
            self._make()
        self.key = self._check()

    def _cursor(self) -> duckdb.DuckDBPyConnection:
        cursor = self._root.cursor()
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

    def _check(self) -> bytes:
        """Return the key of the store; raises StoreError for a file of another kind or a newer schema."""
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
            raise StoreError(
                text("The store has schema version {found}, this program knows {known}.", found=version, known=VERSION),
                where=str(self.path),
                hint=text("Open it with a newer Wafscope."),
            )
        return bytes(meta["key"])

    @contextmanager
    def _borrowed(self) -> Iterator[duckdb.DuckDBPyConnection]:
        with self._lock:
            cursor = self._free.pop() if self._free else None
        cursor = cursor or self._cursor()
        try:
            yield cursor
        finally:
            with self._lock:
                self._free.append(cursor)

    def fetch(self, sql: str, parameters: Sequence[object], time_limit: float) -> list[tuple[Any, ...]]:
        """Run a question and return its rows; raises Cut when the limit, in seconds, is over."""
        if time_limit <= 0:
            raise Cut
        with self._borrowed() as cursor, _watchdog(cursor, time_limit) as fired:
            try:
                return cursor.execute(sql, list(parameters)).fetchall()
            except duckdb.InterruptException as error:
                raise Cut from error
            except duckdb.Error as error:
                if fired.is_set():
                    raise Cut from error
                raise StoreError(text("The store could not answer: {reason}", reason=str(error))) from error

    @contextmanager
    def writing(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Give the writing cursor inside a transaction; commits at the end, rolls back on an error."""
        self.writer.execute("BEGIN")
        try:
            yield self.writer
            self.writer.execute("COMMIT")
        except BaseException as error:
            with suppress(duckdb.Error):
                self.writer.execute("ROLLBACK")
            if not isinstance(error, duckdb.Error):
                raise
            raise StoreError(
                text("The store could not be written: {reason}", reason=str(error)),
                where=str(self.path),
                hint=text("Is the disk full? What was committed before is safe."),
            ) from error

    def close(self) -> None:
        with self._lock:
            for cursor in self._free:
                cursor.close()
            self._free.clear()
        self.writer.close()
        self._root.close()


@contextmanager
def _watchdog(cursor: duckdb.DuckDBPyConnection, time_limit: float) -> Iterator[threading.Event]:
    done, fired = threading.Event(), threading.Event()

    def bark() -> None:
        fired.set()
        while not done.is_set():
            cursor.interrupt()
            time.sleep(_AGAIN)

    timer = threading.Timer(time_limit, bark)
    timer.daemon = True
    timer.start()
    try:
        yield fired
    finally:
        done.set()
        timer.cancel()
        if fired.is_set():
            timer.join()


def _opening_failed(error: Exception, path: Path | None) -> StoreError:
    reason = str(error)
    if "lock" in reason.lower():
        return StoreError(
            text("The store is open in another process."),
            where=str(path),
            hint=text("Only one process can open it: stop the other, or choose another --store."),
        )
    return StoreError(
        text("The store can not be opened: {reason}", reason=reason),
        where=str(path),
        hint=text("Is this path right, and may you write there?"),
    )

"""Open a store by its address."""

from __future__ import annotations

from pathlib import Path

from wafscope.errors import StoreError
from wafscope.i18n.text import text
from wafscope.store.base import EventStore, LastingStore

WRITING = 1
"""Threads of a store that is written while nothing is asked: two take a third more of the processors for the same."""


def open_store(uri: str, *, read_only: bool = False, threads: int | None = None) -> EventStore:
    """Open `duckdb:///relative`, `duckdb:////absolute`, or `memory:`.

    `threads` are those that the store works with, one a core unless given.

    Raises StoreError when the address is of no known kind or the store can not be opened.
    """
    if uri == "memory:":
        from wafscope.store.memory import MemoryStore  # noqa: PLC0415 - only the store in use is loaded

        return MemoryStore()
    if uri.startswith("duckdb:///"):
        from wafscope.store.duckdb.store import DuckStore  # noqa: PLC0415

        return DuckStore(Path(uri.removeprefix("duckdb:///")), read_only=read_only, threads=threads)
    raise StoreError(
        text("“{uri}” is not the address of a store.", uri=uri),
        hint=text("Use duckdb:////path/to/file, or memory: for a store that is gone at the end."),
    )


def open_lasting(uri: str, *, read_only: bool = False, threads: int | None = None) -> LastingStore:
    """Open a store that is there, in a file; raises StoreError as `open_store` does, and where there is none."""
    if uri == "memory:":
        raise StoreError(
            text("A store in memory is gone at the end: nothing can be done to it."),
            hint=text("Name a file with --store, or in the settings."),
        )
    path = uri.removeprefix("duckdb:///")
    if path != uri and not Path(path).exists():
        raise StoreError(
            text("There is no store here."),
            where=path,
            hint=text("Name its file with --store, or the settings of the service with --config."),
        )
    store: LastingStore = open_store(uri, read_only=read_only, threads=threads)  # type: ignore[assignment]
    return store

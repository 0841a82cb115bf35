"""Open a store by its address."""

from __future__ import annotations

from pathlib import Path

from wafscope.errors import StoreError
from wafscope.i18n.text import text
from wafscope.store.base import EventStore

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

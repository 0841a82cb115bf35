"""Open a store by its address."""

from __future__ import annotations

from pathlib import Path

from wafscope.errors import StoreError
from wafscope.i18n.text import text
from wafscope.store.base import EventStore


def open_store(uri: str, *, read_only: bool = False) -> EventStore:
    """Open `duckdb:///relative`, `duckdb:////absolute`, or `memory:`.

    Raises StoreError when the address is of no known kind or the store can not be opened.
    """
    if uri == "memory:":
        from wafscope.store.memory import MemoryStore  # noqa: PLC0415 - only the store in use is loaded

        return MemoryStore()
    if uri.startswith("duckdb:///"):
        from wafscope.store.duckdb.store import DuckStore  # noqa: PLC0415

        return DuckStore(Path(uri.removeprefix("duckdb:///")), read_only=read_only)
    raise StoreError(
        text("“{uri}” is not the address of a store.", uri=uri),
        hint=text("Use duckdb:////path/to/file, or memory: for a store that is gone at the end."),
    )

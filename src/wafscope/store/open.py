"""Open a store by its address."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path

from wafscope.errors import StoreError, StoreHeld
from wafscope.i18n.text import text
from wafscope.store.base import EventStore, LastingStore

WRITING = 1
"""Threads of a store that is written while nothing is asked: two take a third more of the processors for the same."""


FILE = "duckdb:///"
"""How the address of a store in a file begins."""
_PATIENCE, _AGAIN = 3.0, 0.1
"""Seconds for a service that begins, and between two looks."""


def open_store(
    uri: str,
    *,
    read_only: bool = False,
    threads: int | None = None,
    memory_limit: str = "256MB",
    waits: bool = False,
) -> EventStore:
    """Open `duckdb:///relative`, `duckdb:////absolute`, or `memory:`.

    `threads` are those that the store works with, one a core unless given; `memory_limit` is what it may take.
    One that `waits` begins as one that has failed, where another process has it open: until `EventStore.recover`.

    Raises StoreError when the address is of no known kind or the store can not be opened.
    """
    if uri == "memory:":
        from wafscope.store.memory import MemoryStore  # noqa: PLC0415 - only the store in use is loaded

        return MemoryStore()
    if uri.startswith(FILE):
        from wafscope.store.duckdb.store import DuckStore  # noqa: PLC0415

        path = Path(uri.removeprefix(FILE))
        made = partial(DuckStore, path, read_only=read_only, threads=threads, memory_limit=memory_limit)
        try:
            return made()
        except StoreHeld:
            # A service that has it open is no passing visitor.
            if not waits or _is_served(uri):
                raise
            return made(waits=True)
    raise StoreError(
        text("“{uri}” is not the address of a store.", uri=uri),
        hint=text("Use duckdb:////path/to/file, or memory: for a store that is gone at the end."),
    )


def reach_store(uri: str, *, read_only: bool = False, threads: int | None = None) -> EventStore:
    """Open a store, or ask the service that holds it: what a command line calls.  Raises StoreError as `open_store`."""
    return _held(uri) or _opened_or_held(uri, read_only=read_only, threads=threads)


def _is_served(uri: str) -> bool:
    held = _held(uri)
    if held is not None:
        held.close()
    return held is not None


def _held(uri: str) -> LastingStore | None:
    path = uri.removeprefix(FILE)
    if path == uri:
        return None
    from wafscope.store.remote.client import connect  # noqa: PLC0415 - only for a store in a file

    return connect(Path(path))


def _opened_or_held(uri: str, *, read_only: bool, threads: int | None) -> EventStore:
    """A service that begins has the store before it answers: it is waited for."""
    until = time.monotonic() + _PATIENCE
    while True:
        try:
            return open_store(uri, read_only=read_only, threads=threads)
        except StoreHeld:
            held = _held(uri)
            if held is not None:
                return held
            if time.monotonic() >= until:
                raise
            time.sleep(_AGAIN)


def open_lasting(uri: str, *, read_only: bool = False, threads: int | None = None) -> LastingStore:
    """Open a store that is there, in a file, or ask the service that holds it.

    Raises StoreError as `open_store` does, and where there is none.
    """
    if uri == "memory:":
        raise StoreError(
            text("A store in memory is gone at the end: nothing can be done to it."),
            hint=text("Name a file with --store, or in the settings."),
        )
    path = uri.removeprefix(FILE)
    # Who may not look into its directory is told so first.
    held = _held(uri)
    if held is not None:
        return held
    if path != uri and not Path(path).exists():
        raise StoreError(
            text("There is no store here."),
            where=path,
            hint=text("Name its file with --store, or the settings of the service with --config."),
        )
    store: LastingStore = reach_store(uri, read_only=read_only, threads=threads)  # type: ignore[assignment]
    return store

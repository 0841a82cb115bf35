"""Where the socket is: beside the store, however long its path."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from wafscope.store.remote.calls import SUFFIX

_LONGEST = 100
"""Bytes of an address of AF_UNIX, with some to spare: unix(7)."""


def place(store: Path) -> Path:
    """Return the path of the socket of a store."""
    return store.with_name(store.name + SUFFIX)


@contextmanager
def short(path: Path) -> Iterator[str]:
    """Give an address for a path that may be too long for one: through its directory, which is opened for that."""
    if len(os.fsencode(path)) <= _LONGEST:
        yield str(path)
        return
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{directory}/{path.name}"
    finally:
        os.close(directory)

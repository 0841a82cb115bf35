"""What becomes of memory that is free again, where the C library can be told (glibc): others are left as they are."""

from __future__ import annotations

import ctypes
from contextlib import suppress

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
"""Options of glibc's `mallopt`, as its malloc.h numbers them."""


_KEPT = 32 << 20
"""Bytes; the library takes no larger number for what it maps by itself."""


def keep() -> None:
    """Keep some free memory for what comes next: to give it back, and have it cleared again, costs more."""
    _call("mallopt", _M_MMAP_THRESHOLD, _KEPT)
    _call("mallopt", _M_TRIM_THRESHOLD, _KEPT)


def give_back() -> None:
    """Give free memory back to the system: by itself the library hardly does."""
    _call("malloc_trim", 0)


def _call(name: str, *arguments: int) -> None:
    with suppress(OSError, AttributeError, TypeError):
        getattr(ctypes.CDLL(None), name)(*arguments)

"""The content of a configuration file, or why there is none."""

from __future__ import annotations

from pathlib import Path

from wafscope.event.text import from_bytes
from wafscope.rules.seclang.nodes import Place, Unread

_LARGEST = 16 << 20
"""Bytes; what is larger is no configuration."""


def content(name: str, named: Place | None = None, *, optional: bool = False) -> str | Unread:
    """Return the text of a file; bytes that are not UTF-8 survive.  `named` is where another file names it."""
    try:
        with Path(name).open("rb") as opened:
            return from_bytes(opened.read(_LARGEST))
    except FileNotFoundError as error:
        return Unread(name, "missing", named or Place(name, 0), optional, error.strerror or "")
    except OSError as error:
        return Unread(name, "unreadable", named or Place(name, 0), optional, error.strerror or "")

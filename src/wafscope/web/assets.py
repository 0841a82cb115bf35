"""The built style sheet and scripts: kept in memory, compressed too, and cached by browsers until they change."""

from __future__ import annotations

import gzip
from hashlib import blake2b
from pathlib import Path

import msgspec

TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}


class Asset(msgspec.Struct, frozen=True):
    """One file."""

    content: bytes
    type: str
    tag: str
    """Digest of the content: ETag, and part of the address."""
    compressed: bytes
    """The content with gzip."""


class Assets:
    """The files of one folder, read once."""

    def __init__(self, folder: Path) -> None:
        self._files = {path.name: _asset(path) for path in sorted(folder.glob("*")) if path.suffix in TYPES}

    def find(self, name: str) -> Asset | None:
        return self._files.get(name)

    def address(self, name: str) -> str:
        """The address of a file; it changes with the content, so the file may be cached for good."""
        found = self._files.get(name)
        return f"/static/{name}?v={found.tag}" if found else f"/static/{name}"


def _asset(path: Path) -> Asset:
    content = path.read_bytes()
    tag = blake2b(content, digest_size=8).hexdigest()
    return Asset(content, TYPES[path.suffix], tag, gzip.compress(content, mtime=0))

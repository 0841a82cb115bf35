"""Which file it is, whatever its name and inode: told by its first bytes and by those before the place reached.

A log is renamed, copied, truncated and compressed; inodes are used again.  What stays is what stands in it.
"""

from __future__ import annotations

from hashlib import blake2b

import msgspec

HEAD = 1024
"""Bytes of the beginning that tell a file; fewer while it has fewer.  A record begins with its time and its id."""
MARK = 256
"""Bytes before the place reached that must still stand there."""

_SIZE = 16


class Place(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """How far a file was read; the state of a position."""

    path: bytes
    """Where the file was first found."""
    head: int = 0
    """How many bytes of the beginning were hashed."""
    fingerprint: bytes = b""
    offset: int = 0
    mark: int = 0
    """How many bytes before `offset` were hashed."""
    marker: bytes = b""
    skipped_from: int = -1
    """Where a record begins that is too large to be held, while it is passed over; else -1."""
    packed: tuple[int, int] = (0, 0)
    """Size and time of the compressed file that was read to its end."""

    def begins(self, head: bytes) -> bool:
        """Tell whether a file with these first bytes is this one."""
        return bool(self.head) and len(head) >= self.head and digest(head[: self.head]) == self.fingerprint

    def goes_on(self, before: bytes) -> bool:
        """Tell whether these bytes, which stand before `offset`, are those that were read."""
        return len(before) >= self.mark and digest(before[len(before) - self.mark :]) == self.marker

    def moved(self, offset: int, head: bytes, before: bytes, skipped_from: int = -1) -> Place:
        """The same file, read up to `offset`; `head` are its first bytes, `before` those that end there."""
        head = head[: min(HEAD, offset)]
        before = before[-MARK:]
        return Place(
            path=self.path,
            head=len(head),
            fingerprint=digest(head),
            offset=offset,
            mark=len(before),
            marker=digest(before),
            skipped_from=skipped_from,
            packed=self.packed,
        )


def digest(data: bytes) -> bytes:
    """The hash by which bytes are known again."""
    return blake2b(data, digest_size=_SIZE).digest()

"""What an archive of tar holds, each member to the last byte that is there, though the archive be cut or damaged."""

from __future__ import annotations

import tarfile
from collections import deque
from collections.abc import Iterator
from typing import IO, BinaryIO, cast

from wafscope.source.unpacking import BROKEN

_AT_ONCE = 64 << 10
_KEPT = 2 * _AT_ONCE
"""Bytes that are kept of what the archive was read of last: more than `tarfile` may hold when it fails."""


_LARGEST_NAME = 1 << 20
"""Bytes of a long name, or of what else is told of the next member: they are held, and 1 MB, packed, can be 1 GB."""
_LARGEST_SPARSE = 16 << 30
"""Bytes of a member with holes, which cost nothing in the archive, and take hours to read."""
_ABOUT_OTHERS = frozenset((b"L", b"K", b"x", b"g", b"X"))
"""Types of what is no member: long names (GNU) and the heads of pax."""
_LATEST = 1e11
"""Seconds: later than any file, and still a number for a store."""


class _Entry(tarfile.TarInfo):
    """The head of a member; raises ReadError for one that can not be, where `tarfile` takes it for the end."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str | None, errors: str) -> _Entry:
        """Read a head."""
        try:
            entry = super().frombuf(buf, encoding, errors)  # type: ignore[arg-type]
        except tarfile.InvalidHeaderError as error:  # type: ignore[attr-defined]
            raise tarfile.ReadError(str(error)) from error
        if entry.size < 0 or (entry.type in _ABOUT_OTHERS and entry.size > _LARGEST_NAME):
            raise tarfile.ReadError(f"a head of {entry.size} bytes")
        return entry


def written(entry: tarfile.TarInfo) -> float:
    """When a member was last written, seconds since the epoch; 0 where the archive tells no time that can be."""
    return entry.mtime if 0 <= entry.mtime < _LATEST else 0.0


class Members:
    """The members of an archive that comes as a stream."""

    def __init__(self, stream: BinaryIO) -> None:
        self._source = _Source(stream)
        self.is_damaged = False
        """The archive is cut or damaged between two members; a member that is cut tells so itself."""

    def __iter__(self) -> Iterator[tuple[tarfile.TarInfo, Member]]:
        """Give each file with its content, which is to be read before the next one is taken."""
        try:
            with tarfile.open(fileobj=cast("IO[bytes]", self._source), mode="r|", tarinfo=_Entry) as archive:
                for entry in archive:
                    if entry.issparse() and entry.size > _LARGEST_SPARSE:
                        self.is_damaged = True
                        continue
                    opened = archive.extractfile(entry) if entry.isfile() else None
                    if opened is not None:
                        member = Member(opened, entry, self._source)
                        yield entry, member
                        if member.is_cut:
                            return
        except (tarfile.TarError, *BROKEN):
            self.is_damaged = True


class Member:
    """The content of a member; where the archive ends in it, EOFError is raised behind all that is there."""

    def __init__(self, opened: IO[bytes], entry: tarfile.TarInfo, source: _Source) -> None:
        self._opened = opened
        self._position = entry.offset_data
        self._source = source
        self._ahead = b""
        self.is_cut = False

    def peek(self, size: int) -> bytes:
        try:
            while len(self._ahead) < size and (data := self._next(size)):
                self._ahead += data
        except EOFError:
            pass
        return self._ahead

    def read(self, size: int = -1) -> bytes:
        if not self._ahead:
            return self._next(size)
        size = len(self._ahead) if size < 0 else size
        data, self._ahead = self._ahead[:size], self._ahead[size:]
        return data

    def _next(self, size: int) -> bytes:
        if self.is_cut:
            raise EOFError
        try:
            data = self._opened.read(_AT_ONCE if size < 0 else min(size, _AT_ONCE))
        except (tarfile.TarError, *BROKEN):
            # `tarfile` gives nothing of what it had when it failed.
            self.is_cut = True
            data = self._source.behind(self._position)
            if not data:
                raise EOFError from None
        self._position += len(data)
        return data


class _Source:
    """The bytes of an archive, the last of which are kept."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._kept: deque[bytes] = deque()
        self._begin = self._end = 0

    def read(self, size: int) -> bytes:
        data = self._stream.read(size)
        self._kept.append(data)
        self._end += len(data)
        while self._end - self._begin - len(self._kept[0]) > _KEPT:
            self._begin += len(self._kept.popleft())
        return data

    def behind(self, position: int) -> bytes:
        """Return what there is from a position on."""
        return b"".join(self._kept)[max(0, position - self._begin) :]

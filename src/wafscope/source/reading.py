"""Reading one file of a log that grows: what has come, cut where no record goes on."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from io import BufferedReader
from typing import Protocol

import msgspec

from wafscope.source.base import PIECE, Stretch, hole
from wafscope.source.fingerprint import HEAD, MARK, Place
from wafscope.source.unpacking import BROKEN, unpacked

IDLE = 5.0
"""Seconds after which the lines of a transaction in an error log count as all there."""
CLOSING = 30.0
"""Seconds without a byte after which a record that is not complete is read as it is."""
_MARGIN = 1 << 20
_AGAIN = 0.3
"""Seconds after which what is open is looked at again."""


class Settled(Protocol):
    """How much of some bytes can be read alone; a transaction with a line within `margin` of the end is open."""

    def __call__(self, data: bytes, *, margin: int) -> int: ...


class Manner(msgspec.Struct, frozen=True):
    """How the files of a log are read."""

    settled: Settled
    largest: int
    idle: float = IDLE
    closing: float = CLOSING


class Gone(Exception):
    """The file is no longer the one that was read: truncated, or written anew."""


class Reading:
    """An open file.  What it gives is remembered in `place`; the position of it is committed with it."""

    def __init__(self, descriptor: int, key: str, place: Place, manner: Manner, head: bytes = b"") -> None:
        self.descriptor = descriptor
        self.key = key
        self.place = place
        self.is_rotated = False
        """No path that is followed leads to it any more."""
        self.is_succeeded = False
        """Another file stands where it stood, and goes on with its content."""
        self.grown = time.monotonic()
        """When it last had more to give."""
        self.size = 0
        self._manner = manner
        self._head = head
        self._rest = b""
        self._before = b""
        """The bytes before the end of `rest`, as they were read."""
        self._is_sure = not place.mark
        """`before` is what the place remembers."""
        self._arrived: deque[tuple[int, float]] = deque()
        self._look_at = 0
        self._look_again = 0.0
        self._seen = (-1, -1)

    @property
    def held(self) -> int:
        """Bytes in memory that wait for more."""
        return len(self._rest)

    @property
    def lag(self) -> int:
        """Bytes that were not handed on."""
        return max(0, self.size - self.place.offset)

    def take(self, most: int) -> Iterator[Stretch]:
        """Give what is settled, some `most` bytes; raises Gone.  `place` is then behind what was given."""
        while most > 0:
            before = len(self._rest)
            self._read()
            grown = len(self._rest) - before
            stretch = self._next(time.monotonic())
            if stretch is not None:
                most -= len(stretch.data) + stretch.skipped
                yield stretch
            if grown < PIECE:
                return

    def rest(self) -> Stretch | None:
        """Give all that was read and not handed on, when nothing of it will come again."""
        return self._give(len(self._rest)) if self._rest else None

    def succeeded(self, descriptor: int) -> None:
        """Another file stands where this one stood: what waits is left to it, if it is there."""
        self.is_succeeded = True
        if os.pread(descriptor, len(self._rest), self.place.offset) == self._rest:
            self.rest()

    def shed(self) -> None:
        """Let go of what waits; it is read again."""
        self._rest = b""
        self._is_sure = not self.place.mark
        self._before = b""
        self._seen = (-1, -1)

    def close(self) -> None:
        with suppress(OSError):
            os.close(self.descriptor)

    def _read(self) -> None:
        """Read on; raises Gone when what was read does not stand there any more."""
        status = os.fstat(self.descriptor)
        self.size = status.st_size
        end = self.place.offset + len(self._rest)
        if (status.st_size, status.st_mtime_ns) == self._seen and status.st_size == end:
            return
        if status.st_size < end or (self._head and os.pread(self.descriptor, len(self._head), 0) != self._head):
            raise Gone
        if not self._is_sure:
            self._before = os.pread(self.descriptor, self.place.mark, self.place.offset - self.place.mark)
            if not self.place.goes_on(self._before):
                raise Gone
            self._is_sure = True
        known = len(self._before)
        data = os.pread(self.descriptor, known + PIECE, end - known)
        if data[:known] != self._before:
            raise Gone
        if len(self._head) < HEAD:
            self._head = os.pread(self.descriptor, min(HEAD, end + len(data) - known), 0)
        self._seen = (status.st_size, status.st_mtime_ns)
        if len(data) > known:
            self.grown = time.monotonic()
            self._rest += data[known:]
            self._before = data[-MARK:]
            self._arrived.append((end + len(data) - known, self.grown))

    def _next(self, now: float) -> Stretch | None:
        if self.place.skipped_from >= 0:
            return self._skip()
        passed = hole(self._rest)
        if passed:
            self._give(passed)
            return self._nothing()
        cut = self._cut(now)
        if not cut:
            if len(self._rest) > self._manner.largest:
                self._look_at = 0
                return self._too_large()
            return None
        return self._give(cut)

    def _cut(self, now: float) -> int:
        """How much of what waits can be handed on."""
        waits = len(self._rest)
        if not waits:
            return 0
        if now - self.grown >= self._manner.closing:
            # A line that is not complete belongs to a writer that is still there.
            return waits if self.is_rotated else self._rest.rfind(b"\n") + 1
        if now < self._look_again and waits < self._look_at:
            return 0
        end = self.place.offset + waits
        while self._arrived and self._arrived[0][1] <= now - self._manner.idle:
            self._aged = self._arrived.popleft()[0]
        cut = self._manner.settled(self._rest, margin=max(0, min(_MARGIN, end - self._aged)))
        # Looked at again soon, the later the longer it took, or when there is twice as much.
        took = time.monotonic() - now
        self._look_again = now + max(_AGAIN, 10 * took)
        self._look_at = max(2 * (waits - cut), waits - cut + PIECE)
        return cut

    _aged = 0
    """Up to here, the bytes of the file have been there for so long that no transaction is open in them."""

    def _give(self, length: int) -> Stretch:
        data, self._rest = self._rest[:length], self._rest[length:]
        start, end = self.place.offset, self.place.offset + length
        before = data[-MARK:] if len(data) >= MARK else self._bytes_before(end)
        self.place = self.place.moved(end, self._head, before)
        return self._stretch(start, data)

    def _bytes_before(self, end: int) -> bytes:
        start = max(0, end - MARK)
        return os.pread(self.descriptor, end - start, start)

    def _stretch(self, start: int, data: bytes, damage: str = "", skipped: int = 0) -> Stretch:
        written = os.fstat(self.descriptor).st_mtime_ns // 1000
        name = os.fsdecode(self.place.path)
        return Stretch(name, name, start, data, start + len(data), damage, skipped, written)

    def _too_large(self) -> Stretch | None:
        """Pass over what is too long to be held: whole lines, or the line that is not at its end yet."""
        lines = self._rest.rfind(b"\n") + 1
        start, end = self.place.offset, self.place.offset + (lines or len(self._rest))
        self._rest = self._rest[lines or len(self._rest) :]
        self.place = self.place.moved(end, self._head, self._bytes_before(end), -1 if lines else start)
        return self._stretch(start, b"", "too_large", end - start) if lines else self._nothing()

    def _skip(self) -> Stretch | None:
        """Pass over the rest of a line that is too long."""
        if not self._rest:
            return None
        start = self.place.skipped_from
        line = self._rest.find(b"\n") + 1
        end = self.place.offset + (line or len(self._rest))
        self._rest = self._rest[line or len(self._rest) :]
        self.place = self.place.moved(end, self._head, self._bytes_before(end), -1 if line else start)
        return self._stretch(start, b"", "too_large", end - start) if line else self._nothing()

    def _nothing(self) -> Stretch:
        """A stretch that only moves the position."""
        return self._stretch(self.place.offset, b"")


class PackedReading:
    """A compressed file, read from where its content was reached to its end."""

    def __init__(self, file: BufferedReader, key: str, place: Place, manner: Manner) -> None:
        self.key = key
        self.place = place
        self._manner = manner
        self._file = file
        status = os.fstat(self._file.fileno())
        self._stamp = (status.st_size, status.st_mtime_ns)
        self._written = status.st_mtime_ns // 1000
        self._stream = unpacked(self._file)
        self._head = b""
        self._last = b""
        self._rest = b""
        self._look_at = 0
        self.is_done = False

    def begin(self) -> None:
        """Go to where its content was reached; raises Gone when it is another content, or damaged before."""
        left = self.place.offset
        while left:
            try:
                data = self._stream.read(min(PIECE, left))
            except BROKEN as error:
                raise Gone from error
            if not data:
                raise Gone
            self._see(data)
            left -= len(data)
        if self.place.mark and not self.place.goes_on(self._last):
            raise Gone

    def take(self, most: int) -> Iterator[Stretch]:
        """Give some `most` bytes; raises Gone when it is damaged and was just being written."""
        while most > 0 and not self.is_done:
            damage = ""
            try:
                data = self._stream.read(PIECE)
            except BROKEN as error:
                if time.time() - self._stamp[1] / 1e9 < self._manner.closing:
                    raise Gone from error
                data, damage = b"", "damaged_archive"
            self._rest += data
            self._head = self._head if len(self._head) == HEAD else (self._head + data)[:HEAD]
            if not data:
                self.is_done = True
                self.place = msgspec.structs.replace(self.place, packed=self._stamp)
                yield self._give(len(self._rest), damage)
                return
            cut = self._manner.settled(self._rest, margin=_MARGIN) if len(self._rest) >= self._look_at else 0
            self._look_at = 0 if cut else 2 * len(self._rest)
            if not cut and len(self._rest) > self._manner.largest:
                cut, damage, self._look_at = len(self._rest), "too_large", 0
            if cut:
                most -= cut
                yield self._give(cut, damage)

    def close(self) -> None:
        self._file.close()

    def _see(self, data: bytes) -> None:
        self._head = self._head if len(self._head) == HEAD else (self._head + data)[:HEAD]
        self._last = (self._last + data)[-MARK:]

    def _give(self, length: int, damage: str) -> Stretch:
        data, self._rest = self._rest[:length], self._rest[length:]
        start, end = self.place.offset, self.place.offset + length
        self._last = (self._last + data)[-MARK:]
        self.place = self.place.moved(end, self._head, self._last)
        name = os.fsdecode(self.place.path)
        too_large = damage == "too_large"
        skipped = length if too_large else 0
        return Stretch(name, name, start, b"" if too_large else data, end, damage, skipped, self._written)

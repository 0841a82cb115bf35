"""What compressed files hold: the kind is recognised by content, never by name."""

from __future__ import annotations

import bz2
import codecs
import gzip
import lzma
import zlib
from collections.abc import Generator
from io import BufferedReader, BytesIO
from typing import IO, BinaryIO, Protocol, cast

import zstandard

BROKEN = (EOFError, zlib.error, gzip.BadGzipFile, zstandard.ZstdError, lzma.LZMAError, OSError)
_MAGIC = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd", b"BZh": "bz2", b"\xfd7zXZ": "xz"}


class Readable(Protocol):
    """What bytes are taken from."""

    def read(self, size: int = -1, /) -> bytes: ...


class Peekable(Readable, Protocol):
    """A stream whose next bytes can be looked at."""

    def peek(self, size: int, /) -> bytes: ...


class Meter:
    """Counts the bytes taken from a file, whatever decompression stands on top of it."""

    def __init__(self, stream: Readable, before: int = 0) -> None:
        self._stream = stream
        self.count = before

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(size)
        self.count += len(data)
        return data

    def readable(self) -> bool:
        return True


def is_packed(head: bytes) -> bool:
    """Tell compressed content by its first bytes."""
    return head.startswith(tuple(_MAGIC))


def decompressed(stream: Peekable, meter: Meter) -> IO[bytes]:
    """Return what a stream holds, unpacked; `meter` counts what is taken from the stream for it."""
    magic = stream.peek(6)
    kind = next((k for m, k in _MAGIC.items() if magic.startswith(m)), "")
    counted = cast("IO[bytes]", meter)
    if kind == "gzip":
        return cast("IO[bytes]", gzip.GzipFile(fileobj=counted, mode="rb"))
    if kind == "zstd":
        whole = cast("IO[bytes]", _WholeFrames(counted))
        return zstandard.ZstdDecompressor().stream_reader(whole, read_across_frames=True)
    if kind == "bz2":
        return bz2.BZ2File(counted)
    if kind == "xz":
        return lzma.LZMAFile(counted)
    return counted


class _WholeFrames:
    """Compressed bytes of zstd; EOFError where they end within a frame, which the library takes for the end."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._walk = _frame_parts()
        self._wanted, self._skip, self._held = *next(self._walk), b""
        self._is_within = False

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(size)
        if not data and (self._is_within or self._held or self._skip):
            raise EOFError
        self._see(data)
        return data

    def _see(self, data: bytes) -> None:
        position = 0
        while position < len(data):
            if self._skip:
                step = min(self._skip, len(data) - position)
                self._skip -= step
                position += step
                continue
            step = self._wanted - len(self._held)
            self._held += data[position : position + step]
            position += step
            if len(self._held) == self._wanted:
                held, self._held = self._held, b""
                self._wanted, self._skip = self._walk.send(held)
                self._is_within = self._wanted != _MAGIC_SIZE


_MAGIC_SIZE = 4


def _frame_parts() -> Generator[tuple[int, int], bytes]:
    """Go through frames of zstd (RFC 8878): yield how many bytes are wanted, and how many are passed over before them.

    Four bytes are wanted only where a frame may begin.
    """
    behind = 0
    while True:
        magic = yield _MAGIC_SIZE, behind
        if magic[1:] == b"\x2a\x4d\x18":  # a frame that may be skipped
            behind = int.from_bytes((yield 1, 0) + (yield 3, 0), "little")
            continue
        (descriptor,) = yield 1, 0
        single = descriptor >> 5 & 1
        passed = 1 - single + (single, 2, 4, 8)[descriptor >> 6] + (0, 1, 2, 4)[descriptor & 3]
        is_last = False
        while not is_last:
            header = int.from_bytes((yield 3, passed), "little")
            is_last = header & 1 == 1
            passed = 1 if header >> 1 & 3 == 1 else header >> 3
        behind = passed + (4 if descriptor >> 2 & 1 else 0)


def unpacked(stream: BufferedReader) -> BinaryIO:
    """Return the content of a file that may be compressed; reading it raises one of `BROKEN` where it is damaged."""
    return cast("BinaryIO", Steady(decompressed(stream, Meter(stream))))


_WIDE = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}


def in_utf8(head: bytes, stream: BinaryIO) -> BinaryIO:
    """Return a stream that begins with `head`; as UTF-8 where a mark tells that it is UTF-16, as PowerShell writes."""
    encoding = _WIDE.get(head[:2])
    return stream if encoding is None else cast("BinaryIO", _Recoded(stream, encoding))


class _Recoded:
    """UTF-16 as UTF-8."""

    def __init__(self, stream: BinaryIO, encoding: str) -> None:
        self._stream = stream
        self._decode = codecs.getincrementaldecoder(encoding)("replace").decode
        self._rest = b""

    def read(self, size: int = -1) -> bytes:
        while not self._rest:
            data = self._stream.read(_AT_ONCE)
            self._rest = self._decode(data, not data).encode()
            if not data:
                break
        size = len(self._rest) if size < 0 else size
        data, self._rest = self._rest[:size], self._rest[size:]
        return data


_AT_ONCE = 64 << 10


def unpacked_bytes(data: bytes, largest: int) -> tuple[bytes, str]:
    """Return what compressed bytes hold, and what is wrong with them; nothing of what is larger than `largest`."""
    stream, content = unpacked(BufferedReader(BytesIO(data))), b""
    try:
        content = stream.read(largest)
        return (b"", "too_large") if stream.read(1) else (content, "")
    except BROKEN:
        return content, "damaged_archive"


class Steady:
    """A stream that hands out all that can be unpacked before it says that the rest is broken."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._read = getattr(stream, "read1", stream.read)
        self._error: Exception | None = None

    def read(self, size: int) -> bytes:
        if self._error is not None:
            raise self._error
        parts = []
        try:
            while size > 0 and (data := self._read(size)):
                parts.append(data)
                size -= len(data)
        except BROKEN as error:
            if not parts:
                raise
            self._error = error
        return b"".join(parts)

"""What compressed files hold: the kind is recognised by content, never by name."""

from __future__ import annotations

import bz2
import gzip
import lzma
import zlib
from io import BufferedReader
from typing import IO, BinaryIO, cast

import zstandard

BROKEN = (EOFError, zlib.error, gzip.BadGzipFile, zstandard.ZstdError, lzma.LZMAError, OSError)
_MAGIC = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd", b"BZh": "bz2", b"\xfd7zXZ": "xz"}


class Meter:
    """Counts the bytes taken from a file, whatever decompression stands on top of it."""

    def __init__(self, stream: BinaryIO, before: int = 0) -> None:
        self._stream = stream
        self.count = before

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(size)
        self.count += len(data)
        return data

    def readable(self) -> bool:
        return True


def decompressed(stream: BufferedReader, meter: Meter) -> IO[bytes]:
    """Return what a stream holds, unpacked; `meter` counts what is taken from the stream for it."""
    magic = stream.peek(6)
    kind = next((k for m, k in _MAGIC.items() if magic.startswith(m)), "")
    counted = cast("IO[bytes]", meter)
    if kind == "gzip":
        return cast("IO[bytes]", gzip.GzipFile(fileobj=counted, mode="rb"))
    if kind == "zstd":
        return zstandard.ZstdDecompressor().stream_reader(counted, read_across_frames=True)
    if kind == "bz2":
        return bz2.BZ2File(counted)
    if kind == "xz":
        return lzma.LZMAFile(counted)
    return counted


def unpacked(stream: BufferedReader) -> BinaryIO:
    """Return the content of a file that may be compressed; reading it raises one of `BROKEN` where it is damaged."""
    return cast("BinaryIO", Steady(decompressed(stream, Meter(stream))))


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

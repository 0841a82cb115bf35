"""Read files, directories, archives and standard input once, from beginning to end.

Compression is recognised by content, never by name.  A concurrent directory is read file by file, in the
order of the names, which is the order of time.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import sys
import tarfile
import zlib
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path
from typing import IO, BinaryIO, cast

import zstandard

from wafscope.errors import InputError
from wafscope.i18n.text import Text, text
from wafscope.source.base import LARGEST_RECORD, PIECE, Stretch

STANDARD_INPUT = "-"

_BROKEN = (EOFError, zlib.error, gzip.BadGzipFile, zstandard.ZstdError, lzma.LZMAError, OSError)
_MAGIC = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd", b"BZh": "bz2", b"\xfd7zXZ": "xz"}
_TAR_AT = 257
_HEAD = 512


def stored_size(path: str) -> int | None:
    """Return the size of a source as stored, for a progress bar; None where it has none (standard input)."""
    if path == STANDARD_INPUT:
        return None
    return sum(f.stat().st_size for f in _files(Path(path)))


def check(path: str) -> None:
    """Raise InputError when a source is not there, may not be read, or is empty."""
    if path == STANDARD_INPUT:
        return
    place = Path(path)
    try:
        if not place.exists():
            raise InputError(text("There is no such file or directory."), where=path, hint=_nearby(place))
        files = _files(place)
        for file in files:
            file.open("rb").close()
        size = sum(f.stat().st_size for f in files)
    except OSError as error:
        raise InputError(
            text("It can not be read: {reason}", reason=error.strerror or str(error)),
            where=str(error.filename or path),
            hint=text("Audit logs usually belong to root: try sudo, or copy the file."),
        ) from error
    if not size:
        raise InputError(
            text("There is nothing in it: 0 bytes."),
            where=path,
            hint=text("Does the engine write here? See SecAuditLog and SecAuditEngine in its configuration."),
        )


def read_once(path: str) -> Iterator[Stretch]:
    """Yield the stretches of one source, which `check` has found to be there."""
    if path == STANDARD_INPUT:
        yield from _file(path, path, cast("BufferedReader", sys.stdin.buffer), 0)
        return
    before = 0
    for file in _files(Path(path)):
        with file.open("rb") as stream:
            yield from _file(path, str(file), stream, before)
        before += file.stat().st_size


def _files(place: Path) -> list[Path]:
    if place.is_dir():
        return sorted(f for f in place.rglob("*") if f.is_file() and not f.is_symlink())
    return [place]


def _nearby(place: Path) -> Text:
    parent = place.parent
    if parent.is_dir():
        near = sorted(p.name for p in parent.iterdir() if "audit" in p.name.lower())[:5]
        if near:
            return text("In {folder} there are: {names}", folder=str(parent), names=", ".join(near))
    return text("Common places: /var/log/modsec_audit.log, /var/log/nginx, /var/log/apache2, /var/log/modsecurity.")


class _Meter:
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


def _file(source: str, name: str, stream: BufferedReader, before: int) -> Iterator[Stretch]:
    meter = _Meter(stream, before)
    opened = cast("BinaryIO", _Steady(_decompressed(stream, meter)))
    head = opened.read(_HEAD)
    whole = cast("BinaryIO", _Rejoined(head, opened))
    if head[_TAR_AT : _TAR_AT + 5] == b"ustar":
        yield from _archive(source, name, whole, meter)
    else:
        yield from _stretches(source, name, whole, meter)


def _decompressed(stream: BufferedReader, meter: _Meter) -> IO[bytes]:
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


class _Steady:
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
        except _BROKEN as error:
            if not parts:
                raise
            self._error = error
        return b"".join(parts)


class _Rejoined:
    """A stream whose first bytes were read already."""

    def __init__(self, head: bytes, rest: IO[bytes]) -> None:
        self._head = head
        self._rest = rest

    def read(self, size: int = -1) -> bytes:
        if not self._head:
            return self._rest.read(size)
        if 0 <= size < len(self._head):
            data, self._head = self._head[:size], self._head[size:]
            return data
        data, self._head = self._head, b""
        return data


def _archive(source: str, name: str, stream: BinaryIO, meter: _Meter) -> Iterator[Stretch]:
    try:
        with tarfile.open(fileobj=stream, mode="r|") as archive:
            for member in archive:
                opened = archive.extractfile(member) if member.isfile() else None
                if opened is not None:
                    yield from _stretches(source, f"{name}/{member.name}", cast("BinaryIO", opened), meter)
    except (tarfile.TarError, *_BROKEN):
        yield Stretch(source, name, 0, b"", meter.count, damage="damaged_archive")


def _stretches(source: str, name: str, stream: BinaryIO, meter: _Meter) -> Iterator[Stretch]:
    """Cut a stream before lines that open a record, so that none is torn, however it is printed."""
    offset = 0
    rest = b""
    while True:
        damage = ""
        try:
            data = stream.read(PIECE)
        except _BROKEN:
            data, damage = b"", "damaged_archive"
        if not data:
            if rest or damage:
                yield Stretch(source, name, offset, rest, meter.count, damage)
            return
        data = rest + data if rest else data
        cut = _last_cut(data)
        if cut:
            yield Stretch(source, name, offset, data[:cut], meter.count)
        elif len(data) > LARGEST_RECORD:
            yield Stretch(source, name, offset, b"", meter.count, damage="too_large")
            cut, rest = _skip_line(data, stream)
            offset += cut
            continue
        offset += cut
        rest = data[cut:]


def _skip_line(data: bytes, stream: BinaryIO) -> tuple[int, bytes]:
    """Pass over a line too long to hold; return its length and what was read beyond it."""
    skipped = 0
    while (end := data.find(b"\n")) < 0:
        skipped += len(data)
        data = stream.read(PIECE)
        if not data:
            return skipped, b""
    return skipped + end + 1, data[end + 1 :]


def _last_cut(data: bytes) -> int:
    """Return where the last line that opens a record begins; else the end of the last line; 0 for neither."""
    return data.rfind(b"\n{") + 1 or data.rfind(b"\n") + 1

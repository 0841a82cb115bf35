"""Read files, directories, archives and standard input once, from beginning to end.

Compression is recognised by content, never by name.  A concurrent directory is read file by file, in the
order of the names, which is the order of time.
"""

from __future__ import annotations

import os
import select
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from io import BufferedReader
from pathlib import Path
from stat import S_ISCHR, S_ISFIFO, S_ISSOCK
from typing import IO, BinaryIO, cast

import msgspec

from wafscope.errors import InputError
from wafscope.i18n.text import Text, text
from wafscope.source.base import LARGEST_RECORD, PIECE, Stretch, hole
from wafscope.source.index import is_index, read_index
from wafscope.source.members import Members, written
from wafscope.source.unpacking import BROKEN, Meter, Peekable, Steady, decompressed, in_utf8

STANDARD_INPUT = "-"

_TAR_AT = 257
_HEAD = 512
_DEEPEST = 4
"""Archives in archives are opened so often."""
_AT_ONCE = 256 << 10
"""Bytes of a record that is not whole up to which live input is looked at whenever there is more of it."""


def stored_size(path: str) -> int | None:
    """Return the size of a source as stored, for a progress bar; None where it has none (standard input, a pipe)."""
    if _is_pipe(path):
        return None
    return sum(f.stat().st_size for f in _files(Path(path)))


def check(path: str) -> None:
    """Raise InputError when a source is not there, may not be read, or is empty; a pipe is left alone."""
    if _is_pipe(path):
        return
    place = Path(path)
    try:
        if not place.exists():
            raise InputError(text("There is no such file or directory."), where=path, hint=_nearby(place))
        files = _files(place)
        for file in files:
            file.open("rb").close()
        size = sum(f.stat().st_size for f in files)
        missing = _missing(place)
    except OSError as error:
        raise InputError(
            text("It can not be read: {reason}", reason=error.strerror or str(error)),
            where=str(error.filename or path),
            hint=text("Audit logs usually belong to root: try sudo, or copy the file."),
        ) from error
    if not files and missing:
        raise InputError(
            text("It is an index, and none of the files that it names is there."),
            where=path,
            hint=text(
                "Give the storage directory, or an archive of it, instead: SecAuditLogStorageDir in the configuration"
                " of the engine."
            ),
        )
    if not size:
        raise empty(path)


def empty(path: str) -> InputError:
    """The error of a source that holds no byte."""
    hint = text("Does the engine write here? See SecAuditLog and SecAuditEngine in its configuration.")
    if _is_pipe(path):
        hint = text("Does the command before it print the log? What it says on standard error tells why not.")
    return InputError(text("There is nothing in it: 0 bytes."), where=path, hint=hint)


def _is_pipe(path: str) -> bool:
    """Tell what can be read once only and has no size: standard input, `<(zcat log.gz)` of a shell, a named pipe."""
    if path == STANDARD_INPUT:
        return True
    try:
        mode = Path(path).stat().st_mode
    except OSError:
        return False
    return S_ISFIFO(mode) or S_ISCHR(mode) or S_ISSOCK(mode)


Settled = Callable[[bytes], int]
"""How much of some bytes can be read alone, because no record goes on behind it."""


class Cutter(msgspec.Struct, frozen=True):
    """How a file is cut."""

    settled: Settled
    largest: int


def read_once(path: str, settled: Settled, largest: int = LARGEST_RECORD, *, live: bool = False) -> Iterator[Stretch]:
    """Yield the stretches of one source, which `check` has found to be there; `settled` tells where to cut.

    What is longer than `largest` bytes without a place to cut is passed over.  `live` tells that what comes on standard
    input is wanted at once, instead of many records together.
    """
    cutter = Cutter(settled, largest)
    if _is_pipe(path):
        with nullcontext(sys.stdin.buffer) if path == STANDARD_INPUT else Path(path).open("rb") as given:
            pipe = _Live(cast("BufferedReader", given)) if live else cast("BufferedReader", given)
            yield from _dated(_file(path, path, pipe, Meter(pipe), cutter), time.time())
        return
    before = 0
    for name in _missing(Path(path)):
        yield Stretch(path, name, 0, b"", 0, damage="missing_file")
    for file in _files(Path(path)):
        with file.open("rb") as stream:
            yield from _dated(_file(path, str(file), stream, Meter(stream, before), cutter), file.stat().st_mtime)
        before += file.stat().st_size


def _dated(stretches: Iterator[Stretch], second: float) -> Iterator[Stretch]:
    """Say when the file of stretches was written, where the stretches do not."""
    for stretch in stretches:
        yield stretch if stretch.written else msgspec.structs.replace(stretch, written=round(second * 1_000_000))


def _files(place: Path) -> list[Path]:
    if place.is_dir():
        return sorted(_below(place))
    return list(read_index(place).files) if place.is_file() and is_index(place) else [place]


def _below(folder: Path) -> Iterator[Path]:
    """The files in a folder and in those in it, each once, links followed; raises OSError for one not to be read."""

    def refuse(error: OSError) -> None:
        raise error

    linked: list[Path] = []
    found: set[str] = set()
    # Path.rglob passes over what it may not read.
    for place, names, files in os.walk(folder, onerror=refuse, followlinks=True):
        real = os.path.realpath(place)
        names[:] = [] if real in found else names
        for file in (Path(place, name) for name in files if real not in found):
            if file.is_symlink():
                linked.append(file)
            elif file.is_file():
                yield file
                found.add(f"{real}/{file.name}")
        found.add(real)
    for file in linked:
        real = os.path.realpath(file)
        if real not in found and file.is_file():
            found.add(real)
            yield file


def _missing(place: Path) -> tuple[str, ...]:
    """Names in an index whose files are not there."""
    return read_index(place).missing if place.is_file() and is_index(place) else ()


def _nearby(place: Path) -> Text:
    parent = place.parent
    if parent.is_dir():
        near = sorted(p.name for p in parent.iterdir() if "audit" in p.name.lower())[:5]
        if near:
            return text("In {folder} there are: {names}", folder=str(parent), names=", ".join(near))
    return text("Common places: /var/log/modsec_audit.log, /var/log/nginx, /var/log/apache2, /var/log/modsecurity.")


def _file(source: str, name: str, stream: Peekable, meter: Meter, cutter: Cutter, depth: int = 0) -> Iterator[Stretch]:
    """Yield the stretches of a file or of a member of an archive, which may be compressed or an archive itself.

    `meter` counts what is taken from the file, as far as this is no member.
    """
    own = Meter(stream) if depth else meter
    inner = decompressed(stream, own)
    live = isinstance(stream, _Live) and isinstance(inner, Meter)
    opened = cast("BinaryIO", inner if live else Steady(inner))
    try:
        head = opened.read(_HEAD)
    except BROKEN:
        yield Stretch(source, name, 0, b"", meter.count, damage="damaged_archive")
        return
    whole = in_utf8(head, cast("BinaryIO", _Rejoined(head, opened)))
    if head[_TAR_AT : _TAR_AT + 5] == b"ustar" and depth < _DEEPEST:
        yield from _archive(source, name, whole, meter, cutter, depth)
    else:
        yield from _stretches(source, name, whole, meter, cutter, live=live)


def _archive(source: str, name: str, stream: BinaryIO, meter: Meter, cutter: Cutter, depth: int) -> Iterator[Stretch]:
    members = Members(stream)
    for entry, member in members:
        yield from _dated(_file(source, f"{name}/{entry.name}", member, meter, cutter, depth + 1), written(entry))
    if members.is_damaged:
        yield Stretch(source, name, 0, b"", meter.count, damage="damaged_archive")


class _Live:
    """A pipe of which a read gives what is there, and waits only where there is nothing."""

    def __init__(self, stream: BufferedReader) -> None:
        self._stream = stream

    def peek(self, size: int) -> bytes:
        return self._stream.peek(size)

    def read(self, size: int = -1) -> bytes:
        parts = [self._stream.read1(size)]
        while parts[-1] and (size := size - len(parts[-1])) and select.select([self._stream], [], [], 0)[0]:
            parts.append(self._stream.read1(size))
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


def _stretches(
    source: str, name: str, stream: BinaryIO, meter: Meter, cutter: Cutter, *, live: bool = False
) -> Iterator[Stretch]:
    """Cut a stream where no record goes on, so that none is torn, however it is written."""
    offset, look_at = 0, 0
    rest = b""
    while True:
        data, damage, ended = _piece(stream, live=live)
        if (rest or data).startswith(b"\0"):
            rest, data = b"", rest + data
            passed = hole(data)
            offset, data = offset + passed, data[passed:]
        size = len(rest) + len(data)
        if ended:
            if size or damage:
                yield Stretch(source, name, offset, rest + data, meter.count, damage)
            return
        # Behind the last line end nothing is settled.
        end = data.rfind(b"\n") + 1 if size >= look_at else 0
        # Most of what is read is copied once, here.
        lines = b"".join((rest, memoryview(data)[:end])) if end else b""
        cut = cutter.settled(lines) if lines else 0
        if cut:
            yield Stretch(source, name, offset, lines[:cut], meter.count)
            offset, rest, look_at = offset + cut, lines[cut:] + data[end:], 0
        elif size > cutter.largest:
            skipped, rest = _skip(rest + data, stream)
            yield Stretch(source, name, offset, b"", meter.count, damage="too_large", skipped=skipped)
            offset, look_at = offset + skipped, 0
        else:
            # Looked at again when there is twice as much: the time stays in proportion to the input.
            rest, look_at = rest + data, 0 if live and size < _AT_ONCE else 2 * size


def _piece(stream: BinaryIO, *, live: bool) -> tuple[bytes, str, bool]:
    """Return the next bytes, what is wrong with the rest, and whether there is no rest."""
    data = b""
    if live:
        data = stream.read(PIECE)
        return data, "", not data
    try:
        data = stream.read(PIECE)
        more = data if len(data) == PIECE else stream.read(1)
    except BROKEN:
        return data, "damaged_archive", True
    return (data, "", False) if len(data) == PIECE else (data + more, "", not more)


def _skip(data: bytes, stream: BinaryIO) -> tuple[int, bytes]:
    """Pass over what is too long to hold; return its length and what was read beyond it."""
    skipped = data.rfind(b"\n") + 1
    if skipped:
        return skipped, data[skipped:]
    while (end := data.find(b"\n")) < 0:
        skipped += len(data)
        data = stream.read(PIECE)
        if not data:
            return skipped, b""
    return skipped + end + 1, data[end + 1 :]

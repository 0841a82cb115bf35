"""A look at the newest part of a log: what its records show, and what could not be read."""

from __future__ import annotations

import glob
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path

import msgspec

from wafscope.event.format import is_error_log
from wafscope.event.model import Event
from wafscope.i18n.text import Text, text
from wafscope.reader.base import Context, Foreign, Found, Unreadable
from wafscope.reader.framing import read_pieces
from wafscope.reader.walk import settled
from wafscope.reader.wrapping import of_pod, unwrap

_NEWEST = 4 << 20
"""Bytes of the end of a log that are looked at."""
_MOST_FILES = 200
"""Files of a concurrent log that are looked at."""
_HEAD_LINES = 20
_IDLE = 30.0
"""Seconds after which nobody will finish a record."""


class File(msgspec.Struct, frozen=True):
    """A file of a log."""

    name: str
    size: int
    changed: float
    """Seconds since the epoch."""


class Seen(msgspec.Struct):
    """What was seen of a log; counts are of the part that was looked at."""

    files: tuple[File, ...] = ()
    """What is there under the name of the source; of a concurrent log the newest files."""
    refused: tuple[tuple[str, Text], ...] = ()
    """What could not be opened, and why."""
    records: int = 0
    formats: Mapping[str, int] = {}
    gaps: Mapping[tuple[str, str], int] = {}
    """Records that lack something: by format and gap."""
    with_body: int = 0
    """Requests that had a body."""
    bodiless: int = 0
    """Those of them whose body is not in the record."""
    with_matches: Mapping[str, int] = {}
    without_rules: Mapping[str, int] = {}
    """Records with matches, by format, and those of them that show no text of a rule (part K)."""
    unread: Mapping[str, int] = {}
    """Pieces that can not be read, by reason."""
    foreign: int = 0
    """Lines that belong to another log."""
    wrapped: bool = False
    """Lines stand behind the prefixes of containers or of syslog."""
    last: int | None = None
    """Time of the newest record, microseconds since the epoch."""

    @property
    def size(self) -> int:
        return sum(file.size for file in self.files)


def look_at_file(pattern: str, now: float) -> Seen:
    """Look at the end of the newest file that a path or pattern names."""
    names = glob.glob(pattern) if glob.has_magic(pattern) else [pattern]  # noqa: PTH207 - a pattern may be absolute
    files = [file for name in names if (file := _file(name)) is not None]
    files.sort(key=lambda file: file.changed)
    looking = _Looking()
    for file in files[-1:]:
        try:
            data, is_start = _end(file.name)
        except OSError as error:
            looking.refuse(file.name, error)
            continue
        looking.take(data, is_start=is_start, final=now - file.changed > _IDLE)
    return looking.seen(tuple(files))


def look_at_folder(path: str) -> Seen:
    """Look at the newest files of a concurrent log."""
    looking = _Looking()
    files = tuple(islice(_newest(path, looking), _MOST_FILES))
    size = 0
    for file in files:
        size += file.size
        if size > _NEWEST:
            break
        try:
            looking.take(Path(file.name).read_bytes(), is_start=True, final=True)
        except OSError as error:
            looking.refuse(file.name, error)
    return looking.seen(files)


class _Looking:
    def __init__(self) -> None:
        self._formats: Counter[str] = Counter()
        self._gaps: Counter[tuple[str, str]] = Counter()
        self._unread: Counter[str] = Counter()
        self._bodies: Counter[bool] = Counter()
        self._matches: Counter[str] = Counter()
        self._bare: Counter[str] = Counter()
        self._refused: list[tuple[str, Text]] = []
        self._wrapped = False
        self._foreign = 0
        self._last: int | None = None

    def refuse(self, name: str, error: OSError) -> None:
        self._refused.append((name, text("It can not be read: {reason}", reason=error.strerror or str(error))))

    def take(self, data: bytes, *, is_start: bool, final: bool) -> None:
        """Count what is in a part of a log: what was cut off at its ends is no fault of the log."""
        complete = data if final else data[: settled(data, final=False, margin=0)] or data
        self._wrapped = self._wrapped or any(
            (unwrap(line) or of_pod(line, {})) is not None for line in complete.split(b"\n", _HEAD_LINES)[:-1]
        )
        begun = is_start
        for piece in sorted(read_pieces(complete, 0, Context()), key=lambda piece: piece.offset):
            if isinstance(piece, Found):
                begun = True
                self._count(piece.event)
            elif isinstance(piece, Unreadable) and begun:
                self._unread[piece.reason] += 1
            elif isinstance(piece, Foreign):
                self._foreign += piece.lines

    def _count(self, event: Event) -> None:
        self._formats[event.format] += 1
        for gap in event.gaps:
            self._gaps[event.format, gap] += 1
        if event.matches:
            self._matches[event.format] += 1
            self._bare[event.format] += not (event.rule_texts or any(match.rule_text for match in event.matches))
        if _has_body(event):
            self._bodies[bool(event.request_body)] += 1
        self._last = max(self._last or 0, event.time)

    def seen(self, files: tuple[File, ...]) -> Seen:
        return Seen(
            files=files,
            refused=tuple(self._refused),
            records=self._formats.total(),
            formats=dict(self._formats),
            gaps=dict(self._gaps),
            with_body=self._bodies.total(),
            bodiless=self._bodies[False],
            with_matches=dict(self._matches),
            without_rules=dict(self._bare),
            unread=dict(self._unread),
            foreign=self._foreign,
            wrapped=self._wrapped,
            last=self._last,
        )


def _has_body(event: Event) -> bool:
    """Tell that a request had a body, by its headers; an error log never shows one."""
    if is_error_log(event.format):
        return False
    return any(
        name.lower() == "transfer-encoding" or (name.lower() == "content-length" and value.strip() not in {"", "0"})
        for name, value in event.request_headers
    )


def _file(name: str) -> File | None:
    try:
        found = os.stat(name)  # noqa: PTH116 - as the other sources do
    except OSError:
        return None
    return File(name, found.st_size, found.st_mtime)


def _end(name: str) -> tuple[bytes, bool]:
    """Return the end of a file from the start of a line on, and whether that is the whole file."""
    with Path(name).open("rb") as opened:
        size = opened.seek(0, os.SEEK_END)
        start = max(0, size - _NEWEST)
        opened.seek(start)
        data = opened.read(_NEWEST)
    return (data[data.find(b"\n") + 1 :], False) if start else (data, True)


def _newest(path: str, looking: _Looking) -> Iterator[File]:
    """Give the files below a storage directory, newest first: names of folders and files begin with their time."""
    try:
        entries = sorted(os.scandir(path), key=lambda entry: entry.name, reverse=True)
    except OSError as error:
        looking.refuse(path, error)
        return
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            yield from _newest(entry.path, looking)
        elif entry.name[:8].isdigit() and (file := _file(entry.path)) is not None:
            yield file

"""The index of a concurrent log: a line (four lines, in Coraza) for each transaction, which names its file.

An index is used to find files and never trusted for content: libmodsecurity and Coraza escape nothing in it
(formats specification, sections 4, 7.3 and 8.6).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import msgspec

from wafscope.event.text import from_bytes
from wafscope.source.unpacking import BROKEN, unpacked

_V2 = re.compile(rb" \d{1,20} \d{1,20} (?:md5:[0-9a-f]{32}|-)(?: ?L)?\Z")
_V3 = re.compile(rb" \d{1,20} \d{1,20}\.\d{6} md5:[0-9a-f]{32}\Z")
_LONGEST_END = 100
"""Bytes of what stands behind the path.  It is looked for at the end alone: a client decides how long a line is."""
_CORAZA_FIRST = re.compile(rb"^\S+ \S* ?- - \[\d{4}/\d\d/\d\d \d\d:\d\d:\d\d\]\s*$")
_CORAZA_LAST = re.compile(rb"\S+ - (?=/)")
_RECORD = re.compile(r"\d{8}/\d{8}-\d{4}/\d{8}-\d{6}-[^/]+$")
"""How every engine names the file of a transaction below its storage directory."""

_PACKED = ("", ".gz", ".zst", ".xz", ".bz2")

_HEAD, _LONGEST = 64 << 10, 1 << 20
"""Bytes that are read first, and at a time then."""


class Named(msgspec.Struct, frozen=True):
    """What an index names: files that are there, and names of files that are not."""

    files: tuple[Path, ...]
    missing: tuple[str, ...]


def is_index(path: Path) -> bool:
    """Tell an index by the first line of a file."""
    first = next(_lines(path), b"")[:_HEAD]
    return first[:1] not in b"{-" and (_name(first) is not None or _CORAZA_FIRST.match(first) is not None)


def read_index(path: Path) -> Named:
    """Return the files that an index names, in its order, each once."""
    found: dict[Path, None] = {}
    missing: dict[str, None] = {}
    near: dict[str, Path] | None = None
    for line in _lines(path):
        name = _name(line)
        if name is None:
            continue
        place = _there(os.path.normpath(name))
        if place is None:
            if near is None:
                near = _near(path.parent)
            tail = _RECORD.search(name)
            place = next((near[tail[0] + end] for end in _PACKED if tail and tail[0] + end in near), None)
        if place is None:
            missing[name] = None
        else:
            found[place] = None
    return Named(tuple(found), tuple(missing))


def _lines(path: Path) -> Iterator[bytes]:
    """Yield the lines of a file that may be compressed, as a rotated one is, up to where it is damaged."""
    with path.open("rb") as file:
        stream, rest = unpacked(file), b""
        size = _HEAD
        try:
            while data := stream.read(size):
                *lines, rest = (rest + data).split(b"\n")
                yield from lines
                if not lines and len(rest) >= _LONGEST:
                    return  # no index: no line of one is so long
                size = _LONGEST
        except BROKEN:
            pass
        yield rest


def _name(line: bytes) -> str | None:
    """Return the path that a line of an index names; None for a line that names none."""
    line = line.rstrip()
    start, end = 0, len(line)
    behind = _V3.search(line, max(0, end - _LONGEST_END)) or _V2.search(line, max(0, end - _LONGEST_END))
    if behind is not None:
        end = behind.start()
    else:
        before = _CORAZA_LAST.match(line)
        if before is None:
            return None
        start = before.end() - 1
    # What a client sends stands before it, so that the last such path of the line is the engine's.
    place = line.rfind(b" /", start, end)
    name = from_bytes(line[place + 1 : end])
    if place < 0 or (behind is not None and behind.re is _V2 and name.split() != [name]):
        return None
    return name if _RECORD.search(name) else None


def _there(name: str) -> Path | None:
    """Return where a file is, as it was named or compressed since then; None where it is not."""
    return next((place for end in _PACKED if (place := Path(name + end)).is_file()), None)


def _near(folder: Path) -> dict[str, Path]:
    """Files of transactions below a folder: an index is often moved together with its storage directory."""
    found: dict[str, Path] = {}
    for file in sorted(folder.rglob("*")):
        tail = _RECORD.search(file.as_posix())
        if tail is not None and file.is_file():
            found[tail[0]] = file
    return found

"""Prefixes that containers, collectors and syslog put before a line, taken off.

What stands behind the prefixes of one stream is read as a log of its own; lines that were split are joined
(formats specification, section 11.5).
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable

import msgspec

from wafscope.event.text import from_bytes, to_bytes

_RUNTIME = re.compile(rb"\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d) (stdout|stderr) ([FP])(?::\S*)? ")
"""CRI: time, stream, F for the last part of a line and P for any other."""
_POD = re.compile(rb"\[pod/[^\]\n]{1,300}\] ")
_COMPOSE = re.compile(rb"[A-Za-z0-9][\w.-]{0,100}[-_]\d+ +\| ")
_STAMP = rb"(?:[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d|\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d))"
_SYSLOG = re.compile(rb"(?:<\d{1,3}>(?:1 )?)?" + _STAMP + rb" [^\s:]{1,255} [^\s:\[]{1,100}(?:\[\d+\])?: ")
_SYSLOG_5424 = re.compile(rb"<\d{1,3}>1 \S+ \S+ \S+ \S+ \S+ (?:-|\[[^\]\n]*\]) (?:\xef\xbb\xbf)?")
_JOURNAL = re.compile(rb"MESSAGE=")
_PROXY = re.compile(rb"[^{\n]{0,600}\bAuditLog:(?=\{)")
"""coraza-proxy-wasm writes its records into the log of the proxy."""
_PLAIN = (_POD, _COMPOSE, _SYSLOG, _SYSLOG_5424, _JOURNAL, _PROXY)
_FIRST = frozenset(b"[<M0123456789")
_DOCKER = b'{"log":"'


class Inner(msgspec.Struct, frozen=True):
    """What stands behind the prefix of a line."""

    stream: bytes
    data: bytes
    """Without a line feed where the line goes on in the next one of its stream."""
    start: int
    """Where it begins in the line; 0 where its bytes are not those of the line (docker's JSON)."""


def unwrap(line: bytes) -> Inner | None:
    """Return what a prefixed line holds, None for a line without a known prefix; `line` has no line feed."""
    inner = _inner(line)
    return inner if inner is not None and inner.data else None


def _inner(line: bytes) -> Inner | None:
    if line.startswith(_DOCKER):
        return _docker(line)
    if not line:
        return None
    runtime = _RUNTIME.match(line) if line[0] in _FIRST else None
    if runtime is not None:
        rest = line[runtime.end() :]
        return Inner(b"cri " + runtime[1], rest if runtime[2] == b"P" else rest + b"\n", runtime.end())
    for pattern in _PLAIN:
        found = pattern.match(line)
        if found is not None:
            name = b"" if pattern in _MOVING else found[0]
            return Inner(pattern.pattern[:8] + name, line[found.end() :] + b"\n", found.end())
    return None


_MOVING = frozenset({_SYSLOG, _SYSLOG_5424, _JOURNAL, _PROXY})
"""Prefixes that change from line to line, so that they name no stream."""


def _docker(line: bytes) -> Inner | None:
    try:
        entry = json.loads(from_bytes(line))
        text, stream = entry["log"], entry.get("stream", "")
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    if not isinstance(text, str):
        return None
    return Inner(b"docker " + to_bytes(str(stream)), to_bytes(text), 0)


class Stream:
    """The lines of one stream put together, with the way back to where they stand in the input."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._begins: list[int] = []
        self._lines: list[tuple[int, int, int, int]] = []
        """Start and end in the input, where the inner bytes begin in it, and their length."""
        self.size = 0
        self.open: int | None = None
        """Where the line begins that still has to be continued."""

    def add(self, inner: Inner, start: int, end: int) -> None:
        """Add a line that stands at `start` in the input and ends, line feed included, at `end`."""
        self._begins.append(self.size)
        self._lines.append((start, end, start + inner.start, len(inner.data)))
        self._parts.append(inner.data)
        self.size += len(inner.data)
        if inner.data.endswith(b"\n"):
            self.open = None
        elif self.open is None:
            self.open = start

    def data(self) -> bytes:
        """Return the stream without its prefixes."""
        return b"".join(self._parts)

    def where(self, start: int, stop: int) -> list[tuple[int, int]]:
        """Return where bytes of the stream stand in the input, prefixes included, as (start, end).

        A line that several pieces share is divided between them, the prefix going to the first.
        """
        found: list[tuple[int, int]] = []
        index = bisect_right(self._begins, start) - 1
        while index < len(self._lines) and self._begins[index] < stop:
            begin = self._begins[index]
            line_start, line_end, inner, size = self._lines[index]
            low = line_start if start <= begin else min(inner + start - begin, line_end)
            high = line_end if stop >= begin + size else min(inner + stop - begin, line_end)
            if high > low:
                found.append((low, high))
            index += 1
        return found

    def settled_before(self, cut: int, settled: Callable[[bytes], int]) -> int:
        """Return where to cut the input, at `cut` or before, so that no record of this stream goes on behind it."""
        lines = bisect_left(self._lines, (cut,))
        data = b"".join(self._parts[:lines])
        done = settled(data)
        if done == len(data):
            return cut
        return self._lines[bisect_right(self._begins, done) - 1][0]

"""Going through a stretch of a log once: which lines belong together, whatever is mixed in it.

Lines of JSON are records of their own; native records take many lines; error lines of one transaction are
gathered, and so are lines behind the prefixes of containers.  Nothing is parsed here, so that the walk is cheap
enough for the process that hands out the work.
"""

from __future__ import annotations

import re
from codecs import BOM_UTF8
from collections.abc import Iterator
from functools import partial
from typing import Literal

import msgspec

from wafscope.reader import native
from wafscope.reader.formats import error_log
from wafscope.reader.wrapping import Inner, Stream, is_stamped, journal_field, of_pod, unwrap

_RECORD = b'{"transaction":'
_MARKS = (b"ModSecurity: ", b"Coraza: ", b'"match":')
"""One of them is in each line of an error log that belongs to a transaction."""
_FIELD = len(b"MESSAGE")
_EMPTY = re.compile(rb"(?:\r?\n)++")
_CR = 13
_MEMBER = re.compile(rb'\s{0,200}"(?:transaction|class_)')
_NULS = re.compile(rb"\0+")
_MARGIN = 1 << 20
"""So far from the end of what is there, no further line of a transaction is expected in an error log."""
_LONGEST = 4 << 20
"""Lines with one id that stand farther apart belong to several transactions: not every id is unique."""
_MOST_HELD = 16 << 20
"""More than this is not held for transactions that overlap all the time: some are then divided."""


class Span(msgspec.Struct, frozen=True, gc=False):
    """A line, or an object printed over several lines; `after` is behind its line end."""

    kind: Literal["json", "other"]
    start: int
    stop: int
    after: int


class Walk:
    """One walk through `data`; `groups` and `streams` are whole when all of `spans` was taken."""

    def __init__(self, data: bytes, *, final: bool = True, wrappers: bool = True, records: bool = True) -> None:
        """Without `records`, lines that hold a whole record of JSON are passed over."""
        self._data = data
        self.position = 0
        """Where the next line begins."""
        self._final = final
        self._wrappers = wrappers
        self._records = records
        self._stamped = False
        self._pods: dict[bytes, bool] = {}
        self.unfinished: int | None = None
        """Where a message of the journal begins that is not here to its end."""
        self._unclosed: set[bytes] = set()
        self._open: dict[tuple[str, bytes], list[tuple[int, int]]] = {}
        self.groups: list[tuple[str, list[tuple[int, int]]]] = []
        """Lines of an error log by transaction: their format, and (start, end) of each."""
        self.streams: dict[bytes, Stream] = {}
        self._ends: native.Ends = {}

    def spans(self) -> Iterator[Span | native.Region]:
        """Yield what stands on its own, in order."""
        end = len(self._data)
        while self.position < end:
            if not self._records:
                self.position = _behind_records(self._data, self.position)
            span = self.next() if self.position < end else None
            if span is not None:
                yield span

    def next(self) -> Span | native.Region | None:
        """Take what begins at `position`; None for a line that does not stand on its own."""
        data, start = self._data, self.position
        stop = data.find(b"\n", start)
        stop, after = (len(data), len(data)) if stop < 0 else (stop, stop + 1)
        span: Span | native.Region | None
        if data.startswith(_RECORD, start):
            span = Span("json", start, stop, after)
        elif stop - start == _FIELD and (field := self._field(start)) is not None:
            span, after = None, field
        else:
            span = self._odd(start, stop, after)
            if span is not None:
                after = span.end if isinstance(span, native.Region) else span.after
        self.position = after
        return span

    def _field(self, start: int) -> int | None:
        """Take a message that is written by its length out of the journal; return where the next line begins."""
        found = journal_field(self._data, start) if self._wrappers else None
        if found is None:
            return None
        begin, end = found
        if end >= len(self._data):
            if not self._final:
                self.unfinished = start
                return len(self._data)
            if end > len(self._data):
                return None
        inner = Inner(b"journal", self._data[begin:end] + b"\n", begin - start)
        after = min(end + 1, len(self._data))
        self.streams.setdefault(inner.stream, Stream()).add(inner, start, after)
        return after

    def _odd(self, start: int, stop: int, after: int) -> Span | native.Region | None:
        data = self._data
        if data[start] == 0 and (lead := _NULS.match(data, start)) is not None:
            # What a crash of the machine leaves in a file that was being written: a record can follow.
            return Span("other", start, lead.end(), lead.end())
        if start == stop or data[start] == _CR:
            empty = _EMPTY.match(data, start)
            if empty is not None:
                return Span("other", start, start, empty.end())
        family = native.separator_at(data, start)
        if family is not None:
            return native.scan(data, start, family, final=self._final, ends=self._ends)
        line = data[start:stop]
        inner = (unwrap(line, stamped=self._stamped) or of_pod(line, self._pods)) if self._wrappers else None
        if inner is not None:
            self._stamped = is_stamped(inner, before=self._stamped)
            self.streams.setdefault(inner.stream, Stream()).add(inner, start, after)
            return None
        if b"---A--" in line:
            family = native.prefixed_at(data, start)
            if family is not None:
                return native.scan(data, start, family, final=self._final, ends=self._ends)
        if any(mark in line for mark in _MARKS):
            found = error_log(line)
            if found is not None:
                self._gather(found, start, after)
                return None
        if _is_bracket(line):
            return self._pretty(start, stop, after)
        return Span("json" if line[:1] in b"{[" and line else "other", start, stop, after)

    def _gather(self, transaction: tuple[str, bytes], start: int, after: int) -> None:
        """Add a line to its transaction; one without an id stands alone, and so does an id that comes again late."""
        lines = self._open.get(transaction) if transaction[1] else None
        if lines is None or start - lines[-1][1] > _MARGIN or start - lines[0][0] > _LONGEST:
            lines = self._open[transaction] = []
            self.groups.append((transaction[0], lines))
        lines.append((start, after))

    def _pretty(self, start: int, stop: int, after: int) -> Span:
        """An object printed over several lines ends at a `}` that is indented as it is, in a list with a comma."""
        data = self._data
        brace = data.find(b"{", start)
        indent = data[start:brace]
        kind: Literal["json", "other"] = "other" if indent else "json"
        close = None
        if indent not in self._unclosed and len(self._unclosed) < _MOST_INDENTS:
            close = re.compile(rb"^" + indent + rb"\},?[ \t\r]*$", re.MULTILINE).search(data, after)
        if close is None:
            # Looked for in vain once, there is none further on: the rest is not searched again.
            if len(self._unclosed) >= _MOST_INDENTS:
                return Span(kind, start, stop, after)
            self._unclosed.add(indent)
            again = _reopened(data, indent, stop)
            if _MEMBER.match(data, after) and (again is not None or self._final):
                # It is cut: what there is of it ends where a record begins.
                after = stop = len(data) if again is None else again
            return Span(kind, start, stop, after)
        line_end = data.find(b"\n", close.start())
        return Span(kind, start, close.start() + len(indent) + 1, len(data) if line_end < 0 else line_end + 1)


def _behind_records(data: bytes, position: int) -> int:
    """Return where the first line begins, from `position` on, that holds no record of JSON."""
    is_record, line_end = data.startswith, data.find
    while is_record(_RECORD, position):
        position = line_end(b"\n", position) + 1 or len(data)
    return position


def _is_bracket(line: bytes) -> bool:
    """Tell a line that begins an object printed over several lines, in a list perhaps."""
    return len(line) < _DEEPEST and line.strip(b" \t\r") == b"{"


_DEEPEST = 40
_MOST_INDENTS = 64
"""Ways to indent an object that is never closed: a file has a few, and each is looked for in all that follows."""


def settled(data: bytes, *, final: bool = False, margin: int = _MARGIN) -> int:
    """Return how much of `data` can be read alone: up to there, no record goes on behind it.

    `final` tells that nothing will follow; all of it is then settled.  A transaction of an error log counts as
    open when it has a line within `margin` bytes of the end.
    """
    if final:
        return len(data)
    if data.startswith(BOM_UTF8):
        alone = _settled(data[len(BOM_UTF8) :], margin)
        return alone + len(BOM_UTF8) if alone else 0
    return _settled(data, margin)


MOST_WRAPPERS = 3
"""Prefixes in front of prefixes are taken off so often: docker's JSON around syslog, say."""


def _settled(data: bytes, margin: int, depth: int = 0) -> int:
    complete = data.rfind(b"\n") + 1
    if complete < len(data):
        data = data[:complete]
    walk = Walk(data, final=False, wrappers=depth < MOST_WRAPPERS, records=False)
    standing = cut = _standing(walk, data)
    if walk.streams:
        cut = _before_streams(walk, cut, margin, depth)
    for start, end in sorted(((lines[0][0], lines[-1][1]) for _, lines in walk.groups), reverse=True):
        if start < cut and (end > cut or end > complete - margin):
            cut = start
    return cut or (standing if complete > _MOST_HELD else 0)


def _standing(walk: Walk, data: bytes) -> int:
    """Return up to where nothing that stands on its own is open."""
    looks = 0
    for span in walk.spans():
        if isinstance(span, native.Region):
            if span.pending is not None:
                return span.pending
        elif span.stop - span.start < _DEEPEST and looks < _MOST_INDENTS and _is_bracket(data[span.start : span.stop]):
            looks += 1
            if _is_open(data, span):
                return span.start
    return len(data) if walk.unfinished is None else walk.unfinished


def _is_open(data: bytes, span: Span) -> bool:
    """Tell an object printed over several lines that may still be closed."""
    line = data[span.start : span.stop]
    return _is_bracket(line) and _reopened(data, line[: line.find(b"{")], span.stop) is None


def _reopened(data: bytes, indent: bytes, position: int) -> int | None:
    """Return where the next record begins, which tells that an object will not be closed; None where none does."""
    found = data.find(b"\n" + indent + b"{", position) + 1
    end = native.another(data, position, found or len(data))
    return end if end < len(data) else None


def _before_streams(walk: Walk, cut: int, margin: int, depth: int) -> int:
    """Go back to where no stream behind prefixes has a record on both sides."""
    for _ in range(_MOST_ROUNDS):
        before = cut
        for stream in walk.streams.values():
            cut = min(cut, stream.settled_before(cut, partial(_settled, margin=margin, depth=depth + 1)))
        if cut == before:
            return cut
        margin = 0
    return 0


_MOST_ROUNDS = 32

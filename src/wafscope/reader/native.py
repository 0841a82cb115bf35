"""Finding native records: several lines between separators, with payload that can imitate all of it.

A separator line carries the boundary of its record and the letter of a section.  Bodies (C, E, I) are written
raw by most versions, so a client can put whole records into them; two servers that share a file weave their
records into each other.  What decides: **a client can write into bodies only.**  A record that opens inside a
body is payload until one of its separators shows outside of any body, or the length that the headers declare
proves that it does not belong to the body (formats specification, sections 2.1, 7.1 and 8.4).
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right, insort
from collections.abc import Sequence
from itertools import islice, pairwise

import msgspec

from wafscope.reader.sections import CORAZA, V2, V3, behind

_BODIES = frozenset(b"CEI")
_A, _C, _Z = b"ACZ"
_RETURN = ord("\r")
_BODY_OF = {ord("B"): _C, ord("F"): ord("E")}
"""The body whose length the headers of a section may declare."""
_MOST_SILENT = 8
"""An open record of which nothing more came while so many others were written whole is cut."""

_LENGTH = re.compile(rb"^Content-Length: *(\d{1,18})\s*$", re.IGNORECASE | re.MULTILINE)


class Family(msgspec.Struct, frozen=True):
    """How one engine writes its separators."""

    format: str
    separator: re.Pattern[bytes]
    opening: re.Pattern[bytes]
    """What must follow the separator of a record's first section."""
    feed: bool = False
    """Whether the line feed before a separator is written with it (v2)."""
    shared: bool = False
    """Whether two servers can weave their records into each other (v2: no lock between them)."""
    edges: re.Pattern[bytes] | None = None
    """Separators that open or end a record, behind a line feed: found faster than all, since they begin with letters
    that stand in the pattern as they are."""
    glued: re.Pattern[bytes] | None = None
    """The first separator of a record where it stands behind other text: what was written before ends in mid-line."""


_OPENING = rb"\[[^\]\n]{1,64}\] \S+ \S+ \d+ "
FAMILIES = (
    Family(
        "v2.native",
        V2,
        re.compile(_OPENING),
        feed=True,
        shared=True,
        edges=re.compile(rb"\n--([0-9a-f]{8})-([AZ])--"),
        glued=re.compile(rb"--([0-9a-f]{8})-(A)--\r?$", re.MULTILINE),
    ),
    Family(
        "v3.native",
        V3,
        re.compile(_OPENING),
        edges=re.compile(rb"\n---([0-9A-Za-z]{8})---([AZ])--"),
        glued=re.compile(rb"---([0-9A-Za-z]{8})---(A)--\r?$", re.MULTILINE),
    ),
    Family(
        "coraza.native", CORAZA, re.compile(_OPENING), edges=re.compile(rb"\n--([A-Za-z]{10}|[A-Za-z]{16})-([AZ])--")
    ),
)
_FIRST_FACTS = re.compile(_OPENING)
_LINE = re.compile(rb"\[\d\d/[A-Z][a-z]{2}/\d{4}:[^\]\n]{8,40}\] \S+ \S+ \d+ \S+ \d+")
_FACTS = re.compile(_LINE.pattern + rb"\r?")
"""The whole line, as the engines write it.  No header line is like it: behind the first colon of one stands a blank."""
_LONGEST_FACTS = 512
_ANOTHER = re.compile(
    rb'^(?:\{"transaction":\{|\{"class_|--[0-9a-f]{8}-A--|---[0-9A-Za-z]{8}---A--|--(?:[A-Za-z]{10}|[A-Za-z]{16})-A--)',
    re.MULTILINE,
)
"""Where a record of any format begins: what is cut before it ends there."""
_PREFIX = re.compile(rb"([^\n]{1,200}?)---[0-9A-Za-z]{8}---A--\r?\n")


class Record(msgspec.Struct, frozen=True):
    """A native record: its parts of the input in order, and whether its end was there."""

    format: str
    ranges: tuple[tuple[int, int], ...]
    """(start, end) in the data."""
    whole: bool


class Region(msgspec.Struct, frozen=True):
    """Records that stand close together, or in each other, and where the region ends."""

    start: int
    records: tuple[Record, ...]
    end: int
    pending: int | None = None
    """Where the oldest record begins that is still open, or woven into one that is; None when all are closed."""


def separator_at(data: bytes, position: int) -> Family | None:
    """Return the family of the separator line at `position`; None when there is none."""
    if not data.startswith(b"--", position):
        return None
    for family in FAMILIES:
        if family.separator.match(data, position):
            return family
    return None


def prefixed_at(data: bytes, position: int) -> Family | None:
    """Return the family of a first separator line with a prefix; None when there is none."""
    prefixed = _PREFIX.match(data, position)
    if prefixed is None:
        return None
    line, feed = prefixed.end(), data.find(b"\n", prefixed.end())
    facts = data.startswith(prefixed[1] + b"[", line) and (
        feed < 0 or _FIRST_FACTS.match(data, line + len(prefixed[1])) is not None
    )
    if facts or line == len(data):
        # SecAuditLogPrefix (libmodsecurity >= 3.0.15) stands before every line.
        return Family("v3.native", behind(prefixed[1]), re.compile(re.escape(prefixed[1]) + _OPENING))
    return None


class _Ends:
    """Where records may end whose beginning is not here: a client may write any number of separators that open none."""

    def __init__(self, data: bytes, start: int, family: Family) -> None:
        self._openings: list[int] = []
        self._lasts: dict[bytes, list[int]] = {}
        for line in family.separator.finditer(data, start):
            if line[2] == b"Z":
                self._lasts.setdefault(line[1], []).append(line.start())
            elif _opens(data, line, family, ()):
                self._openings.append(line.start())

    def opening(self, position: int) -> int | None:
        """Return where the next record begins, from a position on."""
        return _next(self._openings, position)

    def last(self, boundary: bytes, position: int) -> int | None:
        """Return where the last separator of a record is, from a position on."""
        return _next(self._lasts.get(boundary, ()), position)


def _next(places: Sequence[int], position: int) -> int | None:
    index = bisect_left(places, position)
    return places[index] if index < len(places) else None


Ends = dict[re.Pattern[bytes], _Ends]
"""What is known of the separators of some data, by their pattern."""


def scan(data: bytes, start: int, family: Family, *, final: bool = True, ends: Ends | None = None) -> Region:
    """Find the records of the region that begins with the separator at `start`.

    `final` tells that nothing follows `data`: records still open are then cut, and what seemed to be the
    payload of a cut record is looked at again.  `ends` keeps what is found out of `data` from one call to the next.
    """
    first = family.separator.match(data, start)
    if first is None:
        raise ValueError("no separator line here")
    alone = _alone(data, first, family)
    if alone is not None:
        return alone
    if first[2] != b"A" and family.format == "coraza.native" and family.opening.match(data, first.end() + 1):
        return _scan_without_ends(data, start, family, final=final)
    if not _opens(data, first, family, ()):
        follower = family.separator.search(data, first.end()) if first[2] == b"A" else None
        if follower is not None and _opening_of(data, follower, family, first.end()) is not None:
            return _Scan(data, family).run(first.end(), final=final, cut=first)
        known = {} if ends is None else ends
        if family.separator not in known:
            known[family.separator] = _Ends(data, start, family)
        return _orphan(data, first, family, known[family.separator], final=final)
    return _Scan(data, family).run(start, final=final)


def _alone(data: bytes, first: re.Match[bytes], family: Family) -> Region | None:
    """Return the region of a record before whose end no other one opens: almost every record."""
    if first[2] != b"A" or not family.opening.match(data, first.end() + 1):
        return None
    last = _last(data, first, family)
    line = family.separator.match(data, last + 1) if last >= 0 else None
    if line is None:
        return None
    end = _after_last(data, line)
    return Region(first.start(), (Record(family.format, ((first.start(), end),), whole=True),), end)


def _last(data: bytes, first: re.Match[bytes], family: Family) -> int:
    """Return where the line feed before the last separator of a record is; -1 when another one may open before."""
    for edge in family.edges.finditer(data, first.end()) if family.edges is not None else ():
        if edge[2] == b"A" or edge[1] != first[1]:
            return -1
        if data.find(b"\0", first.end(), edge.start()) < 0:
            return edge.start()
        break  # behind a NUL byte, too, a record can open
    next_one = data.find(b"-A--", first.end())
    own = data[first.start() : first.end(2) - 1]
    return data.find(b"\n" + own + b"Z--", first.end(), len(data) if next_one < 0 else next_one)


def _opens(data: bytes, line: re.Match[bytes], family: Family, known: tuple[bytes, ...]) -> bool:
    """Tell whether a separator opens a record: the facts of the transaction follow, or are on their way."""
    if line[2] != b"A":
        return False
    after = line.end() + 1
    if family.opening.match(data, after):
        return True
    # The server beside wrote between the separator and its line.
    return family.shared and any(data.startswith(b"\n--" + boundary + b"-", after) for boundary in known)


def _opening_of(data: bytes, line: re.Match[bytes], family: Family, seen: int) -> re.Match[bytes] | None:
    """Return the opening of the record that a separator goes on, where it stands behind half a line; not before `seen`.

    A server was killed while it wrote, the disk was full for a moment, or the server beside wrote first.  The facts
    stand between the opening and the separator; outside of a body, no client can write them into a line.
    """
    if family.glued is None or line[2] == b"A":
        return None
    end = line.start() - 1
    begin = data.rfind(b"\n", max(seen, end - _LONGEST_FACTS), max(seen, end)) + 1
    if not begin or _FACTS.fullmatch(data, begin, end) is None:
        return None
    start = begin - (line.end(2) - line.start() + len(b"--\n")) - (data[begin - 2] == _RETURN)
    opening = family.glued.match(data, start) if start >= seen else None
    return opening if opening is not None and opening[1] == line[1] else None


def _orphan(data: bytes, first: re.Match[bytes], family: Family, ends: _Ends, *, final: bool) -> Region:
    """The rest of a record whose beginning is not here, up to its end or the next record."""
    start = first.start()
    end, last = ends.opening(start), ends.last(first[1], start)
    line = family.separator.match(data, last) if last is not None and (end is None or last < end) else None
    if line is not None:
        end = _after_last(data, line)
    pending = None if end is not None or final else start
    stop = another(data, first.end()) if end is None else end
    return Region(start, (Record(family.format, ((start, stop),), whole=False),), stop, pending)


def another(data: bytes, position: int, end: int | None = None) -> int:
    """Return where the next record of any format begins; `end`, or that of the data, where there is none before."""
    stop = len(data) if end is None else end
    found = _ANOTHER.search(data, position, stop)
    return stop if found is None else found.start()


def _after_last(data: bytes, line: re.Match[bytes]) -> int:
    """Return the end of a record whose last separator is `line`: its line feed and one empty line."""
    end = min(line.end() + 1, len(data))
    for empty in (b"\r\n", b"\n"):
        if data.startswith(empty, end):
            return end + len(empty)
    return end


def _scan_without_ends(data: bytes, start: int, family: Family, *, final: bool) -> Region:
    """One record of Coraza before 3.4: no A and no Z, so that it ends where another one begins.

    Its writer is never interrupted: all up to the last separator of its own boundary is its own.
    """
    lines = list(islice(family.separator.finditer(data, start), _MOST_SECTIONS))
    boundary = lines[0][1]
    last = max(i for i, line in enumerate(lines) if line[1] == boundary)
    end, pending = len(data), None
    for line in lines[last + 1 :]:
        if family.opening.match(data, line.end() + 1) or line[2] == b"A":
            end = line.start()
            break
    # Where a record of another format begins it ends too, but not in a body that was declared to be longer.
    begin = lines[last].end()
    length = _LENGTH.search(data, start, begin) if lines[last][2] in b"CI" else None
    stop = another(data, min(begin + int(length[1]), end) if length is not None else begin, end)
    if lines[last][2] == b"H":
        # Part H holds no empty line, so that one ends the record where anything stands behind it.
        empty = data.find(b"\n\n", begin, stop)
        stop = empty + 2 if empty >= 0 else stop
    if stop == len(data) and not final:
        pending = start
    return Region(start, (Record(family.format, ((start, stop),), whole=True),), stop, pending)


_MOST_SECTIONS = 256
"""Separators among which the last one of a record without an end is looked for, forged ones included."""


class _Open:
    """A record in progress."""

    def __init__(self, boundary: bytes, position: int) -> None:
        self.boundary = boundary
        self.start = position
        self.letter = _A
        self.section = position
        """Where the present section's bytes begin."""
        self.heads: dict[int, tuple[int, int]] = {}
        """Sections B and F, which may declare the length of the bodies C and E, by the letter of the body."""
        self.silent = 0
        self.whole = False
        self.order = 0


class _Hidden:
    """A record that opened inside the body of another: payload, as long as nothing proves more."""

    def __init__(self, host: _Open, line: re.Match[bytes]) -> None:
        self.host = host
        self.section = host.section
        self.lines = [line]


class _Scan:
    def __init__(self, data: bytes, family: Family) -> None:
        self._data = data
        self._family = family
        self._open: dict[bytes, _Open] = {}
        self._hidden: dict[bytes, _Hidden] = {}
        self._inside: dict[tuple[int, int], dict[bytes, _Hidden]] = {}
        """The same by the record, which begins there, and the section of it that they stand in."""
        self._current: _Open | None = None
        self._marks: list[tuple[int, _Open | None]] = []
        """From this position on, bytes belong to this record."""
        self._records: list[_Open] = []
        self._seen = 0
        """Up to here all separators were taken."""

    def run(self, start: int, *, final: bool, cut: re.Match[bytes] | None = None) -> Region:
        """Find the records from `start` on; `cut` is the separator before it of a record that was hardly begun."""
        end = len(self._data)
        if cut is not None:
            self._begin(cut)
            self._seen = cut.end()
        for line in self._family.separator.finditer(self._data, start):
            if self._current is None and not self._between(line):
                break
            if line[1] not in self._open and line[1] not in self._hidden:
                opening = _opening_of(self._data, line, self._family, self._seen)
                if opening is not None:
                    self._take(opening)
            closed = self._take(line)
            self._seen = line.end()
            if closed is not None and not self._open:
                end = closed
        else:
            if self._open:
                end = len(self._data)
        pending = None
        if self._open:
            pending = min(record.start for record in self._open.values())
            end = len(self._data)
            if final:
                pending = None
                self._release_cut()
                # What is cut ends where a record of another format begins.
                end = another(self._data, max(position for position, _ in self._marks) + 1)
        return self._region(end, pending)

    def _between(self, line: re.Match[bytes]) -> bool:
        """Tell whether a separator that follows a closed record still belongs to this region."""
        if not self._marks:
            return True
        hidden = self._hidden.get(line[1])
        return hidden is not None and line[2] != b"A"

    def _take(self, line: re.Match[bytes]) -> int | None:
        """Give a separator to its record; return the end of the record when it closes one."""
        boundary, letter = line[1], line[2][0]
        current = self._current
        again = letter == _A and _opens(self._data, line, self._family, ())
        if boundary in self._open and not again:
            return self._go_on(self._open[boundary], line)
        if boundary in self._hidden and not again:
            hidden = self._hidden[boundary]
            if current is not None and current.letter in _BODIES:
                hidden.lines.append(line)
                return None
            self._reveal(boundary)
            revealed = self._open.get(boundary)
            return None if revealed is None else self._go_on(revealed, line)
        outside = current is not None and current.letter not in _BODIES
        woven = letter == _A and outside and self._family.shared
        if again or woven or _opens(self._data, line, self._family, tuple(self._open)):
            inside = current is not None and current.letter in _BODIES and boundary not in self._open
            if current is not None and inside and not self._past_body(current, line):
                self._hide(boundary, _Hidden(current, line))
            else:
                self._begin(line)
        return None

    def _hide(self, boundary: bytes, hidden: _Hidden) -> None:
        if boundary in self._hidden:
            self._uncover(boundary)
        self._hidden[boundary] = hidden
        self._inside.setdefault((hidden.host.start, hidden.section), {})[boundary] = hidden

    def _uncover(self, boundary: bytes) -> _Hidden:
        hidden = self._hidden.pop(boundary)
        del self._inside[hidden.host.start, hidden.section][boundary]
        return hidden

    def _hidden_in(self, record: _Open) -> dict[bytes, _Hidden]:
        """Return what is hidden in the present section of a record."""
        return dict(self._inside.get((record.start, record.section), {}))

    def _begin(self, line: re.Match[bytes]) -> _Open:
        if line[1] in self._open:
            # The same boundary opens again: the record that had it was cut.
            self._records.append(self._open.pop(line[1]))
        record = _Open(line[1], line.start())
        record.section = line.end() + 1
        self._open[line[1]] = record
        self._current = record
        self._marks.append((line.start(), record))
        return record

    def _go_on(self, record: _Open, line: re.Match[bytes]) -> int | None:
        position = line.start()
        if record.letter in _BODIES and self._hidden:
            self._weigh(record, position)
        if record.letter in _BODY_OF:
            record.heads[_BODY_OF[record.letter]] = (record.section, position)
        if self._family.feed and self._data[position - 1 : position] == b"\n":
            position -= 1
        self._marks.append((position, record))
        record.letter, record.section, record.silent = line[2][0], line.end() + 1, 0
        self._current = record
        return self._close(record, line) if record.letter == _Z else None

    def _close(self, record: _Open, line: re.Match[bytes]) -> int:
        end = _after_last(self._data, line)
        follower = self._family.separator.match(self._data, end) if self._family.feed else None
        if follower is not None and follower[2] != b"A" and end > line.end() + 1:
            end -= 1  # the line feed that looks like an empty line belongs to the separator of a record beside
        record.whole = True
        self._records.append(self._open.pop(record.boundary))
        for other in list(self._open.values()):
            other.silent += 1
            if other.silent > _MOST_SILENT:
                self._records.append(self._open.pop(other.boundary))
        self._current = next(reversed(self._open.values()), None)
        self._marks.append((end, self._current))
        return end

    def _past_body(self, record: _Open, line: re.Match[bytes]) -> bool:
        """Tell whether the body that the request declared has ended before `line`."""
        length = self._declared(record) if record.letter == _C else None
        # Line ends may stand between them, but not where the line does not begin with it.
        ends = 0 if line.re is self._family.glued else 3
        return length is not None and line.start() - record.section >= length + ends

    def _declared(self, record: _Open) -> int | None:
        """Return the length that the headers declare of the present body; None where they do not."""
        head = record.heads.get(record.letter)
        found = _LENGTH.search(self._data, *head) if head is not None else None
        return int(found[1]) if found else None

    def _weigh(self, record: _Open, position: int) -> None:
        """Let the declared length tell payload from records that were written between two pieces of a body."""
        inside = self._hidden_in(record)
        length = self._declared(record) if self._family.shared else None
        if not inside or length is None:
            return
        body = position - self._family.feed - record.section
        foreign = sum(self._extent(hidden, position) for hidden in inside.values())
        if body != length and abs(body - foreign - length) <= len(inside):
            for boundary in inside:
                self._reveal(boundary)

    def _extent(self, hidden: _Hidden, position: int) -> int:
        last = hidden.lines[-1]
        end = _after_last(self._data, last) if last[2] == b"Z" else position - self._family.feed
        return end - hidden.lines[0].start()

    def _reveal(self, boundary: bytes) -> None:
        """Make a record of what was taken for payload."""
        hidden = self._uncover(boundary)
        record = _Open(boundary, hidden.lines[0].start())
        for line in hidden.lines:
            self._marks.append((line.start(), record))
            record.letter, record.section = line[2][0], line.end() + 1
        if record.letter == _Z:
            record.whole = True
            # In front, so that it comes before the mark of what begins in the same place.
            self._marks.insert(0, (_after_last(self._data, hidden.lines[-1]), hidden.host))
            self._records.append(record)
        else:
            self._open[boundary] = record

    def _release_cut(self) -> None:
        """At the end of the input: records still open are cut, and no payload hides in their last section."""
        for record in list(self._open.values()):
            for boundary in self._hidden_in(record):
                self._reveal(boundary)
        self._records.extend(self._open.values())

    def _restore_openings(self, end: int) -> None:
        """Give back to records the line of their part A, where another server wrote between it and its separator."""
        for record in self._records:
            first = (self._family.glued or self._family.separator).match(self._data, record.start)
            after = record.start if first is None else first.end() + 1
            if not record.whole or self._family.opening.match(self._data, after):
                continue
            begin = bisect_right(self._marks, record.start, key=_position)
            near = self._marks[begin : begin + _MOST_SECTIONS]
            beyond = near[-1][0] if len(near) == _MOST_SECTIONS else end
            stop = next((position for position, owner in near if owner is record), beyond)
            line = _LINE.search(self._data, after, stop)
            if line is None:
                continue
            before = self._owner(record.start - 1)
            for position, owner in ((line.end(), self._owner(line.start())), (after, self._owner(after))):
                if position < stop:
                    insort(self._marks, (position, before if owner is record else owner), key=_position)
            insort(self._marks, (line.start(), record), key=_position)

    def _owner(self, position: int) -> _Open | None:
        index = bisect_right(self._marks, position, key=_position) - 1
        return self._marks[index][1] if index >= 0 else None

    def _region(self, end: int, pending: int | None) -> Region:
        self._marks.sort(key=_position)
        if self._family.shared and len(self._records) > 1:
            self._restore_openings(end)
        ranges: dict[_Open, list[tuple[int, int]]] = {record: [] for record in self._records}
        marks = [*self._marks, (end, None)]
        for (start, owner), (stop, _) in pairwise(marks):
            if owner is None or start >= stop or owner not in ranges:
                continue
            parts = ranges[owner]
            if parts and parts[-1][1] == start:
                parts[-1] = (parts[-1][0], stop)
            else:
                parts.append((start, stop))
        records = [Record(self._family.format, tuple(parts), r.whole) for r, parts in ranges.items() if parts]
        records.sort(key=lambda record: record.ranges)
        if pending is not None:
            pending = _before(records, pending)
        return Region(self._marks[0][0], tuple(records), end, pending)


def _position(mark: tuple[int, _Open | None]) -> int:
    return mark[0]


def _before(records: list[Record], position: int) -> int:
    """Go back from `position` to where none of these records, sorted by where they begin, has bytes on both sides."""
    for record in reversed(records):
        if record.ranges[0][0] < position < record.ranges[-1][1]:
            position = record.ranges[0][0]
    return position

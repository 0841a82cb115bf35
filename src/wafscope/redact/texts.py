"""The texts of a record, wherever they stand, at each level of their encoding."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec

from wafscope.redact.gate import Gate
from wafscope.redact.regions import Kind, Region, own_words
from wafscope.redact.view import ENTITY, ESCAPED, PERCENT, View, bared

Span = tuple[int, int]

_LARGEST_KNOWN = 1 << 17
"""A longer text is not kept for the next record."""
_MOST_KNOWN = 1 << 21
"""Bytes of texts in half of what is kept; what has been worked out about them is some five times as much."""
_EACH_KNOWN = 500
"""What a text takes beside its bytes."""

_KINDS = (ESCAPED, PERCENT, ENTITY)
_DEPTHS = (ESCAPED, PERCENT, ENTITY, ESCAPED, PERCENT, ESCAPED, PERCENT, ENTITY, ESCAPED)
"""In which order a text is decoded: JSON in a form in JSON, and what is percent-encoded three times."""
_QUOTES = re.compile(rb"&(?:quot|#)")
"""What may hide quotes; other entities hide neither a name nor the sign behind it."""

_LARGE = 1 << 12
"""Of a longer page only the surroundings of names are decoded further."""
_BEHIND = 512
"""Bytes behind a piece with a name that are looked at with it."""
_REACH = 1100
"""Bytes before a name that may belong to it: the most that `Finder` looks back."""
_REACH_IN_TAG = 200
"""The same where a tag begins nearer and no value stands before its name."""
_VALUES = (b'value"', b"value\\", b"value%", b"value&")
"""What shows that a value may stand before its name."""
_NEAR_END = 64
"""A value that ends so near to where a part of a text was cut off may go on there."""
_NO_FORM = (b"<", b"{", b'"', b"[{", b'["')
"""What begins with one of these is no form, at any level of its encoding."""
_OPENED = (b"='", b"= '", b"=\t'")


class Own(NamedTuple):
    """A secret that its name or its form told, in a region."""

    start: int
    end: int
    value: bytes
    first: int
    """Where it begins in the text of the region as it was decoded once, where it was found so; else -1."""
    last: int


class Text:
    """The text of a region, wherever it is, and what has been worked out about it."""

    __slots__ = ("_bare", "_view_of_bare", "found", "own", "region", "speaks_of_secret", "view")

    def __init__(self, region: Region, view: View) -> None:
        self.region = region
        self.view = view
        self.speaks_of_secret: bool | None = None
        """Whether it is a sentence about a variable that holds a secret; None while nobody has looked."""
        self.found: Sequence[Own] | None = None
        """Its secrets at every level of its encoding; None while nobody has looked."""
        self.own: list[Span] | None = None
        """Where in the text the engine speaks of itself; None while nobody has looked."""
        self._bare: bytes | None = None
        self._view_of_bare: View | None = None

    @property
    def bare(self) -> bytes:
        """The text as `View.bare` has it."""
        if self._bare is None:
            self._bare = bared(self.view.data)
        return self._bare

    def view_of_bare(self) -> View:
        """Return the same with the way back."""
        if self._view_of_bare is None:
            self._view_of_bare = self.view.bare()
        return self._view_of_bare

    def outside(self, view: View, start: int, end: int) -> Span | None:
        """Turn a place in a view of this text into one in the region; None where the engine speaks of itself."""
        if self.region.kind == "match":
            if self.own is None:
                self.own = own_words(self.view.data)
            if self.own and _within(self.own, *view.span_in(self.view, start, end)):
                return None
        return view.span(start, end)

    def forget(self) -> None:
        """Let go of what takes far more memory than the text does."""
        self.view.forget()
        self._view_of_bare = None


class Known:
    """Texts that came before, such as a page that is sent again and again; of two halves, the older one goes."""

    def __init__(self) -> None:
        self._new: dict[tuple[bytes, Kind, bytes, bool, bool], Text] = {}
        self._old: dict[tuple[bytes, Kind, bytes, bool, bool], Text] = {}
        self._size = 0

    def text(self, data: bytes, region: Region, *, as_json: bool) -> Text:
        """Return the text of a region with these bytes."""
        key = data, region.kind, region.name, region.exact, as_json
        text = self._new.get(key)
        if text is not None:
            return text
        text = self._old.get(key)
        if text is None:
            view = View(data, 0)
            nowhere = msgspec.structs.replace(region, start=0, end=len(data))
            text = Text(nowhere, view.from_json() if as_json else view)
        if len(data) <= _LARGEST_KNOWN:
            self._size += len(data) + _EACH_KNOWN
            if self._size > _MOST_KNOWN:
                self._old, self._new, self._size = self._new, {}, len(data) + _EACH_KNOWN
            self._new[key] = text
        return text


class Level(NamedTuple):
    """A text, or a part of one, at one level of its encoding."""

    depth: int
    view: View
    zones: list[Span]
    """The pieces between quotes in which something may be told."""


def deeper(gate: Gate, view: View, zones: list[Span], *, entities: bool = False) -> Iterator[Level]:
    """Give the further levels of an encoding; `entities` are decoded even where they hide no quote."""
    spans = zones
    since = 0
    for depth, pattern in enumerate(_DEPTHS, 1):
        further = view
        if pattern is not ENTITY or entities or _QUOTES.search(view.data):
            further, spans = view.deeper(spans, pattern)
        since = 0 if further is not view else since + 1
        if since == len(_KINDS):
            return
        if further is not view:
            view = further
            now: list[Span] = []
            for first, last in spans:
                if view.data.find(b'"', first, last) < 0:
                    now.append((first, last))
                else:
                    # Quotes came out of a code: there are smaller pieces now.
                    now += gate.zones(view.data, first, last)
            yield Level(depth, view, now)


class Part(NamedTuple):
    """A part of a large text, with all that `Finder` looks at for the pieces in it."""

    begin: int
    end: int
    view: View
    zones: list[Span]
    reach: int
    """Bytes before the first piece that must be there at each level, unless a tag begins there."""
    at_start: bool
    at_end: bool

    def is_enough(self, level: Level, found: Sequence[Span]) -> bool:
        """Tell whether in the whole text the same would have been found, at a level of the encoding of this part."""
        data = level.view.data
        if not self.at_start and not data.startswith(b"<") and level.zones and level.zones[0][0] < self.reach:
            return False
        if not self.at_end and any(end > len(data) - _NEAR_END for _, end in found):
            return False
        return all(self._is_closed(data, first, last) for first, last in level.zones)

    def _is_closed(self, data: bytes, first: int, last: int) -> bool:
        """Tell whether quotes that open in or behind a piece close in this part, and no part of multipart is near."""
        if b"form-data" in data[max(first - _REACH, 0) : last].lower():
            return False
        if self.at_end:
            return True
        piece = data[first:last]
        if any(opened in piece for opened in _OPENED) and data.find(b"'", last) < 0:
            return False
        return not piece.rstrip(b" \t").endswith(b"=") or data.find(b'"', last + 1) >= 0


def parts_of(text: Text, zones: Sequence[Span]) -> list[Part]:
    """Return the parts of a large page that are worth a further look; none where the whole text must be looked at."""
    data = text.view.data
    if len(data) < _LARGE or text.region.kind != "body" or not data.lstrip().startswith(_NO_FORM):
        return []
    ranges: list[tuple[int, int, int, list[Span]]] = []
    for first, last in zones:
        start, reach = _before(data, first)
        end = min(last + _BEHIND, len(data))
        if ranges and start <= ranges[-1][1]:
            begin, before, old, inner = ranges[-1]
            inner.append((first, last))
            ranges[-1] = begin, max(end, before), max(reach, old), inner
        else:
            ranges.append((start, end, reach, [(first, last)]))
    if sum(end - start for start, end, _, _ in ranges) > len(data) // 2:
        return []
    return [
        Part(
            start,
            end,
            text.view.part(start, end),
            [(first - start, last - start) for first, last in inner],
            reach,
            at_start=start == 0,
            at_end=end == len(data),
        )
        for start, end, reach, inner in ranges
    ]


def _before(data: bytes, first: int) -> Span:
    """Return from where on a text belongs to a piece, and how much of it must be left when more has been decoded."""
    start = max(first - 2 * _REACH, 0)
    window = data[start:first]
    if any(sign in window for sign in _VALUES):
        return start, _REACH
    tag = window.rfind(b"<", max(len(window) - _REACH, 0))
    if tag < 0:
        return start, _REACH
    return start + min(tag, max(len(window) - 2 * _REACH_IN_TAG, 0)), _REACH_IN_TAG


def hides_quotes(data: bytes) -> bool:
    """Tell whether entities in a text hide quotes."""
    return _QUOTES.search(data) is not None


def _within(own: Sequence[Span], start: int, end: int) -> bool:
    index = bisect_right(own, (start, end)) - 1
    return any(a <= start < b or a < end <= b for a, b in own[max(index, 0) : index + 2])

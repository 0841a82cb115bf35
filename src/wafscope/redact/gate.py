"""Telling which records can hold no secret, and where in the others one may be, at a fraction of the cost of looking.

One automaton (Hyperscan) knows every name and every form, and goes over a whole task in one call, at a nanosecond a
byte.  It is made once, so that looking at a short text costs next to nothing.  Where it has found a name, what stands
around that tells whether it may be one of a secret at all.  Whatever `Finder` finds in a text, this lets through: a
test proves that.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from functools import cached_property, lru_cache
from itertools import pairwise
from threading import Lock
from typing import NamedTuple

import hyperscan

from wafscope.redact.around import COLON, DIGIT, LETTER, NAMING, SEPARATOR, TAG, Around
from wafscope.redact.names import BESIDE, HEADER_WORDS, HEADERS, KEYS, PARTS, WORDS, pattern_of
from wafscope.settings import Redaction

Span = tuple[int, int]
Hit = int
"""Where what was found ends, and what it is, in the last bits: a hostile log may have one in each three bytes."""

_BITS = 3
_SORT = (1 << _BITS) - 1
_FORM, _NAME, _PART, _COOKIE, _TAG, _NAMING, _MULTIPART, _CODED = range(8)
"""What is told by its form; a word of a name; a whole part of one, with the byte behind it; any cookie that a rule
looked at.  The others hold no secret by themselves: what begins a tag, a member that holds a name, a part of multipart;
a letter or a digit that stands in a code."""
_FEW = 4
"""So few lines are looked into without asking."""

_CARD = "[2-6][0-9]{3}(?:[ -]?[0-9]){9}"
_DIGITS = (
    f"(?:^|[^0-9.]){_CARD}",
    # What stands before a card may be a code that ends with a digit.  Some patterns of which each begins with other
    # letters are found twice as fast as one, for \u003c is all over a log of Coraza.
    *(rf"\\u00{first}[0-9]{_CARD}" for first in "012456789abcdef"),
    *(rf"\\u003{second}{_CARD}" for second in "0123456789"),
)
_BESIDE = rf"(?:^|[?&#;\"]|:[ \t]*|%(?:25)*(?:3f|26|23)|\\+(?:x|u00)(?:26|3f|23)|\\+[nr])(?:{'|'.join(BESIDE)}){COLON}"
_SOCIAL = "[0-9]{3}-[0-9]{2}-[0-9]{4}"
_FORMS = (
    r"eyj[\w-]{8}",
    r":\\*/\\*/[^\s/?#@:\"<>]*:[^\s/?#@\"<>]+@",
    _BESIDE,
    *(re.sub(r"\{[0-9,]+\}", "{6}", key) for key in KEYS),
    r"\([sfax]\([\w-]{8}",
    "private key-",
)


class HotLine(NamedTuple):
    """A line that may hold a secret, by where it begins and ends in its part of an input."""

    begin: int
    end: int
    hits: list[Hit] | None
    """What was found in it; None where nobody has looked."""


class Look(NamedTuple):
    """What a look at a record told."""

    told: list[int]
    """Where names and forms end that may tell a secret by what stands around them."""
    coded: bool
    """Whether some letter or digit stands in a code."""


class Gate:
    """Tells what may hold a secret by a policy."""

    def __init__(self, policy: Redaction) -> None:
        self._policy = policy
        self._busy = Lock()

    @cached_property
    def automaton(self) -> hyperscan.Database:
        """What finds names and forms; it takes some 70 ms to make, once."""
        return _automaton(self._policy)

    def hot(self, parts: Sequence[bytes]) -> list[list[HotLine]]:
        """Return for each part of an input the lines that may hold a secret."""
        return [self._hot(part) for part in parts]

    def _hot(self, part: bytes) -> list[HotLine]:
        if part.count(b"\n") < _FEW:
            begins = [*_begins(part), len(part) + 1]
            return [HotLine(begin, after - 1, None) for begin, after in pairwise(begins)]
        found: list[HotLine] = []
        end = -1
        around = Around(part)
        hits = self._hits(part)
        for hit in hits:
            position, sort = hit >> _BITS, hit & _SORT
            if position <= end + 1 or not _tells(around, position, sort):
                continue
            begin, end = part.rfind(b"\n", 0, position - 1) + 1, part.find(b"\n", position - 1)
            end = len(part) if end < 0 else end
            # The byte behind a part of a name may be the end of the line.
            inside = hits[bisect_right(hits, begin << _BITS | _SORT) : bisect_right(hits, (end + 1) << _BITS | _SORT)]
            found.append(HotLine(begin, end, [each - (begin << _BITS) for each in inside]))
        return found

    def look(self, record: bytes, hits: Sequence[Hit] | None = None) -> Look:
        """Look at one record, of which all `hits` may be known."""
        around = Around(record)
        hits = self._hits(record) if hits is None else hits
        return Look(
            [hit >> _BITS for hit in hits if _tells(around, hit >> _BITS, hit & _SORT)],
            any(hit & _SORT == _CODED for hit in hits),
        )

    def _hits(self, text: bytes) -> list[Hit]:
        """Return all names and forms in a text, by where they end."""
        found: list[Hit] = []

        def add(sort: int, _start: int, end: int, _flags: int, _context: object) -> None:
            found.append(end << _BITS | sort)

        with self._busy:
            self.automaton.scan(text, match_event_handler=add)
        found.sort()
        return found

    def zones(self, text: bytes, first: int = 0, last: int | None = None) -> list[Span]:
        """Return the pieces between quotes, of a part of a text, in which a name or a value may tell a secret."""
        part = text[first:last]
        zones: list[Span] = []
        done = -1
        for hit in self._hits(part):
            position, sort = hit >> _BITS, hit & _SORT
            # The byte behind a part of a name may be a quote.
            at = max(position - 1 - (sort == _PART), 0)
            if at < done or sort > _COOKIE:
                continue
            done = part.find(b'"', at)
            done = len(part) if done < 0 else done
            if at == done:
                continue
            zones.append((first + part.rfind(b'"', 0, at) + 1, first + done))
        return zones


gate_of = lru_cache(maxsize=4)(Gate)
"""The gate of a policy, whatever the store."""


def _tells(around: Around, position: int, sort: int) -> bool:
    """Tell whether a hit may tell a secret; those around it are asked for in order."""
    if sort <= _COOKIE:
        return sort in (_FORM, _COOKIE) or around.is_name(position - (sort == _PART))
    if sort == _TAG:
        around.tag = position
    elif sort == _NAMING:
        around.naming = position
    elif sort == _MULTIPART:
        around.multipart = position
    return False


def _begins(part: bytes) -> list[int]:
    """Return where each line begins."""
    begins = [0]
    while begin := part.find(b"\n", begins[-1]) + 1:
        begins.append(begin)
    return begins if begins[-1] < len(part) else begins[:-1]


def pieces(text: bytes, start: int = 0, end: int | None = None) -> list[Span]:
    """Return all pieces between quotes, of a part of a text."""
    end = len(text) if end is None else end
    found: list[Span] = []
    while (quote := text.find(b'"', start, end)) >= 0:
        found.append((start, quote))
        start = quote + 1
    return [*found, (start, end)]


def _own(name: str) -> str:
    return re.sub("[^a-z0-9]+", "_", name.lower())


def _automaton(policy: Redaction) -> hyperscan.Database:
    """Return what finds names of secrets, and what is told by its form."""
    names = sorted({*WORDS, *HEADER_WORDS, *HEADERS})
    parts = sorted({*PARTS, *map(_own, policy.names)})
    patterns = [(_NAME, pattern_of([name], SEPARATOR)) for name in names]
    patterns += [(_PART, rf"{pattern_of([part], SEPARATOR)}(?-i:[^a-z0-9]|$)") for part in parts]
    patterns += [
        (_NAME, LETTER),
        (_CODED, LETTER),
        (_CODED, DIGIT),
        (_COOKIE, "request_cookies:"),
        (_TAG, TAG),
        (_NAMING, NAMING),
        (_MULTIPART, "form-data"),
    ]
    patterns += [(_FORM, form) for form in _FORMS]
    if policy.cards:
        patterns += [(_FORM, digits) for digits in _DIGITS]
    if policy.national:
        patterns.append((_FORM, _SOCIAL))
    flags = hyperscan.HS_FLAG_CASELESS | hyperscan.HS_FLAG_MULTILINE
    database = hyperscan.Database()
    database.compile(
        expressions=[pattern.encode("latin-1") for _, pattern in patterns],
        ids=[sort for sort, _ in patterns],
        flags=[flags] * len(patterns),
    )
    return database

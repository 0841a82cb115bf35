"""Telling which records can hold no secret, and where in the others one may be, at a fraction of the cost of looking.

One automaton (RE2, which comes with Arrow) goes over all lines of a task in one call, at little more than a nanosecond
a byte, and so it does over the texts of those records that it let through.  Whatever `Finder` finds in a text, it must
let through: a test proves that over the corpus.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate

import pyarrow as pa
import pyarrow.compute as pc

from wafscope.redact.names import BESIDE, HEADER_WORDS, HEADERS, KEYS, PARTS, WORDS, pattern_of
from wafscope.settings import Redaction

Span = tuple[int, int]

_FEW = 4
"""So few lines are looked into without asking: building the automaton takes as long as that."""
_LITTLE = 1 << 12
"""So few bytes of texts, too."""
_WINDOW = 192
"""Bytes of a text that are looked at together at first: each piece between quotes costs something by itself."""
_SELDOM = 0.1
"""Of lines of which more hold a name, not each is asked again: a longer pattern takes longer."""


class Gate:
    """Tells what may hold a secret by a policy."""

    def __init__(self, policy: Redaction) -> None:
        self._names, self._around = _patterns(policy)

    def hot(self, parts: Sequence[bytes]) -> list[list[int]]:
        """Return for each part of an input where the lines begin that may hold a secret."""
        return [self._hot(part) for part in parts]

    def _hot(self, part: bytes) -> list[int]:
        begins = _lines(part)
        count = len(begins) - 1
        if count <= _FEW:
            return begins[:count].tolist()
        lines = pa.LargeBinaryArray.from_buffers(
            pa.large_binary(), count, [None, pa.py_buffer(begins), pa.py_buffer(part)]
        )
        hits = pc.indices_nonzero(pc.match_substring_regex(lines, pattern=self._names))
        if _FEW < len(hits) < count * _SELDOM:
            hits = hits.filter(pc.match_substring_regex(lines.take(hits), pattern=self._around))
        return [begins[line] for line in hits.to_pylist()]

    def zones(self, texts: Sequence[bytes]) -> list[list[Span]]:
        """Return for each text the pieces between quotes in which a name or a value may tell a secret."""
        if sum(map(len, texts)) <= _LITTLE:
            return [pieces(text) for text in texts]
        joined = b'"'.join(texts)
        begins = array("q", [0])
        begin = 0
        while begin := joined.find(b'"', begin + _WINDOW) + 1:
            begins.append(begin)
        begins.append(len(joined))
        windows = pa.LargeBinaryArray.from_buffers(
            pa.large_binary(), len(begins) - 1, [None, pa.py_buffer(begins), pa.py_buffer(joined)]
        )
        found = pc.indices_nonzero(pc.match_substring_regex(windows, pattern=self._names)).to_pylist()
        zones: list[list[Span]] = [[] for _ in texts]
        if not found:
            return zones
        closer = [piece for window in found for piece in pieces(joined, begins[window], begins[window + 1])]
        view = memoryview(joined)
        named = pc.match_substring_regex(
            pa.array([view[first:last] for first, last in closer], pa.large_binary()), pattern=self._names
        )
        starts = list(accumulate((len(text) + 1 for text in texts), initial=0))
        for hit in pc.indices_nonzero(named).to_pylist():
            first, last = closer[hit]
            number = bisect_right(starts, first) - 1
            zones[number].append((first - starts[number], last - starts[number]))
        return zones


def _lines(part: bytes) -> array[int]:
    """Return where each line begins, and the end of the last one."""
    begins = array("q", [0])
    begin = 0
    while begin := part.find(b"\n", begin) + 1:
        begins.append(begin)
    if begins[-1] < len(part):
        begins.append(len(part))
    return begins


def pieces(text: bytes, start: int = 0, end: int | None = None) -> list[Span]:
    """Return all pieces between quotes, of a part of a text."""
    end = len(text) if end is None else end
    found: list[Span] = []
    while (quote := text.find(b'"', start, end)) >= 0:
        found.append((start, quote))
        start = quote + 1
    return [*found, (start, end)]


_CODED = r"(?:%(?:25)*|\\+(?:x|u00))"
_SEPARATOR = rf"(?:[^a-z0-9]|{_CODED}[0-9a-f][0-9a-f])?"
_NAME = r"[\w.\-\[\]%$\x80-\xff]*"
_NEXT_PART = r"(?-i:[A-Z_.\-\[\]%$\x80-\xff])"
"""What a whole part of a name ends before; so `stopwatch`, which every record of some formats has, is no `pw`."""
_QUOTE = r"""(?:\\*["'`]|\\+(?:x|u00)2[27]|%(?:25)*2[27]|&(?:quot|apos|#34|#39|#x22|#x27);)"""
_BETWEEN = r"(?:\s|\\+[nrt]|%(?:25)*(?:20|0[9ad])|\+)*"
_COMMA = r"(?:,|%(?:25)*2c|\\+(?:x|u00)2c)"
_COLON = r"(?:=|:|%(?:25)*3[ad]|\\+(?:x|u00)3[ad])"
_SIGN = rf"{_BETWEEN}(?:{_COLON}|{_QUOTE}{_BETWEEN}(?:{_COLON}|{_COMMA}{_BETWEEN}{_QUOTE}value|$))"
_OPEN = r"(?:<|%(?:25)*3c|\\+(?:x|u00)3c|&lt;)"
_CLOSE = r"(?:>|%(?:25)*3e|\\+(?:x|u00)3e|&gt;)"
_LETTER = rf"{_CODED}(?:4[1-9a-f]|5[0-9a]|6[1-9a-f]|7[0-9a])"
"""A letter that stands in a code."""
_COLLECTIONS = (
    "args|args_get|args_post|request_headers|response_headers|multipart_part_headers|files|xml|json|env|session"
)
_BEFORE = "|".join(
    (
        rf"{_OPEN}(?:[\w.-]+:)?[\w.-]*",
        rf"{_OPEN}(?:input|meta|param|entry|property|textarea)[^<>]*",
        rf"{_CLOSE}{_BETWEEN}",
        rf"(?:name|id|key|property|equiv)\s?=\s?{_QUOTE}[^\s\"'>]*",
        r"form-data;[^\r\n]*",
        rf"(?:{_COLLECTIONS}):[^\s'\"`,|]*",
        rf"{_QUOTE}(?:key|name|id){_QUOTE}{_BETWEEN}:{_BETWEEN}{_QUOTE}[^\"\\]*",
    )
)
"""What makes a name of what follows, where no sign need be behind it."""
_DIGITS = r"(?:^|[^0-9.])[2-6][0-9]{3}(?:[ -]?[0-9]){9}"
_BESIDE = rf"(?:^|[?&#;\"]|%(?:25)*(?:3f|26|23)|\\+(?:x|u00)(?:26|3f|23)|\\+[nr])(?:{'|'.join(BESIDE)}){_COLON}"
_KEYS = "|".join((*(re.sub(r"\{[0-9,]+\}", "{6}", key) for key in KEYS), r"\([sfax]\([\w-]{8}", "private key-"))
_SOCIAL = r"(?:^|[^\w-])[0-9]{3}-[0-9]{2}-[0-9]{4}"


def _own(name: str) -> str:
    return re.sub("[^a-z0-9]+", "_", name.lower())


def _patterns(policy: Redaction) -> tuple[str, str]:
    """Return what tells quickly that there is no name of a secret and nothing like one; and what stands around it."""
    names = sorted({*WORDS, *HEADER_WORDS, *HEADERS, *map(_own, policy.names)})
    words, parts = pattern_of(names, _SEPARATOR), pattern_of(PARTS, _SEPARATOR)
    looks = [r"eyj[\w-]{8}", r"://[^\s/?#@:\"<>]*:[^\s/?#@\"<>]+@", _BESIDE, _KEYS]
    if policy.cards:
        looks.append(_DIGITS)
    if policy.national:
        looks.append(_SOCIAL)
    quick = [words, rf"(?:{parts})(?-i:[^a-z0-9]|$)", _LETTER, *looks]
    around = [
        rf"(?:{words}|{_LETTER}){_NAME}{_SIGN}",
        rf"(?:{parts})(?:{_NEXT_PART}{_NAME})?{_SIGN}",
        rf"(?:{_BEFORE})(?:{words}|{parts})",
        "request_cookies:",
        *looks,
    ]
    return f"(?i){'|'.join(quick)}", f"(?i){'|'.join(around)}"

"""Telling the records that can hold no secret, at a fraction of the cost of looking for one.

One automaton (RE2, which comes with Arrow) goes over all lines of a task in one call, at about two nanoseconds a
byte, and so it does over the texts of those records that it let through.  Whatever `Finder` finds in a text, it must
let through: a test proves that over the corpus.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import accumulate

import pyarrow as pa
import pyarrow.compute as pc

from wafscope.redact.names import HEADER_WORDS, HEADERS, PARTS, WORDS, pattern_of
from wafscope.settings import Redaction

_FEW = 4
"""So few lines are looked into without asking: building the automaton takes as long as that."""


class Gate:
    """Tells which texts may hold a secret by a policy."""

    def __init__(self, policy: Redaction) -> None:
        self._pattern = _pattern(policy)

    def hits(self, texts: Sequence[bytes]) -> list[int]:
        """Return the numbers of the texts that may hold one."""
        if len(texts) <= _FEW:
            return list(range(len(texts)))
        found = pc.match_substring_regex(pa.array(texts, pa.large_binary()), pattern=self._pattern)
        hits: list[int] = pc.indices_nonzero(found).to_pylist() if found.true_count else []
        return hits

    def hot(self, parts: Sequence[bytes]) -> list[list[int]]:
        """Return for each part of an input where the lines begin that may hold a secret."""
        lines = [line for part in parts for line in part.split(b"\n")]
        hits = set(self.hits(lines))
        if not hits:
            return [[] for _ in parts]
        hot: list[list[int]] = []
        number = 0
        for part in parts:
            last = number + part.count(b"\n") + 1
            begins = accumulate((len(line) + 1 for line in lines[number:last]), initial=0)
            numbered = enumerate(begins, number)
            hot.append([begin for place, begin in numbered if place in hits and place < last])
            number = last
        return hot


_SEPARATOR = r"(?:[^a-z0-9]|%[0-9a-f][0-9a-f])?"
_NAME = r"[\w.\-\[\]%$\x80-\xff]*"
_NEXT_PART = r"(?-i:[A-Z_.\-\[\]%$\x80-\xff])"
"""What a whole part of a name ends before; so `stopwatch`, which every record of some formats has, is no `pw`."""
_QUOTE = r"""(?:\\*["']|\\+(?:x|u00)22|%22|&quot;|&#34;)"""
_BETWEEN = r"(?:\s|\\+[nrt]|%20|%0[ad]|\+)*"
_SIGN = rf"(?:=|:|%3d|%3a|\\+(?:x|u00)3[da]|{_QUOTE}{_BETWEEN}(?:=|:|%3a|\\+(?:x|u00)3a|$))"
_OPEN = r"(?:<|%3c|\\+(?:x|u00)3c|&lt;)"
_CODE = r"(?:%(?:4[1-9a-f]|5[0-9a]|6[1-9a-f]|7[0-9a])|\\+(?:u00|x)(?:4[1-9a-f]|5[0-9a]|6[1-9a-f]|7[0-9a]))"
"""A letter that stands in a code."""
_COLLECTIONS = "args|args_get|args_post|request_headers|response_headers|multipart_part_headers|files|xml|json"
_DIGITS = r"(?:^|[^0-9.])[2-6][0-9]{3}(?:[ -]?[0-9]){9}"
_SOCIAL = r"(?:^|[^\w-])[0-9]{3}-[0-9]{2}-[0-9]{4}"


def _own(name: str) -> str:
    return re.sub("[^a-z0-9]+", "_", name.lower())


def _pattern(policy: Redaction) -> str:
    own = [_own(name) for name in policy.names]
    whole = {*HEADERS, "set-cookie"}
    words = pattern_of(sorted({*WORDS, *HEADER_WORDS, *whole, *PARTS, *own}), _SEPARATOR)
    within = pattern_of(sorted({*WORDS, *HEADER_WORDS, *whole, *own}), _SEPARATOR)
    parts = pattern_of(PARTS, _SEPARATOR)
    kinds = [
        rf"(?:{within}|{_CODE}){_NAME}{_SIGN}",
        rf"(?:{parts})(?:{_NEXT_PART}{_NAME})?{_SIGN}",
        rf"{_OPEN}(?:[\w.-]+:)?[\w.-]*(?:{words})",
        rf"{_OPEN}(?:input|meta|param)[^<>]*(?:{words})",
        rf"form-data; ?name={_QUOTE}?[^\r\n;]*(?:{words})",
        rf"(?:{_COLLECTIONS}):[^\s'\"`,|]*(?:{words}|cookie)",
        rf"(?:name|id|property|equiv)\s?=\s?{_QUOTE}[^\s\"'>]*(?:{words})",
        r"request_cookies:",
        rf"{_QUOTE}(?:key|name){_QUOTE}:{_QUOTE}[^\"\\]*(?:{words})",
        r"eyj[\w-]{8}",
        r"://[^\s/?#@:\"<>]*:[^\s/?#@\"<>]+@",
        r"masked-[0-9a-f]{8}",
    ]
    if policy.cards:
        kinds.append(_DIGITS)
    if policy.national:
        kinds.append(_SOCIAL)
    return f"(?i){'|'.join(kinds)}"

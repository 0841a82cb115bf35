"""Telling the records that can hold no secret, at a fraction of the cost of looking for one.

One automaton (RE2, which comes with Arrow) goes over all lines of a task in one call, and tells the lines in which
there is a word of the tables, or a number; `may_hold` then looks whether it stands where a name or a value does.
Whatever `Finder` finds, both must let through: a test proves that over the corpus.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import accumulate

import pyarrow as pa
import pyarrow.compute as pc

from wafscope.redact.names import HEADER_WORDS, HEADERS, PARTS, WORDS, pattern_of
from wafscope.settings import Redaction

_MOST_LOOKED = 1 << 13


class Gate:
    """Tells which records may hold a secret by a policy."""

    def __init__(self, policy: Redaction) -> None:
        self._rough = [_rough(policy), *_numbers(policy)]
        self._exact = re.compile(_pattern(policy).encode("latin-1")).search

    def may_hold(self, raw: bytes) -> bool:
        """Tell whether a record may hold one; a long one is not worth the look."""
        return len(raw) > _MOST_LOOKED or self._exact(raw) is not None

    def hot(self, parts: Sequence[bytes]) -> list[list[int]]:
        """Return for each part of an input where the lines begin that may have to do with a secret."""
        lines = [line for part in parts for line in part.split(b"\n")]
        array = pa.array(lines, pa.large_binary())
        hits: set[int] = set()
        for pattern in self._rough:
            found = pc.match_substring_regex(array, pattern=pattern)
            if found.true_count:
                hits.update(pc.indices_nonzero(found).to_pylist())
        if not hits:
            return [[] for _ in parts]
        hot: list[list[int]] = []
        number = 0
        for part in parts:
            count = part.count(b"\n") + 1
            begins = accumulate((len(line) + 1 for line in lines[number : number + count]), initial=0)
            hot.append(
                [begin for place, begin in enumerate(begins, number) if place in hits and place < number + count]
            )
            number += count
        return hot


_SEPARATOR = r"(?:[^a-z0-9]|%[0-9a-f][0-9a-f])?"
_NAME = r"[\w.\-\[\]%$\x80-\xff]*"
_QUOTE = r"""(?:\\*["']|\\+(?:x|u00)22|%22|&quot;|&#34;)"""
_BETWEEN = r"(?:\s|\\+[nrt]|%20|%0[ad]|\+)*"
_SIGN = rf"(?:=|:|%3d|%3a|\\+(?:x|u00)3[da]|{_QUOTE}{_BETWEEN}(?:=|:|%3a|\\+(?:x|u00)3a))"
_OPEN = r"(?:<|%3c|\\+(?:x|u00)3c|&lt;)"
_CODE = r"(?:%(?:4[1-9a-f]|5[0-9a]|6[1-9a-f]|7[0-9a])|\\+(?:u00|x)(?:4[1-9a-f]|5[0-9a]|6[1-9a-f]|7[0-9a]))"
"""A letter that stands in a code."""
_COLLECTIONS = "args|args_get|args_post|request_headers|response_headers|multipart_part_headers|files|xml|json"
_DIGITS = r"(?:^|[^0-9.])[2-6][0-9]{3}(?:[ -]?[0-9]){9}"
_SOCIAL = r"(?:^|[^\w-])[0-9]{3}-[0-9]{2}-[0-9]{4}"


_ROOTS = (
    "passw|passp|passc|pass[^a-z]|pwd|pw[^a-z]|secret|token|srf|jwt|credent|asserti|nonce|uthoriz|auth[^a-z]|x.?auth"
    "|cookie|iban|sess|key|card|cc.{0,3}number|security.{0,3}code|social.{0,3}sec|nationa|my.{0,3}numb|tax.{0,3}id|otp[^a-z]|cv[vc]"
    "|ssn|nino[^a-z]|sectok|signatu"
)
"""What is common to the words of the tables: the smaller an automaton, the faster it is."""


def _rough(policy: Redaction) -> str:
    own = "".join("|" + pattern_of([_own(name)], ".{0,3}") for name in policy.names)
    return rf"(?is){_ROOTS}{own}|{_CODE}|eyj|masked-|://[^\s/?#@]*:[^\s/?#@]*@"


def _numbers(policy: Redaction) -> list[str]:
    kinds = [_DIGITS] * policy.cards + [_SOCIAL] * policy.national
    return ["|".join(kinds)] if kinds else []


def _own(name: str) -> str:
    return re.sub("[^a-z0-9]+", "_", name.lower())


def _pattern(policy: Redaction) -> str:
    own = [_own(name) for name in policy.names]
    whole = {*HEADERS, "set-cookie"}
    words = pattern_of(sorted({*WORDS, *HEADER_WORDS, *whole, *PARTS, *own}), _SEPARATOR)
    kinds = [
        rf"(?:{words}|{_CODE}){_NAME}{_SIGN}",
        rf"{_OPEN}(?:[\w.-]+:)?[\w.-]*(?:{words})",
        rf"{_OPEN}(?:input|meta|param)[^<>]*(?:{words})",
        rf"form-data; ?name={_QUOTE}?[^\r\n;]*(?:{words})",
        rf"(?:{_COLLECTIONS}):[^\s'\"`,|]*(?:{words}|cookie)",
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

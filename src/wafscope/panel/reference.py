"""Reads `reference` of libmodsecurity 3: where in the request a match was.

    reference = *( *oSpan *vSpan [ "t:" name *( ",t:" name ) ] )

The items follow one another without separators, so a transformation is told from what follows by its
name (formats specification, section 6.3).  What can not be read whole is not used at all.
"""

from __future__ import annotations

import re

import msgspec

TRANSFORMATIONS = (
    "base64Decode", "base64DecodeExt", "base64Encode", "cmdLine", "compressWhitespace", "cssDecode", "escapeSeqDecode",
    "hexDecode", "hexEncode", "htmlEntityDecode", "jsDecode", "length", "lowercase", "md5", "none", "normalisePath",
    "normalizePath", "normalisePathWin", "normalizePathWin", "parityEven7bit", "parityOdd7bit", "parityZero7bit",
    "removeComments", "removeCommentsChar", "removeNulls", "removeWhitespace", "replaceComments", "replaceNulls",
    "sha1", "sqlHexDecode", "trim", "trimLeft", "trimRight", "uppercase", "urlDecode", "urlDecodeUni", "urlEncode",
    "utf8toUnicode",
)  # fmt: skip

_NAMES = "|".join(sorted(TRANSFORMATIONS, key=len, reverse=True))
_ITEM = re.compile(rf"([ov])(\d{{1,9}}),(\d{{1,9}})|,?t:({_NAMES})")


class Span(msgspec.Struct, frozen=True):
    """A stretch of bytes."""

    offset: int
    length: int


class Link(msgspec.Struct, frozen=True):
    """One value that a rule, or one link of its chain, looked at."""

    matched: tuple[Span, ...] = ()
    """In the value after the transformations: the whole match and its groups."""
    value: Span | None = None
    """In the request as sent; the length is that of the decoded value."""
    transformations: tuple[str, ...] = ()


def read(reference: str) -> tuple[Link, ...]:
    """Return the links of a reference in order; none where it can not be read whole."""
    links: list[Link] = []
    matched: list[Span] = []
    value: Span | None = None
    names: list[str] = []
    at = 0

    def close() -> None:
        nonlocal matched, value, names
        if matched or value or names:
            links.append(Link(tuple(matched), value, tuple(names)))
        matched, value, names = [], None, []

    while at < len(reference):
        item = _ITEM.match(reference, at)
        if item is None:
            return ()
        at = item.end()
        if item[4]:
            names.append(item[4])
            continue
        if names or value:
            close()
        span = Span(int(item[2]), int(item[3]))
        if item[1] == "o":
            matched.append(span)
        else:
            value = span
    close()
    return tuple(links)

"""Where in a record values stand that came over the wire, and what is known of each: its name, and what wrote it.

Nothing outside of a region is ever changed, so that no value, whatever it is, can harm what makes the record one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import accumulate
from typing import Literal

import msgspec

from wafscope.event.format import is_error_log

Kind = Literal["header", "body", "match", "other"]
"""`match` is what a rule says it matched; `other` a URI, say."""


class Region(msgspec.Struct, frozen=True, gc=False):
    """A stretch of a record that holds a value, or a line of text with values in it."""

    start: int
    end: int
    kind: Kind
    name: bytes = b""
    """Name of the header or member; "" where it has none."""
    exact: bool = False
    """Whether the text ends where the region ends: a member of its own, no part of a line."""


_FIXED = frozenset(
    b"client_ip time_stamp timestamp unix_timestamp server_id unique_id id http_version method modsecurity connector"
    b" secrules_engine components ruleId file filename lineNumber line line_num severity ver version rev tags tag"
    b" maturity accuracy reference time transaction_id remote_address local_address protocol stopwatch producer server"
    b" engine_mode rule_engine rulesets raw unparsed actionset operator operator_param target rules_performance_info"
    b" client_port host_ip host_port remote_port local_port status sensor_id sanitized highest_severity class_name"
    b" category_name activity_name type_name uid ip type vendor_name severity_id phase hostname handler host"
    b" Host HOST".split()
)
"""Members that hold what the engine knows by itself."""
_BODIES = frozenset({b"body", b"request_body", b"response_body", b"fake_body"})
_MATCHES = frozenset({b"match", b"data", b"error_message", b"messages", b"error_messages"})
_PLACES = frozenset(
    {b"uri", b"request_line", b"url_string", b"query_string", b"path", b"referrer", b"referer", b"Referer"}
)
_Sort = Kind | Literal["fixed", "naming", "value"]
_SORTS: dict[bytes, _Sort] = {
    **dict.fromkeys(_FIXED, "fixed"),
    **dict.fromkeys(_BODIES, "body"),
    **dict.fromkeys(_MATCHES, "match"),
    **dict.fromkeys(_PLACES, "other"),
    b"key": "naming",
    b"name": "naming",
    b"value": "value",
}
"""What the strings of a member are: `value` is that of the header whose name stands in one for `naming`."""
_SPACE = b" \t\r\n"
_EXACT = ("v3.json", "coraza.json")

_SEPARATOR = re.compile(rb"^(-{2,3}[0-9A-Za-z]{8,16}-{1,3})([A-Z])--[ \t]*\r?$", re.MULTILINE)
_LINE = re.compile(rb"[^\n]+")
_HEADER = re.compile(rb"([^\s:]{1,200}):[ \t]*([^\r\n]*)")
_OF_ENGINE = re.compile(
    rb"(?:Stopwatch2?|Producer|Server|Engine-Mode|Sensor-Id|Response-Body-Transformed|Apache-Handler"
    rb"|Sanitised-[A-Za-z-]+|Rules-Performance-Info):"
)
"""Lines of part H that hold nothing of the request."""
_OWN = re.compile(
    rb'\[(?:file|line|id|rev|severity|ver|maturity|accuracy|tag|hostname|unique_id|ref) "[^"]{0,2000}"\]'
    rb"|\[(?:client|pid|security2|file|line|level|tid)[^\]\n]{0,200}\]"
    rb'|, (?:client|server): [^\s,]{1,300}|, host: "[^"]{0,300}"|, request: "[A-Z]{1,20} | HTTP/[\d.]{1,3}"'
    rb"|\A\d{4}/\d\d/\d\d \d\d:\d\d:\d\d \[\w+\] [\d#]+: (?:\*\d+ )?"
)
"""What the engine says of itself in a line."""


def regions_of(raw: bytes, kind: str) -> list[Region]:
    """Return the regions of a record of a format, in order; "" where the format is not known, or it is a piece."""
    if kind.endswith(".native"):
        return list(_native(raw))
    if is_error_log(kind):
        return list(_lines(raw, 0, len(raw)))
    if not kind:
        return list(_unknown(raw))
    return list(_json(raw, exact=kind in _EXACT))


def is_json(raw: bytes, kind: str) -> bool:
    """Tell whether the texts of a record stand in JSON."""
    return kind.endswith((".json", ".jsonlegacy", ".ocsf")) or (not kind and raw.lstrip()[:1] == b"{")


def _unknown(raw: bytes) -> Iterator[Region]:
    if is_json(raw, ""):
        yield from _json(raw, exact=False)
    elif _SEPARATOR.search(raw):
        yield from _native(raw)
    else:
        for line in _LINE.finditer(raw):
            header = _HEADER.fullmatch(line[0].rstrip(b"\r"))
            if header is not None and header[2]:
                yield Region(line.start(), line.end(), "match")
                yield Region(line.start() + header.start(2), line.start() + header.end(2), "header", header[1])
            else:
                yield Region(line.start(), line.end(), "match")


def _json(raw: bytes, *, exact: bool) -> Iterator[Region]:
    """What stands between quotes and is no name of a member."""
    plain = raw
    if b'\\"' in raw:
        # Escapes give way to as many bytes, so that every quote left is one of JSON.
        plain = (raw.replace(b"\\\\", b"__") if b'\\\\"' in raw else raw).replace(b'\\"', b"__")
    parts = plain.split(b'"')
    strings, after = parts[1::2], parts[2::2]
    # How many bytes there are before each string, quotes left out.
    before = list(accumulate(map(len, parts)))[::2]
    names = [
        number
        for number, text in enumerate(after)
        if text[:1] == b":" or (text[:1] in _SPACE and text.lstrip()[:1] == b":")
    ]
    named = b""
    for number, following in zip([-1, *names], [*names, len(strings)], strict=True):
        name = strings[number] if number >= 0 else b""
        sort = _SORTS.get(name)
        if sort == "fixed":
            continue
        if sort is None:
            name = raw[before[number] + 2 * number + 1 :][: len(name)] if b"_" in name else name
        for place in range(number + 1, following):
            start = before[place] + 2 * place + 1
            end = start + len(strings[place])
            if sort == "naming":
                named = raw[start:end]
            if start == end:
                continue
            if sort is None or sort == "naming":
                yield Region(start, end, "header", name, exact=True)
            elif sort == "value":
                yield Region(start, end, "header", named or name, exact=True)
            elif sort == "match":
                yield Region(start, end, sort, name, exact=exact and name == b"data")
            else:
                yield Region(start, end, sort, name, exact=True)


def _native(raw: bytes) -> Iterator[Region]:
    first = _SEPARATOR.search(raw)
    if first is None:
        yield from _lines(raw, 0, len(raw))
        return
    marks = [first]
    boundary = b"\n" + first[1]
    begin = first.end()
    while (begin := raw.find(boundary, begin)) >= 0:
        begin += 1
        line = _SEPARATOR.match(raw, begin)
        if line is not None and line[1] == first[1]:
            marks.append(line)
    for line, after in zip(marks, [*marks[1:], None], strict=True):
        start, end = min(line.end() + 1, len(raw)), after.start() if after else len(raw)
        letter = line[2]
        if letter in b"BDFG":
            yield from _head(raw, start, end)
        elif letter in b"CEIJ":
            # The line feeds before a separator are the engine's.
            end = start + len(raw[start:end].rstrip(b"\r\n"))
            if start < end:
                yield Region(start, end, "body", b"body")
        elif letter in b"HK":
            yield from _lines(raw, start, end)


def _head(raw: bytes, start: int, end: int) -> Iterator[Region]:
    """The request or status line, and headers; whatever stands between them is a value too."""
    for number, line in enumerate(_LINE.finditer(raw, start, end)):
        header = _HEADER.fullmatch(line[0].rstrip(b"\r")) if number else None
        if header is None:
            yield Region(line.start(), line.end(), "other")
        elif header[2] and header[1].lower() != b"host":
            at = line.start() + header.start(2)
            yield Region(at, at + len(header[2]), "header", header[1])


def _lines(raw: bytes, start: int, end: int) -> Iterator[Region]:
    for line in _LINE.finditer(raw, start, end):
        if not _OF_ENGINE.match(raw, line.start()):
            yield Region(line.start(), line.end(), "match")


def own_words(text: bytes) -> list[tuple[int, int]]:
    """Return where in a line the engine speaks of itself: no value can be there."""
    return [found.span() for found in _OWN.finditer(text)]

"""Finds the bytes of a request that a rule matched.  A place is given only where it is certain.

Three things may prove one: the target names a part of the request that is there once; the offset that
the engine logged is that of such a part; the value that the engine logged is in one place only.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import msgspec

from wafscope.event.mask import MASK_BYTES
from wafscope.event.model import Match, Value
from wafscope.event.text import to_bytes
from wafscope.panel.reference import Link, Span, read
from wafscope.panel.region import Region, Request, decoded

_OMITTED = re.compile(rb" \(\d+ characters omitted\)\Z")
_ESCAPED = re.compile(rb"\\x([0-9a-fA-F]{2})")
_FOUND = re.compile(r"Matched Data: (.*?) found within ", re.DOTALL)
_NOT_TEXT = frozenset({"DetectSQLi", "DetectXSS"})
"""Operators whose `Matched Data` is a fingerprint or a remark, not bytes of the request."""
_BY_RULE = {941100: "DetectXSS", 941101: "DetectXSS", 942100: "DetectSQLi", 942101: "DetectSQLi"}
"""The CRS rules with these operators: Coraza names the operator only with part K."""

_ALIKE = {
    "ARGS": ("ARGS_GET", "ARGS_POST"),
    "ARGS_NAMES": ("ARGS_GET_NAMES", "ARGS_POST_NAMES"),
}
_IN_BODY = frozenset({"ARGS", "ARGS_POST", "ARGS_NAMES", "FILES", "FILES_NAMES", "MULTIPART_FILENAME", "XML", "JSON"})
_LEAST = 4
"""A shorter value is found in a body by chance."""

_HEADERS = frozenset({"REQUEST_HEADERS", "REQUEST_HEADERS_NAMES"})
_SINGLE = frozenset({"MATCHED_VAR", "MATCHED_VARS"})


class Place(msgspec.Struct, frozen=True):
    """Where a match is: `start` to `end` in the text of the request."""

    start: int
    end: int
    whole: bool
    """True for the whole value of the target, False for the part that matched."""
    value: Span | None = None
    """The whole value: its offset in the request, and its length once decoded."""


def find(match: Match, request: Request) -> Place | None:
    """Find the bytes that a match is about; None where nothing is certain."""
    # Masks are not as long as what they stand for, so that no offset behind one is right.
    links = () if MASK_BYTES.search(request.text) else read(match.reference)
    target = _plain_target(match.target)
    found = _region(match, request, target, links) if target else None
    if found is None:
        return None
    region, link = found
    span = Span(region.start, len(region.value))
    inner = _inner(match, region, link)
    if inner is not None and inner != (region.start, region.end) and inner[0] < inner[1]:
        return Place(*inner, whole=False, value=span)
    return Place(region.start, region.end, whole=True, value=span) if region.start < region.end else None


def is_of_body(match: Match, request: Request) -> bool:
    """Tell whether a match is about what stands in the body, or may stand there: an argument that the query lacks."""
    collection, _, key = _plain_target(match.target).partition(":")
    if collection not in _IN_BODY | {"REQUEST_BODY"}:
        return False
    return not any(_is_named(region, collection, key) for region in request.regions)


def matched_text(match: Match) -> str:
    """The part that matched, as the rule logged it; empty where it does not say."""
    if operator_of(match) in _NOT_TEXT:
        return ""
    found = _FOUND.match(match.data)
    return found[1] if found else ""


def operator_of(match: Match) -> str:
    """The operator of a match: as logged, else what its rule is known to have; empty where neither tells."""
    return match.operator or _BY_RULE.get(match.rule_id or 0, "")


def of_value(match: Match, value: Value) -> Match:
    """A further matched value of a rule as a match of its own; offsets are known of the first one only."""
    return msgspec.structs.replace(match, target=value.target, value=value.value, data=value.data, reference="")


def _plain_target(target: str) -> str:
    """`MATCHED_VARS:ARGS:q` is `ARGS:q`."""
    head, _, rest = target.partition(":")
    return rest if head in _SINGLE and rest else target


def _region(match: Match, request: Request, target: str, links: tuple[Link, ...]) -> tuple[Region, Link | None] | None:
    collection, _, key = target.partition(":")
    named = [r for r in request.regions if _is_named(r, collection, key)]
    for link in reversed(links):
        for region in named:
            # Of several links the logged value belongs to one; that one may be about an argument of the same name.
            if _starts(region, link) and (len(links) == 1 or _is_value(region.value, match)):
                return region, link
    if not named and collection == "TX":
        return _computed(match, request, links)
    alike = [region for region in named if _is_value(region.value, match)] if _logged(match) else named
    if len(alike) == 1:
        return alike[0], links[-1] if links else None
    if not named and collection in _IN_BODY:
        return _in_body(match, request, links)
    return None


def _is_named(region: Region, collection: str, key: str) -> bool:
    if region.collection not in _ALIKE.get(collection, (collection,)):
        return False
    return region.key.lower() == key.lower() if collection != "ARGS" else region.key == key


def _starts(region: Region, link: Link) -> bool:
    return link.value is not None and (region.start, len(region.value)) == (link.value.offset, link.value.length)


def _computed(match: Match, request: Request, links: tuple[Link, ...]) -> tuple[Region, Link] | None:
    """For a variable the rules computed: the part of the request it was taken from.

    An offset alone proves nothing, as some connectors list headers in another order than they came.  The part
    must have the logged length, and the variable's value at the logged place; by its offset, or as the only one.
    """
    core = to_bytes(match.value).strip(b"|/").lower()
    found: dict[tuple[int, int], tuple[Region, Link]] = {}
    for link in links:
        length = link.value.length if link.value and core else -1
        for region in (part for part in request.regions if len(part.value) == length):
            span = _span_of(core, region, link)
            if span is not None and _starts(region, link):
                return region, msgspec.structs.replace(link, matched=(span,))
            if span is not None and region.collection in _HEADERS:
                found[region.start, region.end] = region, msgspec.structs.replace(link, matched=(span,))
    return next(iter(found.values())) if len(found) == 1 else None


def _span_of(core: bytes, region: Region, link: Link) -> Span | None:
    """Where in a part the value of a computed variable was taken from."""
    for span in link.matched:
        if region.value[span.offset : span.offset + span.length].lower() == core:
            return span
    return None


def _in_body(match: Match, request: Request, links: tuple[Link, ...]) -> tuple[Region, Link | None] | None:
    """For a value that the engine took out of JSON, XML or a multipart body: the one place where it stands."""
    value = _unescaped(_logged(match))
    if request.body_start is None or len(value) < _LEAST or _OMITTED.search(to_bytes(match.value)):
        return None
    body = request.text[request.body_start :]
    if body.count(value) != 1:
        return None
    start = request.body_start + body.index(value)
    return Region("REQUEST_BODY", "", start, start + len(value), value), links[-1] if links else None


def _logged(match: Match) -> bytes:
    return _OMITTED.sub(b"", to_bytes(match.value))


def _unescaped(value: bytes) -> bytes:
    return _ESCAPED.sub(lambda found: bytes([int(found[1], 16)]), value)


def _is_value(value: bytes, match: Match) -> bool:
    """Tell whether the logged value, which the engine escapes and cuts, may be this one."""
    logged = _logged(match)
    cut = match.cut or len(logged) < len(to_bytes(match.value))
    seen = value.lower()
    for candidate in (_unescaped(logged).lower(), logged.lower()):
        if seen == candidate or (cut and candidate and seen.startswith(candidate)):
            return True
    return False


def _is_logged(value: bytes, match: Match) -> bool:
    """As `_is_value`, where a variable of another name was logged: its value says nothing about this one."""
    return match.target.startswith("TX:") or _is_value(value, match)


# --- the part inside the value ------------------------------------------------


def _inner(match: Match, region: Region, link: Link | None) -> tuple[int, int] | None:
    wanted = to_bytes(matched_text(match)).lower()
    offsets = [span.offset for span in link.matched] if link else []
    for value, places in _readings(region):
        if wanted:
            at = _one_of(_positions(value.lower(), wanted), offsets)
            if at is not None:
                return _place(region, places, at, at + len(wanted))
        elif link and link.matched and _is_logged(value, match) and _unchanged(value, link.transformations):
            first = link.matched[0]
            if first.length and first.offset + first.length <= len(value):
                return _place(region, places, first.offset, first.offset + first.length)
    return None


def _readings(region: Region) -> Iterable[tuple[bytes, tuple[int, ...] | None]]:
    yield region.value, region.places
    if region.places is None and b"%" in region.value:
        yield decoded(region.value, region.start)


def _place(region: Region, places: tuple[int, ...] | None, first: int, last: int) -> tuple[int, int]:
    return msgspec.structs.replace(region, places=places).span(first, last)


def _positions(value: bytes, wanted: bytes) -> list[int]:
    found: list[int] = []
    at = value.find(wanted)
    while at >= 0 and len(found) < 100:
        found.append(at)
        at = value.find(wanted, at + 1)
    return found


def _one_of(positions: list[int], offsets: list[int]) -> int | None:
    if len(positions) == 1:
        return positions[0]
    return next((at for at in positions if at in offsets), None)


def _unchanged(value: bytes, transformations: tuple[str, ...]) -> bool:
    """Tell whether offsets in the transformed value are offsets in this one."""
    return all(_keeps(name, value) for name in transformations)


_HARMLESS = frozenset({"none", "lowercase", "uppercase"})
_TOUCHES: dict[str, bytes] = {
    "urlDecode": b"%+", "urlDecodeUni": b"%+", "htmlEntityDecode": b"&", "jsDecode": b"\\", "cssDecode": b"\\",
    "escapeSeqDecode": b"\\", "removeNulls": b"\0", "replaceNulls": b"", "removeWhitespace": b" \t\n\r\f\v\xa0",
    "replaceComments": b"/", "removeComments": b"/-#",
}  # fmt: skip


def _keeps(name: str, value: bytes) -> bool:
    if name in _HARMLESS:
        return True
    if name == "utf8toUnicode":
        return value.isascii()
    touched = _TOUCHES.get(name)
    return touched is not None and not any(byte in value for byte in touched)

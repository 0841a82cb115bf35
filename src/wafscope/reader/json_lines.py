"""The pieces of one line that holds JSON, or ought to."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from wafscope.event.text import from_bytes, to_bytes
from wafscope.reader.base import Context, Foreign, Found, NotARecord, Piece, Unreadable
from wafscope.reader.formats import JSON, Reader, json_format, read_json
from wafscope.reader.walk import Span

_START = b'{"transaction":'
_PART = re.compile(
    rb'"(?:transaction|details|request|response|producer|audit_data)":\{|"messages":\[|"ruleId":"|\}\}\s*$'
)
"""What a fragment of a record shows: its quotes are not escaped, so no payload can imitate it."""

_COMPLAINTS = re.compile(rb'(?:\{"error":"ModSecurity was not compiled with JSON support\."\})+')
_UTF_16 = b'\x00"\x00'
"""A quote between characters of two bytes: JSON, but in no encoding that an engine writes."""
_LEAD = b"\x00 \t\r\xef\xbb\xbf"
_LIST = b"[], \t\r"
"""What stands between the records of a list that somebody exported."""
_ENDS = (b"[", b"]")
"""The first and the last line of one that is printed over several."""
USUAL = b'{"transaction":{"client_ip":'
"""How most records begin, of most logs."""
_read_v2 = JSON["v2.json"].fast
_BEGINNING = len(b'{"transaction":{"time"')
_AS_USUAL = {
    b'{"transaction":{"time"': _read_v2,
    b'{"transaction":{"times': JSON["coraza.json"].fast,
}
"""How those of the other engines begin."""
_SLASH = len(b'{"transaction":{"time":"24')
"""Where the date of ModSecurity 2 has its first slash, and that of Coraza's legacy format none."""

_MOST_RESTARTS = 64
_raw_decode = json.JSONDecoder(parse_float=str, strict=False).raw_decode


def reader_at(data: bytes, start: int) -> Reader | None:
    """Return the fast reader of a line that begins as an engine's own records do; None for any other."""
    read = _AS_USUAL.get(data[start : start + _BEGINNING])
    return None if read is _read_v2 and not data.startswith(b"/", start + _SLASH) else read


def read_fast(data: bytes, span: Span, offset: int, context: Context) -> Found | None:
    """Read a line that begins like JSON, as almost all can be read; None for one that cannot."""
    line = data[span.start : span.stop]
    try:
        event = JSON[json_format(line)].fast(line, context)
    except (ValueError, RecursionError):
        return None
    return Found(event, offset + span.start, span.after - span.start)


def pieces_of_json(data: bytes, span: Span, offset: int, context: Context) -> Iterator[Piece]:
    """Yield the pieces of a line that begins like JSON, and that the fast path refused."""
    yield from _odd(data[span.start : span.stop], offset + span.start, span.after - span.start, context)


def pieces_of_other(data: bytes, span: Span, offset: int, context: Context) -> Iterator[Piece]:
    """Yield the pieces of a line that does not begin like a record."""
    line = data[span.start : span.stop]
    place, length = offset + span.start, span.after - span.start
    body = line.lstrip(_LEAD)
    lead = len(line) - len(body)
    if not body.rstrip(b"\r").strip(_LEAD):
        yield Foreign(place, length, lines=0)
    elif lead and body[:1] == b"{":
        yield Foreign(place, lead, lines=0)
        yield from _odd(body, place + lead, length - lead, context)
    else:
        yield from _odd(line, place, length, context)


def _odd(line: bytes, offset: int, length: int, context: Context) -> Iterator[Piece]:
    """Yield the pieces of a line that the fast path refused; `length` counts its line end too."""
    body = line.rstrip(b"\r")
    complaints = _COMPLAINTS.match(body)
    if complaints is not None:
        yield from _without_yajl(body, complaints.end(), offset, length, context)
    elif body[:1] == b"{":
        try:
            yield Found(read_json(body, context), offset, length)
        except NotARecord as error:
            foreign = error.foreign
            yield Foreign(offset, length) if foreign else Unreadable(line, offset, error.reason, length=length)
        except RecursionError:
            yield Unreadable(line, offset, "too_deep", length=length)
        except ValueError:
            yield from _damaged(body, offset, length, context)
    elif _START in body:
        yield from _damaged(body, offset, length, context)
    elif _PART.search(body):
        yield Unreadable(line, offset, "cut", length=length)
    elif _UTF_16 in body:
        yield Unreadable(line, offset, "wrong_encoding", length=length)
    else:
        yield Foreign(offset, length, lines=0 if body.strip() in _ENDS else 1)


def _without_yajl(body: bytes, size: int, offset: int, length: int, context: Context) -> Iterator[Piece]:
    """Yield what an engine without JSON writes: without a line end, so that a record can stand behind it."""
    rest = body[size:]
    yield Unreadable(body[:size], offset, "engine_without_json", length=size if rest.strip() else length)
    if rest.strip():
        yield from _odd(rest, offset + size, length - size, context)


def _damaged(body: bytes, offset: int, length: int, context: Context) -> Iterator[Piece]:
    """Take the whole records out of a line on which several stand, or one inside the rest of another.

    A record begins at `{"transaction":`; inside a text of a record its quotes would be escaped, so that
    no payload can pass for one.  What lies between is unreadable.
    """
    if _UTF_16 in body:
        yield Unreadable(body, offset, "wrong_encoding", length=length)
        return
    done = position = 0
    for _ in range(_MOST_RESTARTS):
        start = body.find(_START, position)
        if start < 0:
            break
        size = _object_size(body[start:])
        event = None
        if size:
            try:
                event = read_json(body[start : start + size], context)
            except (ValueError, RecursionError):
                event = None
        if event is None:
            position = start + 1
            continue
        if start > done:
            yield _loose(body[done:start], offset + done, "spliced")
        done = position = start + size
        last = done >= len(body.rstrip())
        yield Found(event, offset + start, length - start if last else size)
        if last:
            return
    reason = "spliced" if done else "cut" if body[:1] == b"{" else "not_json"
    yield _loose(body[done:], offset + done, reason, length - done)


def _loose(data: bytes, offset: int, reason: str, length: int | None = None) -> Piece:
    if not data.strip(_LIST):
        return Foreign(offset, len(data) if length is None else length, lines=0)
    return Unreadable(data, offset, reason, length=length)


def _object_size(data: bytes) -> int:
    """Return how many bytes the JSON object at the start of `data` takes; 0 when it is not whole."""
    text = from_bytes(data)
    try:
        _, end = _raw_decode(text)
    except (ValueError, RecursionError):
        return 0
    return len(to_bytes(text[:end]))

"""From a stretch of bytes to its pieces: records, foreign lines, and what can not be read.

A stretch begins at a line and ends at the end of one (or of the input).  The pieces cover it without gap
or overlap; a record's line end belongs to the record.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from wafscope.event.text import from_bytes, to_bytes
from wafscope.reader.base import Context, Foreign, Found, NotARecord, Piece, Unreadable
from wafscope.reader.modsecurity_json import read_fast, read_tolerant

_START = b'{"transaction":'
_PART = re.compile(rb'"(?:transaction|details|request|response|producer)":\{|"messages":\[|"ruleId":"|\}\}\s*$')
"""What a fragment of a record shows: its quotes are not escaped, so no payload can imitate it."""

_CLOSE = re.compile(rb"^\}\s*$", re.MULTILINE)
_WITHOUT_JSON = b'{"error":"ModSecurity was not compiled with JSON support."}'
_LEAD = b"\x00 \t\r\xef\xbb\xbf"
_MOST_RESTARTS = 64
_raw_decode = json.JSONDecoder(parse_float=str, strict=False).raw_decode


def read_pieces(data: bytes, offset: int, context: Context) -> Iterator[Piece]:
    """Yield the pieces of `data`, which stands at `offset` in its source, in order."""
    position = 0
    end = len(data)
    closes = True
    while position < end:
        stop = data.find(b"\n", position)
        after = end if stop < 0 else stop + 1
        line = data[position : end if stop < 0 else stop]
        if line[:1] == b"{":
            try:
                event = read_fast(line, context)
            except (ValueError, RecursionError):
                if closes and line.rstrip() == b"{":
                    # Looked for in vain once, there is none further on: the rest is not searched again.
                    closes, after, line = _pretty(data, position, after)
                yield from _odd_line(line, offset + position, after - position, context)
            else:
                yield Found(event, offset + position, after - position)
        else:
            yield from _odd_line(line, offset + position, after - position, context)
        position = after


def _pretty(data: bytes, position: int, after: int) -> tuple[bool, int, bytes]:
    """Return whether an object printed over several lines is closed by a `}` at column 1, its end and its bytes."""
    close = _CLOSE.search(data, after)
    if close is None:
        return False, after, data[position:after].rstrip(b"\n")
    stop = data.find(b"\n", close.start())
    return True, (len(data) if stop < 0 else stop + 1), data[position : close.start() + 1]


def _odd_line(line: bytes, offset: int, length: int, context: Context) -> Iterator[Piece]:
    """Yield the pieces of a line that the fast path refused; `length` counts its line end too."""
    body = line.lstrip(_LEAD)
    lead = len(line) - len(body)
    body = body.rstrip(b"\r")
    if not body.strip(_LEAD):
        yield Foreign(offset, length, lines=0)
        return
    if lead and body[:1] == b"{":
        yield Foreign(offset, lead, lines=0)
        offset, length = offset + lead, length - lead
    else:
        body = line.rstrip(b"\r")
    if body[:1] == b"{":
        try:
            yield Found(read_tolerant(body, context), offset, length)
        except NotARecord as error:
            yield Foreign(offset, length) if error.foreign else Unreadable(line, offset, error.reason)
        except RecursionError:
            yield Unreadable(line, offset, "too_deep")
        except ValueError:
            yield from _damaged(body, offset, length, context)
        return
    if _START in body:
        yield from _damaged(body, offset, length, context)
    elif _PART.search(body):
        yield Unreadable(line, offset, "cut")
    elif b"\x00" in body:
        yield Unreadable(line, offset, "wrong_encoding")
    else:
        yield Foreign(offset, length)


def _damaged(body: bytes, offset: int, length: int, context: Context) -> Iterator[Piece]:
    """Take the whole records out of a line on which several stand, or one inside the rest of another.

    A record begins at `{"transaction":`; inside a text of a record its quotes would be escaped, so that
    no payload can pass for one.  What lies between is unreadable.
    """
    if body.startswith(_WITHOUT_JSON):
        yield Unreadable(body, offset, "engine_without_json")
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
                event = read_tolerant(body[start : start + size], context)
            except (ValueError, RecursionError):
                event = None
        if event is None:
            position = start + 1
            continue
        if body[done:start].strip():
            yield Unreadable(body[done:start], offset + done, "spliced")
        elif start > done:
            yield Foreign(offset + done, start - done, lines=0)
        done = position = start + size
        last = done >= len(body.rstrip())
        yield Found(event, offset + start, length - start if last else size)
        if last:
            return
    yield Unreadable(body[done:], offset + done, "spliced" if done else "cut" if body[:1] == b"{" else "not_json")


def _object_size(data: bytes) -> int:
    """Return how many bytes the JSON object at the start of `data` takes; 0 when it is not whole."""
    text = from_bytes(data)
    try:
        _, end = _raw_decode(text)
    except (ValueError, RecursionError):
        return 0
    return len(to_bytes(text[:end]))

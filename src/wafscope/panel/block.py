"""Request and response as lines of text, with numbered marks on the bytes that matched."""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

import msgspec

from wafscope.event.model import Event
from wafscope.event.text import from_bytes
from wafscope.panel.region import Request

_MOST_LINES = 400
_MOST_TEXT = 60_000
"""Bytes of a block: no line begins beyond.  Of a long line the page shows less, so that few blocks get there."""
_MOST_OF_LINE = 4_000


class Mark(msgspec.Struct, frozen=True):
    """Bytes `start` to `end` of the text belong to these matches."""

    start: int
    end: int
    numbers: tuple[int, ...]


class Piece(msgspec.Struct, frozen=True):
    """Part of a line: a text, or the edge of a mark; marks nest properly."""

    kind: Literal["text", "name", "method", "open", "close"]
    text: str = ""
    numbers: tuple[int, ...] = ()
    """On `close`: the numbers to show; empty where the mark goes on after another one ends."""


class Line(msgspec.Struct, frozen=True):
    """One line of the block."""

    pieces: tuple[Piece, ...]
    marked: bool = False


class Block(msgspec.Struct, frozen=True):
    """The lines; `more` lines are left out at the end."""

    lines: tuple[Line, ...]
    more: int = 0


def request_block(request: Request, marks: tuple[Mark, ...]) -> Block:
    """Cut the text of a request into lines and put the marks in."""
    lines: list[Line] = []
    shown_bytes = 0
    text = request.text
    start = 0 if request.line_end else 1  # a record without a request line begins with its headers
    body = request.body_start if request.body_start is not None else len(text)
    while start < len(text):
        end = text.find(b"\n", start)
        end = len(text) if end < 0 else end
        if len(lines) == _MOST_LINES or shown_bytes > _MOST_TEXT:
            return Block(tuple(lines), text.count(b"\n", start) + (not text.endswith(b"\n")))
        # Of a line end in two bytes the first is not shown; a carriage return anywhere else is.
        shown = end - 1 if start >= body and text[end - 1 : end] == b"\r" else end
        lines.append(_line(text, start, shown, marks, head=_head(request, start, end, body)))
        shown_bytes += min(shown - start, _MOST_OF_LINE)
        start = end + 1
    return Block(tuple(lines))


def response_block(event: Event) -> Block:
    """Give the response as lines; nothing was matched in it that could be marked with certainty.

    Without a status there is no first line, unless the log has one.
    """
    logged = event.response_protocol
    protocol = _version(logged or event.protocol)
    status = "" if event.status is None else f" {event.status}"
    reason = (Piece("text", f" {event.response_reason}"),) if event.response_reason else ()
    lines = [Line((Piece("method", f"{protocol}{status}"), *reason))] if status or logged else []
    lines += [Line((Piece("name", f"{name}:"), Piece("text", f" {value}"))) for name, value in event.response_headers]
    body = _lines_of(event.response_body) if event.response_body else []
    if body and lines:
        lines.append(Line(()))
    shown = _first(body, max(0, _MOST_LINES - len(lines)))
    lines += [Line((Piece("text", line),)) for line in shown]
    return Block(tuple(lines), len(body) - len(shown))


def _version(protocol: str) -> str:
    return f"HTTP/{protocol}" if protocol[:1].isdigit() else protocol or "HTTP"


def _lines_of(body: str) -> list[str]:
    """Cut a body into lines, without their line ends."""
    lines = [line.removesuffix("\r") for line in body.split("\n")]
    return lines[:-1] if len(lines) > 1 and not lines[-1] else lines


def _first(lines: list[str], most: int) -> list[str]:
    """Give the lines that a block has room for."""
    room = _MOST_TEXT
    for number, line in enumerate(lines[:most]):
        if room < 0:
            return lines[:number]
        room -= min(len(line), _MOST_OF_LINE)
    return lines[:most]


def merged(marks: list[Mark]) -> tuple[Mark, ...]:
    """Make one mark of those with equal edges."""
    numbers: dict[tuple[int, int], list[int]] = {}
    for mark in marks:
        numbers.setdefault((mark.start, mark.end), []).extend(mark.numbers)
    return tuple(Mark(start, end, tuple(dict.fromkeys(found))) for (start, end), found in sorted(numbers.items()))


def _head(request: Request, start: int, end: int, body: int) -> tuple[int, Literal["name", "method"]] | None:
    """Where the method or the name of a header ends on this line."""
    if start >= body:
        return None
    if start == 0:
        return request.method_end, "method"
    colon = request.text.find(b":", start, end)
    return (colon + 1, "name") if colon > 0 else None


def _line(
    text: bytes, start: int, end: int, marks: tuple[Mark, ...], *, head: tuple[int, Literal["name", "method"]] | None
) -> Line:
    """Cut a line at the edges of its marks; a mark that another one's end cuts is opened again."""
    inside = [m for m in marks if m.start < end and m.end > start]
    edges = {start, end, *(head[:1] if head else ())}
    edges |= {min(max(edge, start), end) for mark in inside for edge in (mark.start, mark.end)}
    opening: dict[int, list[Mark]] = {}
    for mark in sorted(inside, key=lambda m: -m.end):
        opening.setdefault(max(mark.start, start), []).append(mark)
    pieces: list[Piece] = []
    stack: list[Mark] = []
    for left, right in pairwise(sorted(edges)):
        _close(pieces, stack, left)
        for mark in opening.get(left, ()):
            pieces.append(Piece("open", numbers=mark.numbers))
            stack.append(mark)
        kind: Literal["text", "name", "method"] = head[1] if head and right <= head[0] else "text"
        pieces.append(Piece(kind, from_bytes(text[left:right])))
    _close(pieces, stack, end)
    pieces += [Piece("close", numbers=mark.numbers if mark.end <= end else ()) for mark in reversed(stack)]
    return Line(tuple(pieces), bool(inside))


def _close(pieces: list[Piece], stack: list[Mark], at: int) -> None:
    """End the marks that end here; those opened later than one of them are opened again."""
    ended = [mark for mark in stack if mark.end <= at]
    if not ended:
        return
    lowest = stack.index(ended[0])
    again = [mark for mark in stack[lowest:] if mark.end > at]
    pieces += [Piece("close", numbers=mark.numbers if mark.end <= at else ()) for mark in reversed(stack[lowest:])]
    del stack[lowest:]
    for mark in again:
        pieces.append(Piece("open", numbers=mark.numbers))
        stack.append(mark)

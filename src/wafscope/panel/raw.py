"""The record as the engine wrote it, as lines for a page; JSON can be laid out over several lines.

Laying out only adds line ends and blanks between the tokens: doubled names, numbers and odd bytes stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

import msgspec

from wafscope.event.mask import MASK
from wafscope.event.text import from_bytes

MOST_LINES = 400
MOST_TEXT = 60_000
"""Characters of a record that a page shows; the rest is in the file to save."""

Form = Literal["logged", "indented"]

_BOUNDARY = re.compile(r"(---?[0-9A-Za-z]{8,16}-{1,3})[A-Z]--\r?")
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*+"?|[{}\[\],:]|[^"{}\[\],:]+', re.DOTALL)
_OPEN, _CLOSE, _BLANKS = "{[", "}]", " \t\r\n"
_COMMA, _COLON = ",", ":"
_INDENT = "  "
_DEEPEST = 24
"""Deeper brackets are not moved further to the right: nobody could read them, and a client can send any number."""


class RawLine(msgspec.Struct, frozen=True):
    """One line; `is_part` for the line that begins a part of a native record."""

    text: str
    is_part: bool = False


class Raw(msgspec.Struct, frozen=True):
    """Answer of the panel; `more_lines` of what is laid out and `more` characters beyond it are left out."""

    lines: tuple[RawLine, ...]
    more_lines: int
    more: int
    form: Form
    is_json: bool
    size: int
    """Characters of the whole record."""
    is_masked: bool = False
    """Whether a mask stands in it in the place of a secret - or what looks like one, since a client can write it."""


def show(record: bytes, form: Form = "logged") -> Raw:
    """Make a record ready to be shown."""
    whole = from_bytes(record)
    is_json = whole.lstrip()[:1] == "{"
    if not is_json:
        form = "logged"
    shown = whole[:MOST_TEXT]
    lines = _indented(shown.removesuffix("\n")) if form == "indented" else shown.removesuffix("\n").split("\n")
    boundary = _BOUNDARY.match(whole)
    kept = tuple(RawLine(line, _is_part(line, boundary)) for line in lines[:MOST_LINES])
    return Raw(
        lines=kept,
        more_lines=max(0, len(lines) - MOST_LINES),
        more=len(whole) - len(shown),
        form=form,
        is_json=is_json,
        size=len(whole),
        is_masked=MASK.search(whole) is not None,
    )


def _is_part(line: str, boundary: re.Match[str] | None) -> bool:
    """Tell the lines of this record's own boundary: a client can send others in a body."""
    if boundary is None or not line.startswith(boundary[1]):
        return False
    found = _BOUNDARY.fullmatch(line)
    return found is not None and found[1] == boundary[1]


def _indented(text: str) -> list[str]:
    """Break each JSON text at its members; lines that are none stay as they are."""
    lines: list[str] = []
    for line in text.split("\n"):
        lines += _broken(line) if line.lstrip()[:1] == "{" else [line]
    return lines


def _broken(text: str) -> Iterator[str]:
    """Give a JSON text line by line; a bracket with nothing in it stays on its line."""
    depth, line, opened = 0, "", False
    for found in _TOKEN.finditer(text):
        token = found[0].strip(_BLANKS)
        if not token:
            continue
        if token in _CLOSE:
            depth = max(0, depth - 1)
            if not opened:
                yield line
                line = _INDENT * min(depth, _DEEPEST)
            line, opened = line + token, False
            continue
        if opened:
            yield line
            line, opened = _INDENT * min(depth, _DEEPEST), False
        if token in _OPEN:
            depth, opened = depth + 1, True
        line += ": " if token == _COLON else token
        if token == _COMMA:
            yield line
            line = _INDENT * min(depth, _DEEPEST)
    yield line

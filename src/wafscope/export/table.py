"""CSV: a row an event, columns of the field table; what a spreadsheet would run as a formula is defused.

RFC 4180 with every text in quotes, so that no other separator in a value makes a cell of its own.  A field of matches
has one entry a match, in the order logged, so that entries of the same place in two columns belong together.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from wafscope.event.fields import Field, find
from wafscope.event.model import Event
from wafscope.event.text import storable
from wafscope.event.values import value
from wafscope.export.base import Options, Place
from wafscope.export.encode import HIDDEN
from wafscope.export.facts import instant

USUAL = (
    "time", "sensor", "host", "client.address", "http.request.method", "url.original", "http.response.status_code",
    "waf.outcome", "waf.engine.mode", "waf.score.inbound", "waf.score.threshold", "waf.attack_class",
    "rule.id", "rule.message", "match.target", "user_agent.original", "transaction.id", "event.format", "source",
)  # fmt: skip
"""Columns unless others are asked for."""

BETWEEN = "; "
"""Between entries of one cell."""
_WITHIN = ", "
"""Between the values of one match in an entry."""
_QUOTE = '"'
_FORMULA = frozenset("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
"""What begins a formula in some spreadsheet, in full width too (OWASP: CSV injection)."""
_CONTROL = re.compile(f"[\x00-\x1f{HIDDEN}]")
MOST = 32_767
"""Characters that a cell of a spreadsheet holds; what is longer is cut, and says how much is gone."""
_LONGEST_NOTE = 24
_LONGEST_CODE = 10
_SHORT = {"\t": "\\t", "\n": "\\n", "\r": "\\r"}


class Table:
    """Writes rows of a table; raises FilterError for a field that is none."""

    def __init__(self, options: Options) -> None:
        fields = columns(options.fields or USUAL)
        self._names = [field.name for field in fields]
        self._texts = [_text_of(field) for field in fields]

    def head(self) -> bytes:
        return _row(self._names)

    def lines(self, event: Event, place: Place) -> bytes:
        return _row([text(event, place) for text in self._texts])


def columns(names: Iterable[str]) -> tuple[Field, ...]:
    """Return the fields of names or aliases; raises FilterError with the place of what is none."""
    found, column = [], 1
    for name in names:
        found.append(find(name.strip(), column=column))
        column += len(name) + 1
    return tuple(found)


def _text_of(field: Field) -> Callable[[Event, Place], str]:
    """Return what makes the text of a cell of one column."""
    column = field.column
    if field.scope == "match":
        return lambda event, _: BETWEEN.join([_entry(getattr(match, column)) for match in event.matches])
    if field.type == "time":
        return lambda event, _: instant(event.time)
    if column in Place.__struct_fields__:
        return lambda _, place: _entry(getattr(place, column))
    if column in Event.__struct_fields__ and column != "interrupted":
        return lambda event, _: _entry(getattr(event, column), BETWEEN)
    return lambda event, _: _entry(value(event, field))


def _entry(found: str | int | tuple[str, ...] | None, between: str = _WITHIN) -> str:
    if found.__class__ is str:
        return found
    if isinstance(found, tuple):
        return between.join([each for each in dict.fromkeys(found) if each])
    return "" if found is None else str(found)


def _row(cells: Iterable[str]) -> bytes:
    # A row of one empty cell would be an empty line, which is no row.
    return (",".join([cell(each) for each in cells]) or _QUOTE * 2).encode() + b"\r\n"


def cell(text: str) -> str:
    """Return a text as a cell: in quotes, without control characters, and never a formula."""
    if text.isascii() and text.isprintable() and len(text) <= MOST:
        if text.isdigit() or not text:
            return text
        shown = text
    else:
        shown = _shown(text)
    if _QUOTE in shown:
        shown = shown.replace(_QUOTE, _QUOTE * 2)
    return f'"\'{shown}"' if text[0] in _FORMULA else f'"{shown}"'


def _shown(text: str) -> str:
    """Write out what can not be seen, and cut what no spreadsheet takes."""
    shown = _CONTROL.sub(_code, storable(text[:MOST]))
    if len(text) <= MOST and len(shown) <= MOST:
        return shown
    kept = (MOST - _LONGEST_NOTE) // (1 if len(shown) <= MOST else _LONGEST_CODE)
    return f"{_CONTROL.sub(_code, storable(text[:kept]))}… (+{len(text) - kept})"


def _code(found: re.Match[str]) -> str:
    character = found.group()
    number = ord(character)
    if number <= 0xFF:
        return _SHORT.get(character, f"\\x{number:02x}")
    return f"\\u{number:04x}" if number <= 0xFFFF else f"\\U{number:08x}"

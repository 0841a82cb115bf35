"""Text off the wire for a page: what a browser would obey, or would not show, is written out.

Escaping keeps markup inert; this keeps the eye from being deceived: control characters, bidirectional
overrides, invisible and private characters stand as codes, and a text too long says how much is gone.
"""

from __future__ import annotations

import unicodedata

from markupsafe import Markup, escape

from wafscope.i18n.number import decimal
from wafscope.i18n.text import Text, text

_HIDDEN = frozenset({"Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp"})
_BLANK = frozenset(
    "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0"
    + "".join(map(chr, (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))))
)
"""What has no sign of its own though its category does not say so (Default_Ignorable_Code_Point of Unicode, and the
empty cell of Braille): a row of variation selectors can carry any bytes behind one letter."""
_BYTE_LOW, _BYTE_HIGH = 0xDC80, 0xDCFF
_LATIN = 0xFF
_BASIC = 0xFFFF

MOST = 4_000
"""Characters of one value that a page shows."""
_TAIL = 80


def plain(value: str) -> str:
    """Write out what can not be seen; for titles and labels."""
    if value.isascii() and value.isprintable():
        return value
    return "".join(code(character) if is_hidden(character) else character for character in value)


def visible(value: str) -> Markup:
    """Write out what can not be seen, set off from what can; for HTML."""
    if value.isascii() and value.isprintable():
        return escape(value)
    parts: list[str] = []
    run: list[str] = []
    codes: list[str] = []
    for character in value:
        if is_hidden(character):
            _flush(parts, run, codes=False)
            codes.append(code(character))
        else:
            _flush(parts, codes, codes=True)
            run.append(character)
    _flush(parts, run, codes=False)
    _flush(parts, codes, codes=True)
    return Markup("").join(Markup(part) for part in parts)  # noqa: S704 - each part is escaped by _flush


def cut(value: str, most: int = MOST) -> tuple[str, int, str]:
    """Cut a long text in the middle: head, number of characters left out, tail."""
    if len(value) <= most:
        return value, 0, ""
    return value[: most - _TAIL], len(value) - most, value[-_TAIL:]


def middle(value: str, most: int = 600) -> tuple[str, str]:
    """Split a text for a cell whose middle gives way: what may shrink, and what stays."""
    if len(value) > most:
        value = f"{value[: most // 2]}…{value[-most // 2 :]}"
    size = min(14, len(value) // 3)
    if size < 4:
        return value, ""
    return value[:-size], value[-size:]


def title(value: str, language: str, most: int = 1_000) -> str:
    """Give the whole of a text for a tooltip, unless it is so long that nobody would read it."""
    if len(value) <= most:
        return plain(value)
    return f"{plain(value[:most])}… (+{decimal(len(value) - most, language)})"


def left_out(number: int) -> Text:
    """Say how much of a text is not shown."""
    return text("… {number} more …", number=number)


def is_hidden(character: str) -> bool:
    """Tell a character that a browser obeys or does not show."""
    return unicodedata.category(character) in _HIDDEN or character in _BLANK


def code(character: str) -> str:
    """Write a character as a code: a byte that is not UTF-8 as that byte."""
    number = ord(character)
    if _BYTE_LOW <= number <= _BYTE_HIGH:
        return f"\\x{number - 0xDC00:02x}"
    if number <= _LATIN:
        return {"\t": "\\t", "\n": "\\n", "\r": "\\r"}.get(character, f"\\x{number:02x}")
    return f"\\u{number:04x}" if number <= _BASIC else f"\\U{number:08x}"


def _flush(parts: list[str], run: list[str], *, codes: bool) -> None:
    if not run:
        return
    written = escape("".join(run))
    parts.append(f'<span class="masked">{written}</span>' if codes else str(written))
    run.clear()

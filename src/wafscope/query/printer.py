"""Writes filters as text: the other way round from `query.parser`.

`parse(printed(x)) == x` for every filter that `parse` returns.  Any other filter gives a text that
means the same: an alternative of one part is that part, a pattern without a star is a plain value.
"""

from __future__ import annotations

import re
import unicodedata
from ipaddress import IPv4Address

from wafscope.event.fields import Field, find
from wafscope.event.text import storable
from wafscope.query import instant
from wafscope.query.condition import MARKS_BY_WORD, OUTCOMES_BY_WORD, can_be_empty, short
from wafscope.query.filter import All, AnyOf, Filter, Not, Term, Value

EVERY = "time:*"
"""Holds for every event, as every event has a time; its opposite holds for none."""
NONE = f"-{EVERY}"

_PLAIN = re.compile(r'[^\s()",*]+')
_PLAIN_WORD = re.compile(r"(?!(?:or|and)\Z)[\w./%&=?+][\w./%&=?+-]*", re.IGNORECASE)
_UNSEEN = frozenset({"Cc", "Cf", "Zl", "Zp"})
"""Categories of characters that a line of text can not hold or that nobody can see."""


def printed(tree: Filter) -> str:
    """Write a filter as a person would."""
    if isinstance(tree, All):
        return " ".join(_part(part) for part in tree.parts)
    return _part(tree)


def quote(value: str) -> str:
    """Write a text so that it can stand as a value, as a word, or in a list, in quotes where it needs them."""
    value = storable(value)
    return value if _PLAIN_WORD.fullmatch(value) else _quoted(value)


_ONE_ADDRESS = "/128"
"""A network of one IPv6 address: what a bare address means."""


def condition_text(name: str, term: Term) -> str:
    """Write a condition on one field under the name or alias `name`."""
    values = ",".join(_values(find(term.field), term))
    return f"{name}:{values}" if values else NONE


def value_text(field: Field, value: Value | None) -> str:
    """Write one value of a field."""
    if field.type == "time" and isinstance(value, int):
        return instant.written(value, value)
    written = storable(str(value))
    if field.type == "address" and not _is_usual_address(written):
        return _quoted(written)
    return written if _is_plain(written) else _quoted(written)


def _part(tree: Filter) -> str:
    match tree:
        case Term():
            return _term(tree)
        case Not(inner):
            return _negated(_part(inner))
        case All(()):
            return EVERY
        case AnyOf(()):
            return NONE
        case All((only,)) | AnyOf((only,)):
            return _part(only)
        case All(parts):
            return f"({' '.join(_part(part) for part in parts)})"
        case AnyOf(parts):
            return f"({' or '.join(_part(part) for part in parts)})"


def _negated(part: str) -> str:
    return f"-({part})" if part.startswith("-") else f"-{part}"


def _term(term: Term) -> str:
    if term.operation == "contains":
        return quote(str(term.values[0])) if term.values and term.values[0] else EVERY
    if term.operation == "reviewed":
        words = [word for value in term.values for word, mark in MARKS_BY_WORD.items() if mark == value]
        return f"is:{','.join(words)}" if words else NONE
    if term.field == "waf.outcome" and term.operation == "is" and set(term.values) <= set(OUTCOMES_BY_WORD):
        return condition_text("is", term)
    return condition_text(short(find(term.field)), term)


def _values(field: Field, term: Term) -> list[str]:
    """Write the values of a condition; none where it can hold for nothing."""
    match term.operation:
        case "known":
            return ["*"]
        case "range":
            low, high = term.values
            bounds = (low if isinstance(low, int) else None, high if isinstance(high, int) else None)
            return _range(field, *bounds)
        case "like":
            return [_pattern(storable(str(value))) for value in term.values if value]
        case "within":
            return [str(value).removesuffix(_ONE_ADDRESS) for value in term.values]
        case _:
            kept = [value for value in term.values if value is not None and (value != "" or can_be_empty(field))]
            return [value_text(field, value) for value in kept]


def _pattern(value: str) -> str:
    return "*".join(part if not part or _is_plain(part) else _quoted(part) for part in value.split("*"))


def _range(field: Field, low: int | None, high: int | None) -> list[str]:
    if low is None and high is None:
        return ["*"]
    if low is not None and high is not None and low > high:
        return []
    if field.type == "time":
        return [_time_range(low, high)]
    if low is None:
        return [f"<={high}"]
    if high is None:
        return [f">={low}"]
    return [f"{low}-{high}" if low >= 0 else f"{low}..{high}"]


def _time_range(low: int | None, high: int | None) -> str:
    if low is None:
        return f"<={instant.written_end(high)}" if high is not None else "*"
    if high is None:
        return f">={instant.written_start(low)}"
    whole = instant.written(low, high)
    if instant.span(whole) == (low, high):
        return whole
    return f"{instant.written_start(low)}..{instant.written_end(high)}"


def _is_usual_address(value: str) -> bool:
    """Tell whether the parser would read a bare address back as just this text."""
    try:
        return str(IPv4Address(value)) == value
    except ValueError:
        return False


def _is_plain(value: str) -> bool:
    return bool(_PLAIN.fullmatch(value)) and not _has_unseen(value)


def _has_unseen(value: str) -> bool:
    return any(_is_unseen(character) for character in value)


def _is_unseen(character: str) -> bool:
    return unicodedata.category(character) in _UNSEEN


def _quoted(value: str) -> str:
    return f'"{"".join(_escaped(value, at) for at in range(len(value)))}"'


def _escaped(value: str, at: int) -> str:
    """Write one character between quotes; a backslash is doubled only where it would be read as a sign."""
    character, following = value[at], value[at + 1 : at + 2]
    if _is_unseen(character):
        return f"\\u{{{ord(character):x}}}"
    is_sign = not following or following in '\\"' or _is_unseen(following) or value.startswith("u{", at + 1)
    return f"\\{character}" if character == '"' or (character == "\\" and is_sign) else character

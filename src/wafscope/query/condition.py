"""What `field:value,value` means: from a field and written values to a condition."""

from __future__ import annotations

import re
from collections.abc import Sequence
from ipaddress import ip_address, ip_network

from wafscope.errors import FilterError
from wafscope.event.fields import Field, FieldType
from wafscope.event.text import storable
from wafscope.i18n.text import Text, text
from wafscope.query import instant
from wafscope.query.filter import AnyOf, Filter, Operation, Term, Value
from wafscope.query.lexer import Written

LARGEST = (1 << 63) - 1
"""The largest integer that every store can hold and compare."""

_INTEGER = re.compile(r"[+-]?\d{1,20}", re.ASCII)
_SPAN = re.compile(r"(-?\d+)?[.]{2}(-?\d+)?|(\d+)-(\d+)", re.ASCII)
_COMPARISON = re.compile(r"(>=|<=|>|<)(.*)", re.DOTALL)

_EXAMPLES = {
    "client.address": "10.0.0.0/8",
    "host": "www.example.org",
    "http.request.method": "POST",
    "http.response.status_code": "400-499",
    "rule.tags": "attack-sqli",
    "url.original": "/wp-*",
    "url.path": "/wp-*",
    "waf.score.inbound": ">=5",
}
_NUMBERS = {"http.response.status_code": ("404", ">=500", "400-499")}
_EXAMPLES_BY_TYPE: dict[FieldType, str] = {
    "address": "192.0.2.1",
    "integer": "1",
    "text": "abc*",
    "texts": "abc*",
    "time": ">=2026-11-18T02:00",
}

OUTCOMES_BY_WORD = {
    "blocked": "blocked",
    "would_block": "would_block",
    "would": "would_block",
    "below": "below",
    "no_match": "no_match",
    "unknown": "unknown",
}
"""What may follow `is:` about what the engine did."""
MARKS_BY_WORD = {"reviewed": "yes", "unreviewed": "no"}
"""What may follow `is:` about what somebody did."""

_UNEXPLAINED = Term("waf.score.unexplained", "range", (1, None))


def condition(field: Field, values: Sequence[Written]) -> Filter:
    """Return the condition that the field is any of the values; raises FilterError for a value that can not be."""
    return _joined([_read(field, value) for value in values])


def state(values: Sequence[Written]) -> Filter:
    """Return the condition of `is:blocked` and its like."""
    return _joined([_state(value) for value in values])


def example(field: Field) -> str:
    """Return a value of the field as it may be written."""
    if field.choices:
        return field.choices[0]
    if field.name == "rule.id":
        return "920000-920999"
    return _EXAMPLES.get(field.name) or _EXAMPLES_BY_TYPE[field.type]


def _joined(terms: list[Term]) -> Filter:
    """Join terms of one field: values of the same operation in one term, the rest as alternatives."""
    lists: dict[Operation, list[Value | None]] = {}
    for term in terms:
        if term.operation != "range":
            lists.setdefault(term.operation, []).extend(term.values)
    parts: list[Term] = []
    seen: set[Operation] = set()
    for term in terms:
        if term.operation == "range":
            parts.append(term)
        elif term.operation not in seen:
            seen.add(term.operation)
            parts.append(Term(term.field, term.operation, tuple(lists[term.operation])))
    return parts[0] if len(parts) == 1 else AnyOf(tuple(parts))


def _read(field: Field, value: Written) -> Term:
    if not value.text and not (value.quoted and can_be_empty(field)):
        raise FilterError(
            text("A value is missing."),
            column=value.column,
            hint=text(
                "Write {example}, or {missing} for events without one.",
                example=f"{short(field)}:{example(field)}",
                missing=f"-{short(field)}:*",
            ),
        )
    if value.text == "*" and value.wild:
        return Term(field.name, "known")
    match field.type:
        case "integer":
            return _integer(field, value)
        case "time":
            return _time(field, value)
        case "address":
            return _address(field, value)
        case "text" | "texts":
            return _text(field, value)


def _text(field: Field, value: Written) -> Term:
    written = storable(value.text)
    if value.wild:
        return Term(field.name, "like", (written,))
    if field.choices:
        written = written.lower()
        if written not in field.choices:
            raise FilterError(
                text("{field} can not be “{value}”.", field=field.label, value=storable(value.text)),
                column=value.column,
                hint=text("Write one of: {choices}.", choices=", ".join(field.choices)),
            )
    return Term(field.name, "is", (written,))


def _state(value: Written) -> Term:
    word = value.text.lower()
    if word == "unexplained":
        return _UNEXPLAINED
    if word in MARKS_BY_WORD:
        return Term("", "reviewed", (MARKS_BY_WORD[word],))
    if word not in OUTCOMES_BY_WORD:
        raise FilterError(
            text("An event can not be “{value}”.", value=storable(value.text)),
            column=value.column,
            hint=text(
                "Write one of: {choices}.", choices=", ".join((*OUTCOMES_BY_WORD, "unexplained", *MARKS_BY_WORD))
            ),
        )
    return Term("waf.outcome", "is", (OUTCOMES_BY_WORD[word],))


def _integer(field: Field, value: Written) -> Term:
    written = value.text
    if compared := _COMPARISON.fullmatch(written):
        sign, digits = compared.groups()
        number = _number(field, value, digits)
        return Term(field.name, "range", _bounds(sign, number, number))
    if spanned := _SPAN.fullmatch(written):
        first, last = spanned[1] or spanned[3], spanned[2] or spanned[4]
        low = _number(field, value, first) if first else None
        high = _number(field, value, last) if last else None
        return _range(field, value, low, high)
    return Term(field.name, "is", (_number(field, value, written),))


def _number(field: Field, value: Written, digits: str) -> int:
    if not _INTEGER.fullmatch(digits):
        raise FilterError(_not_a_number(field), column=value.column)
    number = int(digits)
    # One less than the bounds, so that `>` and `<` stay inside them.
    if abs(number) >= LARGEST:
        raise FilterError(text("This number is too large."), column=value.column)
    return number


def _not_a_number(field: Field) -> Text:
    if field.name == "rule.id":
        return text("A rule is a number or a range, such as 920420 or 920000-920999.")
    return text(
        "{field} is a number, a comparison or a range, such as {example}.",
        field=field.label,
        example=", ".join(_NUMBERS.get(field.name, ("5", ">=5", "5..10"))),
    )


def _time(field: Field, value: Written) -> Term:
    written = value.text
    if compared := _COMPARISON.fullmatch(written):
        sign, moment = compared.groups()
        return Term(field.name, "range", _bounds(sign, *_span(field, value, moment)))
    first, dots, last = written.partition("..")
    if dots:
        low = _span(field, value, first)[0] if first else None
        high = _span(field, value, last)[1] if last else None
        return _range(field, value, low, high)
    low, high = _span(field, value, written)
    return Term(field.name, "is", (low,)) if low == high else Term(field.name, "range", (low, high))


def _span(field: Field, value: Written, moment: str) -> tuple[int, int]:
    try:
        return instant.span(moment)
    except ValueError:
        raise FilterError(
            text("{field} is a date, or a date and a time, in UTC.", field=field.label),
            column=value.column,
            hint=text("For example {examples}.", examples="2026-11-18, >=2026-11-18T02:00, 2026-11-18..2026-11-20"),
        ) from None


def _bounds(sign: str, first: int, last: int) -> tuple[int | None, int | None]:
    """Compare with a span: `>` is after all of it, `<=` includes all of it."""
    match sign:
        case ">=":
            return first, None
        case ">":
            return last + 1, None
        case "<=":
            return None, last
        case _:
            return None, first - 1


def _range(field: Field, value: Written, low: int | None, high: int | None) -> Term:
    if low is None and high is None:
        raise FilterError(
            text("A range needs a bound on one side at least."),
            column=value.column,
            hint=text("Write {known} for events that have one.", known=f"{short(field)}:*"),
        )
    if low is not None and high is not None and low > high:
        raise FilterError(text("This range runs backwards."), column=value.column)
    return Term(field.name, "range", (low, high))


def _address(field: Field, value: Written) -> Term:
    written = storable(value.text)
    if value.quoted and not value.wild:
        # As logged, whatever it is: a socket's path, or an address in an unusual form.
        return Term(field.name, "is", (written,))
    try:
        if "/" in written:
            return Term(field.name, "within", (str(ip_network(written, strict=False)),))
        address = ip_address(written.removeprefix("[").removesuffix("]"))
        # An IPv6 address has several spellings, and one engine logs it in brackets: all of them are meant.
        return Term(field.name, *(("is", (str(address),)) if address.version == 4 else ("within", (f"{address}/128",))))
    except ValueError:
        raise FilterError(
            text("“{value}” is not an address or a network.", value=written),
            column=value.column,
            hint=text(
                "For example {examples}. An address that was logged in another form goes in quotes.",
                examples="192.0.2.1, 10.0.0.0/8, 2001:db8::/32",
            ),
        ) from None


def can_be_empty(field: Field) -> bool:
    """Tell whether `field:""` finds something: an empty text that was sent as such."""
    return field.type in ("text", "address") and field.empty_is_value


def short(field: Field) -> str:
    """Return the name of the field that people write: the shorter one, where it has two."""
    return field.aliases[0] if field.aliases and "." in field.name else field.name

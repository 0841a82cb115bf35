"""Whether a filter holds for an event: the meaning of filters, in plain Python.

The compilers of the stores must agree with this module; the contract tests compare them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from wafscope.event.fields import FIELDS, find
from wafscope.event.values import Value, match_values, values
from wafscope.query.filter import All, AnyOf, Filter, Not, Term
from wafscope.query.question import StoredEvent

Predicate = Callable[[StoredEvent], bool]
_Check = Callable[[Value], bool]

_SEARCHED = tuple(field for field in FIELDS if field.searchable and field.scope == "event")
_SEARCHED_IN_MATCHES = tuple(field for field in FIELDS if field.searchable and field.scope == "match")


def predicate(tree: Filter) -> Predicate:
    """Return the function that says whether the filter holds for an event."""
    match tree:
        case All(parts):
            needed = [predicate(part) for part in parts]
            return lambda stored: all(holds(stored) for holds in needed)
        case AnyOf(parts):
            enough = [predicate(part) for part in parts]
            return lambda stored: any(holds(stored) for holds in enough)
        case Not(inner):
            denied = predicate(inner)
            return lambda stored: not denied(stored)
        case Term():
            return _term(tree)


def _term(term: Term) -> Predicate:
    if term.operation == "contains":
        wanted = str(term.values[0]).lower()
        return lambda stored: any(wanted in found.lower() for found in _searched(stored))
    if term.operation == "reviewed":
        return lambda stored: ("no" if stored.reviewed is None else "yes") in term.values
    field = find(term.field)
    passes = check(term)
    if field.scope == "match":
        return lambda stored: any(passes(v) for m in stored.event.matches for v in match_values(m, field))
    return lambda stored: any(
        passes(v) for v in values(stored.event, field, sensor=stored.sensor, source=stored.source)
    )


def check(term: Term) -> _Check:
    """Return the test of one value that is not missing."""
    match term.operation:
        case "is":
            wanted = frozenset(term.values)
            return lambda value: value in wanted
        case "like":
            patterns = [_pattern(str(value)) for value in term.values]
            return lambda value: any(pattern.fullmatch(str(value)) for pattern in patterns)
        case "range":
            low, high = term.values
            return lambda value: _between(value, low, high)
        case "within":
            networks = [ip_network(str(value)) for value in term.values]
            return lambda value: _inside(str(value), networks)
        case _:  # known
            return lambda _: True


def _pattern(value: str) -> re.Pattern[str]:
    return re.compile(".*".join(re.escape(part) for part in value.split("*")), re.DOTALL)


def _between(value: Value, low: Value | None, high: Value | None) -> bool:
    if not isinstance(value, int):
        return False
    return (not isinstance(low, int) or low <= value) and (not isinstance(high, int) or value <= high)


def _inside(value: str, networks: list[IPv4Network | IPv6Network]) -> bool:
    try:
        # Coraza's middleware logs an IPv6 address in brackets.
        address = ip_address(value.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    return any(address in network for network in networks)


def _searched(stored: StoredEvent) -> Iterator[str]:
    for field in _SEARCHED:
        for value in values(stored.event, field, sensor=stored.sensor, source=stored.source):
            yield str(value)
    for match in stored.event.matches:
        for field in _SEARCHED_IN_MATCHES:
            for value in match_values(match, field):
                yield str(value)

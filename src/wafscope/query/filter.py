"""The filter: an expression that narrows a question, as a small tree.

Parsed from the search box by `query.parser`; compiled by each store's `compile.py`.  Values are data
everywhere: no store ever puts one into the text of a query.
"""

from __future__ import annotations

from typing import Literal

import msgspec

Operation = Literal["is", "like", "range", "within", "contains", "known", "reviewed"]
Value = str | int


class Term(msgspec.Struct, frozen=True, tag="term"):
    """A condition on one field.

    is        equal to one of `values`
    like      text equal to one of `values`, in which `*` stands for any text
    range     `values` are (low, high), both included; None is open
    within    address inside one of the networks in `values` (CIDR notation)
    contains  a searchable text contains `values[0]`, upper and lower case alike; field is ""
    known     the field has a value
    reviewed  somebody has marked the event as reviewed, "yes", or nobody has, "no", as in `values`; field is ""

    A condition on a field of matches holds for an event when it holds for at least one of its matches.
    """

    field: str
    """Canonical name from `event.fields`, or "" with `contains` and `reviewed`."""
    operation: Operation
    values: tuple[Value | None, ...] = ()


class Not(msgspec.Struct, frozen=True, tag="not"):
    """Events for which `inner` does not hold; a missing value does not hold."""

    inner: Filter


class All(msgspec.Struct, frozen=True, tag="all"):
    """Events for which all of `parts` hold; without parts: every event."""

    parts: tuple[Filter, ...] = ()


class AnyOf(msgspec.Struct, frozen=True, tag="any"):
    """Events for which at least one of `parts` holds."""

    parts: tuple[Filter, ...] = ()


Filter = Term | Not | All | AnyOf

EVERYTHING = All()

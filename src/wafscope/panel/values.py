"""The values of one field as a ranked list: what panels 3 and 6 and every list "in full" share."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from wafscope.panel.answers import Answers
from wafscope.panel.change import Change, coverage, goes_back
from wafscope.panel.view import Quality, View, one_of, quality
from wafscope.query.question import Scope, Top, TopValue


class ValueRow(msgspec.Struct, frozen=True):
    """One value: None where the field is missing."""

    value: str | int | None
    change: Change
    share: float
    """Of the most frequent value: the length of the bar."""
    of_all: float
    """Of all events in scope."""
    first: int
    last: int


class Values(msgspec.Struct, frozen=True):
    """A ranked list; `distinct` counts the values that are not shown too."""

    field: str
    rows: tuple[ValueRow, ...]
    distinct: int
    events: int
    quality: Quality

    @property
    def shown(self) -> int:
        """How many values these are."""
        return known(row.value for row in self.rows)

    @property
    def has_more(self) -> bool:
        """True where there are values beyond these."""
        return self.distinct > self.shown


def known(values: Iterable[str | int | None]) -> int:
    """Return how many values there are as `distinct` counts them: a missing value is none."""
    return sum(value is not None for value in values)


def ask(answers: Answers, view: View, field: str, *, limit: int) -> Values:
    """Ask for the most frequent values and what they were in the window before."""
    answer = answers.top(Top(field, view.scope, limit=limit, bookkeeping=False, rolled=goes_back(answers, view.window)))
    found = answer.value
    before = counts_before(answers, view, field, found.values)
    most = found.values[0].events if found.values else 0
    rows = tuple(
        ValueRow(
            value=value.value,
            change=Change(value.events, None if before is None else before.get(value.value, 0)),
            share=value.events / most,
            of_all=value.events / max(1, found.events),
            first=value.first,
            last=value.last,
        )
        for value in found.values
    )
    return Values(field, rows, found.distinct, found.events, quality(answer))


def counts_before(
    answers: Answers, view: View, field: str, values: tuple[TopValue, ...]
) -> dict[str | int | None, int] | None:
    """Events of these values in the window before; None where nothing of it is held."""
    if coverage(answers, view, view.window.before()).held == "none":
        return None
    if not values:
        return {}
    known = one_of(field, tuple(value.value for value in values))
    earlier = msgspec.structs.replace(view, window=view.window.before())
    scope: Scope = earlier.narrowed(known)
    found = answers.top(
        Top(field, scope, limit=0, bookkeeping=False, brief=True, rolled=goes_back(answers, earlier.window))
    ).value
    return {value.value: value.events for value in found.values}

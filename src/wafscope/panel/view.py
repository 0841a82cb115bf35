"""What a page looks at: the events in scope, the window before it, and how times are shown."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from wafscope.query.filter import EVERYTHING, All, AnyOf, Filter, Not, Term, Value
from wafscope.query.question import Answer, Scope
from wafscope.query.timespan import Window

By = Literal["waf.attack_class", "waf.outcome", "host"]


class View(msgspec.Struct, frozen=True):
    """One filter and one window, for every panel of a page alike."""

    window: Window
    filter: Filter = EVERYTHING
    zone: str = "UTC"
    by: By = "waf.attack_class"
    full: bool = False
    """True for a chart that cuts no bar."""

    @property
    def scope(self) -> Scope:
        return Scope(self.window, self.filter)

    @property
    def scope_before(self) -> Scope:
        """The same filter in the window before."""
        return Scope(self.window.before(), self.filter)

    def narrowed(self, *conditions: Filter) -> Scope:
        """The scope with more conditions."""
        return Scope(self.window, All((self.filter, *conditions)))


def one_of(field: str, values: tuple[Value | None, ...]) -> Filter:
    """Hold where the field is one of the values; None stands for a missing value."""
    known = tuple(value for value in values if value is not None)
    parts: list[Filter] = [Term(field, "is", known)] if known else []
    if len(known) < len(values):
        parts.append(Not(Term(field, "known")))
    return parts[0] if len(parts) == 1 else AnyOf(tuple(parts))


class Quality(msgspec.Struct, frozen=True):
    """How good the answers behind a panel are; the panel says so where they are not whole and exact."""

    exact: bool = True
    cut: bool = False
    seconds: float = 0.0
    since: int | None = None
    """From when on the panel knows anything, where its window begins before; as in `Answer`."""
    rolled: int | None = None
    """Before this time it is by hourly counts; as in `Answer`."""


def quality(*answers: Answer[Any]) -> Quality:
    """How good the answers of a panel are, taken together; the first one is that which it is about."""
    since = max((each.since for each in answers if each.since is not None), default=None)
    rolled = max((each.rolled for each in answers if each.rolled is not None), default=None)
    return Quality(
        exact=all(each.exact for each in answers),
        cut=any(each.cut for each in answers),
        seconds=answers[0].seconds,
        since=since,
        rolled=rolled if since is None else None,
    )

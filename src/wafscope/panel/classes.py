"""Panel 4: the attack classes of the rules that fired, one bar each, one segment a rule.

What is counted is what `rule_class:…` finds, so that the list behind a bar has as many events as the bar says.  Hourly
counts of what was removed do not tell it.
"""

from __future__ import annotations

import msgspec

from wafscope.event.fields import ATTACK_CLASSES, RULE_CLASS
from wafscope.event.model import AttackClass
from wafscope.panel import rules
from wafscope.panel.answers import Answers
from wafscope.panel.change import coverage
from wafscope.panel.view import Quality, View, quality
from wafscope.query.question import Scope, Top


class Segment(msgspec.Struct, frozen=True):
    """One rule of a class, and the events in which it fired."""

    rule_id: int | None
    message: str
    events: int
    share: float
    """Of the bar.  An event counts for each of its rules, but once for the class."""


class ClassRow(msgspec.Struct, frozen=True):
    """One class: the events with a rule of it, and what they were in the window before (None: not held)."""

    attack_class: AttackClass
    events: int
    before: int | None
    segments: tuple[Segment, ...]


class Classes(msgspec.Struct, frozen=True):
    """Answer of the panel: classes by events, most first; classes without one left out."""

    rows: tuple[ClassRow, ...]
    most: int
    """Events of the longest bar."""
    quality: Quality


def ask(answers: Answers, view: View) -> Classes:
    """Ask for the panel."""
    answer = answers.top(_of_classes(view.scope))
    segments = _segments(answers, view)
    before = _before(answers, view)
    rows = tuple(
        ClassRow(
            name := _class(value.value),
            value.events,
            None if before is None else before.get(value.value, 0),
            segments.get(name, ()),
        )
        for value in answer.value.values
    )
    most = max((max(row.events, row.before or 0) for row in rows), default=0)
    return Classes(rows, most, quality(answer))


def _of_classes(scope: Scope) -> Top:
    return Top(RULE_CLASS.name, scope, limit=0, bookkeeping=False, brief=True)


def _class(value: object) -> AttackClass:
    return next((name for name in ATTACK_CLASSES if name == value), "other")


def _before(answers: Answers, view: View) -> dict[str | int | None, int] | None:
    if coverage(answers, view, view.window.before()).held == "none":
        return None
    return {value.value: value.events for value in answers.top(_of_classes(view.scope_before)).value.values}


def _segments(answers: Answers, view: View) -> dict[AttackClass, tuple[Segment, ...]]:
    """The rules of each class, those with most events first."""
    found = answers.top(Top(rules.FIELD, view.scope, limit=0, bookkeeping=False)).value.values
    known = rules.describe(answers, found)
    rows: dict[AttackClass, list[tuple[int | None, int]]] = {}
    for value in found:
        rule_id = value.value if isinstance(value.value, int) else None
        rows.setdefault(rules.class_of(rule_id, known), []).append((rule_id, value.events))
    return {
        name: tuple(
            Segment(rule_id, known[rule_id].message if rule_id in known else "", events, events / sum(n for _, n in of))
            for rule_id, events in of
        )
        for name, of in rows.items()
    }

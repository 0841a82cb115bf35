"""Panel 5: the rules that fired, bookkeeping rules left out."""

from __future__ import annotations

import msgspec

from wafscope.event.model import AttackClass
from wafscope.event.rule import attack_class
from wafscope.panel.answers import Answers
from wafscope.panel.change import Change, coverage, goes_back
from wafscope.panel.view import Quality, View, quality
from wafscope.query.question import Count, RuleInfo, Top, TopValue

FIELD = "rule.id"
LIMIT = 12


class RuleRow(msgspec.Struct, frozen=True):
    """One rule: how many events it fired in, and what is known of it."""

    rule_id: int | None
    message: str
    attack_class: AttackClass
    change: Change
    share: float
    """Of the events in scope."""
    matches: int
    first: int
    last: int
    severity: int | None


class Rules(msgspec.Struct, frozen=True):
    """Answer of the panel: rules by events, most first."""

    rows: tuple[RuleRow, ...]
    distinct: int
    events: int
    quality: Quality


def ask(answers: Answers, view: View, *, limit: int = LIMIT) -> Rules:
    """Ask for the panel; with `limit` 0 for all rules."""
    answer = answers.top(Top(FIELD, view.scope, limit=0, bookkeeping=False, rolled=goes_back(answers, view.window)))
    found = answer.value
    shown = found.values[:limit] if limit else found.values
    known = describe(answers, shown)
    before = rules_before(answers, view)
    events = answers.count(Count(view.scope, rolled=answer.rolled is not None)).value.events
    return Rules(
        rows=tuple(_row(value, known, before, events) for value in shown),
        distinct=found.distinct,
        events=events,
        quality=quality(answer),
    )


def describe(answers: Answers, values: tuple[TopValue, ...]) -> dict[int | None, RuleInfo]:
    """What is known of the rules among these values."""
    ids = tuple(value.value for value in values if isinstance(value.value, int))
    return {info.rule_id: info for info in answers.rules(ids).value} if ids else {}


def rules_before(answers: Answers, view: View) -> dict[str | int | None, int] | None:
    """Events of each rule in the window before; None where nothing of it is held."""
    if coverage(answers, view, view.window.before()).held == "none":
        return None
    found = answers.top(
        Top(
            FIELD,
            view.scope_before,
            limit=0,
            bookkeeping=False,
            brief=True,
            rolled=goes_back(answers, view.window.before()),
        )
    ).value
    return {value.value: value.events for value in found.values}


def class_of(rule_id: int | None, known: dict[int | None, RuleInfo]) -> AttackClass:
    """Class of a rule by its id and what is known of it."""
    info = known.get(rule_id)
    return attack_class(rule_id, info.tags, info.version, info.file) if info else attack_class(rule_id, ())


def _row(
    value: TopValue, known: dict[int | None, RuleInfo], before: dict[str | int | None, int] | None, events: int
) -> RuleRow:
    rule_id = value.value if isinstance(value.value, int) else None
    info = known.get(rule_id)
    return RuleRow(
        rule_id=rule_id,
        message=info.message if info else "",
        attack_class=class_of(rule_id, known),
        change=Change(value.events, None if before is None else before.get(value.value, 0)),
        share=value.events / max(1, events),
        matches=value.matches,
        first=value.first,
        last=value.last,
        severity=info.severity if info else None,
    )

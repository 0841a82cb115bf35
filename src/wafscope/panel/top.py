"""A panel in full: every value of a field, a page at a time."""

from __future__ import annotations

import msgspec

from wafscope.event.fields import Field
from wafscope.panel import rules, values
from wafscope.panel.answers import Answers
from wafscope.panel.change import Change
from wafscope.panel.values import ValueRow, counts_before, known
from wafscope.panel.view import Quality, View, quality
from wafscope.query.question import Top, TopValue

PAGE = 200


class TopPage(msgspec.Struct, frozen=True):
    """Answer of the page: ranks of its first and its last value, counted from 1; a missing value has none."""

    field: Field
    rows: tuple[ValueRow, ...]
    notes: dict[str | int | None, str]
    first: int
    last: int
    distinct: int
    events: int
    has_more: bool
    quality: Quality


def ask(answers: Answers, view: View, field: Field, *, page: int, new: bool) -> TopPage:
    """Ask for one page; with `new` only values that no event before the window has."""
    answer = answers.top(Top(field.name, view.scope, limit=(page + 1) * PAGE + 1, new=new, bookkeeping=False))
    found = answer.value
    shown = found.values[page * PAGE : (page + 1) * PAGE]
    passed = known(value.value for value in found.values[: page * PAGE])
    before = counts_before(answers, view, field.name, shown)
    most = found.values[0].events if found.values else 1
    notes: dict[str | int | None, str] = {}
    if field.name == rules.FIELD:
        notes.update({rule_id: info.message for rule_id, info in rules.describe(answers, shown).items()})
    return TopPage(
        field=field,
        rows=tuple(_row(value, before, most, found.events) for value in shown),
        notes=notes,
        first=passed + 1,
        last=passed + known(value.value for value in shown),
        distinct=found.distinct,
        events=found.events,
        has_more=len(found.values) > (page + 1) * PAGE,
        quality=quality(answer),
    )


def _row(value: TopValue, before: dict[str | int | None, int] | None, most: int, events: int) -> ValueRow:
    return values.ValueRow(
        value=value.value,
        change=Change(value.events, None if before is None else before.get(value.value, 0)),
        share=value.events / most,
        of_all=value.events / max(1, events),
        first=value.first,
        last=value.last,
    )

"""The list of events: one page of it, newest first, and how many there are."""

from __future__ import annotations

import msgspec

from wafscope.event.model import AttackClass
from wafscope.event.rule import is_bookkeeping
from wafscope.panel import rules, series
from wafscope.panel.answers import Answers
from wafscope.panel.series import Series
from wafscope.panel.view import Quality, View, quality
from wafscope.query.question import Answer, Count, Counts, Cursor, Page, Row, Rows, RuleInfo, Scope

PAGE = 50


class EventRow(msgspec.Struct, frozen=True):
    """A row of the list; `lead` is the first rule that is not bookkeeping, if any."""

    row: Row
    lead: int | None
    lead_class: AttackClass | None
    more: int
    """Rules beside the first, bookkeeping left out."""


class Events(msgspec.Struct, frozen=True):
    """Answer of the list."""

    rows: tuple[EventRow, ...]
    has_older: bool
    has_newer: bool
    quality: Quality


class Totals(msgspec.Struct, frozen=True):
    """Events that match, and all events of the window."""

    matching: int
    all: int
    quality: Quality


class Timeline(msgspec.Struct, frozen=True):
    """What stands above the list: how many events, and when."""

    totals: Totals
    series: Series


def ask(answers: Answers, view: View, *, before: Cursor | None, after: Cursor | None, limit: int = PAGE) -> Events:
    """Ask for the page older than `before`, or newer than `after`, or the newest one."""
    answer = answers.page(Page(view.scope, limit, older_than=before, newer_than=after))
    return listed(answers, answer)


def totals(answers: Answers, view: View) -> Totals:
    """Ask how many events match, out of how many."""
    matching: Answer[Counts] = answers.count(Count(view.scope))
    all_events = answers.count(Count(Scope(view.window)))
    return Totals(matching.value.events, all_events.value.events, quality(matching, all_events))


def timeline(answers: Answers, view: View) -> Timeline:
    """Ask for the figures above the list."""
    return Timeline(totals(answers, view), series.ask(answers, view, before=False, rolled=False))


def listed(answers: Answers, answer: Answer[Rows]) -> Events:
    """Make rows ready: the leading rule of each and its class."""
    rows = answer.value.rows
    ids = tuple(sorted({rule for row in rows for rule in row.rule_ids[:1] if rule is not None}))
    known: dict[int | None, RuleInfo] = {info.rule_id: info for info in answers.rules(ids).value} if ids else {}
    return Events(
        rows=tuple(_row(row, known) for row in rows),
        has_older=answer.value.has_older,
        has_newer=answer.value.has_newer,
        quality=quality(answer),
    )


def _row(row: Row, known: dict[int | None, RuleInfo]) -> EventRow:
    scoring = tuple(rule for rule in row.rule_ids if not is_bookkeeping(rule))
    if not scoring:
        return EventRow(row, row.rule_ids[0] if row.rule_ids else None, None, max(0, len(row.rule_ids) - 1))
    return EventRow(row, scoring[0], rules.class_of(scoring[0], known), len(scoring) - 1)

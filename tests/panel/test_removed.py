"""Panels of a window from which retention has removed events: by hourly counts, or only from then on."""

from __future__ import annotations

import pytest
from tests.make import START, event, hour, match, write

from wafscope.panel import clients, events, first, held, hits, hosts, rules, series
from wafscope.panel.answers import Answers
from wafscope.panel.change import coverage, held_days
from wafscope.panel.view import View
from wafscope.query.parser import parse
from wafscope.query.question import Page, Scope
from wafscope.query.timespan import DAY, HOUR, Window
from wafscope.store.memory import MemoryStore

SINCE = START + 2 * DAY
VIEW = View(Window(START, START + 4 * DAY))


@pytest.fixture
def answers() -> Answers:
    """Four days of 24 events; the first two are removed, but for one that is reviewed."""
    store = MemoryStore()
    values = {"client_address": "192.0.2.1", "outcome": "blocked", "attack_class": "sqli"}
    write(store, [event(hour(n), match(942100), host=f"h{n // 24}", **values) for n in range(96)])
    marked = store.page(Page(Scope(Window(hour(5), hour(6))))).value.rows[0]
    assert store.review(marked.id, 1)
    store.remove(Window(START, SINCE), "age", hour(200))
    return Answers(store)


def test_figures_with_hourly_counts_are_those_of_all_events(answers: Answers) -> None:
    found = hits.ask(answers, VIEW)
    assert (found.change.now, found.matches, found.rules) == (96, 96, 1)
    assert [part.events for part in found.parts] == [96, 0, 0]
    bars = series.ask(answers, VIEW)
    assert sum(each.total for each in bars.bins) == 96
    assert bars.void == ()
    assert [(row.value, row.change.now) for row in hosts.ask(answers, VIEW).rows] == [(f"h{n}", 24) for n in range(4)]
    assert rules.ask(answers, VIEW).rows[0].change.now == 96
    for quality in (found.quality, bars.quality, hosts.ask(answers, VIEW).quality, rules.ask(answers, VIEW).quality):
        assert (quality.rolled, quality.since) == (SINCE, None)


def test_what_hourly_counts_can_not_tell_says_from_when_on_it_knows(answers: Answers) -> None:
    by_client = View(VIEW.window, parse("client.address:192.0.2.1"))
    found = clients.ask(answers, VIEW), first.ask(answers, VIEW), hits.ask(answers, by_client)
    for each in found:
        assert (each.quality.rolled, each.quality.since) == (None, SINCE)
    assert found[2].change.now == 49
    assert series.ask(answers, by_client).void == ((START, SINCE),)
    assert events.timeline(answers, VIEW).series.quality.since == SINCE
    assert events.totals(answers, VIEW).all == 49


def test_the_window_said_is_the_window_held(answers: Answers) -> None:
    line = held.ask(answers, "UTC")
    assert (line.first, line.since, line.removed, line.reviewed) == (SINCE, SINCE, 47, 1)
    assert [day.start for day in held_days(answers, "UTC")] == [SINCE, SINCE + DAY]
    assert coverage(answers, VIEW, Window(START, SINCE)).held == "none"


def test_a_window_of_what_is_held_says_nothing_of_it(answers: Answers) -> None:
    now = View(Window(SINCE, START + 4 * DAY))
    for quality in (
        hits.ask(answers, now).quality,
        series.ask(answers, now).quality,
        clients.ask(answers, now).quality,
    ):
        assert (quality.rolled, quality.since) == (None, None)
    assert hits.ask(answers, View(Window(SINCE - HOUR, SINCE + HOUR))).change.now == 2

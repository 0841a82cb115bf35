"""What a store keeps beside the events stays true, in whatever order events come and however often."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from typing import Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests import strategies
from tests.contract.conftest import Twins, open_kind
from tests.contract.made import FAR, MATCHED, ODD, ORDINARY
from tests.make import START, event, hour, match, write

from wafscope.event.fields import FIELDS
from wafscope.event.model import Event
from wafscope.query.parser import parse
from wafscope.query.question import Count, Histogram, Scope, Top
from wafscope.query.timespan import ALL_TIME, DAY, HOUR, MINUTE, Window
from wafscope.store.base import Tally
from wafscope.store.memory import MemoryStore

QUARTER = 15 * MINUTE
NEW: tuple[Literal["rule.id", "client.address", "host"], ...] = ("rule.id", "client.address", "host")
WINDOWS = (
    Window(START, START + DAY),
    Window(hour(3), hour(4)),
    Window(hour(30), hour(100)),
    Window(START + 2 * DAY, START + 12 * DAY),
    Window(-DAY, DAY),
)
BATCHES = (ORDINARY[:20], ORDINARY[15:], ODD, MATCHED, FAR)

few = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@pytest.fixture
def both(kind: str) -> Iterator[Twins]:
    """An empty store and the reference."""
    with open_kind(kind) as store, MemoryStore() as reference:
        yield Twins(store, reference)


def put(both: Twins, events: list[Event]) -> None:
    assert write(both.reference, events) == write(both.store, events)


def ask(both: Twins) -> None:
    """Ask for all that is kept."""
    for window in WINDOWS:
        for name in NEW:
            for bookkeeping in (True, False):
                both.top(Top(name, Scope(window), limit=0, new=True, bookkeeping=bookkeeping))
        both.top(Top("client.address", Scope(window, parse("-status:404")), limit=3, new=True, brief=True))
        both.histogram(Histogram(Scope(window), QUARTER))
        both.histogram(Histogram(Scope(window), 6 * HOUR))
    both.agree(lambda store: store.held())


@pytest.mark.parametrize("order", [(0, 1, 2, 3, 4), (4, 3, 2, 1, 0), (2, 4, 1, 3, 0)])
def test_the_order_of_imports_changes_no_answer(both: Twins, order: tuple[int, ...]) -> None:
    for number in order:
        put(both, list(reversed(BATCHES[number])))
        ask(both)


def test_a_second_reading_changes_nothing_that_is_kept(both: Twins) -> None:
    for events in (*BATCHES, *BATCHES, [*ORDINARY, *ODD, *MATCHED]):
        put(both, events)
    ask(both)


def test_an_older_event_makes_a_value_known(both: Twins) -> None:
    scope = Scope(Window(hour(10), hour(20)))
    put(both, [event(hour(11), 942100, client_address="192.0.2.1")])
    clients, rules = (Top(name, scope, new=True) for name in ("client.address", "rule.id"))
    assert [both.top(clients).distinct, both.top(rules).distinct] == [1, 1]

    put(both, [event(hour(15), 920350, client_address="192.0.2.1"), event(hour(9), 920350)])
    assert [value.value for value in both.top(clients).values] == ["192.0.2.1"]
    assert [value.value for value in both.top(rules).values] == [942100]

    put(both, [event(hour(1), 942100, client_address="192.0.2.1")])
    assert [both.top(clients).distinct, both.top(rules).distinct] == [0, 0]


def test_a_missing_value_is_new_once(both: Twins) -> None:
    top = Top("client.address", Scope(Window(hour(5), hour(6))), new=True)
    put(both, [event(hour(5), client_address=""), event(hour(5.5))])
    assert [value.value for value in both.top(top).values] == ["", None]
    put(both, [event(hour(2), match(None))])
    assert [value.value for value in both.top(top).values] == [""]


def test_a_value_is_not_new_twice(both: Twins) -> None:
    put(both, [event(hour(1), 942100), event(hour(30), 942100)])
    windows = [Window(hour(start), hour(start + 24)) for start in (-10, 0, 2, 25)]
    found = [both.top(Top("rule.id", Scope(window), new=True)).distinct for window in windows]

    assert found == [1, 1, 0, 0]


def test_a_bookkeeping_rule_was_there_before(both: Twins) -> None:
    put(both, [event(hour(1), 949110, 980130), event(hour(30), 949110, 942100)])
    found = both.top(Top("rule.id", Scope(Window(hour(24), hour(48))), new=True))

    assert [value.value for value in found.values] == [942100]


def test_bins_before_the_epoch_are_whole(both: Twins) -> None:
    put(both, [event(time) for time in (-QUARTER - 1, -QUARTER, -1, 0, QUARTER - 1, QUARTER)])
    bins = both.histogram(Histogram(Scope(Window(-4 * QUARTER, 4 * QUARTER)), QUARTER)).bins

    assert bins == ((-2 * QUARTER, None, 1), (-QUARTER, None, 2), (0, None, 2), (QUARTER, None, 1))


@pytest.mark.parametrize("start", [START, START + 15 * MINUTE, START + 5 * MINUTE, START - 12 * HOUR])
@pytest.mark.parametrize("step", [5 * MINUTE, 15 * MINUTE, HOUR, 7 * HOUR, DAY])
@pytest.mark.parametrize("length", [6 * HOUR, 50 * HOUR + 16 * MINUTE, 10 * DAY + 15 * MINUTE])
def test_bins_of_any_width_are_the_same(twins: Twins, start: int, step: int, length: int) -> None:
    for line in ("", "host:www.example.org"):
        twins.histogram(Histogram(Scope(Window(start, start + length), parse(line)), step))


def test_a_write_that_fails_leaves_what_is_kept(both: Twins) -> None:
    put(both, ORDINARY[:10])
    payload = both.store.encoder().encode([], sensor="s")
    with pytest.raises(Exception):  # noqa: B017, PT011 - whatever a broken payload raises
        both.store.write_all([(payload, Tally("a", "s", 0, 0, 1)), (pickle.dumps(0)[:3], Tally("b", "s", 0, 0, 1))])
    put(both, ORDINARY[5:20])
    for window in WINDOWS:
        both.top(Top("client.address", Scope(window), limit=0, new=True))
        both.histogram(Histogram(Scope(window), HOUR))


@pytest.mark.parametrize("order", ["events", "matches", "last"])
@pytest.mark.parametrize("name", [*(field.name for field in FIELDS), "day"])
def test_a_brief_answer_has_the_same_values(
    twins: Twins, name: str, order: Literal["events", "matches", "last"]
) -> None:
    scope = Scope(Window(START, START + 10 * DAY), parse("-rule:949110 or matches:>2"))
    for limit, bookkeeping in ((0, True), (3, False)):
        full = Top(name, scope, limit=limit, order=order, bookkeeping=bookkeeping)
        brief = Top(name, scope, limit=limit, order=order, bookkeeping=bookkeeping, brief=True)
        expected, found = twins.top(full), twins.top(brief)

        assert [(v.value, v.events) for v in expected.values] == [(v.value, v.events) for v in found.values]
        assert expected.distinct == found.distinct
        assert {(v.matches, v.first, v.last) for v in found.values} <= {(0, 0, 0)}
        assert found.events == 0


@pytest.mark.parametrize("line", ["", "method:GET,POST", "tag:attack-sqli", "nothing_has_this"])
def test_several_brief_lists_are_answered_at_once(twins: Twins, line: str) -> None:
    names = [*(field.name for field in FIELDS), "day", "ip", "status"]
    for window in (ALL_TIME, WINDOWS[0]):
        scope = Scope(window, parse(line))
        questions = [Top(name, scope, limit=place % 4, brief=True) for place, name in enumerate(names)]
        answers = twins.agree(lambda store, asked=tuple(questions): store.facets(asked))  # type: ignore[misc] # mypy#12557

        assert len(questions) == len(answers)


def test_lists_of_all_kinds_are_answered_at_once(twins: Twins) -> None:
    """Those that can not be answered in one pass are answered one by one."""
    scope = Scope(WINDOWS[0])
    questions = (
        Top("host", scope, brief=True),
        Top("host", Scope(), brief=True),
        Top("http.response.status_code", scope, brief=True),
        Top("host", scope, limit=1, brief=True),
        Top("waf.outcome", scope),
        Top("waf.outcome", scope, order="last", brief=True),
        Top("http.request.method", scope, new=True, brief=True),
        Top("http.request.method", scope, limit=2, brief=True),
        Top("host", scope, brief=True),
    )
    answers = twins.agree(lambda store: store.facets(questions))

    assert answers == tuple(twins.reference.top(question).value for question in questions)


@few
@given(events=strategies.event_lists(), data=st.data())
def test_generated_events_in_any_order_leave_it_true(kind: str, events: list[Event], data: st.DataObject) -> None:
    batches = data.draw(strategies.batches(events))
    start = data.draw(st.integers(0, 3 * 24 * 4)) * QUARTER + START
    window = Window(start, start + data.draw(st.integers(1, 300)) * QUARTER)
    with open_kind(kind) as store, MemoryStore() as reference:
        both = Twins(store, reference)
        for batch in batches:
            put(both, batch)
            both.count(Scope())
            for name in NEW:
                both.top(Top(name, Scope(window, data.draw(strategies.filters())), limit=0, new=True))
            both.histogram(Histogram(Scope(window), data.draw(st.integers(1, 9)) * QUARTER))
        assert store.count(Count(Scope())).value == reference.count(Count(Scope())).value

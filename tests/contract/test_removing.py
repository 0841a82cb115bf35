"""What is removed is gone from every answer but the hourly counts, stays away, and leaves the rest as it was."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.contract.conftest import Twins, open_kind
from tests.contract.made import FAR, MATCHED, ODD, ORDINARY
from tests.contract.test_kept import ask, put
from tests.make import START, event, hour, match, write

from wafscope.event.model import Event
from wafscope.query.parser import parse
from wafscope.query.question import OTHERS, Count, Histogram, Page, Removed, Scope, Top
from wafscope.query.timespan import ALL_TIME, DAY, HOUR, Window
from wafscope.store.base import EventStore
from wafscope.store.memory import MemoryStore

NOW = hour(1000)
FIRST = Window(START, START + DAY)
ROLLED = ("host", "waf.outcome", "waf.attack_class", "rule.id")
FILTERS = (
    "",
    "host:www.example.org",
    "-host:www.example.org",
    "outcome:blocked",
    "waf.attack_class:sqli or outcome:below",
)


@pytest.fixture
def both(kind: str) -> Iterator[Twins]:
    """An empty store and the reference."""
    with open_kind(kind) as store, MemoryStore() as reference:
        yield Twins(store, reference)


def remove(both: Twins, window: Window, *, reviewed: bool = False) -> tuple[Removed, ...]:
    found = both.reference.remove(window, "age", NOW, reviewed=reviewed)
    assert found == both.store.remove(window, "age", NOW, reviewed=reviewed)
    return found


def review(both: Twins, each: Event, now: int | None = NOW) -> None:
    for store in (both.reference, both.store):
        rows = store.page(Page(Scope(Window(each.time, each.time + 1)))).value.rows
        assert store.review(rows[0].id, now)


def times(store: EventStore, window: Window = ALL_TIME) -> list[int]:
    """The times of all events."""
    rows = store.page(Page(Scope(window), limit=500)).value.rows
    return [row.time for row in rows]


def ask_rolled(both: Twins, lines: tuple[str, ...] = FILTERS) -> None:
    """Ask for all that hourly counts can tell, and for what they can not."""
    for window in (ALL_TIME, Window(START, START + DAY), Window(hour(3), hour(40))):
        for line in lines:
            scope = Scope(window, parse(line))
            both.agree(lambda store, scope=scope: store.count(Count(scope, rolled=True)))  # type: ignore[misc]
            for name in ROLLED:
                both.top(Top(name, scope, limit=0, rolled=True, bookkeeping=name == "rule.id"))
            both.top(Top("rule.id", scope, limit=3, rolled=True, brief=True, bookkeeping=False))
            if window != ALL_TIME:
                for by in ("", "host", "client.address"):
                    both.histogram(Histogram(scope, 3 * HOUR, by=by, limit=2, rolled=True))


def test_all_that_is_kept_stays_true(both: Twins) -> None:
    for events in (ORDINARY, ODD, MATCHED, FAR):
        put(both, events)
    for window in (Window(-(1 << 50), START), FIRST, Window(hour(24), hour(37)), Window(hour(37), hour(60))):
        remove(both, window)
        ask(both)
        ask_rolled(both)
        assert times(both.reference) == times(both.store)
        both.agree(lambda store: store.rules([942100, 942190, 920350, 941100, 930120, 949110]))
        for name in ("waf.outcome", "client.address", "rule.id", "source", "rule.message"):
            both.top(Top(name, Scope(), limit=0))


def test_counts_with_what_was_removed_are_those_from_before(both: Twins) -> None:
    put(both, ORDINARY)
    scope = Scope(Window(START, START + 3 * DAY))
    count = both.count(scope)
    hosts, rules = (both.top(Top(name, scope, limit=0, brief=True)) for name in ("host", "rule.id"))
    bins = both.histogram(Histogram(scope, HOUR, by="waf.outcome"))

    remove(both, FIRST)
    answer = both.store.count(Count(scope, rolled=True))
    assert (answer.value.events, answer.value.matches, answer.value.scoring_matches) == (
        count.events,
        count.matches,
        count.scoring_matches,
    )
    assert answer.since is None
    assert both.top(Top("host", scope, limit=0, brief=True, rolled=True)) == hosts
    assert both.top(Top("rule.id", scope, limit=0, brief=True, rolled=True)) == rules
    assert both.histogram(Histogram(scope, HOUR, by="waf.outcome", rolled=True)) == bins


def test_an_answer_tells_from_when_on_it_knows(both: Twins) -> None:
    put(both, ORDINARY)
    remove(both, FIRST)
    assert both.store.count(Count(Scope())).since == FIRST.end
    assert both.store.count(Count(Scope(Window(FIRST.end, NOW)))).since is None
    # Nothing hourly tells of clients, nor of rules of one host.
    assert both.store.top(Top("client.address", Scope(), rolled=True)).since == FIRST.end
    assert both.store.top(Top("rule.id", Scope(filter=parse("host:a")), rolled=True)).since == FIRST.end
    assert both.store.count(Count(Scope(Window(START + 1, NOW)), rolled=True)).exact is False
    assert both.agree(lambda store: store.held()).since == FIRST.end


def test_hosts_that_a_client_makes_up_do_not_fill_the_hourly_counts(both: Twins) -> None:
    put(both, [event(hour(1), host="www.example.org") for _ in range(3)])
    put(both, [event(hour(1) + number, host=f"made-up-{number:03}") for number in range(300)])
    put(both, [event(hour(1))])
    remove(both, FIRST)
    found = both.top(Top("host", Scope(), limit=0, brief=True, rolled=True)).values
    assert (found[0].value, found[0].events) == (OTHERS, 101)
    assert (found[1].value, found[1].events, len(found)) == ("www.example.org", 3, 202)


def test_what_is_removed_does_not_come_back(both: Twins) -> None:
    put(both, ORDINARY)
    held = both.count(Scope(Window(FIRST.end, NOW))).events
    (removed,) = remove(both, FIRST)
    put(both, [*ORDINARY, event(hour(3))])
    written = write(both.store, [*ORDINARY, event(hour(3))])

    assert (written.stored, written.duplicate, written.expired) == (0, held, removed.events + 1)
    assert both.count(Scope()).events == held


def test_a_day_that_is_removed_in_parts_is_told_as_one(both: Twins) -> None:
    put(both, ORDINARY)
    remove(both, Window(START, hour(6)))
    assert both.agree(lambda store: store.held()).since == hour(6)
    remove(both, Window(hour(6), FIRST.end))
    removed = both.agree(lambda store: store.held()).removed
    assert [(each.day, each.until, each.reason) for each in removed] == [(START, FIRST.end, "age")]
    assert removed[0].events == len([each for each in ORDINARY if each.time < FIRST.end])


def test_reviewed_events_stay(both: Twins) -> None:
    put(both, ORDINARY)
    review(both, ORDINARY[3])
    review(both, ORDINARY[5])
    review(both, ORDINARY[5], None)
    assert both.agree(lambda store: store.held()).reviewed == 1
    remove(both, FIRST)
    assert times(both.store, FIRST) == [ORDINARY[3].time]
    put(both, ORDINARY)
    assert remove(both, FIRST, reviewed=True)[0].events == 1
    assert both.count(Scope(FIRST)).events == 0
    assert both.agree(lambda store: store.held()).reviewed == 0


def test_an_unknown_event_can_not_be_reviewed(both: Twins) -> None:
    assert both.store.review(b"\0" * 16, NOW) is both.reference.review(b"\0" * 16, NOW) is False


def test_what_belongs_together_goes_together(both: Twins) -> None:
    """The records of the error log that are part of an event, whatever their own time."""
    audit = event(FIRST.end - 1, 942100, transaction_id="one", format="v3.json")
    line = event(FIRST.end + 1, 942100, transaction_id="one", format="err.nginx.v3")
    put(both, [audit, line, event(hour(30), transaction_id="two", format="err.nginx.v3")])
    (removed,) = remove(both, FIRST)
    assert (removed.events, removed.joined) == (1, 1)
    assert both.agree(lambda store: store.held()).events == 1
    ask(both)


def test_a_mark_goes_over_to_the_event_that_a_record_becomes_part_of(both: Twins) -> None:
    line = event(hour(1), 942100, transaction_id="one", format="err.nginx.v3")
    put(both, [line])
    review(both, line)
    put(both, [event(hour(1) + 1, 942100, transaction_id="one", format="v3.json")])
    assert both.agree(lambda store: store.held()).reviewed == 1
    remove(both, FIRST)
    assert both.count(Scope()).events == 1


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(0, 100), max_size=12), st.integers(0, 100), st.integers(1, 60))
def test_in_whatever_order(kind: str, times: list[int], start: int, length: int) -> None:
    events = [event(hour(at), match(942100 + at % 3), host=f"h{at % 2}") for at in times]
    with open_kind(kind) as store, MemoryStore() as reference:
        both = Twins(store, reference)
        put(both, events[::2])
        remove(both, Window(hour(start), hour(start + length)))
        put(both, events)
        remove(both, Window(hour(0), hour(start)))
        both.agree(lambda store: store.held())
        both.top(Top("rule.id", Scope(Window(hour(50), hour(100))), new=True))
        ask_rolled(both, ("",))

"""The reference store: what the answers are, written out.

The contract tests compare the other stores with this one; here its own answers are compared with what
a person would say.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.make import START, event, hour, match, write

from wafscope.errors import StoreError, Unsupported
from wafscope.event.model import Event
from wafscope.query.filter import Filter
from wafscope.query.parser import parse
from wafscope.query.question import (
    Bins,
    Count,
    Counts,
    Cursor,
    Histogram,
    Page,
    RuleInfo,
    Scope,
    Top,
    TopValue,
)
from wafscope.query.timespan import ALL_TIME, HOUR, Window
from wafscope.store.base import EventStore
from wafscope.store.memory import MemoryStore
from wafscope.store.open import open_store

EVENTS = (
    event(hour(0), 942100, 949110, host="a.example", status=403, rulesets=("crs", "site"), uri="/0"),
    event(hour(1), 942100, 942100, host="b.example", status=200, rulesets=("crs",), uri="/1"),
    event(hour(2), host="a.example", client_address="192.0.2.7", uri="/2"),
    event(
        hour(3), 920350, match(None, message=""), host="", method="", status=200, client_address="2001:db8::7", uri="/3"
    ),
    event(hour(25), 920350, host="c.example", status=9, uri="/4"),
)


@pytest.fixture
def store() -> Iterator[MemoryStore]:
    with MemoryStore() as opened:
        write(opened, EVENTS)
        yield opened


def found(store: EventStore, line: str) -> list[str]:
    """Return the paths of the events for which a filter holds, oldest first."""
    rows = store.page(Page(Scope(ALL_TIME, parse(line)))).value.rows
    return [row.uri[1:] for row in reversed(rows)]


def top(store: EventStore, question: Top) -> list[tuple[str | int | None, int, int]]:
    return [(value.value, value.events, value.matches) for value in store.top(question).value.values]


@pytest.mark.parametrize(
    ("line", "events"),
    [
        ("", "01234"),
        ("host:a.example", "02"),
        ("-host:a.example", "134"),
        ("host:A.example", ""),
        ("host:*", "01234"),
        ("-host:*", ""),
        ('host:""', "3"),
        ("method:*", ""),
        ("host:*.example", "0124"),
        ("host:?.example", ""),
        ("status:200,9", "134"),
        ("status:>=200", "013"),
        ("-status:>=200", "24"),
        ("ip:192.0.2.0/24", "2"),
        ("ip:0.0.0.0/0", "2"),
        ("ip:::/0", "3"),
        ("ruleset:site", "0"),
        ("-ruleset:crs", "234"),
        ("rule:942100", "01"),
        ("-rule:942100", "234"),
        ("rule:942100 rule:949110", "0"),
        ("rule:*", "0134"),
        ("message:*", "0134"),
        ("-message:*", "2"),
        ("A.EXAMPLE", "02"),
        ('"message of 92"', "34"),
        ("time:2026-11-19", "4"),
        ("sensor:web1 source:/var/log/*", "01234"),
        ("sensor:web2", ""),
        ("(host:a.example or status:9) -rule:949110", "24"),
    ],
)
def test_a_filter_holds_for(store: MemoryStore, line: str, events: str) -> None:
    assert list(events) == found(store, line)


def test_no_alternative_holds_for_nothing(store: MemoryStore) -> None:
    nothing: Filter = parse("(host:x or host:y)")

    assert store.count(Count(Scope(ALL_TIME, nothing))).value == Counts()


def test_a_window_is_half_open(store: MemoryStore) -> None:
    counts = store.count(Count(Scope(Window(hour(0), hour(2))))).value

    assert counts == Counts(events=2, matches=4, scoring_matches=3, first=hour(0), last=hour(1))


def test_values_of_events_are_counted_with_all_their_matches(store: MemoryStore) -> None:
    answer = store.top(Top("host", Scope())).value

    assert answer.values == (
        TopValue("a.example", 2, 2, hour(0), hour(2)),
        TopValue("", 1, 2, hour(3), hour(3)),
        TopValue("b.example", 1, 2, hour(1), hour(1)),
        TopValue("c.example", 1, 1, hour(25), hour(25)),
    )
    assert (answer.distinct, answer.events) == (4, 5)


def test_each_of_several_texts_counts(store: MemoryStore) -> None:
    assert top(store, Top("ruleset", Scope())) == [(None, 3, 3), ("crs", 2, 4), ("site", 1, 2)]


def test_values_of_matches_leave_out_events_without_one(store: MemoryStore) -> None:
    assert top(store, Top("rule", Scope())) == [(920350, 2, 2), (942100, 2, 3), (949110, 1, 1), (None, 1, 1)]
    assert top(store, Top("rule", Scope(), bookkeeping=False)) == [(920350, 2, 2), (942100, 2, 3), (None, 1, 1)]
    assert top(store, Top("message", Scope()))[-1] == (None, 1, 1)


def test_orders_differ(store: MemoryStore) -> None:
    by_matches, by_time, by_value = (
        [value for value, _, _ in top(store, question)]
        for question in (
            Top("rule", Scope(), order="matches"),
            Top("rule", Scope(), order="last"),
            Top("status", Scope()),
        )
    )

    assert by_matches == [942100, 920350, 949110, None]
    assert by_time == [920350, None, 942100, 949110]
    assert by_value == [200, 9, 403, None]


def test_a_limit_cuts_the_list_and_not_the_counts(store: MemoryStore) -> None:
    answer = store.top(Top("status", Scope(), limit=1)).value

    assert (len(answer.values), answer.distinct, answer.events) == (1, 3, 5)


def test_new_values_are_those_no_earlier_event_has(store: MemoryStore) -> None:
    later = Scope(Window(hour(2), hour(30)))

    assert top(store, Top("host", later, new=True)) == [("", 1, 2), ("c.example", 1, 1)]
    assert top(store, Top("status", later, new=True)) == [(9, 1, 1), (None, 1, 0)]
    assert top(store, Top("status", Scope(Window(hour(3), hour(30))), new=True)) == [(9, 1, 1)]
    assert store.top(Top("rule", later, new=True)).value.distinct == 1


def test_days_follow_the_zone(store: MemoryStore) -> None:
    assert top(store, Top("day", Scope())) == [("2026-11-18", 4, 6), ("2026-11-19", 1, 1)]
    assert top(store, Top("day", Scope(), zone="America/New_York")) == [("2026-11-17", 4, 6), ("2026-11-18", 1, 1)]
    with pytest.raises(StoreError):
        store.top(Top("day", Scope(), zone="Mars/Olympus"))


def test_bins_start_with_the_window(store: MemoryStore) -> None:
    window = Window(hour(0.5), hour(30))

    assert store.histogram(Histogram(Scope(window), 2 * HOUR)).value == Bins(
        ((hour(0.5), None, 2), (hour(2.5), None, 1), (hour(24.5), None, 1))
    )


def test_bins_are_split_by_the_most_frequent_values(store: MemoryStore) -> None:
    scope = Scope(Window(hour(0), hour(30)))

    assert store.histogram(Histogram(scope, 30 * HOUR, by="host", limit=1)).value == Bins(
        ((hour(0), "a.example", 2), (hour(0), "…", 3))
    )
    assert store.histogram(Histogram(scope, 30 * HOUR, by="status", limit=2)).value == Bins(
        ((hour(0), "200", 2), (hour(0), "9", 1), (hour(0), "…", 1), (hour(0), None, 1))
    )


def test_bins_can_not_be_split_by_fields_of_matches(store: MemoryStore) -> None:
    with pytest.raises(Unsupported):
        store.histogram(Histogram(Scope(), HOUR, by="rule"))


def test_a_page_knows_what_is_on_either_side(store: MemoryStore) -> None:
    first = store.page(Page(Scope(), limit=2)).value
    edge = Cursor(first.rows[-1].time, first.rows[-1].id)
    second = store.page(Page(Scope(), limit=3, older_than=edge)).value
    back = store.page(Page(Scope(), limit=1, newer_than=edge)).value
    between = store.page(Page(Scope(), newer_than=Cursor(hour(0), b"\xff" * 16), older_than=edge)).value

    assert [row.uri for row in first.rows] == ["/4", "/3"]
    assert (first.has_older, first.has_newer) == (True, False)
    assert [row.uri for row in second.rows] == ["/2", "/1", "/0"]
    assert (second.has_older, second.has_newer) == (False, True)
    assert [row.uri for row in back.rows] == ["/4"]
    assert (back.has_older, back.has_newer) == (True, False)
    assert [row.uri for row in between.rows] == ["/2", "/1"]


def test_a_row_tells_an_empty_host_from_none(store: MemoryStore) -> None:
    write(store, [event(hour(3.5), host=None)])
    rows = store.page(Page(Scope(Window(hour(3), hour(4))))).value.rows

    assert [(row.host, row.method, row.rule_ids) for row in rows] == [(None, "", ()), ("", "", (920350, None))]


def test_the_latest_match_tells_of_a_rule(store: MemoryStore) -> None:
    write(store, [event(hour(9), match(942100, message="new"), match(942100, message="newest", tags=("a", "a")))])
    write(store, [event(hour(8), match(942100, message="written later, happened before"))])

    assert store.rules([1, 942100]).value == (RuleInfo(942100, "newest", "", None, None, ("a", "a"), ""),)


def test_an_event_is_kept_as_it_is(store: MemoryStore) -> None:
    odd = Event(raw=b"\xff", format="v3.json", time=START - 1, host="\udcff", request_headers=(("a", "\ud800"),))
    write(store, [odd], source="caf\udce9.log")
    row = store.page(Page(Scope(Window(START - 1, START)))).value.rows[0]
    stored = store.event(row.id).value

    assert stored is not None
    assert odd == stored.event
    assert stored.source == "caf\\xe9.log"


def test_a_store_in_memory_has_an_address() -> None:
    with open_store("memory:") as store:
        assert isinstance(store, MemoryStore)


def test_a_closed_store_holds_nothing() -> None:
    store = MemoryStore()
    write(store, EVENTS)
    store.close()

    assert store.held().value.events == 0

"""Paging through events, in every store."""

from __future__ import annotations

import msgspec
import pytest
from tests.contract.conftest import Twins
from tests.contract.made import ORDINARY
from tests.make import START, event, hour, write

from wafscope.query.parser import parse
from wafscope.query.question import Cursor, Page, Row, Rows, Scope
from wafscope.query.timespan import ALL_TIME, Window
from wafscope.store.base import EventStore

SCOPES = {
    "everything": Scope(),
    "a window": Scope(Window(hour(4), hour(93))),
    "a filter": Scope(ALL_TIME, parse("rule:942100 or host:*caf*")),
    "nothing": Scope(ALL_TIME, parse("nothing_has_this")),
}


def page(store: EventStore, question: Page) -> Rows:
    answer = store.page(question)
    assert (answer.exact, answer.cut) == (True, False)
    return answer.value


def without_ids(rows: Rows) -> Rows:
    """Each store has ids of its own."""
    return msgspec.structs.replace(rows, rows=tuple(msgspec.structs.replace(row, id=b"") for row in rows.rows))


def place(row: Row) -> Cursor:
    return Cursor(row.time, row.id)


def downwards(store: EventStore, scope: Scope, limit: int) -> list[Rows]:
    pages = [page(store, Page(scope, limit=limit))]
    while pages[-1].has_older:
        pages.append(page(store, Page(scope, limit=limit, older_than=place(pages[-1].rows[-1]))))
    return pages


def upwards(store: EventStore, scope: Scope, limit: int, start: Cursor) -> list[Rows]:
    pages = [page(store, Page(scope, limit=limit, newer_than=start))]
    while pages[-1].has_newer:
        pages.append(page(store, Page(scope, limit=limit, newer_than=place(pages[-1].rows[0]))))
    return pages


@pytest.mark.parametrize("scope", SCOPES.values(), ids=list(SCOPES))
@pytest.mark.parametrize("limit", [1, 7, 1000])
def test_pages_downwards_are_the_same(twins: Twins, scope: Scope, limit: int) -> None:
    expected, found = (downwards(store, scope, limit) for store in (twins.reference, twins.store))

    assert [without_ids(rows) for rows in expected] == [without_ids(rows) for rows in found]
    assert not found[0].has_newer
    times = [row.time for rows in found for row in rows.rows]
    assert sorted(times, reverse=True) == times


@pytest.mark.parametrize("scope", SCOPES.values(), ids=list(SCOPES))
@pytest.mark.parametrize("limit", [1, 7, 1000])
def test_pages_upwards_are_the_same(twins: Twins, scope: Scope, limit: int) -> None:
    start = Cursor(hour(10), bytes(16))  # not the place of any event
    expected, found = (upwards(store, scope, limit, start) for store in (twins.reference, twins.store))

    assert [without_ids(rows) for rows in expected] == [without_ids(rows) for rows in found]


@pytest.mark.parametrize("time", [-2, START, hour(60), 1 << 60])
def test_a_place_at_or_beyond_the_ends_has_what_is_on_its_sides(twins: Twins, time: int) -> None:
    cursor = Cursor(time, bytes(16))
    for question in (
        Page(Scope(), limit=3, older_than=cursor),
        Page(Scope(), limit=3, newer_than=cursor),
        Page(SCOPES["a filter"], limit=3, older_than=cursor),
        Page(SCOPES["a filter"], limit=3, newer_than=cursor),
    ):
        assert without_ids(page(twins.reference, question)) == without_ids(page(twins.store, question))


def test_events_at_the_same_time_are_paged_once_each(store: EventStore) -> None:
    """In the order of their ids, which no two stores share."""
    write(store, [event(START + number // 5, uri=f"/{number}") for number in range(20)])
    whole = page(store, Page(Scope())).rows
    down = downwards(store, Scope(), 3)
    up = upwards(store, Scope(), 3, Cursor(START - 1, bytes(16)))

    assert [f"/{number}" for number in range(20)] == sorted((row.uri for row in whole), key=lambda uri: int(uri[1:]))
    assert sorted(whole, key=lambda row: (row.time, row.id), reverse=True) == list(whole)
    assert list(whole) == [row for rows in down for row in rows.rows]
    assert list(whole) == [row for rows in reversed(up) for row in rows.rows]


def test_rows_name_scoring_rules_first(store: EventStore) -> None:
    write(store, [event(START, 949110, 942100, 980130, 942100, 920350)])

    assert page(store, Page(Scope())).rows[0].rule_ids == (942100, 920350, 949110, 980130)


def test_an_empty_store_has_an_empty_page(store: EventStore) -> None:
    assert page(store, Page(Scope())) == Rows()
    assert page(store, Page(Scope(), older_than=Cursor(START, bytes(16)))) == Rows()


def test_a_page_is_as_long_as_was_asked(store: EventStore) -> None:
    write(store, ORDINARY)
    rows = page(store, Page(Scope(), limit=len(ORDINARY)))

    assert len(ORDINARY) == len(rows.rows)
    assert not rows.has_older

"""What is removed from the file of DuckDB is in no row, and what stays can be read to the last byte."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.store import keep
from tests.store.keep import answers

from wafscope.query.question import Count, Page, Scope
from wafscope.query.timespan import DAY, Window
from wafscope.store.duckdb.store import DuckStore


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DuckStore]:
    with DuckStore(tmp_path / "store.duckdb") as opened:
        keep.fill(opened)
        yield opened


def events(store: DuckStore) -> dict[str, list[object]]:
    return {str(each[0]): each for each in answers(store, ("host",))["events"]}


def test_what_stays_is_read_as_before(store: DuckStore) -> None:
    """Blocks in which others were removed are written anew."""
    before = events(store)
    times = sorted(row.time for row in store.page(Page(Scope(), limit=2000)).value.rows)
    half = times[len(times) // 2]
    reviewed = store.page(Page(Scope(Window(0, half)), limit=3)).value.rows
    for row in reviewed:
        assert store.review(row.id, 1)
    removed = sum(each.events for each in store.remove(Window(0, half), "hand", 1))
    after = events(store)

    assert len(after) == len(before) - removed
    assert {row.id.hex() for row in reviewed} < after.keys()
    assert all(before[identity] == each for identity, each in after.items())
    left = "SELECT count(*) FROM raw WHERE block NOT IN (SELECT block FROM event UNION SELECT block FROM joined)"
    assert store._connection.fetch(left, (), 5) == [(0,)]


def test_when_all_is_removed_nothing_is_left(store: DuckStore) -> None:
    store.remove(Window(-DAY, 1 << 55), "hand", 1)
    assert store.count(Count(Scope())).value.events == 0
    tables = ("event", "match", "raw", "joined", "own_word", "rule", "quarter", "first_rule_id")
    counts = ", ".join(f"(SELECT count(*) FROM {name})" for name in tables)  # noqa: S608 - names from here
    assert store._connection.fetch(f"SELECT {counts}", (), 5) == [(0,) * len(tables)]

"""What many events and matches share stands in tables of its own, whatever comes between."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.make import event, hour, match, write
from tests.store.test_write import part

from wafscope.event.model import Event
from wafscope.query.question import Scope, Top
from wafscope.store.base import Tally
from wafscope.store.duckdb import coding
from wafscope.store.duckdb.store import DuckStore
from wafscope.store.memory import MemoryStore

SHARED = ("waf.engine.version", "waf.rulesets", "event.flags", "rule.message", "rule.tags", "rule.severity")


def made(number: int, kinds: int) -> Event:
    """An event of one of so many installations, with a match that one of so many rules words."""
    kind = number % kinds
    told = match(942100, message=f"rule {kind}", tags=(f"tag {kind}", "\udcff"), severity=kind)
    return event(hour(number), told, engine_version=f"3.0.{kind}", rulesets=("", f"set {kind}"), flags=("repaired",))


def rows(store: DuckStore) -> tuple[int, int]:
    """Rows of both tables."""
    sql = "SELECT (SELECT count(*) FROM setting), (SELECT count(*) FROM wording)"
    found: tuple[int, int] = store._connection.fetch(sql, (), 5)[0]
    return found


def test_what_is_shared_is_written_once(tmp_path: Path) -> None:
    path = tmp_path / "store.duckdb"
    with DuckStore(path) as store:
        write(store, [made(number, 2) for number in range(10)])
        write(store, [made(number, 3) for number in range(10, 20)])
        assert rows(store) == (3, 3)
    with DuckStore(path) as store:
        write(store, [made(number, 4) for number in range(20, 30)])
        assert rows(store) == (4, 4)


@pytest.mark.parametrize("most", [1, 2, 8])
def test_answers_are_the_same_where_little_is_remembered(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coding, "_MOST", most)
    with DuckStore(None) as store, MemoryStore() as reference:
        for start in range(0, 60, 6):
            for each in (store, reference):
                write(each, [made(number, 1 + start // 6) for number in range(start, start + 6)])
        for field in SHARED:
            question = Top(field, Scope())
            assert store.top(question).value == reference.top(question).value


def test_a_transaction_that_failed_leaves_no_number_behind() -> None:
    with DuckStore(None) as store, MemoryStore() as reference:

        def broken() -> Iterator[tuple[bytes, Tally]]:
            yield part(store, [made(number, 5) for number in range(10)])
            raise OSError("the log is gone")

        with pytest.raises(OSError, match="gone"):
            store.write_all(broken())
        for each in (store, reference):
            write(each, [made(number, 4) for number in range(3, 20)])
        for field in SHARED:
            question = Top(field, Scope())
            assert store.top(question).value == reference.top(question).value


def test_what_nothing_points_to_any_more_is_swept_away() -> None:
    with DuckStore(None) as store:
        write(store, [made(number, 3) for number in range(6)])
        with store._connection.writing() as cursor:
            cursor.execute("DELETE FROM match WHERE event IN (SELECT seq FROM event WHERE seq % 3 = 1)")
            cursor.execute("DELETE FROM event WHERE seq % 3 = 1")
            coding.sweep(cursor)
        store._coding.forget()
        assert rows(store) == (2, 2)
        write(store, [made(number, 3) for number in range(6, 9)])
        assert rows(store) == (3, 3)
        found = store.top(Top("waf.engine.version", Scope())).value.values
        assert [(each.value, each.events) for each in found] == [("3.0.0", 3), ("3.0.2", 3), ("3.0.1", 1)]

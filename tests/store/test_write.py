"""Payloads that are written together, by DuckDB and by the reference: counts are exact for each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from random import Random

import duckdb
import pytest
from tests.make import SOURCE, event, hour, match

from wafscope.event.model import Event
from wafscope.query.question import Count, Scope, Top
from wafscope.store.base import EventStore, Found, Records, Tally, Written
from wafscope.store.duckdb import rewrite
from wafscope.store.duckdb.store import DuckStore
from wafscope.store.memory import MemoryStore

ALL = Count(Scope())
RULES = tuple(range(942000, 942010))


def part(store: EventStore, events: Sequence[Event], source: str = SOURCE) -> tuple[bytes, Tally]:
    """A payload of these events, with its tally."""
    payload = store.encoder().encode([Records(source, [Found(each, 0, 1) for each in events])], sensor="web1")
    return payload, Tally(source, "web1", len(events), sum(len(each.matches) for each in events), 1)


@pytest.mark.parametrize(("together", "most"), [(1, 1 << 30), (3, 1 << 30), (20_000, 1 << 30), (20_000, 1)])
def test_each_payload_is_told_what_became_of_it(together: int, most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether a record stands in the same payload, in another of the transaction, or in the store before."""
    monkeypatch.setattr("wafscope.store.duckdb.write._TOGETHER", together)
    monkeypatch.setattr("wafscope.store.duckdb.write._MOST_BYTES", most)
    known, one, two, three = (event(hour(n), *[942100] * n, 949110) for n in range(4))
    groups: tuple[list[Event], ...] = ([known, one], [one, two, two], [known, one, two], [], [three])
    with DuckStore(None) as store, MemoryStore() as reference:
        for each in (store, reference):
            each.write_all([part(each, [known])])
        written = store.write_all([part(store, events) for events in groups])

        assert reference.write_all([part(reference, events) for events in groups]) == written
        assert [(each.stored, each.duplicate, each.matches) for each in written] == [
            (1, 1, 2),
            (1, 2, 3),
            (0, 3, 0),
            (0, 0, 0),
            (1, 0, 4),
        ]
        assert reference.count(ALL).value == store.count(ALL).value
        assert reference.held().value == store.held().value
        assert reference.rules(RULES).value == store.rules(RULES).value
        assert reference.top(Top("rule.id", Scope())).value == store.top(Top("rule.id", Scope())).value


def test_the_latest_match_tells_of_its_rule_whatever_payload_it_stands_in() -> None:
    """Of two at one time, the one that came last."""
    early, late = match(942100, message="early"), match(942100, message="late", tags=("a", "b"))
    same = match(942100, message="same time", file="x.conf", line=7, version="4")
    with DuckStore(None) as store, MemoryStore() as reference:
        for each in (store, reference):
            each.write_all([part(each, [event(hour(2), late)]), part(each, [event(hour(1), early)])])
            assert [rule.message for rule in each.rules([942100]).value] == ["late"]
            each.write_all([part(each, [event(hour(2), late), event(hour(2), same)])])
            assert [rule.message for rule in each.rules([942100]).value] == ["same time"]
        assert reference.rules([942100]).value == store.rules([942100]).value


def test_a_long_transaction_is_written_in_row_groups_and_read_back(tmp_path: Path) -> None:
    """What fills a row group goes past the log (WAL) while the transaction runs."""
    size, file = rewrite.ROW_GROUP, tmp_path / "store.duckdb"
    events = [
        event(hour(0) + number, 942100, raw=b"%d" % number, uri=f"/{number % 7}") for number in range(2 * size + 9)
    ]
    with DuckStore(file) as store:
        (written,) = store.write_all([part(store, events)])
        assert Written(stored=len(events), duplicate=0, quarantined=0, matches=len(events)) == written
    with DuckStore(file) as store:
        assert store.count(ALL).value.events == len(events)
        assert store.write_all([part(store, events[::1000])])[0].duplicate == len(events[::1000])
    with duckdb.connect(str(file), read_only=True) as raw:
        groups = raw.execute("SELECT DISTINCT row_group_id FROM pragma_storage_info('event')").fetchall()
        assert len(groups) == 3


def test_what_an_import_ends_with_is_written_once(tmp_path: Path) -> None:
    """Into the file, and not into the log (WAL) before it, which for large records is as much again."""
    file, numbers = tmp_path / "store.duckdb", Random(1)  # noqa: S311 - nothing secret
    with DuckStore(file) as store:
        parts = [
            part(store, [event(hour(n) + i, raw=numbers.randbytes(1_000)) for i in range(12_000)]) for n in range(2)
        ]
        before = _written()
        store.write_all(iter(parts))
        assert _written() - before < 1.2 * file.stat().st_size
        assert file.stat().st_size > 2 * 12_000 * 1_000
        assert store.count(ALL).value.events == 2 * 12_000


def _written() -> int:
    """Bytes that this process has handed to the system so far."""
    lines = Path("/proc/self/io").read_text(encoding="ascii").splitlines()
    return int(dict(line.split(": ") for line in lines)["wchar"])


def test_a_store_may_be_opened_with_one_thread(tmp_path: Path) -> None:
    with DuckStore(tmp_path / "store.duckdb", threads=1) as store:
        assert store.write_all([part(store, [event(hour(1))])])[0].stored == 1
        assert store.count(ALL).value.events == 1

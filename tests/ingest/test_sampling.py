"""Which events of a flood are kept with their records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest
from bench import generate
from tests.make import START, event, hour

from wafscope.event.model import Event
from wafscope.event.outline import SAMPLED, outline
from wafscope.ingest.pipeline import Setting, import_paths
from wafscope.ingest.sampling import Sampler, Sampling
from wafscope.query.parser import parse
from wafscope.query.question import Count, Page, Scope, Top
from wafscope.query.timespan import HOUR
from wafscope.reader.base import Found
from wafscope.settings import Redaction
from wafscope.store.base import EventStore
from wafscope.store.duckdb.store import DuckStore


def sampled(events: Sequence[Event], above: int, one_in: int = 10) -> list[Found]:
    sampler = Sampler(Sampling(above, one_in), lambda raw: b"id of " + raw)
    return list(sampler.records(Found(each, 0, len(each.raw)) for each in events))


def whole(events: Sequence[Event], above: int, one_in: int = 10) -> list[int]:
    return [number for number, found in enumerate(sampled(events, above, one_in)) if found.event.raw]


def test_the_first_ones_and_one_in_so_many_are_whole() -> None:
    # The first one beyond the limit is the first of its kind.
    assert whole([event(client_address="192.0.2.1") for _ in range(40)], 5) == [0, 1, 2, 3, 4, 5, 14, 24, 34]


def test_every_client_and_every_hour_is_counted_for_itself() -> None:
    events = [event(hour(n % 2), client_address=f"192.0.2.{n % 4}") for n in range(40)]
    assert len(whole(events, 10)) == 40
    assert len(whole(events, 9)) == 40, "the tenth is the first of its kind beyond the limit"
    assert len(whole(events, 8)) == 36


def test_the_first_of_each_kind_is_whole_so_that_no_attack_hides_behind_a_flood() -> None:
    events = [event(START + n) for n in range(50)]
    events[30] = event(START, 942100)
    events[31] = event(START, 942100, outcome="blocked")
    events[32] = event(START, 942100)
    assert {30, 31} <= set(whole(events, 1, 100))
    assert 32 not in whole(events, 1, 100)


def test_what_is_read_again_when_logs_are_joined_is_whole() -> None:
    events = [event(format="err.nginx.v3") for _ in range(9)] + [event(gaps=("no_messages",)) for _ in range(9)]
    assert len(whole(events, 1, 100)) == 18


def test_the_id_is_that_of_the_record_as_it_was() -> None:
    first, second, third = sampled([event(raw=b"a"), event(raw=b"b"), event(raw=b"c")], 1, 100)
    assert (first.identity, second.identity, third.identity) == (None, None, b"id of c")
    assert third.event == outline(event(raw=b"c"))
    assert third.event.gaps == (SAMPLED,)


def test_few_clients_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wafscope.ingest.sampling._MOST_CLIENTS", 10)
    sampler = Sampler(Sampling(1), lambda raw: raw)
    list(sampler.records(Found(event(client_address=str(n)), 0, 1) for n in range(100)))
    assert len(sampler._floods) == 10


@pytest.mark.parametrize("workers", [0, 2])
def test_a_burst_is_counted_exactly_whether_it_is_sampled_or_not(workers: int, tmp_path: Path) -> None:
    log = tmp_path / "burst.log"
    generate.write_burst(log, 3000)
    sampling = Sampling(above=100, one_in=50)
    with DuckStore(None) as all_whole, DuckStore(tmp_path / "s.duckdb") as some:
        done = [
            import_paths(store, [str(log)], setting(workers, each))
            for store, each in ((all_whole, Sampling()), (some, sampling))
        ]
        again = import_paths(some, [str(log)], setting(workers, sampling))

        assert done[0].stored == done[1].stored == 3000
        assert done[0].matches == done[1].matches
        assert (again.stored, again.duplicate) == (0, 3000)
        assert counted(all_whole) == counted(some)
        left_out = some.count(Count(Scope(filter=parse(f"gap:{SAMPLED}")))).value.events
        assert 1500 < left_out < 2900
        assert Counter(bool(each.event.raw) for each in stored(some, 300)).keys() == {True, False}
        for each in stored(some, 300):
            same = all_whole.page(Page(Scope(filter=parse(f"id:{each.event.transaction_id}")))).value.rows[0]
            event = all_whole.event(same.id).value
            assert event is not None
            assert each.event == (event.event if each.event.raw else outline(event.event))


def setting(workers: int, sampling: Sampling) -> Setting:
    """Each store has masks of its own, so that none is made."""
    return Setting("web1", workers=workers, redaction=Redaction(enabled=False), sampling=sampling)


def stored(store: EventStore, most: int) -> list:  # type: ignore[type-arg]
    found = [store.event(row.id).value for row in store.page(Page(Scope(), limit=most)).value.rows]
    assert None not in found
    return found


def counted(store: EventStore) -> list[object]:
    names = ("rule.id", "client.address", "host", "url.path", "waf.outcome", "match.target", "rule.tags", "rule.data")
    tops = [store.top(Top(name, Scope(), limit=0)).value for name in names]
    return [store.count(Count(Scope())).value, *tops]


def test_an_hour_is_one_of_the_clock() -> None:
    assert START % HOUR == 0

"""Writing, duplicates, counters and single events, in every store."""

from __future__ import annotations

import pickle
from pathlib import Path

import msgspec
from tests.contract.conftest import Twins, open_kind
from tests.contract.made import ORDINARY
from tests.make import SOURCE, event, hour, v3_record, write

from wafscope.event.identity import ID_SIZE, event_id
from wafscope.query.filter import Term
from wafscope.query.question import Count, Counts, Held, Page, Row, Scope, SourceCounts
from wafscope.reader.again import read_again
from wafscope.reader.base import Unreadable
from wafscope.store.base import EventStore, Written
from wafscope.store.memory import MemoryStore


def count(store: EventStore) -> int:
    return store.count(Count(Scope())).value.events


def rows(store: EventStore) -> tuple[Row, ...]:
    return store.page(Page(Scope())).value.rows


def test_a_new_store_holds_nothing(store: EventStore) -> None:
    assert store.held().value == Held()
    assert store.count(Count(Scope())).value == Counts()


def test_a_second_reading_changes_nothing(store: EventStore) -> None:
    first = write(store, ORDINARY, file="audit.log")
    again = write(store, ORDINARY, file="audit.log.1.gz")
    matches = sum(len(each.matches) for each in ORDINARY)

    assert Written(stored=36, duplicate=0, quarantined=0, matches=matches) == first
    assert again == Written(stored=0, duplicate=36, quarantined=0, matches=0)
    assert count(store) == len(ORDINARY)


def test_a_record_that_stands_twice_in_a_batch_is_stored_once(store: EventStore) -> None:
    one, two = event(hour(0), 942100), event(hour(1))
    written = write(store, [one, two, one, one])

    assert written == Written(stored=2, duplicate=2, quarantined=0, matches=1)
    assert count(store) == 2


def test_a_batch_of_known_and_new_events_adds_the_new_ones(store: EventStore) -> None:
    write(store, ORDINARY[:10])
    written = write(store, ORDINARY[5:15])

    assert (written.stored, written.duplicate) == (5, 5)
    assert [each.time for each in reversed(ORDINARY[:15])] == [row.time for row in rows(store)]


def test_the_same_record_from_two_sensors_is_one_event(store: EventStore) -> None:
    write(store, ORDINARY[:1], sensor="web1")
    written = write(store, ORDINARY[:1], sensor="web2")

    assert written.duplicate == 1
    assert count(store) == 1


def test_counters_add_up_by_source_and_sensor(store: EventStore) -> None:
    broken = Unreadable(b'{"transaction":{', 100, "cut")
    one, two = event(hour(0), 942100, 949110, raw=b"one"), event(hour(1), raw=b"two")
    write(store, [one], foreign=3, unreadable=(broken,))
    write(store, [one, two], unreadable=(msgspec.structs.replace(broken, offset=200),))
    write(store, [], source="-", sensor="", foreign=1)

    assert (
        SourceCounts("-", "", foreign=1),
        SourceCounts(SOURCE, "web1", received=5, stored=2, duplicate=1, quarantined=2, foreign=3, bytes=12, matches=2),
    ) == store.held().value.sources


def test_the_name_of_a_source_need_not_be_text(store: EventStore) -> None:
    """A path may have any bytes but NUL; like all text it is kept in its readable form."""
    write(store, [event(hour(0))], source="/var/log/caf\udce9", sensor="\udcff")
    counts = store.held().value.sources[0]

    assert (counts.source, counts.sensor) == ("/var/log/caf\\xe9", "\\xff")
    assert store.count(Count(Scope(filter=Term("source", "is", (counts.source,))))).value.events == 1


def test_every_write_is_a_new_generation(store: EventStore) -> None:
    generations = [store.generation]
    for events in (ORDINARY[:1], ORDINARY[:1], []):
        write(store, events)
        generations.append(store.generation)

    assert sorted(set(generations)) == generations


def test_questions_do_not_change_the_generation(twins: Twins) -> None:
    before = twins.store.generation
    count(twins.store)

    assert before == twins.store.generation


def test_an_event_is_given_back_as_it_was_read(store: EventStore) -> None:
    raw = [v3_record(unique_id=f"179496900{number}.000001") for number in range(3)]
    events = [read_again("v3.json", record, "", assumed=True) for record in raw]
    with MemoryStore() as reference:
        for each in (store, reference):
            write(each, events, file="/var/log/audit.log.1")
            newest = [each.event(row.id).value for row in rows(each)]
            found = sorted((stored for stored in newest if stored), key=lambda stored: stored.offset)

            assert events == [stored.event for stored in found]
            assert raw == [stored.event.raw for stored in found]
            assert {("web1", "/var/log/audit.log.1")} == {(stored.sensor, stored.source) for stored in found}
            assert [(0, len(raw[0]) + 1), (len(raw[0]) + 1, len(raw[1]) + 1)] == [
                (stored.offset, stored.length) for stored in found[:2]
            ]


def test_an_id_is_the_keyed_hash_of_the_record(store: EventStore) -> None:
    write(store, [event(hour(0), raw=b"the record")])
    key = store.encoder().key

    assert event_id(key, b"the record") == rows(store)[0].id


def test_two_stores_give_the_same_record_different_ids(kind: str) -> None:
    with open_kind(kind) as one, open_kind(kind) as two:
        for store in (one, two):
            write(store, [event(hour(0), raw=b"the record")])

        assert {ID_SIZE} == {len(rows(store)[0].id) for store in (one, two)}
        assert rows(one)[0].id != rows(two)[0].id


def test_an_encoder_can_be_sent_to_another_process(store: EventStore) -> None:
    encoder = store.encoder()

    assert encoder == pickle.loads(pickle.dumps(encoder))  # noqa: S301 - made here


def test_a_store_with_a_file_is_the_same_after_closing(tmp_path: Path) -> None:
    path = tmp_path / "store.duckdb"
    with open_kind("duckdb", path) as store:
        write(store, ORDINARY)
        held, seen = store.held().value, rows(store)
    with open_kind("duckdb", path) as again:
        assert held == again.held().value
        assert seen == rows(again)
        assert write(again, ORDINARY).stored == 0

"""How far sources were read, kept with the events, in every store."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.contract.conftest import open_kind
from tests.make import event, hour

from wafscope.event.model import Event
from wafscope.query.question import Count, Scope
from wafscope.source.base import Position
from wafscope.store.base import EventStore, Found, Records, Tally


def part(store: EventStore, events: list[Event], key: str, state: bytes) -> tuple[bytes, Tally]:
    """A payload with the position behind it."""
    payload = store.encoder().encode([Records("log", [Found(each, 0, 1) for each in events])], sensor="web1")
    return payload, Tally("log", "web1", len(events), 0, 0, position=Position(key, state))


def test_a_position_is_kept_with_its_events(store: EventStore) -> None:
    store.write(*part(store, [event(hour(0))], "one", b"1"))
    store.write(*part(store, [], "two", b"\0\xff"))

    assert store.positions() == {"one": b"1", "two": b"\0\xff"}


def test_the_last_position_of_a_key_wins(store: EventStore) -> None:
    states = (b"1", b"2", b"3")
    store.write_all([part(store, [event(hour(0))], "one", state) for state in states])
    assert store.positions() == {"one": b"3"}

    store.write_all([part(store, [], "one", state) for state in (b"4", b"", b"5")])
    assert store.positions() == {"one": b"5"}


def test_an_empty_state_is_forgotten(store: EventStore) -> None:
    store.write(*part(store, [], "one", b"1"))
    store.write(*part(store, [], "one", b""))
    store.write(*part(store, [], "never", b""))

    assert store.positions() == {}


def test_a_write_that_fails_keeps_neither_events_nor_positions(tmp_path: Path) -> None:
    with open_kind("duckdb", tmp_path / "store.duckdb") as store:
        store.write(*part(store, [event(hour(0))], "one", b"1"))

        def parts() -> list[tuple[bytes, Tally]]:
            return [part(store, [event(hour(1))], "one", b"2"), (b"no payload", Tally("log", "web1", 0, 0, 0))]

        with pytest.raises(Exception, match=r".+"):
            store.write_all(parts())

        assert store.positions() == {"one": b"1"}
        assert store.count(Count(Scope())).value.events == 1


def test_a_store_that_is_opened_again_knows_all(store: EventStore) -> None:
    store.write(*part(store, [event(hour(0))], "one", b"1"))
    before = store.generation
    store.recover()

    assert store.positions() == {"one": b"1"}
    assert store.count(Count(Scope())).value.events == 1
    assert store.generation >= before
    store.write(*part(store, [event(hour(1))], "one", b"2"))
    assert store.count(Count(Scope())).value.events == 2

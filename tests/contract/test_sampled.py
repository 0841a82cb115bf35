"""Events without their records are the same in every store, and are counted as all others are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests import strategies
from tests.contract.conftest import Twins, open_kind
from tests.contract.made import MATCHED, ODD, ORDINARY
from tests.contract.test_join import ERROR, nginx_line, read
from tests.contract.test_pages import downwards, without_ids
from tests.make import SOURCE, START, v3_record, write

from wafscope.event.fields import FIELDS
from wafscope.event.identity import Identifier
from wafscope.event.model import Event
from wafscope.event.outline import SAMPLED, outline
from wafscope.ingest.sampling import Sampler, Sampling
from wafscope.query.parser import parse
from wafscope.query.question import Histogram, Page, Scope, StoredEvent, Top
from wafscope.query.timespan import ALL_TIME, DAY, HOUR, Window
from wafscope.reader.base import Context
from wafscope.reader.framing import read_pieces
from wafscope.store.base import EventStore, Found, Records, Tally, Written
from wafscope.store.memory import MemoryStore

NAMES = [*(field.name for field in FIELDS if field.column != "gaps"), "day"]
few = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
SAMPLES = Path(__file__).parents[1] / "samples"
MOST = Sampling(above=1, one_in=1000)


@pytest.fixture
def both(kind: str) -> Iterator[Twins]:
    """An empty store and the reference."""
    with open_kind(kind) as store, MemoryStore() as reference:
        yield Twins(store, reference)


def sample(store: EventStore, events: Sequence[Event], sampling: Sampling = MOST) -> Written:
    """Write events as `tests.make.write` does, but for the records of most of them."""
    encoder = store.encoder()
    found = [Found(each, number * 100, len(each.raw)) for number, each in enumerate(events)]
    kept = Sampler(sampling, Identifier(encoder.key).identify).records(found)
    payload = encoder.encode([Records(SOURCE, kept)], sensor="web1")
    matches = sum(len(each.matches) for each in events)
    return store.write(payload, Tally(SOURCE, "web1", len(events), matches, sum(len(e.raw) for e in events)))


def left_out(store: EventStore) -> list[StoredEvent]:
    """The events without their records, in the order written, without the ids, which are each store's own."""
    rows = store.page(Page(Scope(filter=parse(f"gap:{SAMPLED}")), limit=1000)).value.rows
    found = [stored for row in rows if (stored := store.event(row.id).value)]
    assert len(found) == len(rows)
    return sorted((msgspec.structs.replace(each, id=b"") for each in found), key=lambda each: each.offset)


@pytest.fixture
def all_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the sampler keep few events, however different they are."""
    monkeypatch.setattr("wafscope.ingest.sampling._MOST_KINDS", 0)
    monkeypatch.setattr("wafscope.ingest.sampling._key", lambda _: (None, 0))


@pytest.mark.usefixtures("all_alike")
def test_all_that_is_a_field_is_there_again(both: Twins) -> None:
    events = [*ORDINARY, *ODD, *MATCHED]
    assert sample(both.store, events) == sample(both.reference, events)
    found = left_out(both.store)

    assert found == left_out(both.reference)
    assert len(found) > len(events) * 0.9
    outlines = [outline(each) for each in events]
    assert all(each.event in outlines for each in found)


@pytest.mark.usefixtures("all_alike")
def test_records_of_every_format_can_be_left_out(both: Twins) -> None:
    pieces = [
        each for file in sorted(SAMPLES.iterdir()) for each in read_pieces(file.read_bytes(), 0, Context(arrival=START))
    ]
    events = [piece.event for piece in pieces if isinstance(piece, Found)]
    assert sample(both.store, events) == sample(both.reference, events)
    found = left_out(both.store)

    assert found == left_out(both.reference)
    assert len({each.event.format for each in found}) == 8


def test_a_second_reading_adds_nothing_and_changes_nothing(both: Twins) -> None:
    for store in (both.store, both.reference):
        sample(store, ORDINARY)
        before = left_out(store)
        assert write(store, ORDINARY).stored == 0
        assert left_out(store) == before


@pytest.mark.parametrize("first", ["audit", "error"])
def test_what_the_error_log_says_is_taken_over(both: Twins, first: str) -> None:
    audits = [read("v3.json", v3_record(unique_id=f"179496900{number}.000001")) for number in range(1, 9)]
    errors = [read("err.nginx.v3", nginx_line(number, 942100, denied=True)) for number in (1, 4, 6)]
    for store in (both.store, both.reference):
        if first == "error":
            write(store, errors, source=ERROR)
        sample(store, audits)
        if first == "audit":
            write(store, errors, source=ERROR)
    found = left_out(both.reference)

    assert left_out(both.store) == found
    assert [len(each.joined) for each in found] == [0, 1, 0, 1, 0, 0]
    assert [each.event.action_phase for each in found] == [None, 2, None, 2, None, None]
    assert {each.event.interrupted_source for each in found if each.joined} == {"error_log"}


@few
@given(events=strategies.event_lists(), data=st.data())
def test_nothing_but_the_gap_tells_them_from_others(kind: str, events: list[Event], data: st.DataObject) -> None:
    sampling = Sampling(above=data.draw(st.integers(1, 4)), one_in=data.draw(st.integers(1, 4)))
    with open_kind(kind) as store, MemoryStore() as reference, MemoryStore() as whole:
        twins = Twins(store, reference)
        assert sample(store, events, sampling) == sample(reference, events, sampling)
        sample(whole, events, Sampling(above=99))
        assert left_out(store) == left_out(reference)
        for other in (twins, Twins(store, whole)):
            scope = Scope(ALL_TIME, data.draw(strategies.filters()))
            if "gaps" not in repr(scope):
                _ask(other, scope, data.draw(st.sampled_from(NAMES)))


def _ask(twins: Twins, scope: Scope, name: str) -> None:
    twins.count(scope)
    twins.top(Top(name, scope))
    twins.top(Top("rule.id", scope, order="matches", bookkeeping=False))
    window = Scope(Window(scope.window.start, scope.window.start + DAY), scope.filter)
    twins.agree(lambda store: store.histogram(Histogram(window, HOUR, by="host", limit=2)))
    expected, found = (downwards(store, scope, 3) for store in (twins.reference, twins.store))
    assert [without_ids(rows) for rows in expected] == [without_ids(rows) for rows in found]

"""What can not be read is kept whole, listed, and read again when a reader can, in every store."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from tests.contract.conftest import Twins, open_kind
from tests.make import v3_record, write

from wafscope.ingest.pipeline import Setting, import_paths
from wafscope.ingest.retry import Retried, retry
from wafscope.query.question import Answer, Count, Page, Quarantine, QuarantineCounts, QuarantinedPiece, Scope
from wafscope.reader import formats
from wafscope.reader.base import NotARecord, Unreadable
from wafscope.store.base import EventStore
from wafscope.store.memory import MemoryStore

SETTING = Setting("web1", workers=0)
CUT = Unreadable(b'{"transaction":{\xff\x00', 17, "cut", "/var/log/a.log")
WOVEN = Unreadable(b"--a--\n--b--\n", 90, "spliced", length=6, more=((100, 3), (200, 3)))
LARGE = Unreadable(b"", 400, "too_large", length=80 << 20)


@pytest.fixture
def both(kind: str) -> Iterator[Twins]:
    """An empty store and the reference."""
    with open_kind(kind) as store, MemoryStore() as reference:
        yield Twins(store, reference)


def pieces(both: Twins, **question: Any) -> tuple[QuarantinedPiece, ...]:
    """Ask both; when a piece was seen differs between them."""

    def ask(store: EventStore) -> Answer[tuple[QuarantinedPiece, ...]]:
        answer = store.quarantine(Quarantine(**question))
        assert all(piece.seen > 1_700_000_000_000_000 for piece in answer.value)
        return Answer(tuple(msgspec.structs.replace(piece, seen=0) for piece in answer.value))

    return both.agree(ask)


def put(both: Twins, *unreadable: Unreadable, **values: Any) -> None:
    for store in (both.reference, both.store):
        write(store, [], unreadable=unreadable, **values)


def test_a_piece_keeps_its_bytes_its_place_and_its_true_length(both: Twins) -> None:
    put(both, CUT, WOVEN)
    put(both, LARGE, sensor="", source="-")

    assert pieces(both, with_data=True) == (
        QuarantinedPiece(1, "/var/log/a.log", "web1", 17, 18, "cut", 0, (), CUT.data),
        QuarantinedPiece(2, "/var/log/modsec_audit.log", "web1", 90, 6, "spliced", 0, WOVEN.more, WOVEN.data),
        QuarantinedPiece(3, "-", "", 400, 80 << 20, "too_large", 0),
    )


def test_a_piece_that_comes_again_is_known(both: Twins) -> None:
    """As it does when a log is imported every hour."""
    other = msgspec.structs.replace(CUT, data=CUT.data[:-1] + b"\x01")
    for _ in range(2):
        put(both, CUT, WOVEN, LARGE)
    put(both, other, WOVEN, sensor="web2")
    put(both, msgspec.structs.replace(WOVEN, more=((100, 3), (201, 3))), other)

    found = pieces(both, with_data=True)
    assert [(piece.id, piece.sensor) for piece in found] == [
        (1, "web1"), (2, "web1"), (3, "web1"), (7, "web2"), (8, "web2"), (9, "web1"), (10, "web1"),
    ]  # fmt: skip
    counts = both.agree(lambda store: store.held()).sources
    assert [(each.received, each.duplicate, each.quarantined) for each in counts] == [(8, 3, 5), (2, 0, 2)]


def test_pieces_are_chosen_by_id_and_reason(both: Twins) -> None:
    put(both, CUT, WOVEN, LARGE, CUT)

    assert [piece.id for piece in pieces(both, reason="cut")] == [1, 4]
    assert [piece.id for piece in pieces(both, ids=(4, 2, 9))] == [2, 4]
    assert [piece.id for piece in pieces(both, limit=2)] == [1, 2]
    assert {piece.data for piece in pieces(both)} == {b""}
    assert pieces(both, reason="damaged") == ()


@pytest.fixture
def refusing(both: Twins, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Twins:
    """Both stores after an import by a reader that refused two records of three."""
    records = [v3_record(unique_id=f"179496900{number}.000001") for number in range(3)]
    log = tmp_path / "audit.log"
    log.write_bytes(b"\n".join(records) + b"\n")
    read = formats.JSON["v3.json"].fast

    def refuse(line: bytes, context: Any) -> Any:
        if b"1794969001" in line or b"1794969002" in line:
            raise NotARecord("not_json", foreign=False)
        return read(line, context)

    with monkeypatch.context() as patch:
        patch.setitem(formats.JSON, "v3.json", formats.JsonFormat(refuse, refuse))
        for store in (both.reference, both.store):
            done = import_paths(store, [str(log)], SETTING)
            assert (done.stored, done.quarantined) == (1, 2)
            write(store, [], source=str(log), unreadable=(CUT,))
    return both


def again(both: Twins, **question: Any) -> Retried:
    expected, done = (retry(store, Quarantine(**question), SETTING) for store in (both.reference, both.store))
    assert expected == done
    counts = both.agree(lambda store: store.held()).sources
    assert all(each.received >= each.stored + each.duplicate + each.quarantined for each in counts)
    assert len(pieces(both)) == sum(each.quarantined for each in counts)
    return done


def test_what_can_be_read_now_is_stored_and_leaves(refusing: Twins) -> None:
    done = again(refusing)

    assert done == Retried(tried=3, released=2, kept=1, stored=2, duplicate=0, matches=2)
    assert [piece.reason for piece in pieces(refusing)] == ["cut"]
    assert refusing.count(Scope()).events == 3
    for store in (refusing.reference, refusing.store):
        (counts,) = store.held().value.sources
        assert (counts.received, counts.stored, counts.quarantined, counts.matches) == (4, 3, 1, 3)


def test_a_second_retry_adds_nothing(refusing: Twins) -> None:
    again(refusing)

    assert again(refusing) == Retried(tried=1, kept=1)
    assert refusing.count(Scope()).events == 3


def test_only_the_named_piece_is_tried(refusing: Twins) -> None:
    assert again(refusing, ids=(2,)) == Retried(tried=1, released=1, stored=1, matches=1)
    assert [piece.id for piece in pieces(refusing)] == [1, 3]
    put(refusing, LARGE)
    assert [piece.id for piece in pieces(refusing)] == [1, 3, 4]


def test_a_record_that_is_known_by_now_is_a_duplicate(refusing: Twins, tmp_path: Any) -> None:
    for store in (refusing.reference, refusing.store):
        assert import_paths(store, [str(tmp_path / "audit.log")], SETTING).stored == 2
    done = again(refusing)

    assert (done.stored, done.duplicate, done.kept) == (0, 2, 1)


def test_an_event_knows_its_place_in_the_file_after_a_retry(refusing: Twins) -> None:
    again(refusing)
    for store in (refusing.reference, refusing.store):
        assert store.count(Count(Scope())).value.events == 3
        rows = store.page(Page(Scope())).value.rows
        places = sorted((stored.offset, stored.length) for row in rows if (stored := store.event(row.id).value))
        size = places[1][0]
        assert places == [(0, size), (size, size), (2 * size, size)]


def test_pieces_are_chosen_by_source_and_time_and_listed_newest_first(both: Twins) -> None:
    below = Unreadable(b"x", 0, "damaged", "/var/log/a.log/20261127/one")
    put(both, CUT, WOVEN)
    put(both, LARGE, msgspec.structs.replace(CUT, offset=18), below)

    assert [piece.id for piece in pieces(both, source="/var/log/a.log")] == [1, 4, 5]
    assert [piece.id for piece in pieces(both, source="/var/log/a.lo")] == []
    assert [piece.id for piece in pieces(both, newest=True, limit=2)] == [5, 4]
    assert [piece.id for piece in pieces(both, newest=True, limit=2, before=4)] == [3, 2]
    for store in (both.reference, both.store):
        seen = [piece.seen for piece in store.quarantine(Quarantine()).value]
        assert seen[1] <= seen[2]
        assert store.quarantine_counts(Quarantine(seen_before=seen[0])).value.pieces == 0
        assert store.quarantine_counts(Quarantine(seen_before=seen[-1] + 1)).value.pieces == 5


def counts(both: Twins, **question: Any) -> QuarantineCounts:
    def ask(store: EventStore) -> Answer[QuarantineCounts]:
        answer = store.quarantine_counts(Quarantine(**question))
        return Answer(msgspec.structs.replace(answer.value, first=answer.value.first and 1))

    return both.agree(ask)


def test_pieces_are_counted_by_reason_whatever_the_limit(both: Twins) -> None:
    assert counts(both) == QuarantineCounts()
    put(both, CUT, LARGE, CUT)

    assert counts(both, limit=1) == QuarantineCounts(3, (("cut", 2), ("too_large", 1)), 1)
    assert counts(both, reason="cut") == QuarantineCounts(2, (("cut", 2),), 1)


def test_what_is_discarded_is_gone_and_counts_as_dropped(refusing: Twins, tmp_path: Any) -> None:
    log = str(tmp_path / "audit.log")
    for store in (refusing.reference, refusing.store):
        before = store.generation
        assert store.discard(Quarantine(ids=(1, 9))) == 1
        assert store.generation > before
        (found,) = store.held().value.sources
        assert (found.source, found.received, found.stored, found.quarantined) == (log, 4, 1, 2)
        assert [piece.id for piece in store.quarantine(Quarantine()).value] == [2, 3]
        assert store.discard(Quarantine(source=log)) == 1
        (found,) = store.held().value.sources
        assert (found.received, found.stored, found.quarantined) == (4, 1, 1)
        assert store.discard(Quarantine()) == 1
        assert store.discard(Quarantine()) == 0
    put(refusing, CUT)
    assert [piece.id for piece in pieces(refusing)] == [4]

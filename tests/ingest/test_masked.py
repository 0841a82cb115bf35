"""What a worker hands on holds no secret, wherever in a line or a batch the record stands."""

from __future__ import annotations

import json
import pickle
from typing import Any

import pytest
from tests.make import v3_record

from wafscope.ingest import worker
from wafscope.ingest.worker import Task, encode
from wafscope.query.question import StoredEvent
from wafscope.reader.base import Context
from wafscope.reader.framing import read_batches
from wafscope.settings import Redaction
from wafscope.source.base import Stretch
from wafscope.store.duckdb.store import DuckStore
from wafscope.store.memory import MemoryEncoder

SECRET = "Geheim12345"


def telling(number: int) -> bytes:
    """A record with a secret."""
    record: dict[str, Any] = json.loads(v3_record(unique_id=f"1794969000.{number:06d}"))
    record["transaction"]["request"]["uri"] = f"/login?password={SECRET}&x=1"
    return json.dumps(record, separators=(",", ":")).encode()


QUIET = b"".join(v3_record(unique_id=f"1794969000.{number:06d}") + b"\n" for number in range(10, 80))
LOGS = {
    "first": telling(1) + b"\n" + QUIET,
    "in the middle": QUIET + telling(1) + b"\n" + QUIET,
    "last, cut off": QUIET + telling(1),
    "byte order mark": b"\xef\xbb\xbf" + telling(1) + b"\n" + QUIET,
    "byte order mark, second": b"\xef\xbb\xbf" + v3_record() + b"\n" + telling(1) + b"\n" + QUIET,
    "after a crash": QUIET + b"\0" * 20 + telling(1) + b"\n" + QUIET,
    "behind another": v3_record() + telling(1) + telling(2) + b"\n" + QUIET,
    "behind the rest of one": b'xx"}}' + telling(1) + b"\n" + QUIET,
    "behind blanks": b"   " + telling(1) + b"\n" + QUIET,
    "behind a notice": b'{"error":"ModSecurity was not compiled with JSON support."}' + telling(1) + b"\n" + QUIET,
}


@pytest.mark.parametrize("offset", [0, 100])
@pytest.mark.parametrize("log", LOGS.values(), ids=LOGS.keys())
def test_a_secret_is_masked_wherever_its_record_begins(log: bytes, offset: int) -> None:
    def task(encoder: Any, *, enabled: bool = True) -> Task:
        stretch = Stretch("a", "a", offset, log, len(log))
        return Task("a", "web1", "", "UTC", (stretch,), encoder, Redaction(enabled=enabled))

    with DuckStore(None) as store:
        memory = MemoryEncoder(store.encoder().key)
        logged: list[StoredEvent] = pickle.loads(encode(task(memory, enabled=False)).payload)  # noqa: S301 - made here
        masked: list[StoredEvent] = pickle.loads(encode(task(memory)).payload)  # noqa: S301 - made here
        assert any(SECRET.encode() in each.event.raw for each in logged)
        assert [each.id for each in masked] == [each.id for each in logged]
        assert not [each for each in masked if SECRET.encode() in each.event.raw or SECRET in each.event.uri]

        encoded = encode(task(store.encoder()))
        store.write(encoded.payload, encoded.tally)
        assert SECRET.encode() not in encoded.payload
        for each in masked:
            kept = store.event(each.id).value
            assert kept is not None
            assert kept.event.raw == each.event.raw


@pytest.mark.parametrize("number", [10, 11, 45, 79])
@pytest.mark.parametrize("damage", ["", "cut"])
def test_a_record_that_brings_down_its_reader_goes_to_quarantine_alone(
    number: int, damage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    poison = f"1794969000.{number:06d}".encode()

    def read(data: bytes, offset: int, context: Context, alone: Any = ()) -> Any:
        if poison in data:
            raise ZeroDivisionError(SECRET)
        return read_batches(data, offset, context, alone)

    monkeypatch.setattr(worker, "read_batches", read)
    stretch = Stretch("a", "a", 100, QUIET, len(QUIET), damage)
    other = Stretch("a", "b", 0, telling(1) + b"\n", len(QUIET))
    encoded = encode(Task("a", "web1", "", "UTC", (stretch, other), MemoryEncoder(b"k" * 32)))
    kept: list[StoredEvent] = pickle.loads(encoded.payload)  # noqa: S301 - made here
    assert len(kept) == encoded.tally.events == 70
    assert encoded.tally.bytes == len(QUIET) + len(other.data)
    (*told, piece) = encoded.tally.unreadable
    begin = piece.offset - 100
    assert poison in piece.data
    assert piece.data.count(b"\n") == 1
    assert QUIET[begin : begin + len(piece.data)] == piece.data
    assert [(each.reason, each.offset) for each in told] == ([("cut", 100 + len(QUIET))] if damage else [])

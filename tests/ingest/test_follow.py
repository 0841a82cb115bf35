"""The loop that follows: what it commits, and how it gets over a store or a feed that fails."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from tests.system.serving import until
from tests.system.writer import error_lines, json_record

from wafscope.errors import StoreError, StoreRefusal
from wafscope.i18n.text import english, text
from wafscope.ingest.follow import Follow, Origin
from wafscope.ingest.pipeline import Setting
from wafscope.ingest.retry import Retried, retry
from wafscope.ingest.worker import Encoded, Task, encode
from wafscope.ingest.workers import Workers
from wafscope.query.question import Count, Page, Quarantine, Scope
from wafscope.reader.walk import settled
from wafscope.source.base import Chunk, Feed, Position, Stretch
from wafscope.source.reading import Manner
from wafscope.source.tail import TailFeed
from wafscope.store.base import EventStore, Tally, Unreadable, Written
from wafscope.store.duckdb.store import DuckStore
from wafscope.store.memory import MemoryStore


def serial(log: Path, *, idle: float = 5.0) -> Origin:
    """A serial log, followed."""
    manner = Manner(settled, 64 << 20, idle=idle, closing=10 * idle)

    def make(positions: Mapping[str, bytes]) -> Feed:
        return TailFeed(str(log), positions, manner, sensor="web1")

    return Origin("serial", str(log), "web1", make)


@contextmanager
def following(store: EventStore, *origins: Origin, workers: int = 0) -> Iterator[Follow]:
    """Follow in a thread."""
    stop = threading.Event()
    follow = Follow(store, origins, Setting("web1"), workers=Workers(workers))
    thread = threading.Thread(target=follow.run, args=(stop,))
    thread.start()
    try:
        yield follow
    finally:
        stop.set()
        thread.join(60)
        assert not thread.is_alive()
        follow.close_workers()
        assert follow.status.state == "stopped"


def events(store: EventStore) -> int:
    return store.count(Count(Scope())).value.events


def stored(follow: Follow, number: int) -> bool:
    """Whether so many events of the first source were stored."""
    return follow.status.sources[0].stored == number


def append(log: Path, numbers: Iterable[int]) -> None:
    with log.open("ab") as file:
        file.writelines(json_record(number) for number in numbers)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "modsec_audit.log"


@pytest.mark.parametrize("workers", [0, 2])
def test_everything_is_stored_and_counted(log: Path, tmp_path: Path, workers: int) -> None:
    append(log, range(3000))
    with DuckStore(tmp_path / "store.duckdb") as store, following(store, serial(log), workers=workers) as follow:
        until(lambda: events(store) == 3000)
        append(log, [3000])
        until(lambda: events(store) == 3001)
        until(lambda: follow.status.sources[0].stored == 3001)
        source = follow.status.sources[0]
        assert (source.received, source.duplicate, source.quarantined, source.lag) == (3001, 0, 0, 0)
        assert source.last is not None
        assert follow.status.state == "running"


def test_it_goes_on_where_it_was(log: Path) -> None:
    with MemoryStore() as store:
        for number in range(3):
            append(log, [number])
            with following(store, serial(log)) as follow:
                until(partial(stored, follow, 1))
        assert store.held().value.sources[0].duplicate == 0


def test_open_groups_of_an_error_log_give_the_same_event_after_a_restart(log: Path, tmp_path: Path) -> None:
    first, second = error_lines(1), error_lines(2)
    whole = b"".join([*first, *second])
    with MemoryStore() as expected:
        log.write_bytes(whole)
        with following(expected, serial(log, idle=0.3)):
            until(lambda: events(expected) == 2)
        raw = {expected.event(row.id).value.event.raw for row in expected.page(Page(Scope())).value.rows}  # type: ignore[union-attr]
    log.write_bytes(b"")
    with DuckStore(tmp_path / "store.duckdb") as store:
        for part in (b"".join(first[:3]), b"".join(first[3:] + second[:1]), b"".join(second[1:])):
            with log.open("ab") as file:
                file.write(part)
            with following(store, serial(log, idle=60.0)):
                time.sleep(0.5)
        assert events(store) == 0
        with following(store, serial(log, idle=0.3)):
            until(lambda: events(store) == 2)
        rows = store.page(Page(Scope())).value.rows
        assert {store.event(row.id).value.event.raw for row in rows} == raw  # type: ignore[union-attr]


class Failing(MemoryStore):
    """A store that is down when it is told to be; a write may be durable although it fails."""

    def __init__(self) -> None:
        super().__init__()
        self.is_down = False
        self.is_durable = False
        self.recovered = 0

    def write_all(self, parts: Iterable[tuple[bytes, Tally]]) -> tuple[Written, ...]:
        kept = list(parts)
        if self.is_down:
            if self.is_durable:
                super().write_all(kept)
            raise StoreError(text("The store is down."))
        return super().write_all(kept)

    def recover(self) -> None:
        self.recovered += 1


@pytest.mark.parametrize("durable", [False, True])
def test_a_store_that_is_down_is_waited_for(log: Path, *, durable: bool) -> None:
    store = Failing()
    append(log, [1])
    with capture_logs() as told, following(store, serial(log)) as follow:
        until(lambda: events(store) == 1)
        store.is_durable, store.is_down = durable, True
        append(log, [2, 3])
        until(lambda: follow.status.state == "paused")
        problem = follow.status.problem
        assert problem is not None
        assert problem.what.message == "The store is down."
        append(log, [4])
        until(lambda: store.recovered > 1)
        store.is_down = False
        until(lambda: events(store) == 4 and follow.status.state == "running")
    assert store.held().value.sources[0].duplicate == 0
    # Who has heard that it is paused hears that it goes on: `warning` is what is heard unless set.
    heard = [each for each in told if each["log_level"] in {"warning", "error"}]
    assert [(each["event"], each.get("state")) for each in heard] == [
        ("following is paused", None),
        ("following", "running"),
    ]


class Refusing(MemoryStore):
    """A store that can not take the record of one transaction."""

    def __init__(self, transaction: bytes, error: Exception) -> None:
        super().__init__()
        self.transaction = transaction
        self.error = error
        self.refused = 0

    def write_all(self, parts: Iterable[tuple[bytes, Tally]]) -> tuple[Written, ...]:
        kept = list(parts)
        if any(self.transaction in payload for payload, _ in kept):
            self.refused += 1
            raise self.error
        return super().write_all(kept)

    def release(self, payload: bytes, tally: Tally, pieces: Sequence[int]) -> Written:
        if self.transaction in payload:
            raise self.error
        return super().release(payload, tally, pieces)


@pytest.mark.parametrize("error", [StoreRefusal(text("It does not fit.")), OverflowError("too big")])
def test_a_record_that_the_store_refuses_goes_to_quarantine_alone(log: Path, tmp_path: Path, error: Exception) -> None:
    append(log, range(1, 41))
    other = tmp_path / "other.log"
    append(other, range(50, 60))
    bad = json_record(13).rstrip()
    with Refusing(b"179548800000.000013", error) as store, following(store, serial(log), serial(other)) as follow:
        until(lambda: events(store) == 49 and follow.status.state == "running")
        append(log, [41])
        until(lambda: events(store) == 50)
        first, second = follow.status.sources
        assert (first.received, first.stored, first.quarantined, first.duplicate) == (41, 40, 1, 0)
        assert (second.stored, second.quarantined) == (10, 0)
        [piece] = store.quarantine(Quarantine(with_data=True)).value
        assert (piece.data.rstrip(), piece.reason, piece.offset) == (bad, "not_stored", log.read_bytes().index(bad))


def test_what_the_store_refused_is_kept_until_it_takes_it(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wafscope.ingest.follow._REFUSALS", 1)
    append(log, range(1, 4))
    with Refusing(b"179548800000.000002", StoreRefusal(text("It does not fit."))) as store:
        with following(store, serial(log)):
            until(lambda: events(store) == 2)
        whole = Unreadable(json_record(9), 4000, "damaged", str(log))
        store.write(store.encoder().encode([], sensor="web1"), Tally(str(log), "web1", 0, 0, 0, unreadable=(whole,)))
        assert retry(store, Quarantine(), Setting("web1")) == Retried(tried=2, released=1, kept=1, stored=1)
        store.transaction = b"nothing"
        assert retry(store, Quarantine(), Setting("web1")) == Retried(tried=1, released=1, stored=1)
        assert events(store) == 4


def test_a_store_that_is_down_puts_nothing_into_quarantine(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wafscope.ingest.follow._REFUSALS", 1)
    append(log, [1])
    full = StoreError(text("The disk is full."))
    with Refusing(b"179548800000.000001", full) as store, following(store, serial(log)) as follow:
        until(lambda: store.refused > 2 and follow.status.state == "paused")
        store.transaction = b"nothing"
        until(lambda: events(store) == 1)
        assert follow.status.sources[0].quarantined == 0


class Odd:
    """A feed that fails in its own way."""

    def __init__(self, fail: Callable[[], None]) -> None:
        self.fail = fail
        self.given = False

    def take(self, most: int) -> Iterator[Chunk]:  # noqa: ARG002 - as every feed
        self.fail()
        if not self.given:
            self.given = True
            stretch = Stretch("odd", "odd", 0, json_record(99), 1)
            yield Chunk((stretch,), Position("odd", b"x"), "web2")

    def committed(self, position: Position) -> None: ...

    def close(self) -> None: ...


def test_a_feed_that_fails_is_told_and_holds_up_no_other(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wafscope.ingest.follow._AGAIN", 0.1)
    is_broken = True

    def fail() -> None:
        if is_broken:
            raise PermissionError(13, "Permission denied", "odd")

    append(log, [1])
    with MemoryStore() as store:
        odd = Origin("serial", "odd", "web2", lambda _: Odd(fail))
        with following(store, odd, serial(log)) as follow:
            until(lambda: events(store) == 1)
            until(lambda: follow.status.sources[0].problems)
            assert follow.status.sources[1].problems == ()
            assert follow.status.state == "running"
            is_broken = False
            until(lambda: events(store) == 2)
            until(lambda: not follow.status.sources[0].problems)


def test_what_no_reader_can_stand_is_put_aside_whole(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(task: Task) -> Encoded:
        if any(json_record(1) in stretch.data for stretch in task.stretches):
            raise ZeroDivisionError
        return encode(task)

    monkeypatch.setattr("wafscope.ingest.follow.encode", fail)
    append(log, [1])
    with MemoryStore() as store, following(store, serial(log)) as follow:
        until(lambda: follow.status.sources[0].quarantined == 1)
        append(log, [2])
        until(lambda: events(store) == 1)
        assert follow.status.state == "running"


def test_a_worker_that_ends_is_replaced(log: Path, tmp_path: Path) -> None:
    with DuckStore(tmp_path / "store.duckdb") as store, following(store, serial(log), workers=2) as follow:
        append(log, [0])
        until(lambda: events(store) == 1)
        for worker in follow._workers._workers:
            worker._process.kill()
        append(log, range(1, 20_000))
        until(lambda: events(store) == 20_000)
        assert follow.status.sources[0].quarantined == 0


def test_a_feed_with_a_fault_is_made_again(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wafscope.ingest.follow._AGAIN", 0.1)
    made = 0

    def fail() -> None:
        if made < 3:
            raise ZeroDivisionError

    def make(_: Mapping[str, bytes]) -> Feed:
        nonlocal made
        made += 1
        return Odd(fail)

    append(log, [1])
    with MemoryStore() as store, following(store, Origin("serial", "odd", "web2", make), serial(log)) as follow:
        until(lambda: events(store) == 2)
        until(lambda: not follow.status.sources[0].problems)
        assert made == 3


def test_a_file_of_a_pattern_that_can_not_be_read_is_named_and_logged_once(tmp_path: Path) -> None:
    append(tmp_path / "good.log", range(2))
    (tmp_path / "loop.log").symlink_to("loop.log")
    with capture_logs() as logged, following(MemoryStore(), serial(tmp_path / "*.log")) as follow:
        until(lambda: stored(follow, 2) and follow.status.sources[0].problems)
        (problem,) = follow.status.sources[0].problems
        (tmp_path / "loop.log").unlink()
        until(lambda: not follow.status.sources[0].problems)
    assert english(problem.what).startswith(f"{tmp_path / 'loop.log'} can not be read: ")
    assert [each["reason"] for each in logged if each["event"] == "source can not be read"] == [english(problem.what)]
    assert [each["event"] for each in logged].count("source can be read again") == 1

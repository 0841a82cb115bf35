"""Worker processes: results in order, what goes wrong in them, and their end."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import pytest
from tests.make import START, event, v3_record, write

from wafscope.errors import InputError, WafscopeError
from wafscope.ingest.pipeline import Setting, import_paths, start_workers
from wafscope.ingest.worker import Task, encode
from wafscope.ingest.workers import Workers
from wafscope.query.question import Count, Scope
from wafscope.source.base import Stretch
from wafscope.store.base import Encoder, Records
from wafscope.store.open import open_store


class Broken(msgspec.Struct, frozen=True):
    """An encoder that fails."""

    key: bytes = b"k" * 32
    reads_again: bool = True

    def encode(self, files: Sequence[Records], *, sensor: str, zone: str = "") -> bytes:  # noqa: ARG002
        raise LookupError("no such column")


class Deadly(msgspec.Struct, frozen=True):
    """An encoder that ends its process, as a lack of memory does."""

    key: bytes = b"k" * 32
    reads_again: bool = True

    def encode(self, files: Sequence[Records], *, sensor: str, zone: str = "") -> bytes:  # noqa: ARG002
        os.kill(os.getpid(), signal.SIGKILL)
        return b""


def task(number: int, encoder: Encoder | None = None, files: int = 1) -> Task:
    """A task with two records a file, which no other task has."""
    from wafscope.store.duckdb.encode import DuckEncoder

    lines = [v3_record(unique_id=f"17949690{number:02d}.00000{i}") for i in range(2)]
    data = b"".join(line + b"\n" for line in lines)
    stretches = tuple(Stretch("audit", f"audit/{i}", 0, data, len(data)) for i in range(files))
    return Task("audit", "web1", "", "UTC", stretches, encoder or DuckEncoder(b"k" * 32))


@pytest.fixture(params=["fork", "forkserver"])
def workers(request: pytest.FixtureRequest) -> Iterator[Workers]:
    """Two workers, started in either way."""
    with Workers(2, fork=request.param == "fork") as started:
        yield started


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_what_ends_a_process_is_for_the_parent(number: signal.Signals) -> None:
    with Workers(1, fork=True) as started:
        assert started.start(task(1)).result() == encode(task(1))  # it has begun
        for child in multiprocessing.active_children():
            assert child.pid is not None
            os.kill(child.pid, number)
        assert started.start(task(2)).result() == encode(task(2))


def test_results_are_those_of_this_process_and_come_in_order(workers: Workers) -> None:
    tasks = [task(number, files=number % 3 + 1) for number in range(9)]
    results, left = [], []
    for result in workers.encode(tasks):
        results.append(result)
        left.append(workers.left)

    assert [encode(each) for each in tasks] == [encoded for encoded, _ in results]
    assert left[-3:] == [2, 1, 0]
    assert left[0] is None
    assert [each.without_data() for each in tasks] == [done for _, done in results]


def test_without_workers_this_process_does_it() -> None:
    with Workers(0) as none:
        assert [encode(task(1))] == [encoded for encoded, _ in none.encode([task(1)])]


def test_an_error_in_a_worker_is_raised_here_and_the_others_go_on(workers: Workers) -> None:
    results = workers.encode([task(1), task(2, Broken()), task(3)])
    assert next(results)[0] == encode(task(1))
    with pytest.raises(LookupError, match="no such column") as error:
        next(results)
    assert "in encode" in "".join(error.value.__notes__)
    assert [encode(task(4))] == [encoded for encoded, _ in workers.encode([task(4)])]


def test_a_worker_that_dies_is_told_of(workers: Workers) -> None:
    with pytest.raises(WafscopeError, match="ended unexpectedly") as error:
        list(workers.encode([task(1, Deadly())]))
    assert error.value.where == "audit"
    assert error.value.hint is not None


def test_no_process_is_left_behind() -> None:
    for fork in (True, False):
        with Workers(3, fork=fork) as some:
            list(some.encode([task(1)]))
        assert multiprocessing.active_children() == []


def test_an_import_takes_workers_that_were_started_before(tmp_path: Path) -> None:
    log = tmp_path / "audit.log"
    log.write_bytes(b"".join(v3_record(unique_id=f"1794969000.{i:06d}") + b"\n" for i in range(500)))
    setting = Setting("web1", workers=2)
    address = f"duckdb:///{tmp_path / 'store.duckdb'}"
    with start_workers([str(log)], setting) as some, open_store(address, threads=1) as store:
        summary = import_paths(store, [str(log)], setting, workers=some)

        assert (summary.received, summary.stored, summary.duplicate, summary.quarantined) == (500, 500, 0, 0)
        assert store.count(Count(Scope())).value.events == 500
        # What an import ends with is in the file, not in the log beside it.
        log_beside = tmp_path / "store.duckdb.wal"
        assert not log_beside.exists() or not log_beside.stat().st_size
        write(store, [event(START)])
        assert log_beside.stat().st_size


@pytest.mark.parametrize("fork", [True, False])
def test_what_workers_try_themselves_on_leaves_nothing_behind(*, fork: bool) -> None:
    for trial in (task(1), task(2, Broken())):
        with Workers(2, fork=fork, trial=trial) as some:
            assert [encode(task(number)) for number in (1, 2)] == [
                encoded for encoded, _ in some.encode([task(1), task(2)])
            ]


def test_what_is_not_there_is_told_before_anything_is_started() -> None:
    with pytest.raises(InputError):
        start_workers(["/no/such/file"], Setting("web1"))
    assert multiprocessing.active_children() == []

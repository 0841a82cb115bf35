"""How soon the receiver answers, while its spool is drained into a store that checkpoints and is asked."""

from __future__ import annotations

import http.client
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from bench import generate
from bench.report import Check, at_most, percentile, sentence, table
from wafscope.ingest.worker import Task, encode
from wafscope.query.question import Count, Scope
from wafscope.source.listener import Listener, ReceiverSettings
from wafscope.source.receiver_supervisor import ReceiverProcess
from wafscope.source.spool_feed import SpoolFeed
from wafscope.store.base import EventStore
from wafscope.store.open import open_store

LIMIT_MS = 200.0
"""Milliseconds that 99 of 100 answers must not exceed."""
_TOKEN = "bench"
_MOST = 4 << 20
_TIMEOUT = 30
_CHECKPOINT_EVERY = 2.0

Say = Callable[[str], None]


class Wish(msgspec.Struct, frozen=True):
    """What is to be measured."""

    seconds: float = 20.0
    rate: int = 200
    """Records that all senders together send in a second."""
    senders: int = 4
    stalled: bool = False
    """Whether nothing is drained meanwhile, as with a store that is closed."""


class Answers(msgspec.Struct, frozen=True):
    """Milliseconds from a request to its answer."""

    count: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float


class Report(msgspec.Struct, frozen=True):
    """What was measured."""

    rate: float
    """Records acknowledged in a second."""
    answers: Answers
    refused: int
    drained: int
    commits: int
    checkpoints: int
    p99: Check


class _Sender(threading.Thread):
    """Sends records at a rate on one connection."""

    def __init__(self, at: int, records: list[bytes], every: float, end: float) -> None:
        super().__init__(name="sender")
        self._at, self._records, self._every, self._end = at, records, every, end
        self.took: list[float] = []
        self.refused = 0

    def run(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._at, timeout=_TIMEOUT)
        due = time.perf_counter()
        for record in self._records:
            if time.perf_counter() >= self._end:
                break
            time.sleep(max(0.0, due - time.perf_counter()))
            due += self._every
            begun = time.perf_counter()
            connection.request("POST", f"/in/{_TOKEN}", record)
            response = connection.getresponse()
            response.read()
            self.took.append((time.perf_counter() - begun) * 1000)
            self.refused += response.status != 200
        connection.close()


class _Drain(threading.Thread):
    """Does what a busy service does: drains, commits, asks, and makes checkpoints."""

    def __init__(self, directory: Path) -> None:
        super().__init__(name="drain")
        self._spool = directory / "spool"
        self._uri = f"duckdb:///{directory / 'events.duckdb'}"
        self.ending = threading.Event()
        self.drained = self.commits = self.checkpoints = 0

    def run(self) -> None:
        feed = SpoolFeed(self._spool, {})
        while not self.ending.is_set():
            # Closing the file makes a checkpoint.
            with open_store(self._uri) as store:
                until = time.monotonic() + _CHECKPOINT_EVERY
                while time.monotonic() < until and not self.ending.is_set():
                    self._once(feed, store)
                    store.count(Count(Scope()))
                    self.ending.wait(0.05)
            self.checkpoints += 1
        feed.close()

    def _once(self, feed: SpoolFeed, store: EventStore) -> None:
        for chunk in feed.take(_MOST):
            encoded = encode(Task("receiver", chunk.sensor, "", "UTC", chunk.stretches, store.encoder()))
            self.drained += store.write(encoded.payload, encoded.tally).stored
            self.commits += 1
            feed.committed(chunk.position)


def run(wish: Wish, say: Say) -> Report:
    """Measure, with a receiver in a process of its own and everything else in this one."""
    with tempfile.TemporaryDirectory(prefix="wafscope-bench-") as name:
        directory = Path(name)
        log = directory / "records.log"
        total = max(wish.senders, int(wish.rate * wish.seconds))
        say(f"making {total} records")
        generate.write_log(log, total)
        records = log.read_bytes().splitlines()
        log.unlink()
        listener = Listener("receiver", "127.0.0.1:0", tokens={_TOKEN: "bench"})
        process = ReceiverProcess(ReceiverSettings(str(directory / "spool"), (listener,)))
        try:
            process.start()
            drain = _Drain(directory)
            if not wish.stalled:
                drain.start()
            try:
                say(f"sending for {wish.seconds:g} s")
                sent = _send(wish, process.addresses[0][2], records)
            finally:
                drain.ending.set()
                if not wish.stalled:
                    drain.join()
            return _report(sent, drain)
        finally:
            process.stop()


def _send(wish: Wish, at: int, records: list[bytes]) -> tuple[list[_Sender], float]:
    begun = time.perf_counter()
    every = wish.senders / wish.rate
    senders = [
        _Sender(at, records[number :: wish.senders], every, begun + wish.seconds) for number in range(wish.senders)
    ]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    return senders, time.perf_counter() - begun


def _report(sent: tuple[list[_Sender], float], drain: _Drain) -> Report:
    senders, seconds = sent
    took = [each for sender in senders for each in sender.took]
    p50, p95, p99 = (round(percentile(took, part), 2) for part in (0.5, 0.95, 0.99))
    return Report(
        rate=round(len(took) / seconds, 1),
        answers=Answers(len(took), p50, p95, p99, round(max(took), 2)),
        refused=sum(sender.refused for sender in senders),
        drained=drain.drained,
        commits=drain.commits,
        checkpoints=drain.checkpoints,
        p99=at_most(p99, LIMIT_MS),
    )


def render(report: Report) -> str:
    """The report for a person."""
    answers = report.answers
    row = [f"{n:.1f}" for n in (report.rate, answers.p50_ms, answers.p95_ms, answers.p99_ms, answers.max_ms)]
    return (
        table(["answers", "records/s", "p50 ms", "p95 ms", "p99 ms", "max ms"], [[str(answers.count), *row]])
        + f"\nrefused {report.refused}, drained meanwhile {report.drained}"
        + f" in {report.commits} commits, with {report.checkpoints} checkpoints"
        + f"\np99 in ms: {sentence(report.p99)}"
    )

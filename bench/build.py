"""Fills a store with synthetic events, and goes on importing while others ask."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import Self

import msgspec

from bench import synthetic
from wafscope.store.base import Encoder, EventStore, Records, Tally
from wafscope.store.open import open_store

PART = 10_000
_TOGETHER = 12
"""Batches that are committed at once, as many events as an import commits."""
_SOURCE = "synthetic"
_SMALL = 20_000
_READY = 8
"""Batches that are made ahead of the clock."""

Payload = tuple[bytes, Tally]


class Batch(msgspec.Struct, frozen=True):
    """A stretch of events to be made in a worker process."""

    encoder: Encoder
    first: int
    count: int
    total: int


def encode(batch: Batch) -> Payload:
    """Make events and encode them for the store."""
    found = synthetic.make(batch.first, batch.count, batch.total)
    payload = batch.encoder.encode([Records(_SOURCE, found)], sensor="bench", zone="UTC")
    matches = sum(len(f.event.matches) for f in found)
    return payload, Tally(_SOURCE, "bench", len(found), matches, sum(f.length for f in found))


def build(path: Path, events: int, progress: Callable[[int], None]) -> None:
    """Make a store with so many events."""
    with open_store(f"duckdb:///{path.absolute()}") as store:
        encoder, stored = store.encoder(), 0
        batches = [Batch(encoder, n, min(PART, events - n), events) for n in range(0, events, PART)]
        payloads = _encoded(batches)
        while some := list(islice(payloads, _TOGETHER)):
            stored += sum(written.stored for written in store.write_all(some))
            progress(stored)
    if stored != events:
        raise RuntimeError(f"{events} events were made and {stored} stored")


def _encoded(batches: list[Batch]) -> Iterator[Payload]:
    """Encode in worker processes, few batches ahead of the one that is written."""
    if sum(batch.count for batch in batches) <= _SMALL:
        yield from map(encode, batches)
        return
    workers = min(os.cpu_count() or 1, 8)
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        waiting: deque[Future[Payload]] = deque()
        for batch in batches:
            waiting.append(pool.submit(encode, batch))
            if len(waiting) > workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


class Writes(msgspec.Struct, frozen=True):
    """What was imported beside the questions."""

    batches: int = 0
    events: int = 0
    seconds: float = 0.0
    """Spent writing."""
    slowest: float = 0.0
    late: int = 0
    """Batches that could not be written in their second."""


class Writer:
    """Imports a batch a second into a store that is asked at the same time, as a running service does.

    The batches are made in a worker process and follow the events that are there, at their own pace.
    """

    def __init__(self, store: EventStore, events: int, rate: int) -> None:
        self._store, self._events, self._rate = store, events, rate
        self._done = threading.Event()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._error: BaseException | None = None
        self.writes = Writes()

    def __enter__(self) -> Self:
        if self._rate:
            self._thread.start()
            self._ready.wait(60)
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        if self._rate:
            self._thread.join()
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        try:
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
                self._write(pool)
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that waits for this one
            self._error = error
        finally:
            self._ready.set()

    def _write(self, pool: ProcessPoolExecutor) -> None:
        encoder, first = self._store.encoder(), self._events
        # As many events a second as wanted, at the times that the clock has while they are written.
        a_second = synthetic.DAYS * 86_400 * self._rate
        first = max(first, a_second)
        waiting: deque[Future[Payload]] = deque()
        due = 0.0
        while not self._done.is_set():
            while len(waiting) < _READY:
                waiting.append(pool.submit(encode, Batch(encoder, first, self._rate, a_second)))
                first += self._rate
            payload = waiting.popleft().result()
            self._ready.set()
            now = time.monotonic()
            late = bool(due) and now > due + 1
            if self._done.wait(max(0.0, due - now)):
                break
            self._count(payload, late=late)
            due = (now if late or not due else due) + 1
        for future in waiting:
            future.cancel()

    def _count(self, payload: Payload, *, late: bool) -> None:
        started = time.monotonic()
        written = self._store.write_all([payload])[0]
        took = time.monotonic() - started
        w = self.writes
        self.writes = Writes(
            w.batches + 1, w.events + written.stored, w.seconds + took, max(w.slowest, took), w.late + late
        )

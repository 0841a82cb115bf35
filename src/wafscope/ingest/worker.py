"""What a worker process does: read the pieces of its stretches and encode them for the store."""

from __future__ import annotations

import gc
import signal
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache, partial
from zoneinfo import ZoneInfo

import msgspec
import structlog

from wafscope.event.identity import Identifier
from wafscope.ingest import heap
from wafscope.ingest.sampling import Sampler, Sampling
from wafscope.logs import without_values
from wafscope.reader.base import Batch, Context, Foreign, Found, Range, Unreadable, one_by_one
from wafscope.reader.framing import read_batches
from wafscope.reader.walk import settled
from wafscope.redact.event import Redactor
from wafscope.redact.gate import gate_of
from wafscope.settings import Redaction
from wafscope.source.base import Stretch
from wafscope.store.base import Encoder, Records, Tally

_log = structlog.get_logger(__name__)


class Task(msgspec.Struct, frozen=True):
    """Stretches of one source, with all that a worker needs to read them."""

    source: str
    sensor: str
    zone: str
    collector_zone: str
    stretches: tuple[Stretch, ...]
    encoder: Encoder
    redaction: Redaction = Redaction()
    sampling: Sampling = Sampling()

    def without_data(self) -> Task:
        """The same without the bytes, when they have been read."""
        spent = tuple(msgspec.structs.replace(s, data=b"") for s in self.stretches)
        return msgspec.structs.replace(self, stretches=spent)

    def with_data(self, parts: Sequence[bytes]) -> Task:
        """The same with the bytes of each stretch."""
        whole = tuple(msgspec.structs.replace(s, data=data) for s, data in zip(self.stretches, parts, strict=True))
        return msgspec.structs.replace(self, stretches=whole)


class Encoded(msgspec.Struct, frozen=True):
    """A payload for the store, and what was counted on the way."""

    payload: bytes
    tally: Tally


def prepare(policy: Redaction) -> None:
    """Make what all worker processes need, and what takes long, before they are forked."""
    if policy.enabled:
        _ = gate_of(policy).automaton


def start_worker() -> None:
    """Prepare a worker process: no cycles are made that need collecting, and what ends a process is for its parent.

    Whoever ends a service may tell all of its processes (`timeout`, a terminal): the parent then commits what is under
    way, and a worker ends with it.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    gc.disable()
    # What one task took is for the next one: to give it back, and have it cleared again, costs 2 % of an import.
    heap.keep()


class _Reading:
    """Reads the pieces of a task; counts what is no record on the way, and lets go of each record."""

    def __init__(self, task: Task) -> None:
        self._context = Context(
            zone=ZoneInfo(task.zone) if task.zone else None,
            collector_zone=ZoneInfo(task.collector_zone),
            whole=not task.encoder.reads_again,
        )
        self.unreadable: list[Unreadable] = []
        self.events = self.matches = self.foreign = 0

    def records(self, stretch: Stretch, alone: Sequence[Range] = ()) -> Iterator[Found | Batch]:
        """Give the records of a stretch; those of the lines `alone` one by one."""
        context = msgspec.structs.replace(self._context, arrival=stretch.written)
        for piece in read_batches(stretch.data, stretch.offset, context, alone):
            if isinstance(piece, Batch):
                self.events += len(piece.offsets)
                self.matches += sum(map(len, piece.columns["matches"]))
                yield piece
            elif isinstance(piece, Found):
                self.events += 1
                self.matches += len(piece.event.matches)
                yield piece
            elif isinstance(piece, Foreign):
                self.foreign += piece.lines
            else:
                self.unreadable.append(msgspec.structs.replace(piece, source=stretch.name))
        if stretch.damage:
            end = stretch.offset + len(stretch.data)
            self.unreadable.append(Unreadable(b"", end, stretch.damage, stretch.name, length=stretch.skipped))

    def lose(self, found: Found, source: str) -> None:
        """Count a record that may not be kept: its secrets could not be masked."""
        self.events -= 1
        self.matches -= len(found.event.matches)
        self.unreadable.append(
            Unreadable(b"", found.offset, "not_masked", source, length=found.length, more=found.more)
        )


def encode(task: Task) -> Encoded:
    """Read the pieces of a task, mask the secrets of its records, leave out what is not kept, and encode them.

    Should one of them bring down whatever reads it, it goes to quarantine alone: whoever knows such a record could
    else keep all that stands around it out of the store.
    """
    try:
        return _encoded(task)
    except Exception as error:  # noqa: BLE001 - logged, and the rest is read
        _log.error("a record can not be read", source=task.source, **without_values(error))
    good, bad = told_apart(task, _can_be_encoded, "damaged")
    encoded = _encoded(msgspec.structs.replace(task, stretches=tuple(good)))
    size = sum(len(stretch.data) for stretch in task.stretches)
    tally = msgspec.structs.replace(encoded.tally, bytes=size, unreadable=(*encoded.tally.unreadable, *bad))
    return msgspec.structs.replace(encoded, tally=tally)


def told_apart(task: Task, is_good: Callable[[Task], bool], reason: str) -> tuple[list[Stretch], list[Unreadable]]:
    """Return the parts of a task that are good when they are tried alone, and what is left, for a `reason`."""
    good: list[Stretch] = []
    bad: list[Unreadable] = []
    left = list(reversed(task.stretches))
    while left:
        stretch = left.pop()
        data, offset = stretch.data, stretch.offset
        if is_good(msgspec.structs.replace(task, stretches=(stretch,))):
            good.append(stretch)
        elif cut := next((cut for n in _SHARES if 0 < (cut := settled(data[: len(data) * n // 8])) < len(data)), 0):
            left.append(msgspec.structs.replace(stretch, data=data[cut:], offset=offset + cut))
            left.append(msgspec.structs.replace(stretch, data=data[:cut], damage="", skipped=0))
        else:
            bad.append(Unreadable(data, offset, reason, stretch.name, length=len(data)))
            if stretch.damage and data:
                left.append(msgspec.structs.replace(stretch, data=b"", offset=offset + len(data)))
    return good, bad


def _can_be_encoded(task: Task) -> bool:
    try:
        _encoded(task)
    except Exception:  # noqa: BLE001 - has been logged
        return False
    return True


_SHARES = (4, 6, 2, 7, 1, 8)
"""Eighths of a stretch that are tried one after the other, where it is to be cut."""


def _encoded(task: Task) -> Encoded:
    reading = _Reading(task)
    zone = task.zone or task.collector_zone
    if task.redaction.enabled:
        files = _redacted(task, reading, zone)
    else:
        files = [Records(stretch.name, reading.records(stretch)) for stretch in task.stretches]
    if task.sampling.above:
        sampler = sampler_of(task.sampling, task.encoder.key)
        files = [Records(file.name, sampler.records(one_by_one(file.records))) for file in files]
    payload = task.encoder.encode(files, sensor=task.sensor, zone=zone)
    tally = Tally(
        source=task.source,
        sensor=task.sensor,
        events=reading.events,
        matches=reading.matches,
        bytes=sum(len(stretch.data) for stretch in task.stretches),
        foreign=reading.foreign,
        unreadable=tuple(reading.unreadable),
    )
    return Encoded(payload, tally)


def _redacted(task: Task, reading: _Reading, zone: str) -> list[Records]:
    redactor = redactor_of(task.redaction, task.encoder.key)
    hot = redactor.hot([stretch.data for stretch in task.stretches])
    found = []
    for stretch, lines in zip(task.stretches, hot, strict=True):
        lose = partial(reading.lose, source=stretch.name)
        records = reading.records(stretch, [(line.begin, line.end) for line in lines])
        found.append(Records(stretch.name, redactor.records(records, lines, zone, lose, stretch.offset)))
    return found


@lru_cache(maxsize=4)
def redactor_of(policy: Redaction, key: bytes) -> Redactor:
    """Return what masks the records of one store."""
    return Redactor(policy, key)


@lru_cache(maxsize=4)
def sampler_of(sampling: Sampling, key: bytes) -> Sampler:
    """Return what samples the events of one store; it counts them, as long as this process runs."""
    return Sampler(sampling, Identifier(key).identify)

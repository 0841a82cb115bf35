"""From a source to the store: stretches of bytes go to workers, which read and encode; one writer commits.

Results are written in the order in which the bytes were read.  What is in flight is bounded, so that
memory is, too.  A small input is read in this process: starting workers would take longer.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from wafscope.errors import InputError
from wafscope.event.identity import KEY_SIZE
from wafscope.i18n.text import ntext, text
from wafscope.ingest import heap
from wafscope.ingest.sampling import Sampling
from wafscope.ingest.worker import Encoded, Task
from wafscope.ingest.workers import Workers, load_needed
from wafscope.reader.walk import settled
from wafscope.settings import Redaction
from wafscope.source.base import LARGEST_RECORD, PIECE, Stretch
from wafscope.source.oneshot import check, empty, read_once, stored_size
from wafscope.store.base import Encoder, EventStore, Tally, Written

_SMALL = 4 << 20
_TRIAL = 256 << 10
"""Bytes that workers try themselves on."""
_COMMIT = 120_000
"""Events that are committed together.  With those of the last piece, it is almost as many as DuckDB puts into a few
groups (`store/duckdb/connection.py`): what is left over has to be written twice."""
_MOST_FILES = 512
_LARGEST_TASK = 8 << 20
_SHARE = 64
"""A task is a share of the input, if that is large, up to so many bytes: each costs something by itself, but the last
ones must not keep the others waiting."""
_MOST_WORKERS = 8


class Summary(msgspec.Struct, frozen=True):
    """What an import did; the keys of `wafscope import --json`.

    received = stored + duplicate + quarantined + expired, where expired are older than what retention has left; events
    added = stored - joined, since joined records are part of the event that another log has of their transaction;
    foreign are lines of other logs; matches are those of the stored events; bytes are the uncompressed input.
    """

    received: int = 0
    stored: int = 0
    duplicate: int = 0
    quarantined: int = 0
    joined: int = 0
    expired: int = 0
    foreign: int = 0
    matches: int = 0
    bytes: int = 0
    seconds: float = 0.0

    def add(self, other: Summary) -> Summary:
        return Summary(*(getattr(self, f) + getattr(other, f) for f in self.__struct_fields__))


class Progress(msgspec.Struct, frozen=True):
    """How far an import is: bytes of the input as stored, of how many (None where unknown)."""

    consumed: int
    total: int | None
    summary: Summary


class Setting(msgspec.Struct, frozen=True):
    """What an import has to be told about its sources."""

    sensor: str
    zone: str = ""
    """IANA zone configured for the sources, "" for none."""
    collector_zone: str = "UTC"
    workers: int | None = None
    """Worker processes; None for one a core, 0 to read in this process."""
    largest_record: int = LARGEST_RECORD
    """Bytes; a larger record is passed over."""
    redaction: Redaction = Redaction()
    """What is masked before anything is stored."""
    sampling: Sampling = Sampling()
    """What is kept of floods."""


def start_workers(paths: list[str], setting: Setting) -> Workers:
    """Start the workers that an import will need: before the store is opened, that takes no time.

    While it is, they try themselves on the beginning of the first path.  Raises InputError as `import_paths` does.
    """
    for path in paths:
        check(path)
    count = _count(paths, setting)
    if count:
        # All pieces are of one size: what one took is for the next one.
        heap.keep()
        load_needed(setting.redaction)
    return Workers(count, fork=True, trial=_trial(paths[0], setting) if count else None)


def _trial(path: str, setting: Setting) -> Task | None:
    """Return the beginning of a file as a task; None where it is none, or has no lines there."""
    from wafscope.store.duckdb.encode import DuckEncoder  # noqa: PLC0415 - loads pyarrow

    if not Path(path).is_file():
        return None
    with Path(path).open("rb") as file:
        data = file.read(_TRIAL)
    lines = data[: data.rfind(b"\n") + 1]
    stretch = Stretch(path, path, 0, lines, 0)
    return _task(path, setting, [stretch], DuckEncoder(bytes(KEY_SIZE))) if lines else None


def import_paths(
    store: EventStore,
    paths: list[str],
    setting: Setting,
    *,
    progress: Callable[[Progress], None] = lambda _: None,
    stop: threading.Event | None = None,
    warn: Callable[[InputError], None] = lambda _: None,
    workers: Workers | None = None,
) -> Summary:
    """Read sources into a store and return what became of them; `workers` are ended then.

    Raises InputError for a path that is not there, may not be read or is empty - before anything is read -
    and when there was no record in any of them; a path without one beside others that have is a warning, and so is
    one of whose records all are in quarantine.  When `stop` is set, what has been read is written and the rest left
    alone.
    """
    started = time.monotonic()
    for path in paths:
        check(path)
    stop = stop or threading.Event()
    summary = Summary()
    sums = dict.fromkeys(paths, summary)
    tasks = _tasks(paths, store, setting, stop)
    size = _Size(paths)
    received = 0

    def show(encoded: Encoded, task: Task) -> None:
        nonlocal received
        received += encoded.tally.events + len(encoded.tally.unreadable)
        progress(Progress(size.consumed(task), size.total, msgspec.structs.replace(summary, received=received)))

    with workers or Workers(_count(paths, setting)) as running:
        results = running.encode(tasks)
        last = False
        while not last:
            group = _Group(results, running, show)
            written = store.write_all(group)
            for (encoded, task), done in zip(group.taken, written, strict=True):
                part = _part(encoded.tally, done)
                summary = summary.add(part)
                sums[task.source] = sums[task.source].add(part)
            if group.error is not None:
                raise group.error
            last = group.last
    if not stop.is_set():
        for path in [p for p, part in sums.items() if not part.received]:
            error = _nothing_readable(path, sums[path])
            if not summary.received:
                raise error
            warn(error)
        for path in [p for p, part in sums.items() if 0 < part.received == part.quarantined]:
            warn(_only_quarantined(path, sums[path]))
    return msgspec.structs.replace(summary, seconds=round(time.monotonic() - started, 3))


def _part(tally: Tally, written: Written) -> Summary:
    return Summary(
        received=tally.received,
        stored=written.stored,
        duplicate=written.duplicate,
        quarantined=written.quarantined,
        joined=written.joined,
        expired=written.expired,
        foreign=tally.foreign,
        matches=written.matches,
        bytes=tally.bytes,
    )


class _Size:
    """The size of the input as stored, and how much of all sources was consumed when so much of one was."""

    def __init__(self, paths: list[str]) -> None:
        self.total: int | None = 0
        self._before: dict[str, int] = {}
        known = 0
        for path in dict.fromkeys(paths):
            self._before[path] = known
            size = stored_size(path)
            known += size or 0
            self.total = None if size is None or self.total is None else known

    def consumed(self, task: Task) -> int:
        return self._before[task.source] + task.stretches[-1].consumed


def _tasks(paths: list[str], store: EventStore, setting: Setting, stop: threading.Event) -> Iterator[Task]:
    """Group stretches to tasks: a long file in pieces, many small files together."""
    encoder = store.encoder()
    enough = max(PIECE // 2, min((_Size(paths).total or 0) // _SHARE, _LARGEST_TASK))
    for path in paths:
        kept: list[Stretch] = []
        size = 0
        for stretch in read_once(path, settled, setting.largest_record):
            if stop.is_set():
                return
            kept.append(stretch)
            size += len(stretch.data)
            if size >= enough or len(kept) >= _MOST_FILES:
                yield _task(path, setting, kept, encoder)
                kept, size = [], 0
        if kept:
            yield _task(path, setting, kept, encoder)


def _task(path: str, setting: Setting, stretches: list[Stretch], encoder: Encoder) -> Task:
    zones = setting.zone, setting.collector_zone
    return Task(path, setting.sensor, *zones, tuple(stretches), encoder, setting.redaction, setting.sampling)


def _count(paths: list[str], setting: Setting) -> int:
    """How many workers an import takes."""
    if setting.workers is not None:
        return setting.workers
    total = _Size(paths).total
    return 0 if total is not None and total < _SMALL else min(os.cpu_count() or 1, _MOST_WORKERS)


class _Group:
    """Results that are committed together, each written as soon as it is there.

    A commit costs the more, the fewer events it has.  When reading fails, what was read before is committed.
    """

    def __init__(
        self, results: Iterator[tuple[Encoded, Task]], workers: Workers, show: Callable[[Encoded, Task], None]
    ) -> None:
        self._results = results
        self._workers = workers
        self._show = show
        self.taken: list[tuple[Encoded, Task]] = []
        self.error: Exception | None = None
        self.last = False

    def __length_hint__(self) -> int:
        """How many are still to come, where that is known."""
        return NotImplemented if self._workers.left is None else self._workers.left

    def __iter__(self) -> Iterator[tuple[bytes, Tally]]:
        events = 0
        while events < _COMMIT:
            try:
                encoded, task = next(self._results)
            except StopIteration:
                self.last = True
                return
            except Exception as error:  # noqa: BLE001 - raised by the caller, after the commit
                self.error = error
                return
            events += encoded.tally.events
            # The payload is not needed again, and a group of them is large.
            self.taken.append((msgspec.structs.replace(encoded, payload=b""), task.without_data()))
            yield encoded.payload, encoded.tally
            self._show(encoded, task)


def _nothing_readable(path: str, summary: Summary) -> InputError:
    if not summary.bytes:
        return empty(path)
    return InputError(
        ntext(
            "No audit record in it: {n} line of something else.",
            "No audit record in it: {n} lines of something else.",
            n=summary.foreign,
        ),
        where=path,
        hint=text("Wafscope reads the audit logs of ModSecurity and Coraza, and their lines in error logs."),
    )


def _only_quarantined(path: str, summary: Summary) -> InputError:
    return InputError(
        ntext(
            "Nothing in it can be read: {n} piece was put into quarantine.",
            "Nothing in it can be read: {n} pieces were put into quarantine.",
            n=summary.quarantined,
        ),
        where=path,
        hint=text(
            "Is it an audit log? If so, “wafscope quarantine list --store FILE” tells why, FILE being what it was"
            " imported into."
        ),
    )

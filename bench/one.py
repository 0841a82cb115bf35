"""One measurement in a process of its own: `python -m bench.one '{"what":"typed","log":"FILE"}'` prints JSON.

Little is imported at the top: worker processes of an import load this module again.
"""

from __future__ import annotations

import gc
import resource
import sys
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec

if TYPE_CHECKING:
    from wafscope.reader.base import Batch, Context, Found
    from wafscope.source.base import Stretch

What = Literal["typed", "plain", "import", "unmasked", "fast", "tolerant", "marred", "odd", "stages"]

_AT_ONCE = 64
"""Records that are read before they are encoded, as many as the encoder takes together."""
_CHUNK = 2_000
_MOST_READ = 100_000
"""Lines after which a reader alone stops: its rate does not depend on them."""


class Job(msgspec.Struct, frozen=True):
    """What is to be measured."""

    what: What
    log: str
    store: str = ""
    """File of the store for `import`, `unmasked` - the same with redaction off - and `stages`."""
    workers: int | None = None
    """For `import`; None for as many as the command line would take."""
    format: str = "v3.json"
    """For `fast`, `tolerant`, `marred` and `odd`."""


class Stage(msgspec.Struct, frozen=True):
    """One step of an import."""

    cpu_seconds: float
    seconds: float


class Measured(msgspec.Struct, frozen=True):
    """What was measured."""

    records: int
    seconds: float
    cpu_seconds: float
    """Of this process and its workers."""
    refused: int = 0
    """Lines that the decoder could not read, or that are not for this reader."""
    store_bytes: int = 0
    stages: dict[str, Stage] = {}


def measure(job: Job) -> Measured:
    """Do the job."""
    if job.what in ("import", "unmasked"):
        return _import(job)
    if job.what == "stages":
        return _stages(job)
    if job.what in ("typed", "plain"):
        return _decoder(job)
    return _native(job) if job.format.endswith(".native") else _reader(job)


def _decoder(job: Job) -> Measured:
    """A loop over a file in one process, reading the file included."""
    from bench import baseline

    decode: Callable[[bytes], object] = baseline.typed if job.what == "typed" else baseline.plain
    records = refused = 0
    cpu, started = time.process_time(), time.perf_counter()
    with Path(job.log).open("rb") as file:
        for line in file:
            try:
                decode(line)
            except (ValueError, KeyError, TypeError, AttributeError):
                refused += 1
            else:
                records += 1
    return Measured(records, time.perf_counter() - started, time.process_time() - cpu, refused)


def _reader(job: Job) -> Measured:
    """A reader alone, from a line to an event.  All but `odd` get the lines that the fast reader takes."""
    from wafscope.reader.base import Context
    from wafscope.reader.formats import JSON

    gc.disable()  # as in a worker
    read_fast = JSON[job.format].fast
    read, context = read_fast if job.what == "fast" else JSON[job.format].tolerant, Context()
    is_together = job.what == "fast" and job.format == "v3.json"
    records = refused = 0
    seconds = cpu = 0.0
    for lines in _chunks(job.log):
        taken = []
        for line in lines:
            try:
                read_fast(line, context)
            except (ValueError, RecursionError):
                if job.what == "odd" and line[:1] == b"{":
                    taken.append(line)
            else:
                if job.what != "odd":
                    taken.append(_marred(line) if job.what == "marred" else line)
        refused += len(lines) - len(taken)
        cpu_before, before = time.process_time(), time.perf_counter()
        if is_together:
            _read_together(taken, context)
        else:
            for line in taken:
                read(line, context)
        seconds += time.perf_counter() - before
        cpu += time.process_time() - cpu_before
        records += len(taken)
    return Measured(records, seconds, cpu, refused)


def _read_together(lines: list[bytes], context: Context) -> None:
    """Read lines as an import does it with those of this kind, up to their events."""
    from wafscope.reader.base import Batch
    from wafscope.reader.modsecurity_together import read_together

    for start in range(0, len(lines), _AT_ONCE):
        places, columns = read_together(lines[start : start + _AT_ONCE], context)
        for _ in Batch(columns, places, places).found():
            pass


def _marred(line: bytes) -> bytes:
    """The same record with a byte that is not UTF-8 in what the client sent: only the tolerant reader takes it."""
    return line.replace(b'"uri":"', b'"uri":"\xff', 1)


def _native(job: Job) -> Measured:
    """The reader of a native format, finding the records included."""
    from wafscope.reader.base import Context, Found
    from wafscope.reader.framing import read_pieces
    from wafscope.reader.walk import settled
    from wafscope.source.oneshot import read_once

    gc.disable()  # as in a worker
    records = 0
    seconds = cpu = 0.0
    for stretch in read_once(job.log, settled):
        cpu_before, before = time.process_time(), time.perf_counter()
        records += sum(isinstance(piece, Found) for piece in read_pieces(stretch.data, stretch.offset, Context()))
        seconds += time.perf_counter() - before
        cpu += time.process_time() - cpu_before
        if records >= _MOST_READ:
            break
    return Measured(records, seconds, cpu)


def _chunks(log: str) -> Iterator[list[bytes]]:
    with Path(log).open("rb") as file:
        lines = []
        for line in islice(file, _MOST_READ):
            lines.append(line.rstrip(b"\n"))
            if len(lines) == _CHUNK:
                yield lines
                lines = []
    yield lines


def _import(job: Job) -> Measured:
    """Import into a new store: from starting the workers and making the store until it is closed.

    The modules of this process are loaded before, as for every other measurement.
    """
    import wafscope.store.duckdb.store  # noqa: F401 - loaded before the clock runs
    from wafscope.ingest.pipeline import Setting, import_paths, start_workers
    from wafscope.settings import Redaction
    from wafscope.store.open import WRITING, open_store

    setting = Setting("bench", workers=job.workers, redaction=Redaction(enabled=job.what == "import"))
    cpu, started = cpu_seconds(), time.perf_counter()
    address = f"duckdb:///{job.store}"
    with start_workers([job.log], setting) as workers, open_store(address, threads=WRITING) as store:
        summary = import_paths(store, [job.log], setting, workers=workers)
    seconds = time.perf_counter() - started
    end_fork_server()
    if summary.stored + summary.duplicate + summary.quarantined != summary.received:
        raise RuntimeError(f"records were lost: {summary}")
    return Measured(
        summary.received, seconds, cpu_seconds() - cpu, summary.quarantined, store_bytes=Path(job.store).stat().st_size
    )


def end_fork_server() -> None:
    """End the process that workers may have been forked from: it hands on what they used only when waited for."""
    from multiprocessing import forkserver

    server: Any = forkserver._forkserver  # private, but there is no other way to wait for it
    if server._forkserver_pid is not None:
        server._stop()


def cpu_seconds() -> float:
    """CPU seconds of this process and of workers that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in used)


class _Watch:
    """Adds up the time spent in each stage."""

    def __init__(self) -> None:
        self.stages: dict[str, Stage] = {}
        self._cpu, self._wall = time.process_time(), time.perf_counter()

    def lap(self, name: str) -> None:
        """Count what has passed since the last lap to a stage."""
        cpu, wall = time.process_time(), time.perf_counter()
        known = self.stages.get(name, Stage(0, 0))
        self.stages[name] = Stage(known.cpu_seconds + cpu - self._cpu, known.seconds + wall - self._wall)
        self._cpu, self._wall = cpu, wall


def _stages(job: Job) -> Measured:
    """Do by turns in one process what an import does side by side: cut, read, encode, write."""
    from wafscope.ingest.pipeline import _COMMIT
    from wafscope.reader.walk import settled
    from wafscope.source.oneshot import read_once
    from wafscope.store.base import Records, Tally
    from wafscope.store.open import WRITING, open_store

    gc.disable()  # as in a worker
    store = open_store(f"duckdb:///{job.store}", threads=WRITING)
    encoder, records = store.encoder(), 0
    parts: list[tuple[bytes, Tally]] = []
    watch = _Watch()
    for stretch in read_once(job.log, settled):
        watch.lap("cut")
        reading = _Reading(stretch, watch)
        payload = encoder.encode([Records(stretch.name, reading.records())], sensor="bench", zone="UTC")
        watch.lap("encode")
        parts.append((payload, Tally(stretch.source, "bench", reading.events, reading.matches, len(stretch.data))))
        records += reading.events
        if sum(tally.events for _, tally in parts) >= _COMMIT:
            store.write_all(parts)
            parts = []
        watch.lap("write")
    if parts:
        store.write_all(parts)
    store.close()
    watch.lap("write")
    total = sum(s.seconds for s in watch.stages.values()), sum(s.cpu_seconds for s in watch.stages.values())
    return Measured(records, *total, store_bytes=Path(job.store).stat().st_size, stages=watch.stages)


class _Reading:
    """Reads a stretch while it is encoded, and tells the two apart."""

    def __init__(self, stretch: Stretch, watch: _Watch) -> None:
        self._stretch = stretch
        self._watch = watch
        self.events = self.matches = 0

    def records(self) -> Iterator[Found | Batch]:
        """Give the records; each few are read at once, so that the clock is not looked at for every one."""
        from wafscope.reader.base import Batch, Context, Found
        from wafscope.reader.framing import read_batches

        pieces = read_batches(self._stretch.data, self._stretch.offset, Context(whole=False))
        few: list[Found | Batch] = []
        self._watch.lap("read")
        for piece in pieces:
            if isinstance(piece, Batch):
                self.events += len(piece.offsets)
                self.matches += sum(map(len, piece.columns["matches"]))
                few.append(piece)
            elif isinstance(piece, Found):
                self.events += 1
                self.matches += len(piece.event.matches)
                few.append(piece)
            if len(few) == _AT_ONCE or isinstance(piece, Batch):
                self._watch.lap("read")
                yield from few
                few = []
                self._watch.lap("encode")
        self._watch.lap("read")
        yield from few
        self._watch.lap("encode")


def main() -> None:
    """Do the job of the command line."""
    found = measure(msgspec.json.decode(sys.argv[1], type=Job))
    sys.stdout.write(msgspec.json.encode(found).decode() + "\n")


if __name__ == "__main__":
    main()

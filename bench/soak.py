"""How `wafscope serve` fares over a long time: memory, what it costs while nothing comes, how soon a line is seen."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import fmean

import msgspec

from bench import generate, memory
from bench.process import cpu_seconds, free_port
from bench.report import Check, at_most, megabytes, percentile, sentence, table
from bench.visit import Reader, get
from bench.writer import SENSORS, Sender, Writer
from wafscope.ingest.pipeline import Setting, import_paths, start_workers
from wafscope.store.open import WRITING, open_store

FLAT = 1.10
"""What the last third of the time may take of the memory of the first, at most."""
IDLE = 0.01
"""Share of a core, with no writer and no reader."""
VISIBLE = 2.0
"""Seconds from a line to the page that shows it."""
_WARM_UP = 0.1
"""Share of the time after which memory counts."""
_EVERY = 2.0
"""Seconds between two looks at the memory."""
_PATIENCE = 120.0
_SETTLE = 10.0
"""Seconds that a service gets to come to rest, before what it costs to do nothing is measured."""

Say = Callable[[str], None]


class Wish(msgspec.Struct, frozen=True):
    """What is to be done."""

    seconds: float = 1200.0
    idle: float = 60.0
    rate: int = 50
    rotate: float = 30.0
    before: int = 300_000
    """Events in the store before: they fill what DuckDB may keep in memory, which else grows with the store."""


class Thirds(msgspec.Struct, frozen=True):
    """Bytes of all processes together: means of the first and of the last third of the time, and the most."""

    first: float
    last: float
    peak: int


class Memory(msgspec.Struct, frozen=True):
    """Memory after the warm-up."""

    own: Thirds
    """Pages of their own, that are of no file: those of files come and go with whatever else the machine does."""
    share: Thirds
    """All pages, one that several processes share counted once (PSS)."""
    resident: Thirds
    """All pages, counted for each process (RSS)."""
    processes: int
    samples: int


class Visible(msgspec.Struct, frozen=True):
    """Seconds from a line written to a page that shows it, where the page asks as its script does."""

    count: int
    p50: float
    p95: float
    max: float


class Report(msgspec.Struct, frozen=True):
    """What was measured."""

    seconds: float
    written: int
    """Records, over both ways in."""
    sent: int
    """Of them, over HTTP."""
    rotations: int
    lost: int
    twice: int
    quarantined: int
    memory: Memory
    busy_cpu: float
    """Share of a core while written and looked at, reading pages included."""
    idle_cpu: float
    visible: Visible
    late: int
    """Lines that no page showed."""
    failed: int
    """Pages that did not come."""
    cores: int
    load: float
    """Of the machine, at the end of the writing."""
    store_bytes: int
    flat: Check
    idle: Check
    soon: Check


class _Sample(msgspec.Struct, frozen=True):
    own: int
    share: int
    resident: int
    processes: int


class _Watch(threading.Thread):
    """Looks at the memory of a process and all below it."""

    def __init__(self, pid: int) -> None:
        super().__init__(name="watch", daemon=True)
        self._pid = pid
        self.ending = threading.Event()
        self.samples: list[_Sample] = []

    def run(self) -> None:
        while not self.ending.wait(_EVERY):
            pids = memory.tree(self._pid)
            used = [memory.used(pid) for pid in pids]
            share, resident = (sum(parts) for parts in zip(*used, strict=True))
            self.samples.append(_Sample(sum(map(memory.own, pids)), share, resident, len(pids)))


def run(wish: Wish, say: Say) -> Report:
    """Start a service, write, look, and see how it fares."""
    with tempfile.TemporaryDirectory(prefix="wafscope-bench-") as name:
        folder = Path(name)
        (folder / "logs").mkdir()
        console, receiver = free_port(), free_port()
        settings = _settings(folder, console, receiver)
        if wish.before:
            say(f"making a store of {wish.before} events")
            _fill(folder, wish.before)
        with _service(settings, console) as process:
            return _soak(wish, folder, process.pid, (console, receiver), say)


def _fill(folder: Path, events: int) -> None:
    log = folder / "before.log"
    generate.write_log(log, events)
    setting = Setting("bench")
    with (
        start_workers([str(log)], setting) as workers,
        open_store(f"duckdb:///{folder}/store.duckdb", threads=WRITING) as store,
    ):
        import_paths(store, [str(log)], setting, workers=workers)
    log.unlink()


def _soak(wish: Wish, folder: Path, pid: int, ports: tuple[int, int], say: Say) -> Report:
    console, receiver = ports
    writer = Writer(folder / "logs" / "modsec_audit.log", wish.rate, wish.rotate)
    sender, reader, watch = Sender(receiver), Reader(console, writer), _Watch(pid)
    threads = (writer, sender, reader, watch)
    say(f"writing {wish.rate} records a second for {wish.seconds:g} s")
    begun, cpu = time.monotonic(), cpu_seconds(pid)
    for thread in threads:
        thread.start()
    _tell(wish, begun, watch, say)
    for thread in (writer, sender):
        thread.ending.set()
        thread.join()
    load = round(os.getloadavg()[0], 2)
    seconds, busy = time.monotonic() - begun, cpu_seconds(pid) - cpu
    written = writer.written + sender.sent
    _wait_for(console, wish.before + written)
    for thread in (reader, watch):
        thread.ending.set()
        thread.join()
    time.sleep(min(_SETTLE, wish.idle))
    say(f"doing nothing for {wish.idle:g} s")
    cpu, begun = cpu_seconds(pid), time.monotonic()
    time.sleep(wish.idle)
    idle = (cpu_seconds(pid) - cpu) / max(time.monotonic() - begun, 1e-9)
    used, took = _memory(watch.samples), reader.took
    visible = Visible(len(took), *(round(percentile(took, part), 3) for part in (0.5, 0.95, 1.0)))
    status = json.loads(get(console, "/api/status"))
    counts = status["sources"]
    return Report(
        seconds=round(seconds, 1),
        written=written,
        sent=sender.sent,
        rotations=writer.rotations,
        lost=wish.before + written - status["events"],
        twice=sum(each["duplicate"] for each in counts),
        quarantined=sum(each["quarantined"] for each in counts),
        memory=used,
        busy_cpu=round(busy / seconds, 4),
        idle_cpu=round(idle, 5),
        visible=visible,
        late=reader.missed,
        failed=reader.failed,
        cores=os.cpu_count() or 1,
        load=load,
        store_bytes=(folder / "store.duckdb").stat().st_size,
        flat=at_most(used.own.last / used.own.first, FLAT),
        idle=at_most(idle, IDLE),
        soon=at_most(visible.p95, VISIBLE),
    )


def _tell(wish: Wish, begun: float, watch: _Watch, say: Say) -> None:
    """Wait until the time is over, and say every minute how it goes."""
    end = begun + wish.seconds
    while (left := end - time.monotonic()) > 0:
        time.sleep(min(left, 60.0))
        if watch.samples:
            say(f"  {time.monotonic() - begun:.0f} s: {megabytes(watch.samples[-1].share)}")


def _memory(samples: Sequence[_Sample]) -> Memory:
    warm = samples[int(len(samples) * _WARM_UP) :]
    third = max(1, len(warm) // 3)

    def thirds(name: str) -> Thirds:
        values = [getattr(each, name) for each in warm]
        return Thirds(round(fmean(values[:third])), round(fmean(values[-third:])), max(values))

    processes = max(each.processes for each in samples)
    return Memory(thirds("own"), thirds("share"), thirds("resident"), processes, len(samples))


def _settings(folder: Path, console: int, receiver: int) -> Path:
    file = folder / "wafscope.toml"
    file.write_text(f"""
[store]
uri = "duckdb:///{folder}/store.duckdb"
[web]
listen = "127.0.0.1:{console}"
[[source]]
kind = "serial"
path = "{folder}/logs/modsec_audit.log"
sensor = "{SENSORS[0]}"
[[source]]
kind = "receiver"
listen = "127.0.0.1:{receiver}"
sensor = "{SENSORS[1]}"
""")
    return file


@contextmanager
def _service(settings: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """Run the service until it answers; end it afterwards."""
    command = [sys.executable, "-m", "wafscope.cli.main", "serve", "--config", str(settings)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        _wait_for(port, 0)
        yield process
    finally:
        process.terminate()
        try:
            process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_for(port: int, events: int) -> None:
    """Wait until the service has so many events; after a long time it never will, and the report tells."""
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        try:
            if json.loads(get(port, "/healthz"))["events"] >= events:
                return
        except (OSError, KeyError, ValueError):
            pass
        time.sleep(0.5)


def render(report: Report) -> str:
    """The report for a person."""
    used, seen = report.memory, report.visible
    rows = [
        (name, megabytes(part.first), megabytes(part.last), megabytes(part.peak))
        for name, part in (("own", used.own), ("PSS", used.share), ("RSS", used.resident))
    ]
    return "\n".join(
        (
            (
                f"{report.written} records in {report.seconds:.0f} s, {report.sent} of them over HTTP,"
                f" {report.rotations} rotations; lost {report.lost}, twice {report.twice},"
                f" in quarantine {report.quarantined}; store {megabytes(report.store_bytes)};"
                f" {report.cores} cores, load {report.load}"
            ),
            table((f"memory of {used.processes} processes", "first third", "last third", "peak"), rows),
            f"own memory, last third to first: {sentence(report.flat)}",
            f"CPU, share of a core: {report.busy_cpu:.3f} while written and looked at; idle {sentence(report.idle)}",
            (
                f"seconds from a line to the page: p50 {seen.p50:.2f}, max {seen.max:.2f} of {seen.count},"
                f" {report.late} not seen, {report.failed} pages failed; p95 {sentence(report.soon)}"
            ),
        )
    )

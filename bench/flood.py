"""A burst of one client: how fast it is stored, what it takes, and how fast the pages are afterwards."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Literal

import msgspec

from bench import build, generate
from bench.one import cpu_seconds, end_fork_server
from bench.panels import PANELS, WHOLE, Timed, ask
from bench.query import LIMITS, took_of
from bench.report import megabytes, table
from wafscope.event.outline import SAMPLED
from wafscope.ingest.pipeline import Setting, Summary, import_paths, start_workers
from wafscope.ingest.sampling import Sampling
from wafscope.panel.view import Quality, View
from wafscope.query.filter import EVERYTHING, Term
from wafscope.query.question import Count, Scope
from wafscope.query.timespan import DAY, HOUR, SECOND, Window
from wafscope.store.base import EventStore
from wafscope.store.open import open_store
from wafscope.web import span
from wafscope.web.state import State

CLIENT = "198.51.100.9"
_START = generate.BURST * SECOND

Say = Callable[[str], None]
Kept = Literal["whole", "sampled"]


class Wish(msgspec.Struct, frozen=True):
    """What to measure."""

    events: int = 500_000
    """Of the burst."""
    others: int = 200_000
    """Events of others, in the same store before."""
    rounds: int = 10
    above: int = 1_000
    one_in: int = 100


class Stored(msgspec.Struct, frozen=True):
    """What it took to store the burst."""

    events: int
    matches: int
    without_record: int
    seconds: float
    events_per_second: float
    cpu_seconds: float
    log_bytes: int
    added_bytes: int
    """By which the file has grown."""


class Panel(msgspec.Struct, frozen=True):
    """One panel in one window; milliseconds."""

    kept: Kept
    panel: str
    window: str
    best_ms: float
    """What is left of the time when the machine has nothing else to do."""
    cpu_ms: float
    """Of the process, on all cores together; the median."""
    p50_ms: float
    p95_ms: float
    limit_ms: float | None
    met: bool
    exact: bool


class Report(msgspec.Struct, frozen=True):
    """Everything that is measured."""

    others: int
    cores: int
    load: float
    """Of the machine, when the panels were asked."""
    stored: dict[Kept, Stored]
    saved: float
    """Share of what the burst adds to the file that sampling saves."""
    same: bool
    """Whether the counts are the same with and without sampling."""
    panels: tuple[Panel, ...]


def run(wish: Wish, say: Say) -> Report:
    """Store a burst twice, whole and sampled, each in a copy of one store."""
    stored: dict[Kept, Stored] = {}
    panels: list[Panel] = []
    with tempfile.TemporaryDirectory(prefix="wafscope-bench-") as name:
        folder = Path(name)
        before, log = folder / "before.duckdb", folder / "burst.log"
        say(f"making {wish.others} events of others, and a burst of {wish.events}")
        build.build(before, wish.others, lambda _: None)
        generate.write_burst(log, wish.events, client=CLIENT.encode())
        samplings: dict[Kept, Sampling] = {"whole": Sampling(), "sampled": Sampling(wish.above, wish.one_in)}
        for kept, sampling in samplings.items():
            file = folder / f"{kept}.duckdb"
            shutil.copyfile(before, file)
            say(f"storing the burst, {kept}")
            stored[kept] = _store(file, log, sampling)
            say("asking for the panels")
            with open_store(f"duckdb:///{file}") as store:
                panels += _ask(store, kept, wish.rounds)
            file.unlink()
    whole, some = stored["whole"], stored["sampled"]
    return Report(
        others=wish.others,
        cores=os.cpu_count() or 1,
        load=round(os.getloadavg()[0], 2),
        stored=stored,
        saved=round(1 - some.added_bytes / max(1, whole.added_bytes), 3),
        same=(whole.events, whole.matches) == (some.events, some.matches),
        panels=tuple(panels),
    )


def _store(file: Path, log: Path, sampling: Sampling) -> Stored:
    before, cpu, started = file.stat().st_size, cpu_seconds(), time.perf_counter()
    setting = Setting("bench", sampling=sampling)
    with start_workers([str(log)], setting) as workers, open_store(f"duckdb:///{file}") as store:
        done: Summary = import_paths(store, [str(log)], setting, workers=workers)
        gap = Term("event.gaps", "is", (SAMPLED,))
        without = store.count(Count(Scope(filter=gap))).value.events
        found = store.count(Count(Scope(filter=_OF_CLIENT))).value
    seconds = time.perf_counter() - started
    end_fork_server()
    if found.events != done.received - done.quarantined:
        raise RuntimeError(f"events were lost: {done}, {found}")
    return Stored(
        events=found.events,
        matches=found.matches,
        without_record=without,
        seconds=round(seconds, 1),
        events_per_second=round(found.events / seconds),
        cpu_seconds=round(cpu_seconds() - cpu, 1),
        log_bytes=log.stat().st_size,
        added_bytes=file.stat().st_size - before,
    )


_OF_CLIENT = Term("client.address", "is", (CLIENT,))


def _views(store: EventStore) -> Iterator[tuple[str, float, View]]:
    """The windows, with and without the client as a filter, each with its limit."""
    held = store.held().value
    whole = span.choose(State(preset="all"), held, "UTC", held.last or 0).window
    day = _START // DAY * DAY
    for name, condition in (("", EVERYTHING), (", client", _OF_CLIENT)):
        yield f"hour{name}", LIMITS["day"], View(Window(_START, _START + HOUR), condition)
        yield f"day{name}", LIMITS["day"], View(Window(day, day + DAY), condition)
        yield f"all{name}", LIMITS["all"], View(whole, condition)


def _ask(store: EventStore, kept: Kept, rounds: int) -> Iterator[Panel]:
    timed = Timed(store)
    found: dict[tuple[str, str], list[tuple[float, float, Quality]]] = {}
    views = list(_views(store))
    for _ in range(rounds):
        for window, _limit, view in views:
            for name in (*PANELS, WHOLE):
                cpu = time.process_time()
                seconds, quality = ask(name, timed, view)
                found.setdefault((name, window), []).append((seconds, time.process_time() - cpu, quality))
    limits = {window: limit for window, limit, _ in views}
    for (name, window), answers in found.items():
        took = took_of([seconds for seconds, _, _ in answers])
        best, cpu = min(seconds for seconds, _, _ in answers), median(used for _, used, _ in answers)
        limit = None if name == WHOLE else limits[window]
        exact = all(quality.exact and not quality.cut for _, _, quality in answers)
        met = limit is None or took.p95_ms < limit
        figures = round(best * 1000, 1), round(cpu * 1000, 1), took.p50_ms, took.p95_ms
        yield Panel(kept, name, window, *figures, limit, met, exact)


def render(report: Report) -> str:
    """The report for a person."""
    rows = [
        (
            kept,
            f"{s.events:,}",
            f"{s.without_record:,}",
            f"{s.events_per_second:,}",
            f"{s.cpu_seconds:.0f}",
            megabytes(s.added_bytes),
            f"{s.added_bytes / s.events:.0f}",
            f"{s.added_bytes / s.log_bytes:.1%}",
        )
        for kept, s in report.stored.items()
    ]
    head = ("burst", "events", "without record", "events/s", "CPU s", "file grows by", "bytes an event", "of the log")
    slow = sorted(report.panels, key=lambda p: -p.p95_ms / (p.limit_ms or 1e9))
    missed = [p for p in report.panels if not p.met or not p.exact]
    return "\n".join(
        (
            table(head, rows),
            f"sampling saves {report.saved:.0%} of the file; counts {'the same' if report.same else 'DIFFER'}",
            "",
            (
                f"{len(report.panels)} panels and windows, {len(missed)} beyond their limit or not exact;"
                f" {report.cores} cores, load {report.load}; the slowest:"
            ),
            table(
                ("panel", "window", "burst", "CPU ms", "best ms", "p50 ms", "p95 ms", "limit", ""),
                [
                    (
                        p.panel,
                        p.window,
                        p.kept,
                        f"{p.cpu_ms:.0f}",
                        f"{p.best_ms:.0f}",
                        f"{p.p50_ms:.0f}",
                        f"{p.p95_ms:.0f}",
                        f"{p.limit_ms:.0f}",
                        _word(p),
                    )
                    for p in slow[:12]
                    if p.limit_ms is not None
                ],
            ),
        )
    )


def _word(panel: Panel) -> str:
    return "not exact" if not panel.exact else "" if panel.met else "MISSED"

"""How fast the panels answer, each asked anew, while an import goes on."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from bench import page as browser
from bench.build import Writer, Writes, build
from bench.dice import dice
from bench.page import PageReport
from bench.panels import PANELS, WHOLE, Timed, Took, ask
from bench.report import megabytes, percentile, table
from wafscope.panel.view import Quality, View
from wafscope.query.question import Count, Held, Scope, Top
from wafscope.query.timespan import DAY, Window
from wafscope.store.base import EventStore
from wafscope.store.open import open_store
from wafscope.web import span
from wafscope.web.state import State

Span = Literal["day", "all"]
Say = Callable[[str], None]

LIMITS: dict[Span, float] = {"day": 100.0, "all": 500.0}
"""Milliseconds that 95 of 100 answers must not exceed."""
_LEAST_ROUNDS = 3
_PATIENCE = 60.0
"""Seconds for questions that are not measured."""
_SLOWEST = 12
"""Kinds of questions that are printed."""


class Panel(msgspec.Struct, frozen=True):
    """One panel in one kind of window; times in milliseconds."""

    panel: str
    window: Span
    count: int
    p50_ms: float
    p95_ms: float
    max_ms: float
    limit_ms: float | None
    """None for the overview as a whole, which has no limit of its own."""
    met: bool
    exact: bool
    """Whether every answer was."""
    cut: int
    """Answers that a time limit cut."""


class Contents(msgspec.Struct, frozen=True):
    """What a store holds, and the bytes of its file."""

    events: int
    matches: int
    rules: int
    clients: int
    hosts: int
    bytes: int


class Report(msgspec.Struct, frozen=True):
    """Everything that `bench query` measures."""

    store: Contents
    """Before the first question."""
    cores: int
    load: float
    rounds: int
    panels: tuple[Panel, ...]
    questions: dict[str, Took]
    """Of the store, by kind; the slowest first."""
    writes: Writes
    page: PageReport | None = None


class Wish(msgspec.Struct, frozen=True):
    """What to measure."""

    events: int = 1_000_000
    seconds: float = 120.0
    writes: int = 2_000
    store: Path | None = None
    page: bool = False


def run(wish: Wish, say: Say) -> Report:
    """Build or take a store, and ask it; a kept file is asked in a copy, so that it stays as it is."""
    with tempfile.TemporaryDirectory(prefix="wafscope-bench-") as folder:
        file = Path(folder) / "store.duckdb"
        kept = wish.store
        if kept is None or not kept.exists():
            _build(file, wish.events, say)
            if kept is not None:
                shutil.copyfile(file, kept)
        else:
            say(f"taking the store in {kept}")
            shutil.copyfile(kept, file)
        size = file.stat().st_size
        with open_store(f"duckdb:///{file}") as store:
            report = _measure(store, wish, size, say)
    if wish.page:
        report = msgspec.structs.replace(report, page=browser.run(say))
    return report


def _build(file: Path, events: int, say: Say) -> None:
    say(f"making a store of {events} events")
    started = time.monotonic()

    def progress(stored: int) -> None:
        say(f"  {stored} events, {time.monotonic() - started:.0f} s")

    build(file, events, progress)


def _measure(store: EventStore, wish: Wish, size: int, say: Say) -> Report:
    load = os.getloadavg()[0]
    held, contents = store.held(time_limit=_PATIENCE).value, _contents(store, size)
    timed = Timed(store)
    found: dict[tuple[str, Span], list[tuple[float, Quality]]] = {}
    rounds = 0
    say(f"asking for {wish.seconds:.0f} s, {wish.writes} events a second coming in")
    with Writer(store, held.events, wish.writes) as writer:
        end = time.monotonic() + wish.seconds
        for views in _views(held, store):
            for kind, view in views.items():
                for name in (*PANELS, WHOLE):
                    found.setdefault((name, kind), []).append(ask(name, timed, view))
            rounds += 1
            if rounds >= _LEAST_ROUNDS and time.monotonic() >= end:
                break
    return Report(
        store=contents,
        cores=os.cpu_count() or 1,
        load=round(load, 2),
        rounds=rounds,
        panels=tuple(_panel(name, kind, answers) for (name, kind), answers in found.items()),
        questions=_slowest(timed),
        writes=writer.writes,
    )


def _views(held: Held, store: EventStore) -> Iterator[dict[Span, View]]:
    """Ever again a day, each time another one, and all that is held now, as the page would choose it."""
    if held.first is None or held.last is None:
        raise RuntimeError("the store is empty")
    start = held.first // DAY * DAY
    days = max(1, (held.last - start) // DAY)
    roll = dice("days")
    while True:
        day = start + roll.randrange(days) * DAY
        whole = span.choose(State(preset="all"), store.held().value, "UTC", held.last).window
        yield {"day": View(Window(day, day + DAY)), "all": View(whole)}


def _contents(store: EventStore, size: int) -> Contents:
    counts = store.count(Count(Scope()), time_limit=_PATIENCE).value

    def distinct(field: str) -> int:
        return store.top(Top(field, Scope(), limit=1), time_limit=_PATIENCE).value.distinct

    return Contents(
        counts.events, counts.matches, distinct("rule.id"), distinct("client.address"), distinct("host"), size
    )


def _panel(name: str, kind: Span, answers: Sequence[tuple[float, Quality]]) -> Panel:
    took = took_of([seconds for seconds, _ in answers])
    limit = None if name == WHOLE else LIMITS[kind]
    return Panel(
        panel=name,
        window=kind,
        count=took.count,
        p50_ms=took.p50_ms,
        p95_ms=took.p95_ms,
        max_ms=took.max_ms,
        limit_ms=limit,
        met=limit is None or took.p95_ms < limit,
        exact=all(quality.exact for _, quality in answers),
        cut=sum(quality.cut for _, quality in answers),
    )


def took_of(seconds: Sequence[float]) -> Took:
    """Percentiles, in milliseconds."""
    parts = [percentile(seconds, 0.5), percentile(seconds, 0.95), max(seconds)]
    return Took(len(seconds), *(round(part * 1000, 1) for part in parts))


def _slowest(timed: Timed) -> dict[str, Took]:
    kinds = {name: took_of(seconds) for name, seconds in timed.seconds.items()}
    return dict(sorted(kinds.items(), key=lambda kind: -kind[1].p95_ms))


def render(report: Report) -> str:
    """The report for a person."""
    w, store = report.writes, report.store
    lines = [
        f"{store.events:,} events, {store.matches:,} matches, {store.rules} rules, {store.clients:,} clients,",
        f"{store.hosts:,} hosts in {megabytes(store.bytes)}; {report.cores} cores, load {report.load} at the start",
        f"every panel asked {report.rounds} times, nothing remembered; meanwhile {w.events:,} events imported in",
        f"{w.batches} batches, {w.seconds:.1f} s of writing, the slowest {w.slowest * 1000:.0f} ms, {w.late} late",
        "",
        table(
            ("panel", "window", "p50 ms", "p95 ms", "max ms", "limit", "", "exact"),
            [_line(panel) for panel in sorted(report.panels, key=lambda p: p.window, reverse=True)],
        ),
        "",
        table(
            ("slowest questions of the store", "count", "p50 ms", "p95 ms", "max ms"),
            [
                (name, str(t.count), f"{t.p50_ms:.0f}", f"{t.p95_ms:.0f}", f"{t.max_ms:.0f}")
                for name, t in list(report.questions.items())[:_SLOWEST]
            ],
        ),
    ]
    if report.page:
        lines += ["", browser.render(report.page)]
    return "\n".join(lines)


def _line(p: Panel) -> tuple[str, ...]:
    limit = "-" if p.limit_ms is None else f"{p.limit_ms:.0f}"
    exact = "yes" if p.exact and not p.cut else f"{p.cut} cut" if p.cut else "no"
    verdict = "" if p.met else "MISSED"
    return p.panel, p.window, f"{p.p50_ms:.0f}", f"{p.p95_ms:.0f}", f"{p.max_ms:.0f}", limit, verdict, exact

"""The panels that are asked, and a store that remembers how long each kind of question took."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import TypeVar

import msgspec

from wafscope.panel import classes, clients, events, facets, first, held, hits, hosts, rules, series
from wafscope.panel.answers import Answers
from wafscope.panel.view import Quality, View
from wafscope.query.question import (
    TIME_LIMIT,
    Answer,
    Bins,
    Count,
    Counts,
    Held,
    Histogram,
    Page,
    Quarantine,
    QuarantineCounts,
    QuarantinedPiece,
    RemovalReason,
    Removed,
    Rows,
    RuleInfo,
    StoredEvent,
    Top,
    TopValues,
)
from wafscope.query.timespan import ALL_TIME, DAY, Window
from wafscope.store.base import Closing, Encoder, EventStore, Tally, Written

T = TypeVar("T")
Ask = Callable[[Answers, View], object]

PANELS: Mapping[str, Ask] = {
    "hits": hits.ask,
    "series": series.ask,
    "hosts": hosts.ask,
    "classes": classes.ask,
    "rules": rules.ask,
    "clients": clients.ask,
    "first": first.ask,
    "presets": first.presets,
    "held": lambda answers, view: held.ask(answers, view.zone),
    "facets": facets.ask,
    "timeline": events.timeline,
    "events": lambda answers, view: events.ask(answers, view, before=None, after=None),
}
OVERVIEW = ("presets", "hits", "series", "first", "hosts", "classes", "rules", "clients")
WHOLE = "overview"
"""All panels of the overview, as its page asks them: side by side, sharing their answers."""
_THREADS = 4
"""Of the console."""


def ask(name: str, store: EventStore, view: View) -> tuple[float, Quality]:
    """Ask for a panel with nothing remembered; return the seconds and how good the answer was."""
    answers = Answers(store)
    started = time.perf_counter()
    if name == WHOLE:
        with ThreadPoolExecutor(_THREADS) as pool:
            found = list(pool.map(lambda panel: PANELS[panel](answers, view), OVERVIEW))
    else:
        found = [PANELS[name](answers, view)]
    return time.perf_counter() - started, _worst([_quality(answer) for answer in found])


def _quality(answer: object) -> Quality:
    if isinstance(answer, events.Timeline):
        return _worst([answer.totals.quality, answer.series.quality])
    quality = getattr(answer, "quality", None)
    return quality if isinstance(quality, Quality) else Quality()


def _worst(qualities: Sequence[Quality]) -> Quality:
    return Quality(all(q.exact for q in qualities), any(q.cut for q in qualities))


class Timed(Closing):
    """A store that writes down how long it took to answer; `EventStore` in every other way."""

    def __init__(self, store: EventStore) -> None:
        self._store = store
        self._lock = Lock()
        self.seconds: dict[str, list[float]] = {}
        self.cut = 0
        self.inexact = 0

    def _timed(self, name: str, work: Callable[[], Answer[T]]) -> Answer[T]:
        started = time.perf_counter()
        answer = work()
        took = time.perf_counter() - started
        with self._lock:
            self.seconds.setdefault(name, []).append(took)
            self.cut += answer.cut
            self.inexact += not answer.exact
        return answer

    @property
    def generation(self) -> int:
        return self._store.generation

    def encoder(self) -> Encoder:
        return self._store.encoder()

    def positions(self) -> dict[str, bytes]:
        return self._store.positions()

    def recover(self) -> None:
        self._store.recover()

    def write(self, payload: bytes, tally: Tally) -> Written:
        return self._store.write(payload, tally)

    def write_all(self, parts: Iterable[tuple[bytes, Tally]]) -> tuple[Written, ...]:
        return self._store.write_all(parts)

    def review(self, event_id: bytes, now: int | None) -> bool:
        return self._store.review(event_id, now)

    def remove(self, window: Window, reason: RemovalReason, now: int, *, reviewed: bool = False) -> tuple[Removed, ...]:
        return self._store.remove(window, reason, now, reviewed=reviewed)

    def page(self, question: Page, *, time_limit: float = TIME_LIMIT) -> Answer[Rows]:
        return self._timed(
            _named("page", question.scope.window), lambda: self._store.page(question, time_limit=time_limit)
        )

    def count(self, question: Count, *, time_limit: float = TIME_LIMIT) -> Answer[Counts]:
        return self._timed(
            _named("count", question.scope.window), lambda: self._store.count(question, time_limit=time_limit)
        )

    def histogram(self, question: Histogram, *, time_limit: float = TIME_LIMIT) -> Answer[Bins]:
        name = f"histogram by {question.by}" if question.by else "histogram"
        return self._timed(
            _named(name, question.scope.window), lambda: self._store.histogram(question, time_limit=time_limit)
        )

    def top(self, question: Top, *, time_limit: float = TIME_LIMIT) -> Answer[TopValues]:
        name = f"top {question.field}{' new' if question.new else ''}"
        return self._timed(
            _named(name, question.scope.window), lambda: self._store.top(question, time_limit=time_limit)
        )

    def facets(self, questions: Sequence[Top], *, time_limit: float = TIME_LIMIT) -> Answer[tuple[TopValues, ...]]:
        name = _named("facets", questions[0].scope.window) if questions else "facets"
        return self._timed(name, lambda: self._store.facets(questions, time_limit=time_limit))

    def rules(self, rule_ids: Sequence[int], *, time_limit: float = TIME_LIMIT) -> Answer[tuple[RuleInfo, ...]]:
        return self._timed("rules", lambda: self._store.rules(rule_ids, time_limit=time_limit))

    def event(self, event_id: bytes, *, time_limit: float = TIME_LIMIT) -> Answer[StoredEvent | None]:
        return self._timed("event", lambda: self._store.event(event_id, time_limit=time_limit))

    def quarantine(
        self, question: Quarantine, *, time_limit: float = TIME_LIMIT
    ) -> Answer[tuple[QuarantinedPiece, ...]]:
        return self._timed("quarantine", lambda: self._store.quarantine(question, time_limit=time_limit))

    def quarantine_counts(self, question: Quarantine, *, time_limit: float = TIME_LIMIT) -> Answer[QuarantineCounts]:
        return self._timed("quarantine", lambda: self._store.quarantine_counts(question, time_limit=time_limit))

    def discard(self, question: Quarantine) -> int:
        return self._store.discard(question)

    def release(self, payload: bytes, tally: Tally, pieces: Sequence[int]) -> Written:
        return self._store.release(payload, tally, pieces)

    def held(self, *, time_limit: float = TIME_LIMIT) -> Answer[Held]:
        return self._timed("held", lambda: self._store.held(time_limit=time_limit))

    def close(self) -> None:
        self._store.close()


def _named(name: str, window: Window) -> str:
    """A kind of question, with the length of its window: an hour is another question than a month."""
    days = window.length / DAY
    length = "ever" if window == ALL_TIME or days > 1_000 else "day or less" if days <= 1 else "longer"
    return f"{name}, {length}"


class Took(msgspec.Struct, frozen=True):
    """How long a kind of question took, in milliseconds."""

    count: int
    p50_ms: float
    p95_ms: float
    max_ms: float

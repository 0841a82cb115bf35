"""Asks the store, and remembers: panels share questions, and a page that is called up again is instant.

An answer is kept as long as the store has not been written to.  A question that another thread is asking
already is not asked twice; this one waits for that answer.

A log that is written all the time would make every answer old before it is shown.  So what was written is taken
note of at most every 0.6 seconds, and not while questions are under way: however many pages are open, and however
slow a question is, it runs once at a time.  `behind` says from when the answers are then.  A write after a quiet
second is seen at once.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from threading import Lock
from time import monotonic, time_ns
from typing import Any, TypeVar

from wafscope.query.question import (
    TIME_LIMIT,
    Answer,
    Bins,
    Count,
    Counts,
    Held,
    Histogram,
    Page,
    Rows,
    RuleInfo,
    StoredEvent,
    Top,
    TopValues,
)
from wafscope.store.base import EventStore

T = TypeVar("T")
Key = tuple[object, ...]

_MOST_KEPT = 512
_LARGE = 2_000
"""Answers with more values than this are not kept: they are rare, and few of them would fill the memory."""
HOLD = 0.6
"""Seconds for which a generation of the store is the newest for all pages, at least: less than the service lets pass
between two commits of little, so that these are seen at once."""


class Answers:
    """The questions of `EventStore`, remembered."""

    def __init__(
        self,
        store: EventStore,
        *,
        time_limit: float = TIME_LIMIT,
        hold: float = HOLD,
        observe: Callable[[str, Answer[Any]], None] = lambda _question, _answer: None,
    ) -> None:
        """Remember the answers of a store; `observe` is told of each question that the store was asked."""
        self._store = store
        self._observe = observe
        self._limit = time_limit
        self._hold = hold
        self._lock = Lock()
        self._kept: OrderedDict[Key, Future[object]] = OrderedDict()
        self._under_way = 0
        self._generation = store.generation
        self._since = monotonic() - hold
        self._moment = _now()

    @property
    def generation(self) -> int:
        """The generation that questions are asked of: the store's, or the one before it for a short while."""
        with self._lock:
            return self._current()

    def behind(self) -> int | None:
        """None if the answers are the newest; else all that was written until then, in microseconds, is in them."""
        with self._lock:
            return None if self._current() == self._store.generation else self._moment

    def _current(self) -> int:
        """Take note of what was written, if it is time to; the lock is held."""
        newest = self._store.generation
        if newest != self._generation:
            age = monotonic() - self._since
            # No question takes longer than the limit, so a crowd of readers can hold this up no longer than that.
            if age >= self._hold and (not self._under_way or age >= self._hold + self._limit):
                self._generation = newest
                self._since, self._moment = monotonic(), _now()
                self._kept.clear()
        return self._generation

    def count(self, question: Count) -> Answer[Counts]:
        return self._ask((question,), lambda: self._store.count(question, time_limit=self._limit))

    def histogram(self, question: Histogram) -> Answer[Bins]:
        return self._ask((question,), lambda: self._store.histogram(question, time_limit=self._limit))

    def top(self, question: Top) -> Answer[TopValues]:
        return self._ask((question,), lambda: self._store.top(question, time_limit=self._limit))

    def facets(self, questions: Sequence[Top]) -> Answer[tuple[TopValues, ...]]:
        key = ("facets", *questions)
        return self._ask(key, lambda: self._store.facets(questions, time_limit=self._limit))

    def page(self, question: Page) -> Answer[Rows]:
        return self._ask((question,), lambda: self._store.page(question, time_limit=self._limit))

    def rules(self, rule_ids: Sequence[int]) -> Answer[tuple[RuleInfo, ...]]:
        key = ("rules", *rule_ids)
        return self._ask(key, lambda: self._store.rules(rule_ids, time_limit=self._limit))

    def held(self) -> Answer[Held]:
        return self._ask(("held",), lambda: self._store.held(time_limit=self._limit))

    def event(self, event_id: bytes) -> Answer[StoredEvent | None]:
        """One event; not remembered, since its raw record may be large."""
        answer = self._store.event(event_id, time_limit=self._limit)
        self._observe("event", answer)
        return answer

    def _ask(self, question: Key, ask: Callable[[], Answer[T]]) -> Answer[T]:
        with self._lock:
            key = (self._current(), *question)
            known = self._kept.get(key)
            mine: Future[object] = Future()
            if known is None:
                self._under_way += 1
                self._kept[key] = mine
                while len(self._kept) > _MOST_KEPT:
                    self._kept.popitem(last=False)
            else:
                self._kept.move_to_end(key)
        if known is not None:
            return known.result()  # type: ignore[return-value]  # the key holds the question, so the answer is its own
        try:
            answer = ask()
        except BaseException as error:
            self._done(key, forget=True)
            mine.set_exception(error)
            raise
        mine.set_result(answer)
        named = question[0]
        self._observe(named if isinstance(named, str) else type(named).__name__.lower(), answer)
        self._done(key, forget=answer.cut or _size(answer.value) > _LARGE)
        return answer

    def _done(self, key: Key, *, forget: bool) -> None:
        with self._lock:
            self._under_way -= 1
            if forget:
                self._kept.pop(key, None)


def _now() -> int:
    return time_ns() // 1000


def _size(value: object) -> int:
    if isinstance(value, TopValues):
        return len(value.values)
    if isinstance(value, tuple):
        return sum(len(part.values) if isinstance(part, TopValues) else 1 for part in value)
    return 0

"""What the service does all the time: take what has come from every feed, encode it, commit it.

Events and the positions of their sources are committed together, and only then a feed may remove anything.  When the
store fails, nothing more is taken; it is opened again, and the positions in it - not what this process remembers -
tell where to go on.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from itertools import chain

import msgspec
import structlog

from wafscope.errors import StoreRefusal, WafscopeError
from wafscope.event.text import storable
from wafscope.i18n.text import english, text
from wafscope.ingest.pipeline import Setting
from wafscope.ingest.worker import Encoded, Task, encode, told_apart
from wafscope.ingest.workers import Workers
from wafscope.logs import without_values
from wafscope.source.base import PIECE, Chunk, Condition, Feed, Position, Problem, Reporting
from wafscope.store.base import EventStore, Tally, Unreadable, Written

_log = structlog.get_logger(__name__)

_COMMIT_EVENTS = 120_000
_COMMIT_SECONDS = 3.0
"""What is committed together, at most."""
_BETWEEN = 0.7
"""Seconds between two commits of little: each costs as much as that of a thousand events."""
_LITTLE = 256 << 10
"""Bytes of each source that are committed at the start and after a failure."""
_LOOK = 0.2
"""Seconds between two looks at feeds that had nothing."""
_TASK = 2 << 20
_MOST_STRETCHES = 512
_FOR_WORKERS = 256 << 10
"""Bytes from which on a worker is worth the way to it."""
_LONGEST_PAUSE = 30.0
_AGAIN = 5.0
"""Seconds until a feed that failed is made again."""
_REFUSALS = 3
"""So often in a row the store may refuse what has come, before the record is looked for that it refuses."""


class Origin(msgspec.Struct, frozen=True):
    """A source of the settings, and how its feed is made from the positions of the store."""

    kind: str
    name: str
    sensor: str
    make: Callable[[Mapping[str, bytes]], Feed]
    made_of: object = None
    """What its feed depends on: while that stays, the feed does."""


class SourceStatus(msgspec.Struct, frozen=True):
    """How a source is; counts are those since the service began."""

    kind: str
    name: str
    sensor: str
    lag: int = 0
    waiting: int = 0
    received: int = 0
    stored: int = 0
    duplicate: int = 0
    quarantined: int = 0
    expired: int = 0
    bytes: int = 0
    last: int | None = None
    """When something of it was committed last, microseconds since the epoch."""
    problems: tuple[Problem, ...] = ()


class Status(msgspec.Struct, frozen=True):
    """How the service is."""

    state: str = "starting"
    """starting, running, paused or stopped."""
    problem: Problem | None = None
    """Why it is paused."""
    since: int = 0
    """When it came into this state, microseconds since the epoch."""
    sources: tuple[SourceStatus, ...] = ()


class _Followed:
    """A source with its feed, which may be missing while it can not be made."""

    def __init__(self, origin: Origin) -> None:
        self.origin = origin
        self.feed: Feed | None = None
        self.status = SourceStatus(origin.kind, origin.name, origin.sensor)
        """Counters, without the condition of the feed."""
        self.problem: Problem | None = None
        self._logged: set[str] = set()

    def log(self) -> None:
        """Say once in the log what of it can not be read, and again when it has failed anew."""
        if not isinstance(self.feed, Reporting):
            return
        now = {english(each.what) for each in self.feed.condition().problems if not each.waits}
        for reason in now - self._logged:
            _log.warning("source can not be read", source=storable(self.status.name), reason=reason)
        for reason in self._logged - now:
            _log.warning("source can be read again", source=storable(self.status.name), reason=reason)
        self._logged = now

    def told(self) -> SourceStatus:
        """The status with the condition of the feed."""
        feed: object = self.feed
        condition = feed.condition() if isinstance(feed, Reporting) else Condition()
        problems = (*condition.problems, *((self.problem,) if self.problem else ()))
        return msgspec.structs.replace(self.status, lag=condition.lag, waiting=condition.waiting, problems=problems)

    def count(self, size: int, written: Written) -> None:
        status = self.status
        self.status = msgspec.structs.replace(
            status,
            received=status.received + written.stored + written.duplicate + written.quarantined + written.expired,
            stored=status.stored + written.stored,
            duplicate=status.duplicate + written.duplicate,
            expired=status.expired + written.expired,
            quarantined=status.quarantined + written.quarantined,
            bytes=status.bytes + size,
            last=_now(),
        )

    def close(self) -> None:
        if self.feed is not None:
            with suppress(OSError):
                self.feed.close()
            self.feed = None


class Follow:
    """Follows all sources until it is told to stop; one thread runs it."""

    def __init__(
        self,
        store: EventStore,
        origins: Sequence[Origin],
        setting: Setting,
        *,
        workers: Workers,
        beat: Callable[[], None] = lambda: None,
    ) -> None:
        """Follow as `setting` says, whose sensor and zone are those of no source; `beat` is called as it goes on."""
        self._store = store
        self.beat = beat
        self._sources = [_Followed(origin) for origin in origins]
        self._setting = setting
        self._workers = workers
        self._is_broken = False
        """The store failed, and was not opened again."""
        self._is_open = False
        self._careful = True
        """At the start and after a failure, little is committed at first: one that is ended again and again gets on."""
        self._refusals = 0
        """How often in a row the store has refused what has come."""
        self._change: tuple[Sequence[Origin], Setting] | None = None
        self._status = Status(since=_now(), sources=tuple(source.told() for source in self._sources))

    @property
    def status(self) -> Status:
        """How it is; may be asked from any thread."""
        return self._status

    def change(self, origins: Sequence[Origin], setting: Setting) -> None:
        """Go on with other sources, between two commits; from any thread."""
        self._change = origins, setting

    def run(self, stop: threading.Event) -> None:
        """Follow until `stop` is set; what is under way is committed then."""
        failures = 0
        while not stop.is_set():
            started = time.monotonic()
            self.beat()
            self._take_change()
            try:
                if not self._is_open:
                    self._open()
                has_more = self._commit(stop)
                failures = self._refusals = 0
                self._tell("running")
            except Exception as error:  # noqa: BLE001 - whatever it is, the positions in the store tell where to go on
                self._refusals = self._refusals + 1 if _is_refusal(error) else 0
                self._fail(error, failures)
                stop.wait(min(_LONGEST_PAUSE, 0.5 * 2**failures))
                failures = min(failures + 1, 8)
                continue
            if has_more is None:
                stop.wait(_LOOK)
            elif not has_more:
                stop.wait(max(0.0, _BETWEEN - (time.monotonic() - started)))
        self._close()
        self._tell("stopped")

    def _take_change(self) -> None:
        """Keep the feeds that stay as they are; the others go on from their positions in the store."""
        change, self._change = self._change, None
        if change is None:
            return
        origins, self._setting = change
        known = {(source.origin.kind, source.origin.name): source for source in self._sources}
        now = []
        for origin in origins:
            old = known.get((origin.kind, origin.name))
            if old is not None and old.origin.made_of == origin.made_of:
                now.append(old)
                continue
            source = _Followed(origin)
            if old is not None:
                source.status = msgspec.structs.replace(old.status, sensor=origin.sensor)
            now.append(source)
        for source in self._sources:
            if source not in now:
                source.close()
        self._sources = now
        self._next_try = 0.0

    def close_workers(self) -> None:
        """End the worker processes, when nothing is followed any more."""
        self._workers.close()

    # --- the store ---

    def _open(self) -> None:
        if self._is_broken:
            self._store.recover()
            self._is_broken = False
        positions = self._store.positions()
        for source in self._sources:
            self._make(source, positions)
        self._is_open = True

    def _make(self, source: _Followed, positions: Mapping[str, bytes]) -> None:
        self.beat()
        try:
            source.feed = source.origin.make(positions)
        except Exception as error:  # noqa: BLE001 - logged, and tried again; the others go on
            source.problem = _problem(source.origin.name, error)
            _log.exception("source not followed", source=source.origin.name)

    def _close(self) -> None:
        for source in self._sources:
            source.close()
        self._is_open = False

    def _fail(self, error: Exception, failures: int) -> None:
        """Let go of everything: what is not committed is taken again."""
        if failures == 0 or self._status.problem is None or str(error) != self._last_error:
            expected = isinstance(error, WafscopeError)
            _log.error("following is paused", reason=str(error), exc_info=None if expected else error)
        self._last_error = str(error)
        self._close()
        self._is_broken = self._careful = True
        self._tell("paused", _problem(getattr(error, "where", ""), error))

    _last_error = ""

    def _tell(self, state: str, problem: Problem | None = None) -> None:
        if state != self._status.state:
            # Whoever was told that it is paused is told that it goes on, at the level that is heard unless set.
            tell = _log.warning if (self._status.state, state) == ("paused", "running") else _log.info
            tell("following", state=state)
        for source in self._sources:
            source.log()
        since = self._status.since if state == self._status.state else _now()
        self._status = Status(state, problem, since, tuple(source.told() for source in self._sources))

    # --- a group ---

    _next_try = 0.0
    """When feeds that failed are made again."""

    def _commit(self, stop: threading.Event) -> bool | None:
        """Commit what has come; tell whether there is more at once, None when there was nothing."""
        if self._next_try <= time.monotonic() and any(source.feed is None for source in self._sources):
            self._next_try = time.monotonic() + _AGAIN
            positions = self._store.positions()
            for source in self._sources:
                if source.feed is None:
                    self._make(source, positions)
        gathering = _Gathering(self._sources, stop, careful=self._careful)
        chunks = gathering.chunks()
        first = next(chunks, None)
        if first is None:
            return None
        group = _Group(self._tasks(chain([first], chunks)), self, gathering)
        written = self._store.write_all(group) if self._refusals < _REFUSALS else self._write_apart(group)
        self._careful = False
        for (source, size), done in zip(group.parts, written, strict=True):
            source.count(size, done)
        for source, position in gathering.positions.values():
            if source.feed is not None:
                source.feed.committed(position)
        return gathering.has_more

    def _write_apart(self, group: _Group) -> list[Written]:
        """Commit part by part: a record that the store refuses goes to quarantine, and holds up nothing."""
        written: list[Written] = []
        for part in group:
            try:
                written += self._store.write_all([part])
            except Exception as error:
                if group.task is None or not _is_refusal(error):
                    raise
                _log.error("a record can not be stored", source=part[1].source, **without_values(error))
                written.append(self._write_taken(group.task, part[1].position))
        return written

    def _write_taken(self, task: Task, position: Position | None) -> Written:
        """Commit what the store takes of a task, then what it refuses as pieces in quarantine, with the position.

        Whoever is ended in between finds what is committed by then to be known.
        """
        done: list[Written] = []

        def take(encoded: Encoded) -> None:
            done.extend(self._store.write_all([(encoded.payload, encoded.tally)]))

        def is_taken(part: Task) -> bool:
            self.beat()
            try:
                take(encode(part))
            except Exception as error:
                if not _is_refusal(error):
                    raise
                self._store.recover()
                return False
            return True

        _, refused = told_apart(task, is_taken, "not_stored")
        last = Tally(task.source, task.sensor, 0, 0, 0, unreadable=tuple(refused), position=position)
        take(Encoded(task.encoder.encode([], sensor=task.sensor), last))
        return Written(*map(sum, zip(*map(msgspec.structs.astuple, done), strict=True)))

    def _tasks(self, chunks: Iterator[tuple[_Followed, Chunk]]) -> Iterator[tuple[_Followed, Task, list[Position]]]:
        """Put chunks together that belong to the same source, as long as they are small."""
        encoder = self._store.encoder()
        kept: list[Chunk] = []
        of: _Followed | None = None

        def task() -> tuple[_Followed, Task, list[Position]]:
            assert of is not None  # noqa: S101 - there are chunks
            stretches = tuple(stretch for chunk in kept for stretch in chunk.stretches)
            name = stretches[0].source if stretches else of.origin.name
            last = {chunk.position.key: chunk.position for chunk in kept}
            zones = kept[0].zone, self._setting.collector_zone
            setting = self._setting
            made = Task(name, kept[0].sensor, *zones, stretches, encoder, setting.redaction, setting.sampling)
            return of, made, list(last.values())

        size = 0
        for source, chunk in chunks:
            is_other = bool(kept) and (source is not of or (chunk.sensor, chunk.zone) != (kept[0].sensor, kept[0].zone))
            if is_other or size >= _TASK or sum(len(each.stretches) for each in kept) >= _MOST_STRETCHES:
                yield task()
                kept, size = [], 0
            of = source
            kept.append(chunk)
            size += sum(len(stretch.data) for stretch in chunk.stretches)
        if kept:
            yield task()

    def begin(self, task: Task) -> Future[Encoded] | Encoded:
        """Encode a task, here or in a worker."""
        size = sum(len(stretch.data) for stretch in task.stretches)
        if self._workers.count and size >= _FOR_WORKERS:
            return self._workers.start(task)
        return _encoded(task)

    def result(self, begun: Future[Encoded] | Encoded, task: Task) -> Encoded:
        """The result of a task; one that ends its worker twice is put aside whole."""
        if isinstance(begun, Encoded):
            return begun
        try:
            return begun.result()
        except (WafscopeError, CancelledError) as error:
            if isinstance(error, WafscopeError):
                _log.error("a worker has ended", source=task.source, reason=str(error))
                self._restart()
            try:
                return self._workers.start(task).result()
            except Exception:  # noqa: BLE001 - logged, and put aside
                self._restart()
                _log.exception("a stretch can not be read", source=task.source)
                return _put_aside(task)
        except Exception:  # noqa: BLE001 - logged, and put aside
            _log.exception("a stretch can not be read", source=task.source)
            return _put_aside(task)

    def _restart(self) -> None:
        count = self._workers.count
        self._workers.close()
        self._workers = Workers(count)

    @property
    def most_begun(self) -> int:
        """Tasks that may be under way at a time."""
        return self._workers.count + 2


class _Gathering:
    """Takes from all feeds in turn until none has more, or there is enough for a commit."""

    def __init__(self, sources: Sequence[_Followed], stop: threading.Event, *, careful: bool) -> None:
        self._sources = sources
        self._stop = stop
        self._careful = careful
        self._deadline = time.monotonic() + (0.0 if careful else _COMMIT_SECONDS)
        self.events = 0
        self.has_more = False
        self.positions: dict[tuple[int, str], tuple[_Followed, Position]] = {}

    def chunks(self) -> Iterator[tuple[_Followed, Chunk]]:
        """Give what has come, each feed one piece at a time."""
        went = True
        while went:
            went = False
            for source in self._sources:
                for chunk in self._take(source):
                    went = True
                    self.positions[id(source), chunk.position.key] = source, chunk.position
                    yield source, chunk
                if not self._careful and self._is_enough():
                    self.has_more = went
                    return
            if self._careful:
                # One piece of each, so that none waits for another for ever.
                self.has_more = went
                return

    def _is_enough(self) -> bool:
        return self._stop.is_set() or self.events >= _COMMIT_EVENTS or time.monotonic() >= self._deadline

    def _take(self, source: _Followed) -> Iterator[Chunk]:
        """One feed that fails does not hold up the others."""
        if source.feed is None:
            return
        try:
            yield from source.feed.take(_LITTLE if self._careful else PIECE)
            source.problem = None
        except Exception as error:  # noqa: BLE001 - whatever it is, the others go on
            if source.problem is None:
                expected = isinstance(error, OSError | WafscopeError)
                trace = None if expected else error
                _log.error("source can not be read", source=source.origin.name, reason=str(error), exc_info=trace)
            source.problem = _problem(source.origin.name, error)
            # Made again from the positions in the store: what it remembers may be wrong.
            source.close()


class _Group:
    """Payloads that are committed together, each with its tally, encoded while the ones before are written."""

    def __init__(
        self, tasks: Iterator[tuple[_Followed, Task, list[Position]]], follow: Follow, gathering: _Gathering
    ) -> None:
        self._tasks = tasks
        self._follow = follow
        self._gathering = gathering
        self.parts: list[tuple[_Followed, int]] = []
        """The source of each part, and its bytes."""
        self.task: Task | None = None
        """What the part that was given last is of; None where that holds a position alone."""

    def __iter__(self) -> Iterator[tuple[bytes, Tally]]:
        begun: deque[tuple[_Followed, Task, list[Position], Future[Encoded] | Encoded]] = deque()
        for source, task, positions in self._tasks:
            begun.append((source, task, positions, self._follow.begin(task)))
            if len(begun) >= self._follow.most_begun:
                yield from self._finish(*begun.popleft())
        while begun:
            yield from self._finish(*begun.popleft())

    def _finish(
        self, source: _Followed, task: Task, positions: list[Position], begun: Future[Encoded] | Encoded
    ) -> Iterator[tuple[bytes, Tally]]:
        encoded = self._follow.result(begun, task)
        self._follow.beat()
        self._gathering.events += encoded.tally.events
        empty: bytes | None = None
        for number, position in enumerate(positions):
            payload, tally = encoded.payload, msgspec.structs.replace(encoded.tally, position=position)
            if number:
                empty = empty if empty is not None else task.encoder.encode([], sensor=task.sensor)
                payload, tally = empty, Tally(tally.source, tally.sensor, 0, 0, 0, position=position)
            self.parts.append((source, tally.bytes))
            self.task = None if number else task
            yield payload, tally


def _encoded(task: Task) -> Encoded:
    """Encode a task; what no reader can stand is put aside whole."""
    try:
        return encode(task)
    except Exception:  # noqa: BLE001 - logged, and put aside
        _log.exception("a stretch can not be read", source=task.source)
        return _put_aside(task)


def _put_aside(task: Task) -> Encoded:
    pieces = tuple(Unreadable(s.data, s.offset, "damaged", s.name, length=len(s.data)) for s in task.stretches)
    size = sum(len(stretch.data) for stretch in task.stretches)
    payload = task.encoder.encode([], sensor=task.sensor)
    return Encoded(payload, Tally(task.source, task.sensor, 0, 0, size, unreadable=pieces))


def _is_refusal(error: Exception) -> bool:
    """Tell an error that what is written is to blame for from one of the store or of what it stands on."""
    return isinstance(error, StoreRefusal) or not isinstance(error, WafscopeError | OSError | MemoryError)


def _problem(where: str, error: Exception) -> Problem:
    if isinstance(error, WafscopeError):
        return Problem(where, error.what, hint=error.hint)
    return Problem(where, text("Unexpected: {reason}", reason=str(error) or type(error).__name__))


def _now() -> int:
    return time.time_ns() // 1000

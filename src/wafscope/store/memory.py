"""A store in memory: the reference that tells what the answer to a question is.

Plain Python over a list of events, for tests and for a log that is looked at once.  Every answer is
exact; nothing is ever stopped by a time limit, except that no time at all gives no answer.
"""

from __future__ import annotations

import pickle
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from secrets import token_bytes
from typing import TypeVar

import msgspec

from wafscope.event.identity import KEY_SIZE, event_id
from wafscope.event.text import storable
from wafscope.query.holds import predicate
from wafscope.query.question import (
    TIME_LIMIT,
    Answer,
    Bins,
    Count,
    Counts,
    Held,
    Histogram,
    JoinedRecord,
    Page,
    Quarantine,
    QuarantineCounts,
    QuarantinedPiece,
    RemovalReason,
    Removed,
    Rows,
    RuleInfo,
    Scope,
    SourceCounts,
    StoredEvent,
    Top,
    TopValues,
)
from wafscope.query.timespan import DAY as DAY_LENGTH
from wafscope.query.timespan import Window
from wafscope.reader.base import one_by_one
from wafscope.reader.joining import joined, takes_matches
from wafscope.store import answer
from wafscope.store.base import Closing, Records, Tally, Written
from wafscope.store.counters import counted_source, recounted, released, without
from wafscope.store.pairing import in_order, pairs
from wafscope.store.piece import chosen, counted, listed, quarantined
from wafscope.store.removal import EVERYTHING_HELD, Reach, by_day, frequent_hosts, hourly, reach, together, with_more

T = TypeVar("T")


class MemoryEncoder(msgspec.Struct, frozen=True):
    """Gives records their ids and pickles them."""

    key: bytes
    reads_again: bool = False

    def encode(self, files: Sequence[Records], *, sensor: str, zone: str = "") -> bytes:  # noqa: ARG002 - nothing is read again
        """Return a payload for `MemoryStore.write`."""
        sensor = storable(sensor)
        records = []
        for file in files:
            source = storable(file.name)
            for found in one_by_one(file.records):
                identity = found.identity or event_id(self.key, found.event.raw)
                records.append(StoredEvent(identity, found.event, sensor, source, found.offset, found.length))
        return pickle.dumps(records)


class MemoryStore(Closing):
    """Keeps events as long as the process runs."""

    def __init__(self) -> None:
        self._key = token_bytes(KEY_SIZE)
        self._by_id: dict[bytes, StoredEvent] = {}
        self._events: tuple[StoredEvent, ...] = ()
        """In the order written.  Replaced, never changed, since questions come from other threads."""
        self._sources: tuple[SourceCounts, ...] = ()
        self._own: dict[bytes, StoredEvent] = {}
        """Events of the audit log as they were before the error log told more."""
        self._errors: dict[bytes, tuple[StoredEvent, ...]] = {}
        """The records of the error log that are part of an event, by its id."""
        self._pieces: tuple[QuarantinedPiece, ...] = ()
        self._last_piece = 0
        self._generation = 0
        self._positions: dict[str, bytes] = {}
        self._reviewed: dict[bytes, int] = {}
        """When events were marked as reviewed, by their id."""
        self._removed: dict[tuple[int, RemovalReason], Removed] = {}
        self._hourly: tuple[StoredEvent, ...] = ()
        """What is known of removed events: their hour, and what hourly counts tell of them."""

    @property
    def generation(self) -> int:
        """Number of writes."""
        return self._generation

    def encoder(self) -> MemoryEncoder:
        """Return the encoder for this store's ids."""
        return MemoryEncoder(self._key)

    def write(self, payload: bytes, tally: Tally) -> Written:
        """Keep the events that are not known yet, and add to the counters of the source."""
        return self.write_all([(payload, tally)])[0]

    def write_all(self, parts: Iterable[tuple[bytes, Tally]]) -> tuple[Written, ...]:
        """Write one after the other, then join; nothing here can fail between."""
        tallies, added = [], []
        expired: set[bytes] = set()
        expired_counts: list[int] = []
        known: list[int] = []
        for payload, tally in parts:
            tallies.append(tally)
            if tally.position is not None:
                self._positions[tally.position.key] = tally.position.state
            known.append(self._put_aside(tally))
            added.append(self._add(payload, expired))
            expired_counts.append(len(expired) - sum(expired_counts))
        written = [_written(*each) for each in zip(tallies, added, expired_counts, known, strict=True)]
        places = {stored.id: number for number, new in enumerate(added) for stored in new}
        joins = pairs(self._events, frozenset(places))
        self._join(joins)
        own: Counter[int] = Counter()
        waited = []
        for audit, error in joins:
            left = 0 if takes_matches(self._own[audit.id].event.gaps) else len(error.event.matches)
            number = places.get(error.id, places.get(audit.id, 0))
            if error.id in places:
                own[number] += 1
            else:
                waited.append((error, left))
            written[number] = _with_joined(written[number], left if error.id in places else 0)
        for number, tally in enumerate(tallies):
            self._sources = counted_source(self._sources, tally, written[number], own[number])
        for error, left in waited:
            self._sources = recounted(self._sources, error, left)
        self._generation += 1
        return tuple(written)

    def positions(self) -> dict[str, bytes]:
        """Return how far each source was read."""
        return {key: state for key, state in self._positions.items() if state}

    def recover(self) -> None:
        """Nothing breaks here."""

    def _add(self, payload: bytes, expired: set[bytes]) -> list[StoredEvent]:
        new = []
        since = self._since()
        for stored in pickle.loads(payload):  # noqa: S301 - made by our own encoder
            if stored.id in self._by_id or stored.id in expired:
                continue
            if since is not None and stored.event.time < since:
                expired.add(stored.id)
            else:
                self._by_id[stored.id] = stored
                new.append(stored)
        self._events += tuple(new)
        return new

    def _join(self, joins: list[tuple[StoredEvent, StoredEvent]]) -> None:
        """Make records of the error log part of events."""
        for audit, error in joins:
            self._own.setdefault(audit.id, audit)
            self._errors[audit.id] = tuple(in_order([*self._errors.get(audit.id, ()), error]))
        told = {audit.id: _told(self._own[audit.id], self._errors[audit.id]) for audit, _ in joins}
        gone = {error.id for _, error in joins}
        self._events = tuple(told.get(each.id, each) for each in self._events if each.id not in gone)
        self._by_id |= told | {each.id: stored for stored in told.values() for each in self._errors[stored.id]}
        for audit, error in joins:
            if error.id in self._reviewed:
                self._reviewed.setdefault(audit.id, self._reviewed.pop(error.id))

    def review(self, event_id: bytes, now: int | None) -> bool:
        """Mark an event as reviewed, or take the mark off."""
        stored = self._by_id.get(event_id)
        if stored is None:
            return False
        if now is None:
            self._reviewed.pop(stored.id, None)
        else:
            self._reviewed[stored.id] = now
        self._generation += 1
        return True

    def remove(self, window: Window, reason: RemovalReason, now: int, *, reviewed: bool = False) -> tuple[Removed, ...]:
        """Remove the events of a window; hourly counts of them are kept."""
        gone = [stored for stored in self._in_scope(Scope(window)) if reviewed or stored.id not in self._reviewed]
        ids = {stored.id for stored in gone}
        removed = []
        for start, found in by_day(gone):
            matches = sum(len(stored.event.matches) for stored in found)
            joined = sum(len(self._errors.get(stored.id, ())) for stored in found)
            part = Removed(start, reason, min(window.end, start + DAY_LENGTH), len(found), matches, joined, now)
            before = self._removed.get((start, reason))
            self._removed[start, reason] = with_more(before, part) if before else part
            removed.append(part)
        hosts = frequent_hosts(gone)
        self._hourly += tuple(hourly(stored, hosts) for stored in gone)
        self._events = tuple(stored for stored in self._events if stored.id not in ids)
        self._by_id = {each: stored for each, stored in self._by_id.items() if stored.id not in ids}
        for kept in (self._own, self._errors, self._reviewed):
            for each in ids & kept.keys():
                del kept[each]
        self._generation += 1
        return tuple(removed)

    def _since(self) -> int | None:
        return max((each.until for each in self._removed.values()), default=None)

    def release(self, payload: bytes, tally: Tally, pieces: Sequence[int]) -> Written:
        """Write what was read of pieces in quarantine, and let go of them."""
        left = [piece for piece in self._pieces if piece.id in pieces]
        self._pieces = tuple(piece for piece in self._pieces if piece.id not in pieces)
        written = self.write(payload, tally)
        self._sources = released(self._sources, tally, len(left))
        return written

    def quarantine(
        self, question: Quarantine, *, time_limit: float = TIME_LIMIT
    ) -> Answer[tuple[QuarantinedPiece, ...]]:
        """Answer with what could not be read."""
        return _answer(lambda: listed(self._pieces, question), (), time_limit)

    def quarantine_counts(self, question: Quarantine, *, time_limit: float = TIME_LIMIT) -> Answer[QuarantineCounts]:
        """Answer with how many pieces there are."""
        return _answer(lambda: counted(self._pieces, question), QuarantineCounts(), time_limit)

    def discard(self, question: Quarantine) -> int:
        """Let go of pieces; their sources count them as dropped."""
        gone = chosen(self._pieces, question)
        self._pieces = tuple(piece for piece in self._pieces if piece not in gone)
        self._sources = without(self._sources, gone)
        self._generation += 1
        return len(gone)

    def _put_aside(self, tally: Tally) -> int:
        """Keep what could not be read; return how many pieces are kept already."""
        known = {msgspec.structs.replace(piece, id=0, seen=0) for piece in self._pieces}
        before = len(self._pieces)
        for unreadable in tally.unreadable:
            self._last_piece += 1
            piece = quarantined(self._last_piece, unreadable, tally, time.time_ns() // 1000)
            if msgspec.structs.replace(piece, id=0, seen=0) not in known:
                self._pieces += (piece,)
        return before + len(tally.unreadable) - len(self._pieces)

    def page(self, question: Page, *, time_limit: float = TIME_LIMIT) -> Answer[Rows]:
        """Answer with a page of events."""
        reached = reach(question.scope, self._since())
        return _answer(lambda: answer.page(self._in_scope(question.scope), question), Rows(), time_limit, reached)

    def count(self, question: Count, *, time_limit: float = TIME_LIMIT) -> Answer[Counts]:
        """Answer with the numbers of events and matches."""
        return _answer(lambda: answer.count(self._found(question)), Counts(), time_limit, self._reach(question))

    def histogram(self, question: Histogram, *, time_limit: float = TIME_LIMIT) -> Answer[Bins]:
        """Answer with events over time; raises Unsupported for a field of matches."""
        reached = self._reach(question)
        return _answer(lambda: answer.histogram(self._found(question), question), Bins(), time_limit, reached)

    def top(self, question: Top, *, time_limit: float = TIME_LIMIT) -> Answer[TopValues]:
        """Answer with the values of a field."""
        return _answer(lambda: self._top(question), TopValues(), time_limit, self._reach(question))

    def facets(self, questions: Sequence[Top], *, time_limit: float = TIME_LIMIT) -> Answer[tuple[TopValues, ...]]:
        """Answer several `Top` at once."""
        empty = tuple(TopValues() for _ in questions)
        reached = together([self._reach(question) for question in questions])
        return _answer(lambda: tuple(self._top(question) for question in questions), empty, time_limit, reached)

    def rules(self, rule_ids: Sequence[int], *, time_limit: float = TIME_LIMIT) -> Answer[tuple[RuleInfo, ...]]:
        """Answer with what the latest match of each rule tells of it."""
        return _answer(lambda: answer.rules(self._events, rule_ids), (), time_limit)

    def event(self, event_id: bytes, *, time_limit: float = TIME_LIMIT) -> Answer[StoredEvent | None]:
        """Answer with one event, or None where there is none of this id."""

        def find() -> StoredEvent | None:
            stored = self._by_id.get(event_id)
            return stored and self._with_mark(stored)

        return _answer(find, None, time_limit)

    def held(self, *, time_limit: float = TIME_LIMIT) -> Answer[Held]:
        """Answer with what there is."""
        return _answer(self._held, Held(), time_limit)

    def close(self) -> None:
        """Let go of all events."""
        self._by_id, self._events = {}, ()
        self._own, self._errors = {}, {}
        self._reviewed, self._hourly = {}, ()

    def _with_mark(self, stored: StoredEvent) -> StoredEvent:
        marked = self._reviewed.get(stored.id)
        return stored if marked is None else msgspec.structs.replace(stored, reviewed=marked)

    def _in_scope(self, scope: Scope) -> list[StoredEvent]:
        holds = predicate(scope.filter)
        window = scope.window
        found = (s for s in self._events if window.start <= s.event.time < window.end)
        return [s for s in found if holds(self._with_mark(s))]

    def _reach(self, question: Count | Histogram | Top) -> Reach:
        return reach(question.scope, self._since(), question)

    def _found(self, question: Count | Histogram | Top) -> list[StoredEvent]:
        """The events that the question is about, with what is known of those that were removed."""
        found = self._in_scope(question.scope)
        if self._reach(question).rolled is not None:
            holds, window = predicate(question.scope.filter), question.scope.window
            found += [each for each in self._hourly if window.start <= each.event.time < window.end and holds(each)]
        return found

    def _held(self) -> Held:
        joined = sum(map(len, self._errors.values()))
        return msgspec.structs.replace(
            answer.held(self._events, self._sources),
            joined=joined,
            since=self._since(),
            counted_since=min((each.event.time for each in self._hourly), default=None),
            reviewed=len(self._reviewed),
            removed=tuple(sorted(self._removed.values(), key=lambda each: (each.day, each.reason))),
        )

    def _top(self, question: Top) -> TopValues:
        start = question.scope.window.start
        earlier = (stored for stored in self._events if stored.event.time < start)
        return answer.top(self._found(question), earlier, question)


def _answer(work: Callable[[], T], empty: T, time_limit: float, reached: Reach = EVERYTHING_HELD) -> Answer[T]:
    started = time.monotonic()
    if time_limit <= 0:
        return Answer(empty, cut=True)
    found = work()
    seconds = time.monotonic() - started
    return Answer(found, exact=reached.exact, seconds=seconds, since=reached.since, rolled=reached.rolled)


def _written(tally: Tally, new: list[StoredEvent], expired: int, known: int) -> Written:
    return Written(
        stored=len(new),
        duplicate=tally.events - len(new) - expired + known,
        quarantined=len(tally.unreadable) - known,
        matches=sum(len(stored.event.matches) for stored in new),
        expired=expired,
    )


def _with_joined(written: Written, left: int) -> Written:
    return msgspec.structs.replace(written, joined=written.joined + 1, matches=written.matches - left)


def _told(own: StoredEvent, errors: tuple[StoredEvent, ...]) -> StoredEvent:
    """Return an event with what the error log says of it."""
    records = (JoinedRecord(e.event.format, e.source, e.offset, e.length, e.event.raw) for e in errors)
    event = joined(own.event, [each.event for each in errors])
    return msgspec.structs.replace(own, event=event, joined=tuple(records))

"""The embedded store: events, matches and raw records in one DuckDB file."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from operator import length_hint
from pathlib import Path
from typing import Any, TypeVar

import duckdb
import msgspec

from wafscope.errors import StoreError, StoreHeld
from wafscope.i18n.text import text
from wafscope.query.question import (
    TIME_LIMIT,
    Answer,
    Bins,
    Count,
    Counts,
    Cursor,
    Held,
    Histogram,
    Page,
    Quarantine,
    QuarantineCounts,
    QuarantinedPiece,
    RemovalReason,
    Removed,
    Row,
    Rows,
    RuleInfo,
    SourceCounts,
    StoredEvent,
    Top,
    TopValue,
    TopValues,
)
from wafscope.query.timespan import DAY, Window
from wafscope.store.base import Closing, Encoder, Tally, Written
from wafscope.store.duckdb import ask, coding, compact, quarantine, retention, reviewed, rewrite
from wafscope.store.duckdb.check import check
from wafscope.store.duckdb.coding import Coding
from wafscope.store.duckdb.compile import Sql
from wafscope.store.duckdb.connection import NAME, Connection, Cut, Shut
from wafscope.store.duckdb.encode import DuckEncoder, Tables
from wafscope.store.duckdb.remove import remove
from wafscope.store.duckdb.state import file_size, state
from wafscope.store.duckdb.stored import Ask, identity, stored
from wafscope.store.duckdb.write import MANY, Writing
from wafscope.store.lasting import BackedUp, Checked, Compacted, Keeping, Retained, StoreState
from wafscope.store.removal import EVERYTHING_HELD, Reach, reach, together

T = TypeVar("T")

_EVER = 100_000
"""Days: for what is kept without limit."""
_SOON = 10.0
"""Seconds that a person waits for something to be written."""
_OWN_LIMIT = 60.0
"""Seconds that a question of the service itself may take."""
_WORN = 300
"""Commits after which the database is opened anew: DuckDB keeps some tens of kB for each, however small, until then."""
_INTO_FILE, _INTO_LOG = "SET checkpoint_threshold = '1KB'", "RESET checkpoint_threshold"
"""What an import ends with goes into the file at once: in the log (WAL) it would be written twice."""
_SHORT = 0.5
"""Seconds that questions may take for it."""


class DuckStore(Closing):
    """A store in one DuckDB file (or in memory, with `path` None, for tests)."""

    def __init__(
        self,
        path: Path | None,
        *,
        read_only: bool = False,
        memory_limit: str = "256MB",
        threads: int | None = None,
        waits: bool = False,
    ) -> None:
        """Open or make the store; raises StoreError.

        One that `waits` begins as one that has failed, where another process has it open: until `recover`.
        """
        self._open = partial(Connection, path, read_only=read_only, memory_limit=memory_limit, threads=threads)
        self._since: int | None = None
        try:
            self._connection: Connection = self._open()
            self._note_since()
        except StoreHeld:
            if not waits or path is None:
                raise
            self._connection = Shut(path)
        self.upgraded_from = str(self._connection.backup or "")
        self._generation = 0
        self._one = threading.RLock()
        """Held while something is written: by whoever follows, and by those who ask over the socket."""
        self._coding = Coding()
        self._gate = compact.Gate()
        self._room = retention.Room(NAME)
        self._commits = 0
        """Since the database was opened."""
        self._copying = threading.Lock()
        """Held while a copy of the store is made, or all of it is checked."""

    @property
    def generation(self) -> int:
        return self._generation

    def encoder(self) -> Encoder:
        return DuckEncoder(self._connection.key)

    def write(self, payload: bytes, tally: Tally) -> Written:
        return self.write_all([(payload, tally)])[0]

    def write_all(self, parts: Iterable[tuple[bytes, Tally]]) -> tuple[Written, ...]:
        with self._one:
            with self._connection.writing() as cursor:
                writing, left = Writing(cursor, self._coding), MANY
                for payload, tally in parts:
                    left = length_hint(parts, MANY)
                    writing.add(msgspec.msgpack.decode(payload, type=Tables), tally, left=left)
                written = writing.finish()
                if not left:
                    cursor.execute(_INTO_FILE)
            if not left:
                cursor.execute(_INTO_LOG)
            self._coding.keep()
            self._commits += 1
        self._generation += 1
        return written

    def review(self, event_id: bytes, now: int | None) -> bool:
        if not self._one.acquire(timeout=_SOON):
            raise StoreError(text("The store is busy being rewritten: try again in a while."))
        try:
            with self._connection.writing() as cursor:
                is_there = reviewed.mark(cursor, event_id, now)
        finally:
            self._one.release()
        self._generation += 1
        return is_there

    def remove(self, window: Window, reason: RemovalReason, now: int, *, reviewed: bool = False) -> tuple[Removed, ...]:
        with self._one:
            with self._connection.writing() as cursor:
                removed = remove(cursor, window, reason, now, reviewed=reviewed)
            self._note_since()
        self._generation += 1
        return removed

    def _note_since(self) -> None:
        self._since = self._connection.fetch("SELECT max(until) FROM removed", (), _OWN_LIMIT)[0][0]

    def positions(self) -> dict[str, bytes]:
        with self._gate.asking():
            return dict(self._connection.fetch("SELECT key, state FROM position", (), _OWN_LIMIT))

    def recover(self) -> None:
        """Close the database and open it again.

        After a fatal error, such as a COMMIT on a full disk, every cursor of the process fails.  Until it is open
        again, questions raise StoreError.
        """
        with self._one:
            self._connection.close()
            # What was committed last is not known: an answer from before counts no longer.
            self._generation += 1
            self._coding.forget()
            # One that is gone is not made anew: what was read already would be missing in it.
            self._connection, self._commits = self._open(makes=False), 0
            self._note_since()

    def release(self, payload: bytes, tally: Tally, pieces: Sequence[int]) -> Written:
        with self._one:
            with self._connection.writing() as cursor:
                writing = Writing(cursor, self._coding)
                writing.add(msgspec.msgpack.decode(payload, type=Tables), tally)
                (written,) = writing.finish()
                quarantine.let_go(cursor, tally, pieces)
            self._coding.keep()
        self._generation += 1
        return written

    def quarantine(
        self, question: Quarantine, *, time_limit: float = TIME_LIMIT
    ) -> Answer[tuple[QuarantinedPiece, ...]]:
        sql = quarantine.pieces(question)
        return self._answer(lambda a: tuple(quarantine.piece(row) for row in a(sql)), (), time_limit)

    def quarantine_counts(self, question: Quarantine, *, time_limit: float = TIME_LIMIT) -> Answer[QuarantineCounts]:
        sql = quarantine.counts(question)
        return self._answer(lambda a: quarantine.counted(a(sql)), QuarantineCounts(), time_limit)

    def discard(self, question: Quarantine) -> int:
        with self._one, self._connection.writing() as cursor:
            gone = quarantine.discard(cursor, question)
        self._generation += 1
        return gone

    def page(self, question: Page, *, time_limit: float = TIME_LIMIT) -> Answer[Rows]:
        def work(ask_store: Ask) -> Rows:
            sql, backwards = ask.page(question)
            found = [_row(r) for r in ask_store(sql)]
            more = len(found) > question.limit
            rows = found[: question.limit]
            if backwards:
                rows.reverse()
            here = question.newer_than if backwards else question.older_than
            behind = False
            if rows:
                edge = rows[-1] if backwards else rows[0]
                behind = bool(
                    ask_store(ask.any_beyond(question, Cursor(edge.time, edge.id), "<" if backwards else ">"))
                )
            elif here is not None:
                behind = bool(ask_store(ask.any_beyond(question, here, "<" if backwards else ">")))
            return Rows(tuple(rows), has_older=behind if backwards else more, has_newer=more if backwards else behind)

        return self._answer(work, Rows(), time_limit, reach(question.scope, self._since))

    def count(self, question: Count, *, time_limit: float = TIME_LIMIT) -> Answer[Counts]:
        reached = self._reach(question)
        sql = ask.count(question, rolled=reached.rolled is not None)
        return self._answer(lambda a: Counts(*a(sql)[0]), Counts(), time_limit, reached)

    def histogram(self, question: Histogram, *, time_limit: float = TIME_LIMIT) -> Answer[Bins]:
        start, step = question.scope.window.start, question.step
        reached = self._reach(question)
        sql = ask.histogram(question, rolled=reached.rolled is not None)

        def work(ask_store: Ask) -> Bins:
            return Bins(tuple((start + number * step, value, events) for number, value, events in ask_store(sql)))

        return self._answer(work, Bins(), time_limit, reached)

    def top(self, question: Top, *, time_limit: float = TIME_LIMIT) -> Answer[TopValues]:
        reached = self._reach(question)
        return self._answer(
            lambda a: _top(a, question, rolled=reached.rolled is not None), TopValues(), time_limit, reached
        )

    def facets(self, questions: Sequence[Top], *, time_limit: float = TIME_LIMIT) -> Answer[tuple[TopValues, ...]]:
        started = time.monotonic()
        found, cut = {}, False
        at_once = ask.together([each for each in questions if self._reach(each).rolled is None])
        if at_once:
            several = self._answer(lambda a: _several(a, at_once), (TopValues(),) * len(at_once), time_limit)
            found, cut = dict(zip(at_once, several.value, strict=True)), several.cut
        for question in questions:
            if question not in found:
                answer = self.top(question, time_limit=time_limit - (time.monotonic() - started))
                found[question], cut = answer.value, cut or answer.cut
        reached = together(self._reach(question) for question in questions)
        seconds = time.monotonic() - started
        values = tuple(found[q] for q in questions)
        return Answer(values, exact=reached.exact, cut=cut, seconds=seconds, since=reached.since, rolled=reached.rolled)

    def rules(self, rule_ids: Sequence[int], *, time_limit: float = TIME_LIMIT) -> Answer[tuple[RuleInfo, ...]]:
        sql = Sql(
            "SELECT rule_id, message, file, line, severity, tags, version FROM rule"
            " WHERE rule_id IN (SELECT unnest(?::INTEGER[]))",
            (list(rule_ids),),
        )

        def work(ask_store: Ask) -> tuple[RuleInfo, ...]:
            known = {
                r[0]: RuleInfo(r[0], r[1] or "", r[2] or "", r[3], r[4], tuple(r[5] or ()), r[6] or "")
                for r in ask_store(sql)
            }
            return tuple(known[i] for i in rule_ids if i in known)

        return self._answer(work, (), time_limit)

    def event(self, event_id: bytes, *, time_limit: float = TIME_LIMIT) -> Answer[StoredEvent | None]:
        return self._answer(lambda a: stored(a, event_id), None, time_limit)

    def held(self, *, time_limit: float = TIME_LIMIT) -> Answer[Held]:
        return self._answer(_held, Held(), time_limit)

    def _reach(self, question: Count | Histogram | Top) -> Reach:
        return reach(question.scope, self._since, question)

    def _answer(
        self, work: Callable[[Ask], T], empty: T, time_limit: float, reached: Reach = EVERYTHING_HELD
    ) -> Answer[T]:
        """Run the questions of `work` under one time limit; a cut answer is empty and says so."""
        started = time.monotonic()

        def ask_store(sql: Sql) -> list[tuple[Any, ...]]:
            with self._gate.asking():
                return self._connection.fetch(sql.text, sql.values, time_limit - (time.monotonic() - started))

        try:
            found = work(ask_store)
            seconds = time.monotonic() - started
            return Answer(found, exact=reached.exact, seconds=seconds, since=reached.since, rolled=reached.rolled)
        except Cut:
            return Answer(empty, cut=True, seconds=time.monotonic() - started)

    # --- over the years ---

    def state(self) -> StoreState:
        held = self.held(time_limit=_OWN_LIMIT).value
        with self._gate.asking(), self._connection.copying() as cursor:
            return state(cursor, self.path, held)

    def retain(self, keeping: Keeping, now: int) -> Retained:
        with self._one:
            try:
                retained = self._retain(keeping, now)
            except duckdb.Error as error:
                raise StoreError(
                    text("The store could not be written: {reason}", reason=str(error)), where=str(self.path)
                ) from error
            self._note_since()
        if not retained.is_nothing:
            self._generation += 1
        return retained

    def _retain(self, keeping: Keeping, now: int) -> Retained:
        cursor, disk = self._connection.writer, rewrite.disk(self.path.parent)
        if self._copying.locked():
            return Retained(waits=True)
        waits = bool(keeping.size) and not self._room.is_there(cursor)
        if waits:
            keeping = msgspec.structs.replace(keeping, size=0)
        with self._connection.writing():
            found = retention.next_window(cursor, NAME, keeping, now, disk)
            removed = remove(cursor, *found, now, reviewed=keeping.reviewed) if found else ()
            hours = now - (keeping.rollup_days or _EVER) * DAY
            pieces = now - (keeping.quarantine_days or _EVER) * DAY
            if not removed and retention.has_old(cursor, hours, pieces):
                cleared = (
                    retention.clear_hours(cursor, hours),
                    quarantine.discard(cursor, Quarantine(seen_before=pieces)),
                )
            else:
                cleared = 0, 0
        if removed:
            self._room.expect(cursor)
        return Retained(removed, *cleared, waits=waits)

    def renew(self) -> bool:
        if self._commits < _WORN or not self._copying.acquire(blocking=False):
            return False
        try:
            with self._one, self._gate.shut(_SHORT) as is_quiet:
                if is_quiet:
                    self._connection.checkpoint()
                    self._connection.close()
                    self._connection, self._commits = self._open(makes=False), 0
            return is_quiet
        finally:
            self._copying.release()

    def compact(self) -> Compacted:
        started, before = time.monotonic(), file_size(self.path)
        with self._copying, self._one:
            with self._connection.writing() as cursor:
                coding.sweep(cursor)
            self._coding.forget()
            compact.write_anew(self._connection, self.path)
            with self._gate.shut():
                self._connection.checkpoint()
                compact.check_log(self.path)
                rewrite.take_place(rewrite.copy_name(self.path), self.path)
                self._connection.close()
                self._connection, self._commits = self._open(), 0
        self._generation += 1
        return Compacted(before, file_size(self.path), round(time.monotonic() - started, 3))

    def backup(self, path: str, *, overwrite: bool = False) -> BackedUp:
        with self._copying:
            return compact.back_up(self._connection, self.path, Path(path), overwrite=overwrite)

    def check(self) -> Checked:
        # The file does not change until it is done.
        with self._copying, self._connection.copying() as cursor:
            cursor.execute("BEGIN")
            try:
                return check(cursor)
            finally:
                cursor.execute("ROLLBACK")

    def hurry(self) -> None:
        """Interrupt what takes long, so that the store can be closed; what it wrote so far is cleared away."""
        self._connection.interrupt()

    @property
    def path(self) -> Path:
        """The file; raises StoreError for a store in memory."""
        if self._connection.path is None:
            raise StoreError(text("A store in memory is gone at the end: nothing can be done to it."))
        return self._connection.path

    def close(self) -> None:
        self._connection.close()


def _row(r: tuple[Any, ...]) -> Row:
    high, low, at, outcome, score, points, unexplained, method, host, uri, status, client, attack_class, rules, form = r
    return Row(
        id=identity(high, low),
        time=at,
        outcome=outcome,
        score=score,
        points=points,
        unexplained=unexplained,
        method=method or "",
        host=host,
        uri=uri or "",
        status=status,
        client_address=client,
        attack_class=attack_class,
        rule_ids=tuple(rules or ()),
        format=form or "",
    )


def _top(ask_store: Ask, question: Top, *, rolled: bool) -> TopValues:
    sought = ask.any_own(question)
    rows = ask_store(ask.top(question, rolled=rolled, own=sought is None or bool(ask_store(sought))))
    if question.brief:
        events = 0
    elif ask.counts_every_event_once(question):
        events = rows[0][6] if rows else 0
    else:
        events = ask_store(ask.count(Count(question.scope), rolled=rolled))[0][0]
    return TopValues(tuple(TopValue(*r[:5]) for r in rows), distinct=rows[0][5] if rows else 0, events=events)


def _several(ask_store: Ask, questions: tuple[Top, ...]) -> tuple[TopValues, ...]:
    values: list[list[TopValue]] = [[] for _ in questions]
    distinct = [0] * len(questions)
    for place, word, number, events, total in ask_store(ask.tops(questions)):
        values[place].append(TopValue(number if word is None else word, events))
        distinct[place] = total
    return tuple(TopValues(tuple(found), distinct=total) for found, total in zip(values, distinct, strict=True))


_HELD = Sql(
    "SELECT (SELECT epoch_us(min(time)) FROM event), (SELECT epoch_us(max(time)) FROM event),"
    " (SELECT count(*) FROM event),"
    " (SELECT list((source, sensor, received, stored, duplicate, quarantined, foreign_lines, bytes, matches, joined,"
    " expired) ORDER BY source, sensor) FROM tally),"
    " (SELECT list((kind, value, events) ORDER BY events DESC, value) FROM held),"
    " (SELECT epoch_us(min(time)) FROM hourly), (SELECT count(*) FROM reviewed),"
    " (SELECT list((day, reason, until, events, matches, joined, epoch_us(time)) ORDER BY day, reason) FROM removed)"
)


def _held(ask_store: Ask) -> Held:
    first, last, events, sources, counted, counted_since, reviewed_events, gone = ask_store(_HELD)[0]
    gaps, zones = (
        tuple((value, n) for kind, value, n in counted or () if kind == wanted) for wanted in ("gap", "zone_source")
    )
    removed = tuple(Removed(*each) for each in gone or ())
    return Held(
        first=first,
        last=last,
        events=events,
        sources=tuple(SourceCounts(*s) for s in sources or ()),
        gaps=gaps,
        zone_sources=zones,
        joined=next((n for kind, value, n in counted or () if (kind, value) == ("log", "joined")), 0),
        since=max((each.until for each in removed), default=None),
        counted_since=counted_since,
        reviewed=reviewed_events,
        removed=removed,
    )

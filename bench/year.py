"""A year in small: so many generated days go through a store that keeps the newest of them.

Told at the end: whether the file stayed under its limit, whether the window that the page says is the window held,
whether questions are as fast as on the day after the first removal, whether a value that was removed is in no byte
after a compaction, and whether a backup that is restored holds the same.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from bench import synthetic
from bench.panels import WHOLE, Timed, Took, ask
from bench.query import took_of
from bench.report import megabytes, table
from wafscope.panel import held as held_panel
from wafscope.panel.answers import Answers
from wafscope.panel.view import View
from wafscope.query.question import Count, Scope
from wafscope.query.timespan import DAY, Window
from wafscope.reader.base import Found
from wafscope.store.base import Records, Tally
from wafscope.store.duckdb.restore import restore
from wafscope.store.duckdb.store import DuckStore
from wafscope.store.lasting import Keeping

Say = Callable[[str], None]

MARKER = "marker-that-is-removed-5d1c"
_MARKED = 2
"""The day of the event that holds it."""
_PART = 10_000
_ROUNDS = 15
_ALLOWED = 1.5
"""Times as slow as on the first full day, and some milliseconds more: the machine has other work."""
_SLACK_MS = 15.0


class Wish(msgspec.Struct, frozen=True):
    """How much of it."""

    days: int = 400
    events: int = 20_000
    """A day."""
    keep: int = 30
    size: int = 2_000_000_000
    rounds: int = _ROUNDS


class Report(msgspec.Struct, frozen=True):
    """What was found; sizes in bytes, times in seconds unless their name says milliseconds."""

    days: int
    events: int
    held: int
    removed: int
    seconds: float
    limit: int
    largest: int
    """Of the file with its log (WAL), after any day."""
    window_true: bool
    """Whether the page said the window held after every day."""
    removing: Took
    """A day."""
    removing_slowest: float
    first: Took
    """The overview of all that is held, on the day after the first removal."""
    last: Took
    compacted: float
    before: int
    after: int
    marked_held: bool
    """Whether the marker could be seen in the file while it was held: compression may hide it."""
    marked_before: bool
    """Whether it was still in some byte before the compaction."""
    marked_after: bool
    backup: float
    backup_bytes: int
    equal: bool
    """Whether the restored backup holds the same."""
    checked: float
    faults: tuple[str, ...]

    @property
    def failed(self) -> tuple[str, ...]:
        """What did not hold."""
        found = {
            "the file is larger than its limit": self.largest > self.limit,
            "the window said is not the window held": not self.window_true,
            "questions have become slow": self.last.p50_ms > self.first.p50_ms * _ALLOWED + _SLACK_MS,
            "the marker is still there": self.marked_after,
            "the backup is another": not self.equal,
            "the check found faults": bool(self.faults),
        }
        return tuple(name for name, is_so in found.items() if is_so)


def run(wish: Wish, say: Say) -> Report:
    """Live through the days."""
    with tempfile.TemporaryDirectory(prefix="wafscope-bench-") as folder:
        path = Path(folder) / "store.duckdb"
        with DuckStore(path) as store:
            return _Year(store, path, wish, say).live()


class _Year:
    def __init__(self, store: DuckStore, path: Path, wish: Wish, say: Say) -> None:
        self._store, self._path, self._wish, self._say = store, path, wish, say
        self._keeping = Keeping(days=wish.keep, size=wish.size, rollup_days=730)
        self._largest = 0
        self._window_true = True
        self._removing: list[float] = []
        self._slowest = 0.0
        self._marked_held = False

    def live(self) -> Report:
        started, wish = time.monotonic(), self._wish
        first: Took | None = None
        for day in range(wish.days):
            self._write(day)
            if day == _MARKED:
                self._marked_held = self._has_marker()
            self._retain(day)
            self._look(day)
            if day == min(wish.keep + 1, wish.days - 2):
                first = self._ask(day)
            if day % 20 == 0:
                self._say(f"  day {day}, {megabytes(self._path.stat().st_size)}, {time.monotonic() - started:.0f} s")
        last = self._ask(wish.days - 1)
        assert first is not None
        marked = self._has_marker()
        compacted = self._store.compact()
        backup = self._store.backup(str(self._path.with_name("backup.duckdb")))
        checked = self._store.check()
        held = self._store.held().value
        return Report(
            days=wish.days,
            events=wish.days * wish.events,
            held=held.events,
            removed=sum(each.events for each in held.removed),
            seconds=round(time.monotonic() - started, 1),
            limit=wish.size,
            largest=self._largest,
            window_true=self._window_true,
            removing=took_of(self._removing or [0.0]),
            removing_slowest=round(self._slowest, 3),
            first=first,
            last=last,
            compacted=compacted.seconds,
            before=compacted.before,
            after=compacted.after,
            marked_held=self._marked_held,
            marked_before=marked,
            marked_after=self._has_marker(),
            backup=backup.seconds,
            backup_bytes=backup.bytes,
            equal=self._is_equal(Path(backup.path)),
            checked=checked.seconds,
            faults=tuple(fault.name for fault in checked.faults),
        )

    def _write(self, day: int) -> None:
        parts = []
        for start in range(0, self._wish.events, _PART):
            found = list(_events(day, start, min(_PART, self._wish.events - start), self._wish.events))
            payload = self._store.encoder().encode([Records("year.log", found)], sensor="bench", zone="UTC")
            matches = sum(len(each.event.matches) for each in found)
            parts.append((payload, Tally("year.log", "bench", len(found), matches, sum(each.length for each in found))))
        self._store.write_all(parts)

    def _retain(self, day: int) -> None:
        now, started = synthetic.START + (day + 1) * DAY - 1, time.monotonic()
        while True:
            begun = time.monotonic()
            done = self._store.retain(self._keeping, now)
            self._slowest = max(self._slowest, time.monotonic() - begun)
            if done.is_nothing and not done.waits:
                break
        if day > self._wish.keep:
            self._removing.append(time.monotonic() - started)

    def _look(self, day: int) -> None:
        """Note how large the file is, and whether the page says what is held."""
        files = [self._path, Path(f"{self._path}.wal")]
        self._largest = max(self._largest, sum(each.stat().st_size for each in files if each.exists()))
        line = held_panel.ask(Answers(self._store), "UTC")
        counts = self._store.count(Count(Scope())).value
        oldest = synthetic.START + max(0, day - self._wish.keep) * DAY
        by_age = self._wish.size > 10 * self._largest
        says = line.first is not None and counts.first is not None and line.first <= counts.first < line.first + DAY
        is_whole = not by_age or line.first is None or line.first // DAY * DAY == oldest
        self._window_true = self._window_true and says and is_whole and line.events == counts.events

    def _ask(self, day: int) -> Took:
        end = synthetic.START + (day + 1) * DAY
        view = View(Window(end - self._wish.keep * DAY, end))
        timed = Timed(self._store)
        return took_of([ask(WHOLE, timed, view)[0] for _ in range(self._wish.rounds)])

    def _has_marker(self) -> bool:
        marker = MARKER.encode()
        return any(marker in each.read_bytes() for each in self._path.parent.iterdir() if each.is_file())

    def _is_equal(self, backup: Path) -> bool:
        restored = backup.with_name("restored.duckdb")
        restore(backup, restored, force=False)
        with DuckStore(restored) as copy:
            if copy.check().faults:
                return False
            return copy.held().value == self._store.held().value and all(
                copy.count(Count(scope)).value == self._store.count(Count(scope)).value
                for scope in (Scope(), Scope(Window(synthetic.START, synthetic.START + self._wish.days * DAY)))
            )


def _events(day: int, start: int, count: int, a_day: int) -> Iterator[Found]:
    """Some events of a day, with records that can be read again; one of the third day holds the marker."""
    for number, found in enumerate(synthetic.make(day * a_day + start, count, synthetic.DAYS * a_day)):
        event = found.event
        if (day, start, number) == (_MARKED, 0, 7):
            event = msgspec.structs.replace(event, uri=f"/{MARKER}", path=f"/{MARKER}", user_agent=MARKER)
        stamp = time.strftime("%a %b %d %H:%M:%S %Y", time.gmtime(event.time // 1_000_000))
        request = {"method": event.method, "uri": event.uri, "headers": {"User-Agent": event.user_agent}}
        raw = msgspec.json.encode(
            {
                "transaction": {
                    "client_ip": event.client_address,
                    "time_stamp": stamp,
                    "unique_id": event.transaction_id,
                    "request": request,
                }
            }
        )
        yield Found(msgspec.structs.replace(event, raw=raw), found.offset, len(raw) + 1)


def _yes(value: bool) -> str:  # noqa: FBT001 - a word for it
    return "yes" if value else "no"


def render(report: Report) -> str:
    """The report for a person."""
    r = report
    rows = [
        ("events", f"{r.events:,} in {r.days} days, {r.held:,} held, {r.removed:,} removed, {r.seconds:.0f} s"),
        ("largest file", f"{megabytes(r.largest)} of {megabytes(r.limit)}"),
        ("window said is held", "after every day" if r.window_true else "NO"),
        ("removing a day", f"p50 {r.removing.p50_ms:.0f} ms, p95 {r.removing.p95_ms:.0f} ms"),
        ("slowest step", f"{r.removing_slowest * 1000:.0f} ms"),
        ("overview, first full day", f"p50 {r.first.p50_ms:.0f} ms, p95 {r.first.p95_ms:.0f} ms"),
        ("overview, last day", f"p50 {r.last.p50_ms:.0f} ms, p95 {r.last.p95_ms:.0f} ms"),
        ("compaction", f"{r.compacted:.1f} s, {megabytes(r.before)} to {megabytes(r.after)}"),
        ("marker seen in the file", f"while held {_yes(r.marked_held)}, at the end {_yes(r.marked_before)},"),
        ("", f"after the compaction {_yes(r.marked_after)}"),
        ("backup", f"{r.backup:.1f} s, {megabytes(r.backup_bytes)}, restored {'equal' if r.equal else 'DIFFERENT'}"),
        ("check", f"{r.checked:.1f} s, {', '.join(r.faults) or 'all agrees'}"),
        ("cores", f"{os.cpu_count()}, load {os.getloadavg()[0]:.1f} at the end"),
    ]
    return "\n".join([table(("a year in small", ""), rows), *(f"FAILED: {name}" for name in r.failed)])

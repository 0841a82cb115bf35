"""A count beside the count of the window before, and what is held of that window."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec

from wafscope.i18n.moment import from_microseconds, to_microseconds
from wafscope.panel.answers import Answers
from wafscope.panel.view import View
from wafscope.query.question import Answer, Bins, Histogram, Scope
from wafscope.query.timespan import DAY, HOUR, MINUTE, Window

_MOST_DAYS = 400
"""One event with a clock gone wrong must not make the page draw fifty years."""


class Change(msgspec.Struct, frozen=True):
    """A count and what it was; `before` is None when nothing of the window before is held."""

    now: int
    before: int | None = None

    @property
    def is_new(self) -> bool:
        return self.before == 0 and self.now > 0


class HeldDay(msgspec.Struct, frozen=True):
    """A day of the zone and its events."""

    day: date
    start: int
    end: int
    events: int


class Coverage(msgspec.Struct, frozen=True):
    """How much of a window is held: whole days of the zone with events, out of those it touches."""

    held: Literal["all", "part", "none"]
    days: int
    days_held: int


def held_days(answers: Answers, zone: str) -> tuple[HeldDay, ...]:
    """Every day from the first event held to the last (at most the last 400), with its events, filtered by nothing."""
    held = answers.held().value
    begins = held.begins
    if begins is None or held.last is None:
        return ()
    place = ZoneInfo(zone)
    last = from_microseconds(held.last).astimezone(place).date()
    first = max(from_microseconds(begins).astimezone(place).date(), last - timedelta(days=_MOST_DAYS))
    starts = [midnight(first + timedelta(days=n), zone) for n in range((last - first).days + 2)]
    step = _common_step(starts)
    answer: Answer[Bins] = answers.histogram(Histogram(Scope(Window(starts[0], starts[-1])), step))
    counts = [0] * (len(starts) - 1)
    at = 0
    for start, _, events in answer.value.bins:
        while start >= starts[at + 1]:
            at += 1
        counts[at] += events
    return tuple(
        HeldDay(first + timedelta(days=n), starts[n], starts[n + 1], events) for n, events in enumerate(counts)
    )


def goes_back(answers: Answers, window: Window) -> bool:
    """Whether a window begins before what is held: hourly counts are asked for only then."""
    since = answers.held().value.since
    return since is not None and window.start < since


def midnight(day: date, zone: str) -> int:
    """Start of a day in a zone, in microseconds."""
    return to_microseconds(datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)))


def _common_step(starts: list[int]) -> int:
    """Widest step that meets every midnight: a day but where the clocks change."""
    lengths = {b - a for a, b in pairwise(starts)}
    for step in (DAY, HOUR, 30 * MINUTE, 15 * MINUTE):
        if all(length % step == 0 for length in lengths):
            return step
    return MINUTE


def coverage(answers: Answers, view: View, window: Window) -> Coverage:
    """Tell how much of a window is held."""
    held = answers.held().value
    days = held_days(answers, view.zone)
    begins = held.begins
    if begins is None or held.last is None or window.end <= begins or window.start > held.last:
        return Coverage("none", 0, 0)
    touched = _days_touched(window, view.zone)
    with_events = {day.day for day in days if day.events}
    found = sum(day in with_events for day in touched)
    # A window that begins on the first day held, but before its first event, is whole for all one can tell.
    whole = found == len(touched) and window.end <= days[-1].end
    return Coverage("all" if whole else "part" if found else "none", len(touched), found)


def _days_touched(window: Window, zone: str) -> list[date]:
    place = ZoneInfo(zone)
    first = from_microseconds(window.start).astimezone(place).date()
    last = from_microseconds(window.end - 1).astimezone(place).date()
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]

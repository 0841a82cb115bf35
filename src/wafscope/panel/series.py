"""Panel 2: hits over time, stacked by class, outcome or host, with the window before as a line."""

from __future__ import annotations

import math

import msgspec

from wafscope.event.fields import ATTACK_CLASSES, OUTCOMES
from wafscope.panel.answers import Answers
from wafscope.panel.change import coverage, goes_back, held_days
from wafscope.panel.view import By, Quality, View, quality
from wafscope.query.question import OTHERS, Bins, Count, Histogram
from wafscope.query.timespan import Window

_HOSTS = 5
_ALL = 16
"""More than there are classes or outcomes."""

_CUT_FACTOR = 5
_CUT_LEAST = 20


class Bin(msgspec.Struct, frozen=True):
    """One bar: its events by stack, in the order of `Series.stacks`."""

    start: int
    counts: tuple[int, ...]

    @property
    def total(self) -> int:
        return sum(self.counts)


class Series(msgspec.Struct, frozen=True):
    """Answer of the panel: bars from the first bin of the window to the last, empty ones included."""

    window: Window
    step: int
    by: By
    stacks: tuple[str | None, ...]
    """Attack classes or outcomes in fixed order, hosts by count; None: no host."""
    bins: tuple[Bin, ...]
    before: tuple[int, ...] | None
    """Events of the window before, bin by bin; None where nothing of it is held."""
    void: tuple[tuple[int, int], ...]
    """Spans of the window of which nothing is held."""
    limit: int | None
    """Bars above are cut, and say so; None: none is."""
    highest: Bin | None
    first: int | None
    last: int | None
    """Times of the first and last event inside the highest bar, where it is cut."""
    quality: Quality


def ask(answers: Answers, view: View, *, before: bool = True, rolled: bool = True) -> Series:
    """Ask for the panel; without `before` the line of the window before is left out.

    Bars of what retention has removed are by hourly counts, where `rolled` says so.
    """
    window, step = view.window, view.window.step()
    rolled = rolled and goes_back(answers, window)
    most = _HOSTS if view.by == "host" else _ALL
    answer = answers.histogram(Histogram(view.scope, step, view.by, limit=most, rolled=rolled))
    stacks = _stacks(answer.value, view.by)
    bins = _bins(answer.value, window, step, stacks, view.by)
    line = None
    if before and coverage(answers, view, window.before()).held != "none":
        past = answers.histogram(Histogram(view.scope_before, step, rolled=rolled)).value
        line = tuple(b.total for b in _bins(past, window.before(), step, (None,), ""))
    limit = None if view.full else cut_above([b.total for b in bins])
    highest = max(bins, key=lambda b: b.total, default=None)
    cut = limit is not None and highest is not None and highest.total > limit
    inside = None
    if cut and highest is not None:
        scope = msgspec.structs.replace(view.scope, window=Window(highest.start, highest.start + step))
        inside = answers.count(Count(scope)).value
    return Series(
        window=window,
        step=step,
        by=view.by,
        stacks=stacks,
        bins=bins,
        before=line,
        void=_void(answers, view, counted=answer.rolled is not None),
        limit=limit if cut else None,
        highest=highest if highest is not None and highest.total else None,
        first=inside.first if inside else None,
        last=inside.last if inside else None,
        quality=quality(answer),
    )


def peak_bin(answers: Answers, view: View) -> tuple[int, int] | None:
    """Start and events of the bin that stands far above the others, if one does."""
    answer = answers.histogram(Histogram(view.scope, view.window.step()))
    bins = _bins(answer.value, view.window, view.window.step(), (None,), "")
    highest = max(bins, key=lambda b: b.total, default=None)
    limit = cut_above([b.total for b in bins])
    if highest is None or limit is None or highest.total <= limit:
        return None
    return highest.start, highest.total


def cut_above(totals: list[int]) -> int | None:
    """Five times the 99th percentile of the other bars; None while nothing stands out."""
    others = sorted(totals)[:-1]
    if not others:
        return None
    limit = _CUT_FACTOR * others[math.ceil(0.99 * len(others)) - 1]
    return limit if limit and max(totals) > max(limit, _CUT_LEAST) else None


def _stacks(answer: Bins, by: By) -> tuple[str | None, ...]:
    counts: dict[str | None, int] = {}
    for _, value, events in answer.bins:
        counts[value] = counts.get(value, 0) + events
    if by == "waf.attack_class":
        return ATTACK_CLASSES
    if by == "waf.outcome":
        return OUTCOMES
    ranked = sorted(counts, key=lambda host: (host == OTHERS, -counts[host], host or ""))
    named = [host for host in ranked if host != OTHERS][:_HOSTS]
    return (*named, OTHERS) if len(named) < len(counts) else tuple(named)


def _bins(answer: Bins, window: Window, step: int, stacks: tuple[str | None, ...], by: str) -> tuple[Bin, ...]:
    number = -(-window.length // step)
    place = {value: i for i, value in enumerate(stacks)}
    rest = {"waf.attack_class": "other", "waf.outcome": "unknown", "host": OTHERS}.get(by)
    counts = [[0] * len(stacks) for _ in range(number)]
    for start, value, events in answer.bins:
        at = (start - window.start) // step
        if 0 <= at < number:
            counts[at][place.get(value, place.get(rest, 0))] += events
    return tuple(Bin(window.start + i * step, tuple(row)) for i, row in enumerate(counts))


def _void(answers: Answers, view: View, *, counted: bool) -> tuple[tuple[int, int], ...]:
    """Spans before the first event held, after the day of the last, and days of which no event at all is held.

    The hours after the last event are no void: a log that is being written may just have been quiet.
    """
    window = view.window
    held = answers.held().value
    begins = held.begins_counted if counted else held.begins
    if begins is None or held.last is None:
        return ((window.start, window.end),)
    step = window.step()
    first = window.start + (begins - window.start) // step * step
    days = held_days(answers, view.zone)
    spans = [(window.start, first), (days[-1].end, window.end)]
    spans += [(day.start, day.end) for day in days if not day.events]
    clipped = sorted((max(a, window.start), min(b, window.end)) for a, b in spans)
    return tuple((a, b) for a, b in clipped if a < b)

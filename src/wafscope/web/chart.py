"""Charts as figures for SVG: percentages across, pixels down, so that a chart is as wide as its panel.

Nothing here is markup; `templates/chart.html` draws it.  The content security policy allows no inline
style, so every length is an attribute.
"""

from __future__ import annotations

from datetime import timedelta

import msgspec

from wafscope.event.fields import OUTCOMES
from wafscope.i18n.moment import Clock
from wafscope.panel.change import midnight
from wafscope.panel.series import Series
from wafscope.query.question import OTHERS
from wafscope.query.timespan import DAY, HOUR, MINUTE

AXIS = 22
_GAP = 0.14
"""Of a bin: the space between two bars."""
_LEAST = 1.2
"""Pixels: the lowest piece of a bar is still seen."""
_NICE = (1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 25, 30, 40, 50, 60, 80)
_CLOCK = (MINUTE, 5 * MINUTE, 10 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 3 * HOUR, 6 * HOUR)
_LABELS = 9
"""On an axis of less than two days."""
_HOST_FILLS = ("h5", "h4", "h3", "h2", "h1")


class Piece(msgspec.Struct, frozen=True):
    """One colour of a bar."""

    y: float
    height: float
    fill: str


class Bar(msgspec.Struct, frozen=True):
    """One bin with its bar, of a bin as wide as x0 to x1 per cent."""

    x0: float
    x1: float
    x: float
    width: float
    start: int
    total: int
    pieces: tuple[Piece, ...]
    counts: tuple[tuple[str | None, int], ...]
    """What the bar is made of, for its title."""
    cut: bool


class Tick(msgspec.Struct, frozen=True):
    """A mark on the time axis; one with a label is the start of a day or of a long step."""

    x: float
    label: str
    is_day: bool
    minor: bool
    """Left out on a phone."""


class Level(msgspec.Struct, frozen=True):
    """A grid line with its value."""

    y: float
    value: int


class Chart(msgspec.Struct, frozen=True):
    """All that is drawn."""

    plot: int
    height: int
    bars: tuple[Bar, ...]
    levels: tuple[Level, ...]
    ticks: tuple[Tick, ...]
    void: tuple[tuple[float, float], ...]
    past: str
    bins: int
    top: int
    legend: tuple[tuple[str | None, str], ...]
    """Stack and its fill, in order."""


def draw(series: Series, clock: Clock, *, plot: int = 184, lines: int = 4) -> Chart:
    """Lay a series out."""
    kept = [b.total for b in series.bins if series.limit is None or b.total <= series.limit]
    before = [n for n in series.before or () if series.limit is None or n <= series.limit]
    step = nice_step(max([*kept, *before, 1]), lines)
    top = lines * step
    fills = fills_of(series)
    bins = len(series.bins)
    return Chart(
        plot=plot,
        height=plot + AXIS,
        bars=tuple(_bar(series, i, plot, top, fills) for i, b in enumerate(series.bins) if b.total),
        levels=tuple(Level(round(plot - plot * n / lines, 1), n * step) for n in range(lines + 1)),
        ticks=_ticks(series, clock),
        void=tuple((_percent(a, series), _percent(b, series)) for a, b in series.void),
        past=_past(series, plot, top),
        bins=bins,
        top=top,
        legend=tuple((stack, fills[i]) for i, stack in enumerate(series.stacks) if _is_shown(series, i)),
    )


def nice_step(most: int, lines: int) -> int:
    """Round step of so many grid lines that they reach a number."""
    power = 1
    while True:
        for step in _NICE:
            if step * power * lines >= most:
                return step * power
        power *= 100


def fills_of(series: Series) -> tuple[str, ...]:
    """Fill of each stack: by meaning, hosts in shades of one hue."""
    if series.by == "waf.attack_class":
        return tuple(f"f-{name}" for name in series.stacks)
    if series.by == "waf.outcome":
        fills = {
            "blocked": "f-act",
            "would_block": "hatch",
            "below": "f-line-2",
            "no_match": "f-line",
            "unknown": "f-other",
        }
        return tuple(fills[name or "unknown"] for name in series.stacks)
    hosts = [stack for stack in series.stacks if stack != OTHERS]
    shades = {stack: _HOST_FILLS[min(i, len(_HOST_FILLS) - 1)] for i, stack in enumerate(hosts)}
    return tuple(shades.get(stack, "f-other") for stack in series.stacks)


def _is_shown(series: Series, index: int) -> bool:
    if series.by == "waf.outcome" and OUTCOMES[index] == "unknown":
        return any(b.counts[index] for b in series.bins)
    return True


def _percent(moment: int, series: Series) -> float:
    return round(100 * (moment - series.window.start) / series.window.length, 3)


def _bar(series: Series, index: int, plot: int, top: int, fills: tuple[str, ...]) -> Bar:
    found = series.bins[index]
    x0 = _percent(found.start, series)
    x1 = min(100.0, _percent(found.start + series.step, series))
    wide = x1 - x0
    is_cut = series.limit is not None and found.total > series.limit
    scale = plot / (found.total if is_cut else top)
    pieces: list[Piece] = []
    y = float(plot)
    for count, fill in zip(found.counts, fills, strict=True):
        if count:
            height = max(_LEAST, count * scale)
            y -= height
            # A hair of ground between two colours; never so much that a small piece is gone.
            gap = min(0.6, height / 4) if pieces else 0.0
            pieces.append(Piece(round(max(y, 0.0), 1), round(max(0.6, min(height, y + height) - gap), 1), fill))
    counts = tuple((stack, n) for stack, n in zip(series.stacks, found.counts, strict=True) if n)
    return Bar(
        x0, x1, round(x0 + wide * _GAP / 2, 3), round(wide * (1 - _GAP), 3), found.start, found.total,
        tuple(pieces), counts, is_cut,
    )  # fmt: skip


def _past(series: Series, plot: int, top: int) -> str:
    """The window before as steps, in a box as wide as there are bins."""
    if series.before is None or not any(series.before):
        return ""
    path = [f"M0 {plot}"]
    for i, events in enumerate(series.before):
        y = round(plot - min(events, top) * plot / top, 1)
        path.append(f"V{y}H{i + 1}")
    return "".join(path)


def _ticks(series: Series, clock: Clock) -> tuple[Tick, ...]:
    length = series.window.length
    if length <= 2 * DAY:
        every = next(step for step in _CLOCK if length <= step * _LABELS)
        return _clock_ticks(series, clock, every)
    return _day_ticks(series, clock)


_EDGE, _EDGE_ON_A_PHONE = 97.5, 93.0
"""Per cent of the width."""


def _clock_ticks(series: Series, clock: Clock, every: int) -> tuple[Tick, ...]:
    """A label at each round time of day; midnight has the day."""
    ticks: list[Tick] = []
    for start in _midnights(series, clock):
        following = midnight((clock.local(start) + timedelta(hours=36)).date(), clock.zone)
        for moment in range(start, following, every):
            if series.window.start <= moment < series.window.end:
                is_day = moment == start
                label = clock.weekday(moment) if is_day else clock.hour(moment)
                ticks.append(_tick(_percent(moment, series), label, is_day=is_day, minor=len(ticks) % 2 == 1))
    return tuple(ticks)


def _tick(x: float, label: str, *, is_day: bool, minor: bool) -> Tick:
    """A tick too near to the right edge has no label: it would stand outside of the panel, on a phone sooner."""
    return Tick(x, label if x < _EDGE else "", is_day, minor or x >= _EDGE_ON_A_PHONE)


def _day_ticks(series: Series, clock: Clock) -> tuple[Tick, ...]:
    """A line at each midnight, a label at each or at every n-th, small ticks each six hours."""
    days = _midnights(series, clock)
    every = max(1, -(-len(days) // 15))
    ticks = []
    for i, start in enumerate(days):
        if series.window.start <= start < series.window.end:
            label = "" if i % every else (clock.weekday(start) if every == 1 else clock.day(start))
            ticks.append(_tick(_percent(start, series), label, is_day=True, minor=i // every % 2 == 1))
        if len(days) <= 16:
            for hour in (6, 12, 18):
                moment = start + hour * HOUR
                if series.window.start < moment < series.window.end:
                    ticks.append(Tick(_percent(moment, series), "", is_day=False, minor=False))
    return tuple(ticks)


def _midnights(series: Series, clock: Clock) -> list[int]:
    first = clock.local(series.window.start).date()
    last = clock.local(series.window.end - 1).date()
    number = (last - first).days + 1
    every = max(1, -(-number // 400))
    return [midnight(first + timedelta(days=n), clock.zone) for n in range(0, number, every)]

"""Which window a page shows, and how to get to the one beside it."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec

from wafscope.i18n.moment import from_microseconds, to_microseconds
from wafscope.panel.change import midnight
from wafscope.query.question import Held
from wafscope.query.timespan import DAY, HOUR, Window
from wafscope.web.state import Preset, State

LENGTHS: dict[Preset, int] = {"1h": HOUR, "24h": DAY, "7d": 7 * DAY, "14d": 14 * DAY, "30d": 30 * DAY}


class Span(msgspec.Struct, frozen=True):
    """The window of a page and its neighbours; None where there is nothing to see."""

    window: Window
    preset: Preset | None
    earlier: Window | None
    later: Window | None
    wider: Preset | Window | None


def choose(state: State, held: Held, zone: str, now: int) -> Span:
    """Choose the window of a page.

    Relative windows end now, or with the newest event held if that is older than a day: a log that was
    read once is looked at as it was.  Without any choice such a log is shown whole.
    """
    last = held.last if held.last is not None else now
    is_old = now - last > DAY
    newest = last if is_old else now
    if state.start is not None and state.end is not None:
        return _around(Window(state.start, state.end), None, held, newest)
    preset: Preset = state.preset or ("all" if is_old and held.first is not None else "24h")
    if preset == "all":
        first = held.begins_counted
        window = _aligned(first if first is not None else now - DAY, max(last, first or 0), zone)
    else:
        window = _ending(newest, LENGTHS[preset], zone)
    return _around(window, preset, held, newest)


def _ending(newest: int, length: int, zone: str) -> Window:
    """A window of a length that ends with the first full step after the newest event."""
    step = Window(0, length).step()
    end = _next_step(newest, step, zone)
    return Window(end - length, end)


def _aligned(first: int, last: int, zone: str) -> Window:
    """The shortest window of full steps that holds both times."""
    start, end = first, last + 1
    for _ in range(3):  # wider steps may make the window longer, and that the steps wider
        step = Window(start, end).step()
        start, end = _next_step(first + 1, step, zone) - step, _next_step(last, step, zone)
        if Window(start, end).step() == step:
            break
    return Window(start, end)


def _next_step(moment: int, step: int, zone: str) -> int:
    """The first full step after a moment, counted from midnight in the zone."""
    local = from_microseconds(moment).astimezone(ZoneInfo(zone))
    start = midnight(local.date(), zone)
    if step >= DAY:
        return midnight(local.date() + timedelta(days=1), zone)
    return start + ((moment - start) // step + 1) * step


def _around(window: Window, preset: Preset | None, held: Held, newest: int) -> Span:
    length = window.length
    known = held.begins_counted
    first = known if known is not None else newest
    last = held.last if held.last is not None else newest
    earlier = Window(window.start - length, window.start)
    later = Window(window.end, window.end + length)
    wider: Preset | Window | None = None
    if preset != "all" and (window.start > first or window.end <= last):
        start, end = window.start - length // 2, window.end + length // 2
        wider = "all" if start <= first and end > last else Window(start, end)
    return Span(
        window=window,
        preset=preset,
        earlier=earlier if earlier.end > first and earlier.start >= 0 else None,
        later=later if later.start <= max(last, newest) else None,
        wider=wider,
    )


def now() -> int:
    """The current time in microseconds."""
    return to_microseconds(datetime.now().astimezone())

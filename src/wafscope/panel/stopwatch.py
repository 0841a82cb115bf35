"""Where the engine spent its time, as its stopwatch says."""

from __future__ import annotations

import msgspec

from wafscope.event.model import Event

_TOTAL = "combined"
_PHASES = frozenset({"p1", "p2", "p3", "p4", "p5"})


class Lap(msgspec.Struct, frozen=True):
    """One part of the work; `share` is that of the longest, the length of the bar."""

    name: str
    microseconds: int
    share: float


class Stopwatch(msgspec.Struct, frozen=True):
    """Answer of the panel: the phases, and what else took any time."""

    laps: tuple[Lap, ...]
    total: int | None
    """All phases together, as logged."""


def read(event: Event) -> Stopwatch | None:
    """Make the stopwatch ready; None where the log has none, or only zeros."""
    times = dict(event.phases)
    total = times.pop(_TOTAL, None)
    longest = max(times.values(), default=0)
    if longest <= 0:
        return None
    laps = [Lap(name, time, time / longest) for name, time in times.items() if time > 0 or name in _PHASES]
    return Stopwatch(tuple(laps), total)

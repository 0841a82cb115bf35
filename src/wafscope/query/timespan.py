"""Windows of time: half-open, in microseconds since the epoch, UTC."""

from __future__ import annotations

import msgspec

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

STEPS = (MINUTE, 5 * MINUTE, 15 * MINUTE, HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY)
"""Widths of histogram bins."""

MOST_BINS = 180


class Window(msgspec.Struct, frozen=True):
    """From `start` (included) to `end` (excluded)."""

    start: int
    end: int

    @property
    def length(self) -> int:
        return self.end - self.start

    def before(self) -> Window:
        """The window of the same length that ends where this one starts."""
        return Window(self.start - self.length, self.start)

    def step(self) -> int:
        """Width of histogram bins: the narrowest step that gives at most 180 bins."""
        for step in STEPS:
            if self.length <= step * MOST_BINS:
                return step
        return -(-self.length // (MOST_BINS * DAY)) * DAY


ALL_TIME = Window(-(1 << 60), 1 << 60)

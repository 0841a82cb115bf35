"""Numbers that look random and are the same on every run."""

from __future__ import annotations

from itertools import accumulate
from random import Random


def dice(*seed: object) -> Random:
    """A generator that is bound to its seed."""
    return Random(repr(seed))  # noqa: S311 - nothing here is secret; the same seed must give the same log


def zipf(count: int, exponent: float) -> list[float]:
    """Cumulative weights of `count` things of which a few are frequent and most are rare."""
    return list(accumulate(1 / rank**exponent for rank in range(1, count + 1)))

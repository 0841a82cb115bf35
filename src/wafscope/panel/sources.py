"""How much each source has brought lately: its newest event, and its events of the last 24 hours."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from wafscope.panel.view import one_of
from wafscope.query.filter import All, Term
from wafscope.query.question import Answer, Count, Counts, Scope, SourceCounts
from wafscope.query.timespan import DAY, Window

MOST = 50
"""Sources that are asked about; each is a question or two."""

Ask = Callable[[Count], Answer[Counts]]


class Lately(msgspec.Struct, frozen=True):
    """What a source has brought; None for what could not be found out in time."""

    last: int | None = None
    """Time of its newest event, microseconds since the epoch."""
    day: int | None = None
    """Events of the last 24 hours."""

    @property
    def per_hour(self) -> float | None:
        return None if self.day is None else self.day / 24


def lately(ask: Ask, counts: SourceCounts, now: int) -> Lately:
    """Ask about one source: a file, or all that is in a directory or an archive."""
    own = Term("source", "like", (counts.source, f"{counts.source}/*"))
    of = All((own, one_of("sensor", (counts.sensor or None,))))
    day = ask(Count(Scope(Window(now - DAY, now), of)))
    if day.cut:
        return Lately()
    if day.value.last is not None:
        return Lately(day.value.last, day.value.events)
    ever = ask(Count(Scope(filter=of)))
    return Lately(None if ever.cut else ever.value.last, 0)

"""The sources: what became of what they wrote, and how they are doing."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import Request, Response
from litestar.handlers import HTTPRouteHandler
from litestar.response import Redirect

from wafscope.doctor.diagnosis import Diagnosis
from wafscope.doctor.examine import Checkup, Examined, key
from wafscope.panel.answers import Answers
from wafscope.panel.sources import MOST, Lately, lately
from wafscope.query.question import Count, Held, Scope
from wafscope.query.timespan import DAY, MINUTE, Window
from wafscope.web.console import Console
from wafscope.web.link import SOURCES
from wafscope.web.page import Frame
from wafscope.web.pages.address import deed, page
from wafscope.web.pages.redirect import canonical
from wafscope.web.slot import Failed, Late
from wafscope.web.status import SourceRow, rows


class Shown(msgspec.Struct, frozen=True):
    """A source, with what it has brought lately."""

    row: SourceRow
    lately: Lately


class Sources(msgspec.Struct, frozen=True):
    """What the page shows; None for what is not known."""

    rows: tuple[Shown, ...]
    held: Held
    followed: int
    lag: int | None
    """Bytes that are there and not stored, of all sources."""
    read: int | None
    """When something was last committed."""
    day: int | None
    """Events of the last 24 hours."""
    checkup: Checkup | None = None
    """What the doctor found; None where nothing is followed, or where it is still looking."""
    is_looking: bool = False

    def examined(self, row: SourceRow) -> Examined | None:
        """What the doctor found of one source; None for one that is not followed."""
        if self.checkup is None or row.status is None:
            return None
        own = (each for each in self.checkup.examined if key(each.source) == row.counts.source)
        return next(own, None)

    def diagnoses(self, row: SourceRow) -> tuple[Diagnosis, ...]:
        """What is wrong with it."""
        found = self.examined(row)
        return found.diagnoses if found else ()


def route(console: Console) -> list[HTTPRouteHandler]:
    """Make the handler."""

    @page(SOURCES)
    def listing(request: Request[Any, Any, Any]) -> Response[Any]:
        frame = console.frame(request, SOURCES, "sources", watch="sources")
        return canonical(frame) or _listing(console, frame)

    @deed(f"{SOURCES}/doctor")
    def examine() -> Response[Any]:
        console.settings.checkup(0)
        return Redirect(f"{SOURCES}#doctor", status_code=303)

    return [listing, examine]


def _listing(console: Console, frame: Frame) -> Response[str]:
    now = console.now()
    held = console.answers.held().value
    found = rows(held.sources, console.pulse.statuses())
    asked = console.gather(
        {
            "lately": lambda: [_lately(console.answers, row, now) for row in found[:MOST]],
            "checkup": lambda: console.settings.checkup(_TRUE),
            "day": lambda: console.answers.count(Count(Scope(Window(now - DAY, now)))).value.events,
        },
        patience=console.patience(frame),
    )
    known = {name: None if isinstance(answer, Late | Failed) else answer for name, answer in asked.items()}
    brought = known["lately"] or []
    shown = [Shown(row, brought[n] if n < len(brought) else Lately()) for n, row in enumerate(found)]
    made = msgspec.structs.replace(
        _sources(held, shown, known["day"]),
        checkup=known["checkup"],
        is_looking=isinstance(asked["checkup"], Late),
    )
    return console.html("sources.html", frame, found=made, now=now)


def _lately(answers: Answers, row: SourceRow, now: int) -> Lately:
    """Ask about each file of a source that reads several, the newest of them at least."""
    brought = [lately(answers.count, counts, now) for counts in row.files[-_FILES:]]
    days = [each.day for each in brought if each.day is not None]
    return Lately(
        max((each.last for each in brought if each.last is not None), default=None), sum(days) if days else None
    )


def _sources(held: Held, shown: list[Shown], day: int | None) -> Sources:
    statuses = [each.row.status for each in shown if each.row.status is not None]
    lags = [status.lag_bytes for status in statuses if status.lag_bytes is not None]
    reads = [status.last_read for status in statuses if status.last_read is not None]
    return Sources(
        rows=tuple(shown),
        held=held,
        followed=len(statuses),
        lag=sum(lags) if lags else None,
        read=max(reads, default=None),
        day=day,
    )


_TRUE = 5 * MINUTE
"""For so long holds what the doctor found: a configuration seldom changes."""
_FILES = 20
"""Files of one source that are asked about."""

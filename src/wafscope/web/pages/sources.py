"""The sources: what became of what they wrote, and how they are doing."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import Request, Response
from litestar.handlers import HTTPRouteHandler

from wafscope.panel.answers import Answers
from wafscope.panel.view import one_of
from wafscope.query.question import Count, Held, Scope, Top
from wafscope.query.timespan import DAY, Window
from wafscope.web.console import Console
from wafscope.web.link import SOURCES
from wafscope.web.page import Frame
from wafscope.web.pages.address import page
from wafscope.web.pages.redirect import canonical
from wafscope.web.slot import Failed, Late
from wafscope.web.status import Last, SourceRow, SourceStatus, rows

_MOST = 1_000
_SENSORS = 20
"""Files of a sensor, and sensors, whose newest event is asked for."""


class Sources(msgspec.Struct, frozen=True):
    """What the page shows; None for what is not known."""

    rows: tuple[SourceRow, ...]
    held: Held
    followed: int
    lag: int | None
    """Bytes that are there and not stored, of all sources."""
    read: int | None
    """When something was last committed."""
    day: int | None
    """Events of the last 24 hours."""


def route(console: Console) -> list[HTTPRouteHandler]:
    """Make the handler."""

    @page(SOURCES)
    def listing(request: Request[Any, Any, Any]) -> Response[Any]:
        frame = console.frame(request, SOURCES, "sources", watch="sources")
        return canonical(frame) or _listing(console, frame)

    return [listing]


def _listing(console: Console, frame: Frame) -> Response[str]:
    now = console.now()
    held = console.answers.held().value
    asked = console.gather(
        {
            "last": lambda: _last(console.answers, held),
            "day": lambda: console.answers.count(Count(Scope(Window(now - DAY, now)))).value.events,
        },
        patience=console.patience(frame),
    )
    known = {name: None if isinstance(answer, Late | Failed) else answer for name, answer in asked.items()}
    found = _sources(held, console.pulse.statuses(), known["last"] or {}, known["day"])
    return console.html("sources.html", frame, found=found, now=now)


def _last(answers: Answers, held: Held) -> Last:
    """The time of the newest event by file and sensor."""
    found = {}
    for sensor in sorted({counts.sensor for counts in held.sources})[:_SENSORS]:
        scope = Scope(filter=one_of("sensor", (sensor or None,)))
        for value in answers.top(Top("source", scope, limit=_MOST)).value.values:
            found[str(value.value or ""), sensor] = value.last
    return found


def _sources(held: Held, statuses: tuple[SourceStatus, ...], last: Last, day: int | None) -> Sources:
    lags = [status.lag_bytes for status in statuses if status.lag_bytes is not None]
    reads = [status.last_read for status in statuses if status.last_read is not None]
    return Sources(
        rows=rows(held.sources, statuses, last),
        held=held,
        followed=len(statuses),
        lag=sum(lags) if lags else None,
        read=max(reads, default=None),
        day=day,
    )

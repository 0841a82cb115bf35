"""The list of events with facets, chart and a place for the preview."""

from __future__ import annotations

from functools import partial
from typing import Any

from litestar import Request, Response
from litestar.handlers import HTTPRouteHandler

from wafscope.panel import event, events, nothing
from wafscope.query.question import Count, Cursor, Scope
from wafscope.query.timespan import Window
from wafscope.web.console import Console, Job
from wafscope.web.link import EVENTS
from wafscope.web.page import Frame
from wafscope.web.pages.address import page
from wafscope.web.pages.overview import job
from wafscope.web.pages.redirect import canonical
from wafscope.web.slot import Failed, Late


def route(console: Console) -> list[HTTPRouteHandler]:
    """Make the handler."""

    @page(EVENTS)
    def listing(request: Request[Any, Any, Any]) -> Response[Any]:
        frame = console.frame(request, EVENTS, "events", watch="page")
        return canonical(frame) or _listing(console, frame)

    return [listing]


def _listing(console: Console, frame: Frame) -> Response[str]:
    if frame.is_empty or frame.asked.error:
        status = 400 if frame.asked.error else 200
        return console.html("events.html", frame, status, answers={}, nothing=None, listed=None, page=None, arrived=0)
    state, view = frame.asked.state, frame.view
    # The rows are the page: they are waited for as long as a question may take, the rest is not.
    listed = partial(events.ask, console.answers, view, before=state.before, after=state.after)
    jobs: dict[str, Job] = {
        "presets": job(console, "presets", view),
        "facets": job(console, "facets", view),
        "timeline": job(console, "timeline", view),
        "count": partial(console.answers.count, Count(view.scope)),
    }
    page = console.gather({"page": listed}, patience=2 * console.settings.time_limit)["page"]
    answers = console.gather(jobs, patience=console.patience(frame))
    empty = None
    if isinstance(page, events.Events) and not page.rows and not page.quality.cut and not (state.before or state.after):
        empty = nothing.ask(console.answers, view, state.text)
    if isinstance(page, Failed) and page.error:
        raise page.error
    first = newest = oldest = None
    if not isinstance(page, Late | Failed) and page.rows:
        first = event.find(console.answers, page.rows[0].row.id)
        newest, oldest = _edge(page, 0), _edge(page, -1)
    return console.html(
        "events.html",
        frame,
        answers=answers,
        nothing=empty,
        listed=page,
        page=first,
        newest=newest,
        oldest=oldest,
        arrived=_arrived(console, frame),
    )


def _arrived(console: Console, frame: Frame) -> int:
    """How many events have come since the list was made that the reader still looks at."""
    known = frame.refresh
    if known is None or known.start is None:
        return 0
    scope = Scope(Window(known.start, max(frame.view.window.end, known.start)), frame.view.filter)
    return max(0, console.answers.count(Count(scope)).value.events - known.events)


def _edge(page: events.Events, index: int) -> Cursor:
    return Cursor(page.rows[index].row.time, page.rows[index].row.id)

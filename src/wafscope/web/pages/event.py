"""One event: its page, its preview beside the list, and its raw record to take away."""

from __future__ import annotations

import re
import time
from functools import partial
from typing import Any

from litestar import Request, Response
from litestar.handlers import HTTPRouteHandler
from litestar.response import Redirect

from wafscope.errors import StoreError
from wafscope.panel import event
from wafscope.panel import raw as raw_record
from wafscope.panel.event import EventPage
from wafscope.web.console import Console, Job
from wafscope.web.pages.address import deed, page
from wafscope.web.pages.problem import record_not_kept, unknown_event

_ID = re.compile(r"[0-9a-f]{32}", re.ASCII)


def route(console: Console) -> list[HTTPRouteHandler]:
    """Make the handlers."""

    @page("/events/{event_id:str}")
    def whole(request: Request[Any, Any, Any]) -> Response[Any]:
        found = _find(console, request)
        if found is None:
            return unknown_event(console, request)
        frame = console.frame(request, f"/events/{found.stored.id.hex()}", "events")
        asks: dict[str, Job] = {"neighbours": partial(event.neighbours, console.answers, found.stored)}
        if frame.asked.error is None:
            asks["beside"] = partial(event.beside, console.answers, found.stored, frame.view)
        answers = console.gather(asks, patience=2 * console.settings.time_limit)
        record = raw_record.show(found.stored.event.raw, _form(request))
        return console.html("event.html", frame, page=found, answers=answers, raw=record)

    @page("/events/{event_id:str}/preview")
    def preview(request: Request[Any, Any, Any]) -> Response[Any]:
        found = _find(console, request)
        if found is None:
            return unknown_event(console, request)
        return console.html("preview.html", console.frame(request, "/events"), page=found)

    @page("/events/{event_id:str}/raw")
    def raw(request: Request[Any, Any, Any]) -> Response[Any]:
        found = _find(console, request)
        if found is None:
            return unknown_event(console, request)
        if not found.stored.event.raw:
            return record_not_kept(console, request)
        # An attachment of plain bytes: no browser takes it for a page, whatever stands in it.
        headers = {"Content-Disposition": f'attachment; filename="event-{found.stored.id.hex()}.log"'}
        return Response(found.stored.event.raw, media_type="application/octet-stream", headers=headers)

    @deed("/events/{event_id:str}/review")
    def review(request: Request[Any, Any, Any]) -> Response[Any]:
        return _mark(console, request, time.time_ns() // 1000)

    @deed("/events/{event_id:str}/unreview")
    def unreview(request: Request[Any, Any, Any]) -> Response[Any]:
        return _mark(console, request, None)

    return [whole, preview, raw, review, unreview]


def _mark(console: Console, request: Request[Any, Any, Any], now: int | None) -> Response[Any]:
    """Mark an event as reviewed or take the mark off, and lead back to its page."""
    written = request.path_params["event_id"]
    try:
        known = _ID.fullmatch(written) is not None and console.store.review(bytes.fromhex(written), now)
    except StoreError:
        # After a commit that failed nothing goes until the file is opened again.
        console.store.recover()
        raise
    if not known:
        return unknown_event(console, request)
    query = request.url.query
    return Redirect(f"/events/{written}" + (f"?{query}" if query else ""), status_code=303)


def _form(request: Request[Any, Any, Any]) -> raw_record.Form:
    return "indented" if request.query_params.get("raw") == "indented" else "logged"


def _find(console: Console, request: Request[Any, Any, Any]) -> EventPage | None:
    written = request.path_params["event_id"]
    return event.find(console.answers, bytes.fromhex(written)) if _ID.fullmatch(written) else None

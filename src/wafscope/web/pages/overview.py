"""The overview, and its panels one by one for those that were not ready with the page."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from litestar import Request, Response
from litestar.handlers import HTTPRouteHandler

from wafscope.panel import classes, clients, events, facets, first, hits, hosts, nothing, rules, series
from wafscope.panel.answers import Answers
from wafscope.panel.view import View
from wafscope.web.console import Console, Job
from wafscope.web.link import EVENTS, OVERVIEW
from wafscope.web.page import Frame
from wafscope.web.pages.address import page
from wafscope.web.pages.problem import unknown_address
from wafscope.web.pages.redirect import canonical

_PANELS: dict[str, Callable[[Answers, View], object]] = {
    "hits": hits.ask,
    "series": series.ask,
    "first": first.ask,
    "hosts": hosts.ask,
    "classes": classes.ask,
    "rules": rules.ask,
    "clients": clients.ask,
    "presets": first.presets,
    "facets": facets.ask,
    "timeline": events.timeline,
}
OVERVIEW_PANELS = ("presets", "hits", "series", "first", "hosts", "classes", "rules", "clients")

_PAGES = (OVERVIEW, EVENTS)


def job(console: Console, name: str, view: View) -> Job:
    """What must be asked for a panel."""
    return partial(_PANELS[name], console.answers, view)


def route(console: Console) -> list[HTTPRouteHandler]:
    """Make the handlers."""

    @page(OVERVIEW)
    def overview(request: Request[Any, Any, Any]) -> Response[Any]:
        frame = console.frame(request, OVERVIEW, "overview", watch="page")
        return canonical(frame) or _overview(console, frame)

    @page("/panel/{name:str}")
    def panel(request: Request[Any, Any, Any]) -> Response[Any]:
        name = request.path_params["name"]
        page = request.query_params.get("on", OVERVIEW)
        frame = console.frame(request, page if page in _PAGES else OVERVIEW)
        if name not in _PANELS or frame.asked.error:
            return unknown_address(console, request)
        answer = console.gather({name: job(console, name, frame.view)}, patience=2 * console.settings.time_limit)[name]
        return console.html("slot.html", frame, name=name, answer=answer)

    return [overview, panel]


def _overview(console: Console, frame: Frame) -> Response[str]:
    if frame.is_empty or frame.asked.error:
        status = 400 if frame.asked.error else 200
        return console.html("overview.html", frame, status, answers={}, nothing=None)
    jobs = {name: job(console, name, frame.view) for name in OVERVIEW_PANELS}
    jobs["nothing"] = partial(nothing.ask, console.answers, frame.view, frame.asked.state.text)
    answers = console.gather(jobs, patience=console.patience(frame))
    empty = answers.pop("nothing")
    return console.html(
        "overview.html", frame, answers=answers, nothing=empty if isinstance(empty, nothing.Nothing) else None
    )

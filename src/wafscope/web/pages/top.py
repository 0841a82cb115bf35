"""All values of a field, and the figures of the chart as a table."""

from __future__ import annotations

from functools import partial
from typing import Any

from litestar import Request, Response
from litestar.handlers import HTTPRouteHandler

from wafscope.errors import FilterError
from wafscope.event.fields import find
from wafscope.panel import series, top
from wafscope.web.console import Console, Job
from wafscope.web.page import Frame
from wafscope.web.pages.address import page
from wafscope.web.pages.overview import job
from wafscope.web.pages.problem import unknown_address
from wafscope.web.pages.redirect import canonical


def route(console: Console) -> list[HTTPRouteHandler]:
    """Make the handlers."""

    @page("/top/{field:str}")
    def values(request: Request[Any, Any, Any]) -> Response[Any]:
        name = request.path_params["field"]
        try:
            field = find(name)
        except FilterError:
            return unknown_address(console, request)
        frame = console.frame(request, f"/top/{field.name}", watch="page")
        state = frame.asked.state
        ask = partial(top.ask, console.answers, frame.view, field, page=state.page, new=state.new)
        return canonical(frame) or _figures(console, "top.html", frame, ask)

    @page("/series")
    def figures(request: Request[Any, Any, Any]) -> Response[Any]:
        frame = console.frame(request, "/series", watch="page")
        return canonical(frame) or _figures(
            console, "series.html", frame, partial(series.ask, console.answers, frame.view)
        )

    return [values, figures]


def _figures(console: Console, template: str, frame: Frame, ask: Job) -> Response[str]:
    if frame.is_empty or frame.asked.error:
        return console.html(template, frame, 400 if frame.asked.error else 200, answers={}, nothing=None, page=None)
    patience = 2 * console.settings.time_limit
    jobs = {"page": ask, "presets": job(console, "presets", frame.view)}
    answers = console.gather(jobs, patience=patience)
    return console.html(template, frame, answers=answers, nothing=None, page=answers["page"])

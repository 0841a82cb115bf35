"""The application: handlers, headers, errors."""

from __future__ import annotations

from typing import Any

from litestar import Litestar, Request, Response
from litestar.handlers import HTTPRouteHandler

from wafscope.store.base import EventStore
from wafscope.web import compression
from wafscope.web.console import Console
from wafscope.web.pages import complete, event, events, overview, problem, quarantine, service, sources, top
from wafscope.web.pages.address import page
from wafscope.web.pages.health import Reports
from wafscope.web.security import HostCheck, add_headers
from wafscope.web.settings import WebSettings


def create_app(store: EventStore, settings: WebSettings) -> Litestar:
    """Build the console over a store.  The store stays its owner's: it is not closed here."""
    console = Console(store, settings)
    reports = Reports()

    @page("/{path:path}", quick=True)
    def anything(request: Request[Any, Any, Any]) -> Response[str]:
        return problem.unknown_address(console, request)

    handlers: list[HTTPRouteHandler] = [
        *overview.route(console),
        *events.route(console),
        *event.route(console),
        *top.route(console),
        *complete.route(console),
        *sources.route(console),
        *quarantine.route(console),
        *service.route(console, reports),
        anything,
    ]
    return Litestar(
        route_handlers=handlers,
        middleware=[HostCheck(settings.names)],
        before_send=[add_headers],
        exception_handlers=problem.handlers(console),
        compression_config=compression.settings(),
        on_startup=[console.prepare],
        on_shutdown=[console.close],
        openapi_config=None,
        request_max_body_size=1 << 16,
        logging_config=None,
    )

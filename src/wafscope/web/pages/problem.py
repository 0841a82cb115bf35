"""Pages that say what went wrong: what, where, and what to do next."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from litestar import Request, Response
from litestar.exceptions import HTTPException

from wafscope.errors import StoreError, Unsupported, WafscopeError
from wafscope.i18n.text import Text, text
from wafscope.web import gaps
from wafscope.web.console import Console

_log = logging.getLogger(__name__)

Answerer = Callable[[Request[Any, Any, Any], Any], Response[Any]]


def unknown_address(console: Console, request: Request[Any, Any, Any]) -> Response[str]:
    """There is no such page."""
    return _page(console, request, 404, text("There is no such page"), hint=text("The overview leads to all there is."))


def unknown_event(console: Console, request: Request[Any, Any, Any]) -> Response[str]:
    """There is no such event, or what stands in the address is no id."""
    return _page(
        console,
        request,
        404,
        text("There is no such event"),
        hint=text("Its id may be of another store, or the event is older than what is held."),
    )


def unknown_piece(console: Console, request: Request[Any, Any, Any]) -> Response[str]:
    """There is no such piece in quarantine, or what stands in the address is no id."""
    return _page(
        console,
        request,
        404,
        text("This piece is not in quarantine"),
        hint=text("It has been read since, or discarded, or has expired."),
    )


def record_not_kept(console: Console, request: Request[Any, Any, Any]) -> Response[str]:
    """The event is there, its record is not."""
    return _page(console, request, 404, gaps.NOT_KEPT, hint=gaps.REMEDIES["sampled"])


def handlers(console: Console) -> dict[int | type[Exception], Answerer]:
    """What to answer when a handler raises."""

    def wafscope(request: Request[Any, Any, Any], error: WafscopeError) -> Response[str]:
        status = 501 if isinstance(error, Unsupported) else 503 if isinstance(error, StoreError) else 400
        if status == 503:
            _log.error("%s", error)
        return _page(console, request, status, error.what, hint=error.hint, where=error.where)

    def http(request: Request[Any, Any, Any], error: HTTPException) -> Response[str]:
        if error.status_code == 404:
            return unknown_address(console, request)
        if error.status_code == 403:
            return _page(
                console,
                request,
                403,
                text("Only a page of this console may do that"),
                hint=text("Open the console at its own address, and press the button there."),
            )
        if error.status_code == 405:
            return _page(console, request, 405, text("This address answers to another method"))
        return _page(console, request, error.status_code, text("The request can’t be answered"))

    def other(request: Request[Any, Any, Any], error: Exception) -> Response[str]:
        _log.error("the console failed", exc_info=error)
        return _page(
            console,
            request,
            500,
            text("The console failed"),
            hint=text("Nothing that is stored is harmed. The log of the console says more."),
        )

    return {WafscopeError: wafscope, HTTPException: http, Exception: other}


def _page(
    console: Console,
    request: Request[Any, Any, Any],
    status: int,
    what: Text,
    *,
    hint: Text | None = None,
    where: str = "",
) -> Response[str]:
    language = console.language(request)
    where = where or request.url.path
    return console.bare("problem.html", language, status, what=what, hint=hint, where=where[:200])

"""What is no page: static files, language, health, and reports of the content security policy."""

from __future__ import annotations

import logging
from typing import Any

from litestar import Request, Response, post
from litestar.datastructures import Cookie
from litestar.handlers import HTTPRouteHandler
from litestar.response import Redirect

from wafscope.errors import WafscopeError
from wafscope.i18n.catalogue import LANGUAGES
from wafscope.web.compression import accepts_gzip
from wafscope.web.console import COOKIE, Console
from wafscope.web.pages.address import page
from wafscope.web.pages.problem import unknown_address
from wafscope.web.visible import plain

_log = logging.getLogger(__name__)

_FOREVER = "public, max-age=31536000, immutable"
_ASK = "no-cache"
_YEAR = 365 * 24 * 3600
_LARGEST_REPORT = 16_384
_MOST_REPORTS = 100
"""Reports that are logged; the rest are counted only, so that nobody can fill a disk with them."""


class Reports:
    """Counts the reports of browsers about the content security policy."""

    def __init__(self) -> None:
        self.received = 0

    def take(self, body: bytes) -> None:
        """Count a report and log it, its text made harmless."""
        self.received += 1
        if self.received <= _MOST_REPORTS:
            _log.warning("content security policy: %s", plain(body[:2_000].decode("utf-8", "replace")))


def route(console: Console, reports: Reports) -> list[HTTPRouteHandler]:
    """Make the handlers."""

    @page("/static/{name:str}", quick=True, as_it_is=True)
    def static(request: Request[Any, Any, Any]) -> Response[Any]:
        found = console.assets.find(request.path_params["name"])
        if found is None:
            return unknown_address(console, request)
        is_named = request.query_params.get("v") == found.tag
        packed = accepts_gzip(request.headers.get("accept-encoding", ""))
        tag = f'"{found.tag}-gzip"' if packed else f'"{found.tag}"'
        headers = {"ETag": tag, "Cache-Control": _FOREVER if is_named else _ASK, "Vary": "Accept-Encoding"}
        if tag in request.headers.get("if-none-match", ""):
            return Response(b"", status_code=304, headers=headers, media_type=found.type)
        if packed:
            headers["Content-Encoding"] = "gzip"
        return Response(found.compressed if packed else found.content, headers=headers, media_type=found.type)

    @page("/lang/{code:str}", quick=True)
    def language(request: Request[Any, Any, Any]) -> Response[Any]:
        code = request.path_params["code"]
        if code not in LANGUAGES:
            return unknown_address(console, request)
        cookie = Cookie(COOKIE, value=code, max_age=_YEAR, httponly=True, samesite="lax")
        return Redirect(local_path(request.query_params.get("next", "/")), status_code=303, cookies=[cookie])

    @page("/healthz")
    def health() -> Response[dict[str, Any]]:
        try:
            held = console.answers.held()
        except WafscopeError as error:
            return Response({"status": "error", "what": str(error)}, status_code=503)
        healthy = {"status": "ok", "events": held.value.events, "csp_reports": reports.received}
        if console.settings.status is not None:
            healthy["following"] = console.settings.status().state
        return Response(healthy)

    @post("/csp-report", status_code=204)
    async def report(request: Request[Any, Any, Any]) -> None:
        length = request.headers.get("content-length", "0")
        if length.isdigit() and int(length) <= _LARGEST_REPORT:
            reports.take(await request.body())

    return [static, language, health, report]


def local_path(address: str) -> str:
    """Give back an address inside the console; anything else leads to the overview."""
    is_local = address.startswith("/") and not address.startswith(("//", "/\\"))
    return address if is_local and address.isascii() and address.isprintable() else "/"

"""Headers that every answer carries, and the check of the Host header.

The policy allows nothing but the console's own files: no inline script or style, no foreign origin, no
frame.  What attackers sent is shown on these pages, so this is the second wall behind escaping.
"""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import Any

from litestar.connection import ASGIConnection
from litestar.datastructures import MutableScopeHeaders
from litestar.enums import ScopeType
from litestar.exceptions import PermissionDeniedException
from litestar.handlers import BaseRouteHandler
from litestar.types import ASGIApp, Message, Receive, Scope, Send

Connection = ASGIConnection[Any, Any, Any, Any]

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'; report-uri /csp-report"
)

_HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


async def add_headers(message: Message, scope: Scope) -> None:
    """Add the headers to an answer; pages are never kept by a browser or a proxy."""
    if message["type"] != "http.response.start" or scope["type"] != ScopeType.HTTP:
        return
    headers = MutableScopeHeaders(message)
    for name, value in _HEADERS.items():
        headers[name] = value
    headers.setdefault("Cache-Control", "no-store")


class HostCheck:
    """Refuses requests under a name the console does not have: another site's name that was bound to its address."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self._any = "*" in names
        self._names = frozenset(name.lower() for name in names) | {"localhost"}

    def __call__(self, app: ASGIApp) -> ASGIApp:
        """Wrap an application."""

        async def checked(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != ScopeType.HTTP or self.allows(_host(scope)):
                await app(scope, receive, send)
                return
            body = b"This console does not go by that name. Add it to the names in the settings of the web server.\n"
            headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode())]
            await send({"type": "http.response.start", "status": 421, "headers": headers})
            await send({"type": "http.response.body", "body": body, "more_body": False})

        return checked

    def allows(self, host: str) -> bool:
        """Tell whether a Host header names this console; loopback addresses always do."""
        name = host_name(host)
        return self._any or name in self._names or _is_loopback(name)


def admins_only(connection: Connection, _: BaseRouteHandler) -> None:
    """Let in who may see what is not masked, and change what is stored.

    The one place for it: there are no users yet, so that whoever reaches the console may.
    """


def same_origin(connection: Connection, _: BaseRouteHandler) -> None:
    """Refuse a deed that another site's page asks for in a reader's name.

    Browsers say where a request comes from: all of today's in Sec-Fetch-Site where the address is trustworthy
    (HTTPS, or this machine), and in Origin everywhere.  Raises PermissionDeniedException.
    """
    site, origin = connection.headers.get("sec-fetch-site"), connection.headers.get("origin", "")
    if site is not None:
        allowed = site == "same-origin"
    else:
        scheme, _mark, host = origin.partition("://")
        own = host_name(connection.headers.get("host", ""))
        allowed = scheme in {"http", "https"} and bool(own) and host_name(host) == own
    if not allowed:
        raise PermissionDeniedException


def host_name(host: str) -> str:
    """Take the port off a Host header; what is no name and port has no name."""
    if host.startswith("["):
        name, _, port = host[1:].partition("]")
    elif host.count(":") == 1:
        name, _, port = host.partition(":")
        port = f":{port}"
    else:
        name, port = host, ""
    return name.lower() if _PORT.fullmatch(port) else ""


_PORT = re.compile(r"(?::[0-9]{0,5})?")


def _is_loopback(name: str) -> bool:
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False


def _host(scope: Scope) -> str:
    found = [value for name, value in scope["headers"] if name.lower() == b"host"]
    return found[0].decode("latin-1") if len(found) == 1 else ""

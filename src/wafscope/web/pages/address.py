"""How a handler is bound to its address."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from litestar import Response, route
from litestar.enums import HttpMethod
from litestar.handlers import HTTPRouteHandler

Handler = Callable[..., Response[Any]] | Callable[..., dict[str, Any]]


def page(path: str, *, quick: bool = False) -> Callable[[Handler], HTTPRouteHandler]:
    """Bind a page: GET, and HEAD for those who only want to know whether it is there.

    Handlers run in threads, since they wait for the store; `quick` ones do not.
    """
    return route(path, http_method=[HttpMethod.GET, HttpMethod.HEAD], sync_to_thread=not quick)

"""How a handler is bound to its address."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from litestar import Response, route
from litestar.enums import HttpMethod
from litestar.handlers import HTTPRouteHandler

from wafscope.web.compression import AS_IT_IS
from wafscope.web.security import admins_only, same_origin

Handler = Callable[..., Response[Any]] | Callable[..., dict[str, Any]]


def deed(path: str) -> Callable[[Handler], HTTPRouteHandler]:
    """Bind something that changes what is stored: POST, from a page of the console itself, by who may."""
    return route(path, http_method=[HttpMethod.POST], sync_to_thread=True, guards=[same_origin, admins_only])


def page(
    path: str, *, quick: bool = False, as_it_is: bool = False, guarded: bool = False
) -> Callable[[Handler], HTTPRouteHandler]:
    """Bind a page: GET, and HEAD for those who only want to know whether it is there.

    Handlers run in threads, since they wait for the store; `quick` ones do not.  With `as_it_is` the answer is
    not compressed; `guarded` ones are for admins.
    """
    return route(
        path,
        http_method=[HttpMethod.GET, HttpMethod.HEAD],
        sync_to_thread=not quick,
        opt={AS_IT_IS: True} if as_it_is else {},
        guards=[admins_only] if guarded else [],
    )

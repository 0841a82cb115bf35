"""Sends a reader on to the address that holds the same state as the URL is meant to hold it."""

from __future__ import annotations

from typing import Any

from litestar import Response
from litestar.response import Redirect

from wafscope.web.page import Frame


def canonical(frame: Frame) -> Response[Any] | None:
    """Redirect from a filter or a time as a person writes it (a form without script) to the encoded address."""
    if not frame.asked.is_written:
        return None
    return Redirect(frame.links.here(), status_code=303)

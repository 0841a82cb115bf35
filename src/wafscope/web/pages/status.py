"""How the service is, for machines: `/api/status`."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import Response
from litestar.handlers import HTTPRouteHandler

from wafscope.i18n.text import english
from wafscope.ingest.follow import Status
from wafscope.source.base import Problem
from wafscope.web.console import Console
from wafscope.web.pages.address import page


def route(console: Console) -> list[HTTPRouteHandler]:
    """Make the handler."""

    @page("/api/status", quick=True)
    def status() -> Response[dict[str, Any]]:
        ask = console.settings.status
        return Response(told(ask() if ask else Status("view")), headers={"Cache-Control": "no-store"})

    return [status]


def told(status: Status) -> dict[str, Any]:
    """The status as JSON has it, its texts in English."""
    answer: dict[str, Any] = msgspec.to_builtins(msgspec.structs.replace(status, problem=None, sources=()))
    answer["problem"] = _problem(status.problem) if status.problem else None
    answer["sources"] = [
        msgspec.to_builtins(msgspec.structs.replace(source, problems=()))
        | {"problems": [_problem(each) for each in source.problems]}
        for source in status.sources
    ]
    return answer


def _problem(problem: Problem) -> dict[str, str]:
    return {"where": _plain(problem.where), "what": _plain(english(problem.what))}


def _plain(value: str) -> str:
    """Names of files need not be text."""
    return value.encode("utf-8", "backslashreplace").decode()

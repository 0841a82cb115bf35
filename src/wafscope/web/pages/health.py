"""How the console and its sources are doing, for machines: health, readiness, status, and the mark of live pages."""

from __future__ import annotations

import logging
from typing import Any

from litestar import Request, Response
from litestar.handlers import HTTPRouteHandler

from wafscope.errors import WafscopeError
from wafscope.i18n.text import english
from wafscope.query.question import Held
from wafscope.store.lasting import StoreState
from wafscope.web import status
from wafscope.web.console import Console
from wafscope.web.metrics import State
from wafscope.web.pages.address import page
from wafscope.web.status import SourceRow, SourceStatus
from wafscope.web.visible import plain

_log = logging.getLogger(__name__)

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

    @page("/live", quick=True, as_it_is=True)
    def live() -> Response[dict[str, Any]]:
        # Runs in the event loop: asks the store nothing, however many pages are open.
        return Response({**{name: console.pulse.mark(name) for name in ("page", "sources")}, "now": console.now()})

    @page("/healthz")
    def health() -> Response[dict[str, Any]]:
        found, error = _held(console)
        if found is None:
            return Response(error, status_code=503)
        problems = _problems(console)
        said = {"status": "degraded" if problems else "ok", "events": found.events, "problems": problems}
        return Response({**said, "csp_reports": reports.received})

    @page("/readyz")
    def ready() -> Response[dict[str, Any]]:
        found, error = _held(console)
        problems = _problems(console)
        if found is None or problems:
            return Response({**error, "status": "error", "problems": problems}, status_code=503)
        return Response({"status": "ok"})

    @page("/api/status")
    def whole() -> Response[dict[str, Any]]:
        found, error = _held(console)
        statuses = console.pulse.statuses()
        held = found or Held()
        said: dict[str, Any] = {**error, "status": "error" if found is None else "ok"}
        if found is not None and any(each.is_bad for each in statuses):
            said["status"] = "degraded"
        said |= {"events": held.events if found else None, "first": held.first, "last": held.last}
        said["sources"] = [_source(row) for row in status.rows(held.sources, statuses)]
        return Response(said, status_code=503 if found is None else 200)

    @page("/metrics")
    def metrics(request: Request[Any, Any, Any]) -> Response[bytes]:
        found, _ = _held(console)
        state = State(found, console.pulse.statuses(), console.settings.receiver(), _store(console))
        content, media_type = console.metrics.write(state, request.headers.get("accept", ""))
        return Response(content, media_type=media_type)

    return [live, health, ready, whole, metrics]


def _held(console: Console) -> tuple[Held | None, dict[str, Any]]:
    """What the store holds, or what it says instead."""
    try:
        answer = console.answers.held()
    except WafscopeError as error:
        return None, {"status": "error", "what": str(error)}
    if answer.cut:
        return None, {"status": "error", "what": "The store did not answer in time."}
    return answer.value, {}


def _store(console: Console) -> StoreState | None:
    try:
        return console.settings.store()
    except WafscopeError:
        return None


def _problems(console: Console) -> list[dict[str, str]]:
    return [
        {
            "source": each.key,
            "sensor": each.sensor,
            "state": each.state,
            "what": english(each.problem) if each.problem else "",
        }
        for each in console.pulse.statuses()
        if each.is_bad
    ]


def _source(row: SourceRow) -> dict[str, Any]:
    counts, state = row.counts, row.status
    return {
        "source": counts.source,
        "sensor": counts.sensor,
        "received": counts.received,
        "stored": counts.stored,
        "duplicate": counts.duplicate,
        "joined": counts.joined,
        "expired": counts.expired,
        "quarantined": counts.quarantined,
        "foreign": counts.foreign,
        "bytes": counts.bytes,
        **_state(state),
    }


def _state(state: SourceStatus | None) -> dict[str, Any]:
    if state is None:
        return {"state": "imported"}
    return {
        "state": state.state,
        "kind": state.kind,
        "lag_bytes": state.lag_bytes,
        "waiting": state.waiting,
        "last_read": state.last_read,
        "problem": english(state.problem) if state.problem else None,
        "hint": english(state.hint) if state.hint else None,
    }

"""What could not be read: the list, one piece, and what is done with it - tried again, saved, discarded.

Pieces are kept whole and nothing in them is masked, so all of this is for admins (`security.admins_only`).
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlencode

import msgspec
from litestar import Request, Response
from litestar.handlers import HTTPRouteHandler
from litestar.response import Redirect

from wafscope.errors import FilterError, StoreError
from wafscope.ingest.retry import REASONS, UNKNOWN, Retried, retry
from wafscope.panel import quarantine
from wafscope.query.parser import decode, encode
from wafscope.query.question import Quarantine
from wafscope.web.console import Console
from wafscope.web.link import QUARANTINE
from wafscope.web.page import Frame
from wafscope.web.pages.address import deed, page
from wafscope.web.pages.problem import unknown_piece

_MOST = 1_000
"""Pieces that are tried again at once: the page waits for them."""
_NUMBER = re.compile(r"[1-9]\d{0,17}", re.ASCII)
_TOLD = re.compile(r"(retried|discarded)((?:\.\d{1,12}){1,4})", re.ASCII)
_LONGEST_SOURCE = 4_096


class Choice(msgspec.Struct, frozen=True):
    """Which pieces a page is about, as its address says."""

    reason: str = ""
    source: str = ""
    below: int = 0
    told: str = ""

    def url(self, path: str = QUARANTINE, **changes: Any) -> str:
        """Return the address with something changed; a changed choice begins at the newest piece."""
        changed = msgspec.structs.replace(self, **{"below": 0, "told": "", **changes})
        # A path stands in an address as filters do: the site's own firewall takes some for attacks.
        values = msgspec.structs.asdict(changed) | {"source": encode(changed.source)}
        query = urlencode([(name, value) for name, value in values.items() if value])
        return f"{path}?{query}" if query else path

    @property
    def question(self) -> Quarantine:
        return Quarantine(reason=self.reason, source=self.source)


class Told(msgspec.Struct, frozen=True):
    """What was done before this page."""

    deed: str
    figures: tuple[int, ...]


def route(console: Console) -> list[HTTPRouteHandler]:
    """Make the handlers."""
    store = console.store

    @page(QUARANTINE, guarded=True)
    def listing(request: Request[Any, Any, Any]) -> Response[Any]:
        return _listing(console, request)

    @page(f"{QUARANTINE}/{{number:str}}", guarded=True)
    def one(request: Request[Any, Any, Any]) -> Response[Any]:
        return _one(console, request)

    @page(f"{QUARANTINE}/{{number:str}}/whole", guarded=True, as_it_is=True)
    def whole(request: Request[Any, Any, Any]) -> Response[Any]:
        return _whole(console, request)

    @deed(f"{QUARANTINE}/retry")
    def retry_all(request: Request[Any, Any, Any]) -> Response[Any]:
        choice = _choice(request)
        newest = msgspec.structs.replace(choice.question, newest=True, limit=_MOST)
        return _told(choice, "retried", _retried(console, newest))

    @deed(f"{QUARANTINE}/discard")
    def discard_all(request: Request[Any, Any, Any]) -> Response[Any]:
        choice = _choice(request)
        return _told(choice, "discarded", (_written(console, lambda: store.discard(choice.question)),))

    @deed(f"{QUARANTINE}/{{number:str}}/retry")
    def retry_one(request: Request[Any, Any, Any]) -> Response[Any]:
        number = _number(request)
        if number is None:
            return unknown_piece(console, request)
        return _told(Choice(), "retried", _retried(console, Quarantine(ids=(number,))))

    @deed(f"{QUARANTINE}/{{number:str}}/discard")
    def discard_one(request: Request[Any, Any, Any]) -> Response[Any]:
        number = _number(request)
        if number is None:
            return unknown_piece(console, request)
        return _told(Choice(), "discarded", (_written(console, lambda: store.discard(Quarantine(ids=(number,)))),))

    return [listing, one, whole, retry_all, discard_all, retry_one, discard_one]


def _listing(console: Console, request: Request[Any, Any, Any]) -> Response[str]:
    frame, choice = _frame(console, request), _choice(request)
    limit = console.settings.time_limit
    found = quarantine.ask(console.store, choice.reason, choice.source, choice.below, time_limit=limit)
    told = _TOLD.fullmatch(choice.told)
    done = Told(told[1], tuple(map(int, told[2].split(".")[1:]))) if told else None
    return console.html(
        "quarantine.html",
        frame,
        found=found,
        choice=choice,
        told=done,
        days=console.settings.quarantine_days,
        reasons=REASONS,
        unknown=UNKNOWN,
        most=_MOST,
    )


def _one(console: Console, request: Request[Any, Any, Any]) -> Response[str]:
    number = _number(request)
    found = quarantine.show(console.store, number, time_limit=console.settings.time_limit) if number else None
    if found is None:
        return unknown_piece(console, request)
    reason = REASONS.get(found.piece.reason, UNKNOWN)
    days = console.settings.quarantine_days
    frame = _frame(console, request)
    return console.html("piece.html", frame, found=found, piece=found.piece, reason=reason, days=days)


def _whole(console: Console, request: Request[Any, Any, Any]) -> Response[Any]:
    """All bytes, to be saved: under a name that is made of the number alone, and never shown by a browser."""
    number = _number(request)
    piece = quarantine.whole(console.store, number, time_limit=console.settings.time_limit) if number else None
    if piece is None:
        return unknown_piece(console, request)
    headers = {"Content-Disposition": f'attachment; filename="quarantine-{piece.id}.bin"'}
    return Response(piece.data, headers=headers, media_type="application/octet-stream")


def _frame(console: Console, request: Request[Any, Any, Any]) -> Frame:
    return console.frame(request, QUARANTINE, "sources")


def _choice(request: Request[Any, Any, Any]) -> Choice:
    """Read the address; what can not be understood is left out."""
    asked = request.query_params
    below = asked.get("below", "")
    return Choice(
        asked.get("reason", "") if asked.get("reason", "") in REASONS else "",
        _source(asked.get("source", "")),
        int(below) if _NUMBER.fullmatch(below) else 0,
        asked.get("told", "")[:80],
    )


def _source(encoded: str) -> str:
    try:
        return decode(encoded)[:_LONGEST_SOURCE] if encoded else ""
    except FilterError:
        return ""


def _number(request: Request[Any, Any, Any]) -> int | None:
    given = request.path_params["number"]
    return int(given) if _NUMBER.fullmatch(given) else None


def _retried(console: Console, question: Quarantine) -> tuple[int, ...]:
    done: Retried = _written(console, lambda: retry(console.store, question, console.settings.setting))
    return done.tried, done.stored, done.duplicate, done.kept


def _written(console: Console, act: Any) -> Any:
    """Do something to the store; after a commit that failed nothing goes until it is opened again."""
    try:
        return act()
    except StoreError:
        console.store.recover()
        raise


def _told(choice: Choice, name: str, figures: tuple[int, ...]) -> Response[Any]:
    """Lead back to the list, which says what was done: a page that is loaded again does nothing twice."""
    told = ".".join([name, *map(str, figures)])
    return Redirect(choice.url(told=told), status_code=303)

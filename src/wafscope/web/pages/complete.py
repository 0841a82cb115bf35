"""What could come next in the search box, as JSON."""

from __future__ import annotations

from typing import Any

from litestar import Request
from litestar.handlers import HTTPRouteHandler

from wafscope.errors import FilterError, StoreError
from wafscope.event.fields import Field
from wafscope.i18n.catalogue import render
from wafscope.i18n.number import decimal
from wafscope.panel import rules
from wafscope.query.complete import MOST, Item, complete
from wafscope.query.filter import Term
from wafscope.query.parser import decode
from wafscope.query.question import Scope, Top
from wafscope.web.console import Console
from wafscope.web.page import Frame
from wafscope.web.pages.address import page
from wafscope.web.visible import plain

_VALUES = 200
"""Values of a field that are looked through for those that begin with what was typed."""


def route(console: Console) -> list[HTTPRouteHandler]:
    """Make the handler."""

    @page("/complete")
    def completion(request: Request[Any, Any, Any]) -> dict[str, Any]:
        frame = console.frame(request, "/complete")
        try:
            before = decode(request.query_params.get("prefix", ""))
        except FilterError:
            before = ""
        notes: dict[str, str] = {}
        found = complete(before, "", _Values(console, frame, notes))
        items = [_item(item, notes, frame.language) for item in found.items]
        return {"head": render(found.head, frame.language), "items": items}

    return [completion]


class _Values:
    """Values of a field in the window, most frequent first."""

    def __init__(self, console: Console, frame: Frame, notes: dict[str, str]) -> None:
        self._console = console
        self._window = frame.view.window
        self._notes = notes

    def __call__(self, field: Field, prefix: str) -> list[tuple[str, int]]:
        answers = self._console.answers
        scope = Scope(self._window)
        if prefix and field.type in ("text", "address"):
            # Many values: those that begin so are asked for, as far as the store can.
            scope = Scope(self._window, Term(field.name, "like", (f"{prefix.replace('*', '')}*",)))
        try:
            found = answers.top(Top(field.name, scope, limit=_VALUES, bookkeeping=False, brief=True)).value.values
        except StoreError:
            return []
        shown = [v for v in found if v.value is not None and str(v.value).lower().startswith(prefix.lower())][:MOST]
        if field.name == rules.FIELD:
            known = rules.describe(answers, tuple(shown))
            self._notes.update({str(rule_id): info.message for rule_id, info in known.items()})
        return [(str(v.value), v.events) for v in shown]


def _item(item: Item, notes: dict[str, str], language: str) -> dict[str, str]:
    note = notes.get(item.shown, "")
    shown = plain(item.shown)
    return {
        "text": item.text,
        "label": f"{shown}  {plain(note)}" if note else shown,
        "help": decimal(item.count, language) if item.count is not None else _help(item, language),
    }


def _help(item: Item, language: str) -> str:
    return render(item.note, language) if item.note else ""

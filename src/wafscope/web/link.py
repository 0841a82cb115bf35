"""Addresses of the console: each one keeps filter, window and zone, and changes one thing."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlencode

import msgspec

from wafscope.errors import FilterError
from wafscope.event.fields import find
from wafscope.panel.raw import Form
from wafscope.panel.view import By
from wafscope.query.condition import short
from wafscope.query.filter import Filter
from wafscope.query.parser import encode, negate, printed, terms, toggled, with_term, without
from wafscope.query.question import Cursor
from wafscope.query.timespan import Window
from wafscope.web.state import Preset, State

OVERVIEW = "/"
EVENTS = "/events"
SOURCES = "/sources"
QUARANTINE = "/quarantine"


class Links(msgspec.Struct, frozen=True):
    """Addresses seen from one page; `path` is that page."""

    state: State
    path: str

    def here(self, **changes: Any) -> str:
        return self.state.url(self.path, **changes)

    def overview(self) -> str:
        return self.state.url(OVERVIEW, page=0, new=False)

    def events(self) -> str:
        return self.state.url(EVENTS, page=0, new=False)

    def sources(self) -> str:
        return self.state.url(SOURCES, page=0, new=False)

    def quarantine(self, source: str = "") -> str:
        return f"{QUARANTINE}?{urlencode({'source': encode(source)})}" if source else QUARANTINE

    def event(self, event_id: bytes) -> str:
        return self.state.url(f"{EVENTS}/{event_id.hex()}", before=None, after=None)

    def laid_out(self, event_id: bytes, form: Form) -> str:
        """The same event with its raw record in another form."""
        address = self.event(event_id)
        if form == "logged":
            return f"{address}#head-raw"
        return f"{address}{'&' if '?' in address else '?'}raw={form}#head-raw"

    def preview(self, event_id: bytes) -> str:
        return self.state.url(f"{EVENTS}/{event_id.hex()}/preview", before=None, after=None)

    def raw(self, event_id: bytes) -> str:
        return f"{EVENTS}/{event_id.hex()}/raw"

    def top(self, field: str, *, new: bool = False) -> str:
        return self.state.url(f"/top/{quote(field)}", page=0, new=new, full=False)

    def series(self) -> str:
        return self.state.url("/series")

    def panel(self, name: str) -> str:
        """Address of a part of this page that loads later; the links in it are to be those of this page."""
        address = self.state.url(f"/panel/{name}", before=self.state.before, after=self.state.after)
        if self.path == OVERVIEW:
            return address
        return f"{address}{'&' if '?' in address else '?'}on={quote(self.path, safe='')}"

    def complete(self) -> str:
        return self.state.url("/complete", text="")

    # --- filter ---

    def within(self, field: str, value: str | int | None, *, path: str = "") -> str:
        return self.state.url(path or self.path, text=self._with(field, value), new=False)

    def outside(self, field: str, value: str | int | None) -> str:
        return self.here(text=self._with(field, value, negated=True), new=False)

    def only(self, condition: Filter, *, path: str = "") -> str:
        """Add a condition to the filter."""
        return self.state.url(path or self.path, text=added(self.state.text, condition), new=False)

    def lists(self, field: str, value: str | int | None) -> str:
        """The events of one value."""
        return self.within(field, value, path=EVENTS)

    def client_ever(self, client: str | None) -> str:
        """All events of a client, whatever the filter and the window of this page."""
        bare = Links(msgspec.structs.replace(self.state, text="", full=False), EVENTS)
        return bare.state.url(EVENTS, text=bare._with("client.address", client), **self.state.at("all"))

    def without(self, index: int) -> str:
        return self.here(text=without(self.state.text, index))

    def toggled(self, index: int) -> str:
        return self.here(text=toggled(self.state.text, index))

    def negated(self, index: int) -> str:
        return self.here(text=negate(self.state.text, index))

    def cleared(self) -> str:
        return self.here(text="")

    def _with(self, field: str, value: str | int | None, *, negated: bool = False) -> str:
        # A filter that can not be read is dropped: adding to it would only lead to the same error.
        line = self.state.text if _is_readable(self.state.text) else ""
        if field == "waf.outcome" and isinstance(value, str):
            return with_term(line, "is", value, negated=negated)
        return with_term(line, short(find(field)), value, negated=negated)

    # --- window, chart, paging ---

    def at(self, preset: Preset) -> str:
        return self.here(**self.state.at(preset))

    def between(self, window: Window) -> str:
        return self.here(start=window.start, end=window.end, preset=None)

    def events_between(self, start: int, end: int) -> str:
        return self.state.url(EVENTS, start=start, end=end, preset=None)

    def wider(self, window: Preset | Window) -> str:
        return self.between(window) if isinstance(window, Window) else self.at(window)

    def brush(self) -> str:
        """Address with `__FROM__` and `__TO__` for the times that are drawn."""
        marked = self.here(start=1_000, end=2_000, preset=None)
        return marked.replace("from=1&to=2", "from=__FROM__&to=__TO__")

    def by(self, field: By) -> str:
        return self.state.url(self.path, by=field, before=self.state.before, after=self.state.after)

    def full_scale(self, *, on: bool) -> str:
        return self.state.url(self.path, full=on, before=self.state.before, after=self.state.after)

    def older(self, cursor: Cursor) -> str:
        return self.here(before=cursor, after=None)

    def newer(self, cursor: Cursor) -> str:
        return self.here(after=cursor, before=None)

    def turned(self, page: int) -> str:
        return self.here(page=page)

    def language(self, code: str) -> str:
        return f"/lang/{code}?next={quote(self.state.url(self.path, page=self.state.page), safe='')}"


def added(line: str, condition: Filter) -> str:
    """Append a condition to a filter; alternatives are put into parentheses first."""
    if not _is_readable(line):
        return printed(condition)
    kept = [f"({chip.value})" if chip.group and chip.text == chip.value else chip.text for chip in terms(line)]
    return " ".join([*kept, printed(condition)])


def _is_readable(line: str) -> bool:
    try:
        terms(line)
    except FilterError:
        return False
    return True

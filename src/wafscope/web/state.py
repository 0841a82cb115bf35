"""What the URL says: filter, window, zone, and the place in a list.  A page is a function of this and the store."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, cast
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import msgspec

from wafscope.errors import FilterError
from wafscope.i18n.moment import is_zone, to_microseconds
from wafscope.i18n.text import Text, text
from wafscope.panel.view import By
from wafscope.query.filter import EVERYTHING, Filter
from wafscope.query.parser import decode, encode, parse
from wafscope.query.question import Cursor

Preset = Literal["1h", "24h", "7d", "14d", "30d", "all"]
PRESETS: tuple[Preset, ...] = ("1h", "24h", "7d", "14d", "30d", "all")

_BY: dict[str, By] = {"class": "waf.attack_class", "outcome": "waf.outcome", "host": "host"}
_BY_NAME = {field: name for name, field in _BY.items()}
_MILLI = 1000
_EARLIEST, _LATEST = 0, 4_102_444_800_000
"""1970 to 2100, in milliseconds: every calendar can show what lies between."""

_CURSOR = re.compile(r"(-?\d{1,18})\.([0-9a-f]{32})", re.ASCII)
_WRITTEN = re.compile(r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d)(?::\d\d)?)?", re.ASCII)
_LONGEST_FILTER = 8_000


class State(msgspec.Struct, frozen=True):
    """The parameters of every page.  `url` leaves out what is the default."""

    text: str = ""
    """The filter as written in the search box."""
    preset: Preset | None = None
    start: int | None = None
    end: int | None = None
    """Microseconds; both or none."""
    zone: str = ""
    """Empty for the zone of the settings."""
    by: By = "waf.attack_class"
    full: bool = False
    before: Cursor | None = None
    after: Cursor | None = None
    page: int = 0
    new: bool = False
    """In a list of values: only those seen for the first time."""

    def url(self, path: str, **changes: Any) -> str:
        """Give the address of a page with this state, changed.

        A change of filter or window leads to the first page of a list.
        """
        if not changes.keys() <= {"before", "after", "page"}:
            changes = {"before": None, "after": None, "page": 0, **changes}
        changed = msgspec.structs.replace(self, **changes)
        query = urlencode(changed.parameters())
        return f"{path}?{query}" if query else path

    def at(self, preset: Preset) -> dict[str, Any]:
        """The changes that choose a preset."""
        return {"preset": preset, "start": None, "end": None}

    def parameters(self) -> list[tuple[str, str]]:
        """The parameters in their order in the URL."""
        found = []
        if self.text:
            found.append(("f", encode(self.text)))
        if self.start is not None and self.end is not None:
            found += [("from", str(self.start // _MILLI)), ("to", str(self.end // _MILLI))]
        elif self.preset is not None:
            found.append(("t", self.preset))
        found += [("tz", self.zone)] if self.zone else []
        found += [("by", _BY_NAME[self.by])] if self.by != "waf.attack_class" else []
        found += [("full", "1")] if self.full else []
        found += [("new", "1")] if self.new else []
        found += [("before", cursor_text(self.before))] if self.before else []
        found += [("after", cursor_text(self.after))] if self.after else []
        found += [("page", str(self.page))] if self.page else []
        return found


class Asked(msgspec.Struct, frozen=True):
    """A state, the filter in it, and what could not be understood."""

    state: State
    filter: Filter
    error: FilterError | None
    """With an error the filter is the one for every event, and no figures may be shown."""
    problems: tuple[Text, ...]
    """Other parameters that were left out."""
    is_written: bool
    """The filter or the window came as a person writes it, not as the URL holds it: redirect."""


def read(parameters: Mapping[str, str], zone: str) -> Asked:
    """Read the parameters of a request; `zone` is the one of the settings.  Never raises."""
    problems: list[Text] = []
    line, error, written = _filter_text(parameters)
    tree: Filter = EVERYTHING
    if error is None:
        try:
            tree = parse(line)
        except FilterError as found:
            error = found
    place = parameters.get("tz", "")
    if place and not is_zone(place):
        problems.append(text("There is no time zone “{zone}”.", zone=place[:40]))
        place = ""
    start, end, by_hand = _window(parameters, place or zone, problems)
    before = _cursor(parameters.get("before", ""), problems)
    after = None if before else _cursor(parameters.get("after", ""), problems)
    preset = parameters.get("t", "")
    if preset and preset not in PRESETS:
        problems.append(text("“{name}” is no time range.", name=preset[:40]))
        preset = ""
    state = State(
        text=line,
        preset=cast("Preset", preset) if preset and start is None else None,
        start=start,
        end=end,
        zone="" if place == zone else place,
        by=_BY.get(parameters.get("by", ""), "waf.attack_class"),
        full=parameters.get("full") == "1",
        before=before,
        after=after,
        page=_page(parameters.get("page", "")),
        new=parameters.get("new") == "1",
    )
    return Asked(state, tree, error, tuple(problems), written or by_hand)


def cursor_text(cursor: Cursor) -> str:
    """Write a place in the list: microseconds and id, which many events of one second need."""
    return f"{cursor.time}.{cursor.id.hex()}"


def _filter_text(parameters: Mapping[str, str]) -> tuple[str, FilterError | None, bool]:
    if "q" in parameters:
        return parameters["q"].strip()[:_LONGEST_FILTER], None, True
    try:
        return decode(parameters.get("f", "")[: 2 * _LONGEST_FILTER]).strip(), None, False
    except FilterError as error:
        return "", error, False


def _window(parameters: Mapping[str, str], zone: str, problems: list[Text]) -> tuple[int | None, int | None, bool]:
    written = parameters.get("from", "").strip(), parameters.get("to", "").strip()
    if written == ("", ""):
        return None, None, False
    start, end = (_moment(part, zone) for part in written)
    if start is None or end is None:
        problems.append(
            text(
                "The time range can’t be read. Write a date and a time, such as {example}.", example="2026-11-16 00:00"
            )
        )
        return None, None, False
    if start >= end:
        problems.append(text("The time range ends before it begins."))
        return None, None, False
    return start, end, not all(part.isdigit() for part in written)


def _moment(written: str, zone: str) -> int | None:
    """Read milliseconds, or a date and time in the zone, to microseconds."""
    if written.isascii() and written.isdigit():
        value = int(written[:15])
        return value * _MILLI if _EARLIEST <= value <= _LATEST else None
    found = _WRITTEN.fullmatch(written)
    if found is None:
        return None
    try:
        local = datetime.fromisoformat(f"{found[1]}T{found[2] or '00:00'}")
    except ValueError:
        return None
    moment = to_microseconds(local.replace(tzinfo=ZoneInfo(zone)))
    return moment if _EARLIEST <= moment // _MILLI <= _LATEST else None


def _cursor(written: str, problems: list[Text]) -> Cursor | None:
    if not written:
        return None
    found = _CURSOR.fullmatch(written)
    if found is None:
        problems.append(text("The place in the list can’t be read; this is its beginning."))
        return None
    return Cursor(int(found[1]), bytes.fromhex(found[2]))


def _page(written: str) -> int:
    return int(written) if written.isascii() and written.isdigit() and len(written) <= 4 else 0

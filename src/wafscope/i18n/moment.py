"""Moments and spans of time as each language writes them, in the zone the page shows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

import msgspec
from babel.dates import get_day_names, get_month_names

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_JAPANESE = "ja"


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def is_zone(name: str) -> bool:
    """Tell whether there is a zone of this name; never opens a file of that name."""
    return name in _zones()


def from_microseconds(moment: int) -> datetime:
    """Give the aware UTC time of microseconds since the epoch."""
    return _EPOCH + timedelta(microseconds=moment)


def to_microseconds(moment: datetime) -> int:
    """Give microseconds since the epoch of an aware time."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


class Clock(msgspec.Struct, frozen=True):
    """Writes moments for one reader: zone, language, and the year that goes without saying."""

    zone: str
    language: str
    year: int

    def local(self, moment: int) -> datetime:
        return from_microseconds(moment).astimezone(ZoneInfo(self.zone))

    def zone_name(self, moment: int) -> str:
        """Short name of the zone at a moment: `UTC`, `JST`, `UTC+03`."""
        name = self.local(moment).tzname() or self.zone
        return f"UTC{name}" if name[:1] in "+-" else name

    def day(self, moment: int) -> str:
        return self._day(self.local(moment))

    def weekday(self, moment: int) -> str:
        """`Mon 16`: a day as the axis names it."""
        local = self.local(moment)
        return f"{get_day_names('abbreviated', locale=self.language)[local.weekday()]} {local.day}"

    def minute(self, moment: int) -> str:
        """`18 Nov 02:30`."""
        local = self.local(moment)
        return f"{self._day(local)} {local:%H:%M}"

    def second(self, moment: int) -> str:
        """`18 Nov 02:30:16`."""
        local = self.local(moment)
        return f"{self._day(local)} {local:%H:%M:%S}"

    def time(self, moment: int) -> str:
        """`02:30:16`."""
        return f"{self.local(moment):%H:%M:%S}"

    def hour(self, moment: int) -> str:
        """`02:30`."""
        return f"{self.local(moment):%H:%M}"

    def full(self, moment: int) -> str:
        """`18 Nov 2026 02:30:16 UTC`."""
        local = self.local(moment)
        return f"{self._day(local, year=True)} {local:%H:%M:%S} {self.zone_name(moment)}"

    def exact(self, moment: int) -> str:
        """`18 Nov 2026 02:30:16.045120 UTC`: as exact as it is held; whole seconds have no fraction."""
        local = self.local(moment)
        fraction = f".{local:%f}" if local.microsecond else ""
        return f"{self._day(local, year=True)} {local:%H:%M:%S}{fraction} {self.zone_name(moment)}"

    def entry(self, moment: int) -> str:
        """`2026-11-18 02:30`: as a person types it."""
        return f"{self.local(moment):%Y-%m-%d %H:%M}"

    def span(self, start: int, end: int) -> str:
        """`16 Nov 00:00 – 22 Nov 24:00`; on one day `18 Nov 02:00 – 03:00`."""
        first = self.local(start)
        last, clock = self._end(end)
        if first.date() == last.date():
            return f"{self._day(first)} {first:%H:%M} – {clock}"
        return f"{self._day(first)} {first:%H:%M} – {self._day(last)} {clock}"

    def days(self, start: int, end: int) -> str:
        """`9–15 Nov` for whole days, else the span with its times."""
        first = self.local(start)
        last, clock = self._end(end)
        if clock != "24:00" or (first.hour, first.minute) != (0, 0):
            return self.span(start, end)
        if first.date() == last.date():
            return self._day(first)
        if (first.year, first.month) != (last.year, last.month):
            return f"{self._day(first)} – {self._day(last)}"
        if self.language == _JAPANESE:
            return f"{self._day(first)}–{last.day}"
        return f"{first.day}–{self._day(last)}"

    def _end(self, end: int) -> tuple[datetime, str]:
        # Midnight is the end of the day before, not the start of a day that the span does not touch.
        local = self.local(end)
        if (local.hour, local.minute, local.second) == (0, 0, 0):
            return self.local(end - 1), "24:00"
        return local, f"{local:%H:%M}"

    def _day(self, local: datetime, *, year: bool = False) -> str:
        shown = year or local.year != self.year
        if self.language == _JAPANESE:
            return f"{local.year}/{local.month}/{local.day}" if shown else f"{local.month}/{local.day}"
        month = get_month_names("abbreviated", locale=self.language)[local.month]
        return f"{local.day} {month} {local.year}" if shown else f"{local.day} {month}"

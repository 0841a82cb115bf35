"""Times without a zone, and how the zone is proved.

libmodsecurity's JSON gives local time in ctime style (`Mon Nov  9 00:17:43 2026`).  Its own transaction
ids begin with ten digits that are the UTC second of the same moment, so the difference is the zone
(modsecurity issue 2340; formats specification, sections 6.1 and 6.2).
"""

from __future__ import annotations

import re
from calendar import timegm
from collections.abc import Iterable
from datetime import UTC, datetime, tzinfo
from functools import lru_cache

from wafscope.event.model import ZoneSource

SECOND = 1_000_000
_QUARTER = 900
_DAY = 86_400
_FARTHEST_ZONE = 15 * 3600

_MONTHS = {
    m: i for i, m in enumerate(["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"], 1)
}


@lru_cache(maxsize=1024)
def _day(text: str) -> int | None:
    """Seconds from the epoch to the start of a day written `Nov  9 2026`."""
    try:
        return timegm((int(text[7:]), _MONTHS[text[:3]], int(text[4:6]), 0, 0, 0))
    except (KeyError, ValueError, OverflowError):
        return None


@lru_cache(maxsize=8192)
def parse_ctime(text: str) -> int | None:
    """Return a ctime text as seconds since the epoch as if it were UTC; None when it is not one."""
    if len(text) != 24 or text[13] != ":" or text[16] != ":":
        return None
    day = _day(text[4:10] + " " + text[20:])
    clock = text[11:13] + text[14:16] + text[17:19]
    if day is None or not (clock.isascii() and clock.isdigit()):
        return None
    return day + int(clock[:2]) * 3600 + int(clock[2:4]) * 60 + int(clock[4:])


def id_second(transaction_id: str) -> int | None:
    """Return the UTC second that an id made by libmodsecurity begins with.

    Such an id is ten digits of the second, then a random number with one to three digits before the
    dot and six after it; 3.0.5 to 3.0.7 wrote the ten digits alone.
    """
    found = _ID.fullmatch(transaction_id)
    return int(found[1]) if found is not None else None


_ID = re.compile(r"([0-9]{10})(?:[0-9]{0,3}\.[0-9]{6})?")
_ONE = r"[0-9]{10}(?:[0-9]{0,3}\.[0-9]{6})?"
_IDS = re.compile(rf"{_ONE}(?:\n{_ONE})*")


def proved_second(time_stamp: str, transaction_id: str) -> int | None:
    """Return the UTC second of a record whose id proves the zone of its time; None for any other."""
    return proved_by(time_stamp, transaction_id[:10]) if _ID.fullmatch(transaction_id) else None


def are_ids(transaction_ids: Iterable[str]) -> bool:
    """Tell whether all of them are ids as libmodsecurity makes them, in one look."""
    return _IDS.fullmatch("\n".join(transaction_ids)) is not None


@lru_cache(maxsize=1024)
def proved_by(time_stamp: str, digits: str) -> int | None:
    """Return the UTC second that an id begins with, its ten `digits`, where it proves the zone of a time."""
    local, second = parse_ctime(time_stamp), int(digits)
    return second if local is not None and _zone_offset(local, second, 2) is not None else None


@lru_cache(maxsize=4096)
def http_date(text: str) -> int | None:
    """Return the second of an HTTP date; None when it is not one."""
    from email.utils import parsedate_to_datetime  # noqa: PLC0415 - slow to load, and seldom needed

    try:
        return int(parsedate_to_datetime(text).timestamp())
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _zone_offset(local: int, second: int, tolerance: int) -> int | None:
    """Return the offset of a zone when `local` is `second` in some zone, else None."""
    offset = round((local - second) / _QUARTER) * _QUARTER
    near = abs(local - second - offset) <= tolerance and abs(offset) <= _FARTHEST_ZONE
    return offset if near else None


def _in_zone(local: int, zone: tzinfo) -> int:
    naive = datetime.fromtimestamp(local, UTC).replace(tzinfo=None)
    return int(naive.replace(tzinfo=zone).timestamp())


def resolve(
    local: int | None, transaction_id: str, date: str | None, zone: tzinfo | None, collector_zone: tzinfo
) -> tuple[int, ZoneSource] | None:
    """Return the UTC second of a record and how its zone is known; None without any usable time.

    `local` is the logged time read as if it were UTC.  In order: the transaction id, the Date header of
    the response, the zone configured for the source, the zone of this machine (assumed).
    """
    second = id_second(transaction_id)
    if local is None:
        if second is not None:
            return second, "unique_id"
        sent = http_date(date) if date else None
        return (sent, "date_header") if sent is not None else None
    if second is not None and _zone_offset(local, second, 2) is not None:
        return second, "unique_id"
    sent = http_date(date) if date else None
    if sent is not None:
        offset = _zone_offset(local, sent, 300)
        if offset is not None:
            return local - offset, "date_header"
    if zone is not None:
        return _in_zone(local, zone), "configured"
    return _in_zone(local, collector_zone), "assumed"

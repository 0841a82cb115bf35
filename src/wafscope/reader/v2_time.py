"""Times of ModSecurity 2, and what its transaction ids prove.

Part A has the local time of writing the record.  A negative zone is written with a sign too many (`--0400`,
`--03-30`), and by very old versions with wrong minutes (`+101800`).  The start of the request stands in
`Stopwatch`; an id made by Apache begins with its second (formats specification, sections 1.1 and 1.2).
"""

from __future__ import annotations

import re
from binascii import a2b_base64
from calendar import timegm
from datetime import UTC, datetime, tzinfo
from functools import lru_cache

import msgspec

from wafscope.event.model import ZoneSource
from wafscope.reader.base import Context, NotARecord
from wafscope.reader.timestamps import SECOND

_DAY = 86_400 * SECOND
_QUARTER = 900 * SECOND
_FARTHEST_ZONE = 15 * 3600 * SECOND
_TOLERANCE = 420 * SECOND
"""So long may a request take where only its start tells the zone of the time at which it was written."""

_MONTHS = {
    m: i for i, m in enumerate(["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"], 1)
}
_TIME = re.compile(r"(\d\d/[A-Z][a-z][a-z]/\d{4}:\d\d:\d\d):(\d\d)(?:\.(\d{1,6}))?(?: ?([+-].*))?", re.ASCII)
_ZONE = re.compile(r"([+-])[+-]?(\d\d)[+-]?(\d\d)", re.ASCII)
_APACHE = re.compile(
    r"(?:[A-Z][a-z][a-z] )?([A-Z][a-z][a-z]) ([ \d]\d) (\d\d:\d\d):(\d\d)(?:\.(\d{1,6}))? (\d{4})", re.ASCII
)
_NGINX = re.compile(r"(\d{4})[/-](\d\d)[/-](\d\d) (\d\d:\d\d):(\d\d)(?:\.(\d{1,6}))?", re.ASCII)
"""Of Apache, too: `%{cu}t` in ErrorLogFormat gives `2026-11-24 02:28:34.934870`."""
_NAMES = tuple(_MONTHS)


class Logged(msgspec.Struct, frozen=True, gc=False):
    """A time as logged."""

    local: int
    """Microseconds since the epoch, as if it were UTC."""
    offset: int | None = None
    """The zone, in microseconds east of Greenwich; None where it is not told, or garbled."""


class Moment(msgspec.Struct, frozen=True, gc=False):
    """When a transaction began, how the zone is known, and when its record was written; in microseconds, UTC."""

    time: int
    zone_source: ZoneSource
    logged: int | None = None


def parse_time(text: str) -> Logged | None:
    """Return the time of part A, such as `24/Nov/2026:02:28:34.954996 +0000`; None when it is none."""
    found = _TIME.fullmatch(text)
    if found is None:
        return None
    minute, second, fraction, zone = found.groups()
    start = _minute(minute)
    if start is None:
        return None
    return Logged(start + _microseconds(second, fraction), _offset(zone) if zone else None)


def parse_error_log_time(text: str) -> Logged | None:
    """Return the time of an error log, `Tue Nov 24 02:28:34.934870 2026` or `2026/11/24 02:28:34`: without a zone."""
    found = _APACHE.match(text)
    if found is not None:
        start = _minute(f"{found[2].replace(' ', '0')}/{found[1]}/{found[6]}:{found[3]}")
        return None if start is None else Logged(start + _microseconds(found[4], found[5]))
    found = _NGINX.match(text)
    if found is None or not 1 <= int(found[2]) <= len(_NAMES):
        return None
    start = _minute(f"{found[3]}/{_NAMES[int(found[2]) - 1]}/{found[1]}:{found[4]}")
    return None if start is None else Logged(start + _microseconds(found[5], found[6]))


@lru_cache(maxsize=1024)
def _minute(text: str) -> int | None:
    """Return `24/Nov/2026:02:28` in microseconds since the epoch, as if it were UTC."""
    year = int(text[7:11])
    if not 1970 < year < 9999:
        return None
    try:
        day = datetime(year, _MONTHS[text[3:6]], int(text[:2]), int(text[12:14]), int(text[15:17]), tzinfo=UTC)
    except (KeyError, ValueError):
        return None
    return timegm(day.timetuple()) * SECOND


def _microseconds(second: str, fraction: str | None) -> int:
    if fraction is None:
        return int(second) * SECOND
    return int(f"{second}{fraction:0<6}")


@lru_cache(maxsize=256)
def _offset(zone: str) -> int | None:
    found = _ZONE.fullmatch(zone)
    if found is None:
        return None
    east = (int(found[2]) * 3600 + int(found[3]) * 60) * SECOND
    if int(found[3]) > 59 or east > _FARTHEST_ZONE:
        return None
    return -east if found[1] == "-" else east


def seconds_of_id(transaction_id: str) -> tuple[int, ...]:
    """Return the UTC second that an id made by Apache's mod_unique_id begins with, in microseconds.

    Of its two alphabets one has `-` for 62, the other for 63, so that there may be two of them; an id of another
    maker gives a second too, which is far from that of its record.
    """
    return _seconds(transaction_id[:6]) if len(transaction_id) in {24, 27} else ()


@lru_cache(maxsize=4096)
def _seconds(beginning: str) -> tuple[int, ...]:
    found: list[int] = []
    for alphabet in (_NEW, _OLD):
        try:
            data = a2b_base64(beginning.translate(alphabet) + "==", strict_mode=True)
        except ValueError:
            continue
        second = int.from_bytes(data[:4]) * SECOND
        if second not in found:
            found.append(second)
    return tuple(found)


_NEW = str.maketrans({"-": "+", "_": "/", "+": " ", "/": " ", "=": " "})
_OLD = str.maketrans({"@": "+", "-": "/", "+": " ", "/": " ", "=": " "})


def settle(logged: Logged | None, transaction_id: str, start: int | None, context: Context) -> Moment:
    """Return when a transaction began; raises NotARecord when nothing tells.

    In order: the start by the stopwatch, the second in the id, the time of writing.  Either of the first two
    counts only within a day of the last one, and proves its zone where that is not told.
    """
    if logged is None:
        if start is not None:
            return Moment(start, "unix")
        raise NotARecord("no_time", foreign=False)
    ids = seconds_of_id(transaction_id)
    if logged.offset is not None:
        written, zone_source = logged.local - logged.offset, _LOGGED
    else:
        written, zone_source = _written(logged.local, ids if start is None else (start, *ids), context)
    if start is not None and -_DAY <= written - start <= _DAY:
        return Moment(start, "unix", written)
    if len(ids) == 1:
        second = ids[0] if -_DAY <= written - ids[0] <= _DAY else None
    else:
        second = _nearest([second for second in ids if -_DAY <= written - second <= _DAY], written)
    if second is not None:
        return Moment(second, "unique_id", written)
    return Moment(written, zone_source, written)


_LOGGED: ZoneSource = "logged"


def _nearest(seconds: list[int], written: int) -> int | None:
    return min(seconds, key=lambda second: abs(written - second), default=None)


def _written(local: int, beginnings: tuple[int, ...], context: Context) -> tuple[int, ZoneSource]:
    """Return when a record without a zone was written: by its beginning where that proves one."""
    for begin in beginnings:
        offset = _proved(local, begin)
        if offset is not None:
            return local - offset, "unique_id"
    if context.zone is not None:
        return _in_zone(local, context.zone), "configured"
    return _in_zone(local, context.collector_zone), "assumed"


def _proved(local: int, begin: int) -> int | None:
    """Return the zone in which `local` is soon after `begin`; None when there is none."""
    offset = round((local - begin) / _QUARTER) * _QUARTER
    late = local - begin - offset
    return offset if abs(late) <= _TOLERANCE and abs(offset) <= _FARTHEST_ZONE else None


def _in_zone(local: int, zone: tzinfo) -> int:
    second, fraction = divmod(local, SECOND)
    naive = datetime.fromtimestamp(second, UTC).replace(tzinfo=None)
    return int(naive.replace(tzinfo=zone).timestamp()) * SECOND + fraction

"""Dates and times as people write them in a filter, and back: a written time is a span of microseconds."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

from wafscope.query.timespan import DAY, HOUR, MINUTE, SECOND

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# ISO 8601, extended form, cut after any part from the day on; a blank may stand for the T (RFC 3339, 5.6).
_ISO = re.compile(
    r"(?P<day>\d{4}-\d\d-\d\d)"
    r"(?:[Tt ](?P<hour>\d\d)(?::(?P<minute>\d\d)(?::(?P<second>\d\d)(?:[.](?P<fraction>\d{1,6}))?)?)?"
    r"(?P<zone>[Zz]|[+-]\d\d(?::?\d\d)?)?)?",
    re.ASCII,
)

FIRST = -62_135_596_800 * SECOND
"""0001-01-01: the earliest time that can be written."""
LAST = 253_402_300_800 * SECOND - 1
"""The end of 9999-12-31: the last one."""

_FORMS = (
    (DAY, "%Y-%m-%d"),
    (MINUTE, "%Y-%m-%dT%H:%M"),
    (SECOND, "%Y-%m-%dT%H:%M:%S"),
    (1, "%Y-%m-%dT%H:%M:%S.%f"),
)


def span(written: str) -> tuple[int, int]:
    """Return the first and the last microsecond of a written date or time, which is in UTC unless it says otherwise.

    Raises ValueError when it is none.
    """
    found = _ISO.fullmatch(written)
    if found is None:
        raise ValueError(written)
    fraction = found["fraction"] or ""
    try:
        moment = datetime.fromisoformat(found["day"]).replace(
            hour=int(found["hour"] or 0),
            minute=int(found["minute"] or 0),
            second=int(found["second"] or 0),
            microsecond=int(fraction.ljust(6, "0")),
            tzinfo=_zone(found["zone"]),
        )
        start = (moment - _EPOCH) // timedelta(microseconds=1)
    except OverflowError:
        raise ValueError(written) from None
    return start, start + _length(found, fraction) - 1


def written(start: int, end: int) -> str:
    """Write the time whose first microsecond is `start` and whose last is `end`.

    Where no written time has both, the result has that first microsecond.
    """
    form = next(form for step, form in _FORMS if step == end - start + 1 or step == 1)
    return _format(start, form)


def written_start(start: int) -> str:
    """Write, as short as can be, a time that begins at `start`."""
    return _format(start, next(form for step, form in _FORMS if start % step == 0))


def written_end(end: int) -> str:
    """Write, as short as can be, a time that ends at `end`."""
    return _format(end, next(form for step, form in _FORMS if (end + 1) % step == 0))


def _format(time: int, form: str) -> str:
    moment = _EPOCH + timedelta(microseconds=min(max(time, FIRST), LAST))
    # Not %Y: it does not fill up to four digits everywhere.
    return moment.strftime(form.replace("%Y", f"{moment.year:04}"))


def _zone(name: str | None) -> timezone:
    if name is None or name in "Zz":
        return UTC
    digits = name[1:].replace(":", "").ljust(4, "0")
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-offset if name[0] == "-" else offset)


def _length(found: re.Match[str], fraction: str) -> int:
    if fraction:
        return int(10 ** (6 - len(fraction)))
    for part, length in (("second", SECOND), ("minute", MINUTE), ("hour", HOUR)):
        if found[part]:
            return length
    return DAY

"""Whether all that is kept agrees with the events, and every record can be read again."""

from __future__ import annotations

import time
from itertools import groupby
from operator import itemgetter
from typing import Any

import zstandard
from duckdb import DuckDBPyConnection

from wafscope.query.timespan import DAY, MINUTE
from wafscope.store.duckdb.take import PLACE, record, unpack
from wafscope.store.lasting import Checked, Fault

_BLOCKS = 256
"""Blocks whose records are read together."""
_QUARTER = 15 * MINUTE

_WHOLE = f"(SELECT coalesce(epoch_us(min(time)) // {DAY} * {DAY} + {DAY}, 1::BIGINT << 60) FROM hourly)"
"""The first day of which all hourly counts are there, for sure."""

_EQUAL = {
    "events by source": (
        "SELECT coalesce(sum(stored - joined), 0) - coalesce((SELECT sum(events) FROM removed), 0) FROM tally",
        "SELECT count(*) FROM event",
    ),
    "matches by source": (
        "SELECT coalesce(sum(matches), 0) - coalesce((SELECT sum(matches) FROM removed), 0) FROM tally",
        "SELECT count(*) FROM match",
    ),
    "joined records": (
        "SELECT coalesce(sum(joined), 0) - coalesce((SELECT sum(joined) FROM removed), 0) FROM tally",
        "SELECT count(*) FROM joined",
    ),
    "pieces in quarantine": ("SELECT coalesce(sum(quarantined), 0) FROM tally", "SELECT count(*) FROM quarantine"),
    "events by quarter of an hour": ("SELECT count(*) FROM event", "SELECT coalesce(sum(events), 0) FROM quarter"),
    "quarters of an hour": (
        f"SELECT count(DISTINCT (epoch_us(time) - (epoch_us(time) % {_QUARTER} + {_QUARTER}) % {_QUARTER})) FROM event",
        "SELECT count(*) FROM quarter",
    ),
    "events by source of the zone": (
        "SELECT count(*) FROM event WHERE zone_source <> ''",
        "SELECT coalesce(sum(events), 0) FROM held WHERE kind = 'zone_source'",
    ),
    "gaps": (
        "SELECT count(*) FROM (SELECT unnest(list_distinct(gaps)) AS g FROM event) WHERE g <> ''",
        "SELECT coalesce(sum(events), 0) FROM held WHERE kind = 'gap'",
    ),
    "matches of events": ("SELECT coalesce(sum(match_count), 0) FROM event", "SELECT count(*) FROM match"),
    "removed events by hour": (
        f"SELECT coalesce(sum(events), 0) FROM removed WHERE day >= {_WHOLE}",
        f"SELECT coalesce(sum(events), 0) FROM hourly WHERE epoch_us(time) >= {_WHOLE}",
    ),
}
"""What is counted in two ways: (name, expected, found)."""

_NONE = {
    "matches without event": "SELECT count(*) FROM match WHERE event NOT IN (SELECT seq FROM event)",
    "joined records without event": "SELECT count(*) FROM joined WHERE event NOT IN (SELECT seq FROM event)",
    "marks without event": "SELECT count(*) FROM reviewed WHERE event NOT IN (SELECT seq FROM event)",
    "events without setting": "SELECT count(*) FROM event WHERE setting_id NOT IN (SELECT id FROM setting)",
    "matches without wording": "SELECT count(*) FROM match WHERE wording_id NOT IN (SELECT id FROM wording)",
    "sources with more than was received": (
        "SELECT count(*) FROM tally WHERE received < stored + duplicate + quarantined + expired"
    ),
    "events of equal id": "SELECT count(*) - count(DISTINCT (id_high, id_low)) FROM event",
    "blocks of equal number": "SELECT count(*) - count(DISTINCT block) FROM raw",
    "blocks that nothing points to": (
        "SELECT count(*) FROM raw WHERE block NOT IN (SELECT block FROM event WHERE block IS NOT NULL"
        " UNION SELECT block FROM joined)"
    ),
}
"""What there should be none of."""

_PLACES = f"""
    SELECT {PLACE} FROM event WHERE block >= $first AND block < $last
    UNION ALL SELECT {PLACE} FROM joined WHERE block >= $first AND block < $last ORDER BY block
"""


def check(cursor: DuckDBPyConnection) -> Checked:
    """Check all of it, as of one moment, inside the transaction that `cursor` is in."""
    started = time.monotonic()
    faults = []
    for name, (expected, found) in _EQUAL.items():
        one, other = _number(cursor, expected), _number(cursor, found)
        if one != other:
            faults.append(Fault(name, one, other))
    for name, counted in _NONE.items():
        number = _number(cursor, counted)
        if number:
            faults.append(Fault(name, 0, number))
    read, unreadable, missing = _read_all(cursor)
    if missing:
        faults.append(Fault("blocks that can not be unpacked", 0, missing))
    if unreadable:
        faults.append(Fault("records that can not be read", read + unreadable, read))
    return Checked(
        events=_number(cursor, "SELECT count(*) FROM event"),
        matches=_number(cursor, "SELECT count(*) FROM match"),
        blocks=_number(cursor, "SELECT count(*) FROM raw"),
        read=read,
        faults=tuple(faults),
        seconds=round(time.monotonic() - started, 3),
    )


def _number(cursor: DuckDBPyConnection, sql: str) -> int:
    return int(cursor.execute(sql).fetchall()[0][0])


def _read_all(cursor: DuckDBPyConnection) -> tuple[int, int, int]:
    """Read every record again; return how many could be, could not be, and blocks that are broken or missing."""
    read = unreadable = missing = 0
    last = _number(
        cursor, "SELECT coalesce(max(block), -1) + 1 FROM (SELECT block FROM event UNION SELECT block FROM raw)"
    )
    for first in range(0, last, _BLOCKS):
        span = {"first": first, "last": first + _BLOCKS}
        places = cursor.execute(_PLACES, span).fetchall()
        if not places:
            continue
        data = dict(
            cursor.execute("SELECT block, data FROM raw WHERE block >= $first AND block < $last", span).fetchall()
        )
        for block, found in groupby(places, itemgetter(0)):
            whole = _unpacked(data.get(block))
            missing += whole is None
            for place in found:
                is_read = whole is not None and _is_readable(whole, place)
                read, unreadable = read + is_read, unreadable + (not is_read)
    return read, unreadable, missing


def _unpacked(data: bytes | None) -> bytes | None:
    try:
        return None if data is None else unpack(data)
    except zstandard.ZstdError:
        return None


def _is_readable(whole: bytes, place: tuple[Any, ...]) -> bool:
    _, offset, length, *_ = place
    if offset + length > len(whole):
        return False
    try:
        record(whole, place)
    except Exception:  # noqa: BLE001 - whatever a reader can not stand, the record can not be read
        return False
    return True

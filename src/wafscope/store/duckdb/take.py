"""Matches for events that have none: an audit log without part H does not say which rules fired; the error log does.

The records are read again from their raw bytes, some at a time, since the columns that rules decide follow from whole
matches.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

import pyarrow as pa
import zstandard
from duckdb import DuckDBPyConnection

from wafscope.event.model import Event
from wafscope.reader.again import read_again
from wafscope.reader.joining import joined
from wafscope.store.duckdb.batch import batch
from wafscope.store.duckdb.encode import DECIDED, decided
from wafscope.store.duckdb.schema import EVENT_SCHEMA

_TOGETHER = 256

PLACE = "block, block_offset, raw_length, format, zone, zone_source, epoch_us(time) AS t"
"""Where a record is and how it was read: what `record` takes."""

_PLACES = f"""
    SELECT seq AS event, {PLACE}, 0 AS part, '' AS source, 0 AS source_offset
    FROM event WHERE seq IN (SELECT unnest($1::BIGINT[]))
    UNION ALL SELECT event, {PLACE}, 1, source, source_offset
    FROM joined WHERE event IN (SELECT unnest($1::BIGINT[]))
    ORDER BY event, part, t, source, source_offset
"""

_COLUMNS = (*DECIDED, "interrupted_source", "gaps")
_TAKEN = pa.schema([("event", pa.int64()), *(EVENT_SCHEMA.field(name) for name in _COLUMNS)])


def record(data: bytes, place: Sequence[Any]) -> Event:
    """Read the record at a place again; `data` is its block, unpacked."""
    _, offset, length, kind, zone, zone_source, time = place
    raw = data[offset : offset + length]
    return read_again(kind, raw, zone or "", assumed=zone_source == "assumed", arrival=time)


def unpack(data: bytes) -> bytes:
    """Unpack a block of records."""
    return zstandard.ZstdDecompressor().decompress(data)


def take_over(cursor: DuckDBPyConnection, events: list[int]) -> list[int]:
    """Let events take over the matches of what is joined to them; return those that did."""
    taken: list[int] = []
    for start in range(0, len(events), _TOGETHER):
        rows = [(number, event) for number, event in _read(cursor, events[start : start + _TOGETHER]) if event.matches]
        if rows:
            _write(cursor, rows)
        taken += [number for number, _ in rows]
    return taken


def _read(cursor: DuckDBPyConnection, numbers: list[int]) -> list[tuple[int, Event]]:
    """Read events with all that is joined to them; one that can not be read any more is left out."""
    places = cursor.execute(_PLACES, [numbers]).fetchall()
    blocks = sorted({place[1] for place in places})
    data = dict(
        cursor.execute("SELECT block, data FROM raw WHERE block IN (SELECT unnest(?::BIGINT[]))", [blocks]).fetchall()
    )
    read: dict[tuple[int, int, int], Event | None] = {}
    for block, found in groupby(sorted(places, key=itemgetter(1)), itemgetter(1)):
        whole = unpack(data[block])
        for place in found:
            try:
                read[place[:3]] = record(whole, place[1:8])
            except (ValueError, RecursionError):
                read[place[:3]] = None
    result = []
    for number, found in groupby(places, itemgetter(0)):
        own, *errors = [read[place[:3]] for place in found]
        if own is not None and None not in errors:
            result.append((number, joined(own, [each for each in errors if each is not None])))
    return result


def _write(cursor: DuckDBPyConnection, rows: list[tuple[int, Event]]) -> None:
    values = [(number, *decided(event), event.interrupted_source, event.gaps) for number, event in rows]
    columns = [[value if value != "" else None for value in column] for column in zip(*values, strict=True)]
    arrays = [pa.array(column, field.type) for column, field in zip(columns, _TAKEN, strict=True)]
    changes = ", ".join(f'"{name}" = b."{name}"' for name in _COLUMNS)
    with batch(cursor, "batch_taken", _TAKEN, [pa.RecordBatch.from_arrays(arrays, schema=_TAKEN)]):
        cursor.execute(f"UPDATE event SET {changes} FROM batch_taken AS b WHERE event.seq = b.event")

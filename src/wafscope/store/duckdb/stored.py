"""One event as it is stored: its records are read again from their raw bytes, for whatever is not a column.

An event whose record was not kept, or can not be read any more, is made of its columns.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from wafscope.event.model import Event
from wafscope.query.question import JoinedRecord, StoredEvent
from wafscope.reader.joining import joined
from wafscope.store.duckdb import outline
from wafscope.store.duckdb.compile import Sql
from wafscope.store.duckdb.take import PLACE, record, unpack

Ask = Callable[[Sql], list[tuple[Any, ...]]]

_STORED = f"SELECT seq, id_high, id_low, sensor, source, source_offset, source_length, {PLACE} FROM event"
_REVIEWED = "SELECT epoch_us(min(time)) FROM reviewed WHERE event = ?"
_JOINED = (
    f"SELECT source, source_offset, source_length, {PLACE} FROM joined WHERE event = ?"
    " ORDER BY time, source, source_offset"
)


_LENGTH = 2
"""Where a place has the length of the record; it is 0 where that was not kept."""


def identity(high: int, low: int) -> bytes:
    """The id of an event from the two columns that it is kept in."""
    return high.to_bytes(8) + low.to_bytes(8)


def stored(ask_store: Ask, event_id: bytes) -> StoredEvent | None:
    """Return the event of an id, or that of the record of this id that is joined to it; None where there is none."""
    key = int.from_bytes(event_id[:8]), int.from_bytes(event_id[8:])
    is_it = "id_high = ?::UBIGINT AND id_low = ?::UBIGINT"
    found = ask_store(Sql(f"{_STORED} WHERE {is_it}", key))
    if not found:
        found = ask_store(Sql(f"{_STORED} WHERE seq = (SELECT event FROM joined WHERE {is_it})", key))
    if not found:
        return None
    seq, high, low, sensor, source, offset, length, *place = found[0]
    rows = ask_store(Sql(_JOINED, (seq,)))
    event = _own(ask_store, seq, place, is_joined=bool(rows))
    read = [(row, error) for row in rows if (error := _record(ask_store, row[3:])[1]) is not None]
    errors = [error for _, error in read]
    return StoredEvent(
        id=identity(high, low),
        event=joined(event, errors) if errors else event,
        sensor=sensor or "",
        source=source or "",
        offset=offset,
        length=length,
        joined=tuple(JoinedRecord(error.format, row[0] or "", row[1], row[2], error.raw) for row, error in read),
        reviewed=ask_store(Sql(_REVIEWED, (seq,)))[0][0],
    )


def _own(ask_store: Ask, seq: int, place: Sequence[Any], *, is_joined: bool) -> Event:
    """The event of a record that was kept, else of its columns; so is one that can not be read any more."""
    raw, event = _record(ask_store, place) if place[_LENGTH] else (b"", None)
    return event or msgspec.structs.replace(outline.read(ask_store, seq, is_joined=is_joined), raw=raw)


def _record(ask_store: Ask, place: Sequence[Any]) -> tuple[bytes, Event | None]:
    """The bytes of a record, and what they say; None where they can not be read any more."""
    block = unpack(ask_store(Sql("SELECT data FROM raw WHERE block = ?", (place[0],)))[0][0])
    try:
        event = record(block, place)
    except (ValueError, RecursionError):
        return block[place[1] : place[1] + place[2]], None
    return event.raw, event

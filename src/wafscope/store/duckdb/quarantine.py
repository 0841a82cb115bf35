"""The quarantine of the DuckDB file: what could not be read, whole, until it is read after all."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
from duckdb import DuckDBPyConnection

from wafscope.event.text import storable
from wafscope.query.question import Quarantine, QuarantinedPiece
from wafscope.store.base import Tally
from wafscope.store.duckdb.batch import batch
from wafscope.store.duckdb.compile import TRUE, Sql, joined
from wafscope.store.piece import quarantined

_SCHEMA = pa.schema(
    [
        ("id", pa.int64()),
        ("source", pa.string()),
        ("sensor", pa.string()),
        ("offset", pa.int64()),
        ("length", pa.int64()),
        ("reason", pa.string()),
        ("seen", pa.timestamp("us", tz="UTC")),
        ("more", pa.list_(pa.int64())),
        ("data", pa.binary()),
    ]
)
_NAMES = ", ".join(f'"{name}"' for name in _SCHEMA.names)


def put_aside(cursor: DuckDBPyConnection, tally: Tally) -> None:
    """Keep what could not be read, as one table: a file of garbage can have a piece a line.

    Numbers are never given twice: the last one is kept beside the counts.
    """
    if not tally.unreadable:
        return
    last: int = cursor.execute("SELECT coalesce(max(events), 0) FROM held WHERE kind = 'quarantine'").fetchall()[0][0]
    seen = time.time_ns() // 1000
    pieces = [quarantined(number, each, tally, seen) for number, each in enumerate(tally.unreadable, last + 1)]
    rows = [
        (p.id, p.source, p.sensor, p.offset, p.length, p.reason, p.seen, [n for place in p.more for n in place], p.data)
        for p in pieces
    ]
    arrays = [pa.array(values, field.type) for values, field in zip(zip(*rows, strict=True), _SCHEMA, strict=True)]
    with batch(cursor, "batch_quarantine", _SCHEMA, [pa.RecordBatch.from_arrays(arrays, schema=_SCHEMA)]):
        cursor.execute(f"INSERT INTO quarantine ({_NAMES}) SELECT {_NAMES} FROM batch_quarantine")
    cursor.execute("DELETE FROM held WHERE kind = 'quarantine'")
    cursor.execute("INSERT INTO held VALUES ('quarantine', 'last', ?)", [pieces[-1].id])


def let_go(cursor: DuckDBPyConnection, tally: Tally, pieces: Sequence[int]) -> None:
    """Remove pieces that have been read, and take them out of the counters of their source."""
    found = cursor.execute(
        "DELETE FROM quarantine WHERE id IN (SELECT unnest(?::BIGINT[])) RETURNING id", [list(pieces)]
    ).fetchall()
    cursor.execute(
        "UPDATE tally SET received = received - ?, quarantined = quarantined - ? WHERE source = ? AND sensor = ?",
        [len(found), len(found), storable(tally.source), storable(tally.sensor)],
    )


def pieces(question: Quarantine) -> Sql:
    """The SQL of the pieces that are asked for."""
    parts = [Sql("reason = ?", (question.reason,))] if question.reason else []
    if question.ids:
        parts.append(Sql("id IN (SELECT unnest(?::BIGINT[]))", (list(question.ids),)))
    data = "data" if question.with_data else "''::BLOB"
    sql = Sql(
        f'SELECT id, source, sensor, "offset", length, reason, epoch_us(seen), more, {data} FROM quarantine WHERE '
    ) + (joined(parts, "AND") if parts else TRUE)
    return sql + Sql(" ORDER BY id") + (Sql(" LIMIT ?", (question.limit,)) if question.limit else Sql(""))


def piece(row: tuple[Any, ...]) -> QuarantinedPiece:
    """Return the piece of a row of that."""
    number, source, sensor, offset, length, reason, seen, more, data = row
    places = tuple(zip(more[::2], more[1::2], strict=True))
    return QuarantinedPiece(number, source, sensor, offset, length, reason, seen, places, data)

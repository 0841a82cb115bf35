"""The quarantine of the DuckDB file: what could not be read, whole, until it is read after all."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
from duckdb import DuckDBPyConnection

from wafscope.event.text import storable
from wafscope.query.question import Quarantine, QuarantineCounts, QuarantinedPiece, SourceCounts
from wafscope.store.base import Tally
from wafscope.store.counters import dropped
from wafscope.store.duckdb import rewrite
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


_AT_ITS_PLACE = """SELECT q.id, b.id FROM quarantine AS q JOIN batch_quarantine AS b
    ON q.source = b.source AND q.sensor = b.sensor AND q."offset" = b."offset" AND q.length = b.length
    AND q.reason = b.reason"""
_AS_IT_IS = """SELECT b.id FROM quarantine AS q JOIN (SELECT unnest(?::BIGINT[]) AS id, unnest(?::BIGINT[]) AS own) AS p
    ON q.id = p.id JOIN batch_quarantine AS b ON b.id = p.own
    WHERE q.id IN (SELECT unnest(?::BIGINT[])) AND q.data = b.data AND q.more = b.more"""


def put_aside(cursor: DuckDBPyConnection, tally: Tally) -> int:
    """Keep what could not be read, as one table: a file of garbage can have a piece a line.

    Return how many pieces are kept already, from when the same file was read before.  Numbers are never given twice:
    the last one is kept beside the counts.
    """
    if not tally.unreadable:
        return 0
    last: int = cursor.execute("SELECT coalesce(max(events), 0) FROM held WHERE kind = 'quarantine'").fetchall()[0][0]
    seen = time.time_ns() // 1000
    pieces = [quarantined(number, each, tally, seen) for number, each in enumerate(tally.unreadable, last + 1)]
    rows = [
        (p.id, p.source, p.sensor, p.offset, p.length, p.reason, p.seen, [n for place in p.more for n in place], p.data)
        for p in pieces
    ]
    arrays = [pa.array(values, field.type) for values, field in zip(zip(*rows, strict=True), _SCHEMA, strict=True)]
    rows_batch = pa.RecordBatch.from_arrays(arrays, schema=_SCHEMA)
    known = _known(cursor, rows_batch)
    with batch(cursor, "batch_quarantine", _SCHEMA, [rows_batch]):
        cursor.execute(
            f"INSERT INTO quarantine ({_NAMES}) SELECT {_NAMES} FROM batch_quarantine"
            " WHERE id NOT IN (SELECT unnest(?::BIGINT[]))",
            [known],
        )
    cursor.execute("DELETE FROM held WHERE kind = 'quarantine'")
    cursor.execute("INSERT INTO held VALUES ('quarantine', 'last', ?)", [pieces[-1].id])
    return len(known)


def _known(cursor: DuckDBPyConnection, rows: pa.RecordBatch) -> list[int]:
    """Return which of the new pieces are kept already; bytes are compared only of those at the same place."""
    with batch(cursor, "batch_quarantine", _SCHEMA, [rows]):
        places = cursor.execute(_AT_ITS_PLACE).fetchall()
    if not places:
        return []
    kept, own = (list(each) for each in zip(*places, strict=True))
    with batch(cursor, "batch_quarantine", _SCHEMA, [rows]):
        return sorted({number for (number,) in cursor.execute(_AS_IT_IS, [kept, own, kept]).fetchall()})


def let_go(cursor: DuckDBPyConnection, tally: Tally, pieces: Sequence[int]) -> None:
    """Remove pieces that have been read, and take them out of the counters of their source."""
    found = cursor.execute(
        "DELETE FROM quarantine WHERE id IN (SELECT unnest(?::BIGINT[])) RETURNING id", [list(pieces)]
    ).fetchall()
    rewrite.stain(cursor)
    cursor.execute(
        "UPDATE tally SET received = received - ?, quarantined = quarantined - ? WHERE source = ? AND sensor = ?",
        [len(found), len(found), storable(tally.source), storable(tally.sensor)],
    )


def discard(cursor: DuckDBPyConnection, question: Quarantine) -> int:
    """Remove pieces for good; their sources count them as dropped."""
    condition = _where(question)
    gone = cursor.execute(
        f"WITH gone AS (SELECT source, sensor FROM quarantine WHERE {condition.text})"
        " SELECT source, sensor, count(*) FROM gone GROUP BY ALL",
        list(condition.values),
    ).fetchall()
    cursor.execute(f"DELETE FROM quarantine WHERE {condition.text}", list(condition.values))
    rewrite.stain(cursor)
    known = cursor.execute("SELECT source, sensor FROM tally").fetchall()
    lost = dropped([SourceCounts(source, sensor) for source, sensor in known], gone)
    for (source, sensor), number in lost.items():
        cursor.execute(
            "UPDATE tally SET quarantined = quarantined - ? WHERE source = ? AND sensor = ?", [number, source, sensor]
        )
    return sum(number for _, _, number in gone)


def _where(question: Quarantine) -> Sql:
    """The condition of the pieces that a question is about, whatever its limit."""
    parts = [Sql("reason = ?", (question.reason,))] if question.reason else []
    if question.ids:
        parts.append(Sql("id IN (SELECT unnest(?::BIGINT[]))", (list(question.ids),)))
    if question.source:
        source = storable(question.source)
        parts.append(Sql("(source = ? OR starts_with(source, ?))", (source, f"{source}/")))
    if question.seen_before:
        parts.append(Sql("seen < make_timestamptz(?::BIGINT)", (question.seen_before,)))
    if question.before:
        parts.append(Sql("id < ?", (question.before,)))
    return joined(parts, "AND") if parts else TRUE


def pieces(question: Quarantine) -> Sql:
    """The SQL of the pieces that are asked for."""
    data = f"data[1:{int(question.most)}]" if question.most else "data"
    data = data if question.with_data else "''::BLOB"
    sql = Sql(
        f'SELECT id, source, sensor, "offset", length, reason, epoch_us(seen), more, {data} FROM quarantine WHERE '
    ) + _where(question)
    order = Sql(" ORDER BY id DESC" if question.newest else " ORDER BY id")
    return sql + order + (Sql(" LIMIT ?", (question.limit,)) if question.limit else Sql(""))


def counts(question: Quarantine) -> Sql:
    """The SQL of how many there are, by reason."""
    return (
        Sql("SELECT reason, count(*), epoch_us(min(seen)) FROM quarantine WHERE ")
        + _where(question)
        + Sql(" GROUP BY reason ORDER BY 2 DESC, 1")
    )


def counted(rows: Sequence[tuple[Any, ...]]) -> QuarantineCounts:
    """Return the counts of those rows."""
    return QuarantineCounts(
        sum(row[1] for row in rows),
        tuple((row[0], row[1]) for row in rows),
        min((row[2] for row in rows), default=None),
    )


def piece(row: tuple[Any, ...]) -> QuarantinedPiece:
    """Return the piece of a row of that."""
    number, source, sensor, offset, length, reason, seen, more, data = row
    places = tuple(zip(more[::2], more[1::2], strict=True))
    return QuarantinedPiece(number, source, sensor, offset, length, reason, seen, places, data)

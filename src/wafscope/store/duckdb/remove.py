"""Removing events: their rows, matches, records and all that is kept of them; hourly counts of them stay.

A block of raw records holds those of many events.  One of which some stay is written anew without the others: what is
removed is in no row afterwards, and in no byte of the file once that has been rewritten (`compact.py`).
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import zstandard
from duckdb import DuckDBPyConnection

from wafscope.query.question import OTHERS, RemovalReason, Removed
from wafscope.query.timespan import DAY, HOUR, Window
from wafscope.reader.joining import FORMATS
from wafscope.store.duckdb import recount, rewrite
from wafscope.store.duckdb.batch import batch
from wafscope.store.duckdb.compile import during
from wafscope.store.duckdb.encode import BLOCK_BYTES, BLOCK_RECORDS
from wafscope.store.duckdb.schema import HOURLY_FIELDS, RAW_SCHEMA
from wafscope.store.duckdb.take import unpack
from wafscope.store.pairing import UNTIMED
from wafscope.store.removal import MOST_HOSTS

_LEVEL = 3
_EVERY = 1 << 62
_BLOCKS = 64
"""Blocks that are written anew at a time: each has up to a megabyte."""
_KINDS = ", ".join(f"'{name}'" for name in FORMATS)
_HOUR = f"make_timestamptz(epoch_us(time) - (epoch_us(time) % {HOUR} + {HOUR}) % {HOUR})"
_FIELDS = ", ".join(f'"{field.column}"' for field in HOURLY_FIELDS)

_GONE = f"""
    CREATE OR REPLACE TEMP TABLE gone AS SELECT seq, time, sensor, source, gaps, zone_source, client_address, rule_ids,
        repeated_ids, match_count, scoring_count, {_FIELDS}, format, block, NULL::BIGINT AS audit, false AS taken
    FROM event WHERE {{during}}{{kept}}
"""
_NOTED = "CREATE OR REPLACE TEMP TABLE noted AS SELECT seq, gaps FROM event LIMIT 0"

_KEPT_FIELDS = ", ".join(f'"{f.column}"' if f.column != "host" else "kept_host" for f in HOURLY_FIELDS)
_HOURLY = f"""
    INSERT INTO hourly
    WITH often AS (SELECT host FROM gone WHERE host IS NOT NULL GROUP BY host ORDER BY count(*) DESC, host
        LIMIT {MOST_HOSTS})
    SELECT {_HOUR} AS hour, {_KEPT_FIELDS}, count(*), sum(match_count), sum(scoring_count)
    FROM (SELECT *, CASE WHEN host IS NULL OR host IN (FROM often) THEN host ELSE ? END AS kept_host FROM gone)
    GROUP BY ALL ORDER BY hour
"""
_HOURLY_RULE = f"""
    INSERT INTO hourly_rule SELECT {_HOUR} AS hour, rule_id, sum(once), count(*) FROM
        (SELECT time, unnest(rule_ids) AS rule_id, 1 AS once FROM gone
        UNION ALL SELECT time, unnest(repeated_ids), 0 FROM gone)
    GROUP BY ALL ORDER BY hour, rule_id
"""

_REMOVED = f"""
    SELECT (epoch_us(time) - (epoch_us(time) % {DAY} + {DAY}) % {DAY}) AS day, count(*), sum(match_count)::BIGINT,
        coalesce(sum(j.records), 0)::BIGINT
    FROM gone LEFT JOIN (SELECT event, count(*) AS records FROM joined GROUP BY event) AS j ON j.event = gone.seq
    GROUP BY day ORDER BY day
"""


def remove(
    cursor: DuckDBPyConnection, window: Window, reason: RemovalReason, now: int, *, reviewed: bool
) -> tuple[Removed, ...]:
    """Remove the events of a window, also `reviewed` ones or not; return what was removed of each day.

    It is done inside the transaction that `cursor` is in.
    """
    times = " AND ".join(part.text for part in during(window)) or "true"
    values = [value for part in during(window) for value in part.values]
    kept = "" if reviewed else " AND seq NOT IN (SELECT event FROM reviewed)"
    cursor.execute(_GONE.format(during=times, kept=kept), values)
    days = cursor.execute(_REMOVED).fetchall()
    if not days:
        return ()
    cursor.execute(_NOTED)
    cursor.execute(_HOURLY, [OTHERS])
    cursor.execute(_HOURLY_RULE)
    _count_log(cursor)
    cursor.execute(
        "CREATE OR REPLACE TEMP TABLE gone_block AS SELECT block FROM gone"
        " UNION SELECT block FROM joined WHERE event IN (SELECT seq FROM gone)"
    )
    for table in ("joined", "own_word", "reviewed"):
        cursor.execute(f"DELETE FROM {table} WHERE event IN (SELECT seq FROM gone)")
    cursor.execute(f"DELETE FROM match WHERE {times} AND event IN (SELECT seq FROM gone)", values)
    cursor.execute(f"DELETE FROM event WHERE {times} AND seq IN (SELECT seq FROM gone)", values)
    recount.recount(cursor, _EVERY)
    _remove_blocks(cursor)
    # What is gone is to be nowhere, not even in what the database keeps for itself.
    for table in ("gone", "noted", "gone_block", "left_over", "sought"):
        cursor.execute(f"DROP TABLE IF EXISTS temp.{table}")
    rewrite.stain(cursor)
    return tuple(
        _state(cursor, Removed(day, reason, min(window.end, day + DAY), events, matches, joined, now))
        for day, events, matches, joined in days
    )


def _count_log(cursor: DuckDBPyConnection) -> None:
    """Take what is gone out of the counts of records of error logs."""
    less = cursor.execute(
        f"SELECT count(*) FILTER (format IN ({_KINDS})),"
        f" count(*) FILTER (format IN ({_KINDS}) AND list_contains(gaps, ?)),"
        " (SELECT count(*) FROM joined WHERE event IN (SELECT seq FROM gone)) FROM gone",
        [UNTIMED],
    ).fetchall()[0]
    for value, number in zip(("unjoined", "untimed", "joined"), less, strict=True):
        if number:
            cursor.execute("UPDATE held SET events = events - ? WHERE kind = 'log' AND value = ?", [number, value])


def _state(cursor: DuckDBPyConnection, removed: Removed) -> Removed:
    """Write down what was removed, beside what was removed of the same day before."""
    key = [removed.day, removed.reason]
    numbers = [removed.until, removed.events, removed.matches, removed.joined, removed.time]
    found = cursor.execute("SELECT 1 FROM removed WHERE day = ? AND reason = ?", key).fetchall()
    if found:
        cursor.execute(
            "UPDATE removed SET until = greatest(until, ?), events = events + ?, matches = matches + ?,"
            " joined = joined + ?, time = make_timestamptz(?::BIGINT) WHERE day = ? AND reason = ?",
            [*numbers, *key],
        )
    else:
        cursor.execute("INSERT INTO removed VALUES (?, ?, ?, ?, ?, ?, make_timestamptz(?::BIGINT))", [*key, *numbers])
    return removed


# --- raw records ---------------------------------------------------------------


def _remove_blocks(cursor: DuckDBPyConnection) -> None:
    """Remove the blocks in which nothing is left, and write those anew in which something is."""
    cursor.execute(
        """CREATE OR REPLACE TEMP TABLE left_over AS SELECT DISTINCT block, block_offset, raw_length FROM
        (SELECT block, block_offset, raw_length FROM event WHERE block IN (FROM gone_block)
        UNION ALL SELECT block, block_offset, raw_length FROM joined WHERE block IN (FROM gone_block))"""
    )
    mixed = [row[0] for row in cursor.execute("SELECT DISTINCT block FROM left_over ORDER BY block").fetchall()]
    for start in range(0, len(mixed), _BLOCKS):
        _write_anew(cursor, mixed[start : start + _BLOCKS])
    cursor.execute("DELETE FROM raw WHERE block IN (FROM gone_block)")


_MOVED = pa.schema([(name, pa.int64()) for name in ("block", "block_offset", "new_block", "new_offset")])


def _write_anew(cursor: DuckDBPyConnection, blocks: list[int]) -> None:
    """Write what is left in some blocks into new ones, and let events point there."""
    data = dict(
        cursor.execute("SELECT block, data FROM raw WHERE block IN (SELECT unnest(?::BIGINT[]))", [blocks]).fetchall()
    )
    rows = cursor.execute(
        "SELECT block, block_offset, raw_length FROM left_over WHERE block IN (SELECT unnest(?::BIGINT[]))"
        " ORDER BY block, block_offset",
        [blocks],
    ).fetchall()
    packing = _Packing(cursor.execute("SELECT max(block) + 1 FROM raw").fetchall()[0][0])
    unpacked: tuple[int, bytes] = (-1, b"")
    moved = []
    for block, offset, length in rows:
        if unpacked[0] != block:
            unpacked = block, unpack(data[block])
        moved.append((block, offset, *packing.add(unpacked[1][offset : offset + length])))
    written = pa.RecordBatch.from_arrays(
        [pa.array(column, field.type) for column, field in zip(packing.blocks(), RAW_SCHEMA, strict=True)],
        schema=RAW_SCHEMA,
    )
    with batch(cursor, "batch_raw", RAW_SCHEMA, [written]):
        cursor.execute("INSERT INTO raw SELECT block, data FROM batch_raw")
    columns = [pa.array(column, pa.int64()) for column in zip(*moved, strict=True)]
    for table in ("event", "joined"):
        with batch(cursor, "batch_moved", _MOVED, [pa.RecordBatch.from_arrays(columns, schema=_MOVED)]):
            cursor.execute(
                f"UPDATE {table} SET block = m.new_block, block_offset = m.new_offset FROM batch_moved AS m"
                f" WHERE {table}.block = m.block AND {table}.block_offset = m.block_offset"
            )


class _Packing:
    """Packs records into blocks."""

    def __init__(self, first: int) -> None:
        self._compress = zstandard.ZstdCompressor(level=_LEVEL).compress
        self._first = first
        self._packed: list[bytes] = []
        self._parts: list[bytes] = []
        self._size = 0

    def add(self, raw: bytes) -> tuple[int, int]:
        """Take a record; return its block and its offset there."""
        if len(self._parts) >= BLOCK_RECORDS or self._size >= BLOCK_BYTES:
            self._close()
        place = self._first + len(self._packed), self._size
        self._parts.append(raw)
        self._size += len(raw)
        return place

    def _close(self) -> None:
        self._packed.append(self._compress(b"".join(self._parts)))
        self._parts, self._size = [], 0

    def blocks(self) -> tuple[list[Any], list[Any]]:
        """Return numbers and contents of the blocks."""
        if self._parts:
            self._close()
        return list(range(self._first, self._first + len(self._packed))), self._packed

"""Writing a payload: events, matches, raw records and counters in one transaction.

Duplicates are found by an anti-join on the id within the time range of the batch, a day added on either
side: a record keeps its time, whatever the name of its file.
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa
from duckdb import DuckDBPyConnection

from wafscope.event.text import storable
from wafscope.query.timespan import DAY as DAY_LONG
from wafscope.store.base import Tally, Written
from wafscope.store.duckdb.encode import Tables
from wafscope.store.duckdb.schema import EVENT_COLUMNS, EVENT_FIELDS, MATCH_COLUMNS, MATCH_FIELDS

_SEEN = (
    "SELECT b.seq FROM batch_event AS b SEMI JOIN"
    " (SELECT id_high, id_low FROM event"
    " WHERE time BETWEEN make_timestamptz(?::BIGINT) AND make_timestamptz(?::BIGINT)) AS e"
    " USING (id_high, id_low)"
)
_BASES = "SELECT coalesce((SELECT max(seq) FROM event), -1) + 1, coalesce((SELECT max(block) FROM raw), -1) + 1"


def _selected(names: list[str], texts: set[str], shifts: dict[str, str]) -> str:
    """The select list: an empty text is a missing value; local numbers get the store's base."""
    items = []
    for name in names:
        column = f"nullif(\"{name}\", '')" if name in texts else f'"{name}"'
        items.append(shifts.get(name, column))
    return ", ".join(items)


_EVENTS = _selected(
    EVENT_COLUMNS,
    {f.column for f in EVENT_FIELDS if f.type in {"text", "address"} and not f.empty_is_value},
    {"seq": "seq + $seq", "block": "block + $block"},
)
_MATCHES = _selected(MATCH_COLUMNS, {f.column for f in MATCH_FIELDS if f.type == "text"}, {"event": "event + $seq"})


def write_tables(cursor: DuckDBPyConnection, tables: Tables, tally: Tally) -> Written:
    """Write a payload and its tally inside the transaction that `cursor` is in."""
    stored = matches = 0
    if tables.event_count:
        stored, matches = _write_events(cursor, tables)
    _write_quarantine(cursor, tally)
    written = Written(
        stored=stored, duplicate=tally.events - stored, quarantined=len(tally.unreadable), matches=matches
    )
    _count(cursor, tally, written)
    return written


def _write_events(cursor: DuckDBPyConnection, tables: Tables) -> tuple[int, int]:
    batches = {"event": tables.events, "match": tables.matches, "raw": tables.raw, "rule": tables.rules}
    for name, stream in batches.items():
        cursor.register(f"batch_{name}", pa.ipc.open_stream(stream).read_all().combine_chunks())
    try:
        seen = {row[0] for row in cursor.execute(_SEEN, [tables.first - DAY_LONG, tables.last + DAY_LONG]).fetchall()}
        if len(seen) == tables.event_count:
            return 0, 0
        seq, block = _row(cursor, _BASES)
        base = {"seq": seq, "block": block}
        kept, kept_match, kept_raw = "", "", ""
        if seen:
            cursor.execute("CREATE OR REPLACE TEMP TABLE batch_seen (seq BIGINT)")
            cursor.register("batch_seen_rows", pa.table({"seq": pa.array(sorted(seen), pa.int64())}))
            cursor.execute("INSERT INTO batch_seen FROM batch_seen_rows")
            cursor.unregister("batch_seen_rows")
            kept = " WHERE seq NOT IN (FROM batch_seen)"
            kept_match = " WHERE event NOT IN (FROM batch_seen)"
            kept_raw = f" WHERE block IN (SELECT block FROM batch_event{kept})"
        cursor.execute(f"INSERT INTO event SELECT {_EVENTS} FROM batch_event{kept}", base)
        cursor.execute(f"INSERT INTO match SELECT {_MATCHES} FROM batch_match{kept_match}", {"seq": seq})
        cursor.execute(f"INSERT INTO raw SELECT block + $block, data FROM batch_raw{kept_raw}", {"block": block})
        _write_rules(cursor)
        _write_held(cursor, kept)
        matches = tables.match_count if not seen else _row(cursor, f"SELECT count(*) FROM batch_match{kept_match}")[0]
        return tables.event_count - len(seen), matches
    finally:
        for name in batches:
            cursor.unregister(f"batch_{name}")


def _write_rules(cursor: DuckDBPyConnection) -> None:
    """Keep what the latest match says about each rule."""
    cursor.execute("DELETE FROM rule USING batch_rule AS b WHERE rule.rule_id = b.rule_id AND rule.time <= b.time")
    cursor.execute("INSERT INTO rule SELECT b.* FROM batch_rule AS b ANTI JOIN rule USING (rule_id)")


def _write_held(cursor: DuckDBPyConnection, kept: str) -> None:
    """Add to what is asked on every page, so that no question has to look at all events for it."""
    counts = cursor.execute(
        f"""SELECT 'gap', v, count(*) FROM (SELECT unnest(list_distinct(gaps)) AS v FROM batch_event{kept})
            WHERE v <> '' GROUP BY v
            UNION ALL SELECT 'zone_source', zone_source, count(*) FROM batch_event{kept} GROUP BY zone_source"""
    ).fetchall()
    for kind, value, events in counts:
        key = [kind, value]
        if not cursor.execute("SELECT 1 FROM held WHERE kind = ? AND value = ?", key).fetchall():
            cursor.execute("INSERT INTO held VALUES (?, ?, 0)", key)
        cursor.execute("UPDATE held SET events = events + ? WHERE kind = ? AND value = ?", [events, *key])


def _write_quarantine(cursor: DuckDBPyConnection, tally: Tally) -> None:
    """Keep what could not be read, as one table: a file of garbage can have a piece a line."""
    if not tally.unreadable:
        return
    pieces = pa.table(
        {
            "source": pa.array([storable(u.source or tally.source) for u in tally.unreadable], pa.string()),
            "offset": pa.array([u.offset for u in tally.unreadable], pa.int64()),
            "reason": pa.array([u.reason for u in tally.unreadable], pa.string()),
            "data": pa.array([u.data for u in tally.unreadable], pa.binary()),
        }
    )
    cursor.register("batch_quarantine", pieces)
    try:
        cursor.execute(
            'INSERT INTO quarantine (source, sensor, "offset", reason, data)'
            ' SELECT source, ?, "offset", reason, data FROM batch_quarantine',
            [storable(tally.sensor)],
        )
    finally:
        cursor.unregister("batch_quarantine")


def _count(cursor: DuckDBPyConnection, tally: Tally, written: Written) -> None:
    """Add to the counters of the source."""
    key = [storable(tally.source), storable(tally.sensor)]
    numbers = [
        tally.events + written.quarantined, written.stored, written.duplicate, written.quarantined, tally.foreign,
        tally.bytes, written.matches,
    ]  # fmt: skip
    names = ("received", "stored", "duplicate", "quarantined", "foreign_lines", "bytes", "matches")
    if not cursor.execute("SELECT 1 FROM tally WHERE source = ? AND sensor = ?", key).fetchall():
        cursor.execute("INSERT INTO tally VALUES (?, ?, 0, 0, 0, 0, 0, 0, 0)", key)
    added = ", ".join(f"{name} = {name} + ?" for name in names)
    cursor.execute(f"UPDATE tally SET {added} WHERE source = ? AND sensor = ?", [*numbers, *key])


def _row(cursor: DuckDBPyConnection, sql: str) -> tuple[Any, ...]:
    # All rows are fetched: a result left unfinished blocks the cursor.
    rows: list[tuple[Any, ...]] = cursor.execute(sql).fetchall()
    return rows[0]

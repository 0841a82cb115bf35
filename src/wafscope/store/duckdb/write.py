"""Writing payloads: events, matches, raw records and counters in one transaction.

Duplicates are found by an anti-join on the id within the time range of the batch, a day added on either
side: a record keeps its time, whatever the name of its file.

Every statement takes some milliseconds to plan, whatever it has to do, so several payloads are written together,
and what is counted is written once a transaction.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from typing import Any

import msgspec
import pyarrow as pa
from duckdb import DuckDBPyConnection

from wafscope.event.text import storable
from wafscope.store.base import Tally, Written
from wafscope.store.duckdb.batch import batch
from wafscope.store.duckdb.coding import Coding
from wafscope.store.duckdb.encode import EVENT_BATCH, MATCH_BATCH, Rule, Tables
from wafscope.store.duckdb.join import Joined, Joining, count_again
from wafscope.store.duckdb.quarantine import put_aside
from wafscope.store.duckdb.schema import (
    EVENT_COLUMNS,
    FIRST_FIELDS,
    MATCH_COLUMNS,
    QUARTER,
    RAW_SCHEMA,
    RULE_SCHEMA,
    first_table,
)

_TOGETHER = 20_000
"""Events that are written by one statement..."""
_MOST_BYTES = 32 << 20
"""...or fewer, when what waits takes so much memory..."""
MANY = 1 << 30
"""Payloads that may follow, where nobody knows."""
_FEW, _LEAST = 2, 4_000
"""...or when only a few payloads are left: what waits behind the last one is all that keeps an import from its end."""

_NUMBER = pa.int64()
_EVENTS = EVENT_BATCH.append(pa.field("seq", _NUMBER)).append(pa.field("first_block", _NUMBER))
_MATCHES = MATCH_BATCH.append(pa.field("first_event", _NUMBER))
_CODE = pa.dictionary(pa.int32(), pa.int32())
_RAW = RAW_SCHEMA.append(pa.field("first_block", _NUMBER))
_IDS = pa.schema([_EVENTS.field(name) for name in ("seq", "id_high", "id_low", "match_count")])

_SEEN = """
    WITH b AS MATERIALIZED (FROM batch_ids),
    twice AS MATERIALIZED (SELECT id_high, id_low FROM b GROUP BY ALL HAVING count(*) > 1)
    SELECT seq, match_count FROM b SEMI JOIN ({known}) AS e USING (id_high, id_low)
    UNION
    SELECT seq, match_count FROM
        (SELECT seq, match_count, row_number() OVER (PARTITION BY id_high, id_low ORDER BY seq) AS n
        FROM b SEMI JOIN twice USING (id_high, id_low))
        WHERE n > 1
"""
"""Events that are stored already, or stand in the batch before."""

_NEXT_EVENT = "SELECT coalesce(max(seq), -1) + 1 FROM event"
_NEXT_BLOCK = "SELECT coalesce(max(block), -1) + 1 FROM raw"
_SINCE = "SELECT max(until) FROM removed"
_OLD = "SELECT seq, match_count FROM batch_times WHERE time < make_timestamptz(?::BIGINT)"
"""Events from before what is held."""


def _selected(names: list[str], **shifted: str) -> str:
    """The select list; local numbers get the store's base."""
    return ", ".join(f"{shifted[name]} AS {name}" if name in shifted else f'"{name}"' for name in names)


_EVENT_COLUMNS = _selected(EVENT_COLUMNS, block="block + first_block")
_MATCH_COLUMNS = _selected(MATCH_COLUMNS, event="event + first_event")
_RAW_COLUMNS = "block + first_block AS block, data"


class _Part(msgspec.Struct):
    """A payload with its place among the others."""

    tables: Tables
    tally: Tally
    first_event: int
    first_block: int
    settings: pa.Array
    wordings: pa.Array
    """Numbers of its rows of `setting` and `wording`."""
    stored: int = 0
    matches: int = 0
    expired: int = 0
    known: int = 0
    """Pieces that are in quarantine already."""

    def written(self) -> Written:
        """What became of it."""
        return Written(
            stored=self.stored,
            duplicate=self.tally.events - self.stored - self.expired + self.known,
            quarantined=len(self.tally.unreadable) - self.known,
            matches=self.matches,
            expired=self.expired,
        )

    def events(self) -> pa.RecordBatch:
        numbers = array("q", range(self.first_event, self.first_event + self.tables.event_count))
        seq = pa.Array.from_buffers(_NUMBER, len(numbers), [None, pa.py_buffer(numbers)])
        return _numbered(_with(self.tables.events, _EVENTS, seq, self.first_block), "setting_id", self.settings)

    def match_rows(self) -> pa.RecordBatch:
        return _numbered(_with(self.tables.matches, _MATCHES, self.first_event), "wording_id", self.wordings)

    def raw(self) -> pa.RecordBatch:
        return _with(self.tables.raw, _RAW, self.first_block)


class Writing:
    """A transaction in which payloads are written."""

    def __init__(self, cursor: DuckDBPyConnection, coding: Coding) -> None:
        """Write inside the transaction that `cursor` is in; `coding` is to be kept when it is committed."""
        self._cursor = cursor
        self._coding = coding
        coding.begin(cursor)
        self._first = self._next = next_event(cursor)
        self._next_block: int = _row(cursor, _NEXT_BLOCK)[0]
        self._since: int | None = _row(cursor, _SINCE)[0]
        self._waiting: list[_Part] = []
        self._bytes = 0
        self._written: list[Written] = []
        self._rules: dict[int, Rule] = {}
        self._counts: dict[tuple[str, str], list[int]] = {}
        self._joining = Joining(cursor, self._first)
        self._starts: list[int] = []
        self._keys: list[tuple[str, str]] = []
        self._positions: dict[str, bytes] = {}

    def add(self, tables: Tables, tally: Tally, *, left: int = MANY) -> None:
        """Write a payload and its tally, now or together with the next ones, of which about so many are `left`."""
        known = put_aside(self._cursor, tally)
        if tally.position is not None:
            self._positions[tally.position.key] = tally.position.state
        settings, wordings = self._coding.settings, self._coding.wordings
        codes = settings.numbers(tables.settings), wordings.numbers(tables.wordings)
        self._waiting.append(_Part(tables, tally, self._next, self._next_block, *codes, known=known))
        self._starts.append(self._next)
        self._keys.append((storable(tally.source), storable(tally.sensor)))
        self._joining.see(tables)
        self._next += tables.event_count
        self._next_block += tables.block_count
        self._bytes += tables.size
        events = self._next - self._waiting[0].first_event
        if events >= (_TOGETHER if left > _FEW else _LEAST) or self._bytes >= _MOST_BYTES:
            self._flush()

    def finish(self) -> tuple[Written, ...]:
        """Write what is left, and what is counted; return what became of each payload."""
        self._flush()
        joined = self._joining.finish() if any(each.stored for each in self._written) else []
        if not self._joining.has_errors:
            _write_rules(self._cursor, list(self._rules.values()))
        waited = self._count_joined(joined)
        _keep_positions(self._cursor, self._positions)
        for key, numbers in self._counts.items():
            _count(self._cursor, key, numbers)
        if waited:
            count_again(self._cursor, waited)
        if any(each.stored for each in self._written):
            keep_counts(self._cursor, self._first)
        return tuple(self._written)

    def _count_joined(self, joined: list[Joined]) -> list[Joined]:
        """Count what has become part of other events; return what was there before this transaction."""
        for each in joined:
            is_new = each.error >= self._first
            part = bisect_right(self._starts, each.error if is_new else each.audit) - 1
            written, left = self._written[part], each.left if is_new else 0
            self._written[part] = msgspec.structs.replace(
                written, joined=written.joined + 1, matches=written.matches - left
            )
            if is_new:
                counts = self._counts[self._keys[part]]
                counts[_MATCHES_COUNT] -= left
                counts[_JOINED_COUNT] += 1
        return [each for each in joined if each.error < self._first]

    def _flush(self) -> None:
        parts = [part for part in self._waiting if part.tables.event_count]
        if parts:
            self._write(parts)
        for part in self._waiting:
            written = part.written()
            self._written.append(written)
            self._add_counts(part.tally, written)
            if part.stored:
                for rule in part.tables.rules:
                    known = self._rules.get(rule.rule_id)
                    if self._since is not None and rule.time < self._since:
                        continue
                    if known is None or rule.time >= known.time:
                        self._rules[rule.rule_id] = rule
        self._waiting, self._bytes = [], 0

    def _write(self, parts: list[_Part]) -> None:
        """Write the events of some payloads, and note in each how many were stored."""
        cursor = self._cursor
        events = [part.events() for part in parts]
        known_ids, span = self._joining.known([part.tables for part in parts])
        with batch(cursor, "batch_ids", _IDS, [batch.select(_IDS.names) for batch in events]):
            seen: dict[int, int] = dict(cursor.execute(_SEEN.format(known=known_ids), span).fetchall())
        old = self._expired(parts, seen)
        for part in parts:
            numbers = range(part.first_event, part.first_event + part.tables.event_count)
            part.expired = sum(number in old for number in numbers) if old else 0
            known = [seen[number] for number in numbers if number in seen] if seen else []
            part.stored, part.matches = len(numbers) - len(known), part.tables.match_count - sum(known)
        # Neither the known nor the old ones are written.
        if not any(part.stored for part in parts):
            return
        self._coding.write(cursor)
        kept = kept_match = kept_raw = ""
        if seen:
            cursor.execute("CREATE OR REPLACE TEMP TABLE batch_seen (seq BIGINT)")
            rows = pa.record_batch([pa.array(sorted(seen), _NUMBER)], ["seq"])
            with batch(cursor, "batch_seen_rows", rows.schema, [rows]):
                cursor.execute("INSERT INTO batch_seen FROM batch_seen_rows")
            kept = " WHERE seq NOT IN (FROM batch_seen)"
            kept_match = " WHERE event + first_event NOT IN (FROM batch_seen)"
            with batch(cursor, "batch_event", events[0].schema, events):
                cursor.execute(
                    f"CREATE OR REPLACE TEMP TABLE batch_block AS"
                    f" SELECT DISTINCT {_BLOCK} AS block FROM batch_event{kept}"
                )
            kept_raw = f" WHERE {_BLOCK} IN (FROM batch_block)"
        with batch(cursor, "batch_event", events[0].schema, events):
            cursor.execute(f"INSERT INTO event SELECT {_EVENT_COLUMNS} FROM batch_event{kept}")
        matches = [part.match_rows() for part in parts]
        with batch(cursor, "batch_match", matches[0].schema, matches):
            cursor.execute(f"INSERT INTO match SELECT {_MATCH_COLUMNS} FROM batch_match{kept_match}")
        with batch(cursor, "batch_raw", _RAW, [part.raw() for part in parts]):
            cursor.execute(f"INSERT INTO raw SELECT {_RAW_COLUMNS} FROM batch_raw{kept_raw}")

    def _expired(self, parts: list[_Part], seen: dict[int, int]) -> dict[int, int]:
        """Return the events that are too old to be stored, with their matches, and add them to those seen."""
        since = self._since
        if since is None or all(part.tables.first >= since for part in parts):
            return {}
        names = ["seq", "match_count", "time"]
        schema = pa.schema([_EVENTS.field(name) for name in names])
        with batch(self._cursor, "batch_times", schema, [part.events().select(names) for part in parts]):
            old = dict(self._cursor.execute(_OLD, [since]).fetchall())
        old = {number: matches for number, matches in old.items() if number not in seen}
        seen |= old
        return old

    def _add_counts(self, tally: Tally, written: Written) -> None:
        numbers = (
            tally.received, written.stored, written.duplicate, written.quarantined, tally.foreign,
            tally.bytes, written.matches, written.joined, written.expired,
        )  # fmt: skip
        counts = self._counts.setdefault((storable(tally.source), storable(tally.sensor)), [0] * len(numbers))
        for place, number in enumerate(numbers):
            counts[place] += number


_BLOCK = "block + first_block"
_MATCHES_COUNT, _JOINED_COUNT = 6, 7
"""Places of two of the counters of a source."""


def _with(stream: memoryview, schema: pa.Schema, *more: pa.Array | int) -> pa.RecordBatch:
    """The batch of a stream with further columns: an array, or a number that is the same in all rows."""
    batch = pa.ipc.open_stream(stream).read_next_batch()
    rows = batch.num_rows
    added = [pa.repeat(pa.scalar(each, _NUMBER), rows) if isinstance(each, int) else each for each in more]
    return pa.RecordBatch.from_arrays([*batch.columns, *added], schema=schema)


def _numbered(rows: pa.RecordBatch, name: str, numbers: pa.Array) -> pa.RecordBatch:
    """The batch with a column that holds places among `numbers` as that which stands there."""
    place = rows.schema.get_field_index(name)
    codes = pa.DictionaryArray.from_arrays(rows.column(place), numbers, safe=False)
    return rows.set_column(place, pa.field(name, _CODE), codes)


def _write_rules(cursor: DuckDBPyConnection, rules: list[Rule]) -> None:
    """Keep what the latest match says about each rule."""
    if not rules:
        return
    columns = zip(*map(msgspec.structs.astuple, rules), strict=True)
    arrays = [pa.array(values, field.type) for values, field in zip(columns, RULE_SCHEMA, strict=True)]
    rows = pa.RecordBatch.from_arrays(arrays, schema=RULE_SCHEMA)
    with batch(cursor, "batch_rule", RULE_SCHEMA, [rows]):
        cursor.execute("DELETE FROM rule USING batch_rule AS b WHERE rule.rule_id = b.rule_id AND rule.time <= b.time")
    with batch(cursor, "batch_rule", RULE_SCHEMA, [rows]):
        cursor.execute("INSERT INTO rule SELECT b.* FROM batch_rule AS b ANTI JOIN rule USING (rule_id)")


def next_event(cursor: DuckDBPyConnection) -> int:
    """The number that the next event will have."""
    number: int = _row(cursor, _NEXT_EVENT)[0]
    return number


def keep_counts(cursor: DuckDBPyConnection, base: int) -> None:
    """Bring what is kept of the events up to date with those from number `base` on, once for all of a transaction.

    Events come in any order: a value may turn out to have been there before it was first seen.
    """
    cursor.execute(
        """MERGE INTO quarter AS k USING
            (SELECT t - (t % $quarter + $quarter) % $quarter AS start, count(*) AS events
            FROM (SELECT epoch_us(time) AS t FROM event WHERE seq >= $base) GROUP BY ALL) AS b ON k.start = b.start
            WHEN MATCHED THEN UPDATE SET events = k.events + b.events
            WHEN NOT MATCHED THEN INSERT VALUES (b.start, b.events)""",
        {"quarter": QUARTER, "base": base},
    )
    cursor.execute(
        """MERGE INTO held AS k USING
            (WITH few AS MATERIALIZED
            (SELECT gaps, zone_source, count(*) AS n FROM event WHERE seq >= $base GROUP BY ALL)
            SELECT 'gap' AS kind, value, sum(n)::BIGINT AS events
            FROM (SELECT unnest(list_distinct(gaps)) AS value, n FROM few) WHERE value <> '' GROUP BY ALL
            UNION ALL SELECT 'zone_source', zone_source, sum(n)::BIGINT FROM few GROUP BY ALL) AS b
            ON k.kind = b.kind AND k.value = b.value
            WHEN MATCHED THEN UPDATE SET events = k.events + b.events
            WHEN NOT MATCHED THEN INSERT VALUES (b.kind, b.value, b.events)""",
        {"base": base},
    )
    for field in FIRST_FIELDS:
        value = "unnest(rule_ids)" if field.scope == "match" else f'"{field.column}"'
        cursor.execute(
            f"""MERGE INTO {first_table(field)} AS k USING
                (SELECT value, min(time) AS time FROM
                (SELECT {value} AS value, time FROM event WHERE seq >= $base) GROUP BY value) AS b
                ON k.value IS NOT DISTINCT FROM b.value
                WHEN MATCHED AND b.time < k.time THEN UPDATE SET time = b.time
                WHEN NOT MATCHED THEN INSERT VALUES (b.value, b.time)""",
            {"base": base},
        )


def _keep_positions(cursor: DuckDBPyConnection, positions: dict[str, bytes]) -> None:
    """Replace the positions of some sources; one with an empty state is forgotten."""
    if not positions:
        return
    kept = [(key, state) for key, state in positions.items() if state]
    # The table has no index: DuckDB refuses to delete and insert one key in the same transaction.
    cursor.execute("DELETE FROM position WHERE key IN (SELECT unnest(?::VARCHAR[]))", [list(positions)])
    if kept:
        cursor.executemany("INSERT INTO position VALUES (?, ?)", kept)


def _count(cursor: DuckDBPyConnection, key: tuple[str, str], numbers: list[int]) -> None:
    """Add to the counters of a source."""
    names = ("received", "stored", "duplicate", "quarantined", "foreign_lines", "bytes", "matches", "joined", "expired")
    if not cursor.execute("SELECT 1 FROM tally WHERE source = ? AND sensor = ?", key).fetchall():
        cursor.execute("INSERT INTO tally VALUES (?, ?, 0, 0, 0, 0, 0, 0, 0, 0, 0)", key)
    added = ", ".join(f"{name} = {name} + ?" for name in names)
    cursor.execute(f"UPDATE tally SET {added} WHERE source = ? AND sensor = ?", [*numbers, *key])


def _row(cursor: DuckDBPyConnection, sql: str) -> tuple[Any, ...]:
    # All rows are fetched: a result left unfinished blocks the cursor.
    rows: list[tuple[Any, ...]] = cursor.execute(sql).fetchall()
    return rows[0]

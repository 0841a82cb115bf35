"""Joining in a transaction: records of the error log become part of the event that the audit log has of the same.

Which belong together says `store/pairing.py`, what the event takes from them `reader/joining.py`; here it is done for
many at once, and what is kept beside the events is brought up to date.  The row of a joined record and its matches
leave `event` and `match`; its place goes to `joined`, and what the audit record itself said to `own_word`.

A transaction that has no record of an error log, in a store where none waits, pays one look at a table of few rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from typing import Any

import msgspec
import pyarrow as pa
from duckdb import DuckDBPyConnection

from wafscope.event.values import interrupted_word
from wafscope.query.question import SourceCounts
from wafscope.query.timespan import DAY
from wafscope.reader.joining import FORMATS, Word, settle, takes_matches, told_gaps
from wafscope.store.duckdb import recount, reviewed
from wafscope.store.duckdb.batch import batch
from wafscope.store.duckdb.encode import Tables
from wafscope.store.duckdb.schema import EVENT_SCHEMA, JOINED_COLUMNS
from wafscope.store.duckdb.take import take_over
from wafscope.store.pairing import SHARED_ID, UNTIMED, WITHIN, owner

_ALL_TIME = (-(1 << 55), 1 << 55)
_KINDS = ", ".join(f"'{name}'" for name in FORMATS)
_TOGETHER = 2048

_PAIR = f"""
    CREATE OR REPLACE TEMP TABLE pair AS
    WITH near AS (SELECT seq, epoch_us(time) AS t, sensor, transaction_id, client_address, path,
        format IN ({_KINDS}) AS is_error, coalesce(list_contains(gaps, '{UNTIMED}'), false) AS untimed
        FROM event WHERE transaction_id IS NOT NULL
        AND time BETWEEN make_timestamptz($first::BIGINT) AND make_timestamptz($last::BIGINT))
    SELECT e.seq AS error, a.seq AS audit FROM (FROM near WHERE is_error) AS e JOIN (FROM near WHERE NOT is_error) AS a
        ON e.transaction_id = a.transaction_id AND e.sensor IS NOT DISTINCT FROM a.sensor
        AND (e.seq >= $base OR a.seq >= $base) AND (e.untimed OR abs(e.t - a.t) <= {WITHIN})
        AND (NOT regexp_full_match(e.transaction_id, '{SHARED_ID}') OR (
            e.client_address IS NOT DISTINCT FROM a.client_address AND e.path IS NOT DISTINCT FROM a.path))
    QUALIFY row_number() OVER (PARTITION BY e.seq
        ORDER BY e.t // 1000000 <> a.t // 1000000, abs(e.t - a.t), a.seq) = 1
"""

_MOVE = f"""
    INSERT INTO joined SELECT p.audit, {", ".join(f"e.{name}" for name in JOINED_COLUMNS)}
    FROM event AS e JOIN pair AS p ON e.seq = p.error
"""

_OWN = """
    INSERT INTO own_word SELECT seq, interrupted, interrupted_source, outcome, action, gaps
    FROM event WHERE seq IN (SELECT audit FROM pair) AND seq NOT IN (SELECT event FROM own_word)
"""

_WORDS = """
    SELECT o.event, a.rule_ids, o.gaps, o.interrupted, o.interrupted_source, o.outcome, o.action,
        j.interrupted, j.interrupted_source, j.outcome, j.action, j.rule_ids
    FROM own_word AS o JOIN (SELECT DISTINCT audit FROM pair) AS p ON o.event = p.audit
    JOIN event AS a ON a.seq = o.event JOIN joined AS j ON j.event = o.event
    ORDER BY o.event, j.time, j.source, j.source_offset
"""

_GONE = """
    CREATE OR REPLACE TEMP TABLE gone AS
    SELECT e.seq, e.time, e.sensor, e.source, e.gaps, e.zone_source, e.client_address, e.rule_ids, e.match_count,
        p.audit, p.audit IN (SELECT unnest(?::BIGINT[])) AS taken
    FROM event AS e JOIN pair AS p ON e.seq = p.error
"""

_TAKE_MATCHES = """
    UPDATE match SET event = a.seq, time = a.time
    FROM gone AS g JOIN event AS a ON a.seq = g.audit WHERE g.taken AND match.event = g.seq
"""

_TOLD = pa.schema(
    [
        ("event", pa.int64()),
        *(EVENT_SCHEMA.field(name) for name in ("interrupted", "interrupted_source", "outcome", "action", "gaps")),
    ]
)


class Joined(msgspec.Struct, frozen=True):
    """A record of the error log that has become part of an event."""

    error: int
    audit: int
    left: int
    """Its matches that have left with it: none where the event has taken them over."""
    sensor: str
    source: str


class Joining:
    """What a transaction has to join."""

    def __init__(self, cursor: DuckDBPyConnection, base: int) -> None:
        """Join events of which one of two has the number `base` or a higher one."""
        self._cursor, self._base = cursor, base
        kept = cursor.execute("SELECT value, events FROM held WHERE kind = 'log'").fetchall()
        self._kept: dict[str, int] = {"unjoined": 0, "untimed": 0, "joined": 0, **dict(kept)}
        self._span: tuple[int, int] | None = None
        self._has_untimed = self._kept["untimed"] > 0
        self.has_errors = False
        """Whether this transaction has records of an error log."""

    def see(self, tables: Tables) -> None:
        """Take note of a payload."""
        if tables.event_count:
            first, last = self._span or (tables.first, tables.last)
            self._span = min(first, tables.first), max(last, tables.last)
            self.has_errors = self.has_errors or tables.has_errors
            self._has_untimed = self._has_untimed or tables.has_untimed

    def known(self, tables: list[Tables]) -> tuple[str, tuple[int, int]]:
        """Return the tables in which records of these payloads may be known already, and the time to look at."""
        first, last = min(each.first for each in tables) - DAY, max(each.last for each in tables) + DAY
        if any(each.has_untimed for each in tables):
            first, last = _ALL_TIME
        if any(each.has_errors for each in tables) and self._kept["joined"]:
            return f"{_IDS.format(table='event')} UNION ALL {_IDS.format(table='joined')}", (first, last)
        return _IDS.format(table="event"), (first, last)

    def finish(self) -> list[Joined]:
        """Join; return what has become part of another event."""
        if self._span is None or not (self.has_errors or self._kept["unjoined"]):
            return []
        cursor = self._cursor
        first, last = _ALL_TIME if self._has_untimed else (self._span[0] - WITHIN, self._span[1] + WITHIN)
        cursor.execute(_PAIR, {"first": first, "last": last, "base": self._base})
        found = self._join() if cursor.execute("SELECT 1 FROM pair LIMIT 1").fetchall() else []
        if self.has_errors:
            recount.write_latest_rules(cursor, self._base)
        self._keep(found)
        return found

    def _join(self) -> list[Joined]:
        cursor = self._cursor
        cursor.execute(_OWN)
        cursor.execute(_MOVE)
        recount.note(cursor, self._base)
        without_matches = _write_told(cursor)
        taken = take_over(cursor, without_matches)
        cursor.execute(_GONE, [taken])
        if taken:
            cursor.execute(_TAKE_MATCHES)
        cursor.execute("DELETE FROM match WHERE event IN (SELECT seq FROM gone WHERE NOT taken)")
        cursor.execute("DELETE FROM event WHERE seq IN (SELECT seq FROM gone)")
        reviewed.hand_on(cursor)
        recount.recount(cursor, self._base)
        found = cursor.execute(
            "SELECT seq, audit, CASE WHEN taken THEN 0 ELSE match_count END, coalesce(sensor, ''), coalesce(source, '')"
            " FROM gone ORDER BY seq"
        )
        return [Joined(*row) for row in found.fetchall()]

    def _keep(self, found: list[Joined]) -> None:
        """Keep how many records of error logs stand alone, how many of them tell no time, how many are joined."""
        alone, untimed = self._cursor.execute(_ALONE, [self._base]).fetchall()[0]
        if found:
            rows = "SELECT count(*), count(*) FILTER (list_contains(gaps, ?)) FROM gone WHERE seq < ?"
            less, less_untimed = self._cursor.execute(rows, [UNTIMED, self._base]).fetchall()[0]
            alone, untimed = alone - less, untimed - less_untimed
        counts = {
            "unjoined": self._kept["unjoined"] + alone,
            "untimed": self._kept["untimed"] + untimed,
            "joined": self._kept["joined"] + len(found),
        }
        self._cursor.execute("DELETE FROM held WHERE kind = 'log'")
        for value, events in counts.items():
            self._cursor.execute("INSERT INTO held VALUES ('log', ?, ?)", [value, events])


def count_again(cursor: DuckDBPyConnection, waited: list[Joined]) -> None:
    """Count, at the sources they came from, records of earlier transactions that have become part of others."""
    sources = [SourceCounts(*row) for row in cursor.execute("SELECT source, sensor FROM tally").fetchall()]
    added: dict[SourceCounts, list[int]] = {}
    for each in waited:
        counts = owner(sources, each.sensor, each.source)
        if counts is not None:
            numbers = added.setdefault(counts, [0, 0])
            numbers[0] += 1
            numbers[1] += each.left
    for counts, numbers in added.items():
        cursor.execute(
            "UPDATE tally SET joined = joined + ?, matches = matches - ? WHERE source = ? AND sensor = ?",
            [*numbers, counts.source, counts.sensor],
        )


_IDS = """
    SELECT id_high, id_low FROM {table} WHERE time BETWEEN make_timestamptz($1::BIGINT) AND make_timestamptz($2::BIGINT)
"""

_ALONE = f"""
    SELECT count(*), count(*) FILTER (list_contains(gaps, '{UNTIMED}'))
    FROM event WHERE seq >= ? AND format IN ({_KINDS})
"""


def _write_told(cursor: DuckDBPyConnection) -> list[int]:
    """Write what is known of a block from all records of an event; return those whose matches are to be taken over."""
    told: list[tuple[Any, ...]] = []
    without_matches: list[int] = []
    for event, records in groupby(_rows(cursor), itemgetter(0)):
        (_, rule_ids, gaps, *own), *_ = rows = list(records)
        settled = settle(_word(own[:4], rule_ids), [_word(row[7:11], row[11]) for row in rows])
        if takes_matches(gaps or ()):
            without_matches.append(event)
        left = None if gaps is None else told_gaps(gaps, settled.source, matches=False)
        word = interrupted_word(settled.interrupted)
        told.append((event, word, settled.source or None, settled.outcome or None, settled.action or None, left))
    arrays = [pa.array(values, field.type) for values, field in zip(zip(*told, strict=True), _TOLD, strict=True)]
    rows_told = pa.RecordBatch.from_arrays(arrays, schema=_TOLD)
    for names in (("interrupted", "interrupted_source", "outcome", "action"), ("gaps",)):
        # A list is written anew with its whole row, so that column is left alone where it stays.
        columns = ", ".join(f"{name} = b.{name}" for name in names)
        differs = " OR ".join(f"event.{name} IS DISTINCT FROM b.{name}" for name in names)
        with batch(cursor, "batch_told", _TOLD, [rows_told]):
            cursor.execute(f"UPDATE event SET {columns} FROM batch_told AS b WHERE event.seq = b.event AND ({differs})")
    return without_matches


def _rows(cursor: DuckDBPyConnection) -> Iterator[tuple[Any, ...]]:
    cursor.execute(_WORDS)
    while rows := cursor.fetchmany(_TOGETHER):
        yield from rows


_SAID = {"yes": True, "no": False}


def _word(columns: Any, rule_ids: list[int | None] | None) -> Word:
    interrupted, source, outcome, action = columns
    return Word(_SAID.get(interrupted), source or "", outcome or "unknown", action or "", frozenset(rule_ids or ()))

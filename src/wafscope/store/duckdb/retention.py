"""Which events are removed next: the oldest day that is too old, or too much.

A step removes so many events that questions and the log that is followed wait no longer than a moment.  Days are
removed whole; of today - where all that is held came in within a day - an hour at a time.
"""

from __future__ import annotations

import duckdb
from duckdb import DuckDBPyConnection

from wafscope.query.question import RemovalReason
from wafscope.query.timespan import DAY, HOUR, Window
from wafscope.store.duckdb import rewrite
from wafscope.store.lasting import Keeping, limit

STEP = 50_000
"""Events that are removed in one transaction, about."""
_FULL, _MARGIN = 0.95, 32_000_000
"""What is written until the next look has to find room below the limit: a part of it, and these bytes, since the log
(WAL) is beside the file, and a checkpoint writes new blocks before it lets go of the old ones."""
_LOOKS = 3
_MOVED = 0.5
"""A row group of raw records that holds less than this of what it had is written anew."""


def next_window(
    cursor: DuckDBPyConnection, name: str, keeping: Keeping, now: int, disk: int
) -> tuple[Window, RemovalReason] | None:
    """Return what is to be removed next and why; `disk` is the size of its disk."""
    oldest = _oldest(cursor, keeping)
    if oldest is None:
        return None
    end = oldest // DAY * DAY + DAY
    today = now // DAY * DAY
    if keeping.days and end <= today - (keeping.days - 1) * DAY and oldest < today - keeping.days * DAY:
        return _portion(cursor, keeping, Window(oldest, end)), "hand" if keeping.by_hand else "age"
    most = limit(keeping, disk)
    if not most or rewrite.used(cursor, name) < max(most // 2, min(most * _FULL, most - _MARGIN)):
        return None
    if end > today:
        end = oldest // HOUR * HOUR + HOUR
    return _portion(cursor, keeping, Window(oldest, end)), "size"


def _kept(keeping: Keeping) -> str:
    return "true" if keeping.reviewed else "seq NOT IN (SELECT event FROM reviewed)"


def _oldest(cursor: DuckDBPyConnection, keeping: Keeping) -> int | None:
    found: int | None = cursor.execute(f"SELECT epoch_us(min(time)) FROM event WHERE {_kept(keeping)}").fetchall()[0][0]
    return found


def _portion(cursor: DuckDBPyConnection, keeping: Keeping, window: Window) -> Window:
    """Cut a window that holds too many events for one step."""
    rows = cursor.execute(
        f"""SELECT epoch_us(time) FROM event WHERE time >= make_timestamptz(?::BIGINT)
        AND time < make_timestamptz(?::BIGINT) AND {_kept(keeping)} ORDER BY time LIMIT 1 OFFSET {STEP}""",
        [window.start, window.end],
    ).fetchall()
    return Window(window.start, max(rows[0][0], window.start + 1)) if rows else window


def clear_hours(cursor: DuckDBPyConnection, before: int) -> int:
    """Remove hourly counts from before a moment; return how many rows."""
    removed = 0
    for table in ("hourly", "hourly_rule"):
        rows = cursor.execute(f"DELETE FROM {table} WHERE time < make_timestamptz(?::BIGINT)", [before]).fetchall()
        removed += rows[0][0]
    return removed


def has_old(cursor: DuckDBPyConnection, hours: int, pieces: int) -> bool:
    """Whether there are hourly counts or pieces in quarantine from before these moments."""
    found: bool = cursor.execute(
        "SELECT coalesce((SELECT min(time) FROM hourly) < make_timestamptz(?::BIGINT), false)"
        " OR coalesce((SELECT min(seen) FROM quarantine) < make_timestamptz(?::BIGINT), false)",
        [hours, pieces],
    ).fetchall()[0][0]
    return found


# --- room ------------------------------------------------------------------------


class Room:
    """The room that removing events makes, which is seen late where somebody asks something long meanwhile.

    Without waiting for it, one day after the other would be removed for nothing.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._before: int | None = None
        self._looks = 0

    def expect(self, cursor: DuckDBPyConnection) -> None:
        """Some events were removed."""
        self._before, self._looks = rewrite.used(cursor, self._name), 0
        self.is_there(cursor)

    def is_there(self, cursor: DuckDBPyConnection) -> bool:
        """Whether all room that was made can be seen, or will not be seen any more."""
        if self._before is None:
            return True
        tidy(cursor, self._name)
        self._looks += 1
        # A few events may free no block at all.
        if rewrite.used(cursor, self._name) < self._before or self._looks > _LOOKS:
            self._before = None
        return self._before is None


def tidy(cursor: DuckDBPyConnection, name: str) -> None:
    """Let the blocks of what was removed be used again.

    DuckDB frees a row group when all of its rows are gone.  Those of `raw` are large: one may hold the records of
    weeks.  So what is left in one that is mostly gone moves to the end.
    """
    _checkpoint(cursor, name)
    groups = cursor.execute(
        "SELECT row_group_id, sum(count)::BIGINT FROM pragma_storage_info('raw')"
        " WHERE column_name = 'block' AND segment_type <> 'VALIDITY' GROUP BY row_group_id ORDER BY row_group_id"
    ).fetchall()
    first = 0
    sparse: list[tuple[int, int]] = []
    for _, rows in groups[:-1]:
        live = cursor.execute(
            "SELECT count(*) FROM raw WHERE rowid >= ? AND rowid < ?", [first, first + rows]
        ).fetchall()
        if live[0][0] < rows * _MOVED:
            sparse.append((first, first + rows))
        first += rows
    if not sparse:
        return
    where = " OR ".join(f"(rowid >= {start:d} AND rowid < {end:d})" for start, end in sparse)
    cursor.execute("BEGIN")
    try:
        cursor.execute(f"CREATE OR REPLACE TEMP TABLE moving AS SELECT block, data FROM raw WHERE {where}")
        cursor.execute(f"DELETE FROM raw WHERE {where}")
        cursor.execute("INSERT INTO raw SELECT block, data FROM moving ORDER BY block")
        cursor.execute("DROP TABLE temp.moving")
        cursor.execute("COMMIT")
    except duckdb.Error:
        cursor.execute("ROLLBACK")
        raise
    _checkpoint(cursor, name)


def _checkpoint(cursor: DuckDBPyConnection, name: str) -> None:
    """Write to the file what is committed; another time where somebody asks something long."""
    try:
        cursor.execute(f"CHECKPOINT {name}")
    except duckdb.TransactionException:
        return

"""Events that somebody has marked as reviewed."""

from __future__ import annotations

from duckdb import DuckDBPyConnection

_FIND = """
    SELECT seq FROM event WHERE id_high = $high::UBIGINT AND id_low = $low::UBIGINT
    UNION ALL SELECT event FROM joined WHERE id_high = $high::UBIGINT AND id_low = $low::UBIGINT
"""


def mark(cursor: DuckDBPyConnection, event_id: bytes, now: int | None) -> bool:
    """Mark an event, or take its mark off with None; False where there is none of this id."""
    key = {"high": int.from_bytes(event_id[:8]), "low": int.from_bytes(event_id[8:])}
    found = cursor.execute(_FIND, key).fetchall()
    if not found:
        return False
    seq = found[0][0]
    cursor.execute("DELETE FROM reviewed WHERE event = ?", [seq])
    if now is not None:
        cursor.execute("INSERT INTO reviewed VALUES (?, make_timestamptz(?::BIGINT))", [seq, now])
    return True


def hand_on(cursor: DuckDBPyConnection) -> None:
    """Let events take over the marks of what has become part of them: of the events of the table `gone`."""
    if not cursor.execute("SELECT 1 FROM reviewed SEMI JOIN gone ON reviewed.event = gone.seq LIMIT 1").fetchall():
        return
    cursor.execute(
        "INSERT INTO reviewed SELECT g.audit, r.time FROM reviewed AS r JOIN gone AS g ON r.event = g.seq"
        " WHERE g.audit NOT IN (SELECT event FROM reviewed)"
        " QUALIFY row_number() OVER (PARTITION BY g.audit ORDER BY g.seq) = 1"
    )
    cursor.execute("DELETE FROM reviewed WHERE event IN (SELECT seq FROM gone)")

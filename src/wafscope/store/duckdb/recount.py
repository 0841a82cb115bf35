"""What is kept beside the events, made true again after some have become part of others.

New events are not counted yet when they are joined (`write.keep_counts` comes after it); so only those count here that
were there before the transaction.  The temporary table `gone` holds what was joined, `noted` the gaps that older
events of the audit log had.
"""

from __future__ import annotations

from duckdb import DuckDBPyConnection

from wafscope.store.duckdb.schema import FIRST_FIELDS, QUARTER, RULE_SCHEMA, first_table


def note(cursor: DuckDBPyConnection, base: int) -> None:
    """Note what older events say before they are told more."""
    cursor.execute(
        "CREATE OR REPLACE TEMP TABLE noted AS"
        " SELECT seq, gaps FROM event WHERE seq < ? AND seq IN (SELECT audit FROM pair)",
        [base],
    )


def recount(cursor: DuckDBPyConnection, base: int) -> None:
    """Bring all that is kept up to date with what is gone and what older events were told."""
    cursor.execute(_GAPS, {"base": base})
    cursor.execute("DELETE FROM held WHERE events = 0 AND kind <> 'log'")
    older, taking = cursor.execute(
        "SELECT count(*) FILTER (seq < $base), count(*) FILTER (taken AND audit < $base) FROM gone",
        {"base": base},
    ).fetchall()[0]
    if older:
        cursor.execute(_QUARTERS, {"base": base, "quarter": QUARTER})
        cursor.execute("DELETE FROM quarter WHERE events = 0")
    if older or taking:
        _find_first_again(cursor, base)
        _find_rules_again(cursor, base)


_GAPS = """
    MERGE INTO held AS k USING (
        SELECT kind, value, sum(n)::BIGINT AS events FROM (
            SELECT 'gap' AS kind, unnest(list_distinct(gaps)) AS value, -1 AS n FROM gone WHERE seq < $base
            UNION ALL SELECT 'gap', unnest(list_distinct(gaps)), -1 FROM noted
            UNION ALL SELECT 'gap', unnest(list_distinct(gaps)), 1 FROM event WHERE seq IN (SELECT seq FROM noted)
            UNION ALL SELECT 'zone_source', zone_source, -1 FROM gone WHERE seq < $base
        ) WHERE value <> '' GROUP BY ALL HAVING sum(n) <> 0
    ) AS b ON k.kind = b.kind AND k.value = b.value
    WHEN MATCHED THEN UPDATE SET events = k.events + b.events
    WHEN NOT MATCHED THEN INSERT VALUES (b.kind, b.value, b.events)
"""

_QUARTERS = """
    MERGE INTO quarter AS k USING
        (SELECT t - (t % $quarter + $quarter) % $quarter AS start, count(*) AS events
        FROM (SELECT epoch_us(time) AS t FROM gone WHERE seq < $base) GROUP BY ALL) AS b ON k.start = b.start
    WHEN MATCHED THEN UPDATE SET events = k.events - b.events
"""


def _find_first_again(cursor: DuckDBPyConnection, base: int) -> None:
    """Look anew when values were first seen that were first seen in what is gone, or that older events have taken."""
    for field in FIRST_FIELDS:
        value = "unnest(rule_ids)" if field.scope == "match" else f'"{field.column}"'
        table = first_table(field)
        cursor.execute(
            f"""CREATE OR REPLACE TEMP TABLE sought AS SELECT DISTINCT v.value FROM
                (SELECT {value} AS value, time, taken FROM gone WHERE seq < $base OR (taken AND audit < $base)) AS v
                LEFT JOIN {table} AS k ON k.value IS NOT DISTINCT FROM v.value
                WHERE v.taken OR k.time >= v.time""",
            {"base": base},
        )
        cursor.execute(f"DELETE FROM {table} AS k USING sought AS s WHERE k.value IS NOT DISTINCT FROM s.value")
        cursor.execute(
            f"""INSERT INTO {table} SELECT e.value, min(e.time) FROM (SELECT {value} AS value, time FROM event) AS e
                JOIN sought AS s ON e.value IS NOT DISTINCT FROM s.value GROUP BY e.value"""
        )


_RULE = ", ".join(f"m.{name}" for name in RULE_SCHEMA.names)


def _latest(condition: str) -> str:
    """The latest match of each rule; of those at the same time the one of the event written last, its last one."""
    return f"""
        WITH m AS (SELECT match.*, wording.*, match.rowid AS place FROM match JOIN wording ON wording_id = id
            WHERE rule_id IS NOT NULL AND {condition}),
        t AS (SELECT rule_id, max(time) AS time FROM m GROUP BY rule_id)
        SELECT {_RULE} FROM m JOIN t ON m.rule_id = t.rule_id AND m.time = t.time
        QUALIFY row_number() OVER (PARTITION BY m.rule_id ORDER BY m.event DESC, m.place DESC) = 1
    """


def _find_rules_again(cursor: DuckDBPyConnection, base: int) -> None:
    """Look anew what the latest match says of rules whose latest match may be gone, or is of an older event now."""
    cursor.execute(
        """CREATE OR REPLACE TEMP TABLE sought AS SELECT DISTINCT v.rule_id FROM
            (SELECT unnest(rule_ids) AS rule_id, time, taken FROM gone
            WHERE seq < $base OR (taken AND audit < $base)) AS v
            LEFT JOIN rule AS k ON k.rule_id = v.rule_id
            WHERE v.rule_id IS NOT NULL AND (v.taken OR k.time <= v.time)""",
        {"base": base},
    )
    cursor.execute("DELETE FROM rule WHERE rule_id IN (FROM sought)")
    cursor.execute(f"INSERT INTO rule {_latest('rule_id IN (FROM sought)')}")


def write_latest_rules(cursor: DuckDBPyConnection, base: int) -> None:
    """Keep what the latest match of the new events says about each rule."""
    cursor.execute(f"CREATE OR REPLACE TEMP TABLE latest AS {_latest(f'event >= {base:d}')}")
    cursor.execute("DELETE FROM rule USING latest AS b WHERE rule.rule_id = b.rule_id AND rule.time <= b.time")
    cursor.execute("INSERT INTO rule SELECT b.* FROM latest AS b ANTI JOIN rule USING (rule_id)")

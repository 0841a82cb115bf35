"""The steps from one version of the schema to the next; see `upgrade.py`."""

from __future__ import annotations

from duckdb import DuckDBPyConnection


def split(cursor: DuckDBPyConnection) -> None:
    """1 to 2: what most events of an installation and most matches of a rule share has tables of its own."""
    _split(
        cursor,
        ("event", "setting"),
        (
            "flags",
            "server_address",
            "server_port",
            "server_id",
            "engine_version",
            "connector",
            "engine_mode",
            "rulesets",
        ),
    )
    _split(
        cursor,
        ("match", "wording"),
        (
            "message", "severity", "tags", "file", "line", "revision", "version", "maturity", "accuracy", "operator",
            "parameter",
        ),
    )  # fmt: skip


def retention(cursor: DuckDBPyConnection) -> None:
    """2 to 3: what retention removes, and what it keeps."""
    cursor.execute("ALTER TABLE tally ADD COLUMN expired BIGINT")
    cursor.execute("UPDATE tally SET expired = 0")
    cursor.execute("CREATE TABLE reviewed (event BIGINT, time TIMESTAMPTZ)")
    cursor.execute(
        """CREATE TABLE removed (day BIGINT, reason VARCHAR, until BIGINT, events BIGINT, matches BIGINT, joined BIGINT,
        time TIMESTAMPTZ)"""
    )
    cursor.execute(
        """CREATE TABLE hourly (time TIMESTAMPTZ, host VARCHAR, outcome VARCHAR, attack_class VARCHAR, events BIGINT,
        matches BIGINT, scoring BIGINT)"""
    )
    cursor.execute("CREATE TABLE hourly_rule (time TIMESTAMPTZ, rule_id INTEGER, events BIGINT, matches BIGINT)")


def _split(cursor: DuckDBPyConnection, tables: tuple[str, str], columns: tuple[str, ...]) -> None:
    """Give some columns of a table a table of their own, and let each row point to its values there."""
    rows, values = tables
    listed = ", ".join(f'"{name}"' for name in columns)
    same = " AND ".join(f'r."{name}" IS NOT DISTINCT FROM v."{name}"' for name in columns)
    cursor.execute(
        f"CREATE TABLE {values} AS SELECT (row_number() OVER () - 1)::INTEGER AS id, *"
        f" FROM (SELECT DISTINCT {listed} FROM {rows})"
    )
    left = f"r.* EXCLUDE ({listed}), v.id AS {values}_id"
    cursor.execute(
        f"CREATE TABLE split AS SELECT {left} FROM {rows} AS r JOIN {values} AS v ON {same} ORDER BY r.rowid"
    )
    cursor.execute(f"DROP TABLE {rows}")
    cursor.execute(f"ALTER TABLE split RENAME TO {rows}")

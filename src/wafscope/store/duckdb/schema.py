"""Tables of the DuckDB file, derived from the field table, and their version.

    event      a row an event, with `rule_ids INTEGER[]`: counting and filtering by rule needs no join
    setting    what tells of an installation, and is the same for most of its events
    match      a row a match, joined by `event.seq`
    wording    what the rules say of themselves: the same in most matches of a rule
    raw        the records as logged, in zstd blocks of some 256; an event points into its block
    rule       what the latest match says about each rule
    tally      counters of each source, committed together with the events they count
    held       events by gap and by source of the zone, counted when they are written; records of error logs (`log`)
    quarter    events by quarter of an hour, counted when they are written
    first_…    when each value of a field was first seen, for the fields of `FIRST_FIELDS`
    joined     records of error logs that are part of an event of an audit log: what they say, and where they are
    own_word   what the audit record of such an event said before
    quarantine what could not be read, whole
    position   how far each source was read, committed together with its events
    reviewed   events that somebody has marked, which retention leaves alone
    removed    what retention has removed: how much of which day, when, why
    hourly     counts of removed events by hour and what they were; hourly_rule: those of each rule in them
    meta       schema version and the key of the event ids

Why it is laid out like this is measured in docs/adr/0001-embedded-store.md.
"""

from __future__ import annotations

import pyarrow as pa

from wafscope.event.fields import FIELDS, Field, find
from wafscope.query.timespan import MINUTE

VERSION = 3

_TYPES = {"text": "VARCHAR", "integer": "INTEGER", "time": "TIMESTAMPTZ", "texts": "VARCHAR[]", "address": "VARCHAR"}
_ARROW = {
    "text": pa.string(),
    "integer": pa.int32(),
    "time": pa.timestamp("us", tz="UTC"),
    "texts": pa.list_(pa.string()),
    "address": pa.string(),
}

SETTING_COLUMNS = (
    "flags", "server_address", "server_port", "server_id", "engine_version", "connector", "engine_mode", "rulesets",
)  # fmt: skip
"""Columns of `setting`, to whose rows events point: they hold few distinct values, mostly the same together."""

WORDING_COLUMNS = (
    "message", "severity", "tags", "file", "line", "revision", "version", "maturity", "accuracy", "operator",
    "parameter",
)  # fmt: skip
"""Columns of `wording`, to whose rows matches point."""

_KEPT = tuple(f for f in FIELDS if not f.derived)
_FIELDS = {f.column: f for f in _KEPT}
_EVENT_FIELDS = tuple(f for f in _KEPT if f.scope == "event")
_MATCH_FIELDS = tuple(f for f in _KEPT if f.scope == "match")
EVENT_FIELDS: tuple[Field, ...] = tuple(f for f in _EVENT_FIELDS if f.column not in SETTING_COLUMNS)
MATCH_FIELDS: tuple[Field, ...] = tuple(f for f in _MATCH_FIELDS if f.column not in WORDING_COLUMNS)
SETTING_FIELDS: tuple[Field, ...] = tuple(_FIELDS[name] for name in SETTING_COLUMNS)
WORDING_FIELDS: tuple[Field, ...] = tuple(_FIELDS[name] for name in WORDING_COLUMNS)

FIRST_FIELDS: tuple[Field, ...] = (find("rule.id"), find("client.address"))
"""Fields whose new values every page asks for: the times when they were first seen are kept."""

QUARTER = 15 * MINUTE
"""Zones of today differ by whole quarters of an hour, so that the days of each can be put together from them."""

EVENT_EXTRA: tuple[tuple[str, str, pa.DataType], ...] = (
    ("seq", "BIGINT", pa.int64()),
    ("id_high", "UBIGINT", pa.uint64()),
    ("id_low", "UBIGINT", pa.uint64()),
    ("client_packed", "BLOB", pa.binary()),
    ("rule_ids", "INTEGER[]", pa.list_(pa.int32())),
    ("repeated_ids", "INTEGER[]", pa.list_(pa.int32())),
    ("scoring_count", "INTEGER", pa.int32()),
    ("block", "BIGINT", pa.int64()),
    ("block_offset", "INTEGER", pa.int32()),
    ("raw_length", "INTEGER", pa.int32()),
    ("source_offset", "BIGINT", pa.int64()),
    ("source_length", "INTEGER", pa.int32()),
    ("zone", "VARCHAR", pa.string()),
    ("setting_id", "INTEGER", pa.int32()),
)
"""Columns that are no fields: (name, type in DuckDB, type in Arrow).

`rule_ids` are the distinct rules, scoring ones first; `repeated_ids` one entry for each further match of a
rule already named.  `client_packed` is the client's address in network order, for questions about networks.
"""

MATCH_EXTRA: tuple[tuple[str, str, pa.DataType], ...] = (
    ("event", "BIGINT", pa.int64()),
    ("time", "TIMESTAMPTZ", pa.timestamp("us", tz="UTC")),
    ("bookkeeping", "BOOLEAN", pa.bool_()),
    ("wording_id", "INTEGER", pa.int32()),
)

EVENT_COLUMNS = [*(f.column for f in EVENT_FIELDS), *(name for name, _, _ in EVENT_EXTRA)]
MATCH_COLUMNS = [*(f.column for f in MATCH_FIELDS), *(name for name, _, _ in MATCH_EXTRA)]

WORD_COLUMNS = ("interrupted", "interrupted_source", "outcome", "action", "gaps")
"""What a record says of a block, and what it cannot say."""

HOURLY_FIELDS: tuple[Field, ...] = (find("host"), find("waf.outcome"), find("waf.attack_class"))
"""What is known of removed events beside their hour and their rules."""

JOINED_COLUMNS = (
    "id_high", "id_low", "time", "format", "zone", "zone_source", "source", "source_offset", "source_length",
    "block", "block_offset", "raw_length", "interrupted", "interrupted_source", "outcome", "action", "rule_ids",
)  # fmt: skip
"""What is kept of a record that is joined to an event, in columns of the same names as those of the event it was."""

EVENT_SCHEMA = pa.schema(
    [(f.column, _ARROW[f.type]) for f in EVENT_FIELDS] + [(name, kind) for name, _, kind in EVENT_EXTRA]
)
MATCH_SCHEMA = pa.schema(
    [(f.column, _ARROW[f.type]) for f in MATCH_FIELDS] + [(name, kind) for name, _, kind in MATCH_EXTRA]
)
SETTING_SCHEMA = pa.schema([("id", pa.int32()), *((f.column, _ARROW[f.type]) for f in SETTING_FIELDS)])
WORDING_SCHEMA = pa.schema([("id", pa.int32()), *((f.column, _ARROW[f.type]) for f in WORDING_FIELDS)])
RAW_SCHEMA = pa.schema([("block", pa.int64()), ("data", pa.binary())])

RULE_SCHEMA = pa.schema(
    [
        ("rule_id", pa.int32()),
        ("message", pa.string()),
        ("file", pa.string()),
        ("line", pa.int32()),
        ("severity", pa.int32()),
        ("tags", pa.list_(pa.string())),
        ("version", pa.string()),
        ("time", pa.timestamp("us", tz="UTC")),
    ]
)


def _columns(fields: tuple[Field, ...], extra: tuple[tuple[str, str, pa.DataType], ...]) -> str:
    columns = [f'"{f.column}" {_TYPES[f.type]}' for f in fields] + [f'"{name}" {kind}' for name, kind, _ in extra]
    return ", ".join(columns)


def _typed(names: tuple[str, ...]) -> str:
    kinds = {f.column: _TYPES[f.type] for f in EVENT_FIELDS} | {name: kind for name, kind, _ in EVENT_EXTRA}
    return ", ".join(f"{name} {kinds[name]}" for name in names)


def first_table(field: Field) -> str:
    """The table of when each value of a field was first seen."""
    return f"first_{field.column}"


def statements() -> list[str]:
    """The statements that make an empty store."""
    return [
        "CREATE TABLE meta (name VARCHAR, value BLOB)",
        f"CREATE TABLE event ({_columns(EVENT_FIELDS, EVENT_EXTRA)})",
        f"CREATE TABLE match ({_columns(MATCH_FIELDS, MATCH_EXTRA)})",
        f"CREATE TABLE setting (id INTEGER, {_columns(SETTING_FIELDS, ())})",
        f"CREATE TABLE wording (id INTEGER, {_columns(WORDING_FIELDS, ())})",
        "CREATE TABLE raw (block BIGINT, data BLOB)",
        """CREATE TABLE rule (rule_id INTEGER, message VARCHAR, file VARCHAR, line INTEGER, severity INTEGER,
            tags VARCHAR[], version VARCHAR, time TIMESTAMPTZ)""",
        """CREATE TABLE tally (source VARCHAR, sensor VARCHAR, received BIGINT, stored BIGINT, duplicate BIGINT,
            quarantined BIGINT, foreign_lines BIGINT, bytes BIGINT, matches BIGINT, joined BIGINT, expired BIGINT)""",
        "CREATE TABLE held (kind VARCHAR, value VARCHAR, events BIGINT)",
        "CREATE TABLE position (key VARCHAR, state BLOB)",
        "CREATE TABLE quarter (start BIGINT, events BIGINT)",
        *(f"CREATE TABLE {first_table(f)} (value {_TYPES[f.type]}, time TIMESTAMPTZ)" for f in FIRST_FIELDS),
        f"CREATE TABLE joined (event BIGINT, {_typed(JOINED_COLUMNS)})",
        f"CREATE TABLE own_word (event BIGINT, {_typed(WORD_COLUMNS)})",
        """CREATE TABLE quarantine (id BIGINT, source VARCHAR, sensor VARCHAR, "offset" BIGINT, length BIGINT,
            reason VARCHAR, seen TIMESTAMPTZ, more BIGINT[], data BLOB)""",
        "CREATE TABLE reviewed (event BIGINT, time TIMESTAMPTZ)",
        """CREATE TABLE removed (day BIGINT, reason VARCHAR, until BIGINT, events BIGINT, matches BIGINT, joined BIGINT,
            time TIMESTAMPTZ)""",
        f"""CREATE TABLE hourly (time TIMESTAMPTZ, {_columns(HOURLY_FIELDS, ())}, events BIGINT, matches BIGINT,
            scoring BIGINT)""",
        "CREATE TABLE hourly_rule (time TIMESTAMPTZ, rule_id INTEGER, events BIGINT, matches BIGINT)",
    ]

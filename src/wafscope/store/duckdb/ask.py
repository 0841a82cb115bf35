"""The questions of `query.question` as SQL over the tables of the store."""

from __future__ import annotations

from wafscope.event.fields import DAY, Field, find
from wafscope.query.filter import EVERYTHING
from wafscope.query.question import OTHERS, Count, Cursor, Histogram, Page, Top
from wafscope.query.timespan import ALL_TIME
from wafscope.store.duckdb.compile import TRUE, Sql, bookkeeping, during, joined, where

ROW_COLUMNS = (
    "id_high, id_low, epoch_us(time), outcome, score, points, unexplained, method, host, uri, status,"
    " client_address, attack_class, rule_ids"
)
_SCORING = f"NOT coalesce({bookkeeping('v')}, false)"
_ORDER = {"events": "n DESC", "matches": "m DESC", "last": "last DESC"}


def page(question: Page) -> tuple[Sql, bool]:
    """Return the SQL of a page, which asks for one row more than wanted, and whether it runs backwards."""
    parts = [where(question.scope)]
    backwards = question.newer_than is not None and question.older_than is None
    if question.older_than:
        parts.append(beyond(question.older_than, "<"))
    if question.newer_than:
        parts.append(beyond(question.newer_than, ">"))
    way = "ASC" if backwards else "DESC"
    return (
        Sql(f"SELECT {ROW_COLUMNS} FROM event WHERE ")
        + joined(parts, "AND")
        + Sql(f" ORDER BY time {way}, id_high {way}, id_low {way} LIMIT ?", (question.limit + 1,))
    ), backwards


def beyond(cursor: Cursor, sign: str) -> Sql:
    """The condition that a row stands on one side of a place in the list; `sign` is `<` or `>`."""
    high, low = int.from_bytes(cursor.id[:8]), int.from_bytes(cursor.id[8:])
    return Sql(
        f"(time, id_high, id_low) {sign} (make_timestamptz(?::BIGINT), ?::UBIGINT, ?::UBIGINT)",
        (cursor.time, high, low),
    )


def any_beyond(question: Page, cursor: Cursor, sign: str) -> Sql:
    """Ask whether there is an event in scope on one side of a place."""
    return (
        Sql("SELECT 1 FROM event WHERE ")
        + joined([where(question.scope), beyond(cursor, sign)], "AND")
        + Sql(" LIMIT 1")
    )


def count(question: Count) -> Sql:
    """Events, matches, scoring matches, first and last time."""
    return Sql(
        "SELECT count(*), coalesce(sum(match_count), 0), coalesce(sum(scoring_count), 0), min(epoch_us(time)),"
        " max(epoch_us(time)) FROM event WHERE "
    ) + where(question.scope)


def histogram(question: Histogram) -> Sql:
    """Bins by number from the start of the window; beyond `limit` values of `by`, the rest is one."""
    start = question.scope.window.start
    by = _event_value(find(question.by), "UTC")[0] if question.by else "NULL"
    bins = Sql(
        f"WITH s AS (SELECT (epoch_us(time) - ?) // ? AS bin, {by} AS v, count(*) AS n FROM event WHERE ",
        (start, question.step),
    )
    return (
        bins
        + where(question.scope)
        + Sql(
            " GROUP BY bin, v), k AS"
            " (SELECT v FROM s WHERE v IS NOT NULL GROUP BY v ORDER BY sum(n) DESC, v LIMIT ?)"
            " SELECT bin, CASE WHEN v IS NULL OR v IN (FROM k) THEN CAST(v AS VARCHAR) ELSE ? END AS kept,"
            " sum(n)::BIGINT"
            " FROM s GROUP BY ALL ORDER BY bin, kept",
            (question.limit, OTHERS),
        )
    )


def top(question: Top) -> Sql:
    """Values with counts, in order; beside each the number of distinct values and the sum of the counts."""
    field = DAY if question.field == DAY.name else find(question.field)
    groups = _groups(field, question)
    if question.new and question.scope.window != ALL_TIME:
        groups = (
            Sql("(SELECT g.* FROM ")
            + groups
            + Sql(" AS g ANTI JOIN (")
            + _earlier(field, question)
            + Sql(") AS e ON g.v IS NOT DISTINCT FROM e.v)")
        )
    sql = (
        Sql("WITH g AS MATERIALIZED (SELECT * FROM ")
        + groups
        + Sql(
            ") SELECT v, n, m, first, last, (SELECT count(v) FROM g), (SELECT sum(n) FROM g)::BIGINT FROM g"
            f" ORDER BY {_ORDER[question.order]}, v ASC NULLS LAST"
        )
    )
    return sql + (Sql(" LIMIT ?", (question.limit,)) if question.limit else Sql(""))


def counts_every_event_once(question: Top) -> bool:
    """Whether the counts of all values add up to the events in scope."""
    if question.new or question.field == DAY.name:
        return not question.new
    field = find(question.field)
    return field.scope == "event" and field.type != "texts"


def _groups(field: Field, question: Top) -> Sql:
    if field.column == "rule_id":
        return _rule_groups(question)
    if field.scope == "match":
        return _match_groups(field, question)
    value, parameters = _event_value(field, question.zone)
    return (
        Sql(
            f"(SELECT {value} AS v, count(*) AS n, sum(match_count)::BIGINT AS m, min(epoch_us(time)) AS first,"
            " max(epoch_us(time)) AS last FROM event WHERE ",
            parameters,
        )
        + where(question.scope)
        + Sql(" GROUP BY v)")
    )


def _event_value(field: Field, zone: str) -> tuple[str, tuple[object, ...]]:
    if field is DAY:
        return "strftime(time AT TIME ZONE ?, '%Y-%m-%d')", (zone,)
    if field.type == "texts":
        return _items(f'"{field.column}"'), ()
    if field.type == "time":
        return "epoch_us(time)", ()
    return f'"{field.column}"', ()


def _items(column: str) -> str:
    """The distinct items of a list of texts, empty ones left out; a missing value when there is none."""
    kept = f"list_filter(list_distinct({column}), lambda item: item <> '')"
    return f"unnest(CASE WHEN len({kept}) > 0 THEN {kept} ELSE [NULL] END)"


def _rule_groups(question: Top) -> Sql:
    """Count rules from the arrays on the event: no join with the matches."""
    kept = "true" if question.bookkeeping else _SCORING
    scoped = where(question.scope)
    return (
        Sql(
            "(SELECT v, sum(once)::BIGINT AS n, count(*) AS m, min(t) AS first, max(t) AS last"
            " FROM (SELECT unnest(rule_ids) AS v, epoch_us(time) AS t, 1 AS once FROM event WHERE "
        )
        + scoped
        + Sql(" UNION ALL SELECT unnest(repeated_ids) AS v, epoch_us(time) AS t, 0 AS once FROM event WHERE ")
        + scoped
        + Sql(f" AND repeated_ids IS NOT NULL) WHERE {kept} GROUP BY v)")
    )


def _match_groups(field: Field, question: Top) -> Sql:
    column = f'"{field.column}"'
    parts = during(question.scope.window)
    if not question.bookkeeping:
        parts.append(Sql("NOT bookkeeping"))
    if question.scope.filter != EVERYTHING:
        parts.append(Sql("event IN (SELECT seq FROM event WHERE ") + where(question.scope) + Sql(")"))
    if field.type == "texts":
        column = _items(column)
    return (
        Sql(
            "(SELECT v, count(DISTINCT event) AS n, count(*) AS m, min(epoch_us(time)) AS first,"
            " max(epoch_us(time)) AS last"
            f" FROM (SELECT {column} AS v, event, time FROM match WHERE "
        )
        + (joined(parts, "AND") if parts else TRUE)
        + Sql(") GROUP BY v)")
    )


def _earlier(field: Field, question: Top) -> Sql:
    """All values that events before the window have."""
    before = Sql(" WHERE time < make_timestamptz(?::BIGINT)", (question.scope.window.start,))
    if field.column == "rule_id":
        return Sql("SELECT DISTINCT unnest(rule_ids) AS v FROM event") + before
    if field.scope == "match":
        column = f'"{field.column}"'
        column = _items(column) if field.type == "texts" else column
        return Sql(f"SELECT {column} AS v FROM match") + before
    value, parameters = _event_value(field, question.zone)
    return Sql(f"SELECT {value} AS v FROM event", parameters) + before

"""What hourly counts of removed events add to an answer: relations of the same columns as those over `event`."""

from __future__ import annotations

from wafscope.event.fields import Field, find
from wafscope.query.question import Count, Histogram, Scope, Top
from wafscope.store.duckdb.classes import bookkeeping
from wafscope.store.duckdb.compile import TRUE, Sql, during, joined, where

_TIMES = "epoch_us(min(time)) AS first, epoch_us(max(time)) AS last"
_NO_FIGURES = "0 AS m, 0 AS first, 0 AS last"


def count(question: Count) -> Sql:
    """Events, matches, scoring matches, first and last hour."""
    return Sql(
        "SELECT coalesce(sum(events), 0)::BIGINT, coalesce(sum(matches), 0)::BIGINT,"
        " coalesce(sum(scoring), 0)::BIGINT, epoch_us(min(time)), epoch_us(max(time)) FROM hourly WHERE "
    ) + where(question.scope)


def bins(question: Histogram) -> Sql:
    """Bins of a histogram: number, value, events."""
    by = f'"{find(question.by).column}"' if question.by else "NULL"
    return (
        Sql(
            f"SELECT (epoch_us(time) - ?) // ? AS bin, {by} AS v, sum(events)::BIGINT AS n FROM hourly WHERE ",
            (question.scope.window.start, question.step),
        )
        + where(question.scope)
        + Sql(" GROUP BY bin, v")
    )


def groups(field: Field, question: Top, *, figures: bool) -> Sql:
    """The values of a field: value, events, matches, first and last hour."""
    wanted = f"sum(matches)::BIGINT AS m, {_TIMES}" if figures else _NO_FIGURES
    if field.column == "rule_id":
        kept = "" if question.bookkeeping else f" HAVING NOT coalesce({bookkeeping('any_value(v)')}, false)"
        return (
            Sql(f"SELECT v, sum(events)::BIGINT AS n, {wanted} FROM (SELECT rule_id AS v, * FROM hourly_rule WHERE ")
            + _during(question.scope)
            + Sql(f") GROUP BY v{kept}")
        )
    return (
        Sql(f'SELECT "{field.column}" AS v, sum(events)::BIGINT AS n, {wanted} FROM hourly WHERE ')
        + where(question.scope)
        + Sql(" GROUP BY v")
    )


def merged(held: Sql, removed: Sql) -> Sql:
    """The values of a field in what is held and in what was removed, put together."""
    return (
        Sql(
            "(SELECT v, sum(n)::BIGINT AS n, sum(m)::BIGINT AS m, min(first) AS first, max(last) AS last"
            " FROM (SELECT v, n, m, first, last FROM "
        )
        + held
        + Sql(" UNION ALL SELECT v, n, m, first, last FROM (")
        + removed
        + Sql(")) GROUP BY v)")
    )


def _during(scope: Scope) -> Sql:
    parts = during(scope.window)
    return joined(parts, "AND") if parts else TRUE

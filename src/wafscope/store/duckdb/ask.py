"""The questions of `query.question` as SQL over the tables of the store."""

from __future__ import annotations

from collections.abc import Sequence

from wafscope.event.fields import DAY, RULE_CLASS, Field, find
from wafscope.query.filter import EVERYTHING
from wafscope.query.question import OTHERS, Count, Cursor, Histogram, Page, Scope, Top
from wafscope.query.timespan import ALL_TIME
from wafscope.store.duckdb import classes, rollup
from wafscope.store.duckdb.classes import bookkeeping
from wafscope.store.duckdb.compile import TRUE, Sql, during, joined, rows_with, where
from wafscope.store.duckdb.schema import FIRST_FIELDS, QUARTER, first_table

ROW_COLUMNS = (
    "id_high, id_low, epoch_us(time), outcome, score, points, unexplained, method, host, uri, status,"
    " client_address, attack_class, rule_ids, format"
)
_SCORING = f"NOT coalesce({bookkeeping('any_value(v)')}, false)"
"""Of a group of rules.  A condition on the group's own column would be tested on every row: the planner moves it."""
_TIMES = "epoch_us(min(time)) AS first, epoch_us(max(time)) AS last"
_NO_FIGURES = "0 AS m, 0 AS first, 0 AS last"
_EVERY = 1 << 60
"""A limit that nothing reaches."""
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


def count(question: Count, *, rolled: bool = False) -> Sql:
    """Events, matches, scoring matches, first and last time; `rolled` with hourly counts of what was removed."""
    held = Sql(
        "SELECT count(*) AS n, coalesce(sum(match_count), 0) AS m, coalesce(sum(scoring_count), 0) AS s,"
        " epoch_us(min(time)) AS first, epoch_us(max(time)) AS last FROM event WHERE "
    ) + where(question.scope)
    if not rolled:
        return held
    figures = "sum(n)::BIGINT, sum(m)::BIGINT, sum(s)::BIGINT, min(first), max(last)"
    return Sql(f"SELECT {figures} FROM (") + held + Sql(" UNION ALL ") + rollup.count(question) + Sql(")")


def histogram(question: Histogram, *, rolled: bool = False) -> Sql:
    """Bins by number from the start of the window; beyond `limit` values of `by`, the rest is one."""
    if _is_of_quarters(question) and not rolled:
        return _quarters(question)
    start = question.scope.window.start
    by, rows = (
        (_event_value(find(question.by), "UTC")[0], rows_with(find(question.by))) if question.by else ("NULL", "event")
    )
    bins = Sql(
        f"SELECT (epoch_us(time) - ?) // ? AS bin, {by} AS v, count(*) AS n FROM {rows} WHERE ",
        (start, question.step),
    )
    bins = bins + where(question.scope) + Sql(" GROUP BY bin, v")
    if rolled:
        both = Sql("SELECT bin, v, sum(n) AS n FROM (") + bins + Sql(" UNION ALL ") + rollup.bins(question)
        bins = both + Sql(") GROUP BY bin, v")
    return (
        Sql("WITH s AS (")
        + bins
        + Sql(
            "), k AS"
            " (SELECT v FROM s WHERE v IS NOT NULL GROUP BY v ORDER BY sum(n) DESC, v LIMIT ?)"
            " SELECT bin, CASE WHEN v IS NULL OR v IN (FROM k) THEN CAST(v AS VARCHAR) ELSE ? END AS kept,"
            " sum(n)::BIGINT"
            " FROM s GROUP BY ALL ORDER BY bin, kept",
            (question.limit, OTHERS),
        )
    )


def _is_of_quarters(question: Histogram) -> bool:
    """Whether the counts that are kept tell all: bins of all events that begin and end with quarters of an hour."""
    window = question.scope.window
    is_whole = not any(time % QUARTER for time in (window.start, window.end, question.step))
    return is_whole and not question.by and question.scope.filter == EVERYTHING


def _quarters(question: Histogram) -> Sql:
    window = question.scope.window
    return Sql(
        "SELECT (start - ?) // ? AS bin, NULL, sum(events)::BIGINT FROM quarter WHERE start >= ? AND start < ?"
        " GROUP BY bin ORDER BY bin",
        (window.start, question.step, window.start, window.end),
    )


def any_own(question: Top) -> Sql | None:
    """Ask whether there is a rule of the site's own at all, where that makes a question a simpler one."""
    if _field(question) != RULE_CLASS:
        return None
    in_match, without_id = classes.OWN
    return Sql(f"SELECT 1 FROM rule WHERE {in_match} UNION ALL SELECT 1 FROM match WHERE {without_id} LIMIT 1")


def top(question: Top, *, rolled: bool = False, own: bool = True) -> Sql:
    """Values with counts, in order; beside each the number of distinct values and the sum of the counts.

    The figures that a brief question does not want are 0.  `own` False: there is none of what `any_own` asks for.
    """
    field = _field(question)
    groups = _class_groups(question, own=own) if field == RULE_CLASS else _groups(field, question)
    if rolled:
        groups = rollup.merged(groups, rollup.groups(field, question, figures=_has_figures(question)))
    if question.new and question.scope.window != ALL_TIME:
        groups = Sql("(SELECT g.* FROM ") + groups + Sql(" AS g ") + _only_new(field, question) + Sql(")")
    figures, total = ("0, 0, 0", "0") if question.brief else ("m, first, last", "(SELECT sum(n) FROM g)::BIGINT")
    sql = (
        Sql("WITH g AS MATERIALIZED (SELECT * FROM ")
        + groups
        + Sql(
            f") SELECT v, n, {figures}, (SELECT count(v) FROM g), {total} FROM g"
            f" ORDER BY {_ORDER[question.order]}, v ASC NULLS LAST"
        )
    )
    return sql + (Sql(" LIMIT ?", (question.limit,)) if question.limit else Sql(""))


def counts_every_event_once(question: Top) -> bool:
    """Whether the counts of all values add up to the events in scope."""
    field = _field(question)
    return not question.new and field.scope == "event" and field.type != "texts"


def together(questions: Sequence[Top]) -> tuple[Top, ...]:
    """Those of the questions that one pass over the events answers: brief ones about fields with few values."""
    found: dict[str, Top] = {}
    for question in questions:
        field = _field(question)
        is_simple = field.scope == "event" and field.type in {"text", "integer"} and field is not DAY
        is_brief = question.brief and question.order == "events" and not question.new
        if is_simple and is_brief and question.scope == questions[0].scope:
            found.setdefault(field.column, question)
    return tuple(found.values()) if len(found) > 1 else ()


def tops(questions: tuple[Top, ...]) -> Sql:
    """The values of several fields: place of the question, text or number, events, distinct values."""
    fields = [_field(question) for question in questions]
    rows = max(map(rows_with, fields), key=len)
    columns = [f'"{field.column}"' for field in fields]
    words, numbers = (
        ", ".join(column for column, field in zip(columns, fields, strict=True) if field.type == kind)
        for kind in ("text", "integer")
    )
    # GROUPING() has a bit for each column, the first one the highest, and 1 where the row is not of its group.
    places = " ".join(
        f"WHEN {(1 << len(fields)) - 1 - (1 << (len(fields) - 1 - i))} THEN {i}" for i in range(len(fields))
    )
    limits = [question.limit or _EVERY for question in questions]
    return (
        Sql(
            f"WITH g AS (SELECT CASE GROUPING({', '.join(columns)}) {places} END AS place,"
            f" coalesce(NULL, {words or 'NULL'})::VARCHAR AS word,"
            f" coalesce(NULL, {numbers or 'NULL'})::BIGINT AS number, count(*) AS n FROM {rows} WHERE "
        )
        + where(questions[0].scope)
        + Sql(f" GROUP BY GROUPING SETS ({', '.join(f'({column})' for column in columns)})), ")
        + (_FEW_RANKED if max(limits) <= _FEW else _RANKED)
        + Sql(
            " SELECT place, word, number, n, total FROM r WHERE rank <= (?::BIGINT[])[place + 1] ORDER BY place, rank",
            (limits,),
        )
    )


_FEW = 20
_RANK = "row_number() OVER (PARTITION BY place ORDER BY n DESC, word ASC NULLS LAST, number ASC NULLS LAST) AS rank"
_RANKED = Sql(
    f"r AS (SELECT *, {_RANK}, count(word) OVER (PARTITION BY place) + count(number) OVER (PARTITION BY place) AS total"
    " FROM g)"
)
# A scanner asks for as many paths as there are events: to set them all in order takes thrice as long as to count them.
# In a structure a missing value comes last, too.
_FEW_RANKED = Sql(
    "t AS (SELECT place, count(word) + count(number) AS total,"
    f" unnest(min({{'less': -n, 'word': word, 'number': number}}, {_FEW})) AS k FROM g GROUP BY place),"
    " f AS (SELECT place, total, -k.less AS n, k.word AS word, k.number AS number FROM t),"
    f" r AS (SELECT *, {_RANK} FROM f)"
)


def _field(question: Top) -> Field:
    return DAY if question.field == DAY.name else find(question.field)


def _groups(field: Field, question: Top) -> Sql:
    if field.column == "rule_id":
        return _rule_groups(question)
    if field.scope == "match":
        return _match_groups(field, question)
    value, parameters = _event_value(field, question.zone)
    figures = f"sum(match_count)::BIGINT AS m, {_TIMES}" if _has_figures(question) else _NO_FIGURES
    return (
        Sql(f"(SELECT {value} AS v, count(*) AS n, {figures} FROM {rows_with(field)} WHERE ", parameters)
        + where(question.scope)
        + Sql(" GROUP BY v)")
    )


def _has_figures(question: Top) -> bool:
    """Whether more is wanted than the events of each value, if only to set them in order."""
    return not question.brief or question.order != "events"


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
    """Count rules from the arrays on the event: no join with the matches.

    Bookkeeping rules are left out of the groups: there are far fewer of them than of rules in events.
    """
    kept = "" if question.bookkeeping else f" HAVING {_SCORING}"
    scoped = where(question.scope)
    if not _has_figures(question):
        rules = Sql("(SELECT unnest(rule_ids) AS v FROM event WHERE ") + scoped
        return Sql(f"(SELECT v, count(*) AS n, {_NO_FIGURES} FROM ") + rules + Sql(f") GROUP BY v{kept})")
    return (
        Sql(
            f"(SELECT v, sum(once)::BIGINT AS n, count(*) AS m, {_TIMES}"
            " FROM (SELECT unnest(rule_ids) AS v, time, 1 AS once FROM event WHERE "
        )
        + scoped
        + Sql(" UNION ALL SELECT unnest(repeated_ids) AS v, time, 0 AS once FROM event WHERE ")
        + scoped
        + Sql(f" AND repeated_ids IS NOT NULL) GROUP BY v{kept})")
    )


def _class_groups(question: Top, *, own: bool) -> Sql:
    """Count classes from the arrays on the event, events with rules of the same files of the CRS at once.

    Rules of the site's own have theirs from their tags: events with one of these are counted by their matches.
    """
    if not own:
        return Sql("(") + _classes_by_number(question, "event") + Sql(")")
    return (
        Sql("(WITH owner AS MATERIALIZED (SELECT DISTINCT seq FROM")
        + Sql(" (SELECT seq, unnest(rule_ids) AS rule_id FROM event WHERE ")
        + where(question.scope)
        + Sql(f") WHERE {' OR '.join(classes.OWN)})")
        + Sql(" SELECT v, sum(n)::BIGINT AS n, sum(m)::BIGINT AS m, min(first) AS first, max(last) AS last FROM (")
        + _classes_by_number(question, "event ANTI JOIN owner USING (seq)")
        + Sql(" UNION ALL ")
        + _classes_by_match(question.scope)
        + Sql(") WHERE v IS NOT NULL GROUP BY v)")
    )


def _classes_by_number(question: Top, rows: str) -> Sql:
    ids, times = "rule_ids", "0 AS first, 0 AS last"
    if _has_figures(question):
        ids, times = "list_concat(rule_ids, coalesce(repeated_ids, []))", _TIMES
    return (
        Sql(
            "SELECT v, sum(n)::BIGINT AS n, sum(n * k)::BIGINT AS m, min(first) AS first, max(last) AS last FROM"
            f" (SELECT {classes.by_file('file')} AS v, n, count(*) AS k, first, last FROM"
            " (SELECT *, row_number() OVER () AS g, unnest(files) AS file FROM"
            f" (SELECT list_transform({ids}, lambda rule: rule // 1000) AS files, count(*) AS n, {times}"
            f" FROM {rows} WHERE "
        )
        + where(question.scope)
        + Sql(" GROUP BY files)) GROUP BY g, v, n, first, last) WHERE v IS NOT NULL GROUP BY v")
    )


def _classes_by_match(scope: Scope) -> Sql:
    # A condition on `bookkeeping` would be tested on every match before those are sought that are kept.
    return (
        Sql(
            f"SELECT {classes.OF_MATCH} AS v, count(DISTINCT event) AS n, count(*) AS m, {_TIMES}"
            f" FROM {rows_with(RULE_CLASS)} WHERE "
        )
        + joined([*during(scope.window), Sql("event IN (FROM owner)")], "AND")
        + Sql(" GROUP BY v")
    )


def _match_groups(field: Field, question: Top) -> Sql:
    column = f'"{field.column}"'
    parts = during(question.scope.window)
    if not question.bookkeeping:
        parts.append(Sql("NOT bookkeeping"))
    if question.scope.filter != EVERYTHING:
        parts.append(_in_scope(question.scope))
    if field.type == "texts":
        column = _items(column)
    return (
        Sql(
            f"(SELECT v, count(DISTINCT event) AS n, count(*) AS m, {_TIMES}"
            f" FROM (SELECT {column} AS v, event, time FROM {rows_with(field)} WHERE "
        )
        + (joined(parts, "AND") if parts else TRUE)
        + Sql(") GROUP BY v)")
    )


def _in_scope(scope: Scope) -> Sql:
    """The condition that a row of `match` is of an event in scope."""
    return Sql("event IN (SELECT seq FROM event WHERE ") + where(scope) + Sql(")")


def _only_new(field: Field, question: Top) -> Sql:
    """The join that keeps, of the values `g.v`, those that no event before the window has."""
    start = question.scope.window.start
    if field in FIRST_FIELDS:
        # A value of the window that was first seen before it is not new, nor can it have been first seen later.
        found = Sql(
            f"SEMI JOIN (SELECT value AS v FROM {first_table(field)}"
            " WHERE time >= make_timestamptz(?::BIGINT) AND time < make_timestamptz(?::BIGINT)",
            (start, question.scope.window.end),
        )
    else:
        found = Sql("ANTI JOIN (") + _values(field, question.zone)
        found += Sql(" WHERE time < make_timestamptz(?::BIGINT)", (start,))
    return found + Sql(") AS e ON g.v IS NOT DISTINCT FROM e.v")


def _values(field: Field, zone: str) -> Sql:
    """All values of a field, those of bookkeeping rules too."""
    if field == RULE_CLASS:
        return Sql(f"SELECT {classes.OF_MATCH} AS v FROM {rows_with(field)}")
    if field.scope == "match":
        column = f'"{field.column}"'
        return Sql(f"SELECT {_items(column) if field.type == 'texts' else column} AS v FROM {rows_with(field)}")
    value, parameters = _event_value(field, zone)
    return Sql(f"SELECT {value} AS v FROM {rows_with(field)}", parameters)

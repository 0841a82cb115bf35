"""From filters and questions to SQL.

Only here is SQL built.  Names come from the field table; values are parameters, always.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_network

import msgspec

from wafscope.event.fields import ATTACK_CLASSES, FIELDS, RULE_CLASS, Field, find
from wafscope.query.filter import All, AnyOf, Filter, Not, Term
from wafscope.query.holds import check
from wafscope.query.question import Scope
from wafscope.query.timespan import ALL_TIME, Window
from wafscope.store.duckdb import classes
from wafscope.store.duckdb.schema import SETTING_COLUMNS, WORDING_COLUMNS


class Sql(msgspec.Struct, frozen=True):
    """A piece of SQL with the values of its parameters, in order."""

    text: str
    values: tuple[object, ...] = ()

    def __add__(self, other: Sql) -> Sql:
        return Sql(self.text + other.text, self.values + other.values)


_TOO_LARGE = 1 << 31
"""A rule id that large is in no store: the column has 32 bits."""

TRUE = Sql("true")
FALSE = Sql("false")


def joined(parts: Iterable[Sql], word: str) -> Sql:
    """Join conditions by AND or OR."""
    kept = list(parts)
    return Sql("(" + f" {word} ".join(p.text for p in kept) + ")", tuple(v for p in kept for v in p.values))


def during(window: Window) -> list[Sql]:
    """Conditions on the column `time`."""
    if window == ALL_TIME:
        return []
    return [
        Sql('"time" >= make_timestamptz(?::BIGINT)', (window.start,)),
        Sql('"time" < make_timestamptz(?::BIGINT)', (window.end,)),
    ]


def where(scope: Scope) -> Sql:
    """The condition on a row of `event` that puts it in scope."""
    parts = during(scope.window)
    if scope.filter != All():
        parts.append(condition(scope.filter, scope.window))
    return joined(parts, "AND") if parts else TRUE


def condition(node: Filter, window: Window) -> Sql:
    """Compile a filter to a condition on a row of `event`; `window` narrows look-ups of matches."""
    if isinstance(node, Not):
        return Sql("(") + condition(node.inner, window) + Sql(") IS NOT TRUE")
    if isinstance(node, All):
        return joined((condition(p, window) for p in node.parts), "AND") if node.parts else TRUE
    if isinstance(node, AnyOf):
        return joined((condition(p, window) for p in node.parts), "OR") if node.parts else FALSE
    if node.operation == "contains":
        return _contains(node, window)
    if node.operation == "reviewed":
        return _marked(node)
    field = find(node.field)
    if field.scope == "event":
        return _on_event(field, node)
    return _on_rules(field, node, window)


def _on_rules(field: Field, node: Term, window: Window) -> Sql:
    if field.column == "rule_id":
        return _on_rule(node)
    if field == RULE_CLASS:
        return _on_class(node, window)
    return _some_match(_on_match(field, _test(field, node, f'"{field.column}"')), window)


def _marked(term: Term) -> Sql:
    inside = Sql("seq IN (SELECT event FROM reviewed)")
    sides = {"yes": inside, "no": Sql("NOT ") + inside}
    return joined((sides[str(value)] for value in term.values), "OR") if term.values else FALSE


def _some_match(test: Sql, window: Window) -> Sql:
    return Sql("seq IN (SELECT event FROM match WHERE ") + joined([*during(window), test], "AND") + Sql(")")


def _on_match(field: Field, test: Sql) -> Sql:
    """A test of a field as a condition on a row of `match`."""
    if field.column not in WORDING_COLUMNS:
        return test
    return Sql("wording_id IN (SELECT id FROM wording WHERE ") + test + Sql(")")


def _on_event(field: Field, term: Term) -> Sql:
    if term.operation == "within":
        return joined((_network(str(v)) for v in term.values), "OR")
    test = _test(field, term, f'"{field.column}"')
    if field.column not in SETTING_COLUMNS:
        return test
    return Sql("setting_id IN (SELECT id FROM setting WHERE ") + test + Sql(")")


def rows_with(field: Field) -> str:
    """The rows of `event` or `match` with the column of a field."""
    if field.scope == "match":
        if field == RULE_CLASS:
            return classes.ROWS
        return "match JOIN wording ON wording_id = id" if field.column in WORDING_COLUMNS else "match"
    return "event JOIN setting ON setting_id = id" if field.column in SETTING_COLUMNS else "event"


def _on_rule(term: Term) -> Sql:
    if term.operation == "is":
        return Sql(
            "list_has_any(rule_ids, ?::INTEGER[])",
            ([v for v in term.values if isinstance(v, int) and abs(v) < _TOO_LARGE],),
        )
    field = find("rule.id")
    return Sql("EXISTS (SELECT 1 FROM (SELECT unnest(rule_ids) AS r) WHERE ") + _test(field, term, "r") + Sql(")")


def _on_class(term: Term, window: Window) -> Sql:
    holds = check(term)
    wanted = [name for name in ATTACK_CLASSES if holds(name)]
    if not wanted:
        return FALSE
    numbered = _some_match(Sql(f"rule_id // 1000 IN ({classes.files_of(wanted)})"), window)
    is_wanted = Sql(f"{classes.OF_MATCH} = ANY(?)", (wanted,))
    tests = [joined([*during(window), Sql(own), is_wanted], "AND") for own in classes.OWN]
    worded = [Sql(f"seq IN (SELECT event FROM {classes.ROWS} WHERE ") + test + Sql(")") for test in tests]
    return joined([numbered, *worded], "OR")


def _test(field: Field, term: Term, column: str) -> Sql:
    """The test of a term on a column; for a list of texts, on any of its items."""
    if field.type == "texts":
        if term.operation == "known":
            return Sql(f"len(list_filter({column}, lambda item: item <> '')) > 0")
        return (
            Sql(f"EXISTS (SELECT 1 FROM (SELECT unnest({column}) AS item) WHERE ")
            + _single("text", term, "item")
            + Sql(")")
        )
    return _single(field.type, term, column)


def _single(kind: str, term: Term, column: str) -> Sql:
    if term.operation == "known":
        return Sql(f"{column} IS NOT NULL")
    if term.operation == "like":
        return joined((Sql(f"{column} LIKE ? ESCAPE '\\'", (_pattern(str(v)),)) for v in term.values), "OR")
    if term.operation == "range":
        low, high = term.values
        value = "make_timestamptz(?::BIGINT)" if kind == "time" else "?"
        bounds = [Sql(f"{column} >= {value}", (low,))] if low is not None else []
        if high is not None:
            bounds.append(Sql(f"{column} <= {value}", (high,)))
        return joined(bounds, "AND") if bounds else Sql(f"{column} IS NOT NULL")
    if kind == "time":
        return (
            joined((Sql(f"{column} = make_timestamptz(?::BIGINT)", (v,)) for v in term.values), "OR")
            if term.values
            else FALSE
        )
    return Sql(f"{column} IN ({', '.join('?' * len(term.values))})", term.values) if term.values else FALSE


def _pattern(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return escaped.replace("*", "%")


def _network(value: str) -> Sql:
    network = ip_network(value, strict=False)
    return Sql(
        "(octet_length(client_packed) = ? AND client_packed BETWEEN ? AND ?)",
        (network.max_prefixlen // 8, network[0].packed, network[-1].packed),
    )


def _contains(term: Term, window: Window) -> Sql:
    word = str(term.values[0])
    found = [(f, Sql(f'contains(lower("{f.column}"), lower(?))', (word,))) for f in FIELDS if f.searchable]
    events = [test for field, test in found if field.scope == "event"]
    matches = [_on_match(field, test) for field, test in found if field.scope == "match"]
    return joined([*events, _some_match(joined(matches, "OR"), window)], "OR")

"""What hypothesis draws events and filters from.

Values come from small pools, so that filters hold and values repeat.  Letters are those whose lower
case every store agrees on: İ, whose lower case is two characters, and Σ, whose lower case depends on
its neighbours, are left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from hypothesis import strategies as st
from tests.make import START

from wafscope.event.fields import ATTACK_CLASSES, FIELDS, OUTCOMES, Field
from wafscope.event.model import Event, Match
from wafscope.event.rule import attack_class, is_bookkeeping
from wafscope.event.text import storable
from wafscope.query.filter import All, AnyOf, Filter, Not, Term
from wafscope.query.timespan import DAY

T = TypeVar("T")

LETTERS = "aAbB01 /-.:,*%_\\\"'()é日ßЖ\U0001f512\t\n\udcff\udc80\ud800"
WORDS = ("a", "A", "ab", "a b", "a*b", "100%", "a_b", "back\\slash", '"', "日本", "\udcff", "\\xff", "é", "É")

words = st.sampled_from(WORDS) | st.text(st.sampled_from(LETTERS), max_size=4)
maybe_words = st.none() | words
filter_words = words.filter(bool).map(storable)
"""Filters hold texts in their storable form, as the parser makes them."""
addresses = st.none() | st.sampled_from(
    ("192.0.2.1", "192.0.2.77", "10.0.0.1", "::1", "2001:db8::1", "::ffff:10.0.0.1", "unix:", "", "10.0.0.256", "0")
)
networks = st.sampled_from(("192.0.2.0/26", "10.0.0.0/8", "0.0.0.0/0", "::/0", "2001:db8::/32", "192.0.2.1/32"))
small = st.none() | st.integers(0, 12)
signed = st.none() | st.integers(-(1 << 31), (1 << 31) - 1) | st.integers(0, 600)
lists = st.lists(st.sampled_from(("a", "b", "attack-sqli", "\udcff", "")), max_size=3).map(tuple)
rules = st.sampled_from((1, 920350, 942100, 942190, 949110, 980130, 950901, 959070))
rule_ids = st.none() | rules
times = st.integers(START, START + 3 * DAY)
versions = st.sampled_from(("", "OWASP_CRS/2.2.9", "OWASP_CRS/4.8.0"))
files = st.sampled_from(("", "/etc/crs/modsecurity_crs_41_sql_injection_attacks.conf"))
tags_of_classes = st.lists(
    st.sampled_from(("attack-sqli", "attack-xss", "OWASP_CRS/WEB_ATTACK/XSS", "WEB_ATTACK/RFI", "own")), max_size=3
).map(tuple)
"""What tells the class of a rule, beside its id."""


@st.composite
def matches(draw: st.DrawFn) -> Match:
    """Draw a match."""
    rule_id, tags = draw(rule_ids), draw(lists | tags_of_classes)
    version, file = draw(words | versions), draw(words | files)
    fields: dict[str, Any] = {name: draw(words) for name in ("message", "data", "target", "operator", "value")}
    return Match(
        rule_id=rule_id,
        version=version,
        file=file,
        tags=tags,
        attack_class=attack_class(rule_id, tags, version, file),
        severity=draw(small),
        line=draw(signed),
        bookkeeping=is_bookkeeping(rule_id),
        **fields,
    )


@st.composite
def events(draw: st.DrawFn, at: st.SearchStrategy[int] = times) -> Event:
    """Draw an event; its record is told apart by its time."""
    time = draw(at)
    texts: dict[str, Any] = {name: draw(words) for name in ("method", "uri", "path", "transaction_id", "engine")}
    texts |= {name: draw(maybe_words) for name in ("host", "query", "user_agent", "referer", "content_type")}
    return Event(
        raw=f"record at {time}".encode(),
        format=draw(st.sampled_from(("v3.json", "v2.native"))),
        time=time,
        client_address=draw(addresses),
        client_port=draw(signed),
        status=draw(signed),
        score=draw(small),
        score_source=draw(st.sampled_from(("949110_message", "computed", ""))),
        points=draw(st.integers(0, 12)),
        outcome=draw(st.sampled_from(OUTCOMES)),
        attack_class=draw(st.none() | st.sampled_from(ATTACK_CLASSES)),
        interrupted=draw(st.none() | st.booleans()),
        flags=draw(lists),
        gaps=draw(lists),
        matches=tuple(draw(st.lists(matches(), max_size=4))),
        **texts,
    )


def event_lists(most: int = 10) -> st.SearchStrategy[list[Event]]:
    """Draw events at distinct times."""
    return st.lists(events(), max_size=most, unique_by=lambda each: each.time)


def values_of(field: Field) -> st.SearchStrategy[str | int]:
    """Draw values that a field may have."""
    if field.choices:
        return st.sampled_from(field.choices)
    match field.type:
        case "integer":
            return rules if field.name == "rule.id" else st.integers(-5, 605)
        case "time":
            return times
        case "address":
            return addresses.map(lambda each: each or "")
        case _:
            return filter_words | st.just("") if field.empty_is_value else filter_words


def terms() -> st.SearchStrategy[Term]:
    """Draw conditions on all fields."""
    contains = filter_words.map(lambda word: Term("", "contains", (word,)))
    marks = _some(st.sampled_from(("yes", "no"))).map(lambda values: Term("", "reviewed", values))
    return contains | marks | st.sampled_from(FIELDS).flatmap(_terms_of)


def _terms_of(field: Field) -> st.SearchStrategy[Term]:
    drawn = _some(values_of(field))
    kinds = [st.just(Term(field.name, "known")), drawn.map(lambda values: Term(field.name, "is", values))]
    if field.type in ("text", "texts") and not field.choices:
        pieces = st.lists(words.map(storable), min_size=1, max_size=3)
        patterns = pieces.map("*".join).filter(lambda each: each not in ("", "*"))
        kinds.append(_some(patterns).map(lambda each: Term(field.name, "like", each)))
    if field.type in ("integer", "time"):
        bounds = st.tuples(st.none() | values_of(field), st.none() | values_of(field))
        kinds.append(bounds.map(lambda values: Term(field.name, "range", values)))
    if field.type == "address":
        kinds.append(_some(networks).map(lambda each: Term(field.name, "within", each)))
    return st.one_of(kinds)


def _some(drawn: st.SearchStrategy[T]) -> st.SearchStrategy[tuple[T, ...]]:
    return st.lists(drawn, min_size=1, max_size=3).map(tuple)


def filters() -> st.SearchStrategy[Filter]:
    """Draw filters of all shapes, empty ones too."""
    return st.recursive(terms(), _joined, max_leaves=6)


def _joined(inner: st.SearchStrategy[Filter]) -> st.SearchStrategy[Filter]:
    parts = st.lists(inner, max_size=3).map(tuple)
    return inner.map(Not) | parts.map(All) | parts.map(AnyOf)


def batches(made: Sequence[Event]) -> st.SearchStrategy[list[list[Event]]]:
    """Draw batches of these events, with repetitions in them and across them."""
    if not made:
        return st.just([[]])
    return st.lists(st.lists(st.sampled_from(made), max_size=8), max_size=4)

"""The facets beside the list of events: the most frequent values of the fields that say so."""

from __future__ import annotations

import msgspec

from wafscope.event.fields import FIELDS, Field
from wafscope.panel import rules
from wafscope.panel.answers import Answers
from wafscope.panel.values import known
from wafscope.panel.view import Quality, View, quality
from wafscope.query.question import Top, TopValue

LIMIT = 7
_FIRST = ("host", "waf.attack_class", "rule.id", "waf.outcome", "client.address", "http.response.status_code")


class FacetValue(msgspec.Struct, frozen=True):
    """One value of a facet; `note` is the message of a rule."""

    value: str | int | None
    events: int
    share: float
    """Of the most frequent value."""
    note: str


class Facet(msgspec.Struct, frozen=True):
    """One field with its most frequent values."""

    field: Field
    values: tuple[FacetValue, ...]
    distinct: int

    @property
    def more(self) -> int:
        """How many values are not among these."""
        return self.distinct - known(value.value for value in self.values)


class Facets(msgspec.Struct, frozen=True):
    """Answer of the panel."""

    facets: tuple[Facet, ...]
    quality: Quality


def fields() -> tuple[Field, ...]:
    """The facet fields, the most useful ones first."""
    marked = {field.name: field for field in FIELDS if field.facet}
    names = [name for name in _FIRST if name in marked] + [name for name in marked if name not in _FIRST]
    return tuple(marked[name] for name in names)


def ask(answers: Answers, view: View) -> Facets:
    """Ask for the panel; a field of which nothing is known is left out."""
    asked = fields()
    answer = answers.facets(
        [Top(field.name, view.scope, limit=LIMIT, bookkeeping=False, brief=True) for field in asked]
    )
    facets = []
    for field, found in zip(asked, answer.value, strict=True):
        values = found.values
        if not values or (len(values) == 1 and values[0].value is None):
            continue
        notes = _notes(answers, values) if field.name == rules.FIELD else {}
        facets.append(Facet(field, tuple(_value(v, values[0].events, notes) for v in values), found.distinct))
    return Facets(tuple(facets), quality(answer))


def _notes(answers: Answers, values: tuple[TopValue, ...]) -> dict[str | int | None, str]:
    return {rule_id: info.message for rule_id, info in rules.describe(answers, values).items()}


def _value(value: TopValue, most: int, notes: dict[str | int | None, str]) -> FacetValue:
    return FacetValue(value.value, value.events, value.events / most, notes.get(value.value, ""))

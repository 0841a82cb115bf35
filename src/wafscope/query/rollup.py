"""Which questions hourly counts can answer: those of what retention has removed.

They know of an event its hour, the fields below, its matches and which of them score, and apart from that the rules of
each hour.
"""

from __future__ import annotations

from collections.abc import Iterator

from wafscope.event.fields import DAY, find
from wafscope.query.filter import EVERYTHING, All, AnyOf, Filter, Not
from wafscope.query.question import Count, Histogram, Top
from wafscope.query.timespan import HOUR

FIELDS = frozenset({"host", "waf.outcome", "waf.attack_class"})
RULE = "rule.id"


def can_tell(question: Count | Histogram | Top) -> bool:
    """Whether hourly counts answer the question."""
    if isinstance(question, Top):
        field = DAY if question.field == DAY.name else find(question.field)
        if question.new or field.name not in {*FIELDS, RULE}:
            return False
        if field.name == RULE:
            return question.scope.filter == EVERYTHING
    elif isinstance(question, Histogram) and question.by and find(question.by).name not in FIELDS:
        return False
    return all(name in FIELDS for name in _names(question.scope.filter))


def is_exact(question: Count | Histogram | Top, since: int) -> bool:
    """Whether the window, and the bins, begin and end with whole hours where they are before `since`."""
    window = question.scope.window
    edges = [edge for edge in (window.start, window.end) if abs(edge) < _FAR and edge < since]
    steps = [question.step] if isinstance(question, Histogram) else []
    return not any(time % HOUR for time in (*edges, *steps))


_FAR = 1 << 59
"""No time: all of it."""


def _names(node: Filter) -> Iterator[str]:
    if isinstance(node, Not):
        yield from _names(node.inner)
    elif isinstance(node, All | AnyOf):
        for part in node.parts:
            yield from _names(part)
    else:
        yield find(node.field).name if node.field else ""

"""Why a filter finds nothing: what there would be without each of its terms, and what there is at other times."""

from __future__ import annotations

import msgspec

from wafscope.panel.answers import Answers
from wafscope.panel.view import View
from wafscope.query.filter import Filter
from wafscope.query.parser import parse, terms, without
from wafscope.query.question import Count, Scope
from wafscope.query.timespan import ALL_TIME

_MOST = 4


class Drop(msgspec.Struct, frozen=True):
    """A term of the filter and the events there would be without it."""

    index: int
    text: str
    events: int


class Nothing(msgspec.Struct, frozen=True):
    """Answer: terms worth dropping, most events first, and events that match at any time."""

    drops: tuple[Drop, ...]
    ever: int


def ask(answers: Answers, view: View, line: str) -> Nothing | None:
    """Find out why there is nothing; None where there is something."""
    counts = answers.count(Count(view.scope))
    if counts.value.events or counts.cut:
        return None
    drops = []
    for index, chip in enumerate(terms(line)[:12]):
        if not chip.off:
            rest: Filter = parse(without(line, index))
            drops.append(Drop(index, chip.text, answers.count(Count(Scope(view.window, rest))).value.events))
    found = sorted((drop for drop in drops if drop.events), key=lambda drop: -drop.events)
    return Nothing(tuple(found[:_MOST]), answers.count(Count(Scope(ALL_TIME, view.filter))).value.events)

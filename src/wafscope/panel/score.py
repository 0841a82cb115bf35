"""The score as a waterfall: one step a rule, what the engine says, and what the log does not explain."""

from __future__ import annotations

import msgspec

from wafscope.event.model import AttackClass, Event, Match
from wafscope.event.outline import SAMPLED
from wafscope.event.rule import is_outbound


class Step(msgspec.Struct, frozen=True):
    """The points of one rule; `start` is the sum of those before it."""

    rule_id: int | None
    attack_class: AttackClass
    number: int
    """Of the first match of the rule in this event, counted from 1."""
    times: int
    """How often it added its points: for each match, and in Coraza for each value of it."""
    start: int
    points: int


class Waterfall(msgspec.Struct, frozen=True):
    """Answer of the panel; `said` is None where the log has no sum of its own."""

    steps: tuple[Step, ...]
    further: int
    """Points for further values of these rules: Coraza adds them for each, and of an event of a flood only the first
    value of a match is kept."""
    points: int
    said: int | None
    source: str
    threshold: int | None
    outbound: int | None
    unexplained: int
    surplus: int
    """Points that the matches have beyond what the engine says: its severities weigh otherwise."""
    top: int
    """Right end of the scale."""
    ticks: tuple[int, ...]


def waterfall(event: Event) -> Waterfall:
    """Build the steps in the order of the rules."""
    found: dict[int | None, list[tuple[int, Match]]] = {}
    for number, match in enumerate(event.matches, start=1):
        outbound = is_outbound(match.rule_id, match.version, match.file)
        if not match.bookkeeping and match.points and not outbound:
            found.setdefault(match.rule_id, []).append((number, match))
    steps, total = [], 0
    for rule_id, matches in found.items():
        number, first = matches[0]
        points = sum(match.points for _, match in matches)
        times = sum(1 + len(match.others) for _, match in matches)
        steps.append(Step(rule_id, first.attack_class, number, times, total, points))
        total += points
    further = max(0, event.points - total) if SAMPLED in event.gaps else 0
    total += further
    said = None if event.score_source in {"computed", ""} else event.score
    top, ticks = _scale(max(total, said or 0, event.threshold or 0, 1))
    return Waterfall(
        steps=tuple(steps),
        further=further,
        points=total,
        said=said,
        source=event.score_source,
        threshold=event.threshold,
        outbound=event.score_outbound,
        unexplained=max(0, (said or 0) - total),
        surplus=max(0, total - said) if said is not None else 0,
        top=top,
        ticks=ticks,
    )


def _scale(most: int) -> tuple[int, tuple[int, ...]]:
    for step in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 10_000, 100_000):
        if most <= step * 5:
            top = step * -(-most // step)
            return top, tuple(range(0, top + 1, step))
    return most, (0, most)

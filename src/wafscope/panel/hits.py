"""Panel 1: hits in the window against the window before, and what the engine did with them."""

from __future__ import annotations

import msgspec

from wafscope.event.model import EngineMode, Outcome
from wafscope.panel import outcome
from wafscope.panel.answers import Answers
from wafscope.panel.change import Change, Coverage, coverage, goes_back
from wafscope.panel.first import Burst, burst
from wafscope.panel.view import Quality, View, one_of, quality
from wafscope.query.filter import Not
from wafscope.query.question import Count, Top, TopValues
from wafscope.query.timespan import Window


class Part(msgspec.Struct, frozen=True):
    """Events of one outcome, or of two that are shown as one."""

    outcomes: tuple[Outcome, ...]
    events: int


class Hits(msgspec.Struct, frozen=True):
    """Answer of the panel."""

    change: Change
    before: Window
    coverage: Coverage
    matches: int
    rules: int
    parts: tuple[Part, ...]
    modes: tuple[tuple[EngineMode, int], ...]
    """Engine modes in scope, most frequent first."""
    burst: Burst | None
    without_burst: Change | None
    quality: Quality


def ask(answers: Answers, view: View) -> Hits:
    """Ask for the panel."""
    rules = answers.top(Top("rule.id", view.scope, limit=0, bookkeeping=False, rolled=goes_back(answers, view.window)))
    # All figures are of the same events: those that the rules can be told of.
    rolled = rules.rolled is not None
    counts = answers.count(Count(view.scope, rolled=rolled))
    by_outcome = outcome.ask(answers, view, rolled=rolled)
    outcomes, modes = by_outcome.value
    held = coverage(answers, view, view.window.before())
    before = None if held.held == "none" else answers.count(Count(view.scope_before, rolled=rolled)).value.events
    found = burst(answers, view)
    return Hits(
        change=Change(counts.value.events, before),
        before=view.window.before(),
        coverage=held,
        matches=counts.value.scoring_matches,
        rules=rules.value.distinct,
        parts=_parts(outcomes),
        modes=tuple((mode_of(v.value), v.events) for v in modes.values),
        burst=found,
        without_burst=_without(answers, view, counts.value.events, found, held=before is not None),
        quality=msgspec.structs.replace(quality(counts, rules), cut=any(a.cut for a in (counts, by_outcome, rules))),
    )


def mode_of(value: object) -> EngineMode:
    """Give an engine mode out of the store; what it does not know is unknown."""
    return value if value in ("on", "detection_only", "off") else "unknown"


def _parts(outcomes: TopValues) -> tuple[Part, ...]:
    counts = {value.value: value.events for value in outcomes.values}
    parts = [
        Part(("blocked",), counts.get("blocked", 0)),
        Part(("would_block",), counts.get("would_block", 0)),
        Part(("below", "no_match"), counts.get("below", 0) + counts.get("no_match", 0)),
    ]
    unknown = counts.get("unknown", 0) + counts.get(None, 0)
    return (*parts, Part(("unknown",), unknown)) if unknown else tuple(parts)


def _without(answers: Answers, view: View, events: int, found: Burst | None, *, held: bool) -> Change | None:
    if found is None:
        return None
    scope = msgspec.structs.replace(view, window=view.window.before()).narrowed(
        Not(one_of("client.address", (found.client,)))
    )
    before = answers.count(Count(scope)).value.events if held else None
    return Change(events - found.events, before)

"""Panel 4: the rules as bars, one for each attack class, one segment a rule."""

from __future__ import annotations

import msgspec

from wafscope.event.fields import ATTACK_CLASSES
from wafscope.event.model import AttackClass
from wafscope.panel import rules
from wafscope.panel.answers import Answers
from wafscope.panel.rules import RuleRow
from wafscope.panel.view import Quality, View


class ClassRow(msgspec.Struct, frozen=True):
    """One class: the hits of its rules, and what they were in the window before (None: not held)."""

    attack_class: AttackClass
    hits: int
    before: int | None
    segments: tuple[RuleRow, ...]


class Classes(msgspec.Struct, frozen=True):
    """Answer of the panel: classes by hits, most first; classes without a hit left out."""

    rows: tuple[ClassRow, ...]
    most: int
    """Hits of the longest bar."""
    quality: Quality


def ask(answers: Answers, view: View) -> Classes:
    """Ask for the panel."""
    found = rules.ask(answers, view, limit=0)
    before = rules.rules_before(answers, view)
    known: dict[object, AttackClass] = {row.rule_id: row.attack_class for row in found.rows}
    earlier: dict[str, int] = {}
    for rule_id, events in (before or {}).items():
        name = known.get(rule_id) or _class_by_id(rule_id)
        earlier[name] = earlier.get(name, 0) + events
    rows = []
    for place in ATTACK_CLASSES:
        segments = tuple(row for row in found.rows if row.attack_class == place)
        if segments:
            hits = sum(row.change.now for row in segments)
            was = None if before is None else earlier.get(place, 0)
            rows.append(ClassRow(segments[0].attack_class, hits, was, segments))
    rows.sort(key=lambda row: -row.hits)
    most = max((max(row.hits, row.before or 0) for row in rows), default=0)
    return Classes(tuple(rows), most, found.quality)


def _class_by_id(rule_id: str | int | None) -> AttackClass:
    return rules.class_of(rule_id if isinstance(rule_id, int) else None, {})

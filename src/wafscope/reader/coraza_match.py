"""From the entries of a Coraza record to its matches: one match is one rule that fired.

Coraza writes an entry for every matched value and every link of a chain; entries that follow each other with the
same rule id are one match, whose further values stand in `others`.  An entry without message and data tells
nothing more and leaves no trace (formats specification, sections 8.2 and 8.7, points 11 and 12).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from wafscope.event.model import Action, Match, Value
from wafscope.reader.coraza_line import CUT, NO_WORDS, Pair, Rule, Words, is_cut, make_rule
from wafscope.reader.coraza_rule import NO_TEXT, RuleText, read_rule


class Reported(msgspec.Struct, frozen=True, gc=False):
    """The matches of a record, and what its lines say that the engine did; None where no part says anything."""

    matches: tuple[Match, ...] | None = None
    denial: Words = NO_WORDS

    def flags(self) -> tuple[str, ...]:
        """Return what was odd about the entries."""
        for match in self.matches or ():
            if match.cut:
                return ("cut_message",)
        return ()


NOTHING_REPORTED = Reported()
_DENIALS: frozenset[Action] = frozenset({"deny", "drop", "redirect"})
_LOGGING_PHASE = 5

_DATA = "Matched Data: "
_WITHIN = " found within "
_TARGET = re.compile(r"[A-Z][A-Z_]*(?::.*)?", re.DOTALL)


def denies(words: Words) -> bool:
    """Tell words that stop a request; in phase 5 all is over, whatever the words (section 11.4)."""
    return words.action in _DENIALS and words.phase != _LOGGING_PHASE


def target_of(data: str) -> tuple[str, str]:
    """Return target and value out of `Matched Data: X found within TARGET: VALUE`; empty where data has another form.

    X and VALUE are the client's: the first place where a variable follows is taken.
    """
    if not data.startswith(_DATA):
        return "", ""
    rest = data
    while True:
        _, within, rest = rest.partition(_WITHIN)
        if not within:
            return "", ""
        target, colon, value = rest.partition(": ")
        if _TARGET.fullmatch(target) is not None and (colon or not is_cut(data)):
            return target, value


def make_match(
    rule: Rule,
    pairs: Sequence[Pair],
    words: Words,
    *,
    text: RuleText = NO_TEXT,
    raw: str = "",
    cuts: int = 0,
    further: int = 0,
) -> Match:
    """Make the match of a rule that fired; `raw` is the rule as written, `text` what was read from it.

    `cuts` is the length at which this log cuts messages and data; 0 where it writes them whole.  Besides the `pairs`
    there are so many `further` values that were passed over.
    """
    message, data = pairs[0] if pairs else ("", "")
    target, value = target_of(data) if data else ("", "")
    return Match(
        rule.rule_id,
        message or next((m for m, _ in pairs if m), ""),
        data,
        target,
        text.operator,
        text.parameter,
        value,
        "",  # no justification
        "",  # no reference
        rule.severity,
        rule.file,
        rule.line,
        rule.tags,
        rule.revision,
        rule.version,
        rule.maturity,
        rule.accuracy,
        rule.bookkeeping,
        # The engine runs the actions of a rule, which add its points, for each value.
        rule.points * (max(len(pairs), 1) + further),
        rule.attack_class,
        text.negated,
        words.phase or text.phase,
        words.action,
        _others(pairs) if len(pairs) > 1 else (),
        raw,
        cuts > 0 and _any_cut(pairs, cuts),
    )


def _others(pairs: Sequence[Pair]) -> tuple[Value, ...]:
    return tuple([Value(*target_of(data), message, data) for message, data in pairs[1:]])


def _any_cut(pairs: Sequence[Pair], cuts: int) -> bool:
    for message, data in pairs:
        if is_cut(data) or is_cut(message):
            return True
        if cuts < CUT and cuts in {len(data), len(message)}:
            return True
    return False


def settle(rule: Rule, text: RuleText) -> Rule:
    """Return the rule with the severity that its text proves, where the log cannot tell unset from emergency."""
    if rule.severity is None and text.severity == 0:
        return make_rule(rule.rule_id, 0, rule.tags, rule)
    return rule


def matches_of_texts(texts: Sequence[str]) -> tuple[Match, ...]:
    """Return the matches that part K tells alone: which rules fired, not what they matched.

    Up to 3.3 this is all that a native record says of its rules.
    """
    found: list[Match] = []
    for raw in texts:
        text = read_rule(raw)
        if found and text.rule_id is not None and found[-1].rule_id == text.rule_id:
            continue
        rule = make_rule(
            text.rule_id,
            text.severity,
            text.tags,
            Rule(revision=text.revision, version=text.version, maturity=text.maturity, accuracy=text.accuracy),
        )
        pair = (text.message, text.data)
        found.append(make_match(rule, (pair,), NO_WORDS, text=text, raw=raw))
    return tuple(found)


def unused_texts(texts: Sequence[str], matches: Sequence[Match]) -> tuple[str, ...]:
    """Return the rules of part K that belong to no match, each once."""
    known = {match.rule_id for match in matches}
    return tuple(dict.fromkeys(raw for raw in texts if read_rule(raw).rule_id not in known))

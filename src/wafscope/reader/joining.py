"""One transaction, two logs: what an event of the audit log takes from the lines of the error log about it.

The error log says in words whether the engine stopped a request; several audit logs do not (formats specification,
section 9).  A denial in it is a fact.  That it holds none is one only where it has a line for each rule of the audit
record: nginx cuts lines, with the transaction id at their end, and its level may hide warnings (section 11.2).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import msgspec

from wafscope.event.model import Action, Event, InterruptedSource, Match, Outcome
from wafscope.reader.formats import ERROR_LOGS
from wafscope.reader.verdict import action_of, decide, read_score

FORMATS = tuple(ERROR_LOGS)
"""Formats of events that may be part of an event of the audit log."""

_UNSURE: frozenset[InterruptedSource] = frozenset({"", "inferred"})
_NOT_SAID: frozenset[InterruptedSource] = frozenset({"", "inferred", "mode"})
"""`mode` is what the configuration says; a rule can change it for one transaction (`ctl:ruleEngine`), and an engine
that only detects writes no denial."""
_NO_WORD: frozenset[Action] = frozenset({"", "unknown"})
_OUTCOMES: tuple[Outcome, ...] = ("blocked", "would_block", "below", "no_match", "unknown")


class Word(msgspec.Struct, frozen=True):
    """What a record says of a block, and the rules that it names."""

    interrupted: bool | None
    source: InterruptedSource
    outcome: Outcome
    action: Action
    rule_ids: frozenset[int | None] = frozenset()


class Settled(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a block from all records, and which line of `said` the action comes from."""

    interrupted: bool | None
    source: InterruptedSource
    outcome: Outcome
    action: Action
    told_by: int | None = None


def settle(own: Word, said: Sequence[Word]) -> Settled:
    """Decide between the audit record's own word and those of the error log."""
    denial = next((n for n, each in enumerate(said) if each.interrupted and each.source == "error_log"), None)
    if denial is not None and own.source in _NOT_SAID:
        return _told(own, said, denial)
    if denial is not None and own.interrupted and own.action in _NO_WORD:
        return msgspec.structs.replace(_told(own, said, denial), source=own.source)
    if own.source in _UNSURE and _is_quiet(own, said):
        outcome = min((each.outcome for each in said), key=_OUTCOMES.index)
        return Settled(interrupted=False, source="error_log", outcome=outcome, action="")
    guess = next((n for n, each in enumerate(said) if each.interrupted), None)
    if guess is not None and own.source == "":
        return _told(own, said, guess)
    action = action_of(own.action, own.interrupted)
    return Settled(interrupted=own.interrupted, source=own.source, outcome=own.outcome, action=action)


def _told(own: Word, said: Sequence[Word], by: int) -> Settled:
    """Return that the request was stopped, as one record of the error log tells."""
    word = said[by]
    action = own.action if word.action in _NO_WORD else word.action
    return Settled(
        interrupted=True, source=word.source, outcome="blocked", action=action_of(action, interrupted=True), told_by=by
    )


def _is_quiet(own: Word, said: Sequence[Word]) -> bool:
    """Tell that the error log has lines for all that fired, and none of a denial."""
    if not all(each.interrupted is False and each.source == "error_log" for each in said):
        return False
    return own.rule_ids - {None} <= frozenset(chain.from_iterable(each.rule_ids for each in said))


def word_of(event: Event) -> Word:
    """Return what an event says of a block."""
    rule_ids = frozenset(match.rule_id for match in event.matches)
    return Word(event.interrupted, event.interrupted_source, event.outcome, event.action, rule_ids)


def takes_matches(gaps: Sequence[str]) -> bool:
    """Tell an audit record that has no part H: its rules are those of the error log."""
    return "no_messages" in gaps


def told_gaps(gaps: Sequence[str], source: InterruptedSource, *, matches: bool) -> tuple[str, ...]:
    """Return the gaps that are left when the source of the verdict is known and the matches perhaps are."""
    filled = {"no_blocked_flag": source not in _UNSURE, "no_messages": matches}
    return tuple(gap for gap in gaps if not filled.get(gap))


def joined(own: Event, errors: Sequence[Event]) -> Event:
    """Return the event of an audit record with what the error log says of its transaction."""
    settled = settle(word_of(own), [word_of(each) for each in errors])
    matches = tuple(chain.from_iterable(each.matches for each in errors)) if takes_matches(own.gaps) else ()
    if matches:
        flag = None if settled.source in _UNSURE else settled.interrupted
        interrupted, source, outcome = decide(flag, own.engine_mode, own.status, matches, settled.source)
        own = _with_matches(own, matches)
    else:
        interrupted, source, outcome = settled.interrupted, settled.source, settled.outcome
    event = msgspec.structs.replace(
        own,
        interrupted=interrupted,
        interrupted_source=source,
        outcome=outcome,
        action=action_of(settled.action, interrupted),
        gaps=told_gaps(own.gaps, source, matches=bool(matches)),
    )
    return event if settled.told_by is None else _as_told(event, errors[settled.told_by])


def _with_matches(own: Event, matches: tuple[Match, ...]) -> Event:
    score = read_score(matches)
    return msgspec.structs.replace(
        own,
        matches=matches,
        attack_class=score.attack_class,
        score=score.score,
        score_source=score.score_source,
        score_outbound=score.outbound,
        threshold=score.threshold,
        points=score.points,
    )


def _as_told(event: Event, by: Event) -> Event:
    """Say of the action what the error log says of it, where the audit record says nothing."""
    return msgspec.structs.replace(
        event,
        action_phase=by.action_phase if event.action_phase is None else event.action_phase,
        action_status=by.action_status if event.action_status is None else event.action_status,
        action_message=event.action_message or by.action_message,
    )

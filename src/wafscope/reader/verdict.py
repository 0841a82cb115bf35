"""What the engine did with a request, and its anomaly score, as far as the record tells.

Sources: formats specification, sections 9 (blocked or not) and 10 (score messages).
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Literal

import msgspec

from wafscope.event.model import Action, AttackClass, EngineMode, InterruptedSource, Match, Outcome
from wafscope.event.rule import BLOCKING, INBOUND_SUMMARY, OUTBOUND_SUMMARY, REACHED, is_outbound

_TOTAL = re.compile(r"Total (?:Inbound |Outbound )?Score: ?(\d{1,9})(?!\d)|\(score (\d{1,9})\)")
_BLOCKING = re.compile(r"blocking=(\d{1,9})?, detection=\d*, per_pl=[\d-]*, threshold=(\d{1,9})?(?!\d)")
"""Twice in 980170 (CRS 4): inbound, then outbound; values may be empty."""

_INBOUND_REPORTS = frozenset({980120, 980130, 981174, 981175, 981203, 981204})
_OUTBOUND_REPORTS = frozenset({980140, 980150, 981205})
_COMPARED = frozenset({981203, 981204})
"""Reports of CRS 2 whose operator compares the score with the threshold, which is its parameter."""
_FULL_REPORT = 980170
_EXCEEDED = ("Inbound Anomaly Score Exceeded", "Outbound Anomaly Score Exceeded")
_FULL_REPORT_TEXT = "Anomaly Scores: (Inbound Scores: "
_DENY_STATUS = 403
_MORE_TELLING: tuple[AttackClass, ...] = ("exec", "sqli", "xss", "file", "protocol", "scanner", "policy", "other")
"""Which class an event is of, where two have the same points."""


class Score(msgspec.Struct, frozen=True, gc=False):
    """Anomaly score of an event: see the fields of the same name in `Event`."""

    score: int | None = None
    score_source: Literal["949110_message", "949110_value", "report", "computed", ""] = ""
    outbound: int | None = None
    threshold: int | None = None
    points: int = 0
    attack_class: AttackClass | None = None


NO_SCORE = Score()


class Report(msgspec.Struct, frozen=True, gc=False):
    """What the reports of phase 5 say: rules that only write the scores down (section 10)."""

    inbound: int | None = None
    outbound: int | None = None
    threshold: int | None = None


NO_REPORT = Report()


def read_score(matches: tuple[Match, ...]) -> Score:
    """Read the score from summary rules, else from a report, else compute it from the points of the matches."""
    if not matches:
        return NO_SCORE
    points = 0
    score = outbound = threshold = None
    source: Literal["949110_message", "949110_value", "report", "computed", ""] = ""
    weights: dict[AttackClass, int] = {}
    report = NO_REPORT
    for match in matches:
        if match.bookkeeping:
            if match.rule_id in INBOUND_SUMMARY:
                said = _total(match.message)
                value = said if said is not None else _number(match.value)
                if value is not None:
                    score, source = value, "949110_message" if said is not None else "949110_value"
                threshold = _number(match.parameter)
            elif match.rule_id in OUTBOUND_SUMMARY:
                said = _total(match.message)
                outbound = said if said is not None else _number(match.value)
            else:
                report = _read_report(match, report)
            continue
        weights[match.attack_class] = weights.get(match.attack_class, 0) + match.points
        if not is_outbound(match.rule_id, match.version, match.file):
            points += match.points
    if report is not NO_REPORT:
        if score is None and report.inbound is not None:
            score, source = report.inbound, "report"
        outbound = report.outbound if outbound is None else outbound
        threshold = report.threshold if threshold is None else threshold
    if score is None and weights:
        score, source = points, "computed"
    leading = _leading(weights) if weights else None
    return Score(score, source, outbound, threshold, points, leading)


def _read_report(match: Match, known: Report) -> Report:
    """Return what is known of the scores with what this rule adds; a rule without an id is told by its text."""
    rule_id, message = match.rule_id, match.message
    if rule_id == _FULL_REPORT or (rule_id is None and message.startswith(_FULL_REPORT_TEXT)):
        inbound, _, outbound = message.partition(" - (Outbound Scores: ")
        told, also = _BLOCKING.search(inbound), _BLOCKING.search(outbound)
        return Report(
            int(told[1]) if told and told[1] else known.inbound,
            int(also[1]) if also and also[1] else known.outbound,
            int(told[2]) if told and told[2] else known.threshold,
        )
    if rule_id in _INBOUND_REPORTS or (rule_id is None and message.startswith(_EXCEEDED[0])):
        said = _total(message)
        level = _number(match.parameter) if rule_id in _COMPARED else None
        threshold = known.threshold if level is None else level
        return Report(known.inbound if said is None else said, known.outbound, threshold)
    if rule_id in _OUTBOUND_REPORTS:
        said = _total(message)
        return known if said is None else Report(known.inbound, said, known.threshold)
    return known


def exceeds(match: Match) -> bool:
    """Tell a rule that blocks at the threshold; one without an id is told by its text (Coraza JsonLegacy)."""
    rule_id = match.rule_id
    return rule_id in BLOCKING or (rule_id is None and match.bookkeeping and match.message.startswith(_EXCEEDED))


def _leading(weights: dict[AttackClass, int]) -> AttackClass:
    if len(weights) == 1:
        return next(iter(weights))
    return min(weights, key=lambda c: (-weights[c], _MORE_TELLING.index(c)))


def decide(
    flag: bool | None,  # noqa: FBT001 - what the record says
    mode: EngineMode,
    status: int | None,
    matches: tuple[Match, ...] | None,
    said_by: InterruptedSource = "flag",
) -> tuple[bool | None, InterruptedSource, Outcome]:
    """Return whether the engine interrupted, how that is known, and the outcome.

    `flag` is the record's own word where it has one, and `said_by` what kind of word that is; `matches` is
    None where part H is not logged.
    Without a flag (libmodsecurity before 3.0.15) an engine that is on counts as having blocked when a
    blocking rule fired, or when it answered 403 and some rule matched: inferred, and said so.
    """
    over = matches is not None and any(map(exceeds, matches))
    if matches and not over and mode == "detection_only":
        over = any(match.rule_id in REACHED for match in matches)
    source: InterruptedSource
    if flag is not None:
        interrupted, source = flag, said_by
    elif mode in {"detection_only", "off"}:
        interrupted, source = False, "mode"
    elif mode == "on":
        interrupted, source = over or (status == _DENY_STATUS and bool(matches)), "inferred"
    else:
        return None, "", "would_block" if over else _quiet(matches)
    if interrupted:
        return True, source, "blocked"
    return False, source, "would_block" if over else _quiet(matches)


def action_of(action: Action, interrupted: bool | None) -> Action:  # noqa: FBT001 - what the record says
    """Return what the engine carried out: `unknown` where it stopped a request and the record has no word how.

    So it is in JSON of libmodsecurity, in OCSF, and in JSON of Coraza without `error_message`.
    """
    return action or ("unknown" if interrupted else "")


def _quiet(matches: tuple[Match, ...] | None) -> Outcome:
    if matches is None:
        return "unknown"
    return "below" if matches else "no_match"


def _total(message: str) -> int | None:
    return _total_kept(message) if len(message) <= _LONGEST_KEPT else _total_of(message)


def _total_of(message: str) -> int | None:
    found = _TOTAL.search(message)
    return int(found[1] or found[2]) if found else None


_LONGEST_KEPT = 200
_total_kept = lru_cache(maxsize=1024)(_total_of)
"""The same few sums come again and again."""


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None

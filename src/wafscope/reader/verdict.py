"""What the engine did with a request, and its anomaly score, as far as the record tells.

Sources: formats specification, sections 9 (blocked or not) and 10 (score messages).
"""

from __future__ import annotations

import re
from typing import Literal

import msgspec

from wafscope.event.model import AttackClass, EngineMode, InterruptedSource, Match, Outcome
from wafscope.event.rule import BLOCKING, INBOUND_SUMMARY, OUTBOUND_SUMMARY, is_outbound

_TOTAL = re.compile(r"Total (?:Inbound |Outbound )?Score: ?(\d+)|\(score (\d+)\)")
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


def read_score(matches: tuple[Match, ...]) -> Score:
    """Read the score from summary rules, else compute it from the points of the matches."""
    if not matches:
        return NO_SCORE
    points = 0
    score = outbound = threshold = None
    source: Literal["949110_message", "949110_value", "report", "computed", ""] = ""
    weights: dict[AttackClass, int] = {}
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
            continue
        weights[match.attack_class] = weights.get(match.attack_class, 0) + match.points
        if not is_outbound(match.rule_id):
            points += match.points
    if score is None and weights:
        score, source = points, "computed"
    leading = _leading(weights) if weights else None
    return Score(score, source, outbound, threshold, points, leading)


def _leading(weights: dict[AttackClass, int]) -> AttackClass:
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
    over = matches is not None and any(m.rule_id in BLOCKING for m in matches)
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


def _quiet(matches: tuple[Match, ...] | None) -> Outcome:
    if matches is None:
        return "unknown"
    return "below" if matches else "no_match"


def _total(message: str) -> int | None:
    found = _TOTAL.search(message)
    return int(found[1] or found[2]) if found else None


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() else None

"""The score from summaries, from reports, or computed; blocked or not."""

from __future__ import annotations

import pytest
from tests.make import match

from wafscope.event.model import EngineMode, Match
from wafscope.reader.verdict import decide, exceeds, read_score

CRS4 = (
    "Anomaly Scores: (Inbound Scores: blocking={i}, detection=9, per_pl=1-2-3-4, threshold={t}) - (Outbound Scores: "
    "blocking={o}, detection=0, per_pl=0-0-0-0, threshold=4) - (SQLI=5, XSS=0, COMBINED_SCORE=9)"
)


def sqli(points: int = 5) -> Match:
    return match(942100, points=points, severity=2)


@pytest.mark.parametrize(
    ("rule_id", "message", "expected"),
    [
        (980170, CRS4.format(i=15, o=3, t=5), (15, 3, 5)),
        (980170, CRS4.format(i="", o="", t=""), (None, None, None)),
        (980170, CRS4.format(i="", o=3, t=5), (None, 3, 5)),
        (980170, CRS4.format(i=15, o=3, t=5)[:90], (15, None, 5)),
        (980130, "Inbound Anomaly Score Exceeded (Total Inbound Score: 8 - SQLI=5,XSS=0): x", (8, None, None)),
        (980120, "Inbound Anomaly Score (Total Inbound Score: 3 - SQLI=3,XSS=0): x", (3, None, None)),
        (
            980140,
            "Outbound Anomaly Score Exceeded (score 4): individual paranoia level scores: 4, 0, 0, 0",
            (None, 4, None),
        ),
        (980150, "Outbound Anomaly Score (Total Outbound Score: 2): x", (None, 2, None)),
        (981174, "Inbound Anomaly Score (Total Score: 3, SQLi=, XSS=): Last Matched Message: x", (3, None, None)),
        (981203, "Inbound Anomaly Score (Total Inbound Score: 4, SQLi=1, XSS=): x", (4, None, None)),
        (981204, "Inbound Anomaly Score Exceeded (Total Inbound Score: 45, SQLi=28, XSS=0): x", (45, None, None)),
        (981204, "Inbound Anomaly Score Exceeded (Total Inbound Score: , SQLi=, XSS=): x", (None, None, None)),
        (981205, "Outbound Anomaly Score Exceeded (score 4): x", (None, 4, None)),
        (981202, "Correlated Attack Attempt Identified: (Total Score: 8, SQLi=, XSS=) x", (None, None, None)),
        (980170, CRS4.format(i="1" * 10, o=3, t=5), (None, 3, None)),
    ],
)
def test_reports_tell_what_no_summary_told(
    rule_id: int, message: str, expected: tuple[int | None, int | None, int | None]
) -> None:
    score = read_score((sqli(), match(rule_id, message=message)))
    inbound, outbound, threshold = expected
    assert (5 if inbound is None else inbound, outbound, threshold) == (score.score, score.outbound, score.threshold)
    assert ("computed" if inbound is None else "report") == score.score_source


def test_a_summary_goes_before_a_report() -> None:
    summary = match(949110, message="Inbound Anomaly Score Exceeded (Total Score: 10)", parameter="7")
    outbound = match(959100, message="Outbound Anomaly Score Exceeded (Total Score: 6)")
    report = match(980170, message=CRS4.format(i=15, o=3, t=5))
    for order in ((summary, outbound, report), (report, outbound, summary)):
        score = read_score((sqli(), *order))
        assert (score.score, score.score_source, score.outbound, score.threshold) == (10, "949110_message", 6, 7)


def test_a_report_adds_what_the_summary_leaves_out() -> None:
    summary = match(949110, message="Inbound Anomaly Score Exceeded (Total Score: 10)")
    score = read_score((sqli(), summary, match(980170, message=CRS4.format(i=15, o=3, t=5))))
    assert (score.score, score.score_source, score.outbound, score.threshold) == (10, "949110_message", 3, 5)


def test_a_report_of_nothing_is_a_score() -> None:
    score = read_score((match(980170, message=CRS4.format(i=0, o=0, t=5)),))
    assert (score.score, score.score_source, score.attack_class) == (0, "report", None)


def test_without_ids_the_texts_tell() -> None:
    exceeded = Match(message="Inbound Anomaly Score Exceeded (Total Score: 10)", bookkeeping=True)
    full = Match(message=CRS4.format(i=15, o=3, t=5), bookkeeping=True)
    assert (read_score((exceeded,)).score, read_score((exceeded,)).score_source) == (10, "report")
    assert (read_score((full,)).score, read_score((full,)).outbound, read_score((full,)).threshold) == (15, 3, 5)
    assert [exceeds(exceeded), exceeds(full), exceeds(Match(message=exceeded.message))] == [True, False, False]


def test_a_word_of_another_kind_is_named() -> None:
    assert decide(True, "on", 0, (), "status_zero") == (True, "status_zero", "blocked")  # noqa: FBT003
    assert decide(False, "unknown", 200, (match(949110),), "action_line") == (False, "action_line", "would_block")  # noqa: FBT003
    assert decide(None, "on", 200, (match(949110),)) == (True, "inferred", "blocked")


def test_the_points_of_a_rule_on_the_response_are_not_of_the_inbound_score() -> None:
    score = read_score((sqli(5), match(951100, points=4)))
    assert (score.points, score.score, score.score_source) == (5, 5, "computed")


@pytest.mark.parametrize(
    ("status", "matches", "outcome"),
    [
        (403, (sqli(),), "blocked"),
        (403, (), "no_match"),
        (403, None, "unknown"),
        (200, (sqli(),), "below"),
        (200, (), "no_match"),
    ],
)
def test_without_a_word_a_refusal_counts_as_a_block_where_a_rule_matched(
    status: int, matches: tuple[Match, ...] | None, outcome: str
) -> None:
    """The site itself may answer 403, too."""
    assert decide(None, "on", status, matches) == (outcome == "blocked", "inferred", outcome)


@pytest.mark.parametrize("mode", ["detection_only", "off"])
def test_an_engine_that_only_detects_blocks_nothing(mode: EngineMode) -> None:
    assert decide(None, mode, 403, (match(949110),)) == (False, "mode", "would_block")

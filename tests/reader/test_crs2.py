"""Records of CRS 2 as ModSecurity 2 writes them: its rules have other numbers and tags than those of CRS 3 and 4.

The messages are those of real logs of CRS 2.2.5 to 2.2.9; what a record says of its total proves the points.
"""

from __future__ import annotations

from itertools import starmap

import pytest
from tests.reader.v2_samples import CONTEXT, native

from wafscope.event.model import Event
from wafscope.event.outline import outline
from wafscope.panel.score import waterfall
from wafscope.reader.v2_native import read

FOLDER = "/etc/httpd/modsecurity.d/activated_rules/modsecurity_crs_"
TAGS = '[tag "WASCTC/WASC-8"] [tag "WASCTC/WASC-22"] [tag "OWASP_TOP_10/A2"] [tag "OWASP_AppSensor/IE1"]'


def said(file: str, rule: int, message: str, rest: str, *, found: str = 'Pattern match "x" at ARGS:a.') -> str:
    """One line of part H."""
    keys = f'[file "{FOLDER}{file}.conf"] [line "77"] [id "{rule}"] [msg "{message}"] {rest}'
    return f"Message: Warning. {found} {keys.rstrip()}\n"


def of_229(rule: int, message: str, tag: str, severity: str = '[severity "CRITICAL"] ') -> str:
    """A line as CRS 2.2.9 has it."""
    file = "41_xss_attacks" if tag == "XSS" else "41_sql_injection_attacks"
    version = '[ver "OWASP_CRS/2.2.9"] [maturity "9"] [accuracy "8"]'
    return said(file, rule, message, f'{severity}{version} [tag "OWASP_CRS/WEB_ATTACK/{tag}"] {TAGS}')


def summary(rule: int, message: str, file: str, found: str) -> str:
    return said(file, rule, message, "", found=found)


def event_of(*lines: str, mode: str = "ENABLED") -> Event:
    return read(native(trailer="".join(lines) + f'Engine-Mode: "{mode}"\n'), CONTEXT)


XSS_IN_229 = (
    of_229(950901, "SQL Injection Attack: SQL Tautology Detected.", "SQL_INJECTION"),
    of_229(981173, "Restricted SQL Character Anomaly Detection Alert", "SQL_INJECTION", ""),
    of_229(973336, "XSS Filter - Category 1: Script Tag Vector", "XSS"),
    of_229(958052, "Cross-site Scripting (XSS) Attack", "XSS"),
    of_229(958051, "Cross-site Scripting (XSS) Attack", "XSS"),
    of_229(973300, "Possible XSS Attack Detected - HTML Tag Handler", "XSS", ""),
    of_229(973307, "XSS Attack Detected", "XSS", ""),
    of_229(973331, "IE XSS Filters - Attack Detected.", "XSS", ""),
)
REPORT = summary(
    981204,
    "Inbound Anomaly Score Exceeded (Total Inbound Score: 38, SQLi=6, XSS=30): IE XSS Filters - Attack Detected.",
    "60_correlation",
    "Operator GE matched 5 at TX:inbound_anomaly_score.",
)


def test_the_rules_explain_the_total_that_the_record_tells() -> None:
    event = event_of(*XSS_IN_229, REPORT)
    assert (event.score, event.score_source, event.threshold, event.points) == (38, "report", 5, 38)
    assert (event.attack_class, event.score_outbound) == ("xss", None)
    assert [m.attack_class for m in event.matches] == ["sqli"] * 2 + ["xss"] * 6 + ["other"]
    assert [m.rule_id for m in event.matches if m.bookkeeping] == [981204]
    assert (waterfall(event).points, waterfall(event).unexplained, waterfall(event).surplus) == (38, 0, 0)


@pytest.mark.parametrize(("mode", "outcome"), [("DETECTION_ONLY", "would_block"), ("ENABLED", "below")])
def test_where_the_engine_only_detects_the_report_tells_that_it_would_block(mode: str, outcome: str) -> None:
    assert event_of(*XSS_IN_229, REPORT, mode=mode).outcome == outcome
    assert event_of(*XSS_IN_229, mode=mode).outcome == "below"


def test_without_a_total_they_are_summed() -> None:
    """The usual mode of CRS 2: each rule blocks by itself."""
    event = event_of(*XSS_IN_229)
    assert (event.score, event.score_source, event.points) == (38, "computed", 38)


def test_an_event_of_a_flood_says_the_same() -> None:
    event = outline(event_of(*XSS_IN_229, REPORT))
    assert [m.attack_class for m in event.matches] == ["sqli"] * 2 + ["xss"] * 6 + ["other"]
    assert (waterfall(event).points, waterfall(event).unexplained) == (38, 0)


def test_the_rule_that_blocks_tells_the_total() -> None:
    event = event_of(
        of_229(950007, "Blind SQL Injection Attack", "SQL_INJECTION"),
        summary(
            981176,
            "Inbound Anomaly Score Exceeded (Total Score: 5, SQLi=1, XSS=0): Last Matched Message: Blind",
            "49_inbound_blocking",
            'Pattern match "(.*)" at TX:950007-OWASP_CRS/WEB_ATTACK/SQL_INJECTION-ARGS:a.',
        ).replace("Warning.", "Access denied with code 403 (phase 2)."),
        "Action: Intercepted (phase 2)\n",
    )
    assert (event.score, event.score_source, event.points, event.outcome) == (5, "949110_message", 5, "blocked")
    assert (event.attack_class, event.threshold) == ("sqli", None)


def test_points_on_the_response_are_not_of_the_inbound_score() -> None:
    """CRS 2.2.5 has no `ver`, and no `OWASP_CRS/` before its tags: the file tells."""
    event = event_of(
        said("50_outbound", 970901, "The application is not available", '[rev "2.2.5"] [severity "ERROR"]'),
        said("41_xss_attacks", 973300, "Possible XSS Attack Detected - HTML Tag Handler", '[rev "2.2.5"]'),
        summary(
            981205,
            "Outbound Anomaly Score Exceeded (score 4): The application is not available",
            "60_correlation",
            "Operator GE matched 4 at TX:outbound_anomaly_score.",
        ),
    )
    assert (event.score, event.score_source, event.score_outbound, event.points) == (5, "computed", 4, 5)
    assert (event.attack_class, [s.rule_id for s in waterfall(event).steps]) == ("xss", [973300])


CRITICAL, ATTACK = '[severity "CRITICAL"]', '[tag "OWASP_CRS/WEB_ATTACK/'


@pytest.mark.parametrize(
    ("rule", "file", "rest", "expected"),
    [
        (959071, "41_sql_injection_attacks", f'[rev "2.2.0"] {CRITICAL} [tag "WEB_ATTACK/SQL_INJECTION"]', ("sqli", 5)),
        (959151, "40_generic_attacks", f'{CRITICAL} {ATTACK}PHP_INJECTION"]', ("exec", 5)),
        (950120, "40_generic_attacks", f'{CRITICAL} {ATTACK}RFI"]', ("file", 5)),
        (950103, "42_tight_security", f'{CRITICAL} {ATTACK}DIR_TRAVERSAL"]', ("file", 5)),
        (950002, "40_generic_attacks", f'{CRITICAL} {ATTACK}FILE_INJECTION"]', ("exec", 5)),
        (950110, "45_trojans", f'{CRITICAL} [tag "MALICIOUS_SOFTWARE/TROJAN"]', ("exec", 5)),
        (950018, "40_generic_attacks", '[ver "OWASP_CRS/2.2.8"]', ("xss", 0)),
        (
            960015,
            "21_x",
            '[severity "NOTICE"] [tag "OWASP_CRS/PROTOCOL_VIOLATION/MISSING_HEADER_ACCEPT"]',
            ("policy", 2),
        ),
        (960017, "21_protocol_anomalies", '[severity "WARNING"] [ver "OWASP_CRS/2.2.9"]', ("policy", 3)),
        (990002, "35_bad_robots", f'{CRITICAL} [tag "OWASP_CRS/AUTOMATION/SECURITY_SCANNER"]', ("scanner", 5)),
    ],
)
def test_a_rule_on_the_request(rule: int, file: str, rest: str, expected: tuple[str, int]) -> None:
    event = event_of(said(file, rule, "x", rest))
    (match,) = event.matches
    assert (match.attack_class, match.points) == expected
    assert (event.attack_class, event.points, match.bookkeeping) == (*expected, False)


@pytest.mark.parametrize(("rule", "points"), [(950922, 5), (970015, 4), (981001, 3)])
def test_a_rule_on_the_response(rule: int, points: int) -> None:
    severity = {5: "CRITICAL", 4: "ERROR", 3: "WARNING"}[points]
    event = event_of(said("50_outbound", rule, "x", f'[severity "{severity}"] [ver "OWASP_CRS/2.2.9"]'))
    assert (event.matches[0].points, event.points) == (points, 0)


def test_the_same_numbers_in_crs_4_are_rules_on_the_response() -> None:
    lines = starmap(
        'Message: Warning. Matched. [file "/crs/RESPONSE-950.conf"] [line "1"] [id "{}"] [msg "x"] '
        '[severity "ERROR"] [ver "OWASP_CRS/{}"] [tag "attack-disclosure"]\n'.format,
        [(950140, "4.25.0"), (950100, "3.3.4")],
    )
    event = event_of(*lines)
    assert [(m.attack_class, m.points) for m in event.matches] == [("other", 4)] * 2
    assert (event.points, event.attack_class) == (0, "other")

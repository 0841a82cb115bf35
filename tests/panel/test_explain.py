"""One sentence a match: what the log tells, and nothing else."""

from typing import Any

import pytest
from tests.make import START, event, match

from wafscope.i18n.text import english
from wafscope.panel.explain import NEGATED_IN_CRS, quotes_data, sentence

EVENT = event(START, method="GET", uri="/", request_headers=(("User-Agent", "x"),))


@pytest.mark.parametrize(
    ("rule_id", "values", "said"),
    [
        (
            942100,
            {"operator": "DetectSQLi", "data": "Matched Data: f(1)o found within ARGS:url: sleep(5)#"},
            ("libinjection reads the value as SQL. "
            "Its fingerprint is f(1)o: function, bracket, number, bracket, operator."),
        ),
        (942100, {"operator": "DetectSQLi", "data": "odd"}, "libinjection reads the value as SQL."),
        (941100, {"operator": "DetectXSS"}, "libinjection reads the value as HTML that can run script."),
        (
            913100,
            {
                "operator": "PmFromFile",
                "parameter": "scanners-user-agents.data",
                "target": "REQUEST_HEADERS:User-Agent",
                "data": "Matched Data: nikto found within REQUEST_HEADERS:User-Agent: nikto/2.5.0",
            },
            "The header User-Agent contains a phrase of the list scanners-user-agents.data: nikto.",
        ),
        (
            942160,
            {"operator": "Rx", "target": "ARGS:q", "data": "Matched Data: sleep(5) found within ARGS:q: sleep(5)#"},
            "The parameter q matches the pattern of the rule with sleep(5).",
        ),
        (
            920350,
            {"operator": "Rx", "target": "REQUEST_HEADERS:Host", "value": "127.0.0.1", "reference": "o0,9v31,9"},
            "The header Host matches the pattern of the rule: 127.0.0.1.",
        ),
        (
            920330,
            {"operator": "Rx", "target": "REQUEST_HEADERS:User-Agent", "value": "", "reference": "o0,0v60,0"},
            "The header User-Agent is empty, which matches the pattern of the rule.",
        ),
        (
            911100,
            {"operator": "Within", "target": "REQUEST_METHOD", "value": "PUT", "parameter": "GET HEAD"},
            "PUT isn’t in the list of what is allowed: GET HEAD.",
        ),
        (
            920440,
            {"operator": "Within", "target": "TX:EXTENSION", "value": ".sql/", "parameter": ".sql/ .zip/"},
            ".sql/ is in the list .sql/ .zip/.",
        ),
        (1, {"operator": "Within", "value": "a", "parameter": "b c"}, "a was compared with the list b c."),
        (
            920270,
            {"operator": "ValidateByteRange", "target": "ARGS:q", "parameter": "1-255"},
            "The parameter q holds bytes outside 1-255.",
        ),
        (
            920280,
            {"operator": "Eq", "target": "REQUEST_HEADERS:Host", "parameter": "0", "value": "0"},
            "The request has no header Host.",
        ),
        (
            200002,
            {"operator": "Eq", "target": "REQBODY_ERROR", "parameter": "0", "value": "1"},
            "REQBODY_ERROR is 1, not 0.",
        ),
        (
            949110,
            {"operator": "Ge", "target": "TX:ANOMALY_SCORE", "parameter": "5", "value": "15"},
            "TX:ANOMALY_SCORE is 15: at least 5.",
        ),
        (
            943110,
            {"operator": "EndsWith", "target": "TX:1", "parameter": "blog.example.org", "value": "attackersite.com"},
            "The variable TX:1 doesn’t end with blog.example.org.",
        ),
        (9, {"operator": "GeoLookup", "target": "REMOTE_ADDR"}, "The client address was tested with @geoLookup."),
        (9, {"justification": "Found 3 byte(s)"}, "The engine says: Found 3 byte(s)"),
        (9, {"data": "something"}, "The rule logged: something"),
        (9, {}, "The log doesn’t say what the rule tested."),
    ],
)  # fmt: skip
def test_sentence(rule_id: int, values: dict[str, Any], said: str) -> None:
    assert english(sentence(match(rule_id, **values), EVENT)) == said


def test_a_missing_header_is_said_only_where_it_is_missing() -> None:
    of = match(920180, operator="Eq", target="REQUEST_HEADERS:User-Agent", parameter="0", value="0")
    assert english(sentence(of, EVENT)) == "The header User-Agent was tested with @eq."


def test_a_pattern_that_did_not_match_is_not_said_to_match() -> None:
    of = match(1, operator="Rx", target="ARGS:q", value="x", reference="v5,1")
    assert english(sentence(of, EVENT)) == "The parameter q was tested with @rx."


def test_a_value_that_the_engine_cut_proves_nothing() -> None:
    of = match(1, operator="EndsWith", target="ARGS:q", value="abc (20 characters omitted)", parameter="x")
    assert english(sentence(of, EVENT)) == "The parameter q was tested with @endsWith."


def test_negated_rules_are_of_the_request_phase() -> None:
    assert all(900_000 <= rule < 950_000 for rule in NEGATED_IN_CRS)


V2 = {"format": "v2.native"}
CORAZA = {"format": "coraza.json"}


@pytest.mark.parametrize(
    ("of", "values", "said"),
    [
        (V2, {"operator": "StrEq", "target": "ARGS:go", "parameter": "allow"}, "The parameter go is allow."),
        (
            V2, {"operator": "StrEq", "target": "ARGS:go", "parameter": "allow", "negated": True},
            "The parameter go isn’t allow.",
        ),
        (
            V2, {"operator": "BeginsWith", "target": "ARGS:u", "parameter": "%{request_headers.host}", "negated": True},
            "The parameter u doesn’t begin with %{request_headers.host}.",
        ),
        (V2, {"operator": "Ge", "target": "TX:anomaly_score", "parameter": "5"}, "TX:anomaly_score is at least 5."),
        (
            V2, {"operator": "Eq", "target": "TX:A", "parameter": "1", "negated": True}, "TX:A isn’t 1.",
        ),
        (
            V2, {"operator": "Eq", "target": "REQUEST_HEADERS", "parameter": "0"},
            "The request lacks a header that the rule asks for.",
        ),
        (
            V2, {"operator": "Within", "target": "REQUEST_METHOD", "parameter": "GET HEAD", "negated": True},
            "The method isn’t in the list of what is allowed: GET HEAD.",
        ),
        (
            V2, {"operator": "Within", "target": "TX:EXTENSION", "parameter": ".sql/ .zip/"},
            "The variable TX:EXTENSION is in the list .sql/ .zip/.",
        ),
        (
            V2, {"operator": "Pm", "target": "REQUEST_HEADERS:User-Agent", "parameter": "nikto"},
            "The header User-Agent contains a phrase of the rule’s list: nikto.",
        ),
        (
            V2, {"operator": "PmFromFile", "target": "ARGS:f", "parameter": "etc/passwd"},
            "The parameter f contains a phrase of the rule’s list: etc/passwd.",
        ),
        (
            V2, {"operator": "Rx", "target": "REQUEST_HEADERS:Host", "parameter": "^[\\d.:]+$"},
            "The header Host matches the pattern of the rule.",
        ),
        (
            V2, {"operator": "Rx", "target": "REQUEST_LINE", "parameter": "x", "negated": True},
            "The request line isn’t of the form that the rule asks for.",
        ),
        (
            V2,
            {
                "operator": "DetectSQLi", "target": "ARGS:q",
                "justification": "detected SQLi using libinjection with fingerprint '1&s'",
            },
            "libinjection reads the value as SQL. Its fingerprint is 1&s: number, logic operator, string.",
        ),
        (
            CORAZA,
            {"target": "ARGS:q", "value": "<a>b", "data": "Matched Data: <a> found within ARGS:q: <a>b"},
            "The parameter q matches the rule with <a>.",
        ),
        (
            CORAZA, {"operator": "PmFromFile", "parameter": "unix-shell.data"},
            "The request contains a phrase of the rule’s list.",
        ),
        (
            CORAZA, {"operator": "Within", "target": "REQUEST_METHOD", "value": "PUT", "parameter": "GET PUT"},
            "PUT is in the list GET PUT.",
        ),
        (
            CORAZA, {"operator": "Rx", "target": "ARGS:q", "value": "x", "parameter": "."},
            "The parameter q matches the pattern of the rule: x.",
        ),
        (CORAZA, {"rule_text": 'SecAction "id:1"'}, "The rule fires whenever it is reached."),
        (
            {}, {"operator": "GeoLookup", "target": "TX:A", "negated": True},
            "The variable TX:A was tested with !@geoLookup.",
        ),
    ],
)  # fmt: skip
def test_sentence_of_other_formats(of: dict[str, Any], values: dict[str, Any], said: str) -> None:
    made = event(START, method="GET", uri="/", **of)
    assert english(sentence(match(1, **values), made)) == said


def test_a_rule_of_libinjection_is_known_by_its_id() -> None:
    data = "Matched Data: XSS data found within ARGS:q: <script>"
    made = event(START, **CORAZA)
    said = sentence(match(941100, target="ARGS:q", data=data), made)
    assert english(said) == "libinjection reads the value as HTML that can run script."


@pytest.mark.parametrize(
    ("values", "quoted"),
    [
        ({"data": "x"}, True),
        ({"data": "x", "operator": "Rx"}, False),
        ({"data": "x", "justification": "y"}, False),
        ({"data": "Matched Data: a found within ARGS:q: a", "target": "ARGS:q"}, False),
    ],
)
def test_data_is_not_shown_twice(values: dict[str, Any], quoted: bool) -> None:  # noqa: FBT001
    assert quotes_data(match(1, **values)) is quoted

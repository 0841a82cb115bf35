"""Every event is valid OCSF: required attributes, types, constraints and captions of the published schema."""

from __future__ import annotations

import json
from base64 import b64decode
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.export import ocsf_schema as schema
from tests.export.made import PLACE, full, full_match, hostile, places
from tests.export.ocsf_check import faults
from tests.make import START, event, match

from wafscope.event.fields import FIELDS
from wafscope.event.model import Event
from wafscope.export import ocsf_object
from wafscope.export.base import Options, Part, Place
from wafscope.export.ocsf import Ocsf
from wafscope.export.own import Own


def written(made: Event, place: Place = PLACE, *, raw: bool = False) -> list[dict[str, Any]]:
    """Return the OCSF events of an event as another program reads them."""
    lines = Ocsf(Options(raw=raw)).lines(made, place)
    assert lines.endswith(b"\n")
    return [json.loads(line) for line in lines.decode("utf-8", "strict").split("\n")[:-1]]


def activity(made: Event) -> dict[str, Any]:
    return written(made)[0]


def test_an_event_with_everything_is_valid() -> None:
    found = written(full(), raw=True)
    assert [each["class_uid"] for each in found] == [4002, 2004]
    assert [faults(each) for each in found] == [[], []]


def test_every_attribute_that_can_be_written_is_one_of_the_schema() -> None:
    names = {
        "Endpoint": "network_endpoint", "Evidence": "evidences", "Named": "technique", "Header": "http_header",
    }  # fmt: skip
    for name, kind in vars(ocsf_object).items():
        if isinstance(kind, type) and issubclass(kind, Part) and kind not in {Part, Own} and name != "Common":
            known = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)[1:]
            attributes = schema.ATTRIBUTES[names.get(name, known)]
            fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
            assert set(fields) == set(attributes), name
            required = {key for key, each in attributes.items() if each.endswith("!")}
            assert {key for key in required if not fields[key].required} == set(), name


def test_times_are_milliseconds() -> None:
    found = activity(full())
    assert (found["time"], found["start_time"]) == (START // 1000 + 123, START // 1000 + 123)
    assert (found["end_time"], found["duration"]) == (START // 1000 + 1358, 1234)
    assert found["metadata"]["logged_time"] == START // 1000 + 2000


def test_the_request_and_the_response_are_there() -> None:
    found = activity(full())
    assert found["http_request"] == {
        "body_length": 17,
        "http_headers": [
            {"name": "Host", "value": "www.example.org:8443"},
            {"name": "content-length", "value": "17"},
            {"name": "X-Forwarded-For", "value": "203.0.113.9, unknown, 2001:db8::9"},
        ],
        "http_method": "POST",
        "referrer": "https://example.org/",
        "uid": "Z9yQ",
        "url": {
            "hostname": "www.example.org",
            "path": "/search.php",
            "port": 8443,
            "query_string": "q=1",
            "url_string": "/search.php?q=1",
        },
        "user_agent": "curl/8.5.0",
        "version": "1.1",
        "x_forwarded_for": ["203.0.113.9", "2001:db8::9"],
    }
    assert found["http_response"]["code"] == 403
    assert found["src_endpoint"] == {"ip": "192.0.2.7", "port": 40000}
    assert found["dst_endpoint"] == {"hostname": "vhost.example.org", "ip": "198.51.100.1", "port": 443}


def test_without_a_status_there_is_no_response() -> None:
    found = activity(event(response_headers=(("Server", "x"),)))
    assert "http_response" not in found
    assert found["unmapped"]["response"]["headers"] == [{"name": "Server", "value": "x"}]
    assert (found["status_id"], faults(found)) == (0, [])


def test_a_number_that_is_no_integer_there_is_left_out() -> None:
    found = activity(event(request_headers=(("Content-Length", "99999999999"),), status=1 << 40, score=1 << 40))
    assert "body_length" not in found["http_request"]
    assert not {"http_response", "risk_score"} & set(found)
    assert found["unmapped"]["score"]["inbound"] == 1 << 40


@pytest.mark.parametrize(
    ("method", "uid", "name", "caption"),
    [
        ("GET", 3, "Get", "Get"),
        ("PATCH", 9, "Patch", "Patch"),
        ("PROPFIND", 99, "PROPFIND", "Other"),
        ("get", 99, "get", "Other"),
        ("", 0, "Unknown", "Unknown"),
    ],
)
def test_the_method_is_the_activity(method: str, uid: int, name: str, caption: str) -> None:
    found = activity(event(method=method))
    assert (found["activity_id"], found["activity_name"]) == (uid, name)
    assert (found["type_uid"], found["type_name"]) == (400200 + uid, f"HTTP Activity: {caption}")


@pytest.mark.parametrize(
    ("outcome", "action", "expected", "alert"),
    [
        ("blocked", "deny", ("Denied", "Blocked"), True),
        ("blocked", "drop", ("Denied", "Dropped"), True),
        ("blocked", "", ("Denied", "Blocked"), True),
        ("would_block", "", ("Observed", "Detected"), True),
        ("below", "", ("Allowed", "Logged"), False),
        ("no_match", "", ("Allowed", "Allowed"), False),
        ("unknown", "", ("Unknown", "Unknown"), False),
    ],
)
def test_the_outcome_is_action_and_disposition(
    outcome: Any, action: Any, expected: tuple[str, str], *, alert: bool
) -> None:
    found = activity(event(outcome=outcome, action=action))
    assert (found["action"], found["disposition"]) == expected
    assert found["is_alert"] is alert
    assert faults(found) == []


@pytest.mark.parametrize(
    ("severities", "expected"),
    [
        ((0,), "Fatal"),
        ((1,), "Critical"),
        ((2,), "Critical"),
        ((3,), "High"),
        ((4,), "Medium"),
        ((5,), "Low"),
        ((6,), "Informational"),
        ((7,), "Informational"),
        ((None,), "Unknown"),
        ((5, 3, None), "High"),
    ],
)
def test_the_worst_match_is_the_severity(severities: tuple[int | None, ...], expected: str) -> None:
    made = event(START, *(match(942100, severity=each) for each in severities), match(949110, severity=0))
    assert [each["severity"] for each in written(made)] == [expected, expected]


def test_a_request_without_a_match_is_informational() -> None:
    assert activity(event(outcome="no_match"))["severity"] == "Informational"
    assert activity(event(outcome="unknown"))["severity"] == "Unknown"


def test_only_matches_of_scoring_rules_make_a_finding() -> None:
    assert [each["class_uid"] for each in written(event(START, 949110, 980130))] == [4002]
    made = event(START, 949110, match(920350, message=""), match(942100), match(942100), match(932100))
    finding = written(made)[1]
    assert finding["finding_info"]["title"] == "Message of 942100"
    assert finding["finding_info"]["analytic"]["uid"] == "942100"
    assert [each["uid"] for each in finding["finding_info"]["related_analytics"]] == ["920350", "932100"]
    assert [each["data"]["rule_id"] for each in finding["evidences"]] == [920350, 942100, 942100, 932100]


def test_the_finding_points_to_the_activity() -> None:
    first, second = written(full())
    assert second["finding_info"]["related_events"] == [{"type_uid": 400206, "uid": first["metadata"]["uid"]}]
    assert first["metadata"]["correlation_uid"] == second["metadata"]["correlation_uid"] == "Z9yQ"
    assert first["metadata"]["uid"] != second["metadata"]["uid"]
    assert written(event(START, 942100, transaction_id=""))[1]["finding_info"]["uid"]


def test_the_rule_of_the_firewall_is_the_one_that_stopped_the_request() -> None:
    scored = match(942100, points=5)
    assert activity(event(START, scored, 949110, outcome="blocked"))["firewall_rule"]["uid"] == "949110"
    assert activity(event(START, scored, 949110, outcome="below"))["firewall_rule"]["uid"] == "942100"
    stopped = event(START, scored, full_match(rule_id=1), 949110, outcome="blocked")
    assert activity(stopped)["firewall_rule"]["uid"] == "1"
    assert "firewall_rule" not in activity(event(START, match(None, message="")))


def test_the_rule_set_is_the_policy() -> None:
    assert activity(event(rulesets=("OWASP_CRS/3.3.4",)))["policy"] == {"name": "OWASP_CRS", "version": "3.3.4"}
    assert activity(event(rulesets=("", "mine")))["policy"] == {"name": "mine"}
    assert "policy" not in activity(event())


def test_techniques_come_from_tags_alone() -> None:
    tagged = match(tags=("attack-sqli", "attack-reputation-scanner", "attack-lfi", "attack-xss"))
    found = activity(event(START, tagged))["attacks"]
    assert [each["technique"]["uid"] for each in found] == ["T1190", "T1595"]
    assert found[1]["sub_technique"] == {"name": "Vulnerability Scanning", "uid": "T1595.002"}
    assert "attacks" not in activity(event(START, 942100, match(949110, tags=("attack-sqli",))))


def test_the_record_comes_only_when_asked_for() -> None:
    assert "raw_data" not in activity(full())
    text = written(event(raw=b"text"), raw=True)[0]
    assert (text["raw_data"], text["raw_data_size"]) == ("text", 4)
    lossy = written(event(raw=b"\xff\x00"), raw=True)[0]
    assert (b64decode(lossy["raw_data"]), lossy["unmapped"]["encoding"]) == (b"\xff\x00", "base64")


def test_names_of_the_field_table_are_filled() -> None:
    document = activity(full())
    for field in FIELDS:
        if field.ocsf:
            value: Any = document
            for key in field.ocsf.split("."):
                value = value[key]


@given(hostile(), places, st.booleans())
def test_anything_is_valid(made: Event, place: Place, raw: bool) -> None:  # noqa: FBT001 - drawn
    found = written(made, place, raw=raw)
    assert [faults(each) for each in found] == [[] for _ in found]
    scoring = [each for each in made.matches if not each.bookkeeping]
    assert len(found) == (2 if scoring else 1)
    assert len(found[0].get("enrichments", [])) == len(made.matches)
    assert len(found[-1].get("evidences", scoring)) == len(scoring)

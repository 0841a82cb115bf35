"""Coraza's JsonLegacy and OCSF."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.reader.coraza_samples import CONTEXT, H, K, events, lines, sample

from wafscope.event.model import Event, File
from wafscope.reader import coraza_error, coraza_json, coraza_legacy, coraza_native, coraza_ocsf
from wafscope.reader.base import NotARecord


def legacy(messages: list[str] | None, status: int = 200, mode: str = "On", **audit: Any) -> Event:
    """Read a JsonLegacy record by both paths."""
    record = {
        "transaction": {
            "time": "2026/11/24 02:43:51", "transaction_id": "x", "remote_address": "[2001:db8::1]",
            "remote_port": 40001, "local_address": "", "local_port": 0,
        },
        "request": {"request_line": "GET /a b?c ", "headers": {"host": "h", "x-dup": "one, two"}},
        "response": {"status": status, "protocol": "", "headers": {"date": "Tue, 24 Nov 2026 02:43:51 GMT"}},
        "audit_data": {
            "messages": messages, "error_messages": None, "handler": "", "stopwatch": {"Combined": 0},
            "response_body_dechunked": False, "producer": ["OWASP_CRS/4.25.0"], "server": "", "engine_mode": mode,
        } | audit,
    }  # fmt: skip
    line = json.dumps(record).encode()
    event = coraza_legacy.read_fast(line, CONTEXT)
    assert event == coraza_legacy.read_tolerant(line, CONTEXT)
    return event


def test_a_legacy_record_is_read() -> None:
    event = legacy(None)
    assert (event.method, event.uri, event.protocol, event.request_line) == ("GET", "/a b?c", "", "GET /a b?c ")
    assert (
        event.client_address,
        event.client_port,
        event.server_address,
        event.server_port,
    ) == ("[2001:db8::1]", 40001, None, None)
    assert (
        event.host,
        event.engine_mode,
        event.rulesets,
        event.zone_source,
    ) == ("h", "on", ("OWASP_CRS/4.25.0",), "date_header")
    assert event.gaps == ("no_messages", "no_blocked_flag", "no_rule_ids")


def test_texts_are_matches_without_an_id() -> None:
    event = legacy(["SQLi", "", "Inbound Anomaly Score Exceeded (Total Score: 15)"], status=0)
    assert [(m.rule_id, m.message, m.bookkeeping) for m in event.matches] == [
        (None, "SQLi", False),
        (None, "Inbound Anomaly Score Exceeded (Total Score: 15)", True),
    ]
    assert (
        event.score,
        event.score_source,
        event.interrupted,
        event.interrupted_source,
    ) == (15, "report", True, "status_zero")
    assert {"no_rule_ids", "no_match_details", "no_status"} <= set(event.gaps)


def test_a_sum_of_texts_would_be_a_guess() -> None:
    event = legacy(["SQLi", "XSS"])
    assert (event.score, event.score_source, event.outcome) == (None, "", "below")


def test_empty_texts_carry_nothing() -> None:
    event = legacy(["", ""])
    assert (event.matches, event.outcome) == ((), "unknown")
    assert {"no_messages", "no_rule_ids", "no_match_details"} <= set(event.gaps)


@pytest.mark.parametrize(
    ("mode", "expected"),
    [("On", (True, "inferred", "blocked")), ("DetectionOnly", (False, "mode", "would_block"))],
)
def test_the_text_of_the_blocking_rule_tells_of_a_block(mode: str, expected: tuple[bool, str, str]) -> None:
    event = legacy(["Inbound Anomaly Score Exceeded (Total Score: 15)"], mode=mode)
    assert expected == (event.interrupted, event.interrupted_source, event.outcome)


@pytest.mark.parametrize(
    ("version", "parts"),
    [("3.0.4", K), ("3.0.4", H), ("3.3.3", K), ("3.3.3", H), ("3.4.0", H), ("3.7.0", K), ("3.7.0", H)],
)
def test_every_legacy_sample_is_read_by_both_paths(version: str, parts: str) -> None:
    for line in lines(sample(version, "jsonlegacy", parts)):
        event = coraza_legacy.read_fast(line, CONTEXT)
        assert event == coraza_legacy.read_tolerant(line, CONTEXT)
        assert (event.host, event.client_address) == ("waf.example.test", "192.0.2.7")


@pytest.mark.parametrize("line", [b"", b"[]", b"{}", b'{"transaction":{}}', b'{"transaction":5}'])
def test_what_is_no_legacy_record_is_refused(line: bytes) -> None:
    for path in (coraza_legacy.read_fast, coraza_legacy.read_tolerant, coraza_ocsf.read):
        with pytest.raises(ValueError):  # noqa: PT011 - any ValueError, NotARecord too
            path(line, CONTEXT)


def ocsf(**changes: Any) -> Event:
    """Read an OCSF record."""
    record = {
        "class_uid": 6001, "time": 1795488234023297566, "action_id": 2, "severity": "emergency", "severity_id": 99,
        "metadata": {
            "logged_time": 1795488234024541, "version": "1.2.0", "log_provider": "caddy", "log_version": "2",
            "product": {"vendor_name": "OWASP Coraza Web Application Firewall"},
        },
        "http_request": {
            "uid": "x", "http_method": "GET", "version": "HTTP/1.1", "args": "a=b,", "url": {"url_string": "/?a=b"},
            "http_headers": [{"name": "host", "value": "h"}, {"name": "x", "value": "1"}, {"name": "x", "value": "2"}],
        },
        "http_response": {}, "src_endpoint": {"ip": "192.0.2.7", "port": 40001}, "dst_endpoint": {},
        "observables": [{"name": "ServerID", "type": "ServerID", "type_id": 99, "value": "waf.example.test"}],
    }  # fmt: skip
    return coraza_ocsf.read(json.dumps(record | changes).encode(), CONTEXT)


def rule(rule_id: int, msg: str = "", data: str = "") -> dict[str, str]:
    """An enrichment."""
    described = {
        "file": "f",
        "line": 7,
        "id": rule_id,
        "msg": msg,
        "data": data,
        "severity": 2,
        "ver": "v",
        "tags": ["t"],
    }
    return {"name": msg, "value": data, "data": json.dumps(described)}


def test_an_ocsf_record_is_read() -> None:
    event = ocsf(enrichments=[rule(1, "m", "a"), rule(1), rule(1, "m", "b"), rule(2, "n")])
    assert (
        event.time,
        event.time_logged,
        event.duration,
        event.zone_source,
    ) == (1795488234023297, 1795488234024541, 1244, "unix")
    assert (
        event.transaction_id,
        event.method,
        event.protocol,
        event.uri,
        event.host,
    ) == ("x", "GET", "1.1", "/?a=b", "h")
    assert (
        event.interrupted,
        event.interrupted_source,
        event.outcome,
        event.status,
    ) == (True, "flag", "blocked", None)
    assert [(m.rule_id, len(m.others)) for m in event.matches] == [(1, 1), (2, 0)]
    assert (event.server_name, event.connector, event.rulesets) == ("waf.example.test", "caddy 2", ("v",))
    assert event.extra == (("http_request.args", "a=b,"),)


def test_the_severity_of_the_record_says_nothing() -> None:
    assert [m.severity for m in ocsf(enrichments=[rule(1, "m")]).matches] == [2]


def test_files_are_three_observables_each() -> None:
    seen = [
        {"name": "f.png", "type": kind, "value": v}
        for kind, v in (("File Name", "f.png"), ("Size", "8"), ("Mime", "x"))
    ]
    assert (File("f.png", 8, "x"), File("f.png", 8, "x")) == ocsf(observables=[*seen, *seen]).files


def test_a_newer_version_has_the_id_in_its_metadata() -> None:
    product = {"vendor_name": "OWASP Coraza Web Application Firewall"}
    event = ocsf(metadata={"uid": "y", "product": product}, http_request={"http_method": "GET"})
    assert event.transaction_id == "y"


def test_bytes_lost_in_a_rule_are_flagged() -> None:
    lost = rule(1, "m")
    lost["data"] = lost["data"].replace('"m"', r'"\ufffd"')
    literal = rule(1, "m")
    literal["data"] = literal["data"].replace('"m"', r'"\\ufffd"')
    assert ocsf(enrichments=[lost]).flags == ("replacement_characters",)
    assert ocsf(enrichments=[literal]).flags == ()


def test_an_enrichment_that_is_no_json_keeps_its_words() -> None:
    match = ocsf(enrichments=[{"name": "m", "value": "d", "data": "{"}]).matches[0]
    assert (match.rule_id, match.message, match.data) == (None, "m", "d")


def test_values_of_another_type_do_not_lose_the_record() -> None:
    event = ocsf(src_endpoint={"ip": 7, "port": "x"}, enrichments={"a": 1}, http_response=None)
    assert ("wrong_type" in event.flags, "7") == (True, event.client_address)


def test_the_ocsf_of_others_is_foreign() -> None:
    with pytest.raises(NotARecord) as refused:
        ocsf(metadata={"product": {"vendor_name": "Other"}})
    assert refused.value.foreign


@pytest.mark.parametrize(("version", "parts"), [("3.3.3", H), ("3.7.0", K)])
def test_every_ocsf_sample_is_read(version: str, parts: str) -> None:
    for event in events(version, "ocsf", parts):
        assert (event.host, event.client_address, event.zone_source) == ("waf.example.test", "192.0.2.7", "unix")
        assert event.interrupted == (event.uri != "/ok")


KEYS = {
    "blocked", "score", "zone", "request_headers", "request_body", "response_headers", "response_body",
    "matched_value", "rule_ids", "rule_text", "files", "stopwatch", "engine_mode", "bytes",
}  # fmt: skip


@pytest.mark.parametrize("module", [coraza_json, coraza_legacy, coraza_ocsf, coraza_native, coraza_error])
def test_every_format_says_what_it_tells(module: Any) -> None:
    assert set(module.TELLS) == KEYS
    assert all(answer.split(":")[0] in {"yes", "no", "partly"} for answer in module.TELLS.values())

"""Every event is an ECS document: real names and types, nothing of its own outside `modsec`."""

from __future__ import annotations

import json
from base64 import b64decode
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.export.ecs_check import check, leaves
from tests.export.ecs_names import TYPES
from tests.export.made import PLACE, full, hostile, places
from tests.make import START, event, match

from wafscope.event.fields import FIELDS
from wafscope.event.model import Action, Event
from wafscope.export.base import Options, Place
from wafscope.export.ecs import Ecs

NOT_FILLED = {"http.request.mime_type": "ECS wants it from the body, never from the Content-Type header"}


def written(made: Event, place: Place = PLACE, *, raw: bool = False) -> dict[str, Any]:
    """Return the document of an event as another program reads it."""
    lines = Ecs(Options(raw=raw)).lines(made, place)
    assert lines.count(b"\n") == 1
    found: dict[str, Any] = json.loads(lines.decode("utf-8", "strict"))
    return found


def test_everything_has_its_place() -> None:
    document = written(full())
    check(document)
    assert document["@timestamp"] == "2026-11-18T00:00:00.123456Z"
    assert document["event"] == {
        "kind": "event",
        "category": ["web"],
        "type": ["access", "denied"],
        "outcome": "success",
        "action": "deny",
        "dataset": "v2.native",
        "id": "Z9yQ",
        "duration": 1_234_567_000,
        "reason": "Access denied with code 403 (phase 2).",
        "risk_score": 5,
        "severity": 2,
    }
    assert document["source"] == {"address": "192.0.2.7", "ip": "192.0.2.7", "port": 40000}
    assert document["destination"] == {
        "address": "198.51.100.1", "ip": "198.51.100.1", "port": 443, "domain": "vhost.example.org",
    }  # fmt: skip
    assert document["url"] == {
        "original": "/search.php?q=1", "domain": "www.example.org", "port": 8443, "path": "/search.php", "query": "q=1",
        "extension": "php",
    }  # fmt: skip
    assert document["http"] == {
        "version": "1.1",
        "request": {
            "method": "POST",
            "referrer": "https://example.org/",
            "body": {"bytes": 17, "content": "comment=1%27+or+1"},
        },
        "response": {"status_code": 403, "body": {"bytes": 153, "content": "<html>"}},
    }
    assert document["observer"] == {
        "type": "waf", "vendor": "OWASP", "product": "ModSecurity", "version": "2.9.7", "name": "web1",
        "serial_number": "aa55",
    }  # fmt: skip
    assert document["rule"]["id"] == "942100"
    assert document["log"] == {"level": "critical", "file": {"path": "/var/log/modsec_audit.log"}}
    assert document["modsec"]["matches"][0]["others"][0]["target"] == "ARGS:r"


def test_all_names_that_are_known_are_filled() -> None:
    assert {name for name, _ in leaves(written(full(), raw=True))} == set(TYPES)


def test_every_attribute_of_an_event_is_set_in_the_full_one() -> None:
    """So that a new attribute is not forgotten here."""
    made = full()
    unset = [f.name for f in msgspec.structs.fields(Event) if f.default == getattr(made, f.name)]
    first = made.matches[0]
    unset += [f.name for f in msgspec.structs.fields(type(first)) if f.default == getattr(first, f.name)]
    assert unset == ["bookkeeping"]


def test_names_of_the_field_table_are_filled() -> None:
    names = {field.ecs for field in FIELDS if field.ecs}
    assert names - {name for name, _ in leaves(written(full()))} == set(NOT_FILLED)


@pytest.mark.parametrize(
    ("interrupted", "kinds", "outcome"),
    [(True, ["access", "denied"], "success"), (False, ["access", "allowed"], "success"), (None, ["access"], "unknown")],
)
def test_the_type_tells_whether_it_was_denied(*, interrupted: bool | None, kinds: list[str], outcome: str) -> None:
    found = written(event(interrupted=interrupted))["event"]
    assert (found["type"], found["outcome"]) == (kinds, outcome)


@pytest.mark.parametrize(("action", "expected"), [("drop", "drop"), ("unknown", "blocked"), ("", "blocked")])
def test_an_action_that_the_log_does_not_tell_is_not_guessed(action: Action, expected: str) -> None:
    document = written(event(START, interrupted=True, outcome="blocked", action=action))
    assert document["event"]["action"] == expected


def test_the_rule_is_the_one_with_most_points() -> None:
    made = event(START, match(920350, points=3), match(942100, points=5), match(949110), match(932100, points=5))
    assert written(made)["rule"]["id"] == "942100"
    assert written(event(START, 949110))["rule"]["id"] == "949110"
    assert "rule" not in written(event())


def test_an_address_that_is_none_is_no_ip() -> None:
    found = written(event(client_address="unix:", client_port=0, server_address="fe80::1%eth0"))
    assert found["source"] == {"address": "unix:", "port": 0}
    assert found["destination"] == {"address": "fe80::1%eth0", "ip": "fe80::1"}


def test_a_question_mark_without_a_query_is_an_empty_query() -> None:
    assert written(event(uri="/?", path="/", query=""))["url"]["query"] == ""
    assert "query" not in written(event(uri="/", path="/"))["url"]


def test_the_record_comes_only_when_asked_for() -> None:
    made = event(raw=b"caf\xe9 \x00")
    assert "original" not in written(made)["event"]
    found = written(made, raw=True)
    assert found["event"]["original"] == "caf\\xe9 \0"
    assert b64decode(found["modsec"]["raw_base64"]) == made.raw
    assert "raw_base64" not in written(event(raw=b"text"), raw=True)["modsec"]


def test_standard_input_is_no_file() -> None:
    assert "log" not in written(event(), Place(source="-"))


@given(hostile(), places, st.booleans())
def test_anything_gives_a_valid_document(made: Event, place: Place, raw: bool) -> None:  # noqa: FBT001 - drawn
    document = written(made, place, raw=raw)
    check(document)
    assert len(document["modsec"].get("matches", [])) == len(made.matches)

"""JSON lines hold the whole event, byte for byte."""

from __future__ import annotations

import json
from base64 import b64decode
from typing import Any

import msgspec
from hypothesis import given
from tests.export.made import PLACE, full, full_match, hostile, places
from tests.make import START, event, match

from wafscope.event.model import Event, Match
from wafscope.event.text import from_bytes, storable, to_bytes
from wafscope.export.base import Options, Place
from wafscope.export.facts import instant
from wafscope.export.lines import Lines


def written(made: Event, place: Place = PLACE, *, raw: bool = False) -> dict[str, Any]:
    """Return the object of an event as another program reads it."""
    lines = Lines(Options(raw=raw)).lines(made, place)
    assert lines.count(b"\n") == 1
    found: dict[str, Any] = json.loads(lines.decode("utf-8", "strict"))
    return found


def plain(value: Any) -> Any:
    """Return a value as JSON has it."""
    return json.loads(json.dumps(msgspec.to_builtins(value)))


def test_every_attribute_stands_under_its_name() -> None:
    made = full()
    found = written(made)
    assert set(found) == {f.name for f in msgspec.structs.fields(Event)} - {"raw"} | set(Place.__struct_fields__)
    assert set(found["matches"][0]) == {f.name for f in msgspec.structs.fields(Match)}
    for name in set(Event.__struct_fields__) - {"raw", "time", "time_logged", "matches"}:
        assert found[name] == plain(getattr(made, name)), name
    assert found["matches"][0] == plain(full_match())
    assert found["time"] == "2026-11-18T00:00:00.123456Z"
    assert (found["sensor"], found["source"], found["offset"]) == ("web1", "/var/log/modsec_audit.log", 4096)


def test_what_holds_nothing_is_left_out() -> None:
    found = written(event(host="", query=None, interrupted=False, score=0), Place())
    assert found["host"] == ""
    assert (found["interrupted"], found["score"]) == (False, 0)
    assert not {"query", "uri", "matches", "raw", "user_agent", "flags"} & set(found)


def test_bytes_that_are_no_text_come_back() -> None:
    body = b"caf\xe9 \xff\x00"
    headers = (("X-A", from_bytes(b"\xfe")), ("X-B", "plain"))
    made = event(START, match(data=from_bytes(body)), request_body=from_bytes(body), request_headers=headers)
    found = written(made)
    assert found["request_body"] == "caf\\xe9 \\xff\0"
    assert b64decode(found["request_body_base64"]) == body
    assert found["request_headers"] == [["X-A", "\\xfe"], ["X-B", "plain"]]
    pairs = [tuple(map(b64decode, pair)) for pair in found["request_headers_base64"]]
    assert pairs == [(b"X-A", b"\xfe"), (b"X-B", b"plain")]
    assert b64decode(found["matches"][0]["data_base64"]) == body
    assert "message_base64" not in found["matches"][0]
    assert "uri_base64" not in found


def test_the_record_comes_only_when_asked_for() -> None:
    assert written(event(raw=b"text"), raw=True)["raw"] == "text"
    found = written(event(raw=b"\xff\x00"), raw=True)
    assert (b64decode(found["raw_base64"]), "raw" in found) == (b"\xff\x00", False)


def told(found: dict[str, Any], name: str) -> Any:
    """Return a text as an event has it, by its bytes where they are told."""
    if f"{name}_base64" in found:
        return b64decode(found[f"{name}_base64"])
    return None if found.get(name) is None else found[name].encode()


@given(hostile(), places)
def test_anything_is_told_byte_for_byte(made: Event, place: Place) -> None:
    found = written(made, place)
    assert len(found.get("matches", [])) == len(made.matches)
    assert found["time"] == instant(made.time)
    for name in ("uri", "host", "request_body", "user"):
        value = getattr(made, name)
        known = None if value is None or (value == "" and name == "uri") else to_bytes(value)
        assert told(found, name) == known
    for said, each in zip(found.get("matches", []), made.matches, strict=True):
        assert said.get("data", "") == storable(each.data)
        assert (told(said, "data") or b"") == to_bytes(each.data)

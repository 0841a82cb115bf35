"""ModSecurity 2 JSON: both speeds give the same event, and it tells what the native record of the same request does."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.reader.v2_samples import CONTEXT, ID, JSON, MESSAGE, NATIVE, json_records, native_records, sample

from wafscope.event.model import Event, File, Match
from wafscope.reader.base import Context, NotARecord
from wafscope.reader.header_pairs import pairs_of
from wafscope.reader.v2_json import read_by_value, read_fast, read_tolerant
from wafscope.reader.v2_native import read as read_native


def record(**parts: Any) -> bytes:
    """A record as mod_security2 writes it; a part that is None is not there."""
    known: dict[str, Any] = {
        "transaction": {
            "time": "24/Nov/2026:02:28:38.954996 +0000",
            "transaction_id": ID,
            "remote_address": "192.0.2.7",
            "remote_port": 40000,
            "local_address": "198.51.100.1",
            "local_port": 443,
        },
        "request": {"request_line": "GET /a?q=1 HTTP/1.1", "headers": {"Host": "a.example"}},
        "response": {"protocol": "HTTP/1.1", "status": 200, "headers": {"Server": "x"}},
        "audit_data": {"messages": [MESSAGE], "producer": "ModSecurity for Apache/2.9.7 (x)", "engine_mode": "ENABLED"},
    }
    told = {name: part for name, part in (known | parts).items() if part is not None}
    return json.dumps(told, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogateescape")


def both(line: bytes) -> Event:
    """The event that both paths give."""
    event = read_fast(line, CONTEXT)
    assert event == read_tolerant(line, CONTEXT)
    return event


def slow(line: bytes) -> Event:
    """The event of a record that the fast path refuses."""
    with pytest.raises(ValueError):  # noqa: PT011 - msgspec's, json's or ours
        read_fast(line, CONTEXT)
    return read_tolerant(line, CONTEXT)


def test_both_paths_give_the_same_event() -> None:
    refused = 0
    for line in (*JSON, *json_records(sample("gen-v2-json-with-matched_rules.log"))):
        event = read_tolerant(line, CONTEXT)
        try:
            assert event == read_fast(line, CONTEXT)
        except ValueError:
            refused += 1
            assert "invalid_utf8" in event.flags
    assert refused == 2


def normalised(match: Match) -> tuple[object, ...]:
    """What a match says whatever the format; rule files stood in two places."""
    file = Path(match.file).name.replace("base2.conf", "base.conf")
    return (
        match.rule_id,
        match.target,
        match.operator,
        match.parameter,
        match.value,
        match.severity,
        match.tags,
        file,
        match.line,
        match.message,
        match.action,
    )


SAME = (
    "request_line", "status", "response_protocol", "interrupted", "outcome", "action", "action_phase", "action_status",
    "action_message", "score", "threshold", "engine_version", "rulesets", "sanitised", "files", "body_kind", "gaps",
    "engine_mode", "handler", "server_software", "server_id",
)  # fmt: skip


def test_native_and_json_tell_the_same_of_the_same_request() -> None:
    """The battery of requests was sent to two servers; what differs is what JSON cannot hold."""
    for raw, line in zip(NATIVE, JSON, strict=True):
        old, new = read_native(raw, CONTEXT), read_tolerant(line, CONTEXT)
        assert [normalised(match) for match in old.matches] == [normalised(match) for match in new.matches]
        for name in SAME:
            assert getattr(old, name) == getattr(new, name), name
        if "\0" not in (old.request_body or ""):
            assert old.request_body == new.request_body
        assert len(old.error_messages) == len(new.error_messages)


def test_a_whole_record() -> None:
    event = both(record())

    assert (event.format, event.flags, event.gaps) == ("v2.json", (), ())
    assert (
        event.time,
        event.zone_source,
        event.time_logged,
    ) == (1_795_487_318_000_000, "unique_id", 1_795_487_318_954_996)
    assert (
        event.method,
        event.uri,
        event.path,
        event.query,
        event.protocol,
        event.host,
    ) == ("GET", "/a?q=1", "/a", "q=1", "1.1", "a.example")
    assert (
        event.client_address,
        event.client_port,
        event.server_address,
        event.server_port,
    ) == ("192.0.2.7", 40000, "198.51.100.1", 443)
    assert (event.status, event.response_protocol, event.response_headers) == (200, "1.1", (("Server", "x"),))
    assert (event.interrupted, event.interrupted_source, event.outcome) == (False, "flag", "below")
    assert (
        event.engine,
        event.engine_version,
        event.connector,
        event.engine_mode,
    ) == ("ModSecurity", "2.9.7", "Apache", "on")


def test_all_of_audit_data() -> None:
    audit = {
        "messages": [
            'Access denied with code 403 (phase 2). Operator GE matched 5 at TX:x. [file "f"] [line "1"] [id "7"]'
        ],
        "error_messages": ['[file "core.c"] [line 1] [level 3] AH1: x', "[level 3] [client 192.0.2.7] ModSecurity: x"],
        "action": {"intercepted": True, "phase": 2, "message": "Operator GE matched 5 at TX:x."},
        "handler": "proxy-server",
        "stopwatch": {"p1": 8, "p2": 0, "gc": 0},
        "response_body_dechunked": True,
        "producer": ["ModSecurity for Apache/2.9.7 (x)", "A/1"],
        "server": "Apache",
        "sanitized": {"args": ["a"]},
        "webapp_info": {"id": "app", "session": "s", "user_id": "u"},
        "sensor_id": "sensor",
        "engine_mode": "DETECTION_ONLY",
    }
    event = both(record(audit_data=audit))

    assert (
        event.interrupted,
        event.interrupted_source,
        event.action,
        event.action_phase,
        event.action_message,
    ) == (True, "flag", "unknown", 2, "Operator GE matched 5 at TX:x.")
    assert (
        event.error_messages,
        event.handler,
        event.phases,
    ) == (('[file "core.c"] [line 1] [level 3] AH1: x',), "proxy-server", (("p1", 8), ("p2", 0), ("gc", 0)))
    assert (event.rulesets, event.server_software, event.sanitised) == (("A/1",), "Apache", (("args", ("a",)),))
    assert (
        event.application,
        event.session,
        event.user,
        event.server_id,
        event.engine_mode,
    ) == ("app", "s", "u", "sensor", "detection_only")
    assert (
        (on := both(record(audit_data=audit | {"engine_mode": "ENABLED"}))).action,
        on.action_status,
    ) == ("deny", 403)


def test_what_is_not_selected_is_a_gap() -> None:
    bare = both(record(request={}, response={"body": ""}, audit_data={}))
    absent = both(record(request=None, response=None, audit_data=None))

    assert bare.gaps == absent.gaps
    assert bare.gaps == ("no_headers", "no_body", "no_messages", "no_blocked_flag", "no_request", "no_status")
    assert (bare.response_body, absent.response_body) == ("", None)


def test_a_character_in_two_chunks_of_a_body() -> None:
    split = "é".encode().decode("utf-8", "surrogateescape")
    halves = ["a\udcc3", "\udca9b"]
    event = slow(record(request={"body": halves}))

    assert (split, event.request_body, event.flags) == ("é", "aéb", ("invalid_utf8",))
    assert both(record(request={"body": ["a", "b"]})).request_body == "ab"


def test_uploads_and_rules() -> None:
    info = [{"file_size": 5, "file_name": 'a\\"\\xc3\\xa9.php', "content_type": "<Unknown Content-Type>"}]
    links = [
        {
            "actionset": {"id": "920350"},
            "unparsed": 'SecRule "A" "@rx b" "phase:2,id:920350,chain"',
            "is_matched": True,
        },
        {"actionset": {}, "unparsed": 'SecRule "C" "@rx d"', "is_matched": False},
    ]
    other = {"chain": False, "rules": [{"unparsed": 'SecAction "id:900,nolog"', "is_matched": True}]}
    rules = [{"chain": True, "rules": links, "full_chain_match": True}, other]
    event = both(record(request={"fake_body": "a=b"}, uploads={"info": info, "total": 5}, matched_rules=rules))

    assert (File('a"é.php', 5),) == event.files
    assert (event.request_body, event.body_kind) == ("a=b", "fake_multipart")
    assert event.matches[0].rule_text == 'SecRule "A" "@rx b" "phase:2,id:920350,chain"\n#SecRule "C" "@rx d"'
    assert (event.rule_texts, event.matches[0].phase) == (('SecAction "id:900,nolog"',), 2)


def test_rules_and_messages_as_the_native_format_has_them() -> None:
    native = read_native(next(native_records(sample("gen-v2-native-with-K.log"))), CONTEXT)
    event = both(json_records(sample("gen-v2-json-with-matched_rules.log"))[0])

    assert native.rule_texts == event.rule_texts
    assert native.matches == event.matches


@pytest.mark.parametrize(
    ("written", "pairs"),
    [
        (b'{"a":"1","b":"2"}', (("a", "1"), ("b", "2"))),
        (b'{"a":"1","a":"2"}', (("a", "1"), ("a", "2"))),
        (b'{"a":"\\"1\\"","b":"\\\\"}', (("a", '"1"'), ("b", "\\"))),
        (b'{"a":"\\"","a":"\\""}', (("a", '"'), ("a", '"'))),
        (b'{"a":"\\\\","a":"x"}', (("a", "\\"), ("a", "x"))),
        (b'{"\\u0061":"1","a":"2"}', (("a", "1"), ("a", "2"))),
        (b"{}", ()),
    ],
)
def test_repeated_headers_stay_in_their_order(written: bytes, pairs: tuple[tuple[str, str], ...]) -> None:
    line = record(response={"headers": "HERE"}).replace(b'"HERE"', written)

    assert pairs == pairs_of(written) == both(line).response_headers


def test_a_member_for_each_kind_of_what_was_masked() -> None:
    line = record(audit_data={"sanitized": {"args": ["a", "b"]}, "x": 1}).replace(
        b',"x":1', b',"sanitized":{"request_headers":["Authorization"]},"sanitized":{"response_headers":["X"]}'
    )
    event = slow(line)

    assert event.sanitised == (
        ("args", ("a", "b")),
        ("request_headers", ("Authorization",)),
        ("response_headers", ("X",)),
    )
    assert event.flags == ()


def test_what_is_not_known_is_kept_by_name() -> None:
    audit = {"messages": [MESSAGE], "rules_performance_info": {"942100": "5"}}
    event = slow(record(audit_data=audit, novelty=[1], request={"request_line": "GET / HTTP/1.1", "x": "y"}))

    assert event.extra == (
        ("novelty", "[1]"),
        ("request.x", "y"),
        ("audit_data.rules_performance_info", '{"942100": "5"}'),
    )
    assert ([match.rule_id for match in event.matches], event.method, event.flags) == ([920350], "GET", ())


@pytest.mark.parametrize(
    ("path", "value", "attribute", "expected"),
    [
        ("transaction.remote_port", "40000", "client_port", 40000),
        ("transaction.remote_port", 1 << 40, "client_port", None),
        ("transaction.remote_address", 7, "client_address", "7"),
        ("transaction.transaction_id", None, "transaction_id", ""),
        ("request.request_line", ["x"], "method", '["x"]'),
        ("request.headers", [1], "request_headers", ()),
        ("request.headers", {"Host": 1}, "host", "1"),
        ("request.body", "x", "request_body", "x"),
        ("request", 5, "method", ""),
        ("response.status", "403", "status", 403),
        ("response.status", True, "status", None),
        ("response", [], "status", None),
        ("audit_data.messages", MESSAGE, "attack_class", "policy"),
        ("audit_data.messages", [MESSAGE, 5], "attack_class", "policy"),
        ("audit_data.messages", 5, "matches", ()),
        ("audit_data.action", {"intercepted": "yes"}, "interrupted", False),
        ("audit_data.action", [], "interrupted", False),
        ("audit_data.stopwatch", {"p1": "x", "p2": 2}, "phases", (("p2", 2),)),
        ("audit_data.stopwatch", 1, "phases", ()),
        ("audit_data.producer", 5, "rulesets", ()),
        ("audit_data.sanitized", "x", "sanitised", ()),
        ("audit_data.webapp_info", "x", "application", None),
        ("audit_data.engine_mode", 1, "engine_mode", "unknown"),
        ("audit_data", "x", "engine_mode", "unknown"),
        ("uploads", {"info": [{"file_size": "5", "file_name": "a"}]}, "files", (File("a", 5),)),
        ("uploads", {"info": [5]}, "files", (File("", None),)),
        ("uploads", 5, "files", ()),
        ("matched_rules", [{"rules": [5, {"unparsed": "x", "is_matched": 0}]}], "rule_texts", ("\nx",)),
        ("matched_rules", 5, "rule_texts", ()),
    ],
)
def test_a_value_of_another_type_costs_that_value_only(
    path: str, value: object, attribute: str, expected: object
) -> None:
    told = json.loads(record())
    owner, name = told, path
    if "." in path:
        owner, name = told[path.partition(".")[0]], path.partition(".")[2]
    owner[name] = value
    event = slow(json.dumps(told, separators=(",", ":")).encode())

    assert (expected, ("wrong_type",)) == (getattr(event, attribute), event.flags)
    assert event.time_logged == 1_795_487_318_954_996


def test_half_a_surrogate_pair_is_kept_and_flagged() -> None:
    line = record(request={"request_line": "GET /HERE HTTP/1.1"}).replace(b"HERE", b"\\ud800")
    in_header = record(request={"headers": {"X": "HERE"}}).replace(b"HERE", b"\\ud800")

    assert ((event := slow(line)).uri, event.flags) == ("/\ud800", ("lone_surrogate",))
    assert slow(in_header).request_headers == (("X", "\ud800"),)


@pytest.mark.parametrize(
    ("line", "foreign"),
    [
        (b"[]", True),
        (b'{"a":1}', True),
        (b'{"transaction":5}', True),
        (b'{"transaction":{}}', False),
        (b'{"transaction":{"time":"x"}}', False),
    ],
)
def test_what_is_no_record(line: bytes, foreign: bool) -> None:  # noqa: FBT001
    with pytest.raises(NotARecord) as caught:
        read_tolerant(line, CONTEXT)

    assert foreign is caught.value.foreign


def test_nesting_without_end_is_refused() -> None:
    line = record(novelty="HERE").replace(b'"HERE"', b"[" * 100_000)
    readers: tuple[Callable[..., Event], ...] = (read_fast, read_tolerant)
    for reader in readers:
        with pytest.raises((ValueError, RecursionError)):
            reader(line, CONTEXT)


def test_a_name_that_is_not_utf_8_is_odd_at_both_speeds() -> None:
    line = JSON[12]
    place = line.rindex(b'content_type":')
    damaged = line[:place] + b"\x80" + line[place:]
    assert read_tolerant(damaged, CONTEXT).flags == ("invalid_utf8",)
    with pytest.raises(UnicodeDecodeError):
        read_fast(damaged, CONTEXT)


@given(st.integers(0, 35), st.data())
@settings(max_examples=150)
def test_a_record_cut_or_damaged_anywhere_costs_only_itself(number: int, data: st.DataObject) -> None:
    line = JSON[number]
    start = data.draw(st.integers(0, len(line)))
    end = data.draw(st.integers(start, len(line)))
    noise = data.draw(st.binary(max_size=3))
    for damaged in (line[:end], line[start:], line[:start] + line[end:], line[:start] + noise + line[start:]):
        try:
            event = read_tolerant(damaged, CONTEXT)
        except (ValueError, RecursionError):
            event = None
        try:
            quick = read_fast(damaged, CONTEXT)
        except ValueError:
            continue
        assert event == quick


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(
    st.sampled_from(["transaction", "request", "response", "audit_data", "uploads", "matched_rules"]),
    st.sampled_from(
        ["", "headers", "body", "messages", "action", "stopwatch", "producer", "sanitized", "info", "time"]
    ),
    JSON_VALUES,
)
@settings(max_examples=200)
def test_any_value_in_any_place(part: str, member: str, value: object) -> None:
    told = json.loads(record())
    if member:
        owner = told.setdefault(part, {})
        owner[member] = value
    else:
        told[part] = value
    line = json.dumps(told).encode()
    try:
        event = read_tolerant(line, CONTEXT)
    except NotARecord:
        event = None
    for context in (CONTEXT, Context(whole=False)):
        try:
            quick = read_fast(line, context)
        except (ValueError, msgspec.MsgspecError):
            continue
        assert event is not None
        assert quick == (event if context.whole else left_out(event))


@pytest.mark.parametrize("odd", [b"\xff", b"\xe6\x97", b"\\ud800", b"\xff\\ud800", b"\\u0000", b"\\\\"])
@pytest.mark.parametrize(
    "mark", [b"GET ", b"Host", b"a.example", b"HTTP/1.1", b"Server", b"Pattern", b"Apache/", b"f.bin"]
)
def test_what_is_odd_in_one_part_is_read_as_if_all_were(mark: bytes, odd: bytes) -> None:
    files = {"info": [{"file_size": 1, "file_name": "f.bin", "content_type": "x"}], "total": 1}
    line = record(uploads=files, matched_rules=[{"rules": [{"unparsed": "f.bin", "is_matched": True}]}])
    assert line.count(mark)
    for damaged in (line.replace(mark, mark + odd), line.replace(mark, odd + mark, 1)):
        assert read_tolerant(damaged, CONTEXT) == read_by_value(damaged, CONTEXT)


def left_out(event: Event) -> Event:
    """The same event without the body of its response and the messages of the web server."""
    body = None if event.response_body is None else ""
    return msgspec.structs.replace(event, response_body=body, error_messages=())


def test_only_what_no_field_is_made_of_is_left_out_where_it_is_not_wanted() -> None:
    for line in JSON:
        try:
            event = read_fast(line, Context(whole=False))
        except ValueError:
            continue
        assert event == left_out(read_tolerant(line, CONTEXT))


@pytest.mark.parametrize("body", ["1", "[]", '"\\ud800"', '"\\q"', '"\1"', '"\xff"'])
def test_a_body_that_is_not_wanted_must_be_a_text_nevertheless(body: str) -> None:
    line = record(response={"body": "BODY"}).replace(b'"BODY"', body.encode("latin-1"))

    with pytest.raises(ValueError):  # noqa: PT011 - msgspec's or ours
        read_fast(line, Context(whole=False))


def test_messages_that_come_again_tell_the_same() -> None:
    denied = 'Access denied with code 403 (phase 2). Operator GE matched 5 at TX:x. [file "f"] [line "1"] [id "949110"]'
    lines = [record(audit_data={"messages": [MESSAGE, denied]}, request={"request_line": f"GET /{n}"}) for n in "12"]
    first, second = map(both, lines)

    assert first.matches == second.matches
    assert (second.action, second.action_status, second.outcome) == ("deny", 403, "blocked")

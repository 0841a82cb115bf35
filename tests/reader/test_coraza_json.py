"""Coraza's JSON: every version, with part K and without, and whatever is odd about a record."""

from __future__ import annotations

import json
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from tests.reader.coraza_samples import CONTEXT, SAMPLES, H, K, events, lines, sample

from wafscope.event.model import Event, File, Value
from wafscope.reader.base import Context, NotARecord
from wafscope.reader.coraza_json import TELLS, read_fast, read_tolerant
from wafscope.reader.formats import read_json

ERROR = (
    '[client "192.0.2.7"] Coraza: {words} M [file "f.conf"] [line "7"] [id "{id}"] [rev ""] [msg "{msg}"] '
    '[data "{data}"] [severity "{severity}"] [ver "OWASP_CRS/4.25.0"] [maturity "0"] [accuracy "0"] [tag "t"] '
    '[hostname ""] [uri "/"] [unique_id "x"]'
)
DENIED = "Access denied (phase 2)."


def error(rule_id: int, words: str = "Warning.", msg: str = "M", data: str = "", severity: str = "critical") -> str:
    """An error line."""
    return ERROR.format(words=words, id=rule_id, msg=msg, data=data, severity=severity)


def heard(*errors: str) -> list[dict[str, Any]]:
    """`messages` with H alone."""
    return [{"actionset": "", "message": "", "error_message": e, "data": None} for e in errors]


def entry(rule_id: int, msg: str = "M", data: str = "", severity: int = 2, raw: str = "", words: str = "") -> Any:
    """An entry with part K, from 3.4 on where words are given."""
    described = {
        "file": "f.conf", "line": 7, "id": rule_id, "rev": "", "msg": msg, "data": data, "severity": severity,
        "ver": "v", "maturity": 0, "accuracy": 0, "tags": ["t"], "raw": raw,
    }  # fmt: skip
    made: dict[str, Any] = {"actionset": "x", "message": msg, "data": described}
    return made | {"error_message": error(rule_id, words, msg, data)} if words else made


def record(messages: Any = None, drop: tuple[str, ...] = (), **transaction: Any) -> bytes:
    """A record of 3.4 and later."""
    known: dict[str, Any] = {
        "timestamp": "2026/11/24 02:43:51", "unix_timestamp": 1795488231247516560, "id": "MqeIAyqCmGMKEkkMpNj",
        "client_ip": "192.0.2.7", "client_port": 40001, "host_ip": "198.51.100.2", "host_port": 443,
        "server_id": "waf.example.test:443",
        "request": {
            "method": "GET", "protocol": "HTTP/1.1", "uri": "/a?b=c", "http_version": "",
            "headers": {"host": ["waf.example.test"], "x-dup": ["one", "two"]}, "body": "", "files": None,
            "args": {}, "length": 0,
        },
        "response": {"protocol": "", "status": 200, "headers": {"server": ["x"]}, "body": ""},
        "producer": {
            "connector": "", "version": "", "server": "", "rule_engine": "On",
            "stopwatch": "1795488231247516560 1175989; combined=1082337, p1=430318, p2=425431, p3=61171, p4=1, p5=0",
            "rulesets": ["OWASP_CRS/4.25.0"],
        },
        "highest_severity": "", "is_interrupted": False,
    }  # fmt: skip
    kept = {name: value for name, value in (known | transaction).items() if name not in drop}
    return json.dumps({"transaction": kept} | ({} if messages is None else {"messages": messages})).encode()


def read(line: bytes, context: Context = CONTEXT) -> Event:
    """Both paths, which agree."""
    event = read_fast(line, context)
    assert read_tolerant(line, context) == event
    return event


def test_a_record_is_read() -> None:
    event = read(record(heard(error(942100))))
    assert (event.time, event.zone_source, event.time_original) == (1795488231247516, "unix", "2026/11/24 02:43:51")
    assert (
        event.duration,
        event.phases,
    ) == (1175, (("combined", 1082), ("p1", 430), ("p2", 425), ("p3", 61), ("p4", 0), ("p5", 0)))
    assert (
        event.client_address,
        event.client_port,
        event.server_address,
        event.server_port,
    ) == ("192.0.2.7", 40001, "198.51.100.2", 443)
    assert (event.method, event.protocol, event.uri, event.path, event.query) == ("GET", "1.1", "/a?b=c", "/a", "b=c")
    assert event.request_headers == (("host", "waf.example.test"), ("x-dup", "one"), ("x-dup", "two"))
    assert (event.host, event.server_name) == ("waf.example.test", "waf.example.test:443")
    assert (event.engine, event.engine_mode, event.rulesets) == ("Coraza", "on", ("OWASP_CRS/4.25.0",))
    assert (event.status, event.gaps, event.flags) == (200, (), ())


def test_without_part_k_all_comes_from_the_error_line() -> None:
    match = read(record(heard(error(942100, data="Matched Data: s&1 found within ARGS:q: 1'")))).matches[0]
    assert (
        match.rule_id,
        match.message,
        match.target,
        match.value,
        match.severity,
        match.file,
        match.line,
        match.tags,
    ) == (942100, "M", "ARGS:q", "1'", 2, "f.conf", 7, ("t",))
    assert (
        match.action,
        match.phase,
        match.operator,
        match.rule_text,
        match.attack_class,
    ) == ("pass", None, "", "", "sqli")


def test_entries_of_one_rule_are_one_match() -> None:
    raw = 'SecRule ARGS "@rx a" "id:941100,phase:2,block,severity:\'CRITICAL\'"'
    data = [f"Matched Data: a found within ARGS:{name}: a" for name in "abc"]
    messages = [
        entry(941100, data=data[0], raw=raw),
        entry(941100, data=data[1], raw=raw),
        entry(941100, msg="", raw=raw),
        entry(941110, data=data[2]),
        entry(941100, data=data[2], raw=raw),
    ]
    matches = read(record(messages)).matches
    assert [m.rule_id for m in matches] == [941100, 941110, 941100]
    assert (Value("ARGS:b", "a", "M", data[1]),) == matches[0].others
    assert ("Rx", "a", 2, raw) == (matches[0].operator, matches[0].parameter, matches[0].phase, matches[0].rule_text)
    assert (matches[1].others, matches[2].others) == ((), ())


@pytest.mark.parametrize(("interrupted", "action"), [(True, "unknown"), (False, "")])
def test_without_words_the_action_of_a_block_is_unknown(interrupted: bool, action: str) -> None:  # noqa: FBT001 - drawn
    """Up to 3.3, entries have no `error_message`; with H alone, there are no entries."""
    assert read(record([entry(1)], is_interrupted=interrupted)).action == action
    assert read(record([], is_interrupted=interrupted)).action == action


def test_entries_with_and_without_part_k_can_stand_side_by_side() -> None:
    event = read(record([entry(1), *heard(error(949110, DENIED)), entry(2)], is_interrupted=True))
    assert ([m.rule_id for m in event.matches], event.action) == ([1, 949110, 2], "deny")
    assert [m.rule_id for m in read(record([*heard(error(2)), entry(1)])).matches] == [2, 1]


def test_the_message_of_a_chain_may_stand_with_a_link() -> None:
    match = read(record([entry(1, msg=""), entry(1, msg="late", data="d")])).matches[0]
    assert (match.message, match.data, match.others) == ("late", "d", ())


@pytest.mark.parametrize(
    ("severity", "raw", "expected"),
    [
        (2, "", 2),
        (-1, "", None),
        (0, "", None),
        (0, 'SecRule A "@rx a" "id:1,phase:1,severity:\'EMERGENCY\'"', 0),
        (0, 'SecRule A "@rx a" "id:1,phase:1"', None),
    ],
)
def test_severity_0_is_unset_unless_the_rule_proves_it(severity: int, raw: str, expected: int | None) -> None:
    assert expected == read(record([entry(1, severity=severity, raw=raw)])).matches[0].severity


def test_the_words_of_the_denial_are_the_action() -> None:
    event = read(record(heard(error(942100), error(949110, DENIED)), is_interrupted=True))
    assert (
        event.interrupted,
        event.interrupted_source,
        event.outcome,
        event.action,
        event.action_phase,
    ) == (True, "flag", "blocked", "deny", 2)


def test_a_denial_in_phase_5_is_none() -> None:
    event = read(record([entry(980170, words="Access denied (phase 5).")]))
    assert (event.interrupted, event.outcome, event.action, event.action_phase) == (False, "below", "", None)


@pytest.mark.parametrize(
    ("mode", "status", "messages", "expected"),
    [
        ("On", 0, None, (True, "status_zero", "blocked")),
        ("On", 200, None, (False, "inferred", "unknown")),
        ("On", 403, [entry(942100)], (False, "inferred", "below")),
        ("On", 403, [entry(949110)], (True, "inferred", "blocked")),
        ("DetectionOnly", 0, [entry(949110)], (False, "mode", "would_block")),
        ("Off", 200, None, (False, "mode", "unknown")),
        ("", 0, None, (True, "status_zero", "blocked")),
        ("", 200, [entry(942100)], (None, "", "below")),
    ],
)
def test_before_3_3_a_block_is_inferred(mode: str, status: int, messages: Any, expected: tuple[Any, ...]) -> None:
    line = record(
        messages,
        drop=("is_interrupted", "highest_severity"),
        response={"protocol": "", "status": status, "headers": {}, "body": ""},
        producer={"connector": "", "version": "", "server": "", "rule_engine": mode, "stopwatch": "", "rulesets": None},
    )
    event = read(line)
    assert expected == (event.interrupted, event.interrupted_source, event.outcome)
    assert ("no_status" in event.gaps) == (status == 0)
    assert event.status == (status or None)


def test_no_messages_key_may_mean_none_or_not_logged() -> None:
    event = read(record())
    assert (event.outcome, event.gaps) == ("unknown", ("no_messages",))
    assert read(record([])).outcome == "no_match"


@pytest.mark.parametrize(("written", "expected"), [("[2001:db8::1]", "[2001:db8::1]"), ("", None), ("::1", "::1")])
def test_addresses_are_kept_as_logged(written: str, expected: str | None) -> None:
    event = read(record(client_ip=written, host_ip=written, host_port=0, client_port=0))
    assert (expected, expected, None, None) == (
        event.client_address,
        event.server_address,
        event.client_port,
        event.server_port,
    )


def test_a_body_is_missing_only_where_there_can_have_been_one() -> None:
    request = {"method": "POST", "protocol": "HTTP/1.1", "uri": "/", "body": ""}
    with_length = read(record(request=request | {"headers": {"content-length": ["3"]}}))
    without = read(record(request=request | {"headers": {"content-length": ["0"]}}))
    logged = read(record(request=request | {"headers": {"content-length": ["3"]}, "body": "a=b"}))
    assert ["no_body" in event.gaps for event in (with_length, without, logged)] == [True, False, False]
    assert [event.request_body for event in (with_length, without, logged)] == [None, None, "a=b"]


def test_a_record_without_its_parts_says_so() -> None:
    event = read(record(drop=("request", "response", "producer")))
    assert event.gaps == ("no_headers", "no_body", "no_messages", "no_request", "no_status")
    assert (event.engine_mode, event.status, event.method) == ("unknown", None, "")


def test_files_are_listed() -> None:
    files = [{"name": "画像.webp", "size": 3000, "mime": "image/webp"}]
    event = read(record(request={"method": "POST", "uri": "/", "headers": {}, "files": files}))
    assert (File("画像.webp", 3000, "image/webp"),) == event.files


def test_a_cut_value_is_marked() -> None:
    event = read(record(heard(error(942100, data="a" * 280), error(942110, data="a" * 279))))
    assert ([m.cut for m in event.matches], event.flags) == ([True, False], ("cut_message",))


def test_lost_bytes_are_flagged() -> None:
    lost = record(request={"method": "GET", "uri": "/?", "headers": {}}).replace(b"/?", rb"/\\ufffd\\\ufffd")
    kept = record(request={"method": "GET", "uri": "/?", "headers": {}}).replace(b"/?", rb"/\\ufffd")
    assert (read(lost).flags, read(kept).flags) == (("replacement_characters",), ())


def test_the_error_line_keeps_bytes_that_data_has_lost() -> None:
    messages = [entry(1, data="a\ufffdb", words="Warning.")]
    messages[0]["error_message"] = error(1, data=r"a\xe3b")
    assert read(record(messages)).matches[0].data == "a\udce3b"
    messages[0]["error_message"] = error(1, data=r"other\xe3")
    assert read(record(messages)).matches[0].data == "a\ufffdb"


def test_the_report_tells_score_threshold_and_outbound() -> None:
    text = (
        "Anomaly Scores: (Inbound Scores: blocking=20, detection=25, per_pl=20-0-0-0, threshold=5) - "
        "(Outbound Scores: blocking=3, detection=0, per_pl=0-0-0-0, threshold=4) - (SQLI=0, XSS=20)"
    )
    event = read(record(heard(error(941100), error(980170, msg=text, severity="emergency"))))
    assert (
        event.score,
        event.score_source,
        event.score_outbound,
        event.threshold,
        event.points,
    ) == (20, "report", 3, 5, 5)


def test_without_the_epoch_the_local_time_needs_a_zone() -> None:
    line = record(unix_timestamp=0)
    assumed, configured = read(line), read(line, Context(zone=ZoneInfo("Asia/Tokyo")))
    assert (assumed.zone_source, assumed.time) == ("assumed", 1795488231000000)
    assert (configured.zone_source, configured.time) == ("configured", 1795488231000000 - 9 * 3600 * 1_000_000)
    assert "zone_assumed" in assumed.gaps


@pytest.mark.parametrize("number", [1795488231, 1795488231247, 1795488231247516, 1795488231247516560])
def test_an_epoch_tells_its_unit_by_its_size(number: int) -> None:
    assert read(record(unix_timestamp=number)).time // 1_000_000 == 1795488231


def test_unknown_members_are_kept() -> None:
    line = record(heard(error(1)), new_thing={"a": [1]}).replace(b'"messages"', b'"other":"x","messages"')
    with pytest.raises(ValueError, match="unknown field"):
        read_fast(line, CONTEXT)
    event = read_tolerant(line, CONTEXT)
    assert event.extra == (("transaction.new_thing", '{"a":[1]}'), ("other", "x"))
    assert tuple(m.rule_id for m in event.matches) == (1,)


def test_arguments_would_be_kept() -> None:
    line = record(request={"method": "GET", "uri": "/", "headers": {}, "args": {"a": "b"}})
    with pytest.raises(ValueError, match="arguments"):
        read_fast(line, CONTEXT)
    assert read_tolerant(line, CONTEXT).extra == (("transaction.request.args", '{"a":"b"}'),)
    endless = read_tolerant(line.replace(b'"b"', b"Infinity"), CONTEXT)
    assert endless.extra == (("transaction.request.args", '{"a":Infinity}'),)


@pytest.mark.parametrize(
    "change",
    [
        {"client_port": "40001"},
        {"client_port": 1 << 40},
        {"client_ip": 7},
        {"request": []},
        {"request": {"method": "GET", "uri": "/", "headers": {"a": "b"}}},
        {"request": {"method": "GET", "uri": "/", "headers": [["a", "b"]]}},
        {"request": {"method": "GET", "uri": "/", "files": "x"}},
        {"response": {"status": "200", "headers": {}}},
        {"response": {"status": 1e300, "headers": {}}},
        {"producer": {"rulesets": "x", "stopwatch": 5}},
        {"is_interrupted": "true"},
        {"unix_timestamp": "1795488231247516560"},
        {"unix_timestamp": None},
    ],
)
def test_values_of_another_type_are_converted_and_flagged(change: dict[str, Any]) -> None:
    line = record(heard(error(1)), **change)
    with pytest.raises(ValueError, match=r"Expected|range|must be"):
        read_fast(line, CONTEXT)
    event = read_tolerant(line, CONTEXT)
    assert "wrong_type" in event.flags
    assert event.time // 1_000_000 == 1795488231


@pytest.mark.parametrize("messages", ["x", [1], [{"data": 5}], [{"data": {"id": "942100", "tags": "x"}}], {"a": 1}])
def test_messages_of_another_type_do_not_lose_the_record(messages: Any) -> None:
    event = read_tolerant(record(messages), CONTEXT)
    assert "wrong_type" in event.flags


def test_bytes_that_are_not_utf_8_survive() -> None:
    line = record().replace(b"/a?b=c", b"/a?b=\xe3\x81")
    with pytest.raises(ValueError, match="utf-8"):
        read_fast(line, CONTEXT)
    event = read_tolerant(line, CONTEXT)
    assert (event.uri, event.flags) == ("/a?b=\udce3\udc81", ("invalid_utf8",))


def test_half_a_surrogate_and_raw_control_characters_are_read() -> None:
    half = read_tolerant(record().replace(b"/a?b=c", rb"/\ud800"), CONTEXT)
    raw = read_tolerant(record().replace(b"/a?b=c", b"/\x01"), CONTEXT)
    assert (
        (half.uri, half.flags),
        (raw.uri, raw.flags),
    ) == (("/\ud800", ("lone_surrogate",)), ("/\x01", ("repaired",)))


@pytest.mark.parametrize("line", [b"", b"{", b"[]", b"5", b"null", b"{}", b'{"transaction":{}}', b'{"transaction":[]}'])
def test_what_is_no_record_is_refused(line: bytes) -> None:
    for path in (read_fast, read_tolerant):
        with pytest.raises(ValueError):  # noqa: PT011 - any ValueError, NotARecord too
            path(line, CONTEXT)


def test_a_record_without_any_time_is_none() -> None:
    with pytest.raises(NotARecord, match="no_time"):
        read_tolerant(record(unix_timestamp=0, timestamp="x"), CONTEXT)


def test_too_deep_a_record_is_refused() -> None:
    with pytest.raises((RecursionError, ValueError)):
        read_tolerant(b'{"transaction":' + b"[" * 100_000, CONTEXT)


@pytest.mark.parametrize("parts", [K, H])
@pytest.mark.parametrize("version", ["3.0.4", "3.3.3", "3.4.0", "3.7.0"])
def test_both_paths_give_the_same_event_for_every_sample(version: str, parts: str) -> None:
    for line in lines(sample(version, "json", parts)):
        assert line == read(line).raw


def test_a_concurrent_file_is_one_record() -> None:
    event = read((SAMPLES / "gen-coraza-3.7.0-concurrent-file.json").read_bytes())
    assert (event.status, [m.rule_id for m in event.matches]) == (200, [7004])


def test_up_to_3_0_4_there_is_no_request_line() -> None:
    for event in events("3.0.4", "json", H):
        assert (
            event.method,
            event.uri,
            "no_request" in event.gaps,
            "no_messages" in event.gaps,
        ) == ("", "", True, True)


def test_every_question_of_the_reference_page_is_answered() -> None:
    assert all(answer.startswith(("yes", "no", "partly")) for answer in TELLS.values())


@pytest.mark.parametrize("stamp", [1795488231247516560, 0, 10**20])
@pytest.mark.parametrize(
    "headers",
    [
        {"date": ["Tue, 24 Nov 2026 20:54:09 GMT"], "server": ["x"]}, {}, None, {"a": "b"}, {"a": [1]}, {"a": []},
        {"a": ["b", "c"]}, {"a": ['"'], "b": ["\\"]}, [], "x", {"a": None}, {"": [""]},
    ],
)  # fmt: skip
def test_odd_headers_of_a_response_are_as_odd_where_they_are_not_wanted(headers: Any, stamp: int) -> None:
    told = record(unix_timestamp=stamp, response={"protocol": "", "status": 200, "headers": headers, "body": ""})
    line = json.dumps(json.loads(told), separators=(",", ":")).encode()
    whole, short = read_json(line, CONTEXT), read_json(line, Context(whole=False))
    assert (short.flags, short.time, short.zone_source, short.gaps) == (
        whole.flags,
        whole.time,
        whole.zone_source,
        whole.gaps,
    )

"""ModSecurity 2 native: every part, every line of the trailer, and bodies that imitate all of it."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.reader.v2_samples import CONTEXT, ID, MESSAGE, NATIVE, native, native_records, sample

from wafscope.event.model import Event, File
from wafscope.reader.base import Context, NotARecord
from wafscope.reader.v2_native import read, split

START = 1_795_487_318
"""The second of `ID`."""


def events() -> list[Event]:
    """The events of the sample."""
    return [read(record, CONTEXT) for record in NATIVE]


def test_the_sample_holds_what_its_manifest_says() -> None:
    found = events()

    assert 36 == len(found) == len({event.transaction_id for event in found})
    assert {"on"} == {event.engine_mode for event in found}
    assert {("ModSecurity", "2.9.7", "Apache", ("OWASP_CRS/3.3.4",))} == {
        (event.engine, event.engine_version, event.connector, event.rulesets) for event in found
    }
    assert {("app1", None, None, "sensor-1", "Apache/2.4.71 (Debian)")} == {
        (event.application, event.session, event.user, event.server_id, event.server_software) for event in found
    }
    assert {(("request_headers", ("Authorization",)),)} == {event.sanitised for event in found}


def test_the_first_record_of_the_sample() -> None:
    event = events()[0]

    assert NATIVE[0] == event.raw
    assert (event.format, event.flags, event.gaps) == ("v2.native", (), ())
    assert event.time == 1_795_488_532_928_501
    assert (event.zone_source, event.duration) == ("unix", 4659)
    assert event.phases[0] == ("combined", 3396)
    assert event.time_logged is not None
    assert 0 < event.time_logged - event.time < 10_000
    assert "--03-30" in event.time_original
    assert (event.request_line, event.method, event.uri, event.protocol) == ("GET / HTTP/1.1", "GET", "/", "1.1")
    assert (event.status, event.response_protocol, event.response_reason) == (200, "1.1", "OK")
    assert [h for h in event.response_headers if h[0] == "Set-Cookie"] == [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")]
    assert event.response_body == "<html><body>hello <b>world</b> secretleak</body></html>\n"
    assert (
        event.interrupted,
        event.interrupted_source,
        event.outcome,
        event.action,
    ) == (False, "action_line", "below", "")
    assert (event.error_messages, event.matches[0].rule_id) == ((), 1008)


def test_what_was_blocked_and_how() -> None:
    found = [(e.action, e.action_phase, e.action_status, e.status) for e in events() if e.interrupted]

    assert len(found) >= 19
    assert {"deny", "drop", "redirect"} == {action for action, *_ in found}
    assert ("redirect", 2, 302, 302) in found
    assert ("drop", 2, None, 403) in found
    assert ("deny", 2, 500, 500) in found  # proxying failed
    denied = next(event for event in events() if event.action == "deny")
    assert (
        denied.action_message,
        denied.score,
        denied.score_source,
        denied.threshold,
    ) == ("Operator GE matched 5 at TX:anomaly_score.", 15, "949110_message", 5)


def test_allow_does_not_interrupt() -> None:
    event = read(next(native_records(sample("gen-v2-concurrent-file-native.log"))), CONTEXT)

    assert (event.interrupted, event.action, event.matches[0].action, event.matches[0].phase) == (False, "", "allow", 1)


def test_the_message_of_the_phase_that_interrupted_tells_the_action() -> None:
    earlier = "Message: Access denied with connection close (phase 1). a\n"
    event = read(native(trailer=f"{earlier}{DENIED}Action: Intercepted (phase 2)\n"), CONTEXT)
    other = read(native(trailer=f"{earlier}Action: Intercepted (phase 3)\n"), CONTEXT)

    assert (event.action, event.action_phase, event.action_status) == ("deny", 2, 403)
    assert (other.action, other.action_phase) == ("drop", 1)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("Producer: ModSecurity for IIS (STABLE)/2.9.1 (x).", ("2.9.1", "IIS", ())),
        ("WAF: ModSecurity for Apache/2.5.13 (x); A/2.", ("2.5.13", "Apache", ("A/2",))),
        ("Producer: Another/1.", ("", "", ("Another/1",))),
        ("Server: x", ("", "", ())),
    ],
)
def test_who_wrote_the_record(line: str, told: tuple[str, str, tuple[str, ...]]) -> None:
    event = read(native(trailer=f"{line}\n"), CONTEXT)

    assert told == (event.engine_version, event.connector, event.rulesets)


def test_a_body_is_what_was_sent_byte_for_byte() -> None:
    event = next(event for event in events() if event.request_body and "--deadbeef-Z--" in event.request_body)

    assert event.request_body is not None
    assert event.request_body.encode("utf-8", "surrogateescape").startswith(b"q=ab\0cd\xff\xfe\x01\n--deadbeef-Z--\n")
    assert (event.body_kind, "invalid_utf8" in event.flags) == ("raw", True)
    length = next(value for name, value in event.request_headers if name == "Content-Length")
    assert int(length) == len(event.request_body.encode("utf-8", "surrogateescape"))


def test_uploads_and_the_fields_beside_them() -> None:
    event = next(event for event in events() if event.files)

    assert (File('evél "x.php', 19), File("b.txt", 4)) == event.files
    assert event.body_kind == "raw"
    odd = read(native(more='\n--0a1b2c3d-J--\n2,x\n3,4,"b","text/plain"\nTotal,4\n'), CONTEXT)
    assert (odd.files, odd.extra) == ((File("b", 4, "text/plain"),), (("J", "2,x"),))
    only_fields = read(native(fields="field=value+%3cscript%3e"), CONTEXT)
    assert (only_fields.request_body, only_fields.body_kind) == ("field=value+%3cscript%3e", "fake_multipart")


def test_errors_of_the_server_stay_and_copies_of_messages_go() -> None:
    found = {text for event in events() for text in event.error_messages}

    assert found
    assert not [text for text in found if "ModSecurity:" in text]
    assert any("File does not exist" in text for text in found)


def test_part_k_goes_to_its_match() -> None:
    event = read(next(native_records(sample("gen-v2-native-with-K.log"))), CONTEXT)

    assert [match.rule_id for match in event.matches] == [1003]
    assert event.matches[0].rule_text.startswith('SecRule "ARGS:go" "@streq allow"')
    assert (event.matches[0].operator, event.matches[0].phase) == ("StrEq", 1)
    assert [text.partition(" ")[0] for text in event.rule_texts] == ["SecAction", "SecRule", "SecAction", "SecAction"]
    assert len(event.rule_texts[1].split("\n")) == 3


def test_each_match_of_a_rule_gets_its_text() -> None:
    message = f"Message: {MESSAGE}\n"
    first, second = 'SecRule "A" "@rx x" "phase:2,id:920350,chain"\n#SecRule "B" "y"', 'SecRule "A" "@rx x" "id:920350"'
    other = 'SecRule "A" "x,id:920350,y" "phase:1,id:7,nolog,msg:\'a,id:920350,b\'"'
    event = read(native(trailer=message * 3, more=f"\n--0a1b2c3d-K--\n{first}\n\n{other}\n\n{second}\n\n"), CONTEXT)

    assert [first, second, second] == [match.rule_text for match in event.matches]
    assert [match.phase for match in event.matches] == [2, None, None]
    assert (other,) == event.rule_texts


def test_every_line_of_the_trailer() -> None:
    lines = [
        f"Message: {MESSAGE}",
        'Apache-Error: [file "core.c"] [line 1] [level 3] [status 2] AH00128: File does not exist: /x',
        f'Apache-Error: [file "mod_x.c"] [line 1] [level 3] [client 192.0.2.7] ModSecurity: {MESSAGE}',
        "Action: Intercepted (phase 2)",
        "Apache-Handler: proxy-server",
        "Stopwatch: 1795487318451268 381 (- - -)",
        "Stopwatch2: 1795487318451268 381; combined=51, p1=7, p2=0, sr=0, gc=0",
        "Response-Body-Transformed: Dechunked",
        "Producer: ModSecurity for nginx (STABLE)/2.9.2 (http://www.modsecurity.org/); A/1; B/2.",
        "Server: nginx",
        'Sanitised-Args: "a", "b\\"c".',
        'Sanitised-Response-Headers: "X".',
        'WebApp-Info: "app" "session" "user"',
        'Sensor-Id: "s"',
        'Engine-Mode: "ENABLED"',
        'Rules-Performance-Info: "942100=5"',
        "Novelty: 1",
        "no line of this kind",
        "nor this",
        "Server: again",
    ]
    event = read(native(trailer="\n".join(lines) + "\n"), CONTEXT)

    assert [match.rule_id for match in event.matches] == [920350]
    assert event.error_messages == ('[file "core.c"] [line 1] [level 3] [status 2] AH00128: File does not exist: /x',)
    assert (event.interrupted, event.action, event.action_phase, event.action_message) == (True, "unknown", 2, "")
    assert (
        event.handler,
        event.server_software,
        event.engine_version,
        event.connector,
        event.rulesets,
    ) == ("proxy-server", "nginx", "2.9.2", "nginx", ("A/1", "B/2"))
    assert (
        event.time,
        event.zone_source,
        event.duration,
        event.phases,
    ) == (1795487318451268, "unix", 381, (("combined", 51), ("p1", 7), ("p2", 0), ("sr", 0), ("gc", 0)))
    assert event.sanitised == (("args", ("a", 'b"c')), ("response_headers", ("X",)))
    assert (event.application, event.session, event.user, event.server_id) == ("app", "session", "user", "s")
    assert event.extra == (
        ("Rules-Performance-Info", '"942100=5"'),
        ("Novelty", "1"),
        ("Server", "again"),
        ("H", "no line of this kind\nnor this"),
    )
    assert event.flags == ("unknown_line",)


def test_a_line_that_is_known_is_kept_without_a_word() -> None:
    event = read(native(trailer='Rules-Performance-Info: "942100=5".\n'), CONTEXT)

    assert (event.extra, event.flags) == ((("Rules-Performance-Info", '"942100=5".'),), ())


DENIED = "Message: Access denied with code 403 (phase 2). Operator GE matched 5 at TX:x.\n"
PROXIED = "Message: Access denied using proxy to http://b/. x\n"


@pytest.mark.parametrize(
    ("trailer", "interrupted", "source", "outcome", "action"),
    [
        ('Engine-Mode: "ENABLED"\n', False, "action_line", "no_match", ""),
        (f'{DENIED}Action: Intercepted (phase 2)\nEngine-Mode: "ENABLED"\n', True, "action_line", "blocked", "deny"),
        (PROXIED, True, "action_line", "blocked", "proxy"),
        (f'{DENIED}Engine-Mode: "DETECTION_ONLY"\n', False, "action_line", "below", ""),
        (None, None, "", "unknown", ""),
    ],
)
def test_blocked_or_not(
    trailer: str | None,
    interrupted: bool | None,  # noqa: FBT001
    source: str,
    outcome: str,
    action: str,
) -> None:
    event = read(native(trailer=trailer), CONTEXT)

    assert (interrupted, source) == (event.interrupted, event.interrupted_source)
    assert (outcome, action) == (event.outcome, event.action)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("HTTP/1.1 403 Forbidden\n", (403, "1.1", "Forbidden")),
        ("HTTP/1.1 204\n", (204, "1.1", "")),
        ("HTTP/1.1\n", (None, "1.1", "")),
        ("", (None, "", "")),
        (None, (None, "", "")),
    ],
)
def test_the_status_line(status: str | None, expected: tuple[int | None, str, str]) -> None:
    event = read(native(status=status), CONTEXT)

    assert expected == (event.status, event.response_protocol, event.response_reason)
    assert ("no_status" in event.gaps) is (expected[0] is None)


@pytest.mark.parametrize(
    ("request_part", "expected"),
    [
        ("GET /a b?c=d HTTP/1.1\nHost: a\n", ("GET", "/a b?c=d", "1.1", "/a b", "c=d")),
        ("GET /\n", ("GET", "/", "", "/", None)),
        ("GET http://a.example/x?y HTTP/1.0\n", ("GET", "http://a.example/x?y", "1.0", "/x", "y")),
        ("\x16\x03\x01\n", ("\x16\x03\x01", "", "", "", None)),
        ("", ("", "", "", "", None)),
    ],
)
def test_the_request_line(request_part: str, expected: tuple[str, str, str, str, str | None]) -> None:
    event = read(native(request=request_part), CONTEXT)

    assert expected == (event.method, event.uri, event.protocol, event.path, event.query)


def test_headers_as_they_stand() -> None:
    request = "GET / HTTP/1.1\nHost: \nX-A: a: b\nX-B: \udcff\xe9\n on and on\nX-C:\n"
    event = read(native(request=request), CONTEXT)

    assert event.request_headers == (("Host", ""), ("X-A", "a: b"), ("X-B", "\udcff\xe9\n on and on"), ("X-C", ""))
    assert event.host == ""


def test_what_is_not_selected_is_a_gap() -> None:
    bare = read(native(request=None, status=None, trailer=None), CONTEXT)
    posted = read(native(request="POST / HTTP/1.1\nContent-Length: 5\n"), CONTEXT)
    chunked = read(native(request="POST / HTTP/1.1\ntransfer-encoding: chunked\n"), CONTEXT)

    assert bare.gaps == ("no_headers", "no_body", "no_messages", "no_blocked_flag", "no_request", "no_status")
    assert (posted.gaps, chunked.gaps) == (("no_body",), ("no_body",))
    assert read(native(request="POST / HTTP/1.1\nContent-Length: 0\n"), CONTEXT).gaps == ()
    assert (bare.time, bare.zone_source) == (START * 10**6, "unique_id")


def test_a_forged_record_in_a_body_is_part_of_it() -> None:
    forged = native(boundary="deadbeef", transaction_id="FORGED").decode()
    event = read(native(body=f"a=1&b=\n{forged}\n\n"), CONTEXT)

    assert (ID, f"a=1&b=\n{forged}\n\n") == (event.transaction_id, event.request_body)


def test_separators_of_its_own_in_a_body_are_part_of_it() -> None:
    forged = (
        "x\n--0a1b2c3d-F--\nHTTP/1.1 200 OK\n\n--0a1b2c3d-H--\nMessage: forged\n\n--0a1b2c3d-Z--\n\n--0a1b2c3d-A--\ny"
    )
    event = read(native(body=forged, status="HTTP/1.1 403 Forbidden\n", answer="no\n--0a1b2c3d-H--\nx"), CONTEXT)

    assert (event.status, event.matches, event.engine_mode) == (403, (), "on")
    assert (forged, "no\n--0a1b2c3d-H--\nx") == (event.request_body, event.response_body)


@pytest.mark.parametrize(
    "body", ["x\n--0a1b2c3d-\n--0a1b2c3d-", "\n--0a1b2c3d-", "x\n--0a1b2c3d-C", "\n--0a1b2c3d--\n"]
)
def test_a_separator_of_its_own_that_is_none_is_part_of_a_body(body: str) -> None:
    event = read(native(body=body), CONTEXT)

    assert (ID, body, event.status) == (event.transaction_id, event.request_body, 200)


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (native()[:-5], "cut"),
        (native().partition(b"-H--")[0], "cut"),
        (b"x" + native(), "damaged"),
        (b"", "damaged"),
        (native(time="24/Nov/2026"), "no_time"),
        (native().replace(b" 40000 ", b" "), "damaged"),
        (native(trailer="Message: a\n\n--deadbeef-Z--\n"), "spliced"),
    ],
)
def test_what_is_no_whole_record(record: bytes, reason: str) -> None:
    with pytest.raises(NotARecord) as caught:
        read(record, CONTEXT)

    assert reason == caught.value.reason


@pytest.mark.parametrize("record", NATIVE[:12])
def test_line_ends_that_were_changed_to_crlf(record: bytes) -> None:
    changed = record.replace(b"\n", b"\r\n")
    event = read(record, CONTEXT)
    repaired = tuple(f for f in ("invalid_utf8", "repaired", "cut_message") if f == "repaired" or f in event.flags)

    assert msgspec.structs.replace(event, raw=changed, flags=repaired) == read(changed, CONTEXT)


def test_a_carriage_return_of_a_client_changes_nothing() -> None:
    event = read(native(body="a\r\nb\r\n--0a1b2c3d-H--\r\n"), CONTEXT)

    assert (event.request_body, event.flags) == ("a\r\nb\r\n--0a1b2c3d-H--\r\n", ())


def test_a_cut_message_is_flagged() -> None:
    event = read(native(trailer=f"Message: {MESSAGE}{' ' * 1023}"[: 9 + 1023] + "\n"), CONTEXT)

    assert (event.flags, event.matches[0].cut) == (("cut_message",), True)


def test_the_zone_is_that_of_the_source_where_nothing_else_tells() -> None:
    record = native(time="24/Nov/2026:02:28:38", transaction_id="AcVcAcAcAcAcAzAcAcWQ4cAc", trailer=None)
    tokyo = read(record, Context(zone=ZoneInfo("Asia/Tokyo")))
    assumed = read(record, CONTEXT)

    assert (tokyo.zone_source, tokyo.time) == ("configured", (START - 9 * 3600) * 10**6)
    assert (assumed.zone_source, assumed.time, "zone_assumed" in assumed.gaps) == ("assumed", START * 10**6, True)


def test_sections_by_letter() -> None:
    assert list(b"ABFHZ") == list(split(native()))
    assert split(native(body=""))[ord("C")] == b""


@given(st.integers(0, 35), st.data())
@settings(max_examples=150)
def test_a_record_cut_or_damaged_anywhere_costs_only_itself(number: int, data: st.DataObject) -> None:
    record = NATIVE[number]
    start = data.draw(st.integers(0, len(record)))
    end = data.draw(st.integers(start, len(record)))
    for damaged in (
        record[:end],
        record[start:],
        record[:start] + record[end:],
        record[:start] + b"\xff\0\n" + record[start:],
    ):
        try:
            event = read(damaged, CONTEXT)
        except NotARecord:
            continue
        assert damaged == event.raw


@given(st.binary(max_size=200), st.binary(max_size=60), st.binary(max_size=60))
def test_any_bytes_are_a_record_or_refused(opening: bytes, head: bytes, trailer: bytes) -> None:
    record = (
        b"--0a1b2c3d-A--\n["
        + opening
        + b"\n--0a1b2c3d-B--\n"
        + head
        + b"\n--0a1b2c3d-H--\n"
        + trailer
        + b"\n--0a1b2c3d-Z--"
    )
    for each in (record, opening, native(body=None)[:80] + opening + native()[80:]):
        try:
            read(each, CONTEXT)
        except NotARecord:
            continue

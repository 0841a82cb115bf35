"""Coraza's native format in all its layouts."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from tests.reader.coraza_samples import CONTEXT, H, K, events, sample, split_native

from wafscope.event.model import Event, File
from wafscope.reader.base import Context, NotARecord
from wafscope.reader.coraza_native import read

IDS = "[2026/11/24 21:00:26] JqRSMfLCNFkKRgMpCpc 192.0.2.7 40001 198.51.100.2 443"
LINE = (
    '[client "192.0.2.7"] Coraza: {words} {message} [file "f.conf"] [line "7"] [id "{id}"] [rev ""] [msg "{msg}"] '
    '[data "{data}"] [severity "critical"] [ver "v"] [maturity "0"] [accuracy "0"] [tag "t"] [hostname "198.51.100.2"] '
    '[uri "/from/line"] [unique_id "JqRSMfLCNFkKRgMpCpc"]'
)


def line(rule_id: int = 942100, words: str = "Warning.", message: str = "m", msg: str = "m", data: str = "") -> str:
    """A line of part H."""
    return LINE.format(id=rule_id, words=words, message=message, msg=msg, data=data)


def record(*sections: tuple[str, str], boundary: str = "abcdefghij", ids: str | None = IDS) -> bytes:
    """A record of 3.4 and later: each section is its letter and its text, line feeds and all."""
    parts = [("A", f"{ids}\n")] if ids is not None else []
    whole = "".join(f"--{boundary}-{letter}--\n{text}" for letter, text in [*parts, *sections, ("Z", "")])
    return whole.encode("utf-8", "surrogateescape").rstrip(b"\n")


B = ("B", "GET /a?b=c d HTTP/1.1\nhost: waf.example.test\nx-dup: one\nx-dup: two\nempty: \n\n")
F = ("F", "HTTP/1.1 200 OK\nserver: x\n\n")


def test_a_record_of_3_4_is_read() -> None:
    event = read(record(B, ("C", "a=b\n\n"), ("E", "<html>\n\n"), F, ("H", line() + "\n\n")), CONTEXT)
    assert (
        event.transaction_id,
        event.client_address,
        event.client_port,
    ) == ("JqRSMfLCNFkKRgMpCpc", "192.0.2.7", 40001)
    assert (
        event.server_address,
        event.server_port,
        event.time_original,
    ) == ("198.51.100.2", 443, "2026/11/24 21:00:26")
    assert (
        event.method,
        event.uri,
        event.protocol,
        event.request_line,
    ) == ("GET", "/a?b=c d", "1.1", "GET /a?b=c d HTTP/1.1")
    assert event.request_headers == (("host", "waf.example.test"), ("x-dup", "one"), ("x-dup", "two"), ("empty", ""))
    assert (
        event.request_body,
        event.response_body,
        event.status,
        event.response_protocol,
        event.response_reason,
    ) == ("a=b", "<html>", 200, "1.1", "OK")
    assert ([m.rule_id for m in event.matches], event.rulesets) == ([942100], ("v",))
    assert (event.interrupted, event.interrupted_source, event.outcome) == (False, "action_line", "below")


def test_the_middleware_leaves_the_server_out_and_brackets_ipv6() -> None:
    event = read(record(B, ids="[2026/11/24 21:00:26] JqRSMf [2001:db8::1] 32787  0"), CONTEXT)
    assert (
        event.client_address,
        event.client_port,
        event.server_address,
        event.server_port,
    ) == ("[2001:db8::1]", 32787, None, None)


def test_the_date_header_proves_the_zone() -> None:
    dated = ("F", "HTTP/1.1 200 OK\ndate: Tue, 24 Nov 2026 12:00:26 GMT\n\n")
    event = read(record(B, dated), CONTEXT)
    assert ("date_header", datetime(2026, 11, 24, 12, 0, 26, tzinfo=UTC).timestamp() * 1e6) == (
        event.zone_source,
        event.time,
    )
    configured = read(record(B, F), Context(zone=ZoneInfo("Asia/Tokyo")))
    assert ("configured", event.time) == (configured.zone_source, configured.time)
    assert read(record(B, F), CONTEXT).zone_source == "assumed"


@pytest.mark.parametrize(
    ("words", "action", "phase"),
    [
        ("Access denied (phase 2).", "deny", 2),
        ("Access dropped (phase 1).", "drop", 1),
        ("Access redirected (phase 4).", "redirect", 4),
    ],
)
def test_a_line_of_h_tells_of_a_block(words: str, action: str, phase: int) -> None:
    event = read(record(B, ("F", "HTTP/1.1 0 \n\n"), ("H", line(words=words) + "\n\n")), CONTEXT)
    assert (True, "action_line", "blocked", action, phase) == (
        event.interrupted,
        event.interrupted_source,
        event.outcome,
        event.action,
        event.action_phase,
    )
    assert (event.status, "no_status" in event.gaps) == (None, True)


@pytest.mark.parametrize("words", ["Warning.", "Access allowed (phase 1).", "Access denied (phase 5)."])
@pytest.mark.parametrize(("status", "source"), [("200 OK", "action_line"), ("0 ", "inferred")])
def test_status_0_alone_proves_no_block(words: str, status: str, source: str) -> None:
    event = read(record(B, ("F", f"HTTP/1.1 {status}\n\n"), ("H", line(words=words) + "\n\n")), CONTEXT)
    assert (False, source, "") == (event.interrupted, event.interrupted_source, event.action)


def test_without_h_status_0_is_all_there_is() -> None:
    zero, other = read(record(B, ("F", "HTTP/1.1 0 \n\n")), CONTEXT), read(record(B, F), CONTEXT)
    assert (zero.interrupted, zero.interrupted_source, zero.outcome) == (True, "status_zero", "blocked")
    assert (other.interrupted, other.interrupted_source, other.outcome) == (None, "", "unknown")
    assert "no_messages" in other.gaps


def test_an_empty_h_says_that_no_rule_fired() -> None:
    event = read(record(B, F, ("H", "\n")), CONTEXT)
    assert (event.outcome, "no_messages" in event.gaps) == ("no_match", False)


def test_h_repeats_a_line_for_every_matched_value() -> None:
    more = line() + '[msg_match_1 "m"] [data_match_1 "d1"]'
    event = read(record(B, F, ("H", f"{more}\n{more}\n{line(1)}\n\n")), CONTEXT)
    assert [(m.rule_id, len(m.others)) for m in event.matches] == [(942100, 1), (1, 0)]


def test_rules_of_k_stand_with_their_matches() -> None:
    first = 'SecRule A "@rx a" "id:942100,phase:2,block,chain" \nSecRule B "@rx b" "t:none"'
    other = 'SecAction "id:5,phase:1,pass"'
    event = read(record(B, F, ("H", line() + "\n\n"), ("K", f"{first}\n{first}\n{other}\n\n")), CONTEXT)
    assert ([first], (other,)) == ([m.rule_text for m in event.matches], event.rule_texts)


def test_k_alone_says_which_rules_fired() -> None:
    rule = "SecRule ARGS \"@rx a\" \"id:942100,phase:2,block,msg:'SQLi',logdata:'%{TX.0}',tag:'t',severity:'CRITICAL'\""
    event = read(record(B, F, ("K", f"{rule}\n{rule}\n\n")), CONTEXT)
    match = event.matches[0]
    assert (
        len(event.matches),
        match.rule_id,
        match.message,
        match.data,
        match.severity,
        match.tags,
        match.operator,
    ) == (1, 942100, "SQLi", "", 2, ("t",), "Rx")
    assert "no_match_details" in event.gaps


def test_a_message_can_hold_line_feeds_before_3_8() -> None:
    event = read(record(B, F, ("H", line(message="a\nb", msg=r"a\nb") + "\n\n")), CONTEXT)
    assert ([m.message for m in event.matches], event.flags) == (["a\nb"], ())


def test_what_h_holds_besides_is_kept() -> None:
    event = read(record(B, F, ("H", f"{line()}\nApache-Error: x\n\n")), CONTEXT)
    assert (event.extra, event.flags) == ((("H", "Apache-Error: x"),), ("unknown_line",))


def test_3_8_escapes_are_undone() -> None:
    request = ("B", "GET /a\\\\b HTTP/1.1\nhost: x\nx-bin: \\r\\n\\\\n\n\n")
    heard = line(msg=r"a\\x00b", message="a\\nb", data=r'\\"q\\\\').replace('"/from', r'"\\x5c/from')
    rule = 'SecRule A "@rx \\\\\\\\d" "id:942100,phase:2,chain" \\nSecRule B "@rx b" "t:none"'
    sections = (request, ("C", "a\\r\\nb\\\\r\n\n"), F, ("H", heard + "\n\n"), ("K", rule + "\n\n"))
    event = read(record(*sections, boundary="kGYsLkuOHAuBqATJ"), CONTEXT)
    assert (event.uri, dict(event.request_headers)["x-bin"], event.request_body) == ("/a\\b", "\r\n\\n", "a\r\nb\\r")
    match = event.matches[0]
    assert (match.message, match.data) == ("a\x00b", '"q\\')
    assert match.rule_text == 'SecRule A "@rx \\\\d" "id:942100,phase:2,chain" \nSecRule B "@rx b" "t:none"'
    unescaped = read(record(*sections), CONTEXT)
    assert (unescaped.uri, unescaped.request_body) == ("/a\\\\b", "a\\r\\nb\\\\r")


def test_uploads_are_listed() -> None:
    event = read(record(B, ("J", '1,3000,"画像.webp","image/webp"\n2,8,"ev\\"il.php",""\nTotal,3008\n\n')), CONTEXT)
    assert (File("画像.webp", 3000, "image/webp"), File('ev"il.php', 8, "")) == event.files


def test_bytes_survive() -> None:
    event = read(record(("B", "GET /\udcff HTTP/1.1\nhost: \udce3\n\n"), ("C", "\udc80\x00\n\n")), CONTEXT)
    assert (
        event.uri,
        event.host,
        event.request_body,
        event.flags,
    ) == ("/\udcff", "\udce3", "\udc80\x00", ("invalid_utf8",))


def test_a_body_keeps_its_own_line_feeds() -> None:
    assert read(record(B, ("C", "a\n\n\n\n"), F), CONTEXT).request_body == "a\n\n"
    assert read(record(B, ("C", "\n"), F), CONTEXT).request_body == ""


def test_a_separator_of_another_boundary_is_payload() -> None:
    event = read(record(B, ("C", "--zzzzzzzzzz-H--\nx\n\n"), F), CONTEXT)
    assert event.request_body == "--zzzzzzzzzz-H--\nx"


def test_without_a_and_z_the_lines_of_h_tell_who_it_was() -> None:
    dated = ("F", "HTTP/1.1 200 OK\ndate: Tue, 24 Nov 2026 12:00:26 GMT\n\n")
    event = read(record(dated, ("H", line() + "\n\n"), ids=None).removesuffix(b"\n--abcdefghij-Z--"), CONTEXT)
    assert (
        event.transaction_id,
        event.client_address,
        event.server_address,
        event.uri,
        event.zone_source,
    ) == ("JqRSMfLCNFkKRgMpCpc", "192.0.2.7", "198.51.100.2", "/from/line", "date_header")


def test_a_body_cannot_forge_the_ids() -> None:
    forged = "[2020/01/01 00:00:00] forged 203.0.113.1 1 203.0.113.2 2"
    dated = ("F", "HTTP/1.1 200 OK\ndate: Tue, 24 Nov 2026 12:00:26 GMT\n\n")
    event = read(record(B, ("C", forged + "\n\n"), dated, ids=None), CONTEXT)
    assert (event.client_address, event.transaction_id, event.request_body) == (None, "", forged)


def test_without_any_time_there_is_no_record() -> None:
    with pytest.raises(NotARecord, match="no_time"):
        read(record(B, F, ids=None), CONTEXT)
    with pytest.raises(ValueError, match="no separator"):
        read(b"GET / HTTP/1.1", CONTEXT)


def test_in_3_0_a_body_can_begin_with_a_digit() -> None:
    first = f"--abcdefghij-B--\n{IDS}  \nhost: x\n\n--abcdefghij-C--\n{IDS}12345\n"
    event = read(f"{first}--abcdefghij-H--\n{IDS}Stopwatch: \nServer: ".encode(), CONTEXT)
    assert (event.request_body, event.server_port, event.uri) == ("12345", 443, "")


@pytest.mark.parametrize("parts", [K, H])
@pytest.mark.parametrize("version", ["3.0.4", "3.3.3", "3.4.0", "3.7.0"])
def test_every_sample_is_read(version: str, parts: str) -> None:
    records = split_native(sample(version, "native", parts))
    read_events = [read(record, CONTEXT) for record in records]
    assert records == [event.raw for event in read_events]
    whole = [e for e in read_events if e.request_headers]
    assert {"waf.example.test"} == {e.host for e in whole}
    assert {"192.0.2.7"} == {e.client_address for e in read_events}
    assert [e.response_body for e in whole[:2]] == ["<html>hi \udcff\x00é</html>", ""]
    assert [flag for e in read_events for flag in e.flags if flag != "invalid_utf8"] == []


def posted(event: Event) -> bool:
    return event.content_type == "application/x-www-form-urlencoded"


@pytest.mark.parametrize("version", ["3.0.4", "3.3.3", "3.4.0", "3.7.0"])
def test_a_body_is_the_same_in_every_layout(version: str) -> None:
    bodies = {e.request_body for e in events(version, "native", K) if posted(e)}
    assert {"q=ab\x00\udcffé&z=<script>&go=chainA"} == bodies

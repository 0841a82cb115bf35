"""Coraza's lines in error logs, in the wrappers of its connectors."""

from __future__ import annotations

import json
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from tests.reader.coraza_samples import CONTEXT, error_log, lines_by_transaction

from wafscope.reader.base import Context, Found, NotARecord
from wafscope.reader.coraza_error import read, transaction_of
from wafscope.reader.framing import read_pieces

SECOND = 1_000_000
NOON = 1_795_521_600 * SECOND
"""2026-11-24 12:00:00 UTC."""


def line(
    rule_id: int = 942100,
    words: str = "Warning.",
    msg: str = "SQLi",
    data: str = "",
    client: str = "192.0.2.7",
    unique_id: str = "JqRSMfLCNFkKRgMpCpc",
) -> str:
    """A bare line."""
    return (
        f'[client "{client}"] Coraza: {words} {msg} [file "f.conf"] [line "7"] [id "{rule_id}"] [rev ""] [msg "{msg}"] '
        f'[data "{data}"] [severity "critical"] [ver "OWASP_CRS/4.25.0"] [maturity "0"] [accuracy "0"] [tag "t"] '
        f'[hostname "198.51.100.2"] [uri "/a?b=c"] [unique_id "{unique_id}"]'
    )


def wrapped(**members: Any) -> str:
    """A JSON line."""
    return json.dumps(members)


SPOA = {
    "client": "192.0.2.7", "file": "f.conf", "line": 7, "rule_id": 942100, "revision": "", "msg": "SQLi", "data": "",
    "severity": "critical", "severity_id": 2, "version": "OWASP_CRS/4.25.0", "maturity": 0, "accuracy": 0,
    "tags": ["t"], "server": "198.51.100.2", "uri": "/a?b=c", "unique_id": "JqRSMfLCNFkKRgMpCpc",
    "disruptive": False, "phase_id": 2, "phase": "request_body",
}  # fmt: skip

WRAPPERS = {
    "caddy": (wrapped(level="error", ts=1795521600.25, logger="http.handlers.waf", msg=line()), 250_000, "unix"),
    "caddy, no fraction": (wrapped(level="error", ts=1795521600, msg=line()), 0, "unix"),
    "zap, ISO": (wrapped(level="error", ts="2026-11-24T12:00:00.250Z", msg=line()), 250_000, "logged"),
    "zap, ISO with a zone": (wrapped(ts="2026-11-24T21:00:00.250+0900", msg=line()), 250_000, "logged"),
    "zerolog": (wrapped(level="error", time="2026-11-24T12:00:00Z", message=line() + "\n"), 0, "logged"),
    "zerolog, west": (wrapped(time="2026-11-24T07:00:00-05:00", message=line()), 0, "logged"),
    "coraza-spoa, structured": (wrapped(level="warn", time="2026-11-24T12:00:00Z", match=SPOA), 0, "logged"),
    "structured, flat": (wrapped(time="2026-11-24T12:00:00Z", **SPOA), 0, "logged"),
    "Envoy": (
        "[2026-11-24 12:00:00.011720][33][critical][wasm] [source/extensions/common/wasm/context.cc:1180] "
        "wasm log coraza-filter my_vm_id: " + line(),
        11_720,
        "assumed",
    ),
    "Istio": (
        "2026-11-24T12:00:00.171010Z\tcritical\tenvoy wasm external/envoy/context.cc:1157\twasm log root vm: " + line(),
        171_010,
        "logged",
    ),
    "nginx": (
        "2026/11/24 12:00:00 [emerg] 83#83: *831362 "
        + line(client="")
        + ', client: 192.0.2.7, server: _, request: "GET /a?b=c HTTP/1.1", host: "waf.example.test"',
        0,
        "assumed",
    ),
    "Go": ("2026/11/24 12:00:00 [critical] " + line(), 0, "assumed"),
}


@pytest.mark.parametrize("name", WRAPPERS)
def test_every_wrapper_is_taken_off(name: str) -> None:
    text, fraction, zone_source = WRAPPERS[name]
    raw = text.encode()
    assert transaction_of(raw) == b"JqRSMfLCNFkKRgMpCpc"
    event = read([raw], CONTEXT)
    assert (NOON + fraction, zone_source, raw) == (event.time, event.zone_source, event.raw)
    assert (
        event.transaction_id,
        event.client_address,
        event.server_address,
        event.uri,
    ) == ("JqRSMfLCNFkKRgMpCpc", "192.0.2.7", "198.51.100.2", "/a?b=c")
    match = event.matches[0]
    assert (
        match.rule_id,
        match.message,
        match.severity,
        match.file,
        match.line,
        match.tags,
    ) == (942100, "SQLi", 2, "f.conf", 7, ("t",))
    assert (
        event.interrupted,
        event.interrupted_source,
        event.outcome,
        event.flags,
    ) == (False, "error_log", "below", ())


def test_nginx_tells_the_request_too() -> None:
    event = read([WRAPPERS["nginx"][0].encode()], CONTEXT)
    assert (event.method, event.protocol, event.host) == ("GET", "1.1", "waf.example.test")


def test_a_time_without_a_zone_is_of_the_configured_one() -> None:
    event = read([WRAPPERS["Envoy"][0].encode()], Context(zone=ZoneInfo("Asia/Tokyo")))
    assert (event.time, event.zone_source) == (NOON + 11_720 - 9 * 3600 * SECOND, "configured")


def test_a_bare_line_has_no_time() -> None:
    with pytest.raises(NotARecord, match="no_time") as refused:
        read([line().encode()], CONTEXT)
    assert not refused.value.foreign


def test_all_lines_of_a_transaction_are_one_event() -> None:
    lines = [
        f"2026/11/24 12:00:0{i} [critical] {text}".encode()
        for i, text in enumerate(
            [line(942100), line(942190), line(949110, "Access denied (phase 2).", "Exceeded (Total Score: 10)")]
        )
    ]
    event = read(lines, CONTEXT)
    assert (b"\n".join(lines), NOON) == (event.raw, event.time)
    assert [m.rule_id for m in event.matches] == [942100, 942190, 949110]
    assert (
        event.interrupted,
        event.interrupted_source,
        event.outcome,
        event.action,
        event.action_phase,
        event.score,
    ) == (True, "error_log", "blocked", "deny", 2, 10)


def test_what_an_action_of_a_plugin_did_is_not_known() -> None:
    custom = line(words="Custom disruptive action triggered (phase 2).")
    event = read([f"2026-11-24T12:00:00Z {custom}".encode()], CONTEXT)

    assert (event.interrupted, event.interrupted_source) == (None, "")
    assert event.matches[0].action == "unknown"
    assert "no_blocked_flag" in event.gaps


def test_a_structured_line_with_blanks_is_found_in_a_stream() -> None:
    (found,) = read_pieces(WRAPPERS["coraza-spoa, structured"][0].encode(), 0, CONTEXT)

    assert isinstance(found, Found)


def test_a_denial_in_phase_5_is_no_block() -> None:
    event = read([b"2026/11/24 12:00:00 " + line(980170, "Access denied (phase 5).").encode()], CONTEXT)
    assert (event.interrupted, event.interrupted_source) == (False, "error_log")


def test_a_warning_of_the_blocking_rule_would_have_blocked() -> None:
    event = read([b"2026/11/24 12:00:00 " + line(949110).encode()], CONTEXT)
    assert (event.interrupted, event.outcome) == (False, "would_block")


@pytest.mark.parametrize(
    ("rule_id", "disruptive", "expected"),
    [
        (942100, False, (False, "error_log")),
        (942100, True, (None, "")),
        (949110, True, (True, "inferred")),
    ],
)
def test_the_flag_of_coraza_spoa_is_no_proof(
    rule_id: int,
    disruptive: bool,  # noqa: FBT001 - a parameter
    expected: tuple[bool | None, str],
) -> None:
    match = SPOA | {"rule_id": rule_id, "disruptive": disruptive}
    event = read([wrapped(time="2026-11-24T12:00:00Z", match=match).encode()], CONTEXT)
    assert expected == (event.interrupted, event.interrupted_source)


@pytest.mark.parametrize(
    "foreign",
    [
        b"",
        b"GET / HTTP/1.1",
        b'2026/11/24 12:00:00 [error] 1#1: *2 ModSecurity: Warning. x [id "1"] [unique_id "x"]',
        b'{"transaction":{"id":"x"},"messages":[{"error_message":"Coraza: Warning. [unique_id \\"x\\"]"}]}',
        b'[33][critical][wasm] wasm log: AuditLog:{"transaction":{},"messages":["Coraza: [unique_id \\"x\\"]"]}',
        b"Coraza: something else",
        b'{"unique_id":"x"}',
    ],
)
def test_other_lines_are_not_ours(foreign: bytes) -> None:
    assert transaction_of(foreign) is None


def test_the_id_is_the_engines_not_a_payloads() -> None:
    text = line(msg='x [unique_id "forged"]'.replace('"', r"\""), data=r"[unique_id \"forged\"]")
    raw = text.replace(r"\"forged\"] [file", '"forged"] [file')  # the message before [file is raw
    more = raw + r'[msg_match_1 ""] [data_match_1 "[unique_id \"forged\"]"]'
    for each in (raw, more, wrapped(ts=1, msg=more)):
        assert transaction_of(each.encode()) == b"JqRSMfLCNFkKRgMpCpc"


def test_a_line_without_an_id_stands_for_itself() -> None:
    assert transaction_of(line(unique_id="").encode()) == b""
    assert transaction_of(line().partition("[hostname")[0].encode()) == b""


def test_a_line_that_is_cut_is_flagged_beside_whole_ones() -> None:
    whole = f"2026/11/24 12:00:00 {line()}".encode()
    event = read([whole, whole[:-5]], CONTEXT)
    assert (event.flags, len(event.matches)) == (("unknown_line",), 1)
    with pytest.raises(NotARecord):
        read([whole[:-5]], CONTEXT)


@pytest.mark.parametrize(("length", "cut"), [(200, True), (280, True), (199, False), (201, False)])
def test_both_lengths_of_a_cut_are_known(length: int, cut: bool) -> None:  # noqa: FBT001 - a parameter
    event = read([f"2026/11/24 12:00:00 {line(data='a' * length)}".encode()], CONTEXT)
    assert cut == event.matches[0].cut


def test_the_sample_gives_five_events() -> None:
    found = error_log()
    assert [len(event.matches) for event in found] == [1, 7, 10, 10, 8]
    assert [event.score or None for event in found] == [None, 20, 26, 28, 21]
    assert [event.interrupted for event in found] == [False, True, True, True, True]
    assert found[2].matches[1].message == "chain ab\x00\ufffdé"
    assert found[2].matches[3].data == "ab\x00\udcffé"


def test_lines_are_grouped_in_the_order_of_their_first() -> None:
    lines = [
        line(1, unique_id="b").encode(),
        b"foreign",
        line(2, unique_id="a").encode(),
        line(3, unique_id="b").encode(),
    ]
    assert {b"b": [lines[0], lines[3]], b"a": [lines[2]]} == lines_by_transaction(lines)

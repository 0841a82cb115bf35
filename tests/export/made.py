"""Events for the tests of what is written: one with everything in it, and drawn ones full of hostile texts."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import strategies as st
from tests.make import START, event, match
from tests.strategies import events, signed

from wafscope.event.model import Event, File, Match, Value
from wafscope.export.base import Place

PLACE = Place("web1", "/var/log/modsec_audit.log", 4096, 2048, ((8192, 100),))

RAW = b'{"transaction":{"client_ip":"192.0.2.7","request":{"uri":"/search?q=1"}}}'


def full_match(**values: Any) -> Match:
    """Make a match with every attribute set."""
    known: dict[str, Any] = {
        "rule_id": 942100,
        "message": "SQL Injection Attack Detected via libinjection",
        "data": "Matched Data: s&1c found within ARGS:q: 1' or 1=1",
        "target": "ARGS:q",
        "operator": "detectSQLi",
        "parameter": "x",
        "value": "1' or 1=1",
        "justification": "detected SQLi using libinjection.",
        "reference": "v14,8",
        "severity": 2,
        "file": "/etc/crs/REQUEST-942-APPLICATION-ATTACK-SQLI.conf",
        "line": 66,
        "tags": ("attack-sqli", "paranoia-level/1", "attack-reputation-scanner"),
        "revision": "1",
        "version": "OWASP_CRS/4.9.0",
        "maturity": 1,
        "accuracy": 8,
        "points": 5,
        "attack_class": "sqli",
        "negated": True,
        "phase": 2,
        "action": "deny",
        "others": (Value("ARGS:r", "2' or 2=2", "again", "more"),),
        "rule_text": 'SecRule ARGS "@detectSQLi" "id:942100"',
        "cut": True,
    }
    return match(**(known | values))


REQUEST: dict[str, Any] = {
    "raw": RAW,
    "format": "v2.native",
    "flags": ("invalid_utf8",),
    "gaps": ("no_body",),
    "time_original": "18/Nov/2026:00:00:00 +0000",
    "time_logged": START + 2_000_000,
    "duration": 1_234_567,
    "phases": (("p1", 100), ("combined", 900)),
    "zone_source": "logged",
    "transaction_id": "Z9yQ",
    "client_address": "192.0.2.7",
    "client_port": 40000,
    "server_address": "198.51.100.1",
    "server_port": 443,
    "server_name": "vhost.example.org",
    "server_id": "aa55",
    "host": "www.example.org:8443",
    "request_line": "POST /search.php?q=1 HTTP/1.1",
    "method": "POST",
    "protocol": "1.1",
    "uri": "/search.php?q=1",
    "path": "/search.php",
    "query": "q=1",
    "request_headers": (
        ("Host", "www.example.org:8443"),
        ("content-length", "17"),
        ("X-Forwarded-For", "203.0.113.9, unknown, 2001:db8::9"),
    ),
    "request_body": "comment=1%27+or+1",
    "body_kind": "fake_multipart",
    "files": (File("a.php", 12, "text/x-php"),),
    "user_agent": "curl/8.5.0",
    "referer": "https://example.org/",
    "content_type": "application/x-www-form-urlencoded",
}
VERDICT: dict[str, Any] = {
    "status": 403,
    "response_protocol": "HTTP/1.1",
    "response_reason": "Forbidden",
    "response_headers": (("Content-Type", "text/html"), ("Content-Length", "153"), ("Set-Cookie", "a=1")),
    "response_body": "<html>",
    "engine": "ModSecurity",
    "engine_version": "2.9.7",
    "connector": "Apache",
    "engine_mode": "on",
    "rulesets": ("OWASP_CRS/4.9.0",),
    "server_software": "Apache/2.4",
    "handler": "php",
    "user": "alice",
    "session": "s1",
    "application": "shop",
    "attack_class": "sqli",
    "interrupted": True,
    "interrupted_source": "action_line",
    "action": "deny",
    "action_phase": 2,
    "action_status": 403,
    "action_message": "Access denied with code 403 (phase 2).",
    "error_messages": ("client denied by server configuration",),
    "sanitised": (("args", ("password",)),),
    "rule_texts": ('SecAction "id:1"',),
    "extra": (("Sensor-Id", "s"),),
    "outcome": "blocked",
    "score": 5,
    "score_source": "949110_message",
    "score_outbound": 1,
    "threshold": 5,
    "points": 5,
}


def full(**values: Any) -> Event:
    """Make an event with every attribute set."""
    return event(START + 123_456, full_match(), 949110, **(REQUEST | VERDICT | values))


words = st.text(
    st.sampled_from("\x00\x1b\x7f\x9b\u202e\u2028\ufeff\xad=+-@\t\r\n\"',;\ud800\udcff\U000e0041\uff1dé日a1"),
    max_size=5,
) | st.sampled_from(
    ("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "192.0.2.1", "[::1]:80", "a:1", "a:99999", "18446744073709551616")
)
maybe_words = st.none() | words
pairs = st.lists(st.tuples(words, words), max_size=3).map(tuple)
texts = st.lists(words, max_size=3).map(tuple)
numbers = st.none() | st.integers(-(1 << 70), 1 << 70)


@st.composite
def hostile_matches(draw: st.DrawFn) -> Match:
    """Draw a match whose texts hold anything."""
    names = ("message", "data", "target", "operator", "parameter", "value", "justification", "reference", "file")
    values: dict[str, Any] = {name: draw(words) for name in names}
    return Match(
        rule_id=draw(st.none() | st.integers(0, 1 << 40)),
        tags=draw(texts),
        severity=draw(st.none() | st.integers(-1, 9)),
        others=tuple(Value(*draw(st.tuples(words, words, words, words))) for _ in range(draw(st.integers(0, 2)))),
        rule_text=draw(words),
        bookkeeping=draw(st.booleans()),
        points=draw(st.integers(0, 5)),
        line=draw(numbers),
        **values,
    )


_TEXTS = (
    "method", "uri", "path", "protocol", "transaction_id", "engine", "engine_version", "connector", "request_line",
    "response_protocol", "response_reason", "server_software", "handler", "time_original", "action_message",
)  # fmt: skip
_OPTIONAL = (
    "host", "query", "user_agent", "referer", "content_type", "server_address", "server_name", "server_id",
    "request_body", "response_body", "user", "session", "application",
)  # fmt: skip


@st.composite
def hostile(draw: st.DrawFn) -> Event:
    """Draw an event whose texts and numbers hold anything, in all attributes."""
    made = draw(events())
    values: dict[str, Any] = {name: draw(words) for name in _TEXTS}
    values |= {name: draw(maybe_words) for name in _OPTIONAL}
    values |= {name: draw(pairs) for name in ("request_headers", "response_headers", "extra")}
    values |= {name: draw(texts) for name in ("rulesets", "error_messages", "rule_texts")}
    return msgspec.structs.replace(
        made,
        raw=draw(st.binary(max_size=40)),
        time=draw(st.integers(-(1 << 62), 1 << 62) | st.just(made.time)),
        time_logged=draw(st.none() | st.integers(-(1 << 62), 1 << 62)),
        duration=draw(st.none() | st.integers(0, 1 << 31)),
        server_port=draw(signed),
        phases=draw(st.lists(st.tuples(words, st.integers(-(1 << 65), 1 << 65)), max_size=2).map(tuple)),
        files=tuple(File(draw(words), draw(numbers), draw(words)) for _ in range(draw(st.integers(0, 2)))),
        sanitised=draw(st.lists(st.tuples(words, texts), max_size=2).map(tuple)),
        action=draw(st.sampled_from(("", "deny", "drop", "pass", "unknown"))),
        matches=tuple(draw(st.lists(hostile_matches(), max_size=3))),
        **values,
    )


places = st.builds(Place, words, words, st.integers(0, 1 << 40), st.integers(0, 1 << 30))

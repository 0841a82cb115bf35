"""The page of an event: with all that a log can hold, with nothing, and with what hostile clients send."""

import re
from typing import Any

import msgspec
import pytest
from litestar.testing import TestClient
from tests.make import START, event, match, write
from tests.web.conftest import SETTINGS
from tests.web.test_pages import checked

from wafscope.event.format import FORMATS
from wafscope.event.model import Event, File, Value
from wafscope.event.outline import outline
from wafscope.event.text import to_bytes
from wafscope.store.memory import MemoryStore
from wafscope.web.app import create_app

RULE = 'SecRule ARGS "@rx attack" "id:941100,phase:2,chain"\n#SecRule ARGS "@rx more"\n' + "SecRule X Y\n" * 3

FULL: dict[str, Any] = {
    "raw": b"--0a1b2c3d-A--\n[time] id\n\n--0a1b2c3d-B--\nPOST /a HTTP/1.1\n\n--0a1b2c3d-Z--\n", "format": "v2.native",
    "flags": ("invalid_utf8", "cut_message", "unknown_line", "interleaved"), "gaps": ("no_body", "zone_assumed"),
    "time_original": "18/Nov/2026:00:00:00.000001 +0000", "time_logged": START + 5_000, "duration": 4_659,
    "phases": (("combined", 3_396), ("p1", 767), ("p2", 475), ("sr", 222), ("l", 0), ("zz", 1)),
    "transaction_id": "awT2Uv0", "client_address": "192.0.2.1", "client_port": 40_000, "server_address": "198.51.100.1",
    "server_port": 443, "server_name": "vhost.example", "server_id": "sensor-1", "host": "www.example.org",
    "request_line": "POST  /a?q=attack HTTP/1.1", "method": "POST", "protocol": "1.1", "uri": "/a?q=attack",
    "path": "/a", "query": "q=attack", "request_headers": (("Host", "www.example.org"),), "request_body": "f=1",
    "body_kind": "fake_multipart", "files": (File("evil.php", 2_048, "application/x-php"), File("")),
    "status": 403, "response_protocol": "1.1", "response_reason": "Forbidden", "engine": "ModSecurity",
    "engine_version": "2.9.7", "connector": "Apache", "engine_mode": "on", "rulesets": ("OWASP_CRS/3.3.4",),
    "server_software": "Apache/2.4.71", "handler": "proxy-server", "user": "alice", "session": "s-1",
    "application": "shop", "interrupted": True, "interrupted_source": "action_line", "outcome": "blocked",
    "action": "deny", "action_phase": 2, "action_status": 403, "action_message": "Operator GE matched 5",
    "error_messages": ("AH00128: File does not exist",), "sanitised": (("args", ("password",)), ("zz", ("x",))),
    "rule_texts": ('SecAction "id:900"', RULE), "extra": (("X-New", "something"),),
}  # fmt: skip
FULL_MATCHES = (
    match(
        941100, target="ARGS:q", operator="Rx", parameter="attack", value="attack", negated=True, phase=2, cut=True,
        severity=2, points=5, tags=("paranoia-level/2",), rule_text=RULE, data="Matched Data: attack",
        others=(Value("ARGS:r", "r1", "further message", "d"), Value(data="data alone"), *[Value("ARGS:z")] * 30),
    ),
    match(949110, phase=2, action="deny", rule_text='SecRule TX:A "@ge 5" "id:949110"'),
)  # fmt: skip


def rendered(made: Event, language: str = "en", query: str = "") -> str:
    """The page of an event that is alone in a store."""
    store = MemoryStore()
    write(store, [made], sensor="", source="/log")
    with TestClient(create_app(store, SETTINGS), base_url="http://console.local") as console:
        found = re.search(r"/events/([0-9a-f]{32})", console.get("/events?t=all").text)
        assert found
        answer = console.get(f"/events/{found[1]}?t=all{query}", headers={"Accept-Language": language})
        assert answer.status_code == 200
        checked(answer.text)
        checked(console.get(f"/events/{found[1]}/preview").text)
        return answer.text


def plain(page: str) -> str:
    """What a reader sees of a page."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.partition('<main id="main">')[2])).replace(" ,", ",")


def test_all_that_a_record_holds_is_shown() -> None:
    text = plain(rendered(event(START, *FULL_MATCHES, **FULL)))
    for words in (
        "Denied, phase 2, status 403, rule 949110", "the words of part H", "POST  /a?q=attack", "vhost.example",
        "18 Nov 2026 00:00:00.005000 UTC", "4.66 ms", "3.4 ms in the rules, of 4.66 ms", "Phase 1, request headers",
        "767 µs", "Reading stored data", "zz", "evil.php", "2 kB", "application/x-php", "no name", "403 Forbidden",
        "The body holds the form fields alone", "AH00128: File does not exist", "parameters password", "zz x",
        "2 rules as configured", "X-New", "something", "alice", "s-1", "shop", "Apache/2.4.71", "proxy-server",
        "ModSecurity 2.9.7, Apache", "OWASP_CRS/3.3.4", "ModSecurity 2 native", "!@rx attack", "cut by the engine",
        "denied", "ARGS:r = r1", "further message", "data alone", "12 more values", "PL 2, phase 2",
        "What this record can’t tell", "Add C to SecAuditLogParts and set SecRequestBodyAccess On.", "Time zone",
        "Written through another record", "A message cut by the engine", "sensor-1",
    ):  # fmt: skip
        assert re.sub(r"\s+", " ", words) in text, words
    assert "Phase 3" not in text
    assert "Writing the audit log" not in text


def test_a_long_rule_is_folded_and_a_short_one_is_not() -> None:
    page = rendered(event(START, *FULL_MATCHES, **FULL))
    first = page.partition('id="m1"')[2].partition("</article>")[0]
    assert first.count('<details class="fold">') == 1
    assert first.count('<div class="c">#SecRule') == 1
    bookkeeping = page.partition('class="match is-sum"')[2].partition("</article>")[0]
    assert "<details" not in bookkeeping
    assert "@ge 5" in bookkeeping


def test_nothing_is_shown_where_nothing_is_known() -> None:
    page = rendered(event(START, raw=b"x", format=""))
    text = plain(page)
    for words in (
        "Stopwatch", "Uploaded files", "Messages of the web server", "Other rules", "Also in the record", "Duration",
        "Written", "User ", "Session", "Handler", "Web server", "Masked", "Rule set", "Request line", "Known by",
        "What this record", "What is odd", "Listener", "None", "Copy Request",
    ):  # fmt: skip
        assert words not in text, words
    assert "Nothing of the request is in this record." in text
    assert "Nothing of the response is in this record." in text
    assert "Did not known" in text


@pytest.mark.parametrize("language", ["en", "ja"])
@pytest.mark.parametrize("form", [*FORMATS, "next.format"])
def test_every_format_has_a_page(form: str, language: str) -> None:
    made = event(START, *FULL_MATCHES, **(FULL | {"format": form}))
    assert 'id="head-gaps"' in rendered(made, language)


UNTOLD = "Interrupted (how is not logged) Known by"


@pytest.mark.parametrize(
    ("values", "did"),
    [
        ({"action": "drop", "action_phase": 1, "interrupted_source": "action_line"}, "Connection dropped, phase 1 "),
        ({"action": "redirect", "action_phase": 2, "action_status": 302}, "Redirected, phase 2, status 302 "),
        ({"action": "unknown", "interrupted_source": "flag"}, f"{UNTOLD} a flag in the record"),
        ({"action": "", "interrupted_source": "status_zero"}, f"{UNTOLD} status 0, which Coraza writes"),
        ({"action": "", "interrupted_source": "inferred"}, f"{UNTOLD} inferred from rule, status and mode"),
        ({"outcome": "would_block", "interrupted": False, "engine_mode": "detection_only"}, "Nothing: it only detects"),
        ({"outcome": "would_block", "interrupted": None, "engine_mode": "unknown"}, "not known; where the engine is"),
        ({"outcome": "below", "interrupted": False, "engine_mode": "on"}, "Nothing "),
        ({"outcome": "unknown", "interrupted": None}, "not known "),
    ],
)
def test_what_the_engine_did(values: dict[str, Any], did: str) -> None:
    made = event(START, **({"outcome": "blocked", "interrupted": True, "engine_mode": "on"} | values))
    assert f"Did {did}" in plain(rendered(made))


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("flag", "Action Blocked Interrupted (how is not logged) Score"),
        ("status_zero", "Action Blocked Interrupted (how is not logged); by the status in the record"),
        ("inferred", "Action Blocked inferred from rule and status; the record doesn’t say Score"),
    ],
)
def test_a_block_of_which_the_log_does_not_tell_how(source: str, said: str) -> None:
    made = event(START, outcome="blocked", interrupted=True, interrupted_source=source, action="unknown")
    assert said in plain(rendered(made))


def test_points_for_values_that_were_not_kept_are_told() -> None:
    several = match(941100, points=15, severity=2, others=(Value("ARGS:b"), Value("ARGS:c")))
    made = event(START, several, points=15, score=15, score_source="949110_message", format="coraza.json")
    whole, kept = plain(rendered(made)), plain(rendered(msgspec.structs.replace(outline(made), raw=made.raw)))
    assert "941100 ×3 +15 Sum of matches 15" in whole
    assert "941100 +5 further values +10 Sum of matches 15" in kept
    assert "explained 15 of 15" in kept
    assert "only the first value was kept" in kept


def test_a_rule_that_let_the_request_pass() -> None:
    passed = match(1003, action="allow", phase=1)
    text = plain(rendered(event(START, passed, interrupted=False, outcome="below", interrupted_source="flag")))
    assert "Did Let pass, phase 1, rule 1003" in text


def test_matches_without_id_and_detail_are_short() -> None:
    known = {"format": "coraza.jsonlegacy", "gaps": ("no_rule_ids", "no_match_details")}
    text = plain(rendered(event(START, match(None, message="UTF8 Attack"), **known)))
    assert "1 UTF8 Attack" in text
    for words in ("no id", "severity not logged", "The log doesn’t say"):
        assert words not in text
    assert "Ids of the rules, what each rule matched JsonLegacy holds the texts of the rules alone" in text


def test_json_can_be_laid_out() -> None:
    made = event(START, raw=b'{"a":{"b":1}}')
    page = rendered(made)
    assert "<div><span>{&#34;a&#34;:{&#34;b&#34;:1}}</span></div>" in page
    assert re.search(r'href="/events/[0-9a-f]{32}\?t=all&amp;raw=indented#head-raw"', page)
    assert "<div><span>    &#34;b&#34;: 1</span></div>" in rendered(made, query="&raw=indented")
    assert "raw=indented" not in rendered(event(START, raw=b"--0123abcd-A--\n"), query="&raw=indented")


def test_parts_of_a_native_record_stand_out() -> None:
    page = rendered(event(START, **FULL))
    assert page.count('<span class="h m">--0a1b2c3d-') == 3


EVIL = "<script>alert(1)</script>\u202e\x1b[31m\x00\udcff{{7*7}}'\">"


def hostile(value: Any) -> Any:
    """Put something evil into every text of a value."""
    if isinstance(value, str):
        return EVIL
    if isinstance(value, tuple):
        return tuple(hostile(each) for each in value)
    if isinstance(value, File):
        return File(EVIL, value.size, EVIL)
    if isinstance(value, Value):
        return Value(EVIL, EVIL, EVIL, EVIL)
    return value


_FIXED = {"outcome", "attack_class", "score_source", "zone_source", "interrupted_source", "engine_mode", "action"}


def hostile_event(time: int) -> Event:
    """An event with something evil in every text."""
    known = {name: value if name in _FIXED else hostile(value) for name, value in FULL.items()}
    found = {
        name: hostile(getattr(FULL_MATCHES[0], name))
        for name in FULL_MATCHES[0].__struct_fields__
        if name not in {"attack_class", "action"}
    }
    known |= {"body_kind": "raw", "raw": to_bytes(f"--0a1b2c3d-A--\n{EVIL}\n")}
    return event(time, match(**found), match(949110, rule_text=EVIL), **known)


def test_hostile_values_are_inert_in_every_place() -> None:
    page = rendered(hostile_event(START))
    assert "<script>alert" not in page
    assert not re.search("[\u202e\x00\x1b\ud800-\udfff]", page)
    assert "{{7*7}}" in page
    assert len(page) < 400_000


def test_what_is_too_much_is_counted() -> None:
    many: dict[str, Any] = {
        "files": (File("f" * 10_000),) * 500, "error_messages": ("e" * 100_000,) * 500,
        "rule_texts": ("r" * 10_000,) * 500, "extra": (("n" * 1000, "v" * 100_000),) * 500,
        "sanitised": (("args", ("a" * 1000,) * 500),), "rulesets": ("s",) * 50, "phases": (("p", 1),) * 500,
        "flags": ("f" * 1000,), "gaps": ("g" * 1000,), "raw": b"--0123abcd-A--\n" + b"x\n" * 100_000,
    }  # fmt: skip
    values = (Value("t" * 10_000, "v" * 10_000),) * 500
    page = rendered(event(START, match(1, others=values, rule_text="x\n" * 5_000, tags=("t",) * 500), **many))
    text = plain(page)
    for words in ("450 more files", "… 450 more lines …", "400 more rules", "450 more in the raw", "480 more values"):
        assert words in text, words
    assert len(page) < 2_000_000

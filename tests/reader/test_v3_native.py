"""Native records of libmodsecurity 3: every section, and bodies that imitate sections."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wafscope.event.model import Event
from wafscope.event.text import to_bytes
from wafscope.reader.base import Context, NotARecord
from wafscope.reader.sections import V3
from wafscope.reader.v3_native import FORMAT, TELLS, read, sections_of_record

SAMPLES = Path(__file__).parents[1] / "samples"
CONTEXT = Context()
_OPENING = re.compile(rb"^(.*)---([0-9A-Za-z]{8})---A--$", re.MULTILINE)


def records(name: str) -> list[bytes]:
    """The records of a sample, each from its A line to its Z line."""
    data = (SAMPLES / name).read_bytes()
    found, at = [], 0
    while opening := _OPENING.search(data, at):
        closing = b"\n" + opening[1] + b"---" + opening[2] + b"---Z--"
        at = data.index(closing, opening.end()) + len(closing)
        found.append(data[opening.start() : at])
    return found


def written(sections: dict[str, str], opening: str = "[24/Nov/2026:02:40:15 -0530] i.1 192.0.2.7 1 ::1 80") -> bytes:
    """Write a record as the engine does: a blank line behind each section but A."""
    parts = [f"---8EfNiWZl---A--\n{opening}\n", *(f"---8EfNiWZl---{k}--\n{v}\n" for k, v in sections.items())]
    return to_bytes("".join(parts) + "---8EfNiWZl---Z--")


def event(sections: dict[str, str]) -> Event:
    """Read such a record."""
    return read(written(sections), CONTEXT)


WARNING = (
    "ModSecurity: Warning. Matched \"Operator `Rx' with parameter `a' against variable `ARGS:q' (Value: `a' )"
    ' [file "f"] [line "1"] [id "7"] [rev ""] [msg "m"] [data ""] [severity "0"] [ver "own/1"] [maturity "0"]'
    ' [accuracy "0"] [hostname "{host}"] [uri "/"] [unique_id "i.1"] [ref ""]'
)
WHOLE = {
    "B": "POST /a?b=c HTTP/1.1\nHost: h.example\nX: y\nX: z\n",
    "C": "raw\n\nbody\n",
    "E": r"<p>\x0d\x0a\xe3\x81\x82 \xff \d</p>" + "\n",
    "F": "HTTP/1.1 403\nServer: s\n",
    "H": WARNING.format(host="h.example") + "\n",
    "J": "",
}


def test_every_section_of_a_record_is_read() -> None:
    read_one = event(WHOLE)
    assert (read_one.format, read_one.flags, read_one.gaps) == (FORMAT, (), ())
    assert (read_one.time, read_one.zone_source) == (1795507815 * 1_000_000, "logged")
    assert read_one.time_original == "24/Nov/2026:02:40:15 -0530"
    assert (read_one.transaction_id, read_one.client_address, read_one.client_port) == ("i.1", "192.0.2.7", 1)
    assert (read_one.server_address, read_one.server_port, read_one.server_name) == ("::1", 80, "h.example")
    assert (read_one.request_line, read_one.method, read_one.protocol) == ("POST /a?b=c HTTP/1.1", "POST", "1.1")
    assert (read_one.uri, read_one.path, read_one.query, read_one.host) == ("/a?b=c", "/a", "b=c", "h.example")
    assert read_one.request_headers == (("Host", "h.example"), ("X", "y"), ("X", "z"))
    assert (read_one.request_body, read_one.body_kind) == ("raw\n\nbody", "raw")
    assert read_one.response_body == "<p>\r\nあ \udcff \\d</p>"
    assert (read_one.status, read_one.response_protocol, read_one.response_reason) == (403, "1.1", "")
    assert read_one.response_headers == (("Server", "s"),)
    assert (read_one.engine, read_one.engine_version, read_one.engine_mode) == ("ModSecurity", "", "unknown")
    assert (read_one.rulesets, [match.rule_id for match in read_one.matches]) == (("own/1",), [7])


def test_the_address_of_the_server_is_no_virtual_host() -> None:
    assert event({"H": WARNING.format(host="::1") + "\n"}).server_name is None


def test_a_denial_tells_that_the_request_was_interrupted() -> None:
    denial = WARNING.format(host="::1").replace("Warning.", "Access denied with code 429 (phase 2).")
    read_one = event({"H": f"{WARNING}\n{denial}\n"})
    assert (read_one.interrupted, read_one.interrupted_source, read_one.outcome) == (True, "action_line", "blocked")
    assert (read_one.action, read_one.action_phase, read_one.action_status) == ("deny", 2, 429)
    assert [match.action for match in read_one.matches] == ["pass", "deny"]


@pytest.mark.parametrize(("section", "outcome"), [(WARNING + "\n", "below"), ("", "no_match")])
def test_without_a_denial_nothing_was_interrupted(section: str, outcome: str) -> None:
    read_one = event({"H": section})
    assert (read_one.interrupted, read_one.interrupted_source, read_one.outcome) == (False, "action_line", outcome)


def test_without_part_h_nothing_is_known() -> None:
    read_one = event({})
    assert (read_one.interrupted, read_one.interrupted_source, read_one.outcome) == (None, "", "unknown")
    assert read_one.gaps == ("no_headers", "no_body", "no_messages", "no_blocked_flag", "no_status")
    assert (read_one.host, read_one.request_body, read_one.response_body, read_one.method) == (None, None, None, "")


def test_no_body_is_a_gap_only_where_one_was_declared() -> None:
    assert "no_body" not in event({"B": "GET / HTTP/1.1\nHost: h\n"}).gaps
    assert "no_body" in event({"B": "POST / HTTP/1.1\nContent-Type: text/plain\n"}).gaps


def test_a_body_loses_only_the_blank_lines_that_the_engine_writes() -> None:
    assert event({"C": "a\n\n", "D": ""}).request_body == "a\n"
    assert event({"C": "a\n\n\n"}).request_body == "a\n"  # a blank line stands in the place of F
    assert event({"E": "a\n\n"}).response_body == "a"


def test_before_3_0_0_the_response_had_no_status_line() -> None:
    read_one = event({"F": "Server: s\nX: y\n"})
    assert (read_one.status, read_one.response_headers) == (None, (("Server", "s"), ("X", "y")))


def test_a_value_with_a_line_feed_stays_whole() -> None:
    assert event({"B": "GET / HTTP/1.1\nX: a\nb\nY: \n"}).request_headers == (("X", "a\nb"), ("Y", ""))


def test_what_no_version_is_known_to_write_is_kept() -> None:
    read_one = event({"H": "Something: new\nModSecurity: Warning. odd\n", "J": '2,5,"a"\n'})
    assert read_one.extra == (("H", "Something: new"), ("J", '2,5,"a"\n'))
    assert read_one.flags == ("unknown_line",)
    assert [(match.justification, match.cut) for match in read_one.matches] == [("odd", True)]


def test_a_time_in_another_language_is_told_by_the_id() -> None:
    read_one = read(written({}, "[24/Окт/2026:02:40:15 +0000] 179548801533.884705 192.0.2.7 1 ::1 80"), CONTEXT)
    assert (read_one.time, read_one.zone_source) == (1795488015 * 1_000_000, "unique_id")


@pytest.mark.parametrize(
    ("opening", "reason"),
    [
        ("[24/Okt/2026:02:40:15 +0000] i.1 192.0.2.7 1 ::1 80", "no_time"),
        ("[24/Nov/2026:02:40:15 +0000] i.1", "damaged"),
        ("[31/Feb/2026:02:40:15 +0000] i.1 192.0.2.7 1 ::1 x", None),
    ],
)
def test_a_record_needs_a_time(opening: str, reason: str | None) -> None:
    if reason is None:
        assert read(written({}, opening), CONTEXT).server_port is None
        return
    with pytest.raises(NotARecord) as error:
        read(written({}, opening), CONTEXT)
    assert error.value.reason == reason


@pytest.mark.parametrize(
    "line",
    [
        "---AAAAAAAA---H--",
        "---8EfNiWZl---B--",
        "---8EfNiWZl---H-- ",
        "---8EfNiWZl---H--x",
        "---8EfNiWZl---C--",
        "--b-Z--",
    ],
)
def test_lines_that_look_like_separators_stay_in_the_body(line: str) -> None:
    body = f"a\n{line}\nModSecurity: Warning. x"
    read_one = event({"C": body + "\n", "F": "", "H": ""})
    assert (read_one.request_body, read_one.matches) == (body, ())


@pytest.mark.parametrize("section", ["B", "F", "H"])
def test_a_line_of_another_record_where_no_client_can_write_tells_two_woven_ones(section: str) -> None:
    with pytest.raises(NotARecord) as error:
        event(WHOLE | {section: WHOLE[section] + "---AAAAAAAA---F--\n"})
    assert error.value.reason == "spliced"


def test_windows_line_ends_are_no_part_of_a_record() -> None:
    raw = written(WHOLE).replace(b"\n", b"\r\n")
    read_one = read(raw, CONTEXT)
    plain = event(WHOLE)
    assert read_one.flags == ("repaired",)
    assert msgspec.structs.replace(read_one, raw=plain.raw, flags=()) == plain


def test_a_prefix_before_every_line_is_learned_and_taken_off() -> None:
    found = [read(raw, CONTEXT) for raw in records("gen-v3.0.15-native-prefix.log")]
    ids = {event.transaction_id for event in found}
    assert (len(found), len(ids)) == (3, 3)
    for each in found:
        assert each.raw.startswith(b"WAF1")
        assert [match.rule_id for match in each.matches] == [5001, 5003, 5004, 5004, 5005, 5006]
        assert each.request_body == "raw body\nline2 \udcff\0end"
        assert each.request_headers == (("Host", "h.example"), ("Xé", "v"), ("Content-Type", "text/plain"))
        assert each.response_body == "<p>\udcff\0é \x07 </p>\n--x\n"
        assert (each.status, each.extra) == (200, ())


def test_a_prefix_in_a_body_belongs_to_the_body() -> None:
    raw = written({"C": "a\nPb\n", "F": ""}).replace(b"\n---", b"\nP---").replace(b"\n[", b"\nP[")
    raw = b"P" + raw.replace(b"C--\na\nPb\n\n", b"C--\nPa\nPb\nP\n")
    assert read(raw, CONTEXT).request_body == "a\nPb"


def test_bytes_that_are_no_text_survive() -> None:
    (raw,) = records("gen-v3.0.15-native-raw-bytes.log")
    read_one = read(raw, CONTEXT)
    first, *_, chain, action = read_one.matches
    assert read_one.flags == ("invalid_utf8",)
    assert (read_one.uri, read_one.path) == ("/pé?q=%58x%ff%0a%22&r=zab", "/pé")
    assert read_one.response_headers == (("Content-Type", "text/html"), ("X-R", 'café \x01 "q"'))
    assert (first.message, first.data, first.tags) == ('m Xx\udcff\n"', 'd Xx\udcff\n"', ('t/Xx\udcff\n"',))
    assert (first.severity, first.maturity, first.accuracy) == (5, 7, 8)
    assert (chain.reference, chain.message) == ("o1,1v12,5o1,2o1,1o2,1v28,3t:uppercase,t:lowercase", "chain head")
    assert (action.operator, action.justification, action.message) == ("", "", "secaction")


@pytest.mark.parametrize(
    ("name", "count", "matches", "blocked"),
    [("gen-v3.0.9-native-serial.log", 36, 86, 19), ("gen-v3.0.15-native-serial.log", 10, 32, 6)],
)
def test_the_records_of_a_battery(name: str, count: int, matches: int, blocked: int) -> None:
    found = [read(raw, CONTEXT) for raw in records(name)]
    assert len(found) == count
    assert sum(len(each.matches) for each in found) == matches
    assert sum(each.outcome == "blocked" for each in found) == blocked
    assert all(each.status is not None and each.flags in {(), ("invalid_utf8",)} for each in found)


@pytest.mark.parametrize("name", ["gen-v3.0.9-native-serial.log", "gen-v3.0.15-native-serial.log"])
def test_sections_are_those_of_the_separator_lines_one_by_one(name: str) -> None:
    for raw in records(name):
        assert sections_of_record(raw) == slow_sections(raw)


def slow_sections(record: bytes) -> dict[int, bytes]:
    """The sections of a record by the separator lines that carry the boundary of its first line, one by one."""
    first = V3.match(record)
    assert first is not None
    lines = [line for line in V3.finditer(record) if line[1] == first[1]]
    ends = [*(line.start() for line in lines[1:]), len(record)]
    return {
        ord(line[2]): record[line.end() + 1 : end].removesuffix(b"\n") for line, end in zip(lines, ends, strict=True)
    }


def test_a_record_cut_anywhere_is_none() -> None:
    (raw,) = records("gen-v3.0.15-native-raw-bytes.log")
    for end in range(len(raw)):
        with pytest.raises(NotARecord):
            read(raw[:end], CONTEXT)


@given(st.binary(max_size=200))
def test_bytes_that_are_no_record_are_refused(data: bytes) -> None:
    for raw in (data, b"---8EfNiWZl---A--\n" + data):
        with pytest.raises(ValueError, match=r".*"):
            read(raw, CONTEXT)


@given(
    st.lists(
        st.binary(max_size=30) | st.sampled_from([b"\n---8EfNiWZl---", b"Z--\n", b"H--\n", b"ModSecurity: Warning. "]),
        max_size=12,
    ).map(b"".join)
)
def test_nothing_between_opening_and_end_is_an_error(data: bytes) -> None:
    raw = b"---8EfNiWZl---A--\n[24/Nov/2026:02:40:15 +0000] i 192.0.2.7 1 ::1 80\n" + data + b"\n---8EfNiWZl---Z--"
    try:
        read_one = read(raw, CONTEXT)
    except NotARecord:
        return  # a second Z line
    assert read_one.raw == raw


@given(st.binary(max_size=60))
def test_a_body_is_read_as_it_was_sent(body: bytes) -> None:
    raw = written({"F": ""}).replace(b"---8EfNiWZl---F--", b"---8EfNiWZl---C--\n" + body + b"\n\n---8EfNiWZl---F--")
    assert to_bytes(read(raw, CONTEXT).request_body or "") == body


def test_the_reference_page_has_all_it_asks_for() -> None:
    assert set(TELLS) == {
        "blocked", "score", "zone", "request_headers", "request_body", "response_headers", "response_body",
        "matched_value", "rule_ids", "rule_text", "files", "stopwatch", "engine_mode", "bytes",
    }  # fmt: skip
    assert all(said.startswith(("yes", "no", "partly")) for said in TELLS.values())

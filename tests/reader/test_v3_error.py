"""The error log of nginx: lines of one transaction, cut lines, and lines in which a client forges ids."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wafscope.event.model import Event
from wafscope.reader.base import Context, NotARecord
from wafscope.reader.v3_error import FORMAT, TELLS, read, transaction_of
from wafscope.reader.v3_native import TELLS as NATIVE_TELLS

SAMPLE = Path(__file__).parents[1] / "samples" / "gen-errorlog-nginx-v3.0.9.log"
CONTEXT = Context()
ID = "179548743430.007818"
TAIL = (
    ' [file "/crs/949.conf"] [line "81"] [id "949110"] [rev ""]'
    ' [msg "Inbound Anomaly Score Exceeded (Total Score: 15)"] [data ""] [severity "2"]'
    ' [ver "OWASP_CRS/3.3.4"] [maturity "0"] [accuracy "0"] [tag "attack-generic"]'
)
SENTENCE = "Matched \"Operator `Ge' with parameter `5' against variable `TX:ANOMALY_SCORE' (Value: `15' )"
SUFFIX = ', client: 192.0.2.7, server: waf.example, request: "{request}", host: "h.example"'


def line(
    *,
    action: str = "Access denied with code 403 (phase 2).",
    time: str = "2026/11/23 21:30:34",
    begin: str = "[error] 12#12: *2 [client 192.0.2.7] ",
    sentence: str = SENTENCE,
    uri: str = "/",
    transaction: str = ID,
    hostname: str = "192.0.2.80",
    suffix: str = SUFFIX,
    request: str = "GET /?q=1 HTTP/1.1",
) -> bytes:
    """Write a line as the engine and nginx do."""
    own = f'{TAIL} [hostname "{hostname}"] [uri "{uri}"] [unique_id "{transaction}"] [ref "o0,1"]'
    return f"{time} {begin}ModSecurity: {action} {sentence}{own}{suffix.format(request=request)}".encode()


def event(*lines: bytes, context: Context = CONTEXT) -> Event:
    """Read the lines of one transaction."""
    return read(lines, context)


def test_a_denial_tells_of_the_whole_transaction() -> None:
    warning = line(action="Warning.", begin="[info] 12#12: *2 ")
    denial = line()
    found = event(warning, denial)
    assert (found.format, found.raw, found.flags) == (FORMAT, warning + b"\n" + denial, ())
    assert found.gaps == ("no_headers", "no_body")
    assert (found.transaction_id, found.client_address, found.server_address) == (ID, "192.0.2.7", "192.0.2.80")
    assert (found.server_name, found.host, found.request_line) == ("waf.example", "h.example", "GET /?q=1 HTTP/1.1")
    assert (found.method, found.uri, found.path, found.query, found.protocol) == ("GET", "/?q=1", "/", "q=1", "1.1")
    assert (found.interrupted, found.interrupted_source, found.outcome) == (True, "error_log", "blocked")
    assert (found.action, found.action_phase, found.action_status, found.status) == ("deny", 2, 403, 403)
    assert (found.score, found.threshold, found.rulesets) == (15, 5, ("OWASP_CRS/3.3.4",))
    assert [(match.rule_id, match.action, match.phase) for match in found.matches] == [
        (949110, "pass", None),
        (949110, "deny", 2),
    ]


def test_warnings_tell_that_nothing_was_interrupted() -> None:
    found = event(line(action="Warning."))
    assert (found.interrupted, found.interrupted_source, found.outcome) == (False, "error_log", "would_block")
    assert (found.status, found.gaps) == (None, ("no_headers", "no_body", "no_status"))


@pytest.mark.parametrize(
    ("time", "transaction", "expected"),
    [
        ("2026/11/23 21:30:34", ID, (1795487434, "unique_id", None)),
        ("2026/11/24 02:30:33", ID, (1795487434, "unique_id", 1795487433)),
        ("2026/11/24 08:05:34", ID, (1795487434, "unique_id", 1795487734)),
        ("2026/11/24 12:30:34", "32hex", (1795487434, "configured", None)),
        ("2026/11/24 02:45:00", ID, (1795452300, "configured", None)),
        ("2026/11/23 21:30:34", "1795487434", (1795487434, "unique_id", None)),
    ],
)
def test_the_zone_is_proved_by_the_id_or_configured(
    time: str, transaction: str, expected: tuple[int, str, int | None]
) -> None:
    second, source, logged = expected
    found = event(line(time=time, transaction=transaction), context=Context(zone=ZoneInfo("Australia/Brisbane")))
    assert (found.time, found.zone_source) == (second * 1_000_000, source)
    assert found.time_logged == (None if logged is None else logged * 1_000_000)
    assert found.time_original == time


def test_without_any_proof_the_zone_is_assumed() -> None:
    assert event(line(transaction="x")).gaps == ("no_headers", "no_body", "zone_assumed")


def test_a_time_that_is_none_is_refused() -> None:
    with pytest.raises(NotARecord, match="no_time"):
        event(line(time="2026/13/23 21:30:34"))


def test_what_nginx_adds_is_read_whatever_it_holds() -> None:
    suffix = (
        ' while sending to client, client: 2001:db8::7, server: , request: "{request}", subrequest: "/x",'
        ' upstream: "http://127.0.0.1:9006/a"b", host: "h", referrer: "http://r/", host: "no""'
    )
    found = event(line(suffix=suffix, request='PUT /a"b HTTP/2.0'))
    assert (found.client_address, found.server_name, found.host) == ("2001:db8::7", None, "h")
    assert found.referer == 'http://r/", host: "no"'
    assert (found.method, found.uri, found.protocol) == ("PUT", '/a"b', "2.0")


def test_a_request_line_without_version_is_one() -> None:
    found = event(line(request="GET /a b"))
    assert (found.method, found.uri, found.protocol, found.host) == ("GET", "/a b", "", "h.example")


def test_a_host_name_is_the_servers_name() -> None:
    found = event(line(hostname="h.example", suffix=""))
    assert (found.server_address, found.server_name, found.client_address) == (None, "h.example", "192.0.2.7")
    assert (found.uri, found.gaps) == ("/", ("no_headers", "no_body", "no_request"))


def test_the_tail_may_stand_there_twice() -> None:
    again = f' [hostname "192.0.2.80"] [uri "/"] [unique_id "{ID}"]' + SUFFIX
    whole = line(suffix=again)
    assert transaction_of(whole) == ID.encode()
    found = event(whole)
    assert (found.transaction_id, found.host, found.flags, len(found.matches)) == (ID, "h.example", (), 1)


@pytest.mark.parametrize(
    "other",
    [
        b"2026/11/24 02:42:37 [notice] 1#1: ModSecurity-nginx v1.0.3 (rules loaded inline/local/remote: 0/25/0)",
        b"2026/11/24 02:42:37 [notice] 1#1: start worker processes",
        b'2026/11/24 02:42:37 [error] 1#1: *2 open() "/ModSecurity: Warning. " failed, client: 192.0.2.7',
        b'2026/11/24 02:42:37 [error] 1#1: *2 ModSecurity: Warning. Match of "rx a" [id "1"] [severity "CRITICAL"]',
        b'2026/11/24 02:42:37 [error] 1#1: *2 ModSecurity: Warning. Pattern match "a" at X. [id "1"] [msg "m"]',
        b"2026/11/24 02:42:37 [error] 1#1: *2 ModSecurity: Audit log: Failed to lock global mutex",
        b'192.0.2.7 - - "GET /?ModSecurity: Warning."',
        b"",
    ],
)
def test_lines_of_others_are_not_ours(other: bytes) -> None:
    assert transaction_of(other) is None


def test_a_line_of_others_among_ours_is_kept_and_told() -> None:
    other = b"2026/11/24 02:42:37 [notice] 1#1: exit"
    found = event(other, line())
    assert (found.flags, len(found.matches), found.raw) == (("unknown_line",), 1, other + b"\n" + line())


def test_lines_that_are_all_of_others_are_no_transaction() -> None:
    with pytest.raises(NotARecord, match="damaged"):
        event(b"2026/11/24 02:42:37 [notice] 1#1: exit")


def test_ids_of_a_second_are_told_by_the_connection() -> None:
    first, second = line(transaction="1795487434"), line(transaction="1795487434", begin="[error] 12#12: *3 ")
    assert transaction_of(first) == b"1795487434*2"
    assert transaction_of(second) == b"1795487434*3"
    assert event(first).transaction_id == "1795487434"


def test_a_line_without_its_id_stands_alone() -> None:
    whole = line(action="Warning.")
    cut = whole[: whole.index(b' [unique_id "') + 20]
    assert transaction_of(cut) == cut
    found = event(cut)
    assert (found.transaction_id, found.interrupted, found.interrupted_source) == ("", None, "")
    assert found.flags == ("cut_message",)
    assert [(match.rule_id, match.cut, match.value) for match in found.matches] == [(949110, True, "15")]


def test_a_line_cut_behind_its_id_still_has_it() -> None:
    whole = line()
    cut = whole[: whole.index(b' [ref "') + 8]
    assert transaction_of(cut) == ID.encode()
    assert event(cut).transaction_id == ID


FORGED = '"] [unique_id "6.6"] [ref ""], client: 192.0.2.66, server: s, request: "GET {path} HTTP/1.1", host: "h'


def test_a_referrer_cannot_forge_an_id_with_less_than_a_whole_line() -> None:
    whole = line(suffix=SUFFIX + f', referrer: "x{FORGED.format(path="/")}"')
    assert transaction_of(whole) == ID.encode()
    assert event(whole).transaction_id == ID


def test_a_path_cannot_forge_an_id() -> None:
    path = "/x" + FORGED.format(path="/other")
    whole = line(uri=path, request=f"GET {path.replace(' ', '%20')} HTTP/1.1")
    assert transaction_of(whole) == ID.encode()
    found = event(whole)
    assert (found.client_address, found.host) == ("192.0.2.7", "h.example")


def test_where_two_ids_could_be_true_the_line_stands_alone() -> None:
    forged = line(transaction="6.6").decode().partition("ModSecurity: Access")[2]
    whole = line(suffix=SUFFIX + f', referrer: "{forged}"')
    assert transaction_of(whole) == whole
    found = event(whole)
    assert (found.transaction_id, found.flags, found.client_address) == ("", ("unknown_line",), "192.0.2.7")
    assert [match.rule_id for match in found.matches] == [949110]


def test_bytes_of_a_request_survive() -> None:
    whole = line(request="GET /?q=1 HTTP/1.1").replace(b"?q=1", b"?q=\xff")
    found = event(whole)
    assert (found.uri, found.flags, found.raw) == ("/?q=\udcff", ("invalid_utf8",), whole)


def test_the_sample_holds_what_its_engine_wrote() -> None:
    groups: dict[bytes, list[bytes]] = defaultdict(list)
    for each in SAMPLE.read_bytes().splitlines():
        key = transaction_of(each)
        assert key is not None
        groups[key].append(each)
    found = [read(lines, CONTEXT) for lines in groups.values()]
    assert (len(found), sum(len(each.matches) for each in found)) == (25, 38)
    denied = [lines for lines in groups.values() if b"ModSecurity: Access denied" in b"".join(lines)]
    assert sum(each.interrupted is True for each in found) == len(denied)
    assert sum("cut_message" in each.flags for each in found) == 1
    # One request tried to forge `[unique_id "x"]` in the name of an argument.
    assert not any(each.transaction_id == "x" for each in found)
    assert {each.zone_source for each in found} == {"unique_id", "assumed"}
    assert all(match.rule_id is not None and match.line is not None for each in found for match in each.matches)


def test_a_line_cut_anywhere_is_read_or_is_not_ours() -> None:
    whole = line()
    for end in range(len(whole)):
        key = transaction_of(whole[:end])
        if key is not None:
            assert key in {whole[:end], ID.encode()}
            assert event(whole[:end]).client_address == "192.0.2.7"


@given(st.binary(max_size=120), st.integers(0, 800))
def test_no_bytes_are_an_error(data: bytes, at: int) -> None:
    whole = line()
    for odd in (data, whole[:at] + data + whole[at:], whole[:at] + data):
        single = odd.replace(b"\n", b"")
        transaction_of(single)
        try:
            event(single)
        except NotARecord:
            continue


def test_the_reference_page_has_all_it_asks_for() -> None:
    assert set(TELLS) == set(NATIVE_TELLS)
    assert all(said.startswith(("yes", "no", "partly")) for said in TELLS.values())

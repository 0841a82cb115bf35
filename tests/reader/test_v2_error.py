"""Lines of ModSecurity 2 in an error log: one event for all of a transaction, whatever a client writes into them."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.reader.v2_samples import CONTEXT, ID, MESSAGE, sample

from wafscope.event.model import Event
from wafscope.reader.base import Context, Found, NotARecord
from wafscope.reader.framing import read_pieces
from wafscope.reader.v2_error import read, transaction_of
from wafscope.reader.v2_escape import unescape_apache
from wafscope.reader.v2_message import read_message

LINES = sample("gen-errorlog-apache-v2.log").splitlines()
PREFIX = (
    "[Tue Nov 24 02:28:38.934870 2026] [security2:error] [pid 1:tid 2] [client 192.0.2.7:40000] [client 192.0.2.7] "
)
TAIL = f' [hostname "a.example"] [uri "/x"] [unique_id "{ID}"]'
START = 1_795_487_318_000_000


def line(message: str = MESSAGE, *, prefix: str = PREFIX, tail: str = TAIL) -> bytes:
    """A line as Apache writes it: escaped once more, but no quotes."""
    return f"{prefix}ModSecurity: {message}{tail}".replace("\\", "\\\\").encode()


def grouped() -> dict[bytes, list[bytes]]:
    """The lines of the sample by transaction."""
    found: dict[bytes, list[bytes]] = {}
    for each in LINES:
        transaction = transaction_of(each)
        if transaction is not None:
            found.setdefault(transaction, []).append(each)
    return found


def test_the_sample() -> None:
    found = grouped()
    events = {transaction: read(lines, CONTEXT) for transaction, lines in found.items()}

    assert len(found) == 11
    assert len(LINES) - sum(map(len, found.values())) == 7
    assert all(transaction.decode() == event.transaction_id for transaction, event in events.items())
    assert all(len(found[transaction]) == len(event.matches) for transaction, event in events.items())
    assert all(b"\n".join(found[transaction]) == event.raw for transaction, event in events.items())
    blocked = events[b"awT2UotilipCp_zxZIIsYwAAAEA"]
    assert (
        blocked.interrupted,
        blocked.interrupted_source,
        blocked.outcome,
        blocked.action,
        blocked.action_phase,
        blocked.action_status,
    ) == (True, "error_log", "blocked", "deny", 2, 403)
    assert (blocked.status, blocked.gaps) == (403, ("no_headers", "no_body", "no_request"))
    assert ([m.rule_id for m in blocked.matches], blocked.score) == ([941100, 941110, 941160, 949110, 980130], 15)
    # Apache's time is that of Newfoundland without saying so; the id is in UTC.
    assert (blocked.time, blocked.zone_source) == (1_795_487_314_000_000, "unique_id")


def test_a_whole_event() -> None:
    later = line("Warning. Operator GE matched 5 at TX:a.", prefix=PREFIX.replace("38.934870", "39.000001"))
    event = read([line(), later], CONTEXT)

    assert (event.format, event.flags, event.transaction_id) == ("err.apache.v2", (), ID)
    assert (event.time, event.time_logged, event.zone_source) == (START, START + 1_000_001, "unique_id")
    assert (
        event.client_address,
        event.client_port,
        event.server_name,
        event.host,
        event.uri,
        event.path,
    ) == ("192.0.2.7", 40000, "a.example", None, "/x", "/x")
    assert (
        event.interrupted,
        event.interrupted_source,
        event.outcome,
        event.status,
        event.referer,
    ) == (False, "error_log", "below", None, None)
    assert (
        event.engine,
        event.connector,
        event.rulesets,
        event.engine_mode,
    ) == ("ModSecurity", "Apache", ("OWASP_CRS/3.3.4",), "unknown")
    assert read_message(MESSAGE) == event.matches[0]
    assert event.gaps == ("no_headers", "no_body", "no_request", "no_status")


@pytest.mark.parametrize(
    ("prefix", "address", "port"),
    [
        (PREFIX, "192.0.2.7", 40000),
        ("[Tue Nov 24 02:28:38.934870 2026] [:error] [pid 1] [client 192.0.2.7:40000] ", "192.0.2.7", 40000),
        ("[Tue Nov 24 02:28:38.934870 2026] [:error] [pid 1] [client ::1:37752] ", "::1", 37752),
        ("[Tue Nov 24 02:28:38.934870 2026] [:error] [pid 1] [client ::1:37752] [client ::1] ", "::1", 37752),
        ("[Tue Nov 24 02:28:38.934870 2026] [:error] [client 10.0.0.1:5] [client 192.0.2.7] ", "192.0.2.7", None),
        ("[Tue Nov 24 02:28:38 2026] [error] [client 192.0.2.7] ", "192.0.2.7", None),
        ("[Tue Nov 24 02:28:38 2026] [error] [client 2001:db8::1:2] ", "2001:db8::1:2", None),
        ("[Tue Nov 24 02:28:38 2026] [error] ", None, None),
        ("2026/11/24 02:28:38 [error] 1#0: *2 [client 192.0.2.7] ", "192.0.2.7", None),
    ],
)
def test_the_prefixes_of_servers(prefix: str, address: str | None, port: int | None) -> None:
    event = read([line(prefix=prefix)], CONTEXT)

    assert (address, port, START, 920350) == (
        event.client_address,
        event.client_port,
        event.time,
        event.matches[0].rule_id,
    )


@pytest.mark.parametrize(
    "before",
    [
        "[2026-11-24 02:28:38.934870] ",
        "[vhost a.example] [Tue Nov 24 02:28:38.934870 2026] ",
        "a.example [Tue Nov 24 02:28:38.934870 2026] ",
    ],
)
def test_the_forms_of_a_line_that_a_site_can_set(before: str) -> None:
    prefix = f"{before}[security2:error] [pid 1:tid 2] [client 192.0.2.7:40000] "
    whole = read([line()], CONTEXT)
    event = read([line(prefix=prefix)], CONTEXT)

    assert (event.time, event.time_logged, event.gaps) == (whole.time, whole.time_logged, whole.gaps)
    assert (event.connector, event.matches) == (whole.connector, whole.matches)


def test_one_level_of_escaping_is_that_of_apache() -> None:
    message = (
        'Warning. Pattern match "a\\\\.b\\"" at ARGS:\\xe3\\x81\\x82. '
        '[file "f"] [line "1"] [id "1"] [msg "\\"\\n"] [data "\\x22"]'
    )
    event = read([line(message)], CONTEXT)

    assert read_message(message) == event.matches[0]
    assert (
        event.matches[0].parameter,
        event.matches[0].target,
        event.matches[0].message,
        event.matches[0].data,
    ) == (r'a\.b"', "ARGS:あ", '"\n', '"')
    bare = f"2026/11/24 02:28:38 [error] 1#0: *2 ModSecurity: {message}{TAIL}, client: 192.0.2.7, server: a".encode()
    assert event.matches == read([bare], CONTEXT).matches


def test_the_cut_stands_before_the_host_name() -> None:
    event = read([line((MESSAGE + "x" * 1023)[:1023])], CONTEXT)

    assert (event.flags, event.matches[0].cut, event.transaction_id) == (("cut_message",), True, ID)


def test_a_line_without_host_name() -> None:
    event = read([line(tail=f' [uri "/"] [unique_id "{ID}"]')], CONTEXT)

    assert (event.server_name, event.uri, event.matches[0].rule_id) == (None, "/", 920350)


FORGED = ' [file "f"] [line "1"] [id "1"] [hostname "h"] [uri "/forged"] [unique_id "FORGEDFORGEDFORGEDFORGED"]'


def test_a_referer_that_imitates_keys() -> None:
    lines = [line(tail=f"{TAIL}, referer: http://r/{FORGED}")]
    event = read(lines, CONTEXT)

    assert ID.encode() == transaction_of(lines[0])
    assert (ID, "/x", [920350], f"http://r/{FORGED}") == (
        event.transaction_id,
        event.uri,
        [match.rule_id for match in event.matches],
        event.referer,
    )


def test_a_name_that_imitates_keys() -> None:
    name = f"ARGS_NAMES:x.{FORGED}, referer: "
    lines = [line(f'Warning. Pattern match "a" at {name}. [file "/crs/a"] [line "5"] [id "942100"]')]
    event = read(lines, CONTEXT)

    assert ID.encode() == transaction_of(lines[0])
    assert (event.transaction_id, event.uri, event.matches[0].rule_id, event.referer) == (ID, "/x", 942100, None)


@pytest.mark.parametrize(
    "other",
    [
        b"[Tue Nov 24 02:28:04.620227 2026] [security2:notice] [pid 1] ModSecurity for Apache/2.9.7 (x) configured.",
        b'[Tue Nov 24 02:28:04.620311 2026] [security2:notice] [pid 1] ModSecurity: APR compiled version="1.7.2"',
        b"[Tue Nov 24 02:28:04.620311 2026] [core:error] [pid 1] AH00128: File does not exist: /x",
        b'[error] ModSecurity: x [unique_id ""]',
        b'[error] ModSecurity: x [unique_id "a b"]',
        b'[error] ModSecurity: x [unique_id "a',
        b'[error] ModSecurity: Warning. Matched "Operator `Rx\' [unique_id "1795487318.1"] [ref "o1,2"]',
        b'[error] ModSecurity: x [unique_id "a"] [unique_id "b"] and no more',
        b"",
    ],
)
def test_what_is_no_line_of_a_transaction(other: bytes) -> None:
    assert transaction_of(other) is None


def test_lines_that_are_none_are_refused_or_flagged() -> None:
    with pytest.raises(NotARecord):
        read([b"x"], CONTEXT)
    with pytest.raises(NotARecord):
        read([], CONTEXT)
    assert read([line(), b"x"], CONTEXT).flags == ("unknown_line",)


def test_the_zone_is_that_of_the_source_where_the_id_does_not_prove_it() -> None:
    lines = [line(tail=TAIL.replace(ID, "18086456109962362942"))]
    tokyo = Context(zone=ZoneInfo("Asia/Tokyo"))

    assert times(read(lines, tokyo)) == ("configured", START + 934_870 - 9 * 3_600_000_000)
    assert times(read(lines, CONTEXT)) == ("assumed", START + 934_870)
    with pytest.raises(NotARecord, match="no_time"):
        read([line(prefix="", tail=TAIL.replace(ID, "18086456109962362942"))], CONTEXT)


def times(event: Event) -> tuple[str, int]:
    """How the zone is known, and the time."""
    return event.zone_source, event.time


@example(b"\\r", 1, 316)
@given(st.binary(max_size=120), st.integers(0, 17), st.integers(0, 800))
def test_any_line_is_ours_or_not(noise: bytes, number: int, at: int) -> None:
    known = LINES[7 + number]
    for damaged in (noise, known[:at], known[:at] + noise + known[at:], known + noise):
        transaction = transaction_of(damaged)
        try:
            event = read([damaged], CONTEXT)
        except NotARecord:
            continue
        # Lines are told apart before Apache's escaping is taken off; an id has nothing to escape, unless it is damaged.
        told = {None if transaction is None else known for known in (transaction, unescape_apache(transaction or b""))}
        assert told & {event.transaction_id.encode("utf-8", "surrogateescape"), None}


SYSLOG = PREFIX.partition("] ")[2]
"""What Apache writes through syslog: all but the time."""


@pytest.mark.parametrize(
    ("arrival", "transaction_id", "time", "zone_source"),
    [
        (START + 3_600_000_000, ID, START, "unique_id"),
        (START + 90 * 86_400_000_000, ID, START + 90 * 86_400_000_000, "assumed"),
        (START, "18086456109962362942", START, "assumed"),
    ],
)
def test_a_line_without_a_time(arrival: int, transaction_id: str, time: int, zone_source: str) -> None:
    event = read([line(prefix=SYSLOG).replace(ID.encode(), transaction_id.encode())], Context(arrival=arrival))

    assert (event.time, event.zone_source, event.time_original) == (time, zone_source, "")
    assert "no_time" in event.gaps
    # As it is read again, to be shown.
    assert read([event.raw], Context(arrival=event.time)).time == time
    assert (event.client_address, event.client_port, event.connector) == ("192.0.2.7", 40000, "Apache")


def test_a_line_without_a_time_has_that_of_its_prefix() -> None:
    stamp = b"2026-11-24T02:28:34.000001+00:00 vm apache2[7]: "
    windows = line(prefix="[client 192.0.2.7:40000] ").replace(ID.encode(), b"18086456109962362942")
    late = Context(arrival=START + 90 * 86_400_000_000)
    for each, time in ((line(prefix=SYSLOG), START), (windows, START - 4_000_000 + 1)):
        found = [p.event for p in read_pieces(stamp + each + b"\n", 0, late) if isinstance(p, Found)]
        assert [event.time for event in found] == [time]

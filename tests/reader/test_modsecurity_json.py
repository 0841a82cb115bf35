"""libmodsecurity 3 JSON: the paths by which a record can be read give one event."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from tests.make import v3_record

from wafscope.event.model import Event
from wafscope.ingest.worker import Task, encode
from wafscope.reader.base import Batch, Context, NotARecord
from wafscope.reader.modsecurity_json import read_fast, read_pairs, read_tolerant
from wafscope.reader.modsecurity_together import read_together
from wafscope.source.base import Stretch
from wafscope.store.duckdb.store import DuckStore

CONTEXT = Context()


def read(line: bytes) -> Event:
    """Read a record by all paths, and return the event."""
    event = read_tolerant(line, CONTEXT)
    assert event == read_pairs(line, CONTEXT)
    try:
        quick = read_fast(line, CONTEXT)
    except ValueError:
        assert together([line, v3_record(), line])[::2] == [None, None]
        return event
    assert event == quick
    assert together([line]) == [event]
    return event


def together(lines: list[bytes], context: Context = CONTEXT) -> list[Event | None]:
    """Read lines together: the events, None in the place of what is to be read alone."""
    places, columns = read_together(lines, context)
    found = Batch(columns, places, places).found() if places else ()
    read_so: dict[int, Event] = {each.offset: each.event for each in found}
    return [read_so.get(place) for place in range(len(lines))]


def request(**members: Any) -> dict[str, Any]:
    """The request of a small record, with other members."""
    known: dict[str, Any] = json.loads(v3_record())["transaction"]["request"]
    return known | members


def details(line: bytes, **members: Any) -> bytes:
    """A record with other details of its match."""
    record = json.loads(line)
    record["transaction"]["messages"][0]["details"].update(members)
    return json.dumps(record).encode()


def test_every_attribute_is_where_it_belongs() -> None:
    """The event is made by place, so that each place has to be looked at."""
    event = read(v3_record(id="x", is_interrupted=True, request=request(body="b=1", hostname="vhost")))

    assert {
        name: getattr(event, name) for name in Event.__struct_fields__ if name not in {"raw", "matches"}
    } == {
        "format": "v3.json", "flags": (), "gaps": (), "time": 1_794_969_000_000_000,
        "time_original": "Wed Nov 18 02:30:00 2026", "time_logged": None, "duration": None, "phases": (),
        "zone_source": "unique_id", "transaction_id": "1794969000.000001", "client_address": "192.0.2.7",
        "client_port": 40000, "server_address": "198.51.100.1", "server_port": 443, "server_name": "vhost",
        "server_id": "aa55", "host": "www.example.org", "request_line": "", "method": "GET", "protocol": "1.1",
        "uri": "/search?q=1%27%20or%201=1", "path": "/search", "query": "q=1%27%20or%201=1",
        "request_headers": (("Host", "www.example.org"), ("User-Agent", "curl/8.5.0")), "request_body": "b=1",
        "body_kind": "", "files": (), "user_agent": "curl/8.5.0", "referer": None, "content_type": None, "status": 403,
        "response_protocol": "", "response_reason": "", "response_headers": (("Content-Type", "text/html"),),
        "response_body": None, "engine": "ModSecurity", "engine_version": "3.0.13",
        "connector": "ModSecurity-nginx v1.0.3", "engine_mode": "on", "rulesets": ("OWASP_CRS/4.9.0",),
        "server_software": "", "handler": "", "user": None, "session": None, "application": None,
        "attack_class": "sqli", "interrupted": True, "interrupted_source": "flag", "action": "unknown",
        "action_phase": None, "action_status": None, "action_message": "", "error_messages": (), "sanitised": (),
        "rule_texts": (), "extra": (), "outcome": "blocked", "score": 5, "score_source": "computed",
        "score_outbound": None, "threshold": None, "points": 5,
    }  # fmt: skip
    assert [match.rule_id for match in event.matches] == [942100]


@pytest.mark.parametrize(
    ("written", "read_as"),
    [(b"1.1", "1.1"), (b"1.10", "1.10"), (b"2.0", "2.0"), (b'"1.1"', "1.1"), (b'""', ""), (b"2", "2")],
)
def test_a_version_of_http_is_kept_as_written(written: bytes, read_as: str) -> None:
    line = v3_record().replace(b'"http_version": 1.1', b'"http_version": ' + written)
    assert read_as == read(line).protocol
    assert read_fast(line, CONTEXT).flags == ()


def test_an_empty_version_is_mended() -> None:
    line = v3_record().replace(b'"http_version": 1.1', b'"http_version":')
    with pytest.raises(ValueError, match="JSON"):
        read_fast(line, CONTEXT)
    assert (read(line).protocol, read(line).flags) == ("", ("repaired",))


@pytest.mark.parametrize("written", [b"null", b"true", b"[]", b'"1\\u002e1"', b"-1"])
def test_a_version_of_another_kind_is_not_for_the_fast_path(written: bytes) -> None:
    line = v3_record().replace(b'"http_version": 1.1', b'"http_version": ' + written)
    with pytest.raises(ValueError, match="http_version"):
        read_fast(line, CONTEXT)
    read(line)


@pytest.mark.parametrize(
    "members",
    [
        b'{"A": "1", "B": "2", "A": "3"}',
        b'{"ETag": "\\"abc\\"", "A": "\\"", "a": ""}',
        b'{"A": "1", "A": "\\"\\""}',
        b'{"A": "\\\\", "A": "\\\\\\""}',
        b'{"\\"A\\"": "x:\\\\"}',
        b"{}",
    ],
)
def test_headers_are_kept_in_order_with_repeated_names(members: bytes) -> None:
    line = v3_record().replace(b'{"Content-Type": "text/html"}', members)
    assert tuple(json.loads(members, object_pairs_hook=tuple)) == read(line).response_headers
    assert read_fast(line, CONTEXT).response_headers == read(line).response_headers


@pytest.mark.parametrize("headers", [b'{"A": "\\ud800"}', b'{"A": "\xff"}', b'{"A": null}', b"[]", b'"x"'])
def test_headers_that_are_no_texts_are_odd(headers: bytes) -> None:
    line = v3_record().replace(b'{"Content-Type": "text/html"}', headers)
    with pytest.raises(ValueError):  # noqa: PT011 - whatever is wrong with it
        read_fast(line, CONTEXT)
    assert read(line).flags


@pytest.mark.parametrize("tags", [[], ["a"], ["a", "a", "ü"], ["attack-xss"] * 40])
def test_the_tags_of_a_rule_are_those_of_its_match(tags: list[str]) -> None:
    assert tuple(tags) == read(details(v3_record(), tags=tags)).matches[0].tags


@pytest.mark.parametrize("tags", [None, "a", {"a": "b"}])
def test_tags_that_are_no_texts_are_odd(tags: object) -> None:
    line = details(v3_record(), tags=tags)
    with pytest.raises(ValueError):  # noqa: PT011 - whatever is wrong with it
        read_fast(line, CONTEXT)
    assert read(line).flags == ("wrong_type",)


def test_numbers_among_headers_and_tags_become_texts() -> None:
    line = details(v3_record(), tags=[1]).replace(b'{"Content-Type": "text/html"}', b'{"A": 1}')
    with pytest.raises(ValueError):  # noqa: PT011 - whatever is wrong with it
        read_fast(line, CONTEXT)
    event = read(line)
    assert (event.response_headers, event.matches[0].tags) == ((("A", "1"),), ("1",))


def test_who_wrote_a_record_may_be_missing_or_odd() -> None:
    assert _maker(read(v3_record(producer=None))) == ("ModSecurity", "", "unknown")
    odd = read(v3_record(producer={"modsecurity": 3, "components": "x"}))
    assert (_maker(odd), odd.flags) == (("3", "", "unknown"), ("wrong_type",))


def _maker(event: Event) -> tuple[str, str, str]:
    return event.engine, event.engine_version, event.engine_mode


def test_a_byte_that_is_not_utf8_is_kept() -> None:
    event = read(v3_record().replace(b"/search", b"/se\xffarch"))
    assert (event.path, event.flags) == ("/se\udcffarch", ("invalid_utf8",))


@pytest.mark.parametrize("stamp", ["\x14\x108\x01", "mar. 24 nov. 2026 02:39:37"])
def test_a_time_that_is_none_gives_way_to_that_of_the_file(stamp: str) -> None:
    record = json.loads(v3_record())
    record["transaction"] |= {"time_stamp": stamp, "unique_id": "a1b2"}
    record["transaction"]["response"]["headers"] = {}
    line = json.dumps(record).encode()
    events = [way(line, Context(arrival=1_795_487_977_123_456)) for way in (read_fast, read_pairs, read_tolerant)]

    assert {event.time for event in events} == {1_795_487_977_000_000}
    assert {event.time_original for event in events} == {stamp}
    assert all(event.gaps[-2:] == ("zone_assumed", "no_time") for event in events)
    with pytest.raises(NotARecord, match="no_time"):
        read_tolerant(line, CONTEXT)


def test_what_tells_no_time_is_no_record() -> None:
    line = v3_record(unique_id="", time_stamp="", client_ip="")
    for path in (read_fast, read_tolerant, read_pairs):
        with pytest.raises(NotARecord, match="no_time"):
            path(line, CONTEXT)


def test_records_read_together_are_the_same_as_one_by_one() -> None:
    lines = [
        v3_record(),
        v3_record(id="other"),
        v3_record(request=request(headers={"HOST": "A", "host": "b", "User-Agent": 'a "quoted" \\ one'})),
        b'{"transaction":{"client_ip":"192.0.2.1","time_stamp":"Wed Nov 18 02:30:00 2026","unique_id":"no number"}}',
        b'{"transaction":{"client_ip":"\xff"}}',
        v3_record(),
    ]

    def alone(line: bytes) -> Event | None:
        try:
            return read_fast(line, CONTEXT)
        except ValueError:
            return None

    expected = [alone(line) for line in lines]
    assert [each is None for each in expected].count(True) == 1
    for number in range(1, len(lines) + 1):
        assert together(lines[:number]) == expected[:number]
        assert together(lines[-number:]) == expected[-number:]
    for odd_inside in (
        b'"request":{"headers":{"a":1}},"unique_id":"1"',
        b'"id":"1","time_stamp":"Wed Nov 18 02:30:00 2026"',
    ):
        odd = b'{"transaction":{"client_ip":"192.0.2.1",' + odd_inside + b"}}"
        assert together([*lines, odd]) == [None] * (len(lines) + 1)


def test_what_only_the_record_shows_can_be_left_out() -> None:
    line = v3_record(request=request(headers={"HOST": "A", "User-Agent": "b", "Referer": "c", "content-type": "d"}))
    (short,), whole = together([line], Context(whole=False)), read_fast(line, CONTEXT)

    assert short is not None
    assert (short.host, short.user_agent, short.referer, short.content_type) == ("A", "b", "c", "d")
    assert short == msgspec.structs.replace(whole, request_headers=(), response_headers=())


@pytest.mark.parametrize("number", [1 << 31, 1 << 63, -(1 << 31), -(1 << 63) - 1, 10**100])
@pytest.mark.parametrize("place", ["client_port", "host_port", "http_code"])
def test_a_number_that_no_store_has_room_for_is_odd(place: str, number: int) -> None:
    record = json.loads(v3_record())
    transaction = record["transaction"]
    (transaction.setdefault("response", {}) if place == "http_code" else transaction)[place] = number
    line = json.dumps(record).encode()
    with pytest.raises(msgspec.ValidationError):
        read_fast(line, Context())
    event = read_tolerant(line, Context())
    assert "wrong_type" in event.flags
    assert (event.client_port, event.server_port, event.status).count(None) >= 1
    with DuckStore(None) as store:
        stretch = Stretch("a", "a", 0, line + b"\n", len(line) + 1)
        encoded = encode(Task("a", "web1", "", "UTC", (stretch,), store.encoder()))
        assert encoded.tally.unreadable == ()
        assert store.write(encoded.payload, encoded.tally).stored == 1

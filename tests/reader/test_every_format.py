"""What must hold for the records of every format, whatever happens to the file they stand in."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.reader.covering import covering

from wafscope.ingest.worker import Task, encode
from wafscope.reader.base import Context, Found, Piece
from wafscope.reader.framing import read_pieces
from wafscope.reader.walk import settled
from wafscope.source.base import Stretch
from wafscope.source.oneshot import read_once
from wafscope.store.duckdb.store import DuckStore

SAMPLES = Path(__file__).parents[1] / "samples"
NAMES = (
    "gen-v2-native-with-K.log", "gen-v2-json-with-matched_rules.log", "gen-v3.0.15-native-raw-bytes.log",
    "gen-v3.0.15-json-raw-bytes.log", "gen-v3.0.15-native-prefix.log", "gen-coraza-3.0.4-json-ABIJDEFHZ.log",
    "gen-coraza-3.7.0-json-ABIJDEFHZ.log", "gen-coraza-3.7.0-jsonlegacy-ABCEFHIJKZ.log",
    "gen-coraza-3.7.0-native-ABIJDEFHZ.log", "gen-coraza-3.3.3-ocsf-ABIJDEFHZ.log", "gen-coraza-3.7.0-errorlog.log",
    "gen-errorlog-nginx-v3.0.9.log", "gen-errorlog-apache-v2.log",
)  # fmt: skip
LOGS = {name: (SAMPLES / name).read_bytes() for name in NAMES}
CONTEXT = Context(arrival=1)
SHORT = Context(arrival=1, whole=False)
WHOLE = LOGS["gen-v2-native-with-K.log"] + LOGS["gen-v3.0.15-json-raw-bytes.log"]


def read(data: bytes) -> list[Piece]:
    """Read, and check that the pieces cover the bytes without gap or overlap."""
    return covering(data, CONTEXT)


def raws(data: bytes) -> list[bytes]:
    """The records found, as the engine wrote them."""
    return sorted(piece.event.raw for piece in read(data) if isinstance(piece, Found))


def ended(data: bytes) -> bytes:
    """A log that ends with its last line, or with the empty line behind a native record."""
    return data if data.endswith(b"\n") else data + b"\n"


EXPECTED = {name: raws(log) for name, log in LOGS.items()}


def test_all_formats_one_after_another() -> None:
    together = b"".join(ended(log) for log in LOGS.values())

    assert raws(together) == sorted(raw for found in EXPECTED.values() for raw in found)


@pytest.mark.parametrize("name", NAMES)
def test_a_log_twice_gives_every_record_twice(name: str) -> None:
    found = raws(ended(LOGS[name]) * 2)
    if "errorlog" in name:
        # Lines with the same id that stand close together are one transaction.
        assert len(found) == len(EXPECTED[name])
    else:
        assert found == sorted(EXPECTED[name] * 2)


@pytest.mark.parametrize("name", NAMES)
def test_whatever_is_cut_off_the_records_after_it_are_found(name: str) -> None:
    log = LOGS[name][:9000]
    expected = raws(WHOLE)
    for cut in range(0, len(log), 61):
        found = raws(log[:cut].rstrip(b"\n") + b"\n" + WHOLE)
        assert [raw for raw in found if raw in expected] == expected, cut


@pytest.mark.parametrize("name", NAMES)
def test_what_is_settled_is_all_there_is(name: str) -> None:
    log = LOGS[name]
    for end in range(0, len(log), 211):
        cut = settled(log[:end], margin=0)
        assert cut <= end
        if "errorlog" not in name:
            assert sorted(raws(log[:cut]) + raws(log[cut:])) == EXPECTED[name]


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(NAMES),
    st.floats(0, 1),
    st.sampled_from([b"\xff\xfe", b"\x00", b"\\ud800", b"\n", b"}", b'"', b"--"]),
)
def test_hostile_bytes_anywhere_are_accounted_for(name: str, place: float, inserted: bytes) -> None:
    log = LOGS[name][:20_000]
    position = int(place * len(log))

    read(log[:position] + inserted + log[position:])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(NAMES), min_size=2, max_size=2), st.data())
def test_records_written_into_each_other_are_accounted_for(names: list[str], data: st.DataObject) -> None:
    outer, inner = (LOGS[name][:6_000] for name in names)
    place = data.draw(st.integers(0, len(outer)))

    read(outer[:place] + inner + outer[place:])


@pytest.mark.parametrize(
    "opening", ['{"transaction":{"time":"', '{"transaction":{"timestamp":"', '{"class_name":"x","a":']
)
def test_nesting_without_end_is_refused_and_the_next_record_read(opening: str) -> None:
    deep = (opening + "[" * 20_000).encode()

    assert raws(deep + b"\n" + WHOLE) == raws(WHOLE)


def test_a_large_record_is_not_held_many_times_over() -> None:
    size = 8 << 20
    record = LOGS["gen-v3.0.15-json-raw-bytes.log"].replace(b'"body":"', b'"body":"' + b"x" * size, 1)
    assert len(record) > size
    stretch = Stretch("s", "s", 0, record, len(record))
    with DuckStore(None) as store:
        task = Task("s", "s", "", "UTC", (stretch,), store.encoder())
        tracemalloc.start()
        encoded = encode(task)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()

    assert encoded.tally.events == 1
    assert peak < 8 * size  # the same figure in each run but for what other parts of the process take meanwhile


def test_a_record_beyond_the_limit_is_never_held(tmp_path: Path) -> None:
    limit, size = 16 << 20, 400 << 20
    path = tmp_path / "log"
    with path.open("wb") as file:
        file.write(WHOLE + b'{"transaction":{"timestamp":"')
        file.seek(size, 1)  # nothing is written: the file system gives NUL bytes
        file.write(b'"}}\n' + WHOLE)
    tracemalloc.start()
    stretches = list(read_once(str(path), settled, limit))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert [(each.damage, each.skipped > size) for each in stretches if each.damage] == [("too_large", True)]
    assert sorted(raw for each in stretches for raw in raws(each.data)) == sorted(raws(WHOLE) * 2)
    assert peak < 4 * limit


def without_answers(pieces: list[Piece]) -> list[Piece]:
    """The same pieces, whose events have nothing that no field is made of."""
    left_out = {
        "response_body": None,
        "response_headers": (),
        "request_headers": (),
        "phases": (),
        "error_messages": (),
    }
    replace = msgspec.structs.replace
    return [
        replace(
            piece,
            event=replace(piece.event, matches=tuple(replace(m, others=()) for m in piece.event.matches), **left_out),
        )
        if isinstance(piece, Found)
        else piece
        for piece in pieces
    ]


@pytest.mark.parametrize("name", sorted(file.name for file in SAMPLES.iterdir()))
def test_nothing_else_changes_where_not_all_is_wanted(name: str) -> None:
    data = (SAMPLES / name).read_bytes()
    short = list(read_pieces(data, 0, SHORT))
    assert without_answers(short) == without_answers(list(read_pieces(data, 0, CONTEXT)))


ANSWERS = {
    "v3.json": b'{"transaction":{"client_ip":"192.0.2.1","time_stamp":"Tue Nov 24 02:44:43 2026","unique_id":"179548828'
    b'312.000001","request":{"uri":"/"},"response":{"body":%s,"http_code":200},"messages":[]}}\n',
    "v2.json": b'{"transaction":{"time":"24/Nov/2026:02:35:54.975193 +0000","transaction_id":"awT4","remote_address":'
    b'"192.0.2.1"},"request":{"request_line":"GET / HTTP/1.1"},"response":{"status":200,"body":%s}}\n',
    "coraza.json": b'{"transaction":{"timestamp":"2026/11/24 20:54:09","unix_timestamp":1795553649406376457,"id":"fD",'
    b'"client_ip":"192.0.2.1","request":{"method":"GET","uri":"/"},"response":{"status":200,"body":%s}}}\n',
}
BODIES = (
    b'"<p>"', b'""', b"null", b"7", b"{}", b'["a"]', b'"\\ud800"', b'"\\ud83d\\ude00"', b'"\xff"', b'"\\q"', b'"\x01"',
    b'"a', '"\u00e9\u65e5"'.encode(), b'"a","body":"b"', b'"a","\xff":1',
)  # fmt: skip


@pytest.mark.parametrize("form", ANSWERS)
@pytest.mark.parametrize("body", BODIES)
def test_an_odd_body_is_as_odd_where_it_is_not_wanted(form: str, body: bytes) -> None:
    data = ANSWERS[form] % body
    whole, short = list(read_pieces(data, 0, CONTEXT)), list(read_pieces(data, 0, SHORT))
    assert without_answers(short) == without_answers(whole)
    assert all(piece.event.format == form for piece in whole if isinstance(piece, Found))


VALUE = "Matched Data: \\\\x89 found within ARGS:a: " + "a" * 240
FURTHER = (
    rb'[msg_match_1 \"M\"] [data_match_1 \"D\"]', rb'[msg_match_1 \"M\"] [data_match_1 \"\\\"}, \\\\\"]', b"", b"\xff",
    rb'[msg_match_1 \"M\"] [data_match_1 \"a\"][msg_match_2 \"\"] [data_match_2 \"b\"]',
    rb'[msg_match_1 \"M\"] [data_match_1 \"a\\\\\"][msg_match_2 \"M\"] [data_match_2 \"b\"]',
    rb'[msg_match_1 \"M\"] [data_match_1 \"x\\\"][msg_match_2 \\\"y\"]',
    rb"\ud800", b'"', b'\\"', b'\\\\","data":null', rb' [file \"', b'"},{"error_message":"', b"\n", "é".encode(),
)  # fmt: skip


@pytest.mark.parametrize("first", [VALUE, "short"])
@pytest.mark.parametrize("further", FURTHER)
def test_odd_further_values_are_as_odd_where_they_are_not_wanted(first: str, further: bytes) -> None:
    line = (
        '[client "192.0.2.1"] Coraza: Warning. M [file "f"] [line "1"] [id "920270"] [rev ""] [msg "M"] '
        f'[data "{first}"] [severity "critical"] [ver ""] [maturity "0"] [accuracy "0"] [tag "t"] '
        '[hostname ""] [uri "/"] [unique_id "i"]'
    )
    entry = json.dumps({"actionset": "", "message": "", "error_message": line, "data": None}, separators=(",", ":"))
    entries = (entry[: -len('","data":null}')].encode() + further + b'","data":null},' + entry.encode()).join(
        (b"[", b"]")
    )
    data = ANSWERS["coraza.json"][:-2] % b'""' + b',"messages":' + entries + b"}\n"
    whole, short = list(read_pieces(data, 0, CONTEXT)), list(read_pieces(data, 0, SHORT))
    assert without_answers(short) == without_answers(whole)

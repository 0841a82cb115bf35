"""What collectors put around records is taken off; all else stays as it is."""

from __future__ import annotations

import gzip
import json
import tracemalloc
import zlib
from collections.abc import Callable

import pytest
import zstandard
from tests.make import v3_record

from wafscope.source.body import NotPacked, TooLarge, records, unpack

RECORD = v3_record()


@pytest.mark.parametrize(
    ("encoding", "packed"),
    [
        ("", RECORD),
        ("identity", RECORD),
        ("gzip", gzip.compress(RECORD)),
        ("gzip", gzip.compress(RECORD[:100]) + gzip.compress(RECORD[100:])),
        ("deflate", zlib.compress(RECORD)),
        ("zstd", zstandard.compress(RECORD)),
    ],
)
def test_every_encoding_that_collectors_know_is_undone(encoding: str, packed: bytes) -> None:
    assert unpack(packed, encoding, 1 << 20) == RECORD


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "zstd"])
def test_a_bomb_is_refused_before_it_is_unpacked(encoding: str) -> None:
    packers: dict[str, Callable[[bytes], bytes]] = {
        "gzip": gzip.compress,
        "deflate": zlib.compress,
        "zstd": zstandard.compress,
    }
    packed = packers[encoding](bytes(50_000_000))
    with pytest.raises(TooLarge):
        unpack(packed, encoding, 1 << 20)


@pytest.mark.parametrize(
    ("encoding", "data"),
    [
        ("gzip", b"no gzip"),
        ("gzip", gzip.compress(RECORD)[:-20]),
        ("deflate", b"\0\1"),
        ("zstd", b"nothing of it"),
        ("br", RECORD),
    ],
)
def test_what_is_not_packed_as_it_says_is_refused(encoding: str, data: bytes) -> None:
    with pytest.raises(NotPacked):
        unpack(data, encoding, 1 << 20)


def test_an_array_of_fluent_bit_gives_the_lines_it_has_read() -> None:
    body = json.dumps([{"date": 1794969000.1, "log": RECORD.decode()}, {"date": 1794969000.2, "log": "second\n"}])
    assert records(body.encode()) == RECORD + b"\nsecond\n"


def test_lines_that_a_container_runtime_has_split_are_joined() -> None:
    body = [{"log": "first half, ", "stream": "stdout", "time": "…"}, {"log": "second\n", "stream": "stdout"}]
    assert records(json.dumps(body).encode()) == b"first half, second\n"


def test_events_of_vector_give_their_message() -> None:
    body = [{"file": "/var/log/a", "host": "h", "message": RECORD.decode(), "source_type": "file", "timestamp": "…"}]
    assert records(json.dumps(body).encode()) == RECORD + b"\n"
    assert records(b"\n".join(json.dumps(body[0]).encode() for _ in range(3))) == (RECORD + b"\n") * 3


def test_records_that_a_collector_has_read_itself_lose_its_date() -> None:
    inner = json.loads(RECORD)
    body = json.dumps([{"date": 1794969000.1} | inner], indent=1).encode()
    [line] = records(body).splitlines()
    assert line.startswith(b'{"transaction":')
    assert json.loads(line) == inner
    assert json.loads(records(json.dumps({"log": inner}).encode())) == inner


@pytest.mark.parametrize(
    "body",
    [
        RECORD + b"\n" + RECORD + b"\n",
        b"--abcdef12-A--\n[18/Nov/2026:02:30:00 +0000] x 192.0.2.7 1 198.51.100.1 80\n--abcdef12-Z--\n",
        json.dumps(json.loads(RECORD), indent=2).encode(),
        b"[1, 2",
        b'{"class_uid": 6003, "message": 5}\n',
        b"\xff\xfe not text\n",
        rb'{"log":"\x"}' + b"\n",
    ],
)
def test_what_is_no_object_of_a_collector_stays_as_it_is(body: bytes) -> None:
    assert records(body) == body


def test_bytes_that_are_not_utf8_and_escapes_come_out_as_they_were_read() -> None:
    assert records(rb'[{"log":"\u00e4 \ud83d\ude00 \"q\" \\x"}]') == 'ä 😀 "q" \\x\n'.encode()
    assert records(b'{"log":"\xff"}\n') == b"\xff\n"


@pytest.mark.parametrize(
    ("body", "lines"),
    [
        (b'[ {"log":"a, ]}\\" \\\\"} ,\n{"log":"b"}\r\n]', [b'a, ]}" \\', b"b"]),
        (
            b'[{"log":{"transaction":{"a":[1,{"b":"]"}]}}},1,"x,y"]',
            [b'{"transaction":{"a":[1,{"b":"]"}]}}', b"1", b'"x,y"'],
        ),
        (b"[]", []),
        (b"[{]", [b"[{]"]),
        (b"[1,,2]", [b"[1,,2]"]),
        (b"[1]]", [b"[1]]"]),
        (b'[1,"', [b'[1,"']),
        (b"[", [b"["]),
    ],
)
def test_an_array_is_taken_apart_by_its_signs(body: bytes, lines: list[bytes]) -> None:
    assert records(body).splitlines() == lines


@pytest.mark.parametrize("body", [b"{\n" * 40_000, b"[" + b"1," * 40_000 + b"1]", b"[" + b"{}," * 30_000 + b"{}]"])
def test_many_small_elements_take_no_more_memory_than_large_ones(body: bytes) -> None:
    tracemalloc.start()
    try:
        records(body)
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert most < 6 * len(body)

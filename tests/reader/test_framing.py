"""Whatever the bytes: pieces cover them, whole records are found, nothing but a record passes for one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.reader.covering import covering

from wafscope.reader.base import Context, Foreign, Found, Piece, Unreadable
from wafscope.reader.framing import read_pieces
from wafscope.reader.walk import settled

SAMPLES = Path(__file__).parents[1] / "samples"
LINES = [
    line
    for name in ("gen-v3.0.9-json-serial.log", "gen-v3.0.15-json-serial.log", "gen-v3.0.15-json-raw-bytes.log")
    for line in (SAMPLES / name).read_bytes().splitlines(keepends=True)
]
SHORT = sorted(LINES, key=len)[:6]


def read(data: bytes) -> list[Piece]:
    """Read a part of a log that begins at byte 100."""
    return covering(data, offset=100)


def raws(data: bytes) -> list[bytes]:
    """The records found, as logged."""
    return [p.event.raw for p in read(data) if isinstance(p, Found)]


def test_every_sample_line_is_a_record() -> None:
    assert [line.rstrip(b"\n") for line in LINES] == raws(b"".join(LINES))


NATIVE = [
    "gen-v2-native-serial.log", "gen-v3.0.15-native-serial.log", "gen-v3.0.15-native-prefix.log",
    "gen-coraza-3.3.3-native-ABIJDEFHZ.log", "gen-coraza-3.7.0-native-ABIJDEFHZ.log", "gen-errorlog-nginx-v3.0.9.log",
]  # fmt: skip


@pytest.mark.parametrize("name", NATIVE)
@pytest.mark.parametrize("before", [b"\xef\xbb\xbf", b"\0" * 5000, b"\xef\xbb\xbf\0\0\0"])
def test_a_record_behind_a_byte_order_mark_or_nul_bytes_is_read(name: str, before: bytes) -> None:
    log = (SAMPLES / name).read_bytes()
    plain = [p for p in read_pieces(log, 0, Context()) if isinstance(p, Found)]
    found = [p for p in read_pieces(before + log, 0, Context()) if isinstance(p, Found)]

    assert [p.event for p in found] == [p.event for p in plain]
    assert [p.offset - len(before) for p in found] == [p.offset for p in plain]
    assert settled(before + log) - settled(log) in {0, len(before)}


@pytest.mark.parametrize("name", NATIVE[:2])
def test_a_record_behind_a_cut_one_and_nul_bytes_is_read(name: str) -> None:
    log = (SAMPLES / name).read_bytes()
    cut = log[:200] + b"\0" * 100

    pieces = list(read_pieces(cut + log, 0, Context()))
    assert [p.event.raw for p in pieces if isinstance(p, Found)] == [
        p.event.raw for p in read_pieces(log, 0, Context()) if isinstance(p, Found)
    ]
    assert [p.data for p in pieces if isinstance(p, Unreadable)] == [cut]


def test_a_mark_in_a_header_is_no_line_of_a_record() -> None:
    log = (SAMPLES / "gen-v2-native-serial.log").read_bytes()
    forged = log.replace(b"\nHost: ", b"\nX: \xef\xbb\xbf--deadbeef-A--\nHost: ", 1)

    assert len([p for p in read_pieces(forged, 0, Context()) if isinstance(p, Found)]) == 36


def test_a_log_in_two_byte_characters_is_told_as_such() -> None:
    for encoding in ("utf-16-le", "utf-16-be"):
        pieces = read_pieces(SHORT[0].decode().encode(encoding) * 2, 0, Context())
        assert {p.reason for p in pieces if isinstance(p, Unreadable)} == {"wrong_encoding"}


LAYOUTS = [
    json.dumps([json.loads(line) for line in SHORT[:3]], indent=2),
    json.dumps([json.loads(line) for line in SHORT[:3]], indent="\t").replace("\n", "\r\n"),
    "[\n" + ",\n".join(json.dumps(json.loads(line), indent=4) for line in SHORT[:3]) + "\n]\n",
    "[" + ",".join(json.dumps(json.loads(line)) for line in SHORT[:3]) + "]",
]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_list_that_somebody_exported_is_read(layout: str) -> None:
    pieces = read(layout.encode())

    assert [json.loads(p.event.raw) for p in pieces if isinstance(p, Found)] == [json.loads(x) for x in SHORT[:3]]
    assert not [p for p in pieces if isinstance(p, Unreadable)]
    assert not sum(p.lines for p in pieces if isinstance(p, Foreign))


@pytest.mark.parametrize("layout", LAYOUTS[:3])
def test_a_record_that_is_cut_in_a_list_goes_to_quarantine_whole(layout: str) -> None:
    last = layout.rindex('"transaction"')
    cut = layout[: last + 300].encode()
    pieces = read(cut + b"\n" + SHORT[3])

    assert len([p for p in pieces if isinstance(p, Found)]) == 3
    (unreadable,) = [p for p in pieces if isinstance(p, Unreadable)]
    assert unreadable.reason == "cut"
    assert unreadable.data.strip().endswith(cut[-200:].strip())
    assert 0 < settled(cut) < last
    assert settled(cut + b"\n" + SHORT[3]) == len(cut) + 1 + len(SHORT[3])


def test_what_an_engine_without_yajl_writes_does_not_hide_the_record_on_its_line() -> None:
    complaint = b'{"error":"ModSecurity was not compiled with JSON support."}'
    pieces = read(complaint * 3 + SHORT[0] + complaint + b"\n" + SHORT[1])

    assert len([p for p in pieces if isinstance(p, Found)]) == 2
    reasons = [(p.reason, len(p.data)) for p in pieces if isinstance(p, Unreadable)]
    assert reasons == [("engine_without_json", 3 * len(complaint)), ("engine_without_json", len(complaint))]


def test_two_documents_in_one_concurrent_file_are_two_records() -> None:
    assert len(raws((SAMPLES / "gen-v3.0.15-concurrent-file-two-docs.json").read_bytes())) == 2


@pytest.mark.parametrize("line", SHORT[:2])
def test_a_record_cut_anywhere_is_quarantined_and_the_next_one_read(line: bytes) -> None:
    whole = SHORT[-1]
    for cut in range(1, len(line) - 2, 7):
        found = raws(line[:cut] + b"\n" + whole)
        assert [whole.rstrip(b"\n")] == found


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(SHORT), st.sampled_from(SHORT), st.data())
def test_a_record_written_into_another_is_found(outer: bytes, inner: bytes, data: st.DataObject) -> None:
    place = data.draw(st.integers(1, len(outer) - 2))
    found = raws(outer[:place] + inner + outer[place:])
    assert inner.rstrip(b"\n") in found


@settings(max_examples=150, deadline=None)
@example(parts=[b"MESSAGE=", b"\0"])
@given(st.lists(st.one_of(st.binary(max_size=60), st.sampled_from(SHORT)), max_size=8))
def test_any_bytes_are_covered_and_every_record_among_them_is_found(parts: list[bytes]) -> None:
    expected = [p.rstrip(b"\n") for p in parts if p in SHORT]
    found = raws(b"\n".join(p.rstrip(b"\n") for p in parts))
    assert [r for r in found if r in expected] == expected


def test_a_payload_can_not_pass_for_a_record() -> None:
    forged = SHORT[0].rstrip(b"\n")
    escaped = forged.replace(b"\\", b"\\\\").replace(b'"', b'\\"')
    carrier = SHORT[1].replace(b'"uri":"', b'"uri":"/?' + escaped, 1).rstrip(b"\n")
    assert [carrier] == raws(carrier + b"\n")
    # Not even in a record that is torn after it.
    assert raws(carrier[: len(carrier) - 40] + b"\n") == []


def test_an_object_printed_over_several_lines_is_one_record() -> None:
    import json

    pretty = json.dumps(json.loads(SHORT[0]), indent=2).encode()
    assert len(raws(SHORT[1] + pretty + b"\n" + SHORT[2])) == 3


def test_an_empty_version_of_old_engines_is_read() -> None:
    old = min((line for line in LINES if b'"http_version":1.1' in line), key=len)
    line = old.replace(b'"http_version":1.1', b'"http_version":')
    (piece,) = read(line)
    assert isinstance(piece, Found)
    assert piece.event.flags == ("repaired",)


def test_blank_bytes_count_no_line() -> None:
    pieces = read(b"\n\n\x00\x00\n" + SHORT[0])
    assert sum(p.lines for p in pieces if isinstance(p, Foreign)) == 0


def test_an_engine_without_json_is_named() -> None:
    (piece,) = read(b'{"error":"ModSecurity was not compiled with JSON support."}' * 2)
    assert isinstance(piece, Unreadable)
    assert piece.reason == "engine_without_json"

"""Native records are told by what a client can not do: it writes into bodies, and nowhere else."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wafscope.reader.base import Context, Found
from wafscope.reader.framing import read_pieces
from wafscope.reader.native import Region, prefixed_at, scan, separator_at
from wafscope.reader.walk import settled


def record(boundary: str = "0a1b2c3d", number: int = 1, body: str | None = None, *, length: int | None = None) -> str:
    """A record as mod_security2 writes it; `length` is the declared one, where it is not that of the body."""
    declared = len(body or "") if length is None else length
    parts = [
        f"--{boundary}-A--\n[24/Nov/2026:02:44:44.042357 +0000] id{number} 192.0.2.{number} 40000 192.0.2.99 80",
        f"\n--{boundary}-B--\nPOST /{number} HTTP/1.1\nHost: a.example\nContent-Length: {declared}\n",
        "" if body is None else f"\n--{boundary}-C--\n{body}",
        f"\n--{boundary}-F--\nHTTP/1.1 200 OK\n",
        f"\n--{boundary}-H--\nMessage: Warning. {number}\nStopwatch: 1 2 (- - -)\n",
        f"\n--{boundary}-Z--\n\n",
    ]
    return "".join(parts)


def regions(text: str, *, final: bool = True) -> list[Region]:
    """All regions, found as the walk finds them: line by line outside of records."""
    data, position = text.encode("utf-8", "surrogateescape"), 0
    found: list[Region] = []
    while position < len(data):
        family = separator_at(data, position) or prefixed_at(data, position)
        if family is None:
            after = data.find(b"\n", position) + 1
            position = after or len(data)
            continue
        region = scan(data, position, family, final=final)
        assert region.end > position
        found.append(region)
        position = region.end
    return found


def records(text: str, *, whole: bool = True) -> list[str]:
    """The bytes of the records found."""
    return [
        "".join(text.encode()[start:end].decode("utf-8", "replace") for start, end in each.ranges)
        for region in regions(text)
        for each in region.records
        if each.whole is whole
    ]


def test_records_one_after_another() -> None:
    log = [record(f"0000000{n}", n) for n in range(1, 6)]

    assert records("".join(log)) == log


def test_the_same_boundary_again_is_another_record() -> None:
    log = [record("deadbeef", 1), record("deadbeef", 2)]

    assert records("".join(log)) == log


@given(st.data())
@settings(max_examples=100)
def test_what_looks_like_a_separator_ends_no_record_but_its_own(data: st.DataObject) -> None:
    pieces = ["--0a1b2c3d-Z--x", "x--0a1b2c3d-Z--", "x-A--", "--deadbeef-Z--", "\0", "\n", "a", "--0a1b2c3d-A--"]
    body = "".join(data.draw(st.lists(st.sampled_from(pieces), max_size=6)))
    log = [record("0a1b2c3d", 1, f"x{body}y"), record("cafebabe", 2)]

    assert records("".join(log)) == log


def test_a_record_in_a_body_is_payload() -> None:
    carrier = record("0a1b2c3d", 1, "x\n" + record("deadbeef", 66) + "\ny")

    assert records(carrier) == [carrier]


def test_half_a_record_in_a_body_is_payload() -> None:
    forged = record("deadbeef", 66).partition("\n--deadbeef-F")[0]
    carrier = record("0a1b2c3d", 1, f"x\n{forged}\n")

    assert records(carrier + record("11111111", 2)) == [carrier, record("11111111", 2)]


def test_an_end_in_a_body_is_payload() -> None:
    carrier = record("0a1b2c3d", 1, "x\n--deadbeef-Z--\n\n--0a1b2c3e-Z--\n")

    assert records(carrier) == [carrier]


def test_a_body_that_begins_with_a_record_is_payload_when_its_length_was_declared() -> None:
    carrier = record("0a1b2c3d", 1, record("deadbeef", 66).rstrip("\n"))

    assert records(carrier) == [carrier]


def test_a_record_written_between_the_sections_of_another_is_found() -> None:
    inner = record("22222222", 2, "b")
    for section in "BFHZ":
        before, separator, after = record("11111111", 1, "a").partition(f"\n--11111111-{section}--")
        if section == "F":
            continue  # behind a body, only its length can tell: the next test
        found = records(
            f"{before}\n{inner}{separator}{after}" if section == "B" else before + inner + separator + after
        )
        assert inner in found
        assert len(found) == 2


def test_the_declared_length_tells_a_record_beside_from_payload() -> None:
    inner = record("22222222", 2, "b")
    before, separator, after = record("11111111", 1, "four").partition("\n--11111111-F--")
    body_on_a_line = before.replace("four", "fou\n")
    found = records(body_on_a_line + inner + separator + after)

    assert inner in found
    assert len(found) == 2


def answered(boundary: str, body: str, *, declared: int) -> str:
    """A record with a response body, and the length that the response declared."""
    whole = record(boundary).replace("HTTP/1.1 200 OK\n", f"HTTP/1.1 200 OK\nContent-Length: {declared}\n")
    return whole.replace(f"\n--{boundary}-H--", f"\n--{boundary}-E--\n{body}\n--{boundary}-H--")


def test_the_declared_length_of_a_response_tells_a_record_beside_from_payload() -> None:
    inner = record("22222222", 2, "b")
    beside = answered("11111111", f"<p>\n{inner}", declared=4)
    page = answered("11111111", f"<p>\n{inner}", declared=4 + len(inner))

    assert records(beside) == [beside.replace(inner, ""), inner]
    assert records(page) == [page]


def test_a_record_that_goes_on_right_behind_the_end_of_another_keeps_its_sections() -> None:
    page = answered("11111111", "<p>\n", declared=4).replace("Content-Length: 4\n", "")
    before, mark, rest = page.partition("\n--11111111-H--")
    opening, separator, sections = record("22222222", 2).partition("\n--22222222-B--")
    # The empty line behind the end of the first one is not written yet.
    woven = before + opening + mark + rest.removesuffix("\n") + separator + sections

    assert records(woven) == [page.removesuffix("\n"), opening + separator + sections]


def test_records_woven_section_by_section() -> None:
    one = record("11111111", 1).split("\n--11111111")
    two = record("22222222", 2).split("\n--22222222")
    woven = one[0] + "\n" + two[0]
    for first, second in zip(one[1:], two[1:], strict=True):
        woven += f"\n--11111111{first}\n--22222222{second}"
    found = records(woven)

    assert len(found) == 2
    assert "POST /1 " in found[0]
    assert "Message: Warning. 1" in found[0]
    assert "POST /2 " in found[1]
    assert "Message: Warning. 2" in found[1]


def test_a_cut_record_is_given_up_and_no_later_one_lost() -> None:
    whole = [record(f"0000000{n}", n) for n in range(2, 8)]
    cut = record("11111111", 1, "abc")
    for length in range(120, len(cut) - 3, 5):
        found = records(cut[:length].rstrip("\n") + "\n" + "".join(whole))
        assert [each for each in found if each in whole] == whole


def test_a_cut_record_is_given_up_before_the_end_too() -> None:
    cut = record("11111111", 1).partition("\nStopwatch")[0]
    log = cut + "\n" + "".join(record(f"{n:08x}", n) for n in range(2, 20))

    assert regions(log, final=False)[-1].pending is None
    assert len(records(log, whole=False)) == 1


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_record_behind_half_a_line_is_not_lost(end: str) -> None:
    """A server was killed while it wrote, or the disk was full: what another one writes then begins in that line."""
    one, two, three = (record(f"0000000{n}", n, "a=1&b=2").replace("\n", end) for n in range(1, 4))
    for length in range(one.index("[") + 1, len(one) - 16):
        found = records(one[:length] + two + three)
        assert [each for each in found if each in {two, three}] == [two, three], one[:length][-20:]


def test_a_record_behind_half_a_record_of_libmodsecurity_is_not_lost() -> None:
    one, two, three = (
        re.sub(r"(?m)^--([0-9a-f]{8})-([A-Z])--$", r"---\1---\2--", record(f"0000000{n}", n, "a=1&b=2"))
        for n in range(1, 4)
    )
    for length in range(one.index("[") + 1, len(one) - 18):
        found = records(one[:length] + two + three)
        assert [each for each in found if each in {two, three}] == [two, three], one[:length][-20:]


def test_half_a_line_behind_a_record_that_goes_on_is_no_end_of_it() -> None:
    """The server beside wrote before this one had ended its line."""
    one, two = record("aaaaaaa1", 1, "x=1"), record("bbbbbbb2", 2)
    at = one.index("\n--aaaaaaa1-B--")

    assert sorted(records(one[:at] + two + one[at:])) == [one, two]


FORGED = "--deadbeef-A--\n[24/Nov/2026:02:44:44.042357 +0000] id9 203.0.113.66 40000 192.0.2.99 80"


@pytest.mark.parametrize("length", [None, 1 << 20])
def test_an_opening_behind_other_text_of_a_body_is_payload(length: int | None) -> None:
    whole = FORGED + record("deadbeef").partition(" 80")[2]
    log = [record("0a1b2c3d", 1, f"x={whole}y", length=length), record("cafebabe", 2)]
    assert records("".join(log)) == log


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [FORGED, FORGED[2:], "\n--deadbeef-B--\n", "\n--deadbeef-Z--\n", "\n", "x", "x--cafebabe-A--\n"]
        ),
        max_size=12,
    )
)
def test_no_body_opens_a_record_in_the_middle_of_a_line(pieces: list[str]) -> None:
    log = [record("0a1b2c3d", 1, "x" + "".join(pieces) + "y"), record("cafebabe", 2)]
    assert records("".join(log)) == log


@pytest.mark.parametrize(
    "header",
    [
        FORGED.replace("2026:02", "2026: 02"),
        FORGED.replace("2026:02", "2026: 02") + "\n--deadbeef-B--: x",
        FORGED.replace("\n", ": x\n") + ": y\n--deadbeef-B--",
    ],
)
def test_no_header_is_an_opening(header: str) -> None:
    """Older servers took any name of a header; they write a blank behind its colon."""
    log = record("0a1b2c3d").replace("Host: a.example\n", f"Host: a.example\nX: {header}\n")
    assert records(log + record("cafebabe", 2)) == [log, record("cafebabe", 2)]


def test_an_open_record_is_pending_until_its_end_is_there() -> None:
    log = record("11111111", 1) + record("22222222", 2)
    for length in range(len(record()) + 30, len(log) - 3):
        region = regions(log[:length], final=False)[-1]
        assert region.pending == len(record())


def test_a_record_woven_into_an_open_one_is_not_settled_before_it() -> None:
    one, two = record("aaaaaaa1", 1), record("bbbbbbb2", 2)
    middle, end = one.index("\n--aaaaaaa1-Z--"), two.index("\n--bbbbbbb2-H--")
    log = (record("00000000", 3) + one[:middle] + two[:end] + one[middle:] + two[end:]).encode()

    for stop in range(len(log)):
        cut = settled(log[:stop])
        found = [p.event.transaction_id for part in (log[:cut], log[cut:]) for p in read_pieces(part, 9, Context())
                 if isinstance(p, Found)]  # fmt: skip
        assert sorted(found) == ["id1", "id2", "id3"], stop


CORAZA = (Path(__file__).parents[1] / "samples" / "gen-coraza-3.3.3-native-ABIJDEFHZ.log").read_bytes()


def test_what_follows_a_record_without_an_end_is_not_its_own() -> None:
    ocsf = (Path(__file__).parents[1] / "samples" / "gen-coraza-3.3.3-ocsf-ABIJDEFHZ.log").read_bytes()
    later = re.sub(rb"--([A-Za-z]{10})-", lambda found: b"--" + found[1].swapcase() + b"-", CORAZA)
    pieces = read_pieces(CORAZA + record().encode() + ocsf + later, 0, Context())

    formats = [piece.event.format for piece in pieces if isinstance(piece, Found)]
    assert formats == ["coraza.native"] * 5 + ["v2.native"] + ["coraza.ocsf"] * 3 + ["coraza.native"] * 5


def test_what_follows_part_h_of_a_record_without_an_end_is_read_on_its_own() -> None:
    samples = Path(__file__).parents[1] / "samples"
    log = (samples / "gen-coraza-3.3.3-native-ABIJDEFHZ.log").read_bytes()
    stamp = b"2026-11-24T02:44:43.123456789Z stdout F "
    beside = (samples / "gen-coraza-3.7.0-errorlog.log").read_bytes().split(b"\n", 1)[0] + b"\n"
    context = Context(arrival=1)
    alone = [piece.event.raw for piece in read_pieces(log, 0, context) if isinstance(piece, Found)]
    found = [
        piece.event for piece in read_pieces(log + stamp + beside + beside, 0, context) if isinstance(piece, Found)
    ]

    assert [event.raw for event in found if event.format == "coraza.native"] == alone
    assert [event.format for event in found if event.format != "coraza.native"] == ["err.coraza"] * 2


def test_the_rest_of_a_record_goes_up_to_the_next_one() -> None:
    log = record("11111111", 1).partition("\n--11111111-B")[2]
    found = regions("--11111111-B" + log + record("22222222", 2))

    assert [each.whole for region in found for each in region.records] == [False, True]


def test_a_prefix_before_every_line_is_learned() -> None:
    lines = "---8EfNiWZl---A--\n[24/Nov/2026:02:40:37 +0000] 1 192.0.2.1 1 192.0.2.2 80\n\n---8EfNiWZl---Z--\n"
    log = "".join(f"WAF 1: {line}" for line in lines.splitlines(keepends=True)) + "\n"

    assert records(log) == [log]


@settings(max_examples=200, deadline=None)
@given(st.text("-abcdefA BCEFHZ0\n", max_size=300))
def test_no_body_makes_a_record(body: str) -> None:
    carrier = record("0a1b2c3d", 1, body)

    assert records(carrier) == [carrier]


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.sampled_from([record(), record("22222222", 2, "b"), "--11111111-B--\n", "x\n", "\n"]), max_size=9),
    st.data(),
)
def test_any_mixture_ends(parts: list[str], data: st.DataObject) -> None:
    log = "".join(parts)
    cut = data.draw(st.integers(0, len(log)))
    for final in (False, True):
        for region in regions(log[:cut], final=final):
            owned = sorted(part for each in region.records for part in each.ranges)
            assert all(first[1] <= second[0] for first, second in pairwise(owned))
            assert all(region.start <= start < end <= region.end for start, end in owned)

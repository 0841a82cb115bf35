"""A table is CSV for any reader, and never runs in a spreadsheet."""

from __future__ import annotations

import csv
import io
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.export.made import PLACE, full, hostile, places, words
from tests.make import START, event, match

from wafscope.errors import FilterError
from wafscope.event.fields import FIELDS, find
from wafscope.event.model import Event
from wafscope.export.base import Options, Place
from wafscope.export.table import MOST, USUAL, Table, cell

ALL = tuple(field.name for field in FIELDS)
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def read(made: Event, place: Place = PLACE, fields: tuple[str, ...] = ()) -> dict[str, str]:
    """Return the row of an event by the header, as another program reads it."""
    table = Table(Options(fields=fields))
    data = (table.head() + table.lines(made, place)).decode("utf-8", "strict")
    assert data.endswith("\r\n")
    head, row = list(csv.reader(io.StringIO(data, newline=""), strict=True))
    return dict(zip(head, row, strict=True))


def test_the_header_has_the_names_of_the_field_table() -> None:
    assert list(read(full())) == list(USUAL)
    assert list(read(full(), fields=ALL)) == list(ALL)


def test_an_alias_stands_under_the_name() -> None:
    assert list(read(full(), fields=("ip", " rule"))) == ["client.address", "rule.id"]


def test_a_field_that_is_none_is_named_with_its_place() -> None:
    with pytest.raises(FilterError) as raised:
        Table(Options(fields=("time", "hots")))
    assert raised.value.column == 6


def test_values_stand_in_their_columns() -> None:
    made = event(
        START,
        match(942100, tags=("a", "b"), severity=2),
        match(None, message="no id"),
        949110,
        host="example.org",
        status=403,
        interrupted=True,
        flags=("x", "y"),
    )
    found = read(made, fields=ALL)
    assert found["time"] == "2026-11-18T00:00:00.000000Z"
    assert found["rule.id"] == "942100; ; 949110"
    assert found["rule.message"] == "Message of 942100; no id; Message of 949110"
    assert found["rule.tags"] == "a, b; ; "
    assert (found["waf.interrupted"], found["waf.matches"]) == ("yes", "3")
    assert (found["event.flags"], found["sensor"], found["source"]) == ("x; y", PLACE.sensor, PLACE.source)
    assert found["http.response.status_code"] == "403"
    assert (found["url.query"], found["waf.score.unexplained"]) == ("", "")


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(1)", "\t=1", "\r=1", "\n=1", "\uff1d1", "\uff0b1"])
def test_a_formula_becomes_text(text: str) -> None:
    assert read(event(user_agent=text))["user_agent.original"].startswith("'")


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("", ""),
        ("403", "403"),
        ("a", '"a"'),
        ('say "a, b"', '"say ""a, b"""'),
        ("a;=1", '"a;=1"'),
        ("-5", '"\'-5"'),
        ("a\0\x1b\x9b\u202e\u2028b", '"a\\x00\\x1b\\x9b\\u202e\\u2028b"'),
        ("\udcff\ud800", '"\\xff\\ud800"'),
        ("日本", '"日本"'),
    ],
)
def test_a_cell_is_inert(text: str, written: str) -> None:
    assert cell(text) == written


@pytest.mark.parametrize(("text", "end"), [("a" * 40_000, "a… (+7257)"), ("\x01" * 40_000, "\\x01… (+36726)")])
def test_a_cell_is_no_longer_than_a_spreadsheet_takes(text: str, end: str) -> None:
    written = cell(text)[1:-1]
    assert len(written) <= MOST
    assert written.endswith(end)
    assert cell("a" * MOST) == f'"{"a" * MOST}"'


@given(words)
def test_every_cell_that_is_no_number_is_in_quotes(text: str) -> None:
    written = cell(text)
    assert not written or written.isdigit() or (written[0] == written[-1] == '"' and written[1:2] not in FORMULA)
    assert not any(unicodedata.category(each) in {"Cc", "Cf", "Zl", "Zp", "Cs"} for each in written)


@given(hostile(), places, st.lists(st.sampled_from(ALL), min_size=1).map(tuple) | st.just(ALL))
def test_anything_is_one_row(made: Event, place: Place, fields: tuple[str, ...]) -> None:
    table = Table(Options(fields=fields))
    data = table.lines(made, place).decode("utf-8", "strict")
    (row,) = csv.reader(io.StringIO(data, newline=""), strict=True)
    assert len(row) == len(fields)
    assert not any(value.startswith(FORMULA) for value in row)
    joined = dict(zip(fields, row, strict=True)).get("rule.id")
    if joined is not None and made.matches:
        assert joined.count(";") == len(made.matches) - 1


def test_usual_columns_are_fields() -> None:
    assert [find(name).name for name in USUAL] == list(USUAL)


def test_what_has_no_sign_of_its_own_is_written_out() -> None:
    assert cell("x\ufe01\U000e0101\u034f\u3164") == r'"x\ufe01\U000e0101\u034f\u3164"'

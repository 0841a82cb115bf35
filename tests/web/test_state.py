"""The URL holds the whole state, and nothing in it can break a page."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.make import START

from wafscope.query.parser import encode
from wafscope.query.question import Cursor
from wafscope.query.timespan import DAY
from wafscope.web.state import State, read

HERE = Cursor(START, bytes(range(16)))

states = st.builds(
    State,
    text=st.sampled_from(["", "@host:a", "@rule:942100 -@ip:10.0.0.0/8", '"ünïcode 日本"']),
    preset=st.sampled_from([None, "1h", "24h", "7d", "all"]),
    zone=st.sampled_from(["", "Asia/Tokyo"]),
    by=st.sampled_from(["waf.attack_class", "waf.outcome", "host"]),
    full=st.booleans(),
    before=st.sampled_from([None, HERE]),
    page=st.integers(0, 9999),
    new=st.booleans(),
)


@given(states)
def test_what_is_written_is_read_again(state: State) -> None:
    assert read(dict(state.parameters()), "UTC").state == state


def test_a_span_is_written_in_milliseconds() -> None:
    state = State(start=START, end=START + DAY)
    assert state.url("/") == f"/?from={START // 1000}&to={(START + DAY) // 1000}"
    assert read(dict(state.parameters()), "UTC").state == state


def test_the_default_state_has_no_parameters() -> None:
    assert State().url("/events") == "/events"


def test_a_change_of_filter_goes_to_the_first_page() -> None:
    state = State(before=HERE, page=3)
    assert "before" in state.url("/events", page=4)
    assert state.url("/events", text="x") == f"/events?f={encode('x')}"


def test_a_time_as_a_person_writes_it_is_read_in_the_zone() -> None:
    asked = read({"from": "2026-11-16 00:00", "to": "2026-11-17", "tz": "Asia/Tokyo"}, "UTC")
    assert asked.is_written
    assert asked.state.start is not None
    assert asked.state.end is not None
    assert (asked.state.end - asked.state.start, asked.state.start % DAY) == (DAY, 15 * DAY // 24)


@pytest.mark.parametrize(
    "parameters",
    [
        {"t": "9y"},
        {"from": "yesterday", "to": "today"},
        {"from": "5", "to": "1"},
        {"from": "1"},
        {"from": "99999999999999999999", "to": "1"},
        {"from": "2026-13-45", "to": "2026-11-17"},
        {"tz": "../../etc/passwd"},
        {"tz": "Europe"},
        {"before": "x.y"},
    ],
)
def test_what_can_not_be_read_is_left_out_and_said(parameters: dict[str, str]) -> None:
    asked = read(parameters, "UTC")
    assert asked.problems
    assert asked.state == State()


def test_a_wrong_filter_is_kept_and_said() -> None:
    asked = read({"f": encode("@rule:92042x")}, "UTC")
    assert asked.error is not None
    assert (asked.error.column, asked.state.text) == (7, "@rule:92042x")


@given(
    st.dictionaries(
        st.sampled_from(["f", "q", "t", "from", "to", "tz", "by", "full", "before", "after", "page", "new"]),
        st.text(max_size=30),
    )
)
def test_no_parameter_raises(parameters: dict[str, Any]) -> None:
    asked = read(parameters, "UTC")
    assert asked.state.url("/").startswith("/")

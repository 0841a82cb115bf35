"""The value of a field, as every store counts and compares it."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest
from tests.make import START, event, match

from wafscope.event.fields import find
from wafscope.event.model import Event
from wafscope.event.values import day, match_values, value, values
from wafscope.query.timespan import HOUR


def of(made: Event, name: str) -> object:
    return value(made, find(name), sensor="web1", source="audit.log")


@pytest.mark.parametrize(
    ("score", "points", "source", "unexplained"),
    [
        (20, 5, "949110_message", 15),
        (20, 5, "949110_value", 15),
        (20, 5, "report", 15),
        (20, 5, "computed", None),
        (20, 5, "", None),
        (5, 20, "report", 0),
        (None, 5, "report", None),
    ],
)
def test_points_are_unexplained_where_the_engine_told_the_score(
    score: int | None, points: int, source: str, unexplained: int | None
) -> None:
    assert unexplained == of(event(score=score, points=points, score_source=source), "unexplained")


def test_an_empty_text_is_missing_where_the_model_has_no_other_way_to_say_so() -> None:
    made = event(method="", uri="", path="", transaction_id="", host="", query="", client_address="")

    assert [of(made, name) for name in ("method", "uri", "path", "tx")] == [None] * 4
    assert [of(made, name) for name in ("host", "query", "ip")] == [""] * 3
    assert [of(event(), name) for name in ("host", "query", "ip")] == [None] * 3
    assert match_values(match(message=""), find("message")) == ()


def test_zero_is_a_value() -> None:
    made = event(status=0, score=0)

    assert (of(made, "status"), of(made, "score"), of(made, "matches"), of(made, "points")) == (0, 0, 0, 0)


def test_interrupted_is_a_word() -> None:
    assert [of(event(interrupted=each), "interrupted") for each in (True, False, None)] == ["yes", "no", None]


def test_texts_are_storable() -> None:
    assert of(event(host="caf\udce9"), "host") == "caf\\xe9"
    assert of(event(flags=("\udcff",)), "flag") == ("\\xff",)


def test_several_texts_are_distinct_and_not_empty() -> None:
    made = event(flags=("b", "", "a", "b"))

    assert values(made, find("flag")) == ("b", "a")
    assert values(event(), find("flag")) == ()
    assert match_values(match(tags=("x", "x", "")), find("tag")) == ("x",)


def test_the_store_tells_sensor_and_source() -> None:
    assert (of(event(), "sensor"), of(event(), "source")) == ("web1", "audit.log")
    assert values(event(), find("sensor")) == ()


def test_matches_are_counted() -> None:
    assert of(event(START, 942100, 942100, 949110), "matches") == 3


def test_a_day_is_that_of_the_zone() -> None:
    time = START + 20 * HOUR

    assert day(time, ZoneInfo("UTC")) == "2026-11-18"
    assert day(time, ZoneInfo("Asia/Tokyo")) == "2026-11-19"
    assert day(-1, ZoneInfo("UTC")) == "1969-12-31"

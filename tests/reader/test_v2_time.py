"""Times of ModSecurity 2: broken zones, and what id and stopwatch prove."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.reader.v2_samples import ID

from wafscope.reader.base import Context, NotARecord
from wafscope.reader.v2_time import Logged, Moment, parse_error_log_time, parse_time, seconds_of_id, settle

SECOND = 1_000_000
START = 1_795_487_318 * SECOND
"""2026-11-24 02:28:38 UTC, the second of `ID`."""
HOUR = 3600 * SECOND
UTC_CONTEXT = Context()
WITHOUT_TIME = "AcVcAcAcAcAcAzAcAcWQ4cAc"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("24/Nov/2026:02:28:38.954996 +0000", Logged(START + 954_996, 0)),
        ("24/Nov/2026:02:28:38 +0900", Logged(START, 9 * HOUR)),
        ("24/Nov/2026:02:28:38 -0330", Logged(START, -3 * HOUR - HOUR // 2)),
        ("24/Nov/2026:02:28:38 --0400", Logged(START, -4 * HOUR)),
        ("24/Nov/2026:02:28:38 --03-30", Logged(START, -3 * HOUR - HOUR // 2)),
        ("24/Nov/2026:02:28:38 +101800", Logged(START)),
        ("24/Nov/2026:02:28:38 +9999", Logged(START)),
        ("24/Nov/2026:02:28:38 +1500", Logged(START, 15 * HOUR)),
        ("24/Nov/2026:02:28:38 -1600", Logged(START)),
        ("24/Nov/2026:02:28:38.5", Logged(START + 500_000)),
        ("24/Nov/2026:02:28:60 +0000", Logged(START + 22 * SECOND, 0)),
        ("32/Nov/2026:02:28:38 +0000", None),
        ("24/Xyz/2026:02:28:38 +0000", None),
        ("24/Nov/0001:02:28:38 +0000", None),
        ("24/Nov/2026:25:28:38 +0000", None),
        ("", None),
    ],
)
def test_the_time_of_part_a(text: str, expected: Logged | None) -> None:
    assert expected == parse_time(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Tue Nov 24 02:28:38.954996 2026", START + 954_996),
        ("Tue Nov 24 02:28:38 2026", START),
        ("Mon Nov  2 02:28:38 2026", START - 22 * 24 * HOUR),
        ("2026/11/24 02:28:38 [error]", START),
        ("2026/13/24 02:28:38", None),
        ("Tue Xyz 24 02:28:38 2026", None),
        ("yesterday", None),
    ],
)
def test_the_time_of_an_error_log(text: str, expected: int | None) -> None:
    found = parse_error_log_time(text)

    assert expected == (None if found is None else found.local)


@pytest.mark.parametrize(
    ("transaction_id", "expected"),
    [
        (ID, (START,)),
        ("awT2Vge-8WWW2SLRDGt5gwAA", (START,)),
        ("aw-2Vge@8WWW2SLRDGt5gwAA", (1_796_191_830 * SECOND, 1_796_208_214 * SECOND)),
        ("aw_2Vge-8WWW2SLRDGt5gwAAAEg", (1_796_208_214 * SECOND,)),
        ("aw@2Vge-8WWW2SLRDGt5gwAA", (1_796_191_830 * SECOND,)),
        ("18086456109962362942", ()),
        ("", ()),
        ("!" * 24, ()),
        ("é" * 27, ()),
    ],
)
def test_the_second_in_an_id(transaction_id: str, expected: tuple[int, ...]) -> None:
    assert expected == seconds_of_id(transaction_id)


def test_the_start_in_order_of_trust() -> None:
    logged = Logged(START + 5 * SECOND, 0)

    assert Moment(START + 7, "unix", START + 5 * SECOND) == settle(logged, ID, START + 7, UTC_CONTEXT)
    assert Moment(START, "unique_id", START + 5 * SECOND) == settle(logged, ID, None, UTC_CONTEXT)
    assert Moment(START, "unique_id", START + 5 * SECOND) == settle(logged, ID, START - 25 * HOUR, UTC_CONTEXT)
    assert Moment(START + 5 * SECOND, "logged", START + 5 * SECOND) == settle(logged, WITHOUT_TIME, None, UTC_CONTEXT)
    assert Moment(START, "unix") == settle(None, "", START, UTC_CONTEXT)
    with pytest.raises(NotARecord, match="no_time"):
        settle(None, ID, None, UTC_CONTEXT)


def test_of_two_seconds_in_an_id_the_nearer_one_counts() -> None:
    old, new = seconds_of_id("aw-2Vge@8WWW2SLRDGt5gwAA")
    for second in (old, new):
        assert second == settle(Logged(second + SECOND, 0), "aw-2Vge@8WWW2SLRDGt5gwAA", None, UTC_CONTEXT).time


@given(st.integers(-48, 56), st.integers(0, 300 * SECOND))
def test_the_start_proves_a_zone_that_is_not_told(quarters: int, late: int) -> None:
    offset = quarters * HOUR // 4
    local = START + offset + late

    assert Moment(START, "unique_id", START + late) == settle(Logged(local), ID, None, UTC_CONTEXT)
    assert Moment(START + 1, "unix", START + late) == settle(Logged(local), "", START + 1, UTC_CONTEXT)


def test_the_zone_of_the_source_then_that_of_this_machine() -> None:
    logged, tokyo = Logged(START + 9 * HOUR), ZoneInfo("Asia/Tokyo")

    assert Moment(START, "configured", START) == settle(logged, "", None, Context(zone=tokyo))
    assert Moment(START, "assumed", START) == settle(logged, "", None, Context(collector_zone=tokyo))


@given(st.text(max_size=40))
def test_any_text_is_a_time_or_none(text: str) -> None:
    parse_time(text)
    parse_error_log_time(text)
    seconds_of_id(text)
    seconds_of_id((text * 27)[:27])

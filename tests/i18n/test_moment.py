"""Moments and spans, in the zone and the language of the reader."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wafscope.i18n.moment import Clock, from_microseconds, is_zone, to_microseconds

ENGLISH = Clock("UTC", "en", 2026)
JAPANESE = Clock("Asia/Tokyo", "ja", 2026)


def at(*parts: int) -> int:
    return to_microseconds(datetime(*parts, tzinfo=UTC))  # type: ignore[misc,arg-type]


@given(st.integers(-(10**15), 10**16))
def test_microseconds_go_there_and_back(moment: int) -> None:
    assert to_microseconds(from_microseconds(moment)) == moment


def test_english() -> None:
    moment = at(2026, 11, 18, 2, 30, 16)
    assert ENGLISH.full(moment) == "18 Nov 2026 02:30:16 UTC"
    assert ENGLISH.second(moment) == "18 Nov 02:30:16"
    assert ENGLISH.minute(moment) == "18 Nov 02:30"
    assert ENGLISH.weekday(moment) == "Wed 18"
    assert ENGLISH.entry(moment) == "2026-11-18 02:30"


def test_japanese_in_its_zone() -> None:
    moment = at(2026, 11, 17, 17, 30, 16)
    assert JAPANESE.full(moment) == "2026/11/18 02:30:16 JST"
    assert JAPANESE.minute(moment) == "11/18 02:30"
    assert JAPANESE.weekday(moment) == "水 18"


def test_another_year_is_said() -> None:
    assert ENGLISH.day(at(2025, 3, 1)) == "1 Mar 2025"
    assert JAPANESE.day(at(2025, 3, 1)) == "2025/3/1"


@pytest.mark.parametrize(
    ("start", "end", "span", "days"),
    [
        ((2026, 11, 16), (2026, 11, 23), "16 Nov 00:00 – 22 Nov 24:00", "16–22 Nov"),
        ((2026, 11, 18), (2026, 11, 19), "18 Nov 00:00 – 24:00", "18 Nov"),
        ((2026, 11, 18, 2), (2026, 11, 18, 3), "18 Nov 02:00 – 03:00", "18 Nov 02:00 – 03:00"),
        ((2026, 10, 30), (2026, 11, 3), "30 Oct 00:00 – 2 Nov 24:00", "30 Oct – 2 Nov"),
    ],
)
def test_spans(start: tuple[int, ...], end: tuple[int, ...], span: str, days: str) -> None:
    assert ENGLISH.span(at(*start), at(*end)) == span
    assert ENGLISH.days(at(*start), at(*end)) == days


def test_japanese_days() -> None:
    assert JAPANESE.days(at(2026, 11, 8, 15), at(2026, 11, 15, 15)) == "11/9–15"


def test_zones_without_a_name_have_their_offset() -> None:
    assert Clock("America/Sao_Paulo", "en", 2026).zone_name(at(2026, 11, 18)) == "UTC-03"


@pytest.mark.parametrize("name", ["", "Nowhere", "../../etc/passwd", "/etc/localtime", "Europe", "utc\0"])
def test_what_is_no_zone(name: str) -> None:
    assert not is_zone(name)


def test_exact_as_far_as_there_is_a_fraction() -> None:
    clock = Clock("UTC", "en", 2026)
    moment = at(2026, 11, 18, 2, 30, 16)
    assert clock.exact(moment) == "18 Nov 2026 02:30:16 UTC"
    assert clock.exact(moment + 45) == "18 Nov 2026 02:30:16.000045 UTC"

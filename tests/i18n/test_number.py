"""Numbers, shares, changes and lengths of time."""

import pytest

from wafscope.i18n.catalogue import render
from wafscope.i18n.number import change, decimal, duration, lapse, percent, short, size


@pytest.mark.parametrize(
    ("value", "written"), [(0, "0"), (1234, "1,234"), (-5, "−5"), (1.5, "1.5"), (2_105_000, "2,105,000")]
)
def test_decimal(value: float, written: str) -> None:
    assert decimal(value, "en") == decimal(value, "ja") == written


@pytest.mark.parametrize(
    ("part", "whole", "written"),
    [
        (0, 10, "0 %"),
        (10, 10, "100 %"),
        (1, 3, "33 %"),
        (1, 1000, "<1 %"),
        (999, 1000, ">99 %"),
        (0, 0, "0 %"),
        (5, 0, "0 %"),
    ],
)
def test_a_share_is_never_rounded_to_nothing_or_all(part: int, whole: int, written: str) -> None:
    assert percent(part, whole) == written


@pytest.mark.parametrize(
    ("now", "before", "written"),
    [
        (1377, 728, "+89 %"),
        (50, 100, "−50 %"),
        (100, 100, "0 %"),
        (1001, 1000, "+<1 %"),
        (999, 1000, "−<1 %"),
        (0, 7, "−100 %"),
        (9_990, 1_000, "+899 %"),
        (12_000, 1_000, "×12"),
    ],
)
def test_change(now: int, before: int, written: str) -> None:
    assert change(now, before, "en") == written


@pytest.mark.parametrize(
    ("seconds", "english", "japanese"),
    [
        (0, "0 s", "0 秒"),
        (59, "59 s", "59 秒"),
        (384, "6 min 24 s", "6 分 24 秒"),
        (3600, "1 h", "1 時間"),
        (5400, "1 h 30 min", "1 時間 30 分"),
        (86_400, "1 d", "1 日"),
        (1_191_600, "13 d 19 h", "13 日 19 時間"),
    ],
)
def test_duration(seconds: int, english: str, japanese: str) -> None:
    assert render(duration(seconds * 1_000_000), "en") == english
    assert render(duration(seconds * 1_000_000), "ja") == japanese


def test_short_numbers_for_the_edge_of_a_chart() -> None:
    assert [short(n, 64, "en") for n in (0, 16, 64)] == ["0", "16", "64"]
    assert [short(n, 16_000, "en") for n in (0, 4_000, 16_000)] == ["0", "4 k", "16 k"]
    assert [short(n, 10_000_000, "en") for n in (2_500_000, 10_000_000)] == ["2.5 M", "10 M"]


@pytest.mark.parametrize(
    ("microseconds", "written"),
    [
        (0, "0 µs"), (767, "767 µs"), (1_000, "1 ms"), (4_659, "4.66 ms"), (43_440, "43.4 ms"), (812_300, "812 ms"),
        (1_230_000, "1.23 s"), (2_000_000_000, "2,000 s"),
    ],
)  # fmt: skip
def test_short_lengths_of_time(microseconds: int, written: str) -> None:
    assert lapse(microseconds, "en") == written


@pytest.mark.parametrize(
    ("number", "written"),
    [(0, "0 B"), (999, "999 B"), (3_400, "3.4 kB"), (12_345, "12 kB"), (5_000_000, "5 MB"), (7_000_000_000, "7 GB")],
)
def test_sizes(number: int, written: str) -> None:
    assert size(number, "en") == written

"""The geometry of charts."""

import pytest
from tests.make import START, event, write

from wafscope.i18n.moment import Clock
from wafscope.panel import series
from wafscope.panel.answers import Answers
from wafscope.panel.view import View
from wafscope.query.timespan import DAY, HOUR, MINUTE, Window
from wafscope.store.memory import MemoryStore
from wafscope.web.chart import Chart, draw, nice_step

CLOCK = Clock("UTC", "en", 2026)


def chart(times: list[int], window: Window, clock: Clock = CLOCK, *, full: bool = False) -> Chart:
    store = MemoryStore()
    write(store, [event(time, attack_class="sqli") for time in times])
    return draw(series.ask(Answers(store), View(window, zone=clock.zone, full=full)), clock)


def test_bars_stand_on_the_axis_and_end_below_the_top() -> None:
    found = chart([START + n * HOUR for n in range(48)], Window(START, START + 7 * DAY))
    for bar in found.bars:
        lowest = bar.pieces[0]
        assert lowest.y + lowest.height == pytest.approx(found.plot, abs=0.2)
        assert 0 <= bar.x0 < bar.x < bar.x + bar.width < bar.x1 <= 100
        assert all(piece.y >= 0 and piece.height > 0 for piece in bar.pieces)


def test_a_cut_bar_reaches_the_top_and_no_other_does_so() -> None:
    times = [START + n * HOUR for n in range(168)] + [START + 50 * HOUR + n for n in range(500)]
    found = chart(times, Window(START, START + 7 * DAY))
    cut = [bar for bar in found.bars if bar.cut]
    assert [bar.total for bar in cut] == [501]
    assert min(piece.y for piece in cut[0].pieces) == 0
    assert found.top < 100
    assert chart(times, Window(START, START + 7 * DAY), full=True).top >= 501


@pytest.mark.parametrize(
    ("most", "step"), [(1, 1), (4, 1), (5, 2), (52, 16), (64, 16), (526, 200), (1_000_000, 250_000)]
)
def test_grid_lines_are_round(most: int, step: int) -> None:
    assert nice_step(most, 4) == step


@pytest.mark.parametrize(
    ("length", "labels"),
    [
        (30 * MINUTE, ["Wed 18", "00:05", "00:10", "00:15", "00:20", "00:25"]),
        (2 * HOUR, ["Wed 18", "00:15", "00:30", "00:45", "01:00", "01:15", "01:30", "01:45"]),
        (DAY, ["Wed 18", "03:00", "06:00", "09:00", "12:00", "15:00", "18:00", "21:00"]),
        (3 * DAY, ["Wed 18", "Thu 19", "Fri 20"]),
        (60 * DAY, [f"{n} {m}" for n, m in ((18, "Nov"), (22, "Nov"), (26, "Nov"), (30, "Nov"))]),
    ],
)
def test_the_axis_has_labels_at_round_times(length: int, labels: list[str]) -> None:
    found = chart([START], Window(START, START + length))
    assert [tick.label for tick in found.ticks if tick.label][: len(labels)] == labels
    assert sum(bool(tick.label) for tick in found.ticks) <= 16


def test_days_begin_at_midnight_of_the_zone() -> None:
    found = chart([START], Window(START, START + 3 * DAY), Clock("Asia/Tokyo", "en", 2026))
    first = next(tick for tick in found.ticks if tick.is_day)
    assert first.x == pytest.approx(100 * 15 / 72, abs=0.01)


def test_the_window_before_is_a_path_of_steps() -> None:
    found = chart([START - DAY, START], Window(START, START + DAY))
    assert found.past.startswith("M0 184V")
    assert found.past.count("H") == found.bins == 96


@pytest.mark.parametrize("length", [MINUTE, HOUR, DAY, 7 * DAY, 400 * DAY, 9_000 * DAY])
def test_any_window_can_be_drawn(length: int) -> None:
    found = chart([START], Window(START, START + length))
    assert found.bins <= 181
    assert len(found.ticks) < 900

"""Which window a page shows."""

from datetime import UTC, datetime

from tests.make import START

from wafscope.i18n.moment import to_microseconds
from wafscope.query.question import Held
from wafscope.query.timespan import DAY, HOUR, MINUTE, Window
from wafscope.web.span import choose
from wafscope.web.state import State

NOW = START + 20 * DAY + 7 * HOUR + 13 * MINUTE


def test_an_old_log_is_shown_whole_at_first() -> None:
    held = Held(first=START + 17 * MINUTE, last=START + 3 * DAY + 5, events=9)
    span = choose(State(), held, "UTC", NOW)
    assert span.preset == "all"
    assert span.window == Window(START, START + 3 * DAY + HOUR)
    assert (span.earlier, span.later, span.wider) == (None, None, None)


def test_a_log_that_is_being_written_shows_the_last_day() -> None:
    span = choose(State(), Held(first=START, last=NOW - HOUR, events=9), "UTC", NOW)
    assert span.preset == "24h"
    assert span.window == Window(START + 19 * DAY + 7 * HOUR + 15 * MINUTE, START + 20 * DAY + 7 * HOUR + 15 * MINUTE)


def test_relative_windows_of_an_old_log_end_with_it() -> None:
    span = choose(State(preset="7d"), Held(first=START, last=START + 10 * DAY - 1, events=9), "UTC", NOW)
    assert span.window == Window(START + 3 * DAY, START + 10 * DAY)
    assert span.earlier == Window(START - 4 * DAY, START + 3 * DAY)
    assert span.later is None


def test_steps_are_counted_from_midnight_in_the_zone() -> None:
    span = choose(State(preset="30d"), Held(first=START, last=NOW, events=9), "Asia/Kolkata", NOW)
    assert (span.window.end + 5 * HOUR + 30 * MINUTE) % (6 * HOUR) == 0


def test_zooming_out_ends_at_all_that_is_held() -> None:
    held = Held(first=START, last=START + 10 * DAY - 1, events=9)
    span = choose(State(start=START + 4 * DAY, end=START + 5 * DAY), held, "UTC", NOW)
    assert span.wider == Window(START + 3 * DAY + 12 * HOUR, START + 5 * DAY + 12 * HOUR)
    assert choose(State(start=START + DAY, end=START + 9 * DAY), held, "UTC", NOW).wider == "all"


def test_an_empty_store_has_a_window_too() -> None:
    span = choose(State(), Held(), "UTC", NOW)
    assert span.window.length == DAY
    assert choose(State(preset="all"), Held(), "UTC", NOW).window.length >= DAY


def test_every_window_holds_its_last_event_over_a_change_of_clocks() -> None:
    first = to_microseconds(datetime(2026, 10, 20, tzinfo=UTC))
    for hours in range(0, 40 * 24, 7):
        last = first + hours * HOUR
        window = choose(State(preset="all"), Held(first=first, last=last, events=2), "America/New_York", NOW).window
        assert window.start <= first
        assert window.end > last
        assert window.length % window.step() in (0, HOUR, window.step() - HOUR)

"""The stopwatch of an event."""

from tests.make import START, event

from wafscope.panel.stopwatch import Lap, read


def test_phases_and_what_else_took_time() -> None:
    found = read(event(START, phases=(("combined", 40), ("p1", 10), ("p2", 30), ("p3", 0), ("sr", 0), ("sw", 5))))
    assert found is not None
    assert found.total == 40
    assert found.laps == (Lap("p1", 10, 1 / 3), Lap("p2", 30, 1.0), Lap("p3", 0, 0.0), Lap("sw", 5, 1 / 6))


def test_no_stopwatch_where_there_is_none_to_read() -> None:
    assert read(event(START)) is None
    assert read(event(START, phases=(("combined", 0), ("p1", 0)))) is None
    assert read(event(START, phases=(("combined", 5),))) is None

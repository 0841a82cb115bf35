"""Counts by sensor stay bounded, whatever names strangers make up, and success ends a loop."""

from __future__ import annotations

from pathlib import Path

from wafscope.source.traffic import Traffic, read_status


def test_what_was_accepted_and_refused_is_told_by_sensor(tmp_path: Path) -> None:
    traffic = Traffic()
    traffic.accept("web1", 100)
    traffic.accept("web1", 50, records=3)
    traffic.refuse("web1", "too_large")
    traffic.refuse("192.0.2.7", "not_admitted")
    traffic.write(tmp_path, 10, 1000)
    status = read_status(tmp_path)
    assert status is not None
    assert {each.sensor: (each.accepted, each.bytes, each.refused) for each in status.sensors} == {
        "web1": (4, 150, {"too_large": 1}),
        "192.0.2.7": (0, 0, {"not_admitted": 1}),
    }
    assert (status.spool_used, status.spool_limit, status.loops) == (10, 1000, ())


def test_names_that_strangers_make_up_take_no_memory() -> None:
    traffic = Traffic()
    traffic.accept("web1", 1)
    for number in range(5000):
        traffic.refuse(f"{number}" * 100, "not_admitted")
        if number % 100 == 0:
            traffic.accept("web1", 1)
    status = traffic.status(0, 0)
    assert len(status.sensors) == 1000
    assert max(len(each.sensor) for each in status.sensors) == 100
    assert any(each.sensor == "web1" for each in status.sensors)


def test_a_success_ends_a_loop() -> None:
    traffic = Traffic()
    for _ in range(3):
        traffic.refuse("web1", "checksum")
    assert [(loop.sensor, loop.count) for loop in traffic.status(0, 0).loops] == [("web1", 3)]
    traffic.accept("web1", 1)
    assert traffic.status(0, 0).loops == ()


def test_there_is_no_status_before_the_first(tmp_path: Path) -> None:
    assert read_status(tmp_path) is None
    (tmp_path / "status.json").write_text("{")
    assert read_status(tmp_path) is None

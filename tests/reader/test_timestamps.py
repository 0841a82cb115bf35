"""The zone of a time without one: proved by the id, by the Date header, configured, or assumed."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from wafscope.reader.timestamps import id_second, parse_ctime, proved_second, resolve

TOKYO = ZoneInfo("Asia/Tokyo")
NEW_YORK = ZoneInfo("America/New_York")


def second(year: int, month: int, day: int, hour: int = 0, minute: int = 0, seconds: int = 0) -> int:
    """Seconds since the epoch of a time in UTC."""
    return int(datetime(year, month, day, hour, minute, seconds, tzinfo=UTC).timestamp())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Mon Nov  9 00:17:43 2026", second(2026, 11, 9, 0, 17, 43)),
        ("Tue Nov 24 02:39:37 2026", second(2026, 11, 24, 2, 39, 37)),
        ("yesterday", None),
        ("", None),
        ("Mon Xyz  9 00:17:43 2026", None),
        ("\u0014\u00108garbage of 24 bytes...", None),
    ],
)
def test_ctime_is_read_or_refused(text: str, expected: int | None) -> None:
    assert expected == parse_ctime(text)


@pytest.mark.parametrize(
    ("transaction_id", "expected"),
    [
        ("179418346364.242542", 1794183463),
        ("17954879779.069533", 1795487977),
        ("1640795023", 1640795023),
        ("b900cbb259ece1a36d84ed0fca1a25ea", None),
        ("12345", None),
        ("", None),
    ],
)
def test_only_ids_of_the_engine_tell_a_second(transaction_id: str, expected: int | None) -> None:
    assert expected == id_second(transaction_id)


def test_the_doubled_hour_is_settled_by_the_id() -> None:
    # 2026-11-01 01:10 in New York happened twice; the id says which.
    first, again = second(2026, 11, 1, 5, 10), second(2026, 11, 1, 6, 10)
    for moment in (first, again):
        assert moment == proved_second("Sun Nov  1 01:10:00 2026", f"{moment}36.099950")


def test_a_foreign_id_proves_nothing() -> None:
    assert proved_second("Sun Nov  1 01:10:00 2026", "179418346364.242542") is None


def test_the_date_header_proves_the_zone_of_a_foreign_id() -> None:
    local = parse_ctime("Tue Nov 24 11:39:28 2026")
    answer = resolve(local, "b900cbb2", "Tue, 24 Nov 2026 02:39:29 GMT", None, UTC)
    assert (second(2026, 11, 24, 2, 39, 28), "date_header") == answer


def test_a_configured_zone_is_used_and_named() -> None:
    local = parse_ctime("Tue Nov 24 11:39:28 2026")
    assert (second(2026, 11, 24, 2, 39, 28), "configured") == resolve(local, "x", None, TOKYO, UTC)


def test_the_zone_of_the_machine_is_an_assumption() -> None:
    local = parse_ctime("Tue Nov 24 02:39:28 2026")
    assert (second(2026, 11, 24, 7, 39, 28), "assumed") == resolve(local, "x", None, None, NEW_YORK)


def test_a_record_without_any_time_has_none() -> None:
    assert resolve(None, "x", None, TOKYO, UTC) is None

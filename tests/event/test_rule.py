"""What a rule id says by itself."""

from __future__ import annotations

import pytest

from wafscope.event.rule import points_of


@pytest.mark.parametrize(
    ("rule_id", "severity", "points"),
    [
        (942100, 2, 5), (920300, 3, 4), (920350, 4, 3), (920330, 5, 2), (942100, None, 0), (942100, 6, 0), (None, 2, 5),
        (100_001, 2, 5), (949110, 0, 0), (901001, 2, 0), (980170, 2, 0), (981176, 2, 0), (200_002, 2, 0),
        (200_006, 4, 0),
    ],
)  # fmt: skip
def test_points_of_a_rule(rule_id: int | None, severity: int | None, points: int) -> None:
    """Those that come with the engines deny by themselves: in real logs their severity is no part of any total."""
    assert points_of(rule_id, severity) == points

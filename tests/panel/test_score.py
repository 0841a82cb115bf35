"""The score as a waterfall."""

from tests.make import START, event, match

from wafscope.event.model import Value
from wafscope.event.outline import outline
from wafscope.panel.score import waterfall


def test_steps_add_up_to_what_the_engine_says() -> None:
    made = event(
        START, match(913100, points=5), match(942100, points=5), match(942100, points=5), match(949110),
        score=15, score_source="949110_message", threshold=5, points=15,
    )  # fmt: skip
    found = waterfall(made)
    assert [(step.rule_id, step.start, step.points, step.times, step.number) for step in found.steps] == [
        (913100, 0, 5, 1, 1),
        (942100, 5, 10, 2, 2),
    ]
    assert (found.points, found.said, found.unexplained, found.surplus) == (15, 15, 0, 0)
    assert (found.top, found.ticks) == (15, (0, 5, 10, 15))


def test_points_that_the_log_does_not_explain() -> None:
    found = waterfall(event(START, match(920450, points=5), score=35, score_source="949110_message", threshold=5))
    assert (found.points, found.said, found.unexplained) == (5, 35, 30)


def test_a_rule_adds_its_points_for_each_value() -> None:
    several = match(941100, points=15, others=(Value("ARGS:b", "x", "", ""), Value("ARGS:c", "x", "", "")))
    found = waterfall(event(START, several, score=15, score_source="949110_message", threshold=5))
    assert [(step.times, step.points) for step in found.steps] == [(3, 15)]
    assert (found.points, found.unexplained, found.surplus) == (15, 0, 0)


def test_of_an_event_of_a_flood_the_points_for_further_values_are_told_together() -> None:
    several = match(941100, points=15, severity=2, others=(Value("ARGS:b"), Value("ARGS:c")))
    made = event(
        START, several, match(942100, points=5, severity=2), points=20, score=25, score_source="949110_message"
    )
    found = waterfall(outline(made))
    assert [(step.times, step.points) for step in found.steps] == [(1, 5), (1, 5)]
    assert (found.further, found.points, found.unexplained, found.surplus) == (10, 20, 5, 0)
    assert (waterfall(made).further, waterfall(made).points) == (0, 20)


def test_more_points_than_the_engine_says() -> None:
    found = waterfall(event(START, match(920450, points=5), score=3, score_source="949110_message"))
    assert (found.unexplained, found.surplus) == (0, 2)


def test_a_computed_score_is_not_the_engine_s() -> None:
    found = waterfall(event(START, match(920450, points=3), score=3, score_source="computed"))
    assert (found.said, found.unexplained, found.surplus) == (None, 0, 0)


def test_response_rules_belong_to_the_outbound_score() -> None:
    found = waterfall(event(START, match(953120, points=4), score=0, score_outbound=4))
    assert (found.steps, found.outbound) == ((), 4)


def test_the_scale_holds_all_there_is() -> None:
    for points in (0, 1, 4, 9, 10, 49, 50, 123, 4_999, 70_000, 1_000_000):
        found = waterfall(event(START, match(1, points=points), score=points, score_source="report", threshold=5))
        assert found.top >= points
        assert found.ticks[-1] == found.top
        assert len(found.ticks) <= 12

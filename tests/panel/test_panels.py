"""The panels over a small store: every figure can be counted by hand."""

from collections.abc import Sequence
from datetime import date, datetime

import pytest
from tests.make import START, event, hour, match, write

from wafscope.event.fields import find
from wafscope.event.model import Event
from wafscope.i18n.moment import to_microseconds
from wafscope.panel import (
    classes,
    clients,
    events,
    facets,
    first,
    held,
    hits,
    hosts,
    nothing,
    rules,
    series,
    top,
    values,
)
from wafscope.panel.answers import Answers
from wafscope.panel.change import Change, coverage, held_days
from wafscope.panel.view import View, one_of
from wafscope.query.filter import Term
from wafscope.query.parser import parse
from wafscope.query.question import Answer, Count, Cursor, Top, TopValues
from wafscope.query.timespan import DAY, HOUR, MINUTE, Window
from wafscope.store.memory import MemoryStore

DAY_2 = Window(START + DAY, START + 2 * DAY)
OLD = {"host": "a.example", "client_address": "192.0.2.1", "outcome": "would_block", "engine_mode": "detection_only"}


def old(at: float, **values: object) -> Event:
    return event(hour(at), match(920350, points=3), **(OLD | {"attack_class": "policy"} | values))


def new(at: float, **values: object) -> Event:
    known = OLD | {"host": "b.example", "client_address": "192.0.2.9", "attack_class": "sqli"}
    return event(hour(at), match(942100, points=5), match(949110), **(known | values))


def store_of(*made: Event) -> Answers:
    store = MemoryStore()
    write(store, made)
    return Answers(store)


@pytest.fixture
def answers() -> Answers:
    """One day with four events, the next with two of the same kind, three of another and one below."""
    return store_of(
        *(old(n) for n in (1, 5, 9, 20)),
        *(old(n) for n in (25, 30)),
        *(new(n) for n in (31, 32, 33)),
        event(
            hour(40),
            host=None,
            client_address="192.0.2.1",
            outcome="no_match",
            status=503,
            engine_mode="detection_only",
        ),
    )


def test_hits_against_the_day_before(answers: Answers) -> None:
    found = hits.ask(answers, View(DAY_2))
    assert found.change == Change(6, 4)
    assert (found.matches, found.rules) == (5, 2)
    assert [(part.outcomes, part.events) for part in found.parts] == [
        (("blocked",), 0),
        (("would_block",), 5),
        (("below", "no_match"), 1),
    ]
    assert found.modes == (("detection_only", 6),)
    assert (found.coverage.held, found.coverage.days, found.coverage.days_held) == ("all", 1, 1)


def test_without_anything_before_there_is_no_comparison(answers: Answers) -> None:
    found = hits.ask(answers, View(Window(START, START + DAY)))
    assert (found.change, found.coverage.held) == (Change(4, None), "none")


def test_a_day_without_events_is_not_held() -> None:
    answers = store_of(old(1), old(49))
    days = held_days(answers, "UTC")
    assert [(day.day, day.events) for day in days] == [
        (date(2026, 11, 18), 1), (date(2026, 11, 19), 0), (date(2026, 11, 20), 1),
    ]  # fmt: skip
    found = coverage(answers, View(DAY_2), Window(START, START + 2 * DAY))
    assert (found.held, found.days, found.days_held) == ("part", 2, 1)
    assert held.ask(answers, "UTC").empty_days == (days[1],)


def test_days_follow_the_zone_over_a_change_of_clocks() -> None:
    # Clocks in New York went back on 1 November 2026: that day has 25 hours.
    at = to_microseconds(datetime.fromisoformat("2026-10-31T23:30:00-04:00"))
    answers = store_of(*(event(at + n * HOUR) for n in (0, 1, 25, 26)))
    days = held_days(answers, "America/New_York")
    assert [(day.day.day, day.events, (day.end - day.start) // HOUR) for day in days] == [
        (31, 1, 24), (1, 2, 25), (2, 1, 24),
    ]  # fmt: skip


def test_one_event_with_a_wrong_clock_does_not_make_fifty_years_of_days() -> None:
    assert len(held_days(store_of(event(0), old(1)), "UTC")) <= 401


def test_series_has_every_bin_and_the_window_before(answers: Answers) -> None:
    found = series.ask(answers, View(DAY_2))
    assert found.step == 15 * MINUTE
    assert len(found.bins) == 96
    assert sum(b.total for b in found.bins) == 6
    assert found.before is not None
    assert sum(found.before) == 4
    assert found.bins[4].counts[found.stacks.index("policy")] == 1
    assert found.bins[28].counts[found.stacks.index("sqli")] == 1
    assert found.bins[64].counts[found.stacks.index("other")] == 1


def test_series_by_host_puts_the_rest_together() -> None:
    answers = store_of(*(old(30 + n / 10, host=f"h{n}.example") for n in range(9)), old(30, host="h0.example"))
    found = series.ask(answers, View(DAY_2, by="host"))
    assert (found.stacks[0], len(found.stacks), found.stacks[-1]) == ("h0.example", 6, "…")
    assert sum(b.total for b in found.bins) == 10


def test_a_bar_far_above_the_others_is_cut_and_says_so() -> None:
    made = [old(24.5 + n / 4) for n in range(60)] + [new(30 + n / 10_000) for n in range(100)]
    answers = store_of(*made)
    found = series.ask(answers, View(DAY_2))
    assert found.highest is not None
    assert (found.limit, found.highest.total) == (5, 101)
    assert found.first is not None
    assert found.last is not None
    assert found.first >= found.highest.start
    assert series.ask(answers, View(DAY_2, full=True)).limit is None
    assert first.peak(answers, View(DAY_2)) is not None


@pytest.mark.parametrize("totals", [[], [0], [7], [1, 1, 6], [0] * 90 + [4] * 10, [10] * 50])
def test_nothing_is_cut_where_nothing_stands_out(totals: list[int]) -> None:
    assert series.cut_above(totals) is None


def test_time_of_which_nothing_is_held_is_void() -> None:
    answers = store_of(old(1), old(49))
    found = series.ask(answers, View(Window(START - DAY, START + 4 * DAY)))
    assert found.void == (
        (START - DAY, hour(1) // found.step * found.step),
        (START + DAY, START + 2 * DAY),
        (START + 3 * DAY, START + 4 * DAY),
    )


def test_values_with_their_change(answers: Answers) -> None:
    found = hosts.ask(answers, View(DAY_2))
    assert [(row.value, row.change) for row in found.rows] == [
        ("b.example", Change(3, 0)),
        ("a.example", Change(2, 4)),
        (None, Change(1, 0)),
    ]
    assert found.rows[0].change.is_new
    assert (found.distinct, found.has_more, found.rows[1].share) == (2, False, 2 / 3)
    assert [row.value for row in clients.ask(answers, View(DAY_2)).rows] == ["192.0.2.1", "192.0.2.9"]


def test_a_missing_value_is_found_again() -> None:
    answers = store_of(old(1, host=None), old(2, host=None), old(25, host=None))
    assert values.ask(answers, View(DAY_2), "host", limit=5).rows[0].change == Change(1, 2)


def test_rules_leave_bookkeeping_out(answers: Answers) -> None:
    found = rules.ask(answers, View(DAY_2))
    assert [(row.rule_id, row.change, row.attack_class, row.share) for row in found.rows] == [
        (942100, Change(3, 0), "sqli", 0.5),
        (920350, Change(2, 4), "policy", 2 / 6),
    ]
    assert (found.distinct, found.rows[0].last) == (2, hour(33))


def test_classes_have_a_segment_for_each_rule(answers: Answers) -> None:
    found = classes.ask(answers, View(DAY_2))
    assert [(row.attack_class, row.events, row.before, len(row.segments)) for row in found.rows] == [
        ("sqli", 3, 0, 1),
        ("policy", 2, 4, 1),
    ]
    assert found.most == 4


def test_a_class_counts_an_event_once_and_whatever_its_leading_class() -> None:
    both = event(hour(25), match(942100, points=5), match(942190, points=5), match(920350, points=3), match(949110))
    answers = store_of(both, event(hour(26), match(920350, points=3), attack_class="policy"))
    found = classes.ask(answers, View(DAY_2))
    assert [(row.attack_class, row.events) for row in found.rows] == [("policy", 2), ("sqli", 1)]
    assert [(each.rule_id, each.events, each.share) for each in found.rows[1].segments] == [
        (942100, 1, 0.5), (942190, 1, 0.5),
    ]  # fmt: skip
    for row in found.rows:
        behind = View(DAY_2).narrowed(parse(f"rule_class:{row.attack_class}"))
        assert answers.count(Count(behind)).value.events == row.events


def test_what_is_new_needs_something_before(answers: Answers) -> None:
    found = first.ask(answers, View(DAY_2))
    assert found.rules is not None
    assert found.clients is not None
    assert [value.value for value in found.rules.values] == [942100]
    assert [value.value for value in found.clients.values] == ["192.0.2.9"]
    assert found.server_errors.events == 1
    alone = first.ask(answers, View(Window(START, START + DAY)))
    assert (alone.rules, alone.clients, alone.held_before) == (None, None, False)


def test_a_burst_is_one_client_in_a_short_time() -> None:
    answers = store_of(old(1), *(old(25 + n) for n in range(20)), *(new(30 + n / 1000) for n in range(60)))
    found = first.burst(answers, View(DAY_2))
    assert found is not None
    assert (found.client, found.events, found.hosts, found.only_host, found.seen_before) == (
        "192.0.2.9", 60, 1, "b.example", False,
    )  # fmt: skip
    panel = hits.ask(answers, View(DAY_2))
    assert panel.without_burst == Change(20, 1)


def test_a_client_that_comes_all_day_is_no_burst() -> None:
    answers = store_of(*(old(25 + n / 3) for n in range(60)))
    assert first.burst(answers, View(DAY_2)) is None


def test_presets(answers: Answers) -> None:
    found = first.presets(answers, View(DAY_2))
    assert (found.new_rule_count, found.new_client_count, found.server_errors, found.would_block) == (1, 1, 1, 5)


def test_the_panels_of_a_page_share_their_questions() -> None:
    """Clients are grouped once for three panels, those that are new once for two."""
    asked: list[Top] = []

    class Asked(MemoryStore):
        def top(self, question: Top, *, time_limit: float = 5.0) -> Answer[TopValues]:
            asked.append(question)
            return super().top(question, time_limit=time_limit)

        def facets(self, questions: Sequence[Top], *, time_limit: float = 5.0) -> Answer[tuple[TopValues, ...]]:
            asked.extend(questions)
            return super().facets(questions, time_limit=time_limit)

    store = Asked()
    write(store, [old(1), old(2), *(new(30 + n) for n in range(9))])
    answers, view = Answers(store), View(DAY_2)
    for panel in (first.ask, first.presets, hits.ask, clients.ask, classes.ask, rules.ask):
        panel(answers, view)

    assert len(set(asked)) == len(asked)
    in_window = [(top.field, top.new) for top in asked if top.scope == view.scope]
    assert len(set(in_window)) == len(in_window)


def test_list_and_totals(answers: Answers) -> None:
    view = View(DAY_2, parse("@rule:942100"))
    found = events.ask(answers, view, before=None, after=None, limit=2)
    assert [(entry.lead, entry.lead_class, entry.more) for entry in found.rows] == [(942100, "sqli", 0)] * 2
    assert (found.has_older, found.has_newer) == (True, False)
    last = found.rows[-1].row
    rest = events.ask(answers, view, before=Cursor(last.time, last.id), after=None)
    assert [entry.row.time for entry in rest.rows] == [hour(31)]
    totals = events.totals(answers, view)
    assert (totals.matching, totals.all) == (3, 6)


def test_facets_leave_out_what_is_not_known(answers: Answers) -> None:
    found = {facet.field.name: facet for facet in facets.ask(answers, View(DAY_2)).facets}
    assert [value.value for value in found["host"].values] == ["b.example", "a.example", None]
    assert found["rule.id"].values[0].note == "Message of 942100"
    assert "user_agent.original" not in found


def test_all_values_page_by_page() -> None:
    answers = store_of(*(old(25, host=f"h{n:03}.example") for n in range(450)))
    view, field = View(DAY_2), find("host")
    pages = [top.ask(answers, view, field, page=page, new=False) for page in range(3)]
    assert [(page.first, len(page.rows), page.has_more) for page in pages] == [
        (1, 200, True),
        (201, 200, True),
        (401, 50, False),
    ]
    assert len({row.value for page in pages for row in page.rows}) == 450


def test_a_missing_value_has_no_rank_and_hides_no_value() -> None:
    nameless = [old(25, host=None) for _ in range(2)]
    answers = store_of(*nameless, *(old(25, host=f"h{n:03}.example") for n in range(200)))
    view, field = View(DAY_2), find("host")
    pages = [top.ask(answers, view, field, page=page, new=False) for page in range(2)]
    assert [(page.first, page.last, len(page.rows), page.has_more) for page in pages] == [
        (1, 199, 200, True),
        (200, 200, 1, False),
    ]
    assert pages[0].distinct == 200
    assert {facet.field.name: facet.more for facet in facets.ask(answers, view).facets}["host"] == 194


def test_nothing_found_says_which_term_to_drop(answers: Answers) -> None:
    line = "@host:b.example is:blocked"
    found = nothing.ask(answers, View(DAY_2, parse(line)), line)
    assert found is not None
    assert [(drop.text, drop.index, drop.events) for drop in found.drops] == [("is:blocked", 1, 3)]
    assert nothing.ask(answers, View(DAY_2), "") is None


def test_one_of_takes_a_missing_value_in() -> None:
    assert one_of("host", ("a",)) == Term("host", "is", ("a",))
    answers = store_of(old(25, host=None), old(26), old(27, host="c"))
    found = values.ask(answers, View(DAY_2, one_of("host", (None, "c"))), "host", limit=0)
    assert {row.value for row in found.rows} == {None, "c"}

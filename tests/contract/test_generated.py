"""Stores agree on events and filters that nobody thought of."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests import strategies
from tests.contract.conftest import Twins, open_kind
from tests.contract.test_pages import downwards, without_ids
from tests.make import START, write

from wafscope.event.fields import FIELDS
from wafscope.event.model import Event
from wafscope.query.filter import Filter
from wafscope.query.question import Histogram, Scope, Top
from wafscope.query.timespan import ALL_TIME, DAY, HOUR, Window
from wafscope.store.memory import MemoryStore

NAMES = [*(field.name for field in FIELDS), "day"]
windows = st.just(ALL_TIME) | st.tuples(strategies.times, st.integers(1, 3 * DAY)).map(
    lambda w: Window(w[0], w[0] + w[1])
)

few = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
many = settings(few, max_examples=60)


@many
@given(tree=strategies.filters(), window=windows, name=st.sampled_from(NAMES))
def test_generated_filters_hold_for_the_same_events(twins: Twins, tree: Filter, window: Window, name: str) -> None:
    scope = Scope(window, tree)
    twins.count(scope)
    twins.top(Top(name, scope, limit=4))
    expected, found = (downwards(store, scope, 50) for store in (twins.reference, twins.store))

    assert [without_ids(rows) for rows in expected] == [without_ids(rows) for rows in found]


@few
@given(events=strategies.event_lists(), data=st.data())
def test_generated_events_are_stored_alike(kind: str, events: list[Event], data: st.DataObject) -> None:
    batches = data.draw(strategies.batches(events))
    with open_kind(kind) as store, MemoryStore() as reference:
        twins = Twins(store, reference)
        for batch in batches:
            assert write(reference, batch) == write(store, batch)
        twins.agree(lambda each: each.held())
        for tree in data.draw(st.lists(strategies.filters(), min_size=1, max_size=4)):
            _ask_all(twins, Scope(ALL_TIME, tree), data.draw(st.sampled_from(NAMES)))
        assert [without_ids(rows) for rows in downwards(reference, Scope(), 3)] == [
            without_ids(rows) for rows in downwards(store, Scope(), 3)
        ]


def _ask_all(twins: Twins, scope: Scope, name: str) -> None:
    twins.count(scope)
    twins.top(Top(name, scope))
    twins.top(Top("rule.id", scope, order="matches", bookkeeping=False))
    twins.agree(
        lambda store: store.histogram(
            Histogram(Scope(Window(START, START + DAY), scope.filter), HOUR, by="host", limit=2)
        )
    )

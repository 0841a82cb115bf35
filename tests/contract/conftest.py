"""Every store, beside a MemoryStore that was given the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TypeVar

import msgspec
import pytest
from tests.contract.made import BATCHES
from tests.make import write

from wafscope.query.question import Answer, Bins, Count, Counts, Histogram, Page, Scope, Top, TopValues
from wafscope.store.base import EventStore
from wafscope.store.memory import MemoryStore

T = TypeVar("T")
KINDS = ("memory", "duckdb")


def open_kind(kind: str, path: Path | None = None) -> EventStore:
    """Open a new store of a kind; without a path the store is gone at the end."""
    if kind == "memory":
        return MemoryStore()
    from wafscope.store.duckdb.store import DuckStore

    return DuckStore(path)


class Twins(msgspec.Struct, frozen=True):
    """A store and the reference, which hold the same."""

    store: EventStore
    reference: EventStore

    def agree(self, ask: Callable[[EventStore], Answer[T]]) -> T:
        """Ask both the same; the answer must be whole, exact and the reference's."""
        expected, answer = ask(self.reference), ask(self.store)
        assert (answer.exact, answer.cut) == (True, False)
        assert (expected.since, expected.rolled) == (answer.since, answer.rolled)
        assert expected.value == answer.value
        return answer.value

    def count(self, scope: Scope) -> Counts:
        return self.agree(lambda store: store.count(Count(scope)))

    def top(self, question: Top) -> TopValues:
        return self.agree(lambda store: store.top(question))

    def histogram(self, question: Histogram) -> Bins:
        return self.agree(lambda store: store.histogram(question))


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    """The name of a kind of store."""
    return str(request.param)


@pytest.fixture
def store(kind: str, tmp_path: Path) -> Iterator[EventStore]:
    """An empty store."""
    with open_kind(kind, tmp_path / "store.duckdb") as opened:
        yield opened


@pytest.fixture(scope="module", params=KINDS)
def twins(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Twins]:
    """A store of each kind with the hand-made events, and the reference; for questions only."""
    with ExitStack() as stack:
        path = tmp_path_factory.mktemp("contract") / "store.duckdb"
        opened = stack.enter_context(open_kind(str(request.param), path))
        made = Twins(opened, stack.enter_context(MemoryStore()))
        for sensor, source, events in BATCHES:
            write(made.store, events, sensor=sensor, source=source)
            write(made.reference, events, sensor=sensor, source=source)
        for each in (made.store, made.reference):
            for row in each.page(Page(Scope(), limit=12)).value.rows[::3]:
                assert each.review(row.id, 1)
        yield made

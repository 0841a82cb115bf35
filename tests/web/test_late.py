"""A slow, a cut and a broken store."""

import re
from collections.abc import Iterator
from threading import Event as Flag
from typing import Any

import msgspec
import pytest
from litestar import Litestar
from litestar.testing import TestClient
from tests.make import write
from tests.source.receiving import until
from tests.web.conftest import SETTINGS, request

from wafscope.errors import StoreError, Unsupported
from wafscope.i18n.text import text
from wafscope.query.question import Answer, Bins, Count, Counts, Histogram, Page, Rows, Top, TopValues
from wafscope.store.memory import MemoryStore
from wafscope.web.app import create_app

Client = TestClient[Litestar]


PATIENCE = 60
"""Seconds; far more than anything here takes."""


class Odd(MemoryStore):
    """Slow for one field, cut, or broken, as told."""

    cut = False
    error: Exception | None = None
    lost = False

    def __init__(self) -> None:
        super().__init__()
        self.go = Flag()
        """A slow answer waits for it."""
        self.go.set()

    def top(self, question: Top, *, time_limit: float = 5.0) -> Answer[TopValues]:
        if question.field == "client.address":
            self.go.wait(PATIENCE)
        return msgspec.structs.replace(super().top(question, time_limit=time_limit), cut=self.cut)

    def count(self, question: Count, *, time_limit: float = 5.0) -> Answer[Counts]:
        return msgspec.structs.replace(super().count(question, time_limit=time_limit), cut=self.cut)

    def page(self, question: Page, *, time_limit: float = 5.0) -> Answer[Rows]:
        if self.lost:
            raise RuntimeError("secret detail")
        self.go.wait(PATIENCE)
        return super().page(question, time_limit=time_limit)

    def histogram(self, question: Histogram, *, time_limit: float = 5.0) -> Answer[Bins]:
        if self.error and question.by:
            raise self.error
        return super().histogram(question, time_limit=time_limit)


@pytest.fixture
def odd() -> Odd:
    store = Odd()
    write(store, [request(n) for n in range(5)])
    return store


@pytest.fixture
def console(odd: Odd) -> Iterator[Client]:
    with TestClient(create_app(odd, SETTINGS), base_url="http://console.local") as made:
        yield made


def placeholders(page: str) -> dict[str, str]:
    return {name: address for address, name in re.findall(r'hx-get="(/panel/(\w+)[^"]*)"', page)}


@pytest.fixture
def hurried(odd: Odd) -> Iterator[Client]:
    settings = msgspec.structs.replace(SETTINGS, patience=0.2)
    with TestClient(create_app(odd, settings), base_url="http://console.local") as made:
        yield made


def test_the_page_does_not_wait_for_a_slow_panel(odd: Odd, hurried: Client) -> None:
    odd.go.clear()
    page = hurried.get("/?t=all").text
    late = placeholders(page)
    assert "clients" in late
    assert 'aria-busy="true"' in page
    odd.go.set()
    part = hurried.get(late["clients"].replace("&amp;", "&")).text
    assert "192.0.2.1" in part
    until(lambda: placeholders(hurried.get("/?t=all").text) == {})


def test_events_that_come_too_late_or_not_at_all_are_said(odd: Odd) -> None:
    settings = msgspec.structs.replace(SETTINGS, time_limit=0.1)
    with TestClient(create_app(odd, settings), base_url="http://console.local") as console:
        odd.go.clear()
        answer = console.get("/events?t=all")
        odd.go.set()
        assert answer.status_code == 200
        assert "The store didn’t answer in time" in answer.text
        odd.lost = True
        answer = console.get("/events?t=all&q=is:would_block")
        assert answer.status_code == 200
        assert "This panel failed." in answer.text
        assert "secret detail" not in answer.text


def test_a_cut_answer_is_said(odd: Odd, console: Client) -> None:
    odd.cut = True
    assert "Stopped after" in console.get("/?t=all").text
    assert "Stopped after" in console.get("/events?t=all").text


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (Unsupported(text("This store can’t do it.")), "This store can’t do it."),
        (StoreError(text("gone")), "gone"),
        (RuntimeError("secret detail"), "This panel failed."),
    ],
)
def test_a_panel_that_fails_does_not_take_the_page_with_it(
    odd: Odd, console: Client, error: Exception, said: str
) -> None:
    odd.error = error
    answer = console.get("/?t=all")
    assert answer.status_code == 200
    assert said in answer.text
    assert "secret detail" not in answer.text
    assert 'data-key="3"' in answer.text


class Broken(MemoryStore):
    """Answers nothing at all."""

    def held(self, *, time_limit: float = 5.0) -> Answer[Any]:  # noqa: ARG002
        raise StoreError(text("The store is gone."), hint=text("Start it again."))


def test_a_store_that_is_gone_has_a_page_of_its_own() -> None:
    with TestClient(create_app(Broken(), SETTINGS), base_url="http://console.local") as console:
        answer = console.get("/")
        assert answer.status_code == 503
        assert "The store is gone." in answer.text
        assert "Start it again." in answer.text
        assert console.get("/healthz").status_code == 503

"""What the pages say of events that retention has removed."""

from __future__ import annotations

from litestar import Litestar
from litestar.testing import TestClient
from tests.make import START
from tests.web.conftest import NOW

from wafscope.query.timespan import DAY, Window
from wafscope.store.memory import MemoryStore


def test_pages_say_the_window_that_is_held(client: TestClient[Litestar], store: MemoryStore) -> None:
    assert "were removed" not in client.get("/?t=all").text
    store.remove(Window(START, START + DAY), "age", NOW)
    page = client.get("/?t=all").text
    assert "<b>19 Nov 00:00 – 20 Nov 01:00</b>" in page
    assert "24 events from before 19 Nov 00:00 were removed" in page
    assert "Before 19 Nov 00:00 by hourly counts." in page
    assert "Only from 19 Nov 00:00 on: older events were removed." in page
    assert "Only from 19 Nov 00:00 on" in client.get("/events?t=all").text
    assert "hourly counts" not in client.get("/?t=24h").text


def test_the_sources_page_tells_each_day_that_was_removed(client: TestClient[Litestar], store: MemoryStore) -> None:
    assert "Removed by retention" not in client.get("/sources").text
    store.remove(Window(START, START + DAY), "size", NOW)
    page = client.get("/sources").text
    assert "Removed by retention" in page
    assert "2026-11-18" in page
    assert "too much for the limit of size" in page
    assert "24 events from before 19 Nov 00:00; hourly counts from 18 Nov 00:00 on" in page
    assert "0 dropped" in page

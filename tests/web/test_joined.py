"""The page of an event that the error log knows more about."""

from __future__ import annotations

from litestar import Litestar
from litestar.testing import TestClient
from tests.make import START, event, write

from wafscope.query.question import Page, Scope
from wafscope.store.memory import MemoryStore

LINE = b"2026/11/18 02:30:00 [error] ModSecurity: Access denied <b>\x1b[31m"


def test_the_event_page_shows_the_lines_of_the_error_log(client: TestClient[Litestar], store: MemoryStore) -> None:
    write(store, [event(START, transaction_id="t0", format="err.nginx.v3", raw=LINE)], source="/var/log/error.log")
    newest = store.page(Page(Scope(), 50)).value.rows
    page = client.get(f"/events/{newest[-1].id.hex()}").text

    assert "In the error log" in page
    assert "Access denied &lt;b&gt;" in page
    assert "\x1b" not in page
    assert "In the error log" not in client.get(f"/events/{newest[0].id.hex()}").text
    text = client.get("/").text
    assert "</b> stored (1 of them joined from the error log), 0 in quarantine" in text

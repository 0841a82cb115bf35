"""The page of an event whose record was not kept says so, and shows all that was."""

from __future__ import annotations

import msgspec
import pytest
from litestar.testing import TestClient
from tests.make import match, write
from tests.web.conftest import SETTINGS, request
from tests.web.test_pages import checked

from wafscope.event.outline import outline
from wafscope.query.question import Page, Scope
from wafscope.store.memory import MemoryStore
from wafscope.web.app import create_app

NO_HEADER = match(920320, target="REQUEST_HEADERS:User-Agent", operator="eq", parameter="0", value="0")


@pytest.mark.parametrize(
    ("language", "said"), [("en", "The record was not kept"), ("ja", "生レコードは保存されていません")]
)
def test_the_page_says_what_is_not_there(language: str, said: str) -> None:
    made = outline(request(1, user_agent="sqlmap", gaps=()))
    made = msgspec.structs.replace(made, matches=(NO_HEADER,))
    store = MemoryStore()
    write(store, [made])
    (row,) = store.page(Page(Scope(), 50)).value.rows
    with TestClient(create_app(store, SETTINGS), base_url="http://console.local") as console:
        address = f"/events/{row.id.hex()}"
        page = console.get(address, headers={"Accept-Language": language}).text
        raw = console.get(f"{address}/raw", headers={"Accept-Language": language})
        checked(page)
        checked(console.get(f"{address}/preview").text)

        assert said in page
        assert f"{address}/raw" not in page
        assert "/a?q=1" in page
        assert "sqlmap" in page
        assert "has no header" not in page
        assert (raw.status_code, said in raw.text) == (404, True)

"""The page of an event with everything a log can hold, in a browser."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect
from tests.browser.conftest import Window, follow, served
from tests.browser.test_look import overflow
from tests.make import START, event, match, write
from tests.web.test_event_page import EVIL, FULL, FULL_MATCHES, hostile_event

from wafscope.store.memory import MemoryStore


@pytest.fixture(scope="module")
def console() -> Iterator[str]:
    store = MemoryStore()
    known = FULL | {"raw": b'{"a":{"b":"\xff"}}', "format": "v2.json", "transaction_id": "json"}
    write(store, [event(START, *FULL_MATCHES, **FULL), event(START + 1, match(), **known), hostile_event(START + 2)])
    with served(store) as found:
        yield found


@pytest.mark.parametrize("width", [390, 1440])
def test_nothing_sticks_out(window: Window, console: str, width: int) -> None:
    page = window.open(f"{console}/events?t=all", width=width)
    addresses = [row.get_attribute("data-href") for row in page.locator("table.cards tbody tr").all()]
    assert len(addresses) == 3
    for address in addresses:
        page.goto(f"{console}{address}")
        for fold in page.locator("main details.fold summary").all():
            fold.click()
        assert overflow(page) == []
        assert page.locator("main script").count() == 0
    expect(page.locator("#m1 .code.is-rule")).to_be_visible()


def test_a_hostile_record_is_text(window: Window, console: str) -> None:
    page = window.open(f"{console}/events?t=all")
    page.goto(f"{console}{page.locator('table.cards tbody tr').first.get_attribute('data-href')}")
    expect(page.locator("main")).to_contain_text(EVIL[:25])
    expect(page.locator("main")).to_contain_text(r"\u202e\x1b")


def test_json_is_laid_out_without_script(window: Window, console: str) -> None:
    page = window.open(f"{console}/events?t=all", java_script_enabled=False)
    page.goto(f"{console}{page.locator('table.cards tbody tr').nth(1).get_attribute('data-href')}")
    follow(page, page.get_by_role("link", name="Laid out"))
    expect(page.locator("#raw")).to_contain_text(r'"b": "\xff"')
    assert page.locator("#raw > div").count() == 5

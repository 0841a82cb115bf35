"""The list of events, one event, and the keys that lead from one to the other."""

import re

from playwright.sync_api import Page, expect
from tests.browser.conftest import WEEK, Truth, Window, follow, go, texts

from wafscope.query.parser import encode

SCAN = encode("@ip:127.0.0.66 @host:git.example.org")


def rows(page: Page) -> list[str]:
    found: list[str] = page.locator("table.cards tbody tr").evaluate_all("rows => rows.map((row) => row.dataset.href)")
    return found


def test_older_shows_every_event_once(window: Window, address: str, truth: Truth) -> None:
    page = window.open(f"{address}/events?t=7d")
    seen: list[str] = []
    while True:
        found = [match[1] for href in rows(page) if (match := re.search(r"/events/([0-9a-f]{32})", href))]
        seen += found
        older = page.locator("a[rel=next]")
        if not older.count():
            break
        follow(page, older)
    assert len(seen) == len(set(seen)) == truth.events
    for _ in range(3):
        follow(page, page.locator("a[rel=prev]"))
    last = len(seen) - len(seen) % 50 - 150
    assert [row.split("?")[0] for row in rows(page)] == [f"/events/{event}" for event in seen[last : last + 50]]


def test_facets_narrow_the_list(window: Window, address: str, truth: Truth) -> None:
    page = window.open(f"{address}/events?t=7d")
    item = page.locator(".facet li", has_text="wiki.example.org")
    item.hover()
    follow(page, item.locator("a[data-in]"))
    expect(page.locator("h2", has_text=f"{truth.hosts['wiki.example.org']} events")).to_be_visible()


def test_the_cursor_moves_previews_and_opens(window: Window, address: str) -> None:
    page = window.open(f"{address}/events?t=7d&f={SCAN}")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    cursor = page.locator("tr.is-cursor")
    href = cursor.get_attribute("data-href")
    assert href == rows(page)[1]
    expect(page.locator("#preview h2 a")).to_have_attribute("href", href)
    page.keyboard.press("Enter")
    page.wait_for_url("**/events/*")
    page.go_back()
    expect(page.locator("tr.is-cursor")).to_have_attribute("data-href", href)
    expect(page.locator("#preview h2 a")).to_have_attribute("href", href)


def test_an_event_shows_its_matches(window: Window, address: str) -> None:
    page = window.open(f"{address}/events?t=7d&f={encode('@ip:127.0.0.66 @path:/api/items @uri:*sleep*')}")
    follow(page, page.locator("table.cards a.mid").first)
    expect(page.locator("#request mark").first).to_be_visible()
    rules = texts(page, "article.match:not(.is-sum) header a.mono")
    assert "942160" in rules
    marks = texts(page, "#request mark")
    assert any("sleep" in mark for mark in marks)
    numbers = texts(page, "article.match:not(.is-sum) > .no")
    assert numbers == [str(n) for n in range(1, len(rules) + 1)]
    article = page.locator("article.match", has_text="942160")
    for word in (
        "Target",
        "ARGS:",
        "Operator",
        "@rx",
        "REQUEST-942-APPLICATION-ATTACK-SQLI.conf:108",
        "attack-sqli",
        "Critical +5",
    ):
        expect(article).to_contain_text(word)
    expect(page.locator(".fall .sum .strong")).to_have_text(re.compile(r"\d+"))
    expect(page.locator("#raw")).to_contain_text('"unique_id"')
    page.keyboard.press("n")
    expect(page.locator("mark.is-current")).to_have_count(1)


def test_neighbours_and_newer_older(window: Window, address: str) -> None:
    page = window.open(f"{address}/events?t=7d&f={SCAN}")
    links = rows(page)
    page.goto(address + links[1])
    times = texts(page, "[aria-labelledby=head-neighbours] tbody td:first-child")
    assert len(times) == 7
    assert times == sorted(times)
    page.keyboard.press("[")
    page.wait_for_url(f"**{links[2].split('?')[0]}*")
    page.keyboard.press("]")
    page.wait_for_url(f"**{links[1].split('?')[0]}*")


def test_keys(window: Window, address: str) -> None:
    page = window.open(address + WEEK)
    page.keyboard.press("/")
    expect(page.locator("input[name=q]")).to_be_focused()
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.locator("dialog#help")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("dialog#help")).to_be_hidden()
    page.keyboard.press("5")
    expect(page.locator('[data-key="5"]')).to_be_focused()
    page.keyboard.press("j")
    expect(page.locator('[data-key="5"] tr.is-cursor')).to_have_count(1)
    go(page, "e", "**/events?t=7d")
    go(page, "o", "**/?t=7d")
    page.keyboard.press("[")
    page.wait_for_url("**from=*")


def test_filter_for_the_value_under_the_cursor(window: Window, address: str) -> None:
    page = window.open(address + WEEK)
    page.keyboard.press("3")
    page.keyboard.press("j")
    page.keyboard.press("Shift+F")
    expect(page.locator(".chip-not .v")).to_have_text("www.example.org")

"""The overview tells the truth, and every value on it leads on."""

import re
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Page, expect
from tests.browser.conftest import WEEK, Truth, Window, number

from wafscope.query.parser import decode

HITS = '[data-key="1"] .num'


def rows(page: Page, key: str) -> dict[str, int]:
    """First cell and hits of each row of a panel."""
    found = {}
    for row in page.locator(f'section[data-key="{key}"] tbody tr').all():
        cells = [" ".join(text.split()) for text in row.locator("td").all_inner_texts()]
        name = cells[0].removesuffix("+ −").strip()
        hits = next(cell for cell in cells[1:] if re.fullmatch(r"[\d,]+", cell))
        found[name] = number(hits)
    return found


def filter_of(page: Page) -> str:
    return decode(parse_qs(urlsplit(page.url).query).get("f", [""])[0])


def test_figures_are_those_of_the_log(window: Window, address: str, truth: Truth) -> None:
    page = window.open(address + WEEK)
    assert number(page.locator(HITS).inner_text()) == truth.events
    head = " ".join(page.locator('[data-key="1"] .note').inner_text().split())
    assert head == f"{truth.matches:,} matches of {len(truth.rules)} rules"
    assert f"({truth.before}" in page.locator('[data-key="1"] .figure').inner_text()
    hosts = rows(page, "3")
    assert {name: hits for name, hits in hosts.items() if name != "no Host header"} == {
        host: hits for host, hits in truth.hosts.items() if host
    }
    assert hosts.get("no Host header", 0) == truth.hosts[""]
    assert rows(page, "5") == dict(sorted(truth.rules.items(), key=lambda item: (-item[1], int(item[0])))[:12])
    clients = rows(page, "6")
    assert clients == {client: truth.clients[client] for client in clients}
    assert sorted(clients.values(), reverse=True) == sorted(truth.clients.values(), reverse=True)[:12]


def test_every_bar_has_its_figure(window: Window, address: str, truth: Truth) -> None:
    page = window.open(address + WEEK)
    titles = page.locator('[data-key="2"] g[data-bin] > title').all_text_contents()
    hits = [number(re.search(r": ([\d,]+) hits?", title)[1]) for title in titles]  # type: ignore[index]
    assert sorted(hits) == sorted(truth.hours.values())
    assert page.locator('[data-key="2"] .lab').all_text_contents() == ["526"]


def test_filter_for_and_exclude_a_value(window: Window, address: str, truth: Truth) -> None:
    page = window.open(address + WEEK)
    row = page.locator('[data-key="3"] tbody tr', has_text="social.example.org")
    row.hover()
    row.get_by_label("Filter for social.example.org").click()
    expect(page.locator(HITS)).to_have_text(str(truth.hosts["social.example.org"]))
    assert filter_of(page) == "host:social.example.org"
    page.go_back()
    row = page.locator('[data-key="6"] tbody tr', has_text="127.0.0.66")
    row.hover()
    row.get_by_label("Exclude 127.0.0.66").click()
    expect(page.locator(HITS)).to_have_text(f"{truth.events - truth.clients['127.0.0.66']:,}")
    assert filter_of(page) == "-client:127.0.0.66"


def test_chips_switch_off_turn_round_and_go(window: Window, address: str, truth: Truth) -> None:
    page = window.open(address + WEEK)
    page.locator("input[name=q]").fill("@host:social.example.org")
    page.keyboard.press("Enter")
    social = truth.hosts["social.example.org"]
    expect(page.locator(HITS)).to_have_text(f"{social:,}")
    assert "q=" not in page.url
    page.get_by_label("Switch filter host off").click()
    expect(page.locator(HITS)).to_have_text(f"{truth.events:,}")
    page.get_by_label("Switch filter host on").click()
    expect(page.locator(HITS)).to_have_text(f"{social:,}")
    page.locator(".chip .v").click()
    expect(page.locator(HITS)).to_have_text(f"{truth.events - social:,}")
    page.get_by_label("Remove filter host").click()
    expect(page.locator(HITS)).to_have_text(f"{truth.events:,}")
    assert filter_of(page) == ""


def test_the_brush_sets_the_window_and_back_restores_it(window: Window, address: str, truth: Truth) -> None:
    page = window.open(address + WEEK)
    plot = page.locator('[data-key="2"] svg[data-brush]').bounding_box()
    assert plot
    day = plot["width"] / 7
    page.mouse.move(plot["x"] + 2 * day + 3, plot["y"] + 80)
    page.mouse.down()
    page.mouse.move(plot["x"] + 2.5 * day, plot["y"] + 80, steps=5)
    page.mouse.move(plot["x"] + 3 * day - 3, plot["y"] + 80, steps=5)
    page.mouse.up()
    page.wait_for_url("**from=*")
    wednesday = sum(truth.hours[hour] for hour in range(48, 72))
    expect(page.locator(HITS)).to_have_text(f"{wednesday:,}")
    query = parse_qs(urlsplit(page.url).query)
    assert int(query["to"][0]) - int(query["from"][0]) == 24 * 3_600_000
    page.go_back()
    expect(page.locator(HITS)).to_have_text(f"{truth.events:,}")


def test_the_bar_under_the_pointer_says_its_figures(window: Window, address: str) -> None:
    page = window.open(address + WEEK)
    plot = page.locator('[data-key="2"] svg[data-brush]').bounding_box()
    assert plot
    page.mouse.move(plot["x"] + plot["width"] * 50.5 / 168, plot["y"] + 100)
    expect(page.locator(".tip")).to_contain_text("526 hits")


def test_presets_add_their_filter(window: Window, address: str) -> None:
    page = window.open(address + WEEK)
    preset = page.locator("a.preset", has_text="Score not explained")
    count = preset.locator("b").inner_text()
    preset.click()
    expect(page.locator(HITS)).to_have_text(count)


def test_look_at_first_leads_to_the_events(window: Window, address: str, truth: Truth) -> None:
    page = window.open(address + WEEK)
    page.locator(".firsts a").first.click()
    expect(page.locator("h2", has_text=f"{truth.clients['127.0.0.66']} events")).to_be_visible()


def test_all_rules_and_the_table_of_the_chart(window: Window, address: str, truth: Truth) -> None:
    page = window.open(address + WEEK)
    page.get_by_text("All rules").click()
    expect(page.locator("tbody tr[data-href]")).to_have_count(len(truth.rules))
    page.goto(address + "/series?t=7d")
    hits = [number(text) for text in page.locator("tbody td.strong").all_inner_texts()]
    assert sum(hits) == truth.events


def test_completion(window: Window, address: str, truth: Truth) -> None:
    page = window.open(address + WEEK)
    page.locator("input[name=q]").fill("@rule:9421")
    option = page.locator(".list [role=option]").first
    expect(option).to_contain_text("942100")
    expect(option).to_contain_text(str(truth.rules["942100"]))
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    expect(page.locator(HITS)).to_have_text(str(truth.rules["942100"]))


def test_a_wrong_filter_is_named(window: Window, address: str) -> None:
    page = window.open(address + WEEK)
    page.locator("input[name=q]").fill("@rule:92042x")
    page.keyboard.press("Enter")
    expect(page.locator("#filter-error")).to_contain_text("Column 7")
    expect(page.locator("input[name=q]")).to_have_value("@rule:92042x")


def test_time_range_menu(window: Window, address: str) -> None:
    page = window.open(address + WEEK)
    page.locator(".range-menu summary").click()
    page.get_by_label("From").fill("2026-11-18 00:00")
    page.get_by_label("To", exact=True).fill("2026-11-19 00:00")
    page.get_by_role("button", name="Apply").click()
    page.wait_for_url("**from=1794960000000&to=1795046400000*")
    page.locator(".range-menu summary").click()
    page.get_by_role("link", name="Last 14 days").click()
    expect(page.locator(HITS)).to_have_text("2,105")

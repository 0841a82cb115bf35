"""Light and dark, English and Japanese, wide and narrow: nothing overflows, nothing is unreadable."""

import pytest
from playwright.sync_api import Page, expect
from tests.browser.conftest import WEEK, Window, follow, served

from wafscope.store.memory import MemoryStore

PAGES = (WEEK, "/events?t=7d", "/top/rule.id?t=7d", "/series?t=7d", "/sources", "/nothing", "/?f=KA")


def overflow(page: Page) -> list[str]:
    """Elements that stick out of the window at its right edge, outside of what may scroll."""
    wide: list[str] = page.evaluate(
        """() => {
          if (document.scrollingElement.scrollWidth <= innerWidth) return [];
          return [...document.querySelectorAll("body *")]
            .filter((e) => e.getBoundingClientRect().right > innerWidth + 1)
            .slice(0, 5).map((e) => e.outerHTML.slice(0, 120));
        }"""
    )
    return wide


def an_event(page: Page, address: str) -> str:
    page.goto(f"{address}/events?t=7d")
    return address + str(page.locator("table.cards tbody tr").nth(4).get_attribute("data-href"))


@pytest.mark.parametrize("language", ["en-US", "ja-JP"])
@pytest.mark.parametrize("width", [390, 860, 1180, 1321, 1440])
def test_nothing_is_wider_than_the_window(window: Window, address: str, width: int, language: str) -> None:
    page = window.open(address + WEEK, width=width, height=844, locale=language)
    for path in PAGES:
        page.goto(address + path)
        assert overflow(page) == [], path
    page.goto(an_event(page, address))
    assert overflow(page) == []


@pytest.mark.parametrize("language", ["en-US", "ja-JP"])
def test_an_empty_console_fits_a_phone(window: Window, language: str) -> None:
    with served(MemoryStore()) as address:
        page = window.open(address, width=390, height=844, locale=language)
        expect(page.locator(".state .code")).to_be_visible()
        assert overflow(page) == []


def luminance(color: str) -> float:
    red, green, blue = (int(part) for part in color[color.index("(") + 1 : -1].split(",")[:3])
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_dark_is_dark(window: Window, address: str) -> None:
    page = window.open(address + WEEK, color_scheme="dark")
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    ink = page.evaluate("getComputedStyle(document.body).color")
    assert luminance(ground) < 60
    assert luminance(ink) > 180


def test_the_theme_is_kept(window: Window, address: str) -> None:
    page = window.open(address + WEEK)
    page.locator(".top-end > [data-theme-switch]").click()
    page.reload()
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"


def test_japanese(window: Window, address: str) -> None:
    page = window.open(address + WEEK, locale="ja-JP")
    expect(page.locator("h2", has_text="ヒットの推移")).to_be_visible()
    assert page.evaluate("document.documentElement.lang") == "ja"
    page.locator("details.lang summary").click()
    follow(page, page.get_by_role("link", name="English"))
    expect(page.locator("h2", has_text="Hits over time")).to_be_visible()
    assert page.url.endswith(WEEK)


def test_the_menu_of_a_phone(window: Window, address: str) -> None:
    page = window.open(address + WEEK, width=390, height=844)
    page.locator("details.menu summary").click()
    page.locator("details.menu").get_by_role("link", name="Events").click()
    page.wait_for_url("**/events?t=7d")


def test_print_has_no_controls_but_what_is_asked_for(window: Window, address: str) -> None:
    page = window.open(address + WEEK)
    page.emulate_media(media="print")
    expect(page.locator(".nav")).to_be_hidden()
    expect(page.locator(".ask .what")).to_be_visible()
    expect(page.locator(".search")).to_be_hidden()
    page.goto(f"{address}/?t=7d&q=status:200")
    expect(page.locator(".paper code")).to_have_text("status:200")
    expect(page.locator(".chip").first).to_be_hidden()
    expect(page.locator(".held")).to_be_visible()
    page.goto(an_event(page, address))
    for control in (".panel-head .btn", ".panel-foot kbd", ".seg a:not([aria-current])"):
        expect(page.locator(control).first).to_be_hidden()
    # Lines of a request follow each other, without an empty one between them.
    lines = page.locator("#request > div")
    first, second = (lines.nth(n).bounding_box() for n in (1, 2))
    assert first is not None
    assert second is not None
    assert second["y"] - first["y"] - first["height"] < 1


@pytest.mark.parametrize("path", ["/?t=7d", "/events?t=7d", "/series?t=7d", "/sources", "/top/rule.id?t=7d", "event"])
def test_nothing_is_cut_on_paper(window: Window, address: str, path: str) -> None:
    page = window.open(address + WEEK, width=718, height=1000, color_scheme="dark")
    page.goto(an_event(page, address) if path == "event" else address + path)
    page.emulate_media(media="print")
    expect(page.locator(".paper").first).to_contain_text("UTC")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.evaluate("document.documentElement.scrollWidth") <= 718
    beyond = "[...document.querySelectorAll('td, th, dd')].filter(e => e.getBoundingClientRect().right > 719)"
    assert page.evaluate(f"{beyond}.map(e => e.textContent)") == []


STOP = """() => {
  const here = document.activeElement;
  if (here === document.body) return null;
  here.wasReached = true;
  const style = getComputedStyle(here);
  const seen = here.checkVisibility({ opacityProperty: true, visibilityProperty: true });
  return seen && (style.outlineStyle !== "none" || style.boxShadow !== "none") ? "" : here.outerHTML;
}"""
MISSED = """[...document.querySelectorAll("a[href], button, summary, input:not([type=hidden]), [tabindex='0']")].filter(
  (each) => !each.wasReached && each.checkVisibility({ visibilityProperty: true })).map((each) => each.outerHTML)"""


@pytest.mark.parametrize("path", ["event", "/sources", "/quarantine"])
def test_every_control_is_reached_by_tab_and_seen(window: Window, address: str, path: str) -> None:
    page = window.open(address + WEEK)
    page.goto(an_event(page, address) if path == "event" else address + path)
    expect(page.locator("[aria-busy=true]")).to_have_count(0)
    page.keyboard.press("Tab")
    while (stop := page.evaluate(STOP)) is not None:
        assert stop == ""
        page.keyboard.press("Tab")
    assert page.evaluate(MISSED) == []


def test_with_forced_colours_what_is_chosen_is_seen(window: Window, address: str) -> None:
    page = window.open(f"{address}/events?t=7d", forced_colors="active", reduced_motion="reduce")
    rows = page.locator("tr[data-href]")
    page.keyboard.press("j")
    expect(page.locator("tr.is-cursor")).to_have_css("outline-style", "solid")
    rows.nth(3).focus()
    expect(rows.nth(3)).to_have_css("outline-style", "solid")
    page.locator("input[name=q]").press_sequentially("@ru")
    expect(page.locator(".list li", has_text="ruleset:")).to_be_visible()
    page.keyboard.press("ArrowDown")
    chosen, other = page.locator(".list li[aria-selected=true]"), page.locator(".list li[aria-selected=false]").first
    background = "element => getComputedStyle(element).backgroundColor"
    assert chosen.evaluate(background) != other.evaluate(background)


def test_without_script_everything_is_there(window: Window, address: str) -> None:
    page = window.open(address + WEEK, java_script_enabled=False)
    expect(page.locator('[data-key="1"] .num')).to_have_text("1,377")
    page.locator("input[name=q]").fill("@host:git.example.org")
    page.keyboard.press("Enter")
    expect(page.locator('[data-key="1"] .num')).to_have_text("102")
    assert "q=" not in page.url

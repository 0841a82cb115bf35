"""Pages follow a store that is written to, and let nobody be disturbed by it."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from threading import Event as Flag
from threading import Thread
from urllib.parse import urlsplit

import pytest
from bench.process import free_port
from playwright.sync_api import Locator, Page, expect
from tests.browser.conftest import PATIENCE, Complaints, Window, go, number, served
from tests.browser.test_look import overflow
from tests.make import event, match, v3_record, write

from wafscope.i18n.text import text
from wafscope.store.base import EventStore
from wafscope.store.duckdb.store import DuckStore
from wafscope.web.settings import WebSettings
from wafscope.web.status import SourceStatus

LIVE = WebSettings(live=True, patience=60)
HITS = '[data-key="1"] .num'
STATE = "[data-pulse-state]"
PAUSE = "[data-pulse-pause]"
LONG = PATIENCE


def now() -> int:
    return time.time_ns() // 1000


class Log:
    """Writes events as they happen, and knows how many."""

    def __init__(self, store: EventStore) -> None:
        self._store = store
        self.written = 0
        self.last = 0
        """The moment after the last event."""

    def write(self, count: int = 1, host: str = "www.example.org", *, ago: int = 0, at: int = 0) -> None:
        moment = at or now() - ago
        self.last = moment + count
        made = [
            event(
                moment + n,
                match(942100, severity=2, points=5),
                host=host, method="GET", uri=f"/{self.written + n}", path="/a", status=403, outcome="would_block",
                attack_class="sqli", client_address=f"192.0.2.{n % 5}", score=5, threshold=5, points=5,
                engine_mode="detection_only", raw=v3_record(unique_id=f"{now() // 1_000_000}.{self.written + n:06}"),
            )
            for n in range(count)
        ]  # fmt: skip
        write(self._store, made)
        self.written += count


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DuckStore]:
    with DuckStore(tmp_path / "live.duckdb") as made:
        yield made


@pytest.fixture
def log(store: DuckStore) -> Log:
    made = Log(store)
    made.write(20, ago=60_000_000)
    return made


@pytest.fixture
def console(store: DuckStore, log: Log) -> Iterator[str]:
    with served(store, LIVE) as address:
        yield address


def shows(locator: Locator, count: int) -> None:
    expect(locator).to_have_text(f"{count:,}", timeout=LONG)


def uris(page: Page) -> list[str]:
    return [text.split("/")[-1] for text in page.locator("table.cards a.mid").all_text_contents()]


def eventually(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + LONG / 1000
    while not holds() and time.monotonic() < end:
        time.sleep(0.05)
    assert holds()


def test_figures_follow_a_log_that_is_written(window: Window, console: str, log: Log) -> None:
    page = window.open(f"{console}/?t=24h")
    shows(page.locator(HITS), 20)
    page.evaluate("window.same = document.querySelector('[data-key=\"1\"] .num')")
    done = Flag()

    def run() -> None:
        while not done.wait(0.1):
            log.write(7)

    writer = Thread(target=run)
    writer.start()
    try:
        expect(page.locator(HITS)).not_to_have_text(re.compile("^20$"), timeout=LONG)
    finally:
        done.set()
        writer.join()
    log.write(3, "new.example.org")
    shows(page.locator(HITS), log.written)
    row = page.locator('[data-key="3"] tbody tr', has_text="new.example.org")
    expect(row).to_contain_text("3", timeout=LONG)
    held = page.locator(".held")
    expect(held).to_contain_text(f"{log.written:,} stored", timeout=LONG)

    def hits() -> list[int]:
        titles = page.locator('[data-key="2"] g[data-bin] > title').all_text_contents()
        return [number(re.search(r": ([\d,]+) hits?", title)[1]) for title in titles]  # type: ignore[index]

    eventually(lambda: sum(hits()) == log.written)
    assert page.evaluate("window.same.isConnected"), "what stays is the same element"
    expect(page.locator(STATE)).to_have_text("Live")


def test_the_first_event_takes_the_place_of_nothing(window: Window, store: DuckStore) -> None:
    with served(store, LIVE) as console:
        page = window.open(console)
        expect(page.locator(".state h2")).to_have_text("Nothing has been read yet")
        page.locator("input[name=q]").press_sequentially("@host:w")
        log = Log(store)
        log.write(4)
        shows(page.locator(HITS), 4)
        expect(page.locator("input[name=q]")).to_be_focused()
        expect(page.locator("input[name=q]")).to_have_value("@host:w")
        window.close()


def test_pause_holds_the_page_and_going_on_catches_up(window: Window, console: str, log: Log) -> None:
    page = window.open(f"{console}/?t=24h")
    page.keyboard.press("l")
    expect(page.locator(PAUSE)).to_have_attribute("aria-pressed", "true")
    expect(page.locator(STATE)).to_have_text("Paused")
    expect(page.locator("[data-pulse-as-of]")).to_have_text(re.compile(r"as of \d\d:\d\d:\d\d"))
    asked: list[str] = []
    page.on("request", lambda made: asked.append(urlsplit(made.url).path))
    log.write(5)
    page.wait_for_timeout(2500)  # to see that nothing happens there is nothing to wait for
    assert [path for path in asked if not path.startswith("/static/")] == []
    shows(page.locator(HITS), 20)
    page.locator(PAUSE).click()
    shows(page.locator(HITS), 25)
    expect(page.locator(STATE)).to_have_text("Live")


def test_a_tab_stays_paused(window: Window, console: str, log: Log) -> None:
    page = window.open(f"{console}/?t=24h")
    page.locator(PAUSE).click()
    go(page, "e", "**/events*")
    expect(page.locator(PAUSE)).to_have_attribute("aria-pressed", "true")
    expect(page.locator(STATE)).to_have_text("Paused")


def test_nothing_that_the_reader_does_is_disturbed(window: Window, console: str, log: Log) -> None:
    log.write(30, "blog.example.org", ago=60_000_000)
    page = window.open(f"{console}/?t=24h", height=500)
    page.locator(".range-menu summary").click()
    page.get_by_label("From").fill("2026-11-")
    scrolled = page.evaluate("scrollTo(0, 150), scrollY")
    assert scrolled > 0
    log.write(5)
    shows(page.locator(HITS), 55)
    assert page.evaluate("scrollY") == scrolled
    expect(page.get_by_label("From")).to_be_focused()
    expect(page.get_by_label("From")).to_have_value("2026-11-")
    expect(page.locator(".range-menu")).to_have_attribute("open", "")
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    page.keyboard.press("3")
    page.keyboard.press("j")
    page.keyboard.press("j")
    row = page.locator('[data-key="3"] tbody tr', has_text="www.example.org")
    expect(row).to_be_focused()
    log.write(20, "www.example.org")  # now it is the first
    shows(page.locator(HITS), 75)
    expect(page.locator('[data-key="3"] tbody tr').first).to_contain_text("www.example.org")
    expect(row).to_be_focused()
    expect(row).to_have_class("is-cursor")


def test_a_brush_is_not_taken_out_of_the_hand(window: Window, console: str, log: Log) -> None:
    page = window.open(f"{console}/?t=24h")
    plot = page.locator('[data-key="2"] svg[data-brush]').bounding_box()
    assert plot
    page.mouse.move(plot["x"] + plot["width"] * 0.5, plot["y"] + 60)
    page.mouse.down()
    page.mouse.move(plot["x"] + plot["width"] * 0.8, plot["y"] + 60, steps=4)
    expect(page.locator("[data-brush-live]")).to_have_count(1)
    width = page.locator("[data-brush-live] rect").get_attribute("width")
    log.write(5)
    page.wait_for_timeout(2500)  # nothing may happen
    assert page.locator("[data-brush-live] rect").get_attribute("width") == width
    page.mouse.move(plot["x"] + plot["width"] * 0.9, plot["y"] + 60, steps=4)
    page.mouse.up()
    page.wait_for_url("**from=*")


def test_a_window_in_the_past_stays_as_it_is(window: Window, console: str, log: Log) -> None:
    end = now() // 1000 - 1000
    page = window.open(f"{console}/?from={end - 3_600_000}&to={end}")
    shows(page.locator(HITS), 20)
    assert page.locator("[data-pulse]").count() == 0


def test_the_figures_under_the_pointer_follow(window: Window, console: str, log: Log) -> None:
    page = window.open(f"{console}/?t=24h")
    bars = page.locator('[data-key="2"] g[data-bin]')
    box = bars.last.bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] - 4)
    expect(page.locator(".tip")).to_contain_text("20 hits")
    log.write(5, at=log.last)  # the same bar
    shows(page.locator(HITS), 25)
    expect(page.locator(".tip")).to_contain_text("25 hits", timeout=LONG)


def test_connection_lost_and_found(window: Window, store: DuckStore, log: Log, complaints: Complaints) -> None:
    at = free_port()
    with ExitStack() as first:
        console = first.enter_context(served(store, LIVE, at))
        page = window.open(f"{console}/?t=24h")
        expect(page.locator(STATE)).to_have_text("Live")
        first.close()
        expect(page.locator(STATE)).to_have_text("Connection lost, trying again", timeout=LONG)
    shows(page.locator(HITS), 20)
    log.write(5)
    complaints.found = [each for each in complaints.found if "net::ERR" not in each]
    with served(store, LIVE, at):
        shows(page.locator(HITS), 25)
        expect(page.locator(STATE)).to_have_text("Live")
        complaints.found = [each for each in complaints.found if "net::ERR" not in each]
        page.close()


@pytest.mark.parametrize("language", ["en-US", "ja-JP"])
def test_every_state_has_room_on_a_phone(window: Window, console: str, language: str) -> None:
    page = window.open(f"{console}/?t=24h", width=390, height=844, locale=language)
    for word in ("following", "lost", "unanswered"):
        page.evaluate(
            "(word) => { const e = document.querySelector('[data-pulse-state]'); e.textContent = e.dataset[word]; }",
            word,
        )
        assert overflow(page) == [], word
        expect(page.locator(PAUSE)).to_be_visible()
    page.locator(PAUSE).click()
    assert overflow(page) == []


def test_new_events_come_at_the_top(window: Window, console: str, log: Log) -> None:
    page = window.open(f"{console}/events?t=24h")
    assert uris(page) == [str(n) for n in reversed(range(20))]
    log.write(1)
    expect(page.locator("table.cards a.mid").first).to_contain_text("/20", timeout=LONG)
    expect(page.locator("table.cards tr.is-cursor")).to_contain_text("/20")
    expect(page.locator("#preview h2")).to_contain_text("www.example.org")
    assert uris(page) == [str(n) for n in reversed(range(21))]
    assert page.locator("[data-arrived]").count() == 0
    expect(page.locator("section h2", has_text="21 events")).to_be_visible()


def test_who_reads_the_list_is_told_of_new_events(window: Window, console: str, log: Log) -> None:
    log.write(30, ago=60_000_000)
    page = window.open(f"{console}/events?t=24h")
    page.keyboard.press("j")
    page.keyboard.press("j")
    cursor = page.locator("tr.is-cursor").get_attribute("data-href")
    shown = uris(page)
    log.write(2)
    expect(page.locator("[data-arrived]")).to_have_text("2 new events", timeout=LONG)
    log.write(1)
    expect(page.locator("[data-arrived]")).to_have_text("3 new events", timeout=LONG)
    expect(page.locator("section h2", has_text="53 events")).to_be_visible()
    assert uris(page) == shown
    assert page.locator("tr.is-cursor").get_attribute("data-href") == cursor
    page.locator("[data-arrived]").click()
    expect(page.locator("[data-arrived]")).to_have_count(0)
    eventually(lambda: uris(page)[:3] == ["52", "51", "50"])
    expect(page.locator("tr.is-cursor a.mid")).to_contain_text("/52")
    page.mouse.move(0, 0)
    log.write(1)
    expect(page.locator("table.cards a.mid").first).to_contain_text("/53", timeout=LONG)


def test_an_open_facet_and_the_focus_in_it_stay(window: Window, console: str, log: Log) -> None:
    log.write(10, "blog.example.org", ago=60_000_000)
    page = window.open(f"{console}/events?t=24h")
    path = page.locator(".facet", has_text="Path")
    path.locator("summary").click()
    item = page.locator(".facet li", has_text="blog.example.org").locator("> a")
    item.focus()
    page.mouse.move(0, 0)
    log.write(15, "blog.example.org")  # now it is the first
    expect(page.locator("section h2", has_text="45 events")).to_be_visible(timeout=LONG)
    expect(page.locator(".facet li > a").first).to_have_text("blog.example.org", timeout=LONG)
    expect(item).to_be_focused()
    expect(path).to_have_attribute("open", "")


def test_lists_of_values_and_figures_follow(window: Window, console: str, log: Log) -> None:
    page, figures = window.open(f"{console}/top/host?t=24h"), window.open(f"{console}/series?t=24h")
    log.write(3, "new.example.org")
    expect(page.locator("tbody tr", has_text="new.example.org")).to_contain_text("3", timeout=LONG)
    eventually(lambda: sum(number(text) for text in figures.locator("tbody td.strong").all_inner_texts()) == 23)


def test_a_later_page_stays_and_leads_to_the_first(window: Window, console: str, log: Log) -> None:
    log.write(60, ago=60_000_000)
    page = window.open(f"{console}/events?t=24h")
    with page.expect_navigation():
        page.locator("a[rel=next]").click()
    shown = uris(page)
    log.write(4)
    expect(page.locator("[data-arrived]")).to_have_text("4 new events", timeout=LONG)
    assert uris(page) == shown
    with page.expect_navigation():
        page.locator("[data-arrived]").click()
    assert "before" not in page.url
    assert uris(page)[0] == "83"


def test_a_hidden_tab_asks_nothing(window: Window, console: str, log: Log) -> None:
    page = window.open(f"{console}/?t=24h")
    asked: list[str] = []
    hide = """(hidden) => {
      Object.defineProperty(document, "hidden", { value: Boolean(hidden), configurable: true });
      document.dispatchEvent(new Event("visibilitychange"));
    }"""
    page.evaluate(hide, 1)
    page.on("request", lambda made: asked.append(urlsplit(made.url).path))
    log.write(5)
    page.wait_for_timeout(2500)  # nothing may happen
    # An icon may still be on its way.
    assert [path for path in asked if not path.startswith("/static/")] == []
    page.evaluate(hide, 0)
    shows(page.locator(HITS), 25)


def test_without_script_there_is_no_button(window: Window, console: str) -> None:
    page = window.open(f"{console}/?t=24h", java_script_enabled=False)
    shows(page.locator(HITS), 20)
    expect(page.locator(PAUSE)).to_be_hidden()
    page.get_by_role("link", name="Sources").click()
    expect(page.locator("table.sources")).to_contain_text("/var/log/modsec_audit.log")


class Service:
    """Stands for the service: tells what it is told to tell."""

    def __init__(self) -> None:
        self.said: tuple[SourceStatus, ...] = (
            SourceStatus("/var/log/modsec_audit.log", "serial", "web1", "following"),
        )

    def __call__(self) -> tuple[SourceStatus, ...]:
        return self.said


def test_sources_follow_and_every_page_tells_of_a_problem(window: Window, store: DuckStore, log: Log) -> None:
    service = Service()
    with served(store, WebSettings(status=service)) as console:
        page = window.open(f"{console}/sources")
        row = page.locator("table.sources tbody tr")
        expect(row).to_contain_text("following")
        other = window.open(f"{console}/events")
        log.write(5)
        expect(row.locator("td").nth(5)).to_have_text("25", timeout=LONG)
        failed = SourceStatus(
            "/var/log/modsec_audit.log", "serial", "web1", "failed", problem=text("Permission denied.")
        )
        service.said = (failed,)
        expect(row.locator(".badge")).to_have_text("failed", timeout=LONG)
        expect(row).to_contain_text("Permission denied.")
        expect(other.locator(".notice")).to_contain_text("failed. Permission denied.", timeout=LONG)
        service.said = Service().said
        expect(row).to_contain_text("following", timeout=LONG)
        expect(other.locator(".notice")).to_have_count(0, timeout=LONG)
        # Before the server ends: a page that asks it in vain complains.
        window.close()

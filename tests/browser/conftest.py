"""A console over the shipped sample, a browser, and the truth about the sample by a loop of its own."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
import uvicorn
import zstandard
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, expect, sync_playwright
from playwright.sync_api import TimeoutError as TooLate

from wafscope import sample
from wafscope.reader.base import Context, Found
from wafscope.reader.framing import read_pieces
from wafscope.store.base import EventStore, Records, Tally
from wafscope.store.memory import MemoryStore
from wafscope.web.app import create_app
from wafscope.web.settings import WebSettings

CHROMIUM = os.environ.get("WAFSCOPE_CHROMIUM", "/usr/bin/chromium")
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-dev-shm-usage",
    "--host-resolver-rules=MAP wafscope.example.org 127.0.0.1",
]  # fmt: skip
BUILT = (Path(WebSettings().static) / "wafscope.js").is_file()

PATIENCE = 90_000
"""Milliseconds: a deadline for a slow machine, not what anything takes."""
expect.set_options(timeout=PATIENCE)

SETTINGS = WebSettings(year=2026, patience=60)

WEEK = "/?t=7d"
FIRST = datetime(2026, 11, 16, tzinfo=UTC).timestamp()
"""Start of the last seven days of the sample."""

SUMS = {"949110", "959100", "980130"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here drives a browser."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> None:
    """Close the pages before any server: one that still asks would complain that it has gone."""
    window = getattr(item, "funcargs", {}).get("window")
    if isinstance(window, Window):
        window.close()


class Truth(msgspec.Struct):
    """Figures of the last seven days, counted with nothing but json."""

    events: int = 0
    before: int = 0
    matches: int = 0
    hosts: Counter[str] = msgspec.field(default_factory=Counter)
    clients: Counter[str] = msgspec.field(default_factory=Counter)
    rules: Counter[str] = msgspec.field(default_factory=Counter)
    hours: Counter[int] = msgspec.field(default_factory=Counter)


def sample_lines() -> list[bytes]:
    data = zstandard.ZstdDecompressor().decompressobj().decompress(sample.log().read_bytes())
    return data.splitlines()


@pytest.fixture(scope="session")
def truth() -> Truth:
    """Count the sample without any part of the product."""
    found = Truth()
    for line in sample_lines():
        record = json.loads(line.decode("latin-1"))["transaction"]
        second = int(record["unique_id"][:10])
        if second < FIRST:
            found.before += 1
            continue
        found.events += 1
        found.hosts[record["request"]["headers"].get("Host", "")] += 1
        found.clients[record["client_ip"]] += 1
        found.hours[int(second - FIRST) // 3600] += 1
        rules = [message["details"]["ruleId"] for message in record.get("messages", [])]
        scoring = [rule for rule in rules if rule not in SUMS]
        found.matches += len(scoring)
        found.rules.update(set(scoring))
    return found


def load(store: EventStore, data: bytes, sensor: str = sample.SENSOR) -> None:
    """Read a log into a store."""
    found = [piece for piece in read_pieces(data, 0, Context()) if isinstance(piece, Found)]
    payload = store.encoder().encode([Records("/var/log/modsec_audit.log", found)], sensor=sensor)
    matches = sum(len(piece.event.matches) for piece in found)
    store.write(payload, Tally("/var/log/modsec_audit.log", sensor, len(found), matches, len(data)))


@contextmanager
def served(store: EventStore, settings: WebSettings = SETTINGS, port: int = 0) -> Iterator[str]:
    """Serve a console from a thread; gives its address."""
    opened = socket.create_server(("127.0.0.1", port))
    config = uvicorn.Config(create_app(store, settings), log_config=None, lifespan="on")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [opened]}, daemon=True)
    thread.start()
    end = time.monotonic() + PATIENCE / 1000
    try:
        while not server.started:
            assert thread.is_alive(), "it has not started"
            assert time.monotonic() < end, "it has not started"
            time.sleep(0.02)
        yield f"http://127.0.0.1:{opened.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(PATIENCE / 1000)
        opened.close()
    assert not thread.is_alive(), "it has not ended"


@pytest.fixture(scope="session")
def sample_store() -> MemoryStore:
    store = MemoryStore()
    load(store, b"\n".join(sample_lines()) + b"\n")
    return store


@pytest.fixture(scope="session")
def address(sample_store: MemoryStore) -> Iterator[str]:
    """Address of a console over the sample."""
    with served(sample_store) as found:
        yield found


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if not Path(CHROMIUM).exists():
        pytest.skip(f"there is no browser at {CHROMIUM}")
    if not BUILT:
        pytest.skip("the front end is not built")
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield found
        found.close()


class Complaints:
    """What a browser complains about: errors of scripts, of the policy, of the console."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def listen(self, page: Page) -> None:
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.found.append(f"page error: {error}"))
        page.on("request", lambda made: self.found.append("report of the policy") if "csp-report" in made.url else None)

    def _console(self, message: ConsoleMessage) -> None:
        # An answer with status 400 or 404 is what some tests ask for.
        if message.type in {"error", "warning"} and "status of 4" not in message.text:
            self.found.append(f"{message.type}: {message.text}")


class Window:
    """Opens pages of a certain width and look, and remembers complaints."""

    def __init__(self, browser: Browser, complaints: Complaints) -> None:
        self._browser = browser
        self._complaints = complaints
        self._contexts: list[BrowserContext] = []

    def open(self, address: str, *, width: int = 1440, height: int = 900, **options: Any) -> Page:
        context = self._browser.new_context(viewport={"width": width, "height": height}, **options)
        self._contexts.append(context)
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        self._complaints.listen(page)
        page.goto(address)
        return page

    def close(self) -> None:
        while self._contexts:
            self._contexts.pop().close()


@pytest.fixture
def complaints() -> Complaints:
    return Complaints()


@pytest.fixture
def window(browser: Browser, complaints: Complaints) -> Iterator[Window]:
    """Open pages; fails the test if a browser complained."""
    made = Window(browser, complaints)
    yield made
    made.close()
    assert complaints.found == []


def follow(page: Page, link: Locator) -> None:
    """Click a link, a row or a button, and wait for the page behind it."""
    with page.expect_navigation():
        link.click()


def go(page: Page, letter: str, url: str) -> None:
    """Press `g` and a letter, again where this machine was too slow for the page, and wait for what it leads to."""
    for _ in range(10):
        page.keyboard.press("g")
        page.keyboard.press(letter)
        with suppress(TooLate):
            page.wait_for_url(url, timeout=PATIENCE / 10)
            return
    raise AssertionError(f"g {letter} leads nowhere")


def texts(page: Page, selector: str) -> Sequence[str]:
    """The texts of elements, blanks put together."""
    return [" ".join(text.split()) for text in page.locator(selector).all_inner_texts()]


def number(text: str) -> int:
    """Read a figure as the page writes it."""
    return int(text.replace(",", ""))

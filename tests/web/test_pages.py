"""Every page answers, whatever it is asked."""

import re
from html.parser import HTMLParser
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import TestClient
from tests.make import write
from tests.web.conftest import SETTINGS, request

from wafscope.query.parser import encode
from wafscope.store.memory import MemoryStore
from wafscope.web.app import create_app

Client = TestClient[Litestar]
PAGES = ("/", "/events", "/top/host", "/top/rule.id", "/top/user_agent.original", "/series", "/sources")


class Checker(HTMLParser):
    """Collects ids, addresses and what a strict content security policy forbids."""

    VOID = frozenset({"meta", "link", "input", "br", "img", "path", "rect", "line", "circle", "use"})

    def __init__(self) -> None:
        super().__init__()
        self.forbidden: list[str] = []
        self.addresses: list[str] = []
        self.ids: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        if tag not in self.VOID:
            self.open.append(tag)
        for name, value in attributes:
            if name == "style" or name.startswith("on"):
                self.forbidden.append(f"{tag} {name}={value}")
            if name in {"href", "src", "action", "hx-get", "data-href", "data-preview"} and value:
                self.addresses.append(value)
            if name == "id" and value:
                self.ids.append(value)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open
            assert self.open.pop() == tag


def checked(text: str) -> Checker:
    checker = Checker()
    checker.feed(text)
    assert checker.open == []
    assert checker.forbidden == []
    assert len(checker.ids) == len(set(checker.ids))
    assert all(address.startswith(("/", "#")) and not address.startswith("//") for address in checker.addresses)
    return checker


def event_id(client: Client) -> str:
    found = re.search(r"/events/([0-9a-f]{32})", client.get("/events?t=all").text)
    assert found
    return found[1]


@pytest.mark.parametrize("language", ["en", "ja"])
@pytest.mark.parametrize("page", PAGES)
def test_pages(client: Client, page: str, language: str) -> None:
    answer = client.get(page, headers={"Accept-Language": language})
    assert answer.status_code == 200
    assert f'<html lang="{language}">' in answer.text
    checked(answer.text)


def test_event_preview_and_raw(client: Client, store: MemoryStore) -> None:
    found = event_id(client)
    page = client.get(f"/events/{found}?t=all")
    checked(page.text)
    assert '<mark data-match="1">' in page.text
    assert client.get(f"/events/{found}/preview").text.count("<html") == 0
    raw = client.get(f"/events/{found}/raw")
    assert raw.content == store.event(bytes.fromhex(found)).value.event.raw  # type: ignore[union-attr]
    assert raw.headers["content-disposition"].startswith("attachment")
    assert raw.headers["content-type"] == "application/octet-stream"


@pytest.mark.parametrize(
    "panel", ["presets", "hits", "series", "first", "hosts", "classes", "rules", "clients", "facets", "timeline"]
)
def test_every_panel_can_be_asked_for_alone(client: Client, panel: str) -> None:
    answer = client.get(f"/panel/{panel}?t=all&on=%2Fevents")
    assert answer.status_code == 200
    assert "<html" not in answer.text
    assert "hx-get" not in answer.text
    checked(answer.text)


def test_numbers_of_the_overview(client: Client) -> None:
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", client.get("/?t=all").text))
    assert "50 read, 50 stored, 0 in quarantine, 0 dropped" in text
    assert "Would block 50 100 %" in text
    assert "50 matches of 1 rule" in text


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("/nothing", 404),
        ("/nothing/at/all", 404),
        ("/top/nothing", 404),
        ("/panel/nothing", 404),
        ("/events/zz", 404),
        (f"/events/{'0' * 32}", 404),
        (f"/events/{'0' * 32}/preview", 404),
        (f"/events/{'0' * 32}/raw", 404),
        ("/events/..%2f..%2fetc", 404),
        ("/static/nothing.css", 404),
        ("/lang/xx", 404),
        (f"/?f={encode('@rule:92042x')}", 400),
        (f"/events?f={encode('(')}", 400),
        ("/?f=%00", 400),
        ("/?t=9y&tz=Nowhere&page=-1&by=x&before=x", 200),
        ("/?from=1&to=0", 200),
        ("/?from=1&to=4102444800000", 200),
        ("/events?from=0&to=60000", 200),
        ("/top/host?page=9999", 200),
    ],
)
def test_wrong_addresses_have_a_proper_answer(client: Client, address: str, status: int) -> None:
    answer = client.get(address)
    assert answer.status_code == status
    checked(answer.text)


def test_a_wrong_filter_says_where_and_counts_nothing(client: Client) -> None:
    answer = client.get(f"/?f={encode('@rule:92042x')}")
    assert "Column 7: " in answer.text
    assert 'data-key="1"' not in answer.text


def test_a_filter_as_a_person_writes_it_is_sent_on(client: Client) -> None:
    answer = client.get("/events", params={"q": "union select", "t": "all"}, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/events?f={encode('union select')}&t=all")


def test_a_wrong_filter_as_a_person_writes_it_ends_somewhere(client: Client) -> None:
    assert client.get("/", params={"q": "@rule:x"}).status_code == 400


def test_paging_shows_every_event_once(client: Client) -> None:
    seen: list[str] = []
    address: str | None = "/events?t=all"
    while address:
        text = client.get(address).text
        seen += re.findall(r'data-href="/events/([0-9a-f]{32})', text)
        older = re.search(r'rel="next" href="([^"]+)"', text)
        address = older[1].replace("&amp;", "&") if older else None
    assert len(seen) == len(set(seen)) == 50


def test_completion(client: Client) -> None:
    answer = client.get("/complete", params={"t": "all", "prefix": encode("@host:h1")}).json()
    assert [item["text"] for item in answer["items"]] == ["@host:h1.example "]
    assert client.get("/complete", params={"prefix": "!!"}).status_code == 200
    assert client.get("/complete").json()["items"]


@pytest.mark.parametrize(
    ("target", "location"),
    [
        ("/events?t=7d", "/events?t=7d"),
        ("//evil.example", "/"),
        ("https://evil.example", "/"),
        ("/\\evil", "/"),
        ("/a\r\nb", "/"),
    ],
)
def test_language_is_kept_and_leads_nowhere_else(client: Client, target: str, location: str) -> None:
    answer = client.get("/lang/ja", params={"next": target}, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, location)
    assert "lang=ja; " in answer.headers["set-cookie"]
    assert '<html lang="ja">' in client.get("/").text


def test_an_empty_store_says_how_to_begin() -> None:
    with TestClient(create_app(MemoryStore(), SETTINGS), base_url="http://console.local") as empty:
        for page in PAGES:
            answer = empty.get(page)
            assert answer.status_code == 200
            assert "wafscope import" in answer.text
            checked(answer.text)


def test_a_zone_is_proved_only_where_it_is_for_all() -> None:
    store = MemoryStore()
    write(store, [request(0, zone_source="unique_id")])
    with TestClient(create_app(store, SETTINGS), base_url="http://console.local") as client:
        assert "proved by the event ids" in client.get("/?t=all").text
    write(store, [request(1, zone_source="assumed", gaps=("zone_assumed", "no_blocked_flag"))])
    with TestClient(create_app(store, SETTINGS), base_url="http://console.local") as client:
        text = client.get("/?t=all").text
    assert "UTC is assumed" in text
    assert "proved by" not in text
    assert "inferred if it can be" in text, "figures of what was blocked stand beside it"


def test_a_page_that_is_not_there_has_a_heading(client: Client) -> None:
    assert "<h1>There is no such page</h1>" in client.get("/nope").text


def test_a_filter_without_events_says_what_to_drop(client: Client) -> None:
    for page in ("/", "/events"):
        text = client.get(f"{page}?t=all&f={encode('is:would_block status:404')}").text
        assert "Drop status:404" in text
        checked(text)


HOSTILE: dict[str, Any] = {
    "uri": "/<script>alert(1)</script>?q=" + "A" * 100_000,
    "path": "/<script>alert(1)</script>",
    "host": '"><img src=x onerror=alert(1)>\u202e\x1b[31m\x00',
    "user_agent": "\udcff\udcfe' onmouseover='alert(1)",
    "method": "<B>",
    "client_address": "javascript:alert(1)",
    "request_headers": (("X\u202e<i>", "\r\nSet-Cookie: a=b\x00"), ("Host", "'\"<")),
    "response_headers": (("<s>", "</pre>"),),
    "transaction_id": "{{ 7*7 }}<a>",
    "request_body": "</span>{{ config }}\n" * 3,
}


@pytest.fixture
def hostile() -> MemoryStore:
    store = MemoryStore()
    write(
        store,
        [request(n, **HOSTILE, raw=b"\xff\x00<script>" + bytes([n])) for n in range(3)],
        sensor="<sensor>",
        source="/<src>",
    )
    return store


def test_hostile_payloads_are_inert_everywhere(hostile: MemoryStore) -> None:
    with TestClient(create_app(hostile, SETTINGS), base_url="http://console.local") as console:
        found = event_id(console)
        for page in (*PAGES, f"/events/{found}", f"/events/{found}/preview", "/?by=host"):
            text = console.get(f"{page}{'&' if '?' in page else '?'}t=all").text
            checked(text)
            assert "<script>alert" not in text
            assert "onerror=alert" not in re.sub(r'"[^"]*"', "", text).replace("&lt;img src=x onerror=alert(1)&gt;", "")
            assert not re.search("[\u202e\x00\x1b\ud800-\udfff]", text)
            assert len(text) < 600_000


def test_every_link_of_a_hostile_value_leads_to_a_page(hostile: MemoryStore) -> None:
    with TestClient(create_app(hostile, SETTINGS), base_url="http://console.local") as console:
        addresses = {
            a.replace("&amp;", "&") for a in checked(console.get("/events?t=all").text).addresses if a.startswith("/")
        }
        for address in sorted(addresses):
            assert console.get(address).status_code in (200, 204), address


def test_formats_are_named_where_there_is_more_than_one() -> None:
    one, two = MemoryStore(), MemoryStore()
    write(one, [request(n) for n in range(3)])
    write(two, [request(1), request(2, format="coraza.jsonlegacy", engine="Coraza"), request(3, engine="ModSecurity")])
    pages = []
    for store in (one, two):
        with TestClient(create_app(store, SETTINGS), base_url="http://console.local") as console:
            pages.append(console.get("/events?t=all").text)
            checked(pages[-1])
    for page, is_there in zip(pages, (False, True), strict=True):
        rail = page.partition('<div class="facets"')[2].partition("</aside>")[0]
        assert ("Coraza JsonLegacy" in rail) is is_there
        assert (">Format</th>" in page) is is_there
        assert ("<summary>Engine<" in rail) is is_there

"""What a page needs to follow the store: marks, what has come, and answers that a busy log does not spoil."""

import json
import re
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from litestar import Litestar
from litestar.testing import TestClient
from tests.docs.blocks import ROOT, blocks
from tests.make import START, write
from tests.web.conftest import NOW, SETTINGS, request
from tests.web.test_pages import checked

from wafscope.i18n.text import text
from wafscope.query.question import Answer, Held
from wafscope.store.memory import MemoryStore
from wafscope.web.app import create_app
from wafscope.web.live import Refresh, refresh
from wafscope.web.security import POLICY
from wafscope.web.status import SourceStatus

Client = TestClient[Litestar]
LOG = "/var/log/modsec_audit.log"
FOLLOWING = SourceStatus(LOG, "serial", "web1", "following", lag_bytes=1_500, last_read=START)
FAILED = SourceStatus(
    "/nothing.log", "serial", "web2", "failed", problem=text("No such file."), hint=text("Name another one.")
)


class Service:
    """Tells what it is told to tell."""

    def __init__(self, *said: SourceStatus) -> None:
        self.said = said

    def __call__(self) -> tuple[SourceStatus, ...]:
        return self.said


@pytest.fixture
def service() -> Service:
    return Service(FOLLOWING)


@pytest.fixture
def console(store: MemoryStore, service: Service) -> Iterator[Client]:
    settings = msgspec.structs.replace(SETTINGS, status=service, hold=0.0)
    with TestClient(create_app(store, settings), base_url="http://console.local") as made:
        yield made


def mark(page: str) -> str:
    found = re.search(r'data-mark="([^"]+)"', page)
    return found[1] if found else ""


def plain(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


def test_the_mark_changes_with_what_is_written(console: Client, store: MemoryStore) -> None:
    before = console.get("/live").json()
    assert before == {**console.get("/live").json(), "now": NOW}
    assert mark(console.get("/").text) == before["page"]
    write(store, [request(60)])
    after = console.get("/live").json()
    assert after["page"] != before["page"]
    assert mark(console.get("/").text) == after["page"]
    assert mark(console.get("/sources").text) == after["sources"]


def test_the_mark_of_every_page_changes_with_problems_alone(console: Client, service: Service) -> None:
    before = console.get("/live").json()
    service.said = (msgspec.structs.replace(FOLLOWING, lag_bytes=9),)
    moved = console.get("/live").json()
    assert moved["page"] == before["page"]
    assert moved["sources"] != before["sources"]
    service.said = (FAILED,)
    assert console.get("/live").json()["page"] != before["page"]


def test_another_process_has_another_mark(store: MemoryStore, console: Client) -> None:
    with TestClient(create_app(store, SETTINGS), base_url="http://console.local") as other:
        assert other.get("/live").json()["page"] != console.get("/live").json()["page"]


def test_the_mark_is_never_kept_nor_compressed(console: Client) -> None:
    answer = console.get("/live", headers={"Accept-Encoding": "gzip"})
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-security-policy"] == POLICY
    assert "content-encoding" not in answer.headers


def test_the_mark_asks_the_store_nothing(service: Service) -> None:
    class Silent(MemoryStore):
        def held(self, *, time_limit: float = 5.0) -> Answer[Held]:  # noqa: ARG002
            raise AssertionError

    settings = msgspec.structs.replace(SETTINGS, status=service)
    with TestClient(create_app(Silent(), settings), base_url="http://console.local") as made:
        assert made.get("/live").status_code == 200


@pytest.mark.parametrize(
    ("address", "follows"),
    [
        ("/", True),
        ("/?t=7d", True),
        ("/events?t=all", True),
        ("/sources?from=0&to=60000", True),
        (f"/?from={START // 1000}&to={NOW // 1000 - 1}", False),
        (f"/events?from={START // 1000}&to={NOW // 1000 + 60_000}", True),
        ("/?f=KA", False),
        ("/top/host", True),
    ],
)
def test_what_ends_now_follows(console: Client, address: str, *, follows: bool) -> None:
    assert bool(mark(console.get(address).text)) is follows


def test_nothing_follows_where_nothing_can_come(client: Client) -> None:
    assert mark(client.get("/").text) == ""


def test_who_reads_is_told_how_many_came(console: Client, store: MemoryStore) -> None:
    page = console.get("/events?t=all").text
    counted = re.search(r'data-counted="([\d.]+)"', page)
    assert counted
    assert "data-arrived" not in page
    write(store, [request(n + 0.5) for n in range(49)])
    assert "data-arrived" not in console.get("/events?t=all").text
    again = console.get("/events?t=all", headers={"Wafscope-Live": counted[1]}).text
    assert "49 new events" in plain(again)
    checked(again)


@pytest.mark.parametrize(
    ("header", "found"),
    [
        (None, None),
        ("", Refresh()),
        ("1", Refresh()),
        ("x.y", Refresh()),
        ("5.7", Refresh(5, 7)),
        ("-5.0", Refresh(-5, 0)),
        ("9" * 40 + ".1", Refresh()),
    ],
)
def test_the_header_of_a_script(header: str | None, found: Refresh | None) -> None:
    assert refresh(header) == found


def test_a_page_says_as_of_when_it_is_while_more_is_written(store: MemoryStore) -> None:
    settings = msgspec.structs.replace(SETTINGS, hold=3600.0)
    with TestClient(create_app(store, settings), base_url="http://console.local") as console:
        assert "more is being written" not in console.get("/").text
        write(store, [request(60)])
        assert "51 read" in plain(console.get("/").text)
        write(store, [request(61)])
        page = plain(console.get("/").text)
    assert re.search(r"As of \d\d:\d\d:\d\d; more is being written", page)
    assert "51 read" in page


@pytest.mark.parametrize("language", ["en", "ja"])
def test_sources(console: Client, service: Service, language: str) -> None:
    service.said = (FOLLOWING, FAILED)
    page = console.get("/sources", headers={"Accept-Language": language})
    assert page.status_code == 200
    checked(page.text)
    if language == "en":
        said = plain(page.text)
        assert "2 are followed" in said
        assert said.index("/nothing.log") < said.index(LOG)
        assert "No such file. Name another one." in said
        assert re.search(r"1\.5 kB [\d.]+ 50 ", said)


def test_sources_of_logs_that_were_read_once(client: Client) -> None:
    said = plain(client.get("/sources").text)
    assert "These logs were read once; nothing is followed." in said
    assert "read once" in said


def test_no_source_at_all() -> None:
    with TestClient(create_app(MemoryStore(), SETTINGS), base_url="http://console.local") as made:
        page = made.get("/sources").text
        checked(page)
        assert "No source is set up" in page


def test_names_of_sources_are_hostile(console: Client, service: Service) -> None:
    service.said = (msgspec.structs.replace(FAILED, key="/<script>\u202e", kind="<b>", sensor="<i>"),)
    for path in ("/", "/sources"):
        page = console.get(path).text
        assert "<script>\u202e" not in page
        assert "<b>" not in page.partition("source-1")[2].partition("</tr>")[0]
        checked(page)


def test_every_page_tells_of_a_problem(console: Client, service: Service) -> None:
    service.said = tuple(
        msgspec.structs.replace(FAILED, key=f"/nothing{n}.log", problem=text("No file {n}.", n=n)) for n in range(4)
    )
    for path in ("/", "/events", "/top/host"):
        said = plain(console.get(path).text)
        assert "/nothing0.log : failed. No file 0. Name another one." in said
        assert "1 more problem." in said


def test_a_problem_of_all_sources_is_told_once(console: Client, service: Service) -> None:
    paused = msgspec.structs.replace(FAILED, state="paused", problem=text("The disk is full."), hint=None)
    service.said = tuple(msgspec.structs.replace(paused, key=f"/log/{n}") for n in range(5))
    said = plain(console.get("/").text)
    assert said.count("The disk is full.") == 1
    assert "5 sources: paused. The disk is full." in said


def test_health_tells_of_a_problem(console: Client, service: Service) -> None:
    assert console.get("/healthz").json() == {"status": "ok", "events": 50, "problems": [], "csp_reports": 0}
    assert console.get("/readyz").status_code == 200
    service.said = (FOLLOWING, FAILED)
    health = console.get("/healthz")
    assert (health.status_code, health.json()["status"]) == (200, "degraded")
    problem = {"source": "/nothing.log", "sensor": "web2", "state": "failed", "what": "No such file."}
    assert health.json()["problems"] == [problem]
    assert console.get("/readyz").status_code == 503


def test_status_for_machines(console: Client, service: Service) -> None:
    service.said = (FOLLOWING, FAILED)
    said: dict[str, Any] = console.get("/api/status").json()
    assert (said["status"], said["events"]) == ("degraded", 50)
    failed, following = said["sources"]
    assert (failed["source"], failed["state"], failed["problem"]) == ("/nothing.log", "failed", "No such file.")
    assert following | {"received": 50, "stored": 50, "state": "following", "lag_bytes": 1500} == following
    (example,) = (block for block in blocks(ROOT / "docs/reference/sources.md") if block.language == "json")
    documented = json.loads(example.text)
    assert (list(documented), list(documented["sources"][0])) == (list(said), list(following))


def test_a_service_that_cannot_tell_takes_no_page_with_it(store: MemoryStore) -> None:
    def broken() -> tuple[SourceStatus, ...]:
        raise RuntimeError

    settings = msgspec.structs.replace(SETTINGS, status=broken)
    with TestClient(create_app(store, settings), base_url="http://console.local") as made:
        assert made.get("/").status_code == 200
        assert made.get("/sources").status_code == 200


def test_what_is_followed_and_empty_leads_to_the_sources() -> None:
    settings = msgspec.structs.replace(SETTINGS, status=lambda: (FOLLOWING,), now=None)
    with TestClient(create_app(MemoryStore(), settings), base_url="http://console.local") as client:
        page = client.get("/").text
    assert "Logs are followed, and none has brought a record yet" in page
    assert "wafscope import" not in page

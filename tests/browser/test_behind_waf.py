"""The console behind nginx with the CRS in On mode: the shipped example, with its exclusions and without."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, Response, expect
from tests.browser.conftest import Window, follow, load, number, sample_lines, served
from tests.browser.test_hostile import hostile_log
from tests.browser.test_live import LONG, Log
from tests.browser.test_quarantine import HOSTILE
from tests.make import write
from tests.system.fronts import NAME, PASSWORD, USER, Front, behind_nginx

from wafscope.ingest.pipeline import Setting
from wafscope.reader.base import Unreadable
from wafscope.store.duckdb.store import DuckStore
from wafscope.web.settings import WebSettings

HITS = '[data-key="1"] .num'
ATTACKS = (
    '"union select"',
    "<script>alert(1)</script>",
    "' or 1=1 -- -",
    "../../../../etc/passwd",
    "() { :; }; /bin/bash -c id",
    "eval($_POST[1])",
    "${jndi:ldap://x/a}",
    "@path:*/wp-config.php* -@ua:*sqlmap* or score:>=15",
)
"""Some are no filter, since quotes and colons mean something: the answer that says so must come through, too."""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DuckStore]:
    with DuckStore(tmp_path_factory.mktemp("behind") / "store.duckdb") as made:
        load(made, b"\n".join(sample_lines()) + b"\n")
        load(made, hostile_log(), sensor="hostile")
        for log in LOGS:
            pieces = tuple(Unreadable(HOSTILE + b"%d" % n, 100 * n, "damaged", log) for n in range(PIECES // 2))
            write(made, [], source=log, unreadable=pieces)
        yield made


LOGS = ("/var/log/apache2/modsec_audit.log", "/var/log/nginx/../../etc/passwd.log")
PIECES = 12


@pytest.fixture(scope="module")
def console(store: DuckStore) -> Iterator[str]:
    settings = WebSettings(names=(NAME,), year=2026, live=True, setting=Setting("web1", workers=0), patience=60)
    with served(store, settings) as address:
        yield address


@pytest.fixture(scope="module")
def front(console: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    """With the shipped file of exclusions."""
    with behind_nginx(tmp_path_factory.mktemp("front"), console) as made:
        yield made


@pytest.fixture(scope="module")
def bare(console: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    """Without it."""
    with behind_nginx(tmp_path_factory.mktemp("bare"), console, exclusions=False) as made:
        yield made


class Refused:
    """Answers that the firewall gave or cut off, and how many came through."""

    def __init__(self, page: Page) -> None:
        self.found: list[str] = []
        self.answers = 0
        page.on("response", self._response)
        page.on("requestfailed", lambda made: self._failed(made.url, made.failure))

    def _response(self, response: Response) -> None:
        self.answers += 1
        if response.status in {403, 501, 502}:
            self.found.append(f"{response.status} {response.url}")

    def _failed(self, url: str, failure: str | None) -> None:
        if failure != "net::ERR_ABORTED":  # a page that is left gives up what it asked for
            self.found.append(f"{failure} {url}")


def opened(window: Window, front: Front, target: str) -> tuple[Page, Refused]:
    page = window.open(
        "about:blank", ignore_https_errors=True, http_credentials={"username": USER, "password": PASSWORD}
    )
    refused = Refused(page)
    page.goto(front.address + target)
    return page, refused


def search(page: Page, line: str) -> None:
    """Type a filter as a person does, with the suggestions that come between."""
    box = page.locator("input[name=q]").first
    box.fill("")
    box.press_sequentially(line[:6])
    box.fill(line)
    with page.expect_navigation():
        box.press("Enter")
    assert page.url.startswith(f"https://{NAME}")
    assert "f=." in page.url


@pytest.mark.parametrize("which", ["front", "bare"])
def test_a_search_for_an_attack_is_not_blocked(window: Window, request: pytest.FixtureRequest, which: str) -> None:
    page, refused = opened(window, request.getfixturevalue(which), "/events?t=all")
    for line in ATTACKS:
        search(page, line)
        expect(page.locator("input[name=q]").first).to_have_value(line)
    search(page, '"union select"')
    expect(page.locator("h2", has_text="events")).to_be_visible()
    assert page.locator("table.cards tbody tr").count() > 0
    assert refused.found == []
    assert refused.answers > len(ATTACKS)


@pytest.mark.parametrize("which", ["front", "bare"])
def test_pages_are_whole(window: Window, request: pytest.FixtureRequest, which: str) -> None:
    page, refused = opened(window, request.getfixturevalue(which), "/?t=all")
    expect(page.locator(HITS)).not_to_have_text("")
    assert number(page.locator(HITS).inner_text()) > 1000
    for target in (
        "/events?t=all",
        "/top/rule.id?t=all",
        "/top/url.path?t=all",
        "/sources",
        "/lang/ja?next=/",
        "/lang/en",
    ):
        page.goto(page.url.split("/", 3)[0] + "//" + page.url.split("/")[2] + target)
        expect(page.locator("main")).to_be_visible()
    page.goto(request.getfixturevalue(which).address + "/events?t=all")
    search(page, "@host:*script*")
    with page.expect_navigation():
        page.locator("table.cards a.mid").first.click()
    expect(page.locator("#request")).to_contain_text("onerror")
    expect(page.locator("#raw")).to_contain_text("unique_id")
    assert refused.found == []


@pytest.mark.parametrize("which", ["front", "bare"])
def test_a_page_follows_the_log(window: Window, request: pytest.FixtureRequest, which: str, store: DuckStore) -> None:
    log = Log(store)
    log.write(1, f"{which}.example.net")
    page, refused = opened(window, request.getfixturevalue(which), "/?t=24h")
    row = page.locator('[data-key="3"] tbody tr', has_text=f"{which}.example.net")
    expect(row).to_contain_text("1", timeout=LONG)
    log.write(41, f"{which}.example.net")
    expect(row).to_contain_text("42", timeout=LONG)
    assert refused.found == []


@pytest.mark.parametrize("which", ["front", "bare"])
def test_pieces_of_the_quarantine_are_looked_at_and_discarded(
    window: Window, request: pytest.FixtureRequest, which: str
) -> None:
    """Forms are sent, with paths of logs in them and in addresses."""
    page, refused = opened(window, request.getfixturevalue(which), "/quarantine")
    before = page.locator("main tbody tr").count()
    for log in LOGS:
        follow(page, page.get_by_role("link", name=log).first)
        follow(page, page.locator("main tbody tr").first)
        expect(page.locator("main")).to_contain_text("onerror")
        page.get_by_role("button", name="Try again").click()
        page.wait_for_url("**/quarantine?told=*")
    page.goto(page.url.partition("?")[0])
    follow(page, page.locator("main tbody tr").first)
    page.locator("summary", has_text="Discard").click()
    page.get_by_role("button", name="Discard").click()
    page.wait_for_url("**/quarantine?told=*")
    page.goto(page.url.partition("?")[0])
    assert page.locator("main tbody tr").count() == before - 1
    assert refused.found == []


def test_what_leaked_is_shown_to_those_whose_answers_are_read(front: Front, bare: Front) -> None:
    """An answer that is not compressed can be read by the firewall: with the exclusions every page comes whole."""
    pages = ["/?t=all", "/events?t=all", "/top/rule.id?t=all", "/top/url.path?t=all", "/sources"]
    events = front.ask("/events?t=all").body
    pages += [part.split('"')[0].replace("&amp;", "&") for part in events.split('data-href="')[1:21]]
    answers = [front.ask(page) for page in pages]

    assert len(pages) == 25
    assert {(200, True, True)} == {(a.status, a.whole, "</html>" in a.body) for a in answers}
    assert not bare.ask("/?t=all").whole  # the overview names a rule about PostgreSQL: 951240


def test_without_script_a_search_needs_the_exclusions(front: Front, bare: Front) -> None:
    typed = "/events?q=union+select+password+from+users+%3Cscript%3E..%2F..%2Fetc%2Fpasswd"

    assert bare.ask(typed).status == 403
    sent_on = front.ask(typed)
    assert (sent_on.status, sent_on.location[:11]) == (303, "/events?f=.")
    assert front.ask(sent_on.location).status == 200


def test_the_firewall_stays_on(front: Front) -> None:
    """Other arguments, other paths, other hosts: as strict as ever."""
    assert front.ask("/events?x='+or+1=1+--+-").status == 403
    assert front.ask("/events?f=%3Cscript%3Ealert(1)%3C/script%3E").status == 403
    assert front.ask("/healthz?q=union+select+password+from+users").status == 403
    assert front.ask("/events?q=union+select+password+from+users", host="other.example.org").status == 403
    typed = {"Content-Type": "application/x-www-form-urlencoded"}
    assert front.ask("/csp-report", body=b"x=<script>alert(1)</script>", headers=typed).status == 403


def test_a_report_of_the_policy_comes_through(front: Front, bare: Front) -> None:
    report = b'{"csp-report": {"blocked-uri": "inline", "violated-directive": "script-src-elem"}}'
    typed = {"Content-Type": "application/csp-report"}
    assert front.ask("/csp-report", body=report, headers=typed).status == 204
    assert bare.ask("/csp-report", body=report, headers=typed).status == 403

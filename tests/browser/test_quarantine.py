"""The quarantine and the doctor in a browser: hostile bytes, forms under the strict policy, narrow and Japanese."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from tests.browser.conftest import SETTINGS, Window, follow, served, texts
from tests.make import START, event, v3_record, write

from wafscope.doctor.examine import Checkup, examine
from wafscope.ingest.pipeline import Setting
from wafscope.query.question import Quarantine
from wafscope.query.timespan import DAY
from wafscope.query.timespan import Window as Timespan
from wafscope.reader.base import Unreadable
from wafscope.settings import Source
from wafscope.store.memory import MemoryStore
from wafscope.web.status import SourceStatus

HOSTILE = b"<img src=x onerror=alert(1)>\x1b[31m\xe2\x80\xae</td></table>" + b"x" * 20_000
LOG = "/var/log/modsec_audit.log"


@pytest.fixture
def held() -> MemoryStore:
    store = MemoryStore()
    hostile = tuple(Unreadable(HOSTILE, 100 * n, "damaged", LOG) for n in range(60))
    write(store, [], source=LOG, unreadable=(*hostile, Unreadable(v3_record(), 9_000, "cut", LOG)))
    return store


@pytest.fixture
def console(held: MemoryStore, tmp_path: Path) -> Iterator[str]:
    config = tmp_path / "rules.conf"
    config.write_text(f"SecRuleEngine On\nSecAuditEngine On\nSecAuditLogParts ABZ\nSecAuditLog {LOG}\n")
    source = Source(path=LOG, sensor="web1", config=str(config))
    settings = msgspec.structs.replace(
        SETTINGS,
        setting=Setting("web1", workers=0),
        quarantine_days=30,
        patience=10,
        status=lambda: (SourceStatus(LOG, "serial", "web1", "following", 0, 1),),
        checkup=lambda _age: Checkup((examine(source, ()),), 1),
    )
    with served(held, settings) as found:
        yield found


def test_a_piece_is_found_looked_at_tried_again_and_discarded(window: Window, console: str, held: MemoryStore) -> None:
    page = window.open(f"{console}/sources")
    follow(page, page.get_by_role("link", name="61", exact=True).first)
    assert texts(page, "h1") == ["Quarantine"]
    assert page.locator("main tbody tr").count() == 50
    assert page.locator("main img").count() == 0
    follow(page, page.get_by_role("link", name="A part is missing").first)
    follow(page, page.locator("main tbody tr"))
    assert texts(page, "h1") == ["Piece 61"]
    page.get_by_role("button", name="Try again").click()
    page.wait_for_url("**/quarantine?told=*")
    assert texts(page, "main p[role=status]") == [
        "1 piece tried: 1 event stored, 0 known already, 0 still not readable."
    ]
    page.goto(f"{console}/quarantine/60")
    assert "<img src=x onerror=alert(1)>\\x1b[31m\\u202e</td></table>" in page.locator(".http").inner_text()
    assert "3c 69 6d 67 20" in page.locator("pre.hex").inner_text()
    with page.expect_download() as saving:
        page.get_by_role("link", name="Save").click()
    assert saving.value.suggested_filename == "quarantine-60.bin"
    assert Path(saving.value.path()).read_bytes() == HOSTILE
    page.locator("summary", has_text="Discard").click()
    page.get_by_role("button", name="Discard").click()
    page.wait_for_url("**/quarantine?told=*")
    assert len(held.quarantine(Quarantine()).value) == 59
    assert held.held().value.events == 1


def test_the_forms_work_without_script(window: Window, console: str, held: MemoryStore) -> None:
    page = window.open(f"{console}/quarantine", java_script_enabled=False)
    page.locator("summary", has_text="Discard all").click()
    page.locator("details.confirm button").click()
    page.wait_for_url("**/quarantine?told=*")

    assert texts(page, "main p[role=status]") == ["61 pieces discarded."]
    assert held.quarantine(Quarantine()).value == ()


def test_the_doctor_leads_from_the_row_to_the_line(window: Window, console: str) -> None:
    page = window.open(f"{console}/sources")
    page.locator("main tbody a.badge").click()
    page.wait_for_url("**#doctor-1")

    assert "− SecAuditLogParts ABZ" in page.locator("#doctor-1").inner_text()
    page.get_by_role("button", name="Run the doctor").click()
    page.wait_for_url("**/sources#doctor")


@pytest.mark.parametrize("path", ["/quarantine", "/quarantine/60", "/sources"])
@pytest.mark.parametrize(("width", "scheme", "language"), [(390, "dark", "ja-JP"), (1440, "light", "en-US")])
def test_nothing_is_wider_than_the_page(
    window: Window, console: str, held: MemoryStore, path: str, width: int, scheme: str, language: str
) -> None:
    write(held, [event()])
    assert held.remove(Timespan(START, START + DAY), "age", START)  # the page says so
    page = window.open(console + path, width=width, color_scheme=scheme, locale=language)

    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.locator("html").get_attribute("lang") == language[:2]


@pytest.mark.parametrize("path", ["/quarantine", "/quarantine/61"])
def test_what_asks_before_discarding_is_whole_on_a_phone(window: Window, console: str, path: str) -> None:
    page = window.open(console + path, width=390, height=844, locale="ja-JP")
    page.locator("details.confirm > summary").click()
    for part in ("form", "form button", "form p"):
        box = page.locator(f"details.confirm > {part}").bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 390

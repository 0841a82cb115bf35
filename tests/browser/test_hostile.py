"""What attackers sent is shown and does nothing."""

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect
from tests.browser.conftest import Window, load, served
from tests.make import v3_record

from wafscope.query.parser import encode
from wafscope.store.memory import MemoryStore

SCRIPT = '<script>window.owned=1</script><img src=x onerror="window.owned=1">'
TRICKS = "\u202eevil\u2066\x1b[31m\x00\u200b{{7*7}}${7*7}"


def hostile_log() -> bytes:
    """Records with markup, bidirectional overrides, escapes, a very long target and bytes that are no UTF-8."""
    request = {
        "method": "GET",
        "http_version": 1.1,
        "uri": "/" + SCRIPT + TRICKS + "?q=" + "A" * 100_000,
        "headers": {"Host": SCRIPT, "User-Agent": TRICKS + SCRIPT, "X-" + SCRIPT: "'\"><svg/onload=alert(1)>"},
        "body": "</span></div>" + SCRIPT,
    }
    details = {
        "match": f"Matched \"Operator `Rx' with parameter `{SCRIPT}' against variable `ARGS:x' (Value: `{SCRIPT}' )",
        "reference": "o0,5v0,5", "ruleId": "999999", "file": SCRIPT, "lineNumber": "1",
        "data": "Matched Data: " + SCRIPT + " found within ARGS:x: " + TRICKS,
        "severity": "2", "ver": SCRIPT, "rev": "", "tags": [SCRIPT, TRICKS], "maturity": "0", "accuracy": "0",
    }  # fmt: skip
    message = {"message": SCRIPT, "details": details}
    lines = [
        v3_record(unique_id=f"17949690{n:02}.000001", client_ip=f"192.0.2.{n}", request=request, messages=[message] * 3)
        for n in range(5)
    ]
    broken = json.dumps({"x": 1}).encode()
    return (
        b"\n".join([*lines, broken, lines[0].replace(b"/search", b"/\xff\xfe").replace(b"192.0.2.0", b"192.0.2.\xff")])
        + b"\n"
    )


@pytest.fixture(scope="module")
def hostile() -> Iterator[str]:
    store = MemoryStore()
    load(store, hostile_log(), sensor=SCRIPT)
    with served(store) as found:
        yield found


def test_hostile_events_are_inert(window: Window, hostile: str) -> None:
    page = window.open(f"{hostile}/?t=all")
    expect(page.locator('[data-key="1"] .num')).to_have_text("6")
    for path in (
        "/",
        "/?by=host",
        "/events",
        "/top/host",
        "/top/user_agent.original",
        "/top/url.path",
        "/series?by=host",
    ):
        page.goto(f"{hostile}{path}{'&' if '?' in path else '?'}t=all")
        assert page.evaluate("window.owned") is None
        assert page.locator("main script, main img, main svg[onload], main iframe").count() == 0
        assert page.evaluate("document.scrollingElement.scrollWidth <= innerWidth")
    page.goto(f"{hostile}/events?t=all")
    with page.expect_navigation():
        page.locator("table.cards a.mid").first.click()
    expect(page.locator("#request")).to_contain_text("onerror")
    expect(page.locator("#request")).to_contain_text(r"\u202e")
    assert page.evaluate("window.owned") is None
    assert page.locator("main script, main img").count() == 0
    assert page.evaluate("document.scrollingElement.scrollWidth <= innerWidth")
    hidden = page.evaluate(r"/[\u202a-\u202e\u2066-\u2069\u200b\u0000\u001b]/.test(document.documentElement.outerHTML)")
    assert hidden is False


def test_following_a_hostile_value_filters_for_it(window: Window, hostile: str) -> None:
    page = window.open(f"{hostile}/?t=all")
    with page.expect_navigation():
        page.locator('[data-key="3"] tbody tr a[data-in]').first.click(force=True)
    expect(page.locator('[data-key="1"] .num')).to_have_text("6")
    assert page.locator(".chip").count() == 1


def wide_log() -> bytes:
    """Records whose values need more room than a page has: wide letters, escapes, a long name, address and method."""
    name = "h" * 400
    details = {
        "match": f"Matched \"Operator `Rx' with parameter `x' against variable `REQUEST_HEADERS:{name}' (Value: `x' )",
        "reference": "", "ruleId": "920280", "file": "", "lineNumber": "1", "data": "", "severity": "2", "ver": "",
        "rev": "", "tags": [], "maturity": "0", "accuracy": "0",
    }  # fmt: skip
    targets = ("/" + "漢字" * 400, "/" + "\u200d" * 200, "/" + "a" * 3_000, "/" + "שלום עולם/" * 40)
    return b"".join(
        v3_record(
            unique_id=f"17949690{n:02}.000001",
            client_ip="2001:db8:85a3:aaaa:bbbb:8a2e:370:1003",
            request={"method": "P" * 40, "http_version": 1.1, "uri": target, "headers": {"Host": "www.example.org"}},
            messages=[{"message": "m" * 300, "details": details}],
        )
        + b"\n"
        for n, target in enumerate(targets)
    )


def test_wide_values_stay_in_their_place(window: Window) -> None:
    store = MemoryStore()
    load(store, wide_log())
    with served(store) as address:
        page = window.open(f"{address}/events?t=all")
        outside = """() => [...document.querySelectorAll("td .mid > span")].filter((e) =>
            e.getBoundingClientRect().right > e.closest("td").getBoundingClientRect().right).length"""
        assert page.evaluate(outside) == 0
        assert page.evaluate("(e => e.scrollWidth <= e.clientWidth)(document.querySelector('.table-wrap'))")
        expect(page.locator("#preview .say")).to_be_visible()
        assert page.evaluate("(e => e.scrollWidth <= e.clientWidth)(document.querySelector('#preview'))")
        for width in (1440, 390):
            page.set_viewport_size({"width": width, "height": 844})
            page.goto(f"{address}/events?t=all&f={encode('@host:' + 'a' * 200)}")
            value, button = (page.locator(f".chip {part}").last.bounding_box() for part in (".v", "> a"))
            assert value is not None
            assert button is not None
            assert value["x"] + value["width"] <= button["x"]
            page.goto(f"{address}/events?t=all")
            assert page.evaluate("document.scrollingElement.scrollWidth <= innerWidth")
            page.goto(address + str(page.locator("table.cards tbody tr").first.get_attribute("data-href")))
            expect(page.locator(".match .say")).to_be_visible()
            assert page.evaluate("document.scrollingElement.scrollWidth <= innerWidth")
        page.close()


def test_a_name_written_from_right_to_left_stands_before_its_path(window: Window) -> None:
    store = MemoryStore()
    request = {"method": "GET", "http_version": 1.1, "uri": "/שלום/עולם", "headers": {"Host": "مثال.إختبار"}}
    load(store, v3_record(request=request) + b"\n")
    with served(store) as address:
        page = window.open(f"{address}/events?t=all")
        page.goto(address + str(page.locator("table.cards tbody tr").first.get_attribute("data-href")))
        host, path = (page.locator("h1 bdi").nth(n).bounding_box() for n in (0, 1))
        assert host is not None
        assert path is not None
        assert host["x"] + host["width"] <= path["x"] + 1
        page.close()

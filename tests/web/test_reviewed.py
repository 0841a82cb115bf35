"""The mark on an event: set and taken off from its own page, and from no other site."""

from __future__ import annotations

import pytest
from litestar import Litestar
from litestar.testing import TestClient
from tests.make import START

from wafscope.query.parser import encode
from wafscope.query.question import Page, Scope
from wafscope.query.timespan import DAY, Window
from wafscope.store.memory import MemoryStore

OWN = {"Origin": "http://console.local"}

Client = TestClient[Litestar]


@pytest.fixture
def address(store: MemoryStore) -> str:
    """The address of the oldest event."""
    row = store.page(Page(Scope(), limit=100)).value.rows[-1]
    return f"/events/{row.id.hex()}"


def reviewed(store: MemoryStore, address: str) -> bool:
    stored = store.event(bytes.fromhex(address.rpartition("/")[2])).value
    return stored is not None and stored.reviewed is not None


def test_an_event_is_marked_and_the_mark_taken_off(client: Client, store: MemoryStore, address: str) -> None:
    page = client.get(f"{address}?t=7d").text
    assert f'action="{address}/review?t=7d"' in page
    answer = client.post(f"{address}/review?t=7d", headers=OWN, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, f"{address}?t=7d")
    assert reviewed(store, address)
    page = client.get(address).text
    assert f'action="{address}/unreview"' in page
    assert "Take the mark off" in page
    store.remove(Window(START, START + DAY), "age", START)
    assert client.get(address).status_code == 200
    assert client.post(f"{address}/unreview", headers=OWN).status_code == 200
    assert not reviewed(store, address)


@pytest.mark.parametrize(
    "headers", [{}, {"Origin": "https://evil.example"}, {**OWN, "Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}]
)
def test_another_site_can_not_mark_it(
    client: Client, store: MemoryStore, address: str, headers: dict[str, str]
) -> None:
    assert client.post(f"{address}/review", headers=headers).status_code == 403
    assert client.get(f"{address}/review").status_code in {404, 405}
    assert not reviewed(store, address)


@pytest.mark.parametrize("identity", ["0" * 32, "x", "%2e%2e", "0" * 31])
def test_an_unknown_event_is_not_found(client: Client, identity: str) -> None:
    assert client.post(f"/events/{identity}/review", headers=OWN).status_code == 404


def test_the_list_can_leave_out_what_is_reviewed(client: Client, store: MemoryStore, address: str) -> None:
    def listed(line: str) -> bool:
        return f'data-href="{address}' in client.get(f"/events?t=all&f={encode(line)}").text

    assert listed("is:unreviewed")
    assert not listed("is:reviewed")
    client.post(f"{address}/review", headers=OWN)
    assert not listed("is:unreviewed")
    assert listed("is:reviewed")

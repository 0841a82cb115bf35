"""The quarantine in the console: hostile bytes are shown and not obeyed, and only its own pages change anything."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest
from litestar import Litestar
from litestar.testing import TestClient
from tests.make import v3_record, write
from tests.web.conftest import SETTINGS

from wafscope.ingest.pipeline import Setting
from wafscope.query.parser import encode
from wafscope.query.question import Quarantine
from wafscope.reader.base import Unreadable
from wafscope.store.memory import MemoryStore
from wafscope.web.app import create_app

HOSTILE = b"<script>alert(1)</script>\x1b[31m\xe2\x80\xae\x00\xff\"'&\n{{ 7*7 }}"
LOG = "/var/log/modsec_audit.log"
OWN = {"Origin": "http://console.local"}
READABLE = Unreadable(v3_record(), 90, "damaged", LOG)
"""What this version can read, if it is tried again."""


@pytest.fixture
def held() -> MemoryStore:
    """Three pieces of two sources: hostile bytes, one that can be read by now, and one that was not kept."""
    store = MemoryStore()
    large = Unreadable(b"", 400, "too_large", length=80 << 20)
    write(store, [], source=LOG, unreadable=(Unreadable(HOSTILE, 7, "cut", LOG), READABLE))
    write(store, [], source="-", unreadable=(large,))
    return store


@pytest.fixture
def client(held: MemoryStore) -> Iterator[TestClient[Litestar]]:
    settings = msgspec.structs.replace(SETTINGS, setting=Setting("web1", workers=0), quarantine_days=30)
    with TestClient(create_app(held, settings), base_url="http://console.local") as made:
        yield made


Client = TestClient[Litestar]


def ids(store: MemoryStore) -> list[int]:
    return [piece.id for piece in store.quarantine(Quarantine()).value]


def test_the_list_has_what_could_not_be_read_and_says_that_nothing_is_masked(client: Client) -> None:
    page = client.get("/quarantine").text

    assert "3 pieces" in page
    assert "Nothing is masked here." in page
    assert "They expire after 30 days." in page
    assert page.index("/quarantine/3") < page.index("/quarantine/1")
    assert "no bytes were kept" in page


@pytest.mark.parametrize("path", ["/quarantine", "/quarantine/1"])
def test_hostile_bytes_are_written_out(client: Client, path: str) -> None:
    page = client.get(path).text

    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "\x1b" not in page
    assert "\u202e" not in page
    assert "\x00" not in page
    assert "\\x1b" in page
    assert "{{ 7*7 }}" in page or path == "/quarantine"


def test_one_piece_is_shown_as_text_and_as_bytes(client: Client) -> None:
    page = client.get("/quarantine/1").text

    assert "3c 73 63 72 69 70 74 3e 61 6c 65 72 74 28 31 29" in page
    assert "A part of the record is missing." in page


def test_the_list_is_narrowed_by_reason_and_by_source(client: Client) -> None:
    assert "1 piece<" in client.get("/quarantine?reason=cut").text
    assert "2 pieces" in client.get(f"/quarantine?source={encode(LOG)}").text
    assert "Nothing is in quarantine" in client.get(f"/quarantine?reason=too_large&source={encode(LOG)}").text
    # What can not be understood is left out.
    assert "3 pieces" in client.get("/quarantine?reason=x&source=!!&below=-1&told=<b>").text


def test_a_long_list_has_pages(client: Client, held: MemoryStore) -> None:
    write(held, [], source=LOG, unreadable=tuple(Unreadable(b"x", n, "cut", LOG) for n in range(100)))
    first = client.get("/quarantine").text

    assert "/quarantine?below=54" in first
    last = client.get("/quarantine?below=4").text
    assert ("/quarantine/3" in last, "/quarantine/4" in last, "below=" in last) == (True, False, False)


def test_all_bytes_are_saved_under_a_name_of_their_own(client: Client) -> None:
    answer = client.get("/quarantine/1/whole")

    assert answer.content == HOSTILE
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"] == 'attachment; filename="quarantine-1.bin"'
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "content-encoding" not in answer.headers


@pytest.mark.parametrize(
    "path", ["/quarantine/9", "/quarantine/0", "/quarantine/x", "/quarantine/9/whole", "/quarantine/1e3"]
)
def test_what_is_not_there_is_said(client: Client, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert "This piece is not in quarantine" in answer.text


DEEDS = ["/quarantine/retry", "/quarantine/discard", "/quarantine/1/retry", "/quarantine/1/discard", "/sources/doctor"]


@pytest.mark.parametrize("path", DEEDS)
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "null"},
        {"Origin": "https://evil.example"},
        {"Origin": "http://console.local.evil.example"},
        {"Origin": "console.local"},
        {"Sec-Fetch-Site": "cross-site", **OWN},
        {"Sec-Fetch-Site": "same-site", **OWN},
        {"Sec-Fetch-Site": "none", **OWN},
    ],
)
def test_no_other_site_changes_anything(client: Client, held: MemoryStore, path: str, headers: dict[str, str]) -> None:
    answer = client.post(path, headers=headers, follow_redirects=False)

    assert answer.status_code == 403
    assert ids(held) == [1, 2, 3]


@pytest.mark.parametrize("path", DEEDS)
def test_nothing_is_changed_by_looking(client: Client, held: MemoryStore, path: str) -> None:
    assert client.get(path, follow_redirects=False).status_code in {404, 405}
    assert ids(held) == [1, 2, 3]


@pytest.mark.parametrize("headers", [OWN, {"Sec-Fetch-Site": "same-origin"}, {"Origin": "http://console.local:81"}])
def test_the_own_page_may(client: Client, held: MemoryStore, headers: dict[str, str]) -> None:
    answer = client.post("/quarantine/1/discard", headers=headers, follow_redirects=False)

    assert (answer.status_code, answer.headers["location"]) == (303, "/quarantine?told=discarded.1")
    assert ids(held) == [2, 3]
    assert "1 piece discarded." in client.get(answer.headers["location"]).text


def test_what_can_be_read_now_is_stored(client: Client, held: MemoryStore) -> None:
    answer = client.post("/quarantine/retry", headers=OWN)

    assert "3 pieces tried: 1 event stored, 0 known already, 2 still not readable." in answer.text
    assert ids(held) == [1, 3]
    assert held.held().value.events == 1


def test_only_what_the_list_shows_is_tried_or_discarded(client: Client, held: MemoryStore) -> None:
    assert client.post("/quarantine/retry?reason=cut", headers=OWN).url.query == b"reason=cut&told=retried.1.0.0.1"
    client.post(f"/quarantine/discard?source={encode(LOG)}", headers=OWN)
    assert ids(held) == [3]


def test_what_is_discarded_counts_as_dropped(client: Client, held: MemoryStore) -> None:
    client.post("/quarantine/1/discard", headers=OWN)

    assert "0 stored, 0 known already, 1 dropped" in client.get("/sources").text


def test_the_pages_lead_there(client: Client) -> None:
    page = client.get("/sources").text

    assert 'href="/quarantine"' in page
    assert f'href="/quarantine?source={encode(LOG)}"' in page


def test_an_empty_quarantine_says_so(held: MemoryStore, client: Client) -> None:
    held.discard(Quarantine())
    page = client.get("/quarantine").text

    assert "Nothing is in quarantine" in page
    assert "Nothing is masked here." not in page

"""Pages, styles and scripts are sent compressed to those who can take it, and say so."""

import gzip
import zlib
from pathlib import Path

import msgspec
import pytest
from litestar import Litestar
from litestar.testing import TestClient
from tests.web.conftest import SETTINGS

from wafscope.store.memory import MemoryStore
from wafscope.web.app import create_app
from wafscope.web.compression import accepts_gzip
from wafscope.web.security import POLICY

Client = TestClient[Litestar]
STYLE = b".panel { color: red }\n" * 500
PLAIN = {"Accept-Encoding": "identity"}


@pytest.fixture
def built(store: MemoryStore, tmp_path: Path) -> Client:
    """A console whose front end is built."""
    (tmp_path / "wafscope.css").write_bytes(STYLE)
    return TestClient(create_app(store, msgspec.structs.replace(SETTINGS, static=tmp_path)), "http://console.local")


def raw(client: Client, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    """Ask for an address; the body is as it was sent."""
    with client.stream("GET", path, headers=headers) as answer:
        return answer.status_code, dict(answer.headers), b"".join(answer.iter_raw())


@pytest.mark.parametrize("path", ["/?from=1794960000000000", "/events", "/nothing"])
def test_a_page_is_sent_compressed(client: Client, path: str) -> None:
    _, plain_headers, plain = raw(client, path, **PLAIN)
    _, headers, packed = raw(client, path, **{"Accept-Encoding": "gzip, deflate"})

    assert "content-encoding" not in plain_headers
    assert headers["content-encoding"] == "gzip"
    assert "Accept-Encoding" in headers["vary"]
    assert headers["content-length"] == str(len(packed))
    assert headers["content-security-policy"] == POLICY
    assert gzip.decompress(packed) == plain
    assert len(packed) < len(plain) / 2


def test_a_style_sheet_is_compressed_once(built: Client) -> None:
    _, plain_headers, plain = raw(built, "/static/wafscope.css", **PLAIN)
    _, headers, packed = raw(built, "/static/wafscope.css", **{"Accept-Encoding": "br;q=1, gzip;q=0.8"})

    assert plain == STYLE
    assert zlib.decompress(packed, wbits=31) == STYLE
    assert (headers["content-encoding"], headers["content-length"]) == ("gzip", str(len(packed)))
    assert {plain_headers["vary"], headers["vary"]} == {"Accept-Encoding"}
    assert plain_headers["etag"] != headers["etag"]


def test_each_form_of_a_style_sheet_has_a_tag_of_its_own(built: Client) -> None:
    for encoding in ("gzip", "identity"):
        _, headers, _ = raw(built, "/static/wafscope.css", **{"Accept-Encoding": encoding})
        tag = headers["etag"]
        again = {name: raw(built, "/static/wafscope.css", **{"Accept-Encoding": name, "If-None-Match": tag})
                 for name in ("gzip", "identity")}  # fmt: skip
        assert {name: status for name, (status, _, _) in again.items() if status == 304} == {encoding: 304}
        assert again[encoding][2] == b""


def test_who_refuses_gzip_gets_a_page_without_it(client: Client) -> None:
    assert "content-encoding" not in raw(client, "/events", **{"Accept-Encoding": "gzip;q=0, identity"})[1]


def test_head_tells_of_a_page_without_it(client: Client) -> None:
    answer = client.head("/events", headers={"Accept-Encoding": "gzip"})
    assert (answer.status_code, answer.content) == (200, b"")


@pytest.mark.parametrize(
    ("header", "accepted"),
    [
        ("", False),
        ("gzip", True),
        ("GZIP", True),
        ("br, gzip;q=0.5", True),
        ("gzip ; q=1.0", True),
        ("gzip;q=0", False),
        ("gzip; q=0.000", False),
        ("br;q=1, gzip;q=0", False),
        ("xgzip", False),
        ("identity", False),
    ],
)
def test_gzip_is_sent_only_where_it_is_accepted(header: str, *, accepted: bool) -> None:
    assert accepts_gzip(header) is accepted

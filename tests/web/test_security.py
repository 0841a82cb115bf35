"""Headers on every answer, and names the console does not go by."""

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from wafscope.web.security import POLICY, HostCheck, host_name

Client = TestClient[Litestar]


@pytest.mark.parametrize(
    "page",
    [
        "/",
        "/events",
        "/nothing",
        "/healthz",
        "/live",
        "/api/status",
        "/sources",
        "/complete",
        "/static/nothing.js",
        "/lang/ja",
    ],
)
def test_every_answer_carries_the_policy(client: Client, page: str) -> None:
    headers = client.get(page, follow_redirects=False).headers
    assert headers["content-security-policy"] == POLICY
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["cache-control"] == "no-store"


def test_the_policy_allows_nothing_inline() -> None:
    assert "unsafe" not in POLICY
    assert "default-src 'none'" in POLICY


@pytest.mark.parametrize("page", ["/", "/nothing", "/healthz", "/static/wafscope.css"])
def test_another_name_is_refused(client: Client, page: str) -> None:
    answer = client.get(page, headers={"Host": "evil.example"})
    assert answer.status_code == 421
    assert answer.headers["content-security-policy"] == POLICY


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:8080", "127.0.0.1:8080", "127.8.9.1", "[::1]:80", "Console.local:1"]
)
def test_its_own_names_are_allowed(client: Client, host: str) -> None:
    assert client.get("/healthz", headers={"Host": host}).status_code == 200


def test_any_name_if_told_so() -> None:
    assert HostCheck(("*",)).allows("whatever.example")
    assert not HostCheck(()).allows("")
    assert not HostCheck(()).allows("localhost.evil.example")


@pytest.mark.parametrize(
    ("host", "name"),
    [("a", "a"), ("A:80", "a"), ("[::1]:80", "::1"), ("::1", "::1"), ("1.2.3.4:5", "1.2.3.4"), ("", "")],
)
def test_host_name(host: str, name: str) -> None:
    assert host_name(host) == name


def test_reports_are_counted(client: Client) -> None:
    assert client.post("/csp-report", content=b'{"csp-report": {}}').status_code == 204
    assert client.get("/healthz").json()["csp_reports"] == 1


def test_static_files_are_cached_by_their_content(client: Client) -> None:
    page = client.get("/").text
    address = page.split('rel="stylesheet" href="')[1].split('"')[0]
    answer = client.get(address)
    if answer.status_code == 404:
        pytest.skip("the front end is not built")
    assert "immutable" in answer.headers["cache-control"]
    again = client.get(address, headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert client.get("/static/wafscope.css").headers["cache-control"] == "no-cache"


def test_head_has_no_body(client: Client) -> None:
    assert client.head("/").status_code == 200


def test_other_methods_are_refused(client: Client) -> None:
    assert client.post("/").status_code == 405
    assert client.delete("/events").status_code == 405


@pytest.mark.parametrize("host", ["localhost:1@evil", "[::1]evil", "[::1]:x", "127.0.0.1:80:80", ":80"])
def test_what_is_no_name_and_port_names_nobody(host: str) -> None:
    assert not HostCheck(()).allows(host)

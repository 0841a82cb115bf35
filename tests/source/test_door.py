"""Who is admitted, and what is known of who is not."""

from __future__ import annotations

import base64

import pytest

from wafscope.errors import SettingsError
from wafscope.settings import User
from wafscope.source.door import Door, Refusal, asked
from wafscope.source.listener import Listener, check, open_listener

DOOR = Door(
    Listener(
        "receiver",
        "127.0.0.1:0",
        tokens={"t0ken": "web1", "other": "web2"},
        users={"mlogc": User("päss:word", "web3")},
    )
)


def ask(path: str = "/in", method: str = "POST", **headers: str) -> str:
    pairs = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return DOOR.admit(asked(method, path, pairs, "192.0.2.7"))


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


def test_a_token_in_the_path_or_as_bearer_and_a_password_tell_the_sensor() -> None:
    assert ask("/in/t0ken") == "web1"
    assert ask("/in/other/", method="PUT") == "web2"
    assert ask("/", authorization="bearer t0ken") == "web1"
    assert ask("/rpc/auditLogReceiver", authorization=basic("mlogc:päss:word")) == "web3"


@pytest.mark.parametrize(
    ("path", "headers", "reason", "who"),
    [
        ("/in", {}, "not_admitted", "192.0.2.7"),
        ("/in/wrong", {"authorization": "Bearer t0ken"}, "not_admitted", "192.0.2.7"),
        ("/in/", {}, "not_admitted", "192.0.2.7"),
        ("/in", {"authorization": basic("mlogc:wrong")}, "not_admitted", "mlogc@192.0.2.7"),
        ("/in", {"authorization": basic("a\x1b[31m:x")}, "not_admitted", "a?[31m@192.0.2.7"),
        ("/in", {"authorization": "Basic ???"}, "not_admitted", "192.0.2.7"),
        ("/in", {"authorization": "t0ken"}, "not_admitted", "192.0.2.7"),
        ("/other", {"authorization": "Bearer t0ken"}, "wrong_path", "192.0.2.7"),
    ],
)
def test_anybody_else_is_refused(path: str, headers: dict[str, str], reason: str, who: str) -> None:
    with pytest.raises(Refusal) as refusal:
        ask(path, **headers)
    assert (refusal.value.reason, refusal.value.sensor) == (reason, who)


def test_only_put_and_post_are_taken() -> None:
    for method in ("GET", "DELETE", "OPTIONS"):
        with pytest.raises(Refusal) as refusal:
            ask("/in/t0ken", method=method)
        assert refusal.value.status == 405


@pytest.mark.parametrize(
    ("headers", "origin"),
    [
        ({"x-forensiclog-summary": "…", "x-content-hash": "md5:…"}, "mlogc"),
        ({"user-agent": "ModSecurity3"}, "v3"),
        ({"user-agent": "Coraza+v3"}, "coraza"),
        ({"user-agent": "Fluent-Bit"}, "collector"),
    ],
)
def test_the_program_is_told_by_its_headers(headers: dict[str, str], origin: str) -> None:
    assert asked("POST", "/in", [(k.encode(), v.encode()) for k, v in headers.items()], "").origin == origin


@pytest.mark.parametrize(
    "listener",
    [
        Listener("receiver", "0.0.0.0:0", sensor="web1"),
        Listener("receiver", "127.0.0.1:0"),
        Listener("syslog", "127.0.0.1:0"),
        Listener("receiver", "nothing", tokens={"t": "s"}),
        Listener("receiver", "127.0.0.1:0", tokens={"t": "s"}, tls_certificate="a.pem"),
    ],
)
def test_settings_that_would_let_in_anybody_or_can_not_work_are_refused(listener: Listener) -> None:
    with pytest.raises(SettingsError):
        check(listener)


def test_an_address_that_is_taken_is_named() -> None:
    with open_listener(Listener("receiver", "127.0.0.1:0", sensor="web1")) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(SettingsError, match=address):
            open_listener(Listener("receiver", address, sensor="web1"), patience=0)

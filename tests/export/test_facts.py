"""What all forms conclude from an event."""

from __future__ import annotations

import pytest
from tests.make import START, event, match

from wafscope.export import facts


@pytest.mark.parametrize(
    ("time", "written"),
    [
        (START + 1, "2026-11-18T00:00:00.000001Z"),
        (0, "1970-01-01T00:00:00.000000Z"),
        (-1, "1969-12-31T23:59:59.999999Z"),
        (1 << 62, "9999-12-31T23:59:59.999999Z"),
        (-(1 << 62), "0001-01-01T00:00:00.000000Z"),
        (1 << 90, "9999-12-31T23:59:59.999999Z"),
    ],
)
def test_a_time_is_in_utc_and_never_fails(time: int, written: str) -> None:
    assert facts.instant(time) == written


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("10.0.0.256", None),
        ("unix:", None),
        ("", None),
        (None, None),
        ("a\0b", None),
        ("\udcff", None),
        ("1" * 1000, None),
    ],
)
def test_only_an_address_is_one(text: str | None, address: str | None) -> None:
    assert facts.address(text) == address


@pytest.mark.parametrize(
    ("host", "name", "port"),
    [
        ("example.org", "example.org", None),
        ("example.org:8443", "example.org", 8443),
        ("[::1]:80", "::1", 80),
        ("[::1]", "::1", None),
        ("example.org:99999", "example.org:99999", None),
        ("a:b:c", "a:b:c", None),
        ("", "", None),
        ("x" * 5000, "x" * 5000, None),
    ],
)
def test_a_host_is_taken_apart_where_it_can_be(host: str, name: str, port: int | None) -> None:
    found = facts.host_name(host)
    assert (found.name, found.port) == (name, port)


@pytest.mark.parametrize(
    ("path", "extension"),
    [("/a.php", "php"), ("/a.tar.gz", "gz"), ("/.htaccess", None), ("/a.b/c", None), ("", None), ("/a.", None)],
)
def test_the_extension_is_that_of_the_last_name(path: str, extension: str | None) -> None:
    assert facts.extension(path) == extension


@pytest.mark.parametrize(
    ("said", "length"), [("17", 17), ("-1", None), ("1e3", None), ("\u0661", None), ("9" * 30, None)]
)
def test_a_length_is_a_number(said: str, length: int | None) -> None:
    assert facts.content_length((("Content-LENGTH", said),)) == length


def test_messages_and_tags_come_once() -> None:
    made = event(
        START,
        match(1, message="a", tags=("x", "")),
        match(2, message="a", tags=("x", "y")),
        match(3, message=""),
        949110,
    )
    assert facts.messages(made) == "a"
    assert facts.tags(made) == ("x", "y")


def test_the_same_record_has_the_same_digest() -> None:
    assert facts.digest(event(raw=b"a")) == facts.digest(event(raw=b"a", status=1)) != facts.digest(event(raw=b"b"))

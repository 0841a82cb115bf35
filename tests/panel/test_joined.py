"""The lines of the error log on the page of an event."""

from __future__ import annotations

from tests.make import START, event

from wafscope.panel.event import ready
from wafscope.panel.joined import MOST_LINES, ErrorLines, read
from wafscope.query.question import JoinedRecord, StoredEvent


def stored(*raw: bytes) -> StoredEvent:
    records = tuple(JoinedRecord("err.nginx.v3", "/var/log/error.log", 7, len(each), each) for each in raw)
    return StoredEvent(b"id", event(START), "web1", "/var/log/audit.log", 0, 9, records)


def test_each_record_has_its_lines_and_its_place() -> None:
    assert read(stored(b"one\ntwo \xff", b"three\n")) == (
        ErrorLines("err.nginx.v3", "/var/log/error.log", 7, 9, ("one", "two \udcff"), 0),
        ErrorLines("err.nginx.v3", "/var/log/error.log", 7, 6, ("three",), 0),
    )
    assert read(stored()) == ()


def test_a_record_of_very_many_lines_says_how_many_are_left_out() -> None:
    (shown,) = read(stored(b"\n".join([b"x"] * (MOST_LINES + 3))))
    assert (len(shown.lines), shown.more) == (MOST_LINES, 3)


def test_the_page_of_the_event_has_them() -> None:
    assert ready(stored(b"one")).error_log == read(stored(b"one"))

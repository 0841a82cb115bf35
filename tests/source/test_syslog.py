"""A stream of syslog is cut into messages, however it arrives."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wafscope.source.syslog import Lines

MESSAGE = b'<134>2026-11-24T02:44:43Z host com.coraza.waf[7]: {"transaction":{}}'


def cut(data: bytes, size: int, most: int = 1 << 20) -> list[bytes]:
    lines = Lines(most)
    found = []
    for start in range(0, len(data), size):
        found += lines.feed(data[start : start + size])
    return found + lines.end()


def counted(message: bytes) -> bytes:
    return b"%d %s" % (len(message), message)


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_lines_and_counted_messages_may_follow_each_other(size: int) -> None:
    two = b"<14>1 - - - - - - first\nsecond"
    data = MESSAGE + b"\n" + counted(two) + counted(MESSAGE) + MESSAGE + b"\r\n\n" + MESSAGE + b"\0\n" + MESSAGE
    assert cut(data, size) == [MESSAGE, two, MESSAGE, MESSAGE, MESSAGE, MESSAGE]


def test_a_line_that_begins_with_a_number_is_a_line() -> None:
    assert cut(b"2026-11-24 12 apples\n17 apples\n", 3) == [b"2026-11-24 12 apples", b"17 apples"]


@pytest.mark.parametrize("size", [1, 50, 5000])
def test_what_is_too_long_is_passed_over_and_nothing_behind_it(size: int) -> None:
    long = b"<14>" + b"x" * 3000
    lines = Lines(1000)
    found = []
    data = b"first\n" + long + b"\n" + counted(long) + b"last\n"
    most = 0
    for start in range(0, len(data), size):
        found += lines.feed(data[start : start + size])
        most = max(most, lines.held)
    assert found == [b"first", b"last"]
    assert lines.too_long == 2
    assert most <= 1000


@given(st.binary(max_size=300), st.integers(1, 40))
def test_any_bytes_give_the_same_messages_however_they_are_divided(data: bytes, size: int) -> None:
    assert cut(data, size) == cut(data, len(data) + 1)

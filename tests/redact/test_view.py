"""Where a byte of what was decoded stands in the record."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wafscope.redact.view import ENTITY, ESCAPED, LETTERS, PERCENT, View, bared, decoded, unescape

TOKENS = [
    *rb"\\ \n \" \u0041 \u00e9 \ud83d\ude00 \ud83d \x41 \xzz \u12 \ % %41 %u0041 %c3%a9 %zz %2".split(),
    *b"&amp; &#65; &#x41; &#1; &x; abc Z 4 u x".split(),
    *(text.encode() for text in ("é", "😀", " ", '"', "\n")),
]
texts = st.lists(st.sampled_from(TOKENS), max_size=14).map(b"".join)
PATTERNS = (ESCAPED, PERCENT, ENTITY)


def plainly(text: bytes, pattern: re.Pattern[bytes]) -> tuple[bytes, list[tuple[int, int]]]:
    """The slow way: what a text is decoded, and where each byte of that stood."""
    parts: list[bytes] = []
    places: list[tuple[int, int]] = []
    position = 0
    for found in pattern.finditer(text):
        parts += text[position : found.start()], unescape(found[0])
        places += [(at, at + 1) for at in range(position, found.start())]
        places += [found.span()] * len(unescape(found[0]))
        position = found.end()
    places += [(at, at + 1) for at in range(position, len(text))]
    return b"".join(parts) + text[position:], places


@pytest.mark.parametrize("pattern", PATTERNS)
@given(text=texts)
def test_a_byte_knows_its_place_whatever_was_decoded(pattern: re.Pattern[bytes], text: bytes) -> None:
    expected, places = plainly(text, pattern)
    assert decoded(text, pattern) == expected
    view, _ = View(text, 100).deeper(((0, len(text)),), pattern)
    assert view.data == expected
    for position, (start, end) in enumerate(places):
        assert view.span(position, position + 1) == (100 + start, 100 + end)
        assert view.span(0, position + 1) == (100 + places[0][0], 100 + end)


@pytest.mark.parametrize("lead", range(4))
@pytest.mark.parametrize("piece", [rb"\n", rb"\\", rb"\\a\"b\n", rb"abcde", rb"a\"\u0041\x41"])
def test_a_byte_of_a_long_text_knows_its_place(piece: bytes, lead: int) -> None:
    text = b"x" * lead + piece * 300
    expected, places = plainly(text, ESCAPED)
    view = View(text, 0).unescaped()
    assert view.data == expected
    assert [view.span(position, position + 1) for position in range(len(places))] == places


@given(text=texts)
def test_letters_are_found_again_through_every_level(text: bytes) -> None:
    view = View(text, 0).bare()
    assert view.data == bared(text)
    last = 0
    for position in range(len(view.data)):
        start, end = view.span(position, position + 1)
        assert last <= end <= len(text)
        assert start < end
        last = start
        if text[start:end].isalnum() and len(text[start:end]) == 1:
            assert text[start:end].lower() == view.data[position : position + 1]


def test_letters_of_a_long_text_are_found_in_their_block() -> None:
    text = b"".join(b"%d, " % number for number in range(2000)) + b'the\\"end'
    view = View(text, 0).bare()
    assert len(view.data) == len(text.translate(None, bytes(code for code in range(256) if code not in LETTERS)))
    for number in (0, 9, 10, 255, 256, 1234, 1999):
        value = b"%d" % number
        position = sum(len(str(before)) for before in range(number))
        start, end = view.span(position, position + len(value))
        assert text[start:end] == value
        assert (start, end) == (text.index(b" %s," % value) + 1 if number else 0, start + len(value))
    start, end = view.span(len(view.data) - 6, len(view.data))
    assert text[start:end] == b'the\\"end'


def test_pieces_between_quotes_are_known_at_the_next_level() -> None:
    text = rb"""a\"password\":\"x\\y\",\"z\"%22b"""
    pieces = [found.span() for found in re.finditer(rb'[^"]+', text)]
    view, spans = View(text, 0).deeper(pieces, ESCAPED)
    assert [view.data[first:last] for first, last in spans] == [b"a", b"password", b":", rb"x\y", b",", b"z", b"%22b"]
    assert all(view.data[last : last + 1] in (b'"', b"") for _, last in spans)
    same, kept = view.deeper(spans, ENTITY)
    assert same is view
    assert kept == spans

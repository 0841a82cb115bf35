"""Text off the wire loses no byte, and can be stored in a readable form."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wafscope.event.text import from_bytes, require_utf8, storable, to_bytes

any_text = st.text(st.characters())  # lone surrogates too


@given(st.binary())
def test_every_byte_survives(data: bytes) -> None:
    assert data == to_bytes(from_bytes(data))


@given(any_text)
def test_a_storable_text_is_valid_unicode(value: str) -> None:
    assert storable(value) == storable(value).encode().decode()


@given(any_text)
def test_a_storable_text_stays_as_it_is(value: str) -> None:
    assert storable(value) == storable(storable(value))


@given(st.text())
def test_valid_unicode_stays_as_it_is(value: str) -> None:
    assert value == storable(value)
    assert value.encode() == to_bytes(value)


@given(any_text)
def test_every_text_has_bytes(value: str) -> None:
    assert isinstance(to_bytes(value), bytes)


def test_a_byte_is_shown_in_hexadecimal() -> None:
    assert storable(from_bytes(b"caf\xe9 \x80\xff")) == "caf\\xe9 \\x80\\xff"


def test_a_surrogate_that_is_no_byte_is_shown_as_its_escape() -> None:
    assert storable("\ud800 \udc7f \udfff") == "\\ud800 \\udc7f \\udfff"


def test_an_escaped_surrogate_has_the_bytes_of_wtf_8() -> None:
    assert to_bytes("a\ud800") == b"a\xed\xa0\x80"


@given(st.binary(max_size=12), st.integers(1, 4))
def test_what_is_not_utf_8_is_refused_however_long(data: bytes, size: int) -> None:
    try:
        data.decode()
        valid = True
    except UnicodeDecodeError:
        valid = False
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("wafscope.event.text._AT_ONCE", size)
        if valid:
            require_utf8(data)
        else:
            with pytest.raises(UnicodeDecodeError):
                require_utf8(data)


@given(
    any_text
    | st.text(st.sampled_from("\udcc3\udca9\udcff\ud800éa"), max_size=6)
    | st.binary(max_size=12).map(from_bytes)
)
def test_a_text_is_storable_character_by_character(text: str) -> None:
    assert storable(text) == "".join(map(storable, text))

"""Texts as Go's `%q` writes them: undone at once or escape by escape, they are the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wafscope.reader import coraza_quote
from wafscope.reader.coraza_quote import unquote

_PIECES = (
    "a", "é", "日", "\U0001f600", '\\"', "\\\\", "\\n", "\\x00", "\\x7f", "\\xc3", "\\xa9", "\\xff", "\\u00ad",
    "\\u05fe", "\\ud83d", "\\ude00", "\\u0041", "\\u005c", "\\U000e0001", "\\U00110000", "\\'", "\\0", "\\N", "\\x4",
    "\\u12", "\\", '"', "\n", "\x00", "\udcc3", "\udca9", "x41", "u0041",
)  # fmt: skip


@given(text=st.lists(st.sampled_from(_PIECES), max_size=40).map("".join))
def test_a_long_text_is_undone_as_a_short_one_is(text: str) -> None:
    one_by_one = coraza_quote._ESCAPE.sub(coraza_quote._plain_of, text)
    assert unquote(text) == one_by_one
    assert coraza_quote._at_once(text) in {None, one_by_one}


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        (r"\x89PNG\r\n\x1a\n" * 9, "\udc89PNG\r\n\x1a\n" * 9),
        ("日本" + r"\xe6\"\\x41" * 9, "日本" + '\udce6"\\x41' * 9),
        (r"\u00ad\xad" * 9, "\xad\udcad" * 9),
    ],
)
def test_what_the_engine_writes_is_undone_at_once(written: str, plain: str) -> None:
    assert coraza_quote._at_once(written) == plain == unquote(written)


def test_bytes_that_would_together_be_a_character_stay_bytes() -> None:
    written = r"\xc3\xa9" * 20
    assert coraza_quote._at_once(written) is None
    assert unquote(written) == "\udcc3\udca9" * 20

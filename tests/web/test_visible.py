"""What a browser would obey, or would not show, is written out."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wafscope.web.visible import cut, middle, plain, title, visible


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("plain", "plain"),
        ("a\x1b[31mb", r"a\x1b[31mb"),
        ("\u202egnp.exe", r"\u202egnp.exe"),
        ("a\u2066b\u2069", r"a\u2066b\u2069"),
        ("zero\u200bwidth", r"zero\u200bwidth"),
        ("nul\x00", r"nul\x00"),
        ("line\r\nbreak\t", r"line\r\nbreak\t"),
        ("byte\udcff", r"byte\xff"),
        ("half\ud800", r"half\ud800"),
        ("\u2028\ufeff", r"\u2028\ufeff"),
        ("\U000e0041", r"\U000e0041"),
        ("x\ufe01\U000e0101\u034f\u3164\u2800", r"x\ufe01\U000e0101\u034f\u3164\u2800"),
        ("日本語 é", "日本語 é"),
    ],
)
def test_hidden_characters_are_written_out(value: str, shown: str) -> None:
    assert plain(value) == shown


def test_codes_are_set_off_and_markup_is_inert() -> None:
    assert str(visible("<b>\x1b")) == '&lt;b&gt;<span class="masked">\\x1b</span>'


@given(st.text())
def test_nothing_hidden_is_left(value: str) -> None:
    shown = plain(value)
    assert all(unicodedata.category(c) not in {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"} for c in shown)
    shown.encode()
    assert "<script" not in str(visible(value + "<script"))


@given(st.text(max_size=200), st.integers(100, 150))
def test_a_cut_says_how_much_is_gone(value: str, most: int) -> None:
    head, gone, tail = cut(value, most)
    assert len(head) + gone + len(tail) == len(value)
    assert gone == max(0, len(value) - most)


def test_the_middle_of_a_long_text_gives_way() -> None:
    assert middle("short") == ("short", "")
    assert "".join(middle("www.example.org/login?q=1")) == "www.example.org/login?q=1"
    assert len("".join(middle("x" * 100_000))) < 1_000


def test_a_title_is_never_endless() -> None:
    assert title("x" * 2_000, "en").endswith("… (+1,000)")

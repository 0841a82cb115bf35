"""A line of JSON is valid, inert on a terminal and means what it did."""

from __future__ import annotations

import json
import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.export.made import words

from wafscope.event.text import storable
from wafscope.export.encode import line

values: st.SearchStrategy[Any] = st.recursive(
    words | st.integers(-(1 << 70), 1 << 70) | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("a\x7f\x9b\u202e\u2028\ufeff", b'{"a":"a\\u007f\\u009b\\u202e\\u2028\\ufeff"}\n'),
        ("\0\x1b\n", b'{"a":"\\u0000\\u001b\\n"}\n'),
        ("\U000e0041", b'{"a":"\\udb40\\udc41"}\n'),
        ("é日\U0001f512", '{"a":"é日\U0001f512"}\n'.encode()),
        ("\udcff\ud800", b'{"a":"\\\\xff\\\\ud800"}\n'),
    ],
)
def test_what_a_terminal_would_obey_is_escaped(text: str, written: bytes) -> None:
    assert line({"a": text}) == written


@given(st.dictionaries(words, values, max_size=3))
def test_any_object_is_one_line(document: dict[str, Any]) -> None:
    data = line(document).decode("utf-8", "strict")
    assert data.splitlines(keepends=True) == [data]
    assert not any(unicodedata.category(each) in {"Cc", "Cf", "Zl", "Zp", "Cs"} for each in data[:-1])
    assert set(json.loads(data)) == {storable(key) for key in document}


@given(st.text(max_size=20))
def test_a_text_means_what_it_did(text: str) -> None:
    assert json.loads(line({"a": text})) == {"a": text}

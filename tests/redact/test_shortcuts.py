"""What is passed over to save time makes no difference: each shortcut beside the long way."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from tests.redact.test_redact import KEY, matched, record

from wafscope.redact import record as record_module
from wafscope.redact.gate import Gate, Look
from wafscope.redact.record import Masker, Sources
from wafscope.redact.view import ESCAPED, View, _Blocks, _escapes, bare
from wafscope.settings import Redaction

POLICY = Redaction()
GATE = Gate(POLICY)


def masked(raw: bytes, *, thorough: bool) -> bytes:
    """A record without its secrets; `thorough`: every region, all of each page, every text decoded for each value."""
    with pytest.MonkeyPatch.context() as patch:
        if thorough:
            patch.setattr(Sources, "told", lambda sources: set(range(len(sources.regions))))
            patch.setattr(record_module, "parts_of", lambda _text, _zones: [])
            patch.setattr(record_module, "_is_known", lambda *_: False)
            look = GATE.look
            patch.setattr(GATE, "look", lambda *given: Look(look(*given).told, coded=True))
        masker = Masker(POLICY, KEY, GATE)
        redacted = masker.redact(masker.read(raw, "v3.json"))
    return raw if redacted is None else redacted.raw


BULK = '<p class="a">some words &amp; more 100% of them\n</p>' * 120
PAGES = [
    '<input type="hidden" name="csrf_token" value="{}">',
    '<input value="{}" type="hidden" name="csrf_token">',
    "<script>var config = {{'apiKey': '{}', \"x\": 1}};</script>",
    '<div data-settings="{{&quot;csrfToken&quot;:&quot;{}&quot;}}">',
    '<a href="/x?next=%2Flogin%3Ftoken%3D{}%26a%3Db">',
    '<script>{{"a":"{{\\"value\\":\\"{}\\",\\"name\\":\\"password\\"}}"}}</script>',
    "<password>{}</password>",
    '<a href="/x?sectok=" title="{}">',
    "<x-password='{}",
    '--x\r\nContent-Disposition: form-data; name="password"\r\n\r\n{}\r\n--x--\r\n',
]
values = st.text(st.sampled_from("aZ9k%+&;'\\é= x"), min_size=1, max_size=30).map(lambda tail: "Qz7x" + tail + "w9Kp")


def letters(value: str) -> set[bytes]:
    """The letters and digits of a value, and what is left of them where some of them are taken for a code."""
    data = value.encode()
    return {bare(re.sub(code, b"", data)) for code in (rb"$^", rb"\\.", rb"%..", rb"%..|\\.")}


@pytest.mark.parametrize("page", PAGES)
@example(value="Qz7x" + "long enough to go on behind the part that is looked at " * 20, again="Qz7x")
@settings(max_examples=30)
@given(value=values, again=values)
def test_of_a_long_page_the_surroundings_of_names_are_enough(page: str, value: str, again: str) -> None:
    # Of two values with the same letters each is looked for by itself.
    assume(value == again or not letters(value) & letters(again))
    body = BULK + page.format(value) + BULK + page.format(again) + value + BULK
    raw = record(uri="/?q=" + quote(again), headers={"Cookie": "sid=" + quote(value)}, response="<html>" + body)
    assert masked(raw, thorough=False) == masked(raw, thorough=True)


FORMS: list[Any] = [
    str,
    quote,
    json.dumps,
    str.lower,
    str.upper,
    lambda text: text.replace(" ", ""),
    lambda text: text[:34],
    lambda text: text[:24] + "\n" + text[24:],
    lambda text: "".join(f"%{byte:02x}" for byte in text.encode()),
    lambda text: "".join(f"\\u{ord(letter):04x}" for letter in text),
    lambda text: "".join(f"&#{ord(letter)};" for letter in text),
    ".".join,
    lambda text: text.replace("9", "8"),
]


@pytest.mark.parametrize("form", FORMS)
@example(value="Qz7x\\w9Kp")
@example(value="0123456789abcdef" * 4)
@settings(max_examples=30)
@given(value=values)
def test_that_a_value_stands_nowhere_else_is_told_by_its_letters(form: Any, value: str) -> None:
    raw = record(
        uri="/?q=" + form(value),
        headers={"Cookie": f"sid={quote(value)}; other=x{form(value)}"},
        body=json.dumps({"password": value, "copy": form(value)}),
        messages=(matched("ARGS:q", form(value)), matched("REQUEST_COOKIES:sid", value, data=form(value))),
    )
    assert masked(raw, thorough=False) == masked(raw, thorough=True)


def test_what_was_found_in_a_line_is_what_is_found_in_the_record() -> None:
    hot = record(
        headers={"Cookie": "sid=some-value-1"}, uri="/?p%61ss=x", messages=(matched("REQUEST_COOKIES:a", "b"),)
    )
    lines = [record(uri="/etc/passwd"), hot, record(), hot, record(body="x"), hot]
    data = b"\n".join(lines) + b"\n"
    found = GATE.hot([data])[0]
    assert [data[line.begin : line.end] for line in found] == [hot, hot, hot]
    for line in found:
        assert line.hits is not None
        assert GATE.look(hot, line.hits) == GATE.look(hot)
        assert GATE.look(hot).coded


@pytest.mark.parametrize("around", ["/?file=../../etc/passwd", "/passwords/", "/?q=my+token+is+lost"])
def test_a_word_that_is_no_name_makes_no_line_hot(around: str) -> None:
    lines = [record(uri=around, messages=(matched("ARGS:q", around),)), *[record()] * 5]
    assert GATE.hot([b"\n".join(lines)]) == [[]]


pieces = st.sampled_from(
    [rb"\\", rb"\n", rb"\u0041", rb"\x41", rb"\ud83d\ude00", rb"\ud83d", b"words and so on ", b"4"]
)


@given(text=st.lists(pieces, max_size=12).map(lambda parts: b"".join(parts) * 200 + b"."))
def test_a_byte_of_a_long_text_knows_its_place_in_its_stretch(text: bytes) -> None:
    whole, stretches = _escapes(text, ESCAPED), _Blocks(text, ESCAPED)
    size = len(View(text, 0).unescaped().data)
    for position in [*range(0, size, 97), size - 1]:
        assert stretches.span(position, position + 1) == whole.span(position, position + 1)


@pytest.mark.parametrize(
    "text",
    ["token" + "%20" * 40_000, "token%20" * 20_000, "form-data; " + "token " * 20_000, "<input " + "token " * 20_000,
     ('token"' + " " * 200) * 500, "<p>" + '"token" ' * 20_000, "%70" * 30_000],
    ids=range(7),
)  # fmt: skip
def test_no_name_is_gone_over_again_for_each_name_before_it(text: str) -> None:
    raw = record(body=text + "&password=very-last-secret", uri="/?password=very-last-secret")
    assert b"very-last-secret" not in masked(raw, thorough=False)


@pytest.mark.parametrize("value", ['"&"@Z%/<', "\\&\\&\\&\\&Z", "\\Qz7x9w9Kp", "Qz7x9w9Kp", "12345678", "abcdefghij"])
def test_a_secret_at_two_depths_is_masked_at_both(value: str) -> None:
    number = "156836535721313539181720844018658494147440982897"
    inner = {"comment": number, "page": number, "secret": value}
    raw = record(body=json.dumps({"data": inner, "inner": json.dumps(inner)}))

    done = masked(raw, thorough=False)
    assert done == masked(raw, thorough=True)
    assert done.count(b"masked-") == 2

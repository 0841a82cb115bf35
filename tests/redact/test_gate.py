"""The cheap look lets through whatever is found: in lines of a log, and in pieces of a text."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from wafscope.redact.finding import Finder
from wafscope.redact.gate import Gate, pieces
from wafscope.redact.regions import Kind, Region
from wafscope.settings import Redaction

POLICY = Redaction(names=("shibboleth",))
GATE, FINDER = Gate(POLICY), Finder(POLICY)
TOKENS = [
    *b"password user.pass smtpAuth api_key Api-Key token otp cvv2 p%61ssword shibboleth sess%5fid stopwatch".split(),
    *rb"""id = : " ":" ' & < > </ name=" value=" name= content=x @ ://bob: - ; %3D %22 \ "] [ { [ x1""".split(),
    *b"eyJhbGciOi.abcdef.x 4111111111111111 123-45-6789 ARGS: REQUEST_COOKIES:sid REQUEST_HEADERS:Cookie".split(),
    *(
        b"masked-1a2b3c4d",
        b" ",
        b'" : ',
        b"<input ",
        b'form-data; name="',
        b"\r\n\r\n",
        b"\n--",
        b"4111 1111 1111 1111",
    ),
    *(
        b"': '",
        b" = `",
        b"\n",
        b"<name>",
        b"</name>",
        b"<value>",
        b'"name":"',
        b'","value":"',
        b'":{"value":"',
        b"%253D",
        b"&quot;",
    ),
    *(
        b"code=",
        b"&state=x",
        b"&sig=",
        b"?sv=1",
        b"12345678",
        b"ENV:",
        b"ARGS:a[b]",
        b"AIza",
        b"ghp_",
        b"0123456789abcdef" * 3,
    ),
    *(b"-----BEGIN PRIVATE KEY-----", b"/(S(", b"mot_de_passe", b"tax_id", b"sessId", b"sid"),
    *(b"' (Value: `", b"' )", b'"] [', b'[data "', b"Matched Data: x1 found within "),
]
texts = st.lists(st.sampled_from(TOKENS), min_size=1, max_size=16).map(b"".join)


@pytest.mark.parametrize("kind", ["body", "match", "other", "header"])
@given(text=texts)
def test_all_that_is_found_is_found_in_the_pieces_that_are_let_through(kind: Kind, text: bytes) -> None:
    region = Region(0, len(text), kind, b"x")
    zones = GATE.zones(text)
    assert set(zones) <= set(pieces(text))
    assert FINDER.find(text, region, zones) == FINDER.find(text, region, pieces(text))


@example(text=b'"the password (old)" : "x1"')
@example(text=b'"password</name>":"password')
@given(text=texts)
def test_a_line_in_which_something_is_found_is_hot(text: bytes) -> None:
    line = text.replace(b"\r", b"").replace(b"\n", b" ")
    quiet = [b"line %d" % number for number in range(100)]
    data = b"\n".join([*quiet[:50], line, *quiet[50:]])
    found = FINDER.find(line, Region(0, len(line), "match"), pieces(line))
    hot = GATE.hot([data, b"", b"\n"])
    assert [(each.begin, each.end) for each in hot[0]] in ([], [(data.index(line), data.index(line) + len(line))])
    assert hot[0] or not found


def test_a_name_of_whose_letters_some_are_in_a_code_is_let_through() -> None:
    for text in (rb"p\u0061ssword\":\"x", b"api%255fkey=x", rb"sess\x5fid=x", b"%70assword=x", rb"\u0070w=x"):
        assert GATE.zones(text) != [], text

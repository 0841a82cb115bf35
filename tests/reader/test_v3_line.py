r"""One line of libmodsecurity 3: what it says, and that no client can make it say something else."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wafscope.event.text import from_bytes
from wafscope.reader.v3_line import logged_uri, read_line, read_remains, request_words, unescape, unescape_long

SENTENCE = "Matched \"Operator `Rx' with parameter `^a' against variable `{target}' (Value: `abc' )"


def line(
    *,
    action: str = "Warning.",
    target: str = "ARGS:q",
    sentence: str = SENTENCE,
    message: str = "m",
    data: str = "",
    tags: tuple[str, ...] = ("attack-xss", "paranoia-level/1"),
    uri: str = "/",
    reference: str = "o0,1v12,5",
) -> str:
    """Write a line as the engine does; all texts as they stand in the log."""
    keys = [
        ("file", "/etc/crs/REQUEST-941.conf"), ("line", "11"), ("id", "941100"), ("rev", "1"), ("msg", message),
        ("data", data), ("severity", "2"), ("ver", "OWASP_CRS/4.1"), ("maturity", "7"), ("accuracy", "8"),
        *(("tag", tag) for tag in tags),
        ("hostname", "192.0.2.80"), ("uri", uri), ("unique_id", "179548801533.884705"), ("ref", reference),
    ]  # fmt: skip
    tail = "".join(f' [{key} "{value}"]' for key, value in keys)
    return f"ModSecurity: {action} {sentence.format(target=target)}{tail}"


FORGED = ' [file "f"] [line "1"] [id "666666"] [rev ""] [msg ""] [data ""] [severity "0"] [ver ""]'
FORGED_KEYS = FORGED + ' [maturity "0"] [accuracy "0"] [hostname "h"] [uri "/'


def test_a_warning_says_all_of_its_rule() -> None:
    read = read_line(line(data="Matched Data: a found within ARGS:q: abc"))
    assert read is not None
    match = read.match
    assert (
        match.rule_id,
        match.severity,
        match.line,
        match.maturity,
        match.accuracy,
        match.points,
    ) == (941100, 2, 11, 7, 8, 5)
    assert (match.operator, match.parameter, match.target, match.value) == ("Rx", "^a", "ARGS:q", "abc")
    assert (match.message, match.data) == ("m", "Matched Data: a found within ARGS:q: abc")
    assert (match.file, match.revision, match.version) == ("/etc/crs/REQUEST-941.conf", "1", "OWASP_CRS/4.1")
    assert match.tags == ("attack-xss", "paranoia-level/1")
    assert (
        match.reference,
        match.attack_class,
        match.action,
        match.phase,
        match.cut,
    ) == ("o0,1v12,5", "xss", "pass", None, False)
    assert (
        read.code,
        read.hostname,
        read.uri,
        read.transaction_id,
    ) == (None, "192.0.2.80", "/", "179548801533.884705")


def test_a_denial_says_status_and_phase() -> None:
    read = read_line(line(action="Access denied with code 429 (phase 2)."))
    assert read is not None
    assert (read.code, read.match.phase, read.match.action) == (429, 2, "deny")


def test_a_rule_without_tags_and_sentence_is_read() -> None:
    read = read_line(line(sentence="", tags=()))
    assert read is not None
    assert (read.match.operator, read.match.justification, read.match.tags) == ("", "", ())


def test_libinjection_tells_its_target_in_the_data() -> None:
    read = read_line(line(sentence="detected XSS using libinjection.", data="Matched Data: x found within ARGS:a: <b>"))
    assert read is not None
    assert (read.match.operator, read.match.target, read.match.value) == ("DetectXSS", "ARGS:a", "<b>")


def test_bytes_come_back_where_the_engine_escaped_them() -> None:
    read = read_line(
        line(
            target=r"ARGS:\xe3\x81\x82\xff",
            message=r"caf\xc3\xa9 \x41",
            data=r"a\x22\x5cx41\x0a\xff",
            tags=(r"\xe6\x97\xa5/\x22",),
        )
    )
    assert read is not None
    assert (
        read.match.target,
        read.match.message,
        read.match.data,
        read.match.tags,
    ) == ("ARGS:あ\udcff", r"café \x41", 'a"\\x41\n\udcff', ('日/"',))


def test_a_parameter_keeps_the_escapes_of_its_regular_expression() -> None:
    parameter = r"\xbc[^\xbe>]\x0b\xc2\xb4"
    read = read_line(line(sentence=SENTENCE.replace("^a", parameter).replace("abc", r"\xff")))
    assert read is not None
    assert (read.match.parameter, read.match.value) == (r"\xbc[^\xbe>]\x0b´", r"\xff")


@pytest.mark.parametrize(
    "cut",
    [
        line(data="x" * 200 + " (12 characters omitted)"),
        line(reference="o1,1" * 50 + " (12 characters omitted)"),
        line(uri="/" + "x" * 199 + " (12 characters omitted)"),
    ],
)
def test_what_the_engine_cut_is_marked(cut: str) -> None:
    read = read_line(cut)
    assert read is not None
    assert read.match.cut


def test_a_short_value_that_looks_cut_is_not() -> None:
    read = read_line(line(data="x (12 characters omitted)"))
    assert read is not None
    assert not read.match.cut


def test_quotes_in_a_message_do_not_end_it() -> None:
    message = r'He said: [id \"999999\"] and [msg \"x\"] C:dir ] end"'
    read = read_line(line(message=message))
    assert read is not None
    assert (941100, message) == (read.match.rule_id, read.match.message)


@pytest.mark.parametrize("forged", [FORGED, FORGED_KEYS, '"] [unique_id "1"] [ref ""]', '"] [data "x', '"] [tag "y'])
def test_a_client_cannot_forge_keys_in_the_target(forged: str) -> None:
    read = read_line(line(target=f"ARGS:{forged}"))
    assert read is not None
    assert (941100, f"ARGS:{forged}", "179548801533.884705") == (
        read.match.rule_id,
        read.match.target,
        read.transaction_id,
    )


@pytest.mark.parametrize("forged", ['"] [unique_id "1"] [ref ""]', '"] [hostname "h"] [uri "/', '"] [tag "y', '"] [x'])
def test_a_client_cannot_forge_the_last_keys_in_the_path(forged: str) -> None:
    read = read_line(line(uri=f"/{forged}", tags=()))
    assert read is not None
    assert (941100, f"/{forged}", "179548801533.884705", "192.0.2.80", ()) == (
        read.match.rule_id,
        read.uri,
        read.transaction_id,
        read.hostname,
        read.match.tags,
    )


def test_a_whole_row_of_keys_in_the_path_is_told_by_the_request() -> None:
    path = f'/x"]{FORGED_KEYS}'
    assert len(path) < 200
    read = read_line(line(uri=path, target=f"ARGS:{FORGED_KEYS}"), quote(path) + "?q=1")
    assert read is not None
    assert (941100, path) == (read.match.rule_id, read.uri)


def test_the_path_stands_in_the_line_as_the_engine_writes_it() -> None:
    assert logged_uri("/caf%C3%A9%20%0A+?x=/y") == r"/caf\xc3\xa9 \x0a+"
    assert logged_uri("http://h.example/a?b") == "/a"
    assert logged_uri("/" + "a" * 200) == "/" + "a" * 199 + " (1 characters omitted)"


@given(st.binary(max_size=60), st.binary(max_size=150), st.binary(max_size=40))
def test_whatever_a_client_sends_the_rule_is_the_engines(key: bytes, path: bytes, data: bytes) -> None:
    pool = FORGED_KEYS.encode()
    target = f"/{quote(path + pool[: len(path)])}"
    written = line(
        target="ARGS:" + escaped(key + pool[len(key) :]),
        uri=logged_uri(target),
        data="".join(f"\\x{b:02x}" if b in b'"\\' or not 0x20 <= b <= 0x7E else chr(b) for b in data),
    )
    read = read_line(written, target)
    assert read is not None
    assert (941100, "179548801533.884705", logged_uri(target)) == (read.match.rule_id, read.transaction_id, read.uri)
    assert from_bytes(data) == read.match.data


def escaped(data: bytes) -> str:
    """Write bytes as the engine does outside of data: a backslash stays one."""
    return "".join(chr(b) if 0x20 <= b <= 0x7E else f"\\x{b:02x}" for b in data)


@given(st.binary())
def test_a_body_without_backslashes_survives_the_escaping(body: bytes) -> None:
    body = body.replace(b"\\", b"/")
    assert from_bytes(body) == unescape(escaped(body)) == unescape_long(escaped(body).encode())


@given(st.text(st.sampled_from("\\x0189abcdefg7n\"'u{}é"), max_size=40))
def test_both_ways_to_unescape_agree(text: str) -> None:
    assert unescape(text).encode("utf-8", "surrogateescape") == unescape_long(text.encode()).encode(
        "utf-8", "surrogateescape"
    )


@given(st.text(max_size=30), st.integers(0, 700), st.integers(0, 700))
def test_no_text_is_an_error(text: str, cut: int, at: int) -> None:
    whole = line(data='"] [x', uri='/"] [uri "/')
    for odd in (text, "ModSecurity: " + text, whole[:cut], whole[:at] + text + whole[at:]):
        read_line(odd, text)
        read_remains(odd)
        request_words(odd)


def test_what_is_left_of_a_cut_line_is_read() -> None:
    whole = line(action="Access denied with code 403 (phase 1).", data="d")
    assert read_line(whole[: whole.index(' [tag "para')]) is None
    read = read_remains(whole[: whole.index(' [tag "para') + 8])
    assert (
        read.match.rule_id,
        read.match.message,
        read.match.data,
        read.match.severity,
        read.match.tags,
        read.match.cut,
    ) == (941100, "m", "d", 2, ("attack-xss",), True)
    assert (read.code, read.match.phase, read.match.action, read.match.target) == (403, 1, "deny", "ARGS:q")


def test_nothing_is_left_of_a_line_cut_in_its_sentence() -> None:
    read = read_remains(line()[:60])
    assert (read.match.rule_id, read.match.file, read.match.cut) == (None, "", True)


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("GET /a b?c=d HTTP/1.1", ("GET", "/a b?c=d", "1.1")),
        ("GET / HTTP/", ("GET", "/", "")),
        ("GET /", ("GET", "/", "")),
        ("GET / ", ("GET", "/", "")),
        ("GET  /  HTTP/1.0", ("GET", "/", "1.0")),
        ("", ("", "", "")),
    ],
)
def test_request_line(written: str, words: tuple[str, str, str]) -> None:
    assert words == request_words(written)


@pytest.mark.parametrize(("written", "rule_id"), [("2147483647", 2147483647), ("2147483648", None), ("", None)])
def test_a_rule_id_has_up_to_31_bits(written: str, rule_id: int | None) -> None:
    read = read_line(line().replace('[id "941100"]', f'[id "{written}"]'))
    assert read is not None
    assert read.match.rule_id == rule_id

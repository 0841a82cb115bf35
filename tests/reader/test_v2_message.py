"""A message of ModSecurity 2: its keys from the right, its sentence from the left, whatever a client puts between."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.reader.v2_samples import MESSAGE

from wafscope.event.model import Match
from wafscope.event.text import from_bytes, to_bytes
from wafscope.reader import v2_message
from wafscope.reader.v2_escape import unescape, unescape_apache, unescape_data
from wafscope.reader.v2_message import read_message
from wafscope.reader.v2_sentence import operator_in, read_sentence

TAIL = ' [file "/crs/a.conf"] [line "5"] [id "942100"] [msg "m"] [severity "CRITICAL"] [tag "attack-sqli"]'


def test_a_whole_message() -> None:
    expected = Match(
        rule_id=920350,
        message="Host header is a numeric IP address",
        data="127.0.0.1:18081",
        target="REQUEST_HEADERS:Host",
        operator="Rx",
        parameter=r"^[\d.:]+$",
        severity=4,
        file="/crs/REQUEST-920.conf",
        line=736,
        tags=("attack-protocol", "paranoia-level/1"),
        version="OWASP_CRS/3.3.4",
        points=3,
        attack_class="policy",
        action="pass",
    )

    assert expected == read_message(MESSAGE)


def test_every_key() -> None:
    match = read_message(
        'Warning. Operator EQ matched 0 at &ARGS. [file "f"] [line "7"] [id "7"] [rev "2"] '
        '[msg "a \\"b\\" \\\\ \\xe3\\x81\\x82"] [data "\\x22\\x5c\\xff"] [severity "EMERGENCY"] [ver "v"] '
        '[maturity "5"] [accuracy "8"] [tag "x y"] [tag "\\\\"]'
    )

    assert (match.message, match.data) == ('a "b" \\ あ', '"\\\udcff')
    assert (
        match.revision,
        match.version,
        match.maturity,
        match.accuracy,
        match.severity,
        match.points,
    ) == ("2", "v", 5, 8, 0, 5)
    assert (match.tags, match.operator, match.parameter, match.target) == (("x y", "\\"), "Eq", "0", "&ARGS")


def test_a_key_that_is_not_known_hides_no_other() -> None:
    match = read_message(f'Warning. x at ARGS:q.{TAIL} [novelty "1"]')

    assert (match.rule_id, match.tags) == (942100, ("attack-sqli",))


@pytest.mark.parametrize(
    ("words", "action", "phase", "status"),
    [
        ("Warning.", "pass", None, None),
        ("Access denied with code 403 (phase 2).", "deny", 2, 403),
        ("Access denied with code 500 (phase 2) (Internal Error: Invalid status code requested 1).", "deny", 2, 500),
        ("Access denied with code 500 (phase 1) (Error: Redirection to URL failed).", "deny", 1, 500),
        ("Access denied with connection close (phase 1).", "drop", 1, None),
        ("Access denied with redirection to http://a.example/?x=1 using status 302 (phase 1).", "redirect", 1, 302),
        ("Access denied using proxy to (phase 2) http://b.example/.", "proxy", 2, None),
        ("Access denied using proxy to http://b.example/.", "proxy", None, None),
        ("Access allowed (phase 1).", "allow", 1, None),
        ("Access to phase allowed (phase 3).", "allow", 3, None),
        ("Access to request allowed (phase 1).", "allow", 1, None),
        ("Paused Access (phase 2).", "pause", 2, None),
        ("Pausing transaction for 500 msec.", "pause", None, None),
    ],
)
def test_the_words_of_every_action(words: str, action: str, phase: int | None, status: int | None) -> None:
    said = 'String match "a" at ARGS:go.'
    sentence = read_sentence(f"{words} {said}")

    assert (action, phase, status, said) == (sentence.action, sentence.phase, sentence.status, sentence.said)
    assert (action, phase, 942100) == (
        read_message(f"{words} {said}{TAIL}").action,
        read_message(f"{words} {said}{TAIL}").phase,
        read_message(f"{words} {said}{TAIL}").rule_id,
    )


def test_a_rule_with_nolog_and_auditlog_has_no_action() -> None:
    match = read_message(f'String match "nolog" at ARGS:x.{TAIL}')

    assert (match.action, match.rule_id, match.target, match.parameter) == ("", 942100, "ARGS:x", "nolog")


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ('Pattern match "a\\"b" at ARGS:x.', {"operator": "Rx", "parameter": 'a"b', "target": "ARGS:x"}),
        ('Pattern match "a ..." at TX:0.', {"operator": "Rx", "parameter": "a ...", "target": "TX:0"}),
        ('Pattern match "a" at ARGS:" at b.', {"operator": "Rx", "parameter": "a", "target": 'ARGS:" at b'}),
        ('Matched phrase "etc/passwd" at ARGS:f.', {"operator": "Pm", "parameter": "etc/passwd", "target": "ARGS:f"}),
        ('String match within "a b" at REQUEST_PROTOCOL.', {"operator": "Within", "target": "REQUEST_PROTOCOL"}),
        ('String match "s" at ARGS:s.', {"operator": "", "parameter": "s", "target": "ARGS:s"}),
        (
            "Operator GE matched 5 at TX:anomaly_score.",
            {"operator": "Ge", "parameter": "5", "target": "TX:anomaly_score"},
        ),
        ("Operator LT matched -1 at TX:a.", {"operator": "Lt", "parameter": "-1", "target": "TX:a"}),
        (
            'Match of "within %{tx.allowed_methods}" against "REQUEST_METHOD" required.',
            {"operator": "Within", "parameter": "%{tx.allowed_methods}", "target": "REQUEST_METHOD", "negated": True},
        ),
        (
            'Match of "rx ^a\\\\.b$" against "ARGS:x\\\\\\\\y" required.',
            {"operator": "Rx", "parameter": r"^a\.b$", "target": r"ARGS:x\y", "negated": True},
        ),
        ("detected XSS using libinjection.", {"operator": "DetectXSS", "target": ""}),
        ("detected SQLi using libinjection with fingerprint '1&sos'", {"operator": "DetectSQLi"}),
        (
            "Found 1 byte(s) in ARGS:q outside range: 1-255.",
            {"operator": "ValidateByteRange", "parameter": "1-255", "target": "ARGS:q"},
        ),
        (
            "Found 2 byte(s) in ARGS:x outside range: 1 outside range: 1-255.",
            {"parameter": "1-255", "target": "ARGS:x outside range: 1"},
        ),
        ("Value 0 in ARGS:q outside range: 1-255", {"operator": "ValidateByteRange", "target": "ARGS:q"}),
        (
            "Invalid URL Encoding: Non-hexadecimal digits used at ARGS:q.",
            {"operator": "ValidateUrlEncoding", "target": "ARGS:q"},
        ),
        (
            'Invalid UTF-8 encoding: invalid byte value in character at ARGS:q. [offset "7"]',
            {"operator": "ValidateUtf8Encoding", "target": "ARGS:q"},
        ),
        (
            'IPmatch: "192.0.2.1" matched at REMOTE_ADDR.',
            {"operator": "IpMatch", "value": "192.0.2.1", "target": "REMOTE_ADDR"},
        ),
        (
            'IPmatch "192.0.2.1" matched "192.0.2.0/24" at REMOTE_ADDR.',
            {"operator": "IpMatch", "value": "192.0.2.1", "parameter": "192.0.2.0/24", "target": "REMOTE_ADDR"},
        ),
        ('IPmatchFromFile: "::1" matched at REMOTE_ADDR.', {"operator": "IpMatchFromFile", "value": "::1"}),
        ("Unconditional match in SecAction.", {"operator": "UnconditionalMatch"}),
        (
            "RBL lookup of 1.2.0.192.bl.example succeeded at REMOTE_ADDR. Suspicious",
            {"operator": "Rbl", "target": "REMOTE_ADDR"},
        ),
        ("Rule processing failed.", {"operator": "", "target": ""}),
        ("whatever a Lua script returns", {"operator": "", "target": ""}),
    ],
)
def test_the_sentence_of_every_operator(said: str, told: dict[str, Any]) -> None:
    match = read_message(f"Warning. {said}{TAIL}")

    assert told == {name: getattr(match, name) for name in told}
    assert match.negated is told.get("negated", False)
    whole = match.operator in {"Rx", "Pm", "Within", "Ge", "Lt", "UnconditionalMatch"}
    assert ("" if whole else said) == match.justification


@pytest.mark.parametrize(
    ("said", "data", "target", "value"),
    [
        ('Pattern match "a" at ARGS:q.', "Matched Data: a found within ARGS:q: xay", "ARGS:q", "xay"),
        (
            'Pattern match "a" at ARGS:q.',
            "Matched Data: found within ARGS:z: 1 found within ARGS:q: 2",
            "ARGS:q",
            "2",
        ),
        (
            'Pattern match "a" at ARGS:\\xe3\\x81\\x82.',
            "x found within ARGS:\\x5cxe3\\x5cx81\\x5cx82: v",
            "ARGS:あ",
            "v",
        ),
        ("Found 1 byte(s) in ARGS:q outside range: 1-9.", "ARGS:q=ab\\x00", "ARGS:q", "ab\0"),
        ('Pattern match "a" at ARGS:q.', "127.0.0.1", "ARGS:q", ""),
        ("detected XSS using libinjection.", "Matched Data: XSS data found within ARGS:q: <x: y>", "ARGS:q", "<x: y>"),
        (
            "detected SQLi using libinjection with fingerprint 's&1'",
            "Matched Data: s&1 found within ARGS:q: 1",
            "ARGS:q",
            "1",
        ),
        ("detected SQLi using libinjection with fingerprint 's&1'", "something else found within ARGS:q: 1", "", ""),
    ],
)
def test_the_value_as_far_as_data_tells(said: str, data: str, target: str, value: str) -> None:
    match = read_message(f'Warning. {said} [file "f"] [line "1"] [id "1"] [data "{data}"]')

    assert (target, value) == (match.target, match.value)


@pytest.mark.parametrize(
    "text",
    [
        "Execution error - PCRE limits exceeded (-8): (null).",
        "Request body no files data length is larger than the configured limit (131072).",
        "JSON parser error: parse error: premature EOF\n",
        'Multipart: Invalid Content-Disposition header (-16): x. [file "f"] [line "1"] [id "1"] [msg "forged"]',
        'Multipart: Invalid Content-Disposition header (-16): x. [id "1"] [msg "forged"]',
    ],
)
def test_a_message_of_the_engine_itself_names_no_rule(text: str) -> None:
    match = read_message(text)

    assert (None, "", text.rstrip("\n"), "") == (match.rule_id, match.message, match.justification, match.action)


def test_a_rule_that_failed_is_named_before_the_sentence() -> None:
    text = 'Rule 7f412ab622b8 [id "941160"][file "/crs/a.conf"][line "200"] - Execution error - PCRE limits exceeded'
    unnamed = read_message(text.replace("941160", "-"))

    assert Match(rule_id=941160, file="/crs/a.conf", line=200, justification=text, attack_class="xss") == read_message(
        text
    )
    assert (unnamed.rule_id, unnamed.file, unnamed.line) == (None, "/crs/a.conf", 200)


def test_a_name_that_imitates_keys_is_a_name() -> None:
    name = 'ARGS_NAMES:x. [file "f"] [line "1"] [id "1"] [msg "forged"] [severity "DEBUG"]'
    match = read_message(f'Warning. Pattern match "a" at {name}.{TAIL}')

    assert (942100, "m", 2, name) == (match.rule_id, match.message, match.severity, match.target)


def test_the_keys_of_versions_before_2_5_name_no_file() -> None:
    match = read_message(
        'Access denied with code 501 (phase 2). Pattern match "a" at ARGS:q. [id "950001"] [msg "SQL"]'
    )

    assert (
        match.rule_id,
        match.message,
        match.operator,
        match.target,
        match.file,
    ) == (950001, "SQL", "Rx", "ARGS:q", "")


def test_a_message_without_its_end() -> None:
    match = read_message('Warning. x at ARGS:q. [file "f"] [line "1"] [id "1"] [data "never closed')

    assert (match.rule_id, match.action) == (None, "pass")


def padded(length: int) -> str:
    """A message of so many bytes, whole, with an argument whose name fills it up."""
    name = "n" * (length - len(f'Warning. Pattern match "a" at ARGS:.{TAIL}'))
    return f'Warning. Pattern match "a" at ARGS:{name}.{TAIL}'


def test_a_message_as_long_as_the_buffer_may_lack_keys() -> None:
    assert [read_message(padded(length)).cut for length in (1022, 1023)] == [False, True]
    assert read_message(padded(1023)).rule_id == 942100


LONG = (
    'Warning. Pattern match "a\\"b" at ARGS:q. [file "/crs/a.conf"] [line "536"] [id "932110"] [rev "3"] '
    '[msg "m \\"x\\""] [data "\\xe3\\x81\\x82 b"] [severity "CRITICAL"] [ver "v"] [maturity "1"] [tag "t1"] [tag "t2"]'
)


@pytest.mark.parametrize("length", range(len("Warning. "), len(LONG)))
def test_a_cut_message_tells_nothing_wrong(length: int) -> None:
    whole, cut = read_message(LONG), v2_message._read_cut(LONG[:length])

    assert cut.cut
    assert cut.action == "pass"
    for name in ("rule_id", "severity", "file", "line", "version", "revision", "maturity"):
        assert getattr(cut, name) in {None, "", getattr(whole, name)}, name
    assert whole.message.startswith(cut.message.removesuffix("\\"))
    assert whole.data.startswith(cut.data.rstrip("\\xe381")) or not cut.data.isascii()
    assert cut.tags == whole.tags[: len(cut.tags)]
    if length > LONG.index(" [id") + len(' [id "932110"]'):
        assert cut.rule_id == 932110


def test_a_cut_message_takes_no_keys_from_a_name_before_its_own() -> None:
    name = 'x. [file "f"] [line "1"] [id "1"]'
    match = v2_message._read_cut(
        f'Warning. Pattern match "a" at ARGS:{name}. [file "/crs/a.conf"] [line "5"] [id "942100"] [ms'
    )

    assert (942100, f"ARGS:{name}", 5) == (match.rule_id, match.target, match.line)


@pytest.mark.parametrize(
    ("rule", "operator"),
    [
        ('SecRule "ARGS:go" "@streq allow" "phase:1,id:1003"', "StrEq"),
        ('SecRule "ARGS" "!@pmFromFile a.data" "id:1"', "PmFromFile"),
        ('SecRule "ARGS" "^a\\"b" "id:1"', "Rx"),
        ('SecRule "A" "@eq 0" "id:1,chain"\nSecRule "B" "@contains x" "t:none"', "Contains"),
        ('SecRule "A" "@eq 0" "id:1,chain"\n#SecRule "B" "@contains x" "t:none"', "Eq"),
        ('SecAction "id:1"', ""),
        ("", ""),
    ],
)
def test_the_operator_in_the_text_of_a_rule(rule: str, operator: str) -> None:
    assert operator == operator_in(rule)


def escaped(data: bytes, *, quotes: bool) -> str:
    """Write bytes as the engine does between quotes."""
    short = {8: "\\b", 10: "\\n", 13: "\\r", 9: "\\t", 11: "\\v", 92: "\\\\"} | ({34: '\\"'} if quotes else {})
    return "".join([short.get(b) or (chr(b) if 0x20 <= b < 0x7F else f"\\x{b:02x}") for b in data])


@given(st.binary(max_size=40))
def test_what_the_engine_escapes_comes_back(data: bytes) -> None:
    hexed = "".join([chr(b) if 0x20 <= b < 0x7F and b not in b'"\\' else f"\\x{b:02x}" for b in data])
    line = escaped(data, quotes=False).encode()

    assert data == to_bytes(unescape(escaped(data, quotes=True)))
    assert data == to_bytes(unescape_data(hexed))
    assert data == unescape_apache(line)
    assert from_bytes(data) == unescape(escaped(data, quotes=True))


@given(
    st.text(max_size=80), st.sampled_from(["", "Warning. ", "Access denied with code 403 (phase 2). "]), st.booleans()
)
def test_any_text_is_a_match(text: str, action: str, with_keys: bool) -> None:  # noqa: FBT001
    match = read_message(f"{action}{text}{TAIL if with_keys else ''}")

    assert not match.cut
    assert isinstance(read_message(f"{action}{text}" + "x" * 1023), Match)


@given(st.text(st.sampled_from(' []"\\abx.0'), max_size=60))
def test_no_name_changes_the_rule(name: str) -> None:
    match = read_message(f'Warning. Pattern match "a" at ARGS:{name}.{TAIL}')

    assert (match.rule_id, match.severity, match.tags) == (942100, 2, ("attack-sqli",))

"""One error line of Coraza: its values, its words, and what a payload in it cannot do."""

from __future__ import annotations

import pytest

from wafscope.reader.coraza_fired import read_fired
from wafscope.reader.coraza_line import Words, is_cut, read_line, words_of
from wafscope.reader.coraza_match import target_of
from wafscope.reader.coraza_quote import unquote

TAIL = (
    '[file "@owasp_crs/REQUEST-942.conf"] [line "5893"] [id "942100"] [rev ""] [msg "{msg}"] [data "{data}"] '
    '[severity "critical"] [ver "OWASP_CRS/4.25.0"] [maturity "0"] [accuracy "0"] [tag "attack-sqli"] '
    '[tag "OWASP_CRS"] [hostname "198.51.100.2"] [uri "{uri}"] [unique_id "abc"]{more}'
)


def line(head: str = "Warning. SQLi", msg: str = "SQLi", data: str = "", uri: str = "/", more: str = "") -> str:
    """A line as Coraza writes it; all values are given as they stand in it."""
    return f'[client "192.0.2.7"] Coraza: {head} ' + TAIL.format(msg=msg, data=data, uri=uri, more=more)


def test_every_value_of_a_line_is_read() -> None:
    read = read_line(line(data="Matched Data: s&1 found within ARGS:q: 1' or 1"))
    assert read is not None
    rule = read.rule
    assert (rule.rule_id, rule.file, rule.line, rule.severity) == (942100, "@owasp_crs/REQUEST-942.conf", 5893, 2)
    assert (rule.version, rule.maturity, rule.accuracy, rule.revision) == ("OWASP_CRS/4.25.0", 0, 0, "")
    assert (rule.tags, rule.attack_class, rule.points) == (("attack-sqli", "OWASP_CRS"), "sqli", 5)
    assert (read.client, read.hostname, read.uri, read.unique_id) == ("192.0.2.7", "198.51.100.2", "/", "abc")
    assert read.pairs == (("SQLi", "Matched Data: s&1 found within ARGS:q: 1' or 1"),)


@pytest.mark.parametrize(
    ("head", "words"),
    [
        ("Warning. x", Words("pass")),
        ("Access denied (phase 2). x", Words("deny", 2)),
        ("Access denied with code 403 (phase 1). x", Words("deny", 1, 403)),
        ("Access allowed (phase 1). x", Words("allow", 1)),
        ("Access dropped (phase 4). x", Words("drop", 4)),
        ("Access redirected (phase 3). x", Words("redirect", 3)),
        ("Custom disruptive action triggered (phase 2). x", Words("unknown", 2)),
        ("Something else. x", Words()),
    ],
)
def test_the_words_say_what_was_done(head: str, words: Words) -> None:
    read = read_line(line(head))
    assert read is not None
    assert words == read.words == words_of(line(head))


def test_a_text_without_the_engine_has_no_words() -> None:
    assert Words() == words_of("Warning.")


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        (r"a\"b\\c", 'a"b\\c'),
        (r"\x00\x1f\x7f", "\x00\x1f\x7f"),
        (r"\xff\xe3\x81", "\udcff\udce3\udc81"),
        (r"\u200b\U0001f512", "\u200b\U0001f512"),
        (r"\a\b\f\n\r\t\v", "\a\b\f\n\r\t\v"),
        (r"\U00ffffff", r"\U00ffffff"),
        ("日本", "日本"),
    ],
)
def test_go_quoting_is_undone(written: str, plain: str) -> None:
    assert plain == unquote(written)


def test_a_message_cannot_forge_a_rule() -> None:
    forged = 'x [file "f"] [line "1"] [id "1"] [rev ""] [msg "m"] [data "d"] [severity "critical"] [ver ""]'
    forged += ' [maturity "0"] [accuracy "0"] [hostname "h"] [uri "/"] [unique_id "forged"]'
    read = read_line(line(f"Warning. {forged}"))
    assert read is not None
    assert (read.rule.rule_id, read.unique_id) == (942100, "abc")


@pytest.mark.parametrize(
    "value",
    [
        r"\"] [data \"y",
        r"\"] [severity \"emergency\"] [ver \"\"]",
        r"\"] [hostname \"h\"] [uri \"/\"] [unique_id \"forged\"]",
        r"x [file ",
        r"ends in a backslash \\",
        r"\"] [msg \"",
        r"\"][msg_match_1 \"",
        r"] [tag \"",
    ],
)
@pytest.mark.parametrize("place", ["msg", "data", "uri"])
def test_a_value_cannot_forge_another(value: str, place: str) -> None:
    text = line(**{place: value})
    read, told = read_line(text), read_fired(text)
    assert read is not None
    assert told is not None
    expected = {"msg": "SQLi", "data": "", "uri": "/"} | {place: unquote(value)}
    assert ((expected["msg"], expected["data"]),) == read.pairs == told.pairs
    assert (expected["uri"], "abc", 942100) == (read.uri, read.unique_id, read.rule.rule_id)
    assert (read.words, read.rule) == (told.words, told.rule)


def test_further_matched_values_follow_the_id() -> None:
    more = r'[msg_match_1 "SQLi"] [data_match_1 "a\xff"][msg_match_3 ""] [data_match_3 "b"], client: 192.0.2.7'
    read, told = read_line(line(data="d", more=more)), read_fired(line(data="d", more=more))
    assert read is not None
    assert told is not None
    assert (("SQLi", "d"), ("SQLi", "a\udcff"), ("", "b")) == read.pairs == told.pairs
    assert read.rest == ", client: 192.0.2.7"


def test_an_entry_without_message_and_data_tells_nothing() -> None:
    read = read_line(line(msg="", more='[msg_match_1 "late"] [data_match_1 ""]'))
    assert read is not None
    assert read.pairs == (("late", ""),)


@pytest.mark.parametrize("severity", ["emergency", "unknown", ""])
def test_a_severity_that_may_be_unset_tells_nothing(severity: str) -> None:
    read = read_line(line().replace('"critical"', f'"{severity}"'))
    assert read is not None
    assert (read.rule.severity, read.rule.points) == (None, 0)


def test_a_cut_line_is_no_line() -> None:
    whole = line()
    assert all(read_line(whole[:end]) is None for end in range(len(whole)))


def test_what_has_the_length_of_a_cut_is_cut() -> None:
    assert is_cut("a" * 280)
    assert is_cut("é" * 140)
    assert is_cut("é" * 139 + "a\udce3")
    assert not is_cut("a" * 279)
    assert not is_cut("a" * 281)
    assert not is_cut("é" * 280)


@pytest.mark.parametrize(
    ("data", "target", "value"),
    [
        ("Matched Data: <script found within ARGS:q: <script>", "ARGS:q", "<script>"),
        ("Matched Data: a found within REQUEST_HEADERS:User-Agent: a: b", "REQUEST_HEADERS:User-Agent", "a: b"),
        ("Matched Data: x found within y found within ARGS:q: v", "ARGS:q", "v"),
        ("Matched Data: x found within ARGS:q: a found within ARGS:z: v", "ARGS:q", "a found within ARGS:z: v"),
        ("Matched Data: java.lang.Runtime found within ARGS:cmd", "ARGS:cmd", ""),
        ("Matched Data: text/plain found within Content-Type multipart form", "", ""),
        ("Matched Data: <b found within ARGS_GET_NAMES:<b>: <b>", "ARGS_GET_NAMES:<b>", "<b>"),
        ("Restricted header detected: /x/", "", ""),
        ("", "", ""),
    ],
)
def test_the_data_names_target_and_value(data: str, target: str, value: str) -> None:
    assert (target, value) == target_of(data)


def test_a_target_that_the_cut_may_have_hit_is_not_told() -> None:
    data = "Matched Data: x found within ARGS:"
    assert target_of(data + "a" * (280 - len(data))) == ("", "")


@pytest.mark.parametrize("forged", [" [hostname ", "] [hostname ", " [file ", " [severity ", r"\" [hostname \"x\"]"])
def test_lines_that_differ_in_one_place_are_never_taken_for_each_other(forged: str) -> None:
    plain = read_fired(line(data="d"))
    for changed in (line(data=forged), line(msg=forged), line(data=forged, uri=forged), line("Warning. " + forged)):
        read = read_line(changed)
        assert read is not None
        for _ in range(2):
            told = read_fired(changed)
            assert told is not None
            assert (told.words, told.rule, told.pairs) == (read.words, read.rule, read.pairs)
    denied = read_fired(line("Access denied (phase 2). SQLi", data="d"))
    assert plain is not None
    assert denied is not None
    assert (plain.words, denied.words) == (Words("pass"), Words("deny", 2))
    assert plain.match is not None
    assert denied.match is not None
    assert (plain.match.action, denied.match.action) == ("pass", "deny")


def test_a_line_that_comes_again_gives_the_same_match() -> None:
    once, again = read_fired(line(data="d", uri="/a")), read_fired(line(data="d", uri="/b"))
    assert once is not None
    assert once is again

"""The language of the search box."""

from __future__ import annotations

from unicodedata import category

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests import strategies

from wafscope.errors import FilterError
from wafscope.event.fields import FIELDS
from wafscope.event.text import storable
from wafscope.i18n.text import english
from wafscope.query.filter import EVERYTHING, All, AnyOf, Filter, Not, Term
from wafscope.query.parser import (
    MOST_NESTED,
    Chip,
    decode,
    encode,
    negate,
    parse,
    printed,
    quote,
    terms,
    toggled,
    with_term,
    without,
)
from wafscope.query.timespan import DAY, HOUR, MINUTE, SECOND

MIDNIGHT = 1_794_960_000 * SECOND  # 2026-11-18


def is_(field: str, *values: str | int) -> Term:
    return Term(field, "is", values)


def word(value: str) -> Term:
    return Term("", "contains", (value,))


HOST = is_("host", "x")

MEANINGS: dict[str, Filter] = {
    "": EVERYTHING,
    " \t\u3000": EVERYTHING,
    "host:x": HOST,
    "@host:x": HOST,
    "HOST:x": HOST,
    "http.request.header.host:x": HOST,
    "host:x status:403": All((HOST, is_("http.response.status_code", 403))),
    "host:x and status:403": All((HOST, is_("http.response.status_code", 403))),
    "-host:x": Not(HOST),
    "-@host:x": Not(HOST),
    "host:x,y": is_("host", "x", "y"),
    'host:x,"y,z"': is_("host", "x", "y,z"),
    'host:"a \\"b\\" \\\\ \\xff"': is_("host", 'a "b" \\ \\xff'),
    'host:"line\\u{a}feed"': is_("host", "line\nfeed"),
    'host:"\\u{d800}\\u{110000}"': is_("host", "\\u{d800}\\u{110000}"),
    "host:back\\slash": is_("host", "back\\slash"),
    "host:\udcff": is_("host", "\\xff"),
    "host:a:b": is_("host", "a:b"),
    'host:a" "b': is_("host", "a b"),
    'host:""': is_("host", ""),
    'ip:"",192.0.2.1': is_("client.address", "", "192.0.2.1"),
    "host:*": Term("host", "known"),
    "-host:*": Not(Term("host", "known")),
    'host:"*"': is_("host", "*"),
    "path:/wp-*": Term("url.path", "like", ("/wp-*",)),
    'agent:*"Mozilla 5.0"*': Term("user_agent.original", "like", ("*Mozilla 5.0*",)),
    "host:a,b*,c,d*": AnyOf((is_("host", "a", "c"), Term("host", "like", ("b*", "d*")))),
    "@rule:942100": is_("rule.id", 942100),
    "rule:920000-920999": Term("rule.id", "range", (920000, 920999)),
    "score:5..10": Term("waf.score.inbound", "range", (5, 10)),
    "score:5..": Term("waf.score.inbound", "range", (5, None)),
    "score:..-5": Term("waf.score.inbound", "range", (None, -5)),
    "score:>=5": Term("waf.score.inbound", "range", (5, None)),
    "score:>5": Term("waf.score.inbound", "range", (6, None)),
    "score:<=5": Term("waf.score.inbound", "range", (None, 5)),
    "score:<5": Term("waf.score.inbound", "range", (None, 4)),
    "score:-1": is_("waf.score.inbound", -1),
    "status:403,500-599,404": AnyOf(
        (
            is_("http.response.status_code", 403, 404),
            Term("http.response.status_code", "range", (500, 599)),
        )
    ),
    "ip:192.0.2.1": is_("client.address", "192.0.2.1"),
    "ip:2001:DB8:0::1": Term("client.address", "within", ("2001:db8::1/128",)),
    "ip:10.0.0.0/8": Term("client.address", "within", ("10.0.0.0/8",)),
    "ip:10.1.2.3/8,2001:db8::/32": Term("client.address", "within", ("10.0.0.0/8", "2001:db8::/32")),
    'ip:"unix:"': is_("client.address", "unix:"),
    'ip:"10.0.0.0/8"': is_("client.address", "10.0.0.0/8"),
    "time:2026-11-18": Term("time", "range", (MIDNIGHT, MIDNIGHT + DAY - 1)),
    "time:2026-11-18T02": Term("time", "range", (MIDNIGHT + 2 * HOUR, MIDNIGHT + 3 * HOUR - 1)),
    "time:2026-11-18t02:00": Term("time", "range", (MIDNIGHT + 2 * HOUR, MIDNIGHT + 2 * HOUR + MINUTE - 1)),
    'time:"2026-11-18 02:00:00Z"': Term("time", "range", (MIDNIGHT + 2 * HOUR, MIDNIGHT + 2 * HOUR + SECOND - 1)),
    "time:2026-11-18T02:00:00.5": Term("time", "range", (MIDNIGHT + 2 * HOUR + 500_000, MIDNIGHT + 2 * HOUR + 599_999)),
    "time:2026-11-18T09:00:00.000001+09:00": is_("time", MIDNIGHT + 1),
    "time:>=2026-11-18": Term("time", "range", (MIDNIGHT, None)),
    "time:>2026-11-18": Term("time", "range", (MIDNIGHT + DAY, None)),
    "time:<=2026-11-18": Term("time", "range", (None, MIDNIGHT + DAY - 1)),
    "time:<2026-11-18": Term("time", "range", (None, MIDNIGHT - 1)),
    "time:2026-11-18..2026-11-19": Term("time", "range", (MIDNIGHT, MIDNIGHT + 2 * DAY - 1)),
    "time:..2026-11-18": Term("time", "range", (None, MIDNIGHT + DAY - 1)),
    "class:sqli": is_("waf.attack_class", "sqli"),
    "class:SQLi": is_("waf.attack_class", "sqli"),
    "class:s*": Term("waf.attack_class", "like", ("s*",)),
    "is:blocked": is_("waf.outcome", "blocked"),
    "is:would": is_("waf.outcome", "would_block"),
    "is:would_block,below,no_match,unknown": is_("waf.outcome", "would_block", "below", "no_match", "unknown"),
    "-is:blocked": Not(is_("waf.outcome", "blocked")),
    "is:unexplained": Term("waf.score.unexplained", "range", (1, None)),
    "is:reviewed": Term("", "reviewed", ("yes",)),
    "-IS:Unreviewed": Not(Term("", "reviewed", ("no",))),
    "is:unreviewed,reviewed": Term("", "reviewed", ("no", "yes")),
    "is:unreviewed,blocked": AnyOf((Term("", "reviewed", ("no",)), is_("waf.outcome", "blocked"))),
    "is:unexplained,below": AnyOf((Term("waf.score.unexplained", "range", (1, None)), is_("waf.outcome", "below"))),
    "curl": word("curl"),
    "@rx": word("@rx"),
    '"two words"': word("two words"),
    '-"not this"': Not(word("not this")),
    "a,b": word("a,b"),
    "a*b": word("a*b"),
    "10.0.0.1:80": word("10.0.0.1:80"),
    '"or"': word("or"),
    "\udcff": word("\\xff"),
    "a or b": AnyOf((word("a"), word("b"))),
    "(a or b)": AnyOf((word("a"), word("b"))),
    "(a OR b) c": All((AnyOf((word("a"), word("b"))), word("c"))),
    "a b or c": AnyOf((All((word("a"), word("b"))), word("c"))),
    "-(a or b)": Not(AnyOf((word("a"), word("b")))),
    "-(a b)": Not(All((word("a"), word("b")))),
    "-(-a)": Not(Not(word("a"))),
    "((a))": word("a"),
    "((a or b) (c or d))": All((AnyOf((word("a"), word("b"))), AnyOf((word("c"), word("d"))))),
    "(a)(b)": All((word("a"), word("b"))),
    "~a": EVERYTHING,
    "~a b": word("b"),
    "~-a b": word("b"),
    "-~a b": word("b"),
    "~(a or b) c": word("c"),
    "(~a or b) c": All((word("b"), word("c"))),
    "(a or ~b)": word("a"),
    "-(~a) b": word("b"),
}


@pytest.mark.parametrize("line", MEANINGS)
def test_a_text_means(line: str) -> None:
    assert MEANINGS[line] == parse(line)


ERRORS = {
    "@rule:92042x score:>5": (7, "A rule is a number or a range, such as 920420 or 920000-920999."),
    "rule:*1": (6, "A rule is a number"),
    "score:>=": (7, "Score is a number, a comparison or a range"),
    "score:>= 5": (7, "Score is a number, a comparison or a range"),
    "status:4*": (8, "Status is a number, a comparison or a range"),
    "status:403,x": (12, "Status is a number, a comparison or a range"),
    "status:٤٠٣": (8, "Status is a number"),
    "status:..": (8, "A range needs a bound"),
    "status:599-500": (8, "This range runs backwards."),
    "time:2026-11-19..2026-11-18": (6, "This range runs backwards."),
    "status:99999999999999999999": (8, "This number is too large."),
    "status:9223372036854775807": (8, "This number is too large."),
    "status:" + "9" * 5000: (8, "Status is a number"),
    "class:sqlx": (7, "Attack class can not be “sqlx”."),
    "is:open": (4, "An event can not be “open”."),
    "is:*": (4, "An event can not be “*”."),
    "ip:10.*": (4, "“10.*” is not an address or a network."),
    "ip:10.0.0.0/33": (4, "“10.0.0.0/33” is not an address or a network."),
    "a ip:localhost": (6, "“localhost” is not an address or a network."),
    "time:yesterday": (6, "Time is a date, or a date and a time, in UTC."),
    "time:>=2026-13-01": (6, "Time is a date"),
    "time:2026-11-18T24:00": (6, "Time is a date"),
    "time:2026-11-18T02:00+25:00": (6, "Time is a date"),
    "hots:x": (1, "There is no field “hots”."),
    "-@hots:x": (3, "There is no field “hots”."),
    "a http://x": (3, "There is no field “http”."),
    "host:": (6, "A value is missing."),
    "host: x": (6, "A value is missing."),
    "host:x,": (8, "A value is missing."),
    "host:,x": (6, "A value is missing."),
    'method:""': (8, "A value is missing."),
    'tag:""': (5, "A value is missing."),
    'class:""': (7, "Attack class can not be “”."),
    'status:""': (8, "A value is missing."),
    '""': (1, "There is nothing between these quotes."),
    'a "b': (3, "This quote is never closed."),
    'host:"a\\"': (6, "This quote is never closed."),
    'agent:"a*"*': (7, "A star in quotes and one outside"),
    "sleep(5)": (6, "A parenthesis stands right after a value."),
    "host:x(y)": (7, "A parenthesis stands right after a value."),
    "(a": (1, "This parenthesis is never closed."),
    "a -(b (c)": (4, "This parenthesis is never closed."),
    "(": (1, "This parenthesis is never closed."),
    "a)": (2, "This parenthesis closes nothing."),
    ")": (1, "This parenthesis closes nothing."),
    "a ()": (3, "This group is empty."),
    "or": (1, "“or” needs a term on both sides."),
    "a or": (3, "“or” needs a term on both sides."),
    "a or or b": (6, "“or” needs a term on both sides."),
    "(or a)": (2, "“or” needs a term on both sides."),
    "(a or)": (4, "“or” needs a term on both sides."),
    "a and or b": (7, "“or” needs a term on both sides."),
    "and a": (1, "“and” needs a term on both sides."),
    "a and": (3, "“and” needs a term on both sides."),
    "- a": (1, "“-” needs a term after it."),
    "a -": (3, "“-” needs a term after it."),
    "(-)": (2, "“-” needs a term after it."),
    "a -or b": (3, "“-” needs a term after it."),
    "--a": (1, "“-” needs a term after it."),
    "~-~a": (1, "“~” needs a term after it."),
    "(" * (MOST_NESTED + 1) + "a": (MOST_NESTED + 1, "More than 20 groups stand inside one another."),
    "(" * 100_000: (MOST_NESTED + 1, "More than 20 groups stand inside one another."),
    "~host:": (7, "A value is missing."),
}


@pytest.mark.parametrize("line", ERRORS, ids=lambda line: line[:30])
def test_an_error_names_the_column_and_the_reason(line: str) -> None:
    column, what = ERRORS[line]
    for read in (parse, terms):
        with pytest.raises(FilterError) as raised:
            read(line)

        assert column == raised.value.column
        assert english(raised.value.what).startswith(what)


def test_an_error_says_what_can_be_written() -> None:
    hints = {
        "class:sqlx": "Write one of: policy, scanner, sqli, xss, exec, file, protocol, other.",
        "is:open": "Write one of: blocked, would_block, would, below, no_match, unknown, unexplained, reviewed,"
        " unreviewed.",
        "hots:x": "Did you mean host",
        "http://x": 'To look for it as text, put it in quotes: "http:…"',
        "host:": "Write host:www.example.org, or -host:* for events without one.",
    }
    for line, hint in hints.items():
        with pytest.raises(FilterError) as raised:
            parse(line)

        assert raised.value.hint is not None
        assert english(raised.value.hint).startswith(hint)


def test_the_deepest_groups_can_be_read_and_printed() -> None:
    line = "-(" * MOST_NESTED + "a" + ")" * MOST_NESTED

    assert printed(parse(line)) == line.replace("-(a)", "-a")


PIECES = [
    "host:", "@rule:", "ip:", "time:", "is:", "status:", "tag:", "or", "and", "a", "-", "~", "(", ")", '"', "\\",
    "*", ",", " ", "..", ">=", "<", "5", "942100", "10.0.0.0/8", "::1", "2026-11-18", "T02:00", "blocked", "\\u{a}",
    "\udcff", "\x00", "foo:",
]  # fmt: skip
lines = st.text() | st.lists(st.sampled_from(PIECES), max_size=12).map("".join)


def error_of(line: str) -> FilterError | None:
    try:
        parse(line)
    except FilterError as error:
        return error
    return None


@given(lines)
@example("ip:fe80::%/10")
@example('"\\')
def test_any_text_is_a_filter_or_an_error_in_place(line: str) -> None:
    error = error_of(line)

    assert error is None or 1 <= error.column <= len(line) + 1
    assert error is None or english(error.what)


@given(lines)
def test_what_was_parsed_can_be_printed_and_parsed_again(line: str) -> None:
    try:
        tree = parse(line)
    except FilterError:
        return

    assert tree == parse(printed(tree))


@given(strategies.terms())
def test_any_term_survives_printing(term: Term) -> None:
    again = parse(printed(term))
    if term.operation in ("is", "contains", "within", "known"):
        assert term == again


@given(lines)
def test_chips_cover_the_text_in_order(line: str) -> None:
    try:
        chips = terms(line)
    except FilterError:
        return

    assert [line[chip.start : chip.end] for chip in chips] == [chip.text for chip in chips]
    assert parse(line) == parse(" ".join(chip.text for chip in chips))
    for chip in chips:
        chip.value.encode()  # can be shown


@given(lines)
def test_switching_and_negating_twice_changes_nothing(line: str) -> None:
    try:
        count = len(terms(line))
    except FilterError:
        return
    for index in range(count):
        tree = parse(line)

        assert tree == parse(toggled(toggled(line, index), index))
        assert tree == parse(negate(negate(line, index), index))
        assert terms(toggled(line, index))[index].off != terms(line)[index].off
        assert terms(negate(line, index))[index].negated != terms(line)[index].negated
        assert count - 1 == len(terms(without(line, index)))


def test_a_chip_tells_what_its_term_says() -> None:
    line = '@host:"a b",c* -ip:10.0.0.0/8 ~score:>=5 ~-curl (a or b) -is:would'

    assert terms(line) == (
        Chip('@host:"a b",c*', 0, 14, "host", "host", "is", "a b, c*"),
        Chip("-ip:10.0.0.0/8", 15, 29, "client.address", "ip", "within", "10.0.0.0/8", negated=True),
        Chip("~score:>=5", 30, 40, "waf.score.inbound", "score", "range", ">=5", off=True),
        Chip("~-curl", 41, 47, "", "", "contains", "curl", negated=True, off=True),
        Chip("(a or b)", 48, 56, "", "", "group", "a or b", group=True),
        Chip("-is:would", 57, 66, "waf.outcome", "is", "is", "would", negated=True),
    )


def test_alternatives_without_parentheses_are_one_chip() -> None:
    assert terms(" a b or c ") == (Chip("a b or c", 1, 9, "", "", "group", "a b or c", group=True),)
    assert with_term("a or b", "host", "x") == "(a or b) host:x"
    assert toggled("a or b", 0) == "~(a or b)"
    assert negate("a or b", 0) == "-(a or b)"
    assert without("a or b", 0) == ""


def test_a_term_is_appended_in_its_place() -> None:
    assert with_term("", "host", "www.example.org") == "host:www.example.org"
    assert with_term("curl", "host", "a b", negated=True) == 'curl -host:"a b"'
    assert with_term("curl", "rule", 942100) == "curl rule:942100"
    assert with_term("curl", "rule.id", 942100) == "curl rule.id:942100"
    assert with_term("", "status", "403") == "status:403"
    assert with_term("", "host", None) == "-host:*"
    assert with_term("", "host", None, negated=True) == "host:*"
    assert with_term("", "host", "") == 'host:""'
    assert with_term("", "method", "") == "-method:*"
    assert with_term("", "ip", "2001:db8::1") == 'ip:"2001:db8::1"'
    assert with_term("", "ip", "2001:DB8::1") == 'ip:"2001:DB8::1"'
    assert with_term("", "ip", "unix:") == 'ip:"unix:"'
    assert with_term("", "path", "/a*") == 'path:"/a*"'
    assert with_term("", "is", "blocked") == "is:blocked"
    assert with_term("", "", "union select") == '"union select"'
    assert with_term("", "time", MIDNIGHT + 1) == "time:2026-11-18T00:00:00.000001"
    assert with_term("", "host", "\udcff") == "host:\\xff"
    assert with_term("", "host", "a\nb") == 'host:"a\\u{a}b"'


@pytest.mark.parametrize("line", ["host:x", "-host:x", "~host:x", "~-@host:x", 'host:"x" -host:x'])
def test_an_equal_or_opposite_term_is_replaced(line: str) -> None:
    assert with_term(f"a {line} b", "host", "x") == "a b host:x"
    assert with_term(f"a {line} b", "host", "x", negated=True) == "a b -host:x"


def test_other_terms_of_the_field_stay() -> None:
    line = "host:y host:x,y -host:*"

    assert with_term(line, "host", "x") == f"{line} host:x"


def test_switching_off_keeps_the_sign() -> None:
    assert toggled("a -host:x b", 1) == "a ~-host:x b"
    assert toggled("-~host:x", 0) == "-host:x"
    assert negate("~host:x", 0) == "~-host:x"
    assert negate("~-host:x", 0) == "~host:x"
    assert without("a -(b or c) d", 1) == "a d"


@given(st.sampled_from([field for field in FIELDS if not field.choices]), strategies.words | st.text(), st.booleans())
def test_any_value_can_be_filtered_by(field: object, value: str, negated: bool) -> None:  # noqa: FBT001 - drawn
    name, kind = field.name, field.type  # type: ignore[attr-defined] # a Field
    if not value or kind in ("integer", "time"):
        return
    expected: Filter = is_(name, storable(value))
    line = with_term("", name, value, negated=negated)

    assert (Not(expected) if negated else expected) == parse(line)
    assert line == with_term(line, name, value, negated=negated)
    assert not {"Cc", "Cf", "Zl", "Zp"} & {category(character) for character in line}


@given(st.text(min_size=1) | strategies.words.filter(bool))
def test_a_quoted_text_is_one_word(value: str) -> None:
    assert word(storable(value)) == parse(quote(value))
    assert is_("host", storable(value)) == parse(f"host:{quote(value)}")


def test_a_plain_text_needs_no_quotes() -> None:
    assert [quote(value) for value in ("curl/8.5.0", "/index.php", "or", "a b", "-x", "a:b", "a\\", "")] == [
        "curl/8.5.0", "/index.php", '"or"', '"a b"', '"-x"', '"a:b"', '"a\\\\"', '""',
    ]  # fmt: skip


@given(lines)
def test_a_filter_survives_the_address(line: str) -> None:
    encoded = encode(line)

    assert storable(line) == decode(encoded)
    assert encoded.isascii()
    assert encoded.replace(".", "").replace("_", "").isalnum() or not line


def test_a_filter_stands_backwards_in_the_address() -> None:
    """No rule of a firewall that decodes base64, or counts dashes, finds anything; plain base64url is read, too."""
    assert encode("eval($x)") == ".kCekgCbhZXZ"
    assert encode("a>>?~~") == "..53P.4TY"
    assert [decode("ZXZhbCgkeCk"), decode("YT4-P35-")] == ["eval($x)", "a>>?~~"]


@pytest.mark.parametrize("encoded", ["a", "====", "aGk=", "aG k", "gICA", "é", "YWJj+", "\n"])
def test_a_damaged_address_is_an_error(encoded: str) -> None:
    with pytest.raises(FilterError) as raised:
        decode(encoded)

    assert raised.value.column == 1
    assert raised.value.hint is not None


def test_a_filter_that_only_a_program_makes_means_the_same_in_print() -> None:
    lines = {
        printed(AnyOf()): "-time:*",
        printed(Not(All())): "-time:*",
        printed(All((All(), HOST))): "time:* host:x",
        printed(AnyOf((HOST,))): "host:x",
        printed(Not(AnyOf((Not(HOST),)))): "-(-host:x)",
        printed(is_("host")): "-time:*",
        printed(Not(is_("host"))): "-(-time:*)",
        printed(Term("waf.score.inbound", "range", (None, None))): "score:*",
        printed(Term("waf.score.inbound", "range", (5, 4))): "-time:*",
        printed(Term("host", "like", ("x", "y*"))): "host:x,y*",
    }

    assert list(lines) == list(lines.values())


@pytest.mark.parametrize("line", [" ".join(["a"] * 101), " or ".join(["a"] * 101), "(a or b) " * 50 + "c"])
def test_a_filter_of_too_many_terms_is_an_error(line: str) -> None:
    with pytest.raises(FilterError) as raised:
        parse(line)
    assert raised.value.column > 100
    assert parse(" ".join(["a"] * 100)) is not None
    assert parse("rule:" + ",".join(map(str, range(1, 500)))) is not None

"""The raw record on the page: whole as far as it is shown, and laid out without a change."""

import json

from hypothesis import given
from hypothesis import strategies as st

from wafscope.event.text import from_bytes
from wafscope.panel.raw import MOST_LINES, MOST_TEXT, show

RECORD = b'{"a":{"b":[1,2.50,{}],"a":"x\\"}{,:"},"a":null,"e":[]}'


def laid_out(record: bytes) -> list[str]:
    return [line.text for line in show(record, "indented").lines]


def test_json_is_laid_out_with_nothing_lost() -> None:
    assert laid_out(RECORD) == [
        "{", '  "a": {', '    "b": [', "      1,", "      2.50,", "      {}", "    ],", '    "a": "x\\"}{,:"', "  },",
        '  "a": null,', '  "e": []', "}",
    ]  # fmt: skip


JSON = st.recursive(
    st.none() | st.integers() | st.text(), lambda each: st.lists(each) | st.dictionaries(st.text(), each)
)


@given(JSON)
def test_what_is_laid_out_is_the_same_json(value: object) -> None:
    shown = show(json.dumps({"v": value}).encode(), "indented")
    assert shown.more_lines or json.loads("\n".join(line.text for line in shown.lines)) == {"v": value}


def test_as_logged_is_as_logged() -> None:
    shown = show(RECORD)
    assert (shown.form, shown.is_json, [line.text for line in shown.lines]) == ("logged", True, [RECORD.decode()])


def test_a_native_record_is_never_laid_out() -> None:
    shown = show(b'--0123abcd-A--\n{"a":1}\n', "indented")
    assert (shown.form, [line.text for line in shown.lines]) == ("logged", ["--0123abcd-A--", '{"a":1}'])


def test_lines_of_a_wrapped_error_log_are_laid_out_one_by_one() -> None:
    assert laid_out(b'{"msg":"a"}\nplain {"x":1}\n') == ["{", '  "msg": "a"', "}", 'plain {"x":1}']


def test_parts_are_told_by_the_boundary_of_the_record() -> None:
    for boundary in ("--0123abcd-{}--", "---AbCd1234---{}--", "--kGYsLkuOHAuBqATJ-{}--"):
        record = "\n".join(
            [boundary.format("A"), "x", boundary.format("C"), "--deadbeef-H--", boundary.format("Z") + " no"]
        )
        assert [line.is_part for line in show(record.encode()).lines] == [True, False, True, False, False]


def test_odd_bytes_stay() -> None:
    record = b'{"a":"\xff\x00\x1b","b":"\\ud800"}'
    assert "".join(line.text.strip() for line in show(record, "indented").lines) == from_bytes(
        record.replace(b'":', b'": ')
    )


def test_what_is_left_out_is_counted() -> None:
    shown = show(b"x\n" * 1000)
    assert (len(shown.lines), shown.more_lines, shown.more) == (MOST_LINES, 600, 0)
    assert show(b"x" * (MOST_TEXT + 7)).more == 7


def test_deep_and_broken_json_costs_what_it_is_long() -> None:
    for record in (b"{" + b"[" * MOST_TEXT, b"{" + b"]" * 9 + b'"\\' * 1000, b'{"' + b"a" * MOST_TEXT):
        assert sum(len(line.text) for line in show(record, "indented").lines) <= MOST_TEXT + 100 * MOST_LINES


def test_what_is_masked_says_so() -> None:
    assert show(b'{"Cookie":"sid=masked-d6af6132"}').is_masked
    assert not show(b'{"Cookie":"sid=1"}').is_masked

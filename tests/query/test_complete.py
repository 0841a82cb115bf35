"""What the search box offers."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from wafscope.event.fields import ATTACK_CLASSES, FIELDS, Field
from wafscope.i18n.text import english
from wafscope.query.complete import MOST, Completion, complete
from wafscope.query.parser import parse

KNOWN = {
    "host": [("www.example.org", 250), ("wiki.example.org", 88), ("white space", 3), ('a "quoted" one', 1)],
    "rule.id": [("942100", 250), ("942190", 88), ("920350", 7)],
    "waf.attack_class": [("sqli", 12), ("scanner", 1)],
    "client.address": [("192.0.2.1", 5), ("unix:", 2)],
}


def known(field: Field, prefix: str) -> Sequence[tuple[str, int]]:
    return [(value, count) for value, count in KNOWN.get(field.name, []) if value.startswith(prefix)]


def ask(line: str) -> Completion:
    """Complete where `|` stands."""
    before, _, rest = line.partition("|")
    return complete(before, rest, known)


def offered(line: str) -> list[str]:
    """Give the whole text after each item, with the caret as `|`."""
    return [f"{item.text[: item.caret]}|{item.text[item.caret :]}" for item in ask(line).items]


def shown(line: str) -> list[str]:
    return [item.shown for item in ask(line).items]


def test_an_empty_box_offers_the_fields_of_the_facets() -> None:
    assert shown("|")[:4] == ["is:", "outcome:", "host:", "class:"]
    assert offered("|")[2] == "host:|"
    assert len(shown("|")) == 1 + sum(field.facet for field in FIELDS) <= MOST


def test_names_begin_with_what_was_typed() -> None:
    assert shown("ho|") == ["host:", "host.id:"]
    assert offered("a -@RU|") == ["a -@ruleset:|", "a -@rule:|", "a -@rule.message:|", "a -@rule.data:|"] + [
        f"a -@{name}:|" for name in ("rule.severity", "rule.tags", "rule_class", "rule.file", "rule.line")
    ] + ["a -@rule.revision:|", "a -@rule.version:|", "a -@rule.maturity:|", "a -@rule.accuracy:|"]
    assert ask("ho|").typed == "ho"


def test_a_name_comes_with_its_help() -> None:
    item = ask("host.i|").items[0]

    assert item.note is not None
    assert english(item.note) == "Id of the machine as libmodsecurity computes it."


def test_a_name_is_replaced_up_to_its_colon() -> None:
    assert offered("a ho|s:x b")[0] == "a host:|x b"


def test_a_word_that_no_field_begins_with_is_looked_for() -> None:
    for line in ("zzz|", '"ho|', "a/b|", "10.0|", "| host:x", "|host:x", "@:|"):
        completion = ask(line)
        if completion.items:
            assert line == "| host:x"
        else:
            assert english(completion.head) == "Looks for this text"


def test_values_come_with_counts_and_in_quotes() -> None:
    completion = ask("host:|")

    assert english(completion.head) == "Host: values in this window"
    assert [(item.shown, item.count) for item in completion.items[:2]] == [
        ("www.example.org", 250),
        ("wiki.example.org", 88),
    ]
    assert offered("host:w|") == ["host:www.example.org |", "host:wiki.example.org |", 'host:"white space" |']
    assert offered("host:a|") == ['host:"a \\"quoted\\" one" |']


def test_a_value_in_quotes_is_completed_as_well() -> None:
    assert offered('b host:"white s|') == ['b host:"white space" |']
    assert offered('host:"white s|pa" c') == ['host:"white space"| c']
    assert offered('host:"a \\"q|') == ['host:"a \\"quoted\\" one" |']


def test_the_value_under_the_caret_is_replaced() -> None:
    assert offered("rule:9421|00 host:x") == ["rule:942100| host:x", "rule:942190| host:x"]
    assert offered("(rule:94219|)") == ["(rule:942190|)"]
    assert offered("rule:1,94219|,2") == ["rule:1,942190|,2"]
    assert offered('host:"a,b",wi|') == ['host:"a,b",wiki.example.org |']
    assert ask("rule:1,94219|").typed == "94219"


def test_an_address_that_is_none_gets_quotes() -> None:
    assert offered("ip:|") == ["ip:192.0.2.1 |", 'ip:"unix:" |']


def test_all_choices_are_offered_with_the_counts_there_are() -> None:
    assert list(ATTACK_CLASSES) == shown("class:|")
    assert [(item.shown, item.count) for item in ask("class:S|").items] == [("scanner", 1), ("sqli", 12)]
    assert [item.count for item in ask("class:x|").items] == [None]


def test_words_after_is_come_with_help() -> None:
    assert shown("-is:|") == [
        "blocked",
        "would_block",
        "below",
        "no_match",
        "unknown",
        "unexplained",
        "reviewed",
        "unreviewed",
    ]
    assert offered("is:un|") == ["is:unknown |", "is:unexplained |", "is:unreviewed |"]
    assert all(item.note for item in ask("is:|").items)


def test_times_and_comparisons_get_an_example() -> None:
    assert english(ask("time:|").head) == "Time: for example >=2026-11-18T02:00"
    assert english(ask("score:>|").head) == "Score: for example >=5"
    assert ask("rule:920000-|").items == ()


def test_an_unknown_field_says_so() -> None:
    completion = ask("hots:x|")

    assert english(completion.head) == "There is no field “hots”."
    assert completion.items == ()


def test_a_list_is_short() -> None:
    many = [(f"{number}.example.org", 1) for number in range(100)]

    assert len(complete("host:", "", lambda _field, _prefix: many).items) == MOST


@given(
    st.lists(
        st.sampled_from(["host:", "is:", "a", " ", '"', "\\", ",", "(", ")", "-", "~", "@", ":", "w", ">"]), max_size=8
    ),
    st.text(),
)
def test_any_place_can_be_completed(pieces: list[str], rest: str) -> None:
    before = "".join(pieces)
    for item in complete(before, rest, known).items:
        assert 0 < item.caret <= len(item.text)


def test_what_was_taken_can_be_read() -> None:
    for line in ("host:|", "a -host:w|", "(rule:|", "is:|", "class:|", "ip:|"):
        for item in ask(line).items:
            parse(item.text + (")" if "(" in item.text else ""))

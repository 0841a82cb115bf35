"""The field table is whole: every value of an event is a field, and every field is explained."""

from __future__ import annotations

from collections import Counter

import msgspec
import pytest
from tests.make import START, event, match

from wafscope.errors import FilterError
from wafscope.event.fields import DAY, FIELDS, Field, find, names
from wafscope.event.model import Event, Match
from wafscope.event.values import match_values, values
from wafscope.i18n.text import english
from wafscope.query.parser import parse

NO_FIELD_OF_AN_EVENT = {
    "raw": "the record itself",
    "request_headers": "in the record; the ones worth asking for are fields of their own",
    "request_body": "in the record; too large and too varied to ask for",
    "response_headers": "in the record",
    "response_body": "in the record",
    "matches": "has fields of its own",
    **dict.fromkeys(
        ("time_logged", "phases", "request_line", "body_kind", "files", "response_protocol", "response_reason"),
        "in the record; the event page reads it again",
    ),
    **dict.fromkeys(
        ("server_software", "handler", "session", "application", "action_phase", "action_status", "action_message"),
        "in the record; few formats have it",
    ),
    **dict.fromkeys(
        ("error_messages", "sanitised", "rule_texts", "extra"),
        "in the record; lists for reading, not for counting",
    ),
}
NO_FIELD_OF_A_MATCH = {
    "bookkeeping": "follows from the rule; `Top.bookkeeping` asks for it",
    "points": "follow from the severity; summed up in the event",
    **dict.fromkeys(
        ("negated", "phase", "action", "others", "rule_text", "cut"),
        "in the record; the event page reads it again",
    ),
}
DERIVED = {
    "unexplained": "score less points",
    "match_count": "number of matches",
    "sensor": "known to the store",
    "source": "known to the store",
}

fields = pytest.mark.parametrize("field", [*FIELDS, DAY], ids=lambda field: field.name)


@fields
def test_a_field_has_a_label_and_help(field: Field) -> None:
    assert english(field.label)[:1].isupper() or field.name == "host.id"
    assert not english(field.label).endswith(".")
    assert english(field.help).endswith(".")


def test_names_and_aliases_are_unique() -> None:
    counts = Counter(name for field in FIELDS for name in (field.name, *field.aliases))

    assert [name for name, count in counts.items() if count > 1] == []
    assert sorted(counts) == names()


def test_no_name_is_a_word_of_the_filter_language() -> None:
    assert not {"is", "or", "and", "day"} & set(names())


def test_columns_are_unique_in_their_table() -> None:
    for scope in ("event", "match"):
        columns = [field.column for field in FIELDS if field.scope == scope]

        assert sorted(set(columns)) == sorted(columns)


def test_every_attribute_of_an_event_is_a_field_or_has_a_reason() -> None:
    attributes = {each.name for each in msgspec.structs.fields(Event)}
    columns = {field.column for field in FIELDS if field.scope == "event"}

    assert attributes - columns == set(NO_FIELD_OF_AN_EVENT)
    assert columns - attributes == set(DERIVED)


def test_every_attribute_of_a_match_is_a_field_or_has_a_reason() -> None:
    attributes = {each.name for each in msgspec.structs.fields(Match)}
    columns = {field.column for field in FIELDS if field.scope == "match"}

    assert attributes - columns == set(NO_FIELD_OF_A_MATCH)
    assert columns <= attributes


@fields
def test_every_field_can_be_asked_of_every_event(field: Field) -> None:
    if field is DAY:
        return
    for each in (event(START), event(START, match(tags=("a",), line=1), flags=("odd",), interrupted=True, score=5)):
        found = [values(each, field)] if field.scope == "event" else [match_values(m, field) for m in each.matches]
        wanted = int if field.type in ("integer", "time") else str

        assert all(type(value) is wanted for several in found for value in several)


@pytest.mark.parametrize("name", names())
def test_every_name_can_be_written_in_the_search_box(name: str) -> None:
    parse(f"{name}:* -@{name}:*")


def test_a_name_finds_its_field() -> None:
    assert find("client.address") is find("ip") is find("client")


def test_an_unknown_name_is_an_error_with_a_suggestion() -> None:
    with pytest.raises(FilterError) as raised:
        find("client.adress", column=5)

    assert raised.value.column == 5
    assert "client.address" in english(raised.value.hint) if raised.value.hint else False

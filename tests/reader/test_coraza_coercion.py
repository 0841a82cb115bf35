"""JSON that is not quite what Coraza writes: what a later version adds is taken out at once, with the same result."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
from tests.reader.coraza_samples import H, K, lines, sample

from wafscope.reader import coraza_json, coraza_legacy
from wafscope.reader.coraza_coercion import Coercion, read_as

FORMS = {"json": coraza_json._Typed, "jsonlegacy": coraza_legacy.Record}
"""Those that know all members; that of OCSF leaves out what it does not know."""
NEW = ("x", "", 5, None, True, ["a"], {"id": 1, "b": {"c": "d"}})


def objects(value: Any) -> Iterator[dict[str, Any]]:
    """All objects in a value, itself included."""
    if isinstance(value, dict):
        yield value
        for member in list(value.values()):
            yield from objects(member)
    elif isinstance(value, list):
        for each in value:
            yield from objects(each)


def one_by_one(record: Any, form: Any) -> Any:
    """What is read value by value."""
    coercion = Coercion([])
    return coercion.struct(record, form), tuple(coercion.flags), tuple(coercion.extra.members)


def add_everywhere(record: Any) -> None:
    for number, each in enumerate(list(objects(record))):
        each[f"new_{number}"] = NEW[number % len(NEW)]


def add_to_one(place: int) -> Callable[[Any], None]:
    def add(record: Any) -> None:
        found = list(objects(record))
        found[place % len(found)]["new"] = NEW[place % len(NEW)]

    return add


def add_and_spoil(record: Any) -> None:
    add_everywhere(record)
    record.update({name: 5 for name, member in record.items() if isinstance(member, list)})


def change_nothing(_: Any) -> None:
    pass


CHANGES = [change_nothing, add_everywhere, add_and_spoil, *map(add_to_one, range(9))]


@pytest.mark.parametrize("parts", [K, H])
@pytest.mark.parametrize("kind", FORMS)
@pytest.mark.parametrize("change", CHANGES)
def test_new_members_are_kept_as_if_each_value_were_looked_at(
    kind: str, parts: str, change: Callable[[Any], None]
) -> None:
    form = FORMS[kind]
    for line in lines(sample("3.7.0", kind, parts)):
        record = json.loads(line)
        change(record)
        assert read_as(msgspec.json.encode(record), form) == one_by_one(record, form)


def test_no_more_than_some_new_members_are_kept() -> None:
    record = {"transaction": {"id": "a", "unix_timestamp": 1} | {f"new_{n}": n for n in range(1_000)}}
    form = FORMS["json"]
    found, flags, extra = read_as(json.dumps(record).encode(), form)
    assert (found.transaction.id, flags, len(extra)) == ("a", (), 200)
    assert (found, flags, extra) == one_by_one(record, form)

"""The reference page of `wafscope convert` says what the code does, all of it and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_type_hints

import click
import msgspec

from wafscope.cli.convert import convert_command
from wafscope.event.model import Match
from wafscope.export import ecs, ocsf
from wafscope.export.base import Part
from wafscope.export.ecs import Document
from wafscope.export.ocsf_object import (
    Analytic,
    Attack,
    Common,
    DetectionFinding,
    Endpoint,
    Header,
    HttpActivity,
    HttpRequest,
    HttpResponse,
    Named,
)
from wafscope.export.own import Own
from wafscope.export.table import USUAL
from wafscope.export.technique import TECHNIQUE_OF_TAG

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "convert.md").read_text()
NAME = re.compile(r"^\| `([^`]+)` \|", re.MULTILINE)


def section(title: str) -> str:
    """Return what stands under a heading, up to the next one."""
    start = re.search(rf"^##+ {title}$", PAGE, re.MULTILINE)
    assert start is not None, title
    return PAGE[start.end() :].partition("\n#")[0]


def names(title: str) -> list[str]:
    return NAME.findall(section(title))


def part_of(annotation: Any) -> type[Part] | None:
    """Return the object that an attribute holds, if it holds one."""
    if isinstance(annotation, type) and issubclass(annotation, Part):
        return annotation
    return next((found for each in get_args(annotation) if (found := part_of(each)) is not None), None)


def is_list(annotation: Any) -> bool:
    text = str(annotation)
    return "list[" in text or "tuple[" in text


def paths(part: type[Part], whole: frozenset[type[Part]] = frozenset(), *, marked: bool = True) -> Iterator[str]:
    """Yield the dotted names of all that an object may hold; those in `whole` are not taken apart."""
    hints = get_type_hints(part)
    for field in msgspec.structs.fields(part):
        annotation = hints[field.name]
        inner = part_of(annotation)
        name = field.encode_name + ("[]" if marked and is_list(annotation) else "")
        if inner is None or inner in whole:
            yield name
        else:
            yield from (f"{name}.{rest}" for rest in paths(inner, whole, marked=marked))


def test_every_option_is_there() -> None:
    options = [name for each in convert_command.params if isinstance(each, click.Option) for name in each.opts]
    assert [name for name in names("Options") if name.startswith("--")] == options
    assert all(f"[{name}" in PAGE for name in options)


def test_ecs() -> None:
    assert names("ECS") == list(paths(Document, frozenset({Own}), marked=False))[:-1]
    assert f"| `ecs.version` | {ecs.VERSION} |" in PAGE


def test_what_has_no_name() -> None:
    assert names("What neither has a name for") == list(paths(Own))


def test_ocsf() -> None:
    common = list(paths(Common, frozenset({Named})))
    assert names("Both classes") == common
    activity = list(paths(HttpActivity, frozenset({Named, Header, Own})))
    assert names("HTTP Activity") == [name for name in activity if name not in {*common, "unmapped"}]
    parts: frozenset[type[Part]] = frozenset({Named, Attack, Endpoint, HttpRequest, HttpResponse})
    finding = [name for name in paths(DetectionFinding, parts) if name not in {*common, "attacks[]"}]
    others = [name for name in finding if not name.startswith("finding_info.related_analytics[].")]
    assert sorted(names("Detection Finding")) == sorted([*others, "finding_info.related_analytics[]"])
    assert len(finding) - len(others) == len(Analytic.__struct_fields__)
    assert f"| `metadata.version` | {ocsf.VERSION} |" in PAGE
    for name, number in ocsf.ACTIVITIES.items():
        assert f"{name.capitalize()} {number}" in section("Both classes")


def test_csv() -> None:
    assert tuple(names("CSV")) == USUAL


def test_techniques() -> None:
    text = section("Techniques")
    assert set(re.findall(r"`(attack-[\w-]+)`", text)) == set(TECHNIQUE_OF_TAG)
    assert all(each.id in text and each.name in text and each.tactic_id in text for each in TECHNIQUE_OF_TAG.values())


def test_matches() -> None:
    listed = PAGE.partition("A match is an object")[2].partition(".\n")[0]
    assert tuple(re.findall(r"`(\w+)`", listed)) == Match.__struct_fields__

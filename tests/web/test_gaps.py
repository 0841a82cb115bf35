"""Every gap and every oddity has its words, and a remedy in every format."""

import ast
import re
from pathlib import Path

import pytest
from tests.make import START, event

from wafscope.event import model
from wafscope.event.format import FORMATS
from wafscope.i18n.text import english
from wafscope.web import gaps

NAMED = {
    name: set(re.findall(r"`(\w+)`", docstring))
    for name, docstring in re.findall(
        r"    (flags|gaps): [^\n]*\n    \"\"\"(.*?)\"\"\"", Path(str(model.__file__)).read_text(), re.DOTALL
    )
}
"""The gaps and flags as the model names them."""


def test_every_gap_and_flag_of_the_model_has_words() -> None:
    assert NAMED["gaps"] == set(gaps.GAPS) == set(gaps.SOME_GAPS) == set(gaps.MISSING) == set(gaps.REMEDIES)
    assert NAMED["flags"] <= set(gaps.FLAGS)


def test_every_flag_of_a_reader_has_words() -> None:
    found = set()
    for file in (Path(str(model.__file__)).parents[1] / "reader").glob("*.py"):
        texts = {node.value for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Constant)}
        found |= {text for text in texts if isinstance(text, str)} & NAMED["flags"]
    assert found <= set(gaps.FLAGS)


@pytest.mark.parametrize("form", [*FORMATS, "next.json"])
def test_every_gap_has_a_remedy_in_every_format(form: str) -> None:
    rows = gaps.missing(event(START, format=form, gaps=tuple(NAMED["gaps"])))
    assert sum(len(row.whats) for row in rows) == len(NAMED["gaps"]) - 3
    assert all(english(row.why).endswith(".") for row in rows)


def test_gaps_with_one_remedy_stand_together_in_the_order_of_the_request() -> None:
    rows = gaps.missing(event(START, format="err.apache.v2", gaps=("no_status", "no_body", "no_headers", "no_request")))
    assert [[english(what) for what in row.whats] for row in rows] == [
        ["Method and request line", "Request headers", "Request body"], ["Status of the response"],
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("form", "gap", "words"),
    [
        ("v3.json", "no_body", "SecRequestBodyAccess"),
        ("v3.json", "no_blocked_flag", "3.0.15"),
        ("v2.native", "no_blocked_flag", "Add H"),
        ("coraza.json", "no_match_details", "Add K"),
        ("coraza.ocsf", "no_messages", "Not H without K"),
        ("coraza.jsonlegacy", "no_rule_ids", "SecAuditLogFormat JSON"),
        ("coraza.native", "no_match_details", "3.4"),
        ("err.nginx.v3", "no_headers", "Import the audit log"),
        ("coraza.json", "zone_assumed", "--timezone"),
        ("coraza.native", "no_messages", "from 3.4 on"),
        ("coraza.native", "no_status", "from 3.4 on"),
        ("v3.json", "no_time", "locales"),
        ("err.coraza", "no_time", "prefix"),
    ],
)
def test_remedies(form: str, gap: str, words: str) -> None:
    assert words in english(gaps.missing(event(START, format=form, gaps=(gap,)))[0].why)


def test_a_gap_that_is_not_known_is_shown_by_its_name() -> None:
    row = gaps.missing(event(START, gaps=("no_weather",)))[0]
    assert [english(what) for what in row.whats] == ["no_weather"]


def test_the_held_line_begins_with_the_zone() -> None:
    found = gaps.held((("no_body", 9), ("zone_assumed", 1), ("no_status", 0), ("no_weather", 5), ("no_headers", 12)))
    assert found == [("zone_assumed", 1), ("no_headers", 12), ("no_body", 9)]

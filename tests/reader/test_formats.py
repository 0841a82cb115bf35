"""Every format is told by its bytes, and the reference page says what it holds."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from wafscope.reader.formats import ERROR_LOGS, JSON, NATIVE, TELLS, json_format

ROOT = Path(__file__).parents[2]


def script() -> ModuleType:
    """The script that writes the page."""
    spec = importlib.util.spec_from_file_location("formats_page", ROOT / "scripts" / "make_formats_page.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_reference_page_says_what_the_readers_say() -> None:
    made = script()

    assert made.PAGE.read_text() == made.page()


def test_every_format_says_what_it_tells() -> None:
    made = script()

    assert set(TELLS) == {*JSON, *NATIVE, *ERROR_LOGS} == set(made.NAMES)
    for answers in TELLS.values():
        assert list(answers) == list(made.FACTS)
        assert {answer.partition(":")[0] for answer in answers.values()} <= {"yes", "no", "partly"}


@pytest.mark.parametrize(
    ("line", "name"),
    [
        (b'{"transaction":{"client_ip":"192.0.2.1","time_stamp":"x"', "v3.json"),
        (b'{"transaction":{"time":"23/Nov/2026:22:58:38 +0000"', "v2.json"),
        (b'{"transaction":{"time":"2026/11/24 02:43:51"', "coraza.jsonlegacy"),
        (b'{"transaction":{"timestamp":"2026/11/24 02:43:44"', "coraza.json"),
        (b'{"class_name":"Web Resources Activity"', "coraza.ocsf"),
        (b'{"time":1,"class_uid":6001}', "coraza.ocsf"),
        (b'{"messages":[],"transaction":{"id":"x","unix_timestamp":1}}', "coraza.json"),
        (b'{"request":{},"transaction":{"remote_address":"::1","time":"23/Nov/2026:22:58:38 +0000"}}', "v2.json"),
        (b'{"request":{},"transaction":{"remote_address":"::1","time":"2026/11/24 02:43:51"}}', "coraza.jsonlegacy"),
        (b'{"a":1}', "v3.json"),
    ],
)
def test_the_format_of_json(line: bytes, name: str) -> None:
    assert json_format(line) == name

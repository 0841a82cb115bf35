"""Wafscope's own log, for people, for machines and for the journal."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import pytest

from wafscope.logs import is_journal

SCRIPT = """
import structlog
from wafscope import logs
logs.set_up("info", "{form}")
log = structlog.get_logger("x")
log.debug("not told")
log.info("following", state="running")
log.warning("odd", name="a\\n<0>forged")
log.warning("escaped\\x1b[31m", name="\\x1b]0;title\\x07", same="a b\\x1b[1m", other="\\u202e", number=1)
try:
    1 / 0
except ZeroDivisionError:
    log.exception("failed")
try:
    raise ValueError("\\x1b[2J\\x9b")
except ValueError:
    log.exception("failed again")
"""


def logged(form: str, *, journal: bool) -> list[str]:
    """What a process logs whose standard error is a pipe, and perhaps that of the journal."""
    reading, writing = os.pipe()
    found = os.fstat(writing)
    stream = f"{found.st_dev}:{found.st_ino}" if journal else "1:2"
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT.format(form=form)], stderr=writing, env={**os.environ, "JOURNAL_STREAM": stream}
    ):
        os.close(writing)
        with os.fdopen(reading) as file:
            return file.read().splitlines()


def test_a_line_of_the_journal_begins_with_its_priority_and_has_no_time() -> None:
    lines = logged("text", journal=True)
    assert lines[0].startswith("<6>following")
    assert "state=running" in lines[0]
    assert all(line[:3] in {"<3>", "<4>", "<6>"} for line in lines)
    assert any(line.startswith("<3>ZeroDivisionError") for line in lines)
    assert not any(line.startswith("<0>") for line in lines)


@pytest.mark.parametrize("journal", [True, False])
def test_json_stays_json(journal: bool) -> None:  # noqa: FBT001 - a parameter
    lines = logged("json", journal=journal)
    told = [json.loads(line.removeprefix("<6>").removeprefix("<4>").removeprefix("<3>")) for line in lines]
    assert [each["event"] for each in told] == [
        "following", "odd", "escaped\x1b[31m", "failed", "failed again",
    ]  # fmt: skip
    assert told[1]["name"] == "a\n<0>forged"
    assert ("timestamp" in told[0]) is not journal


def test_elsewhere_there_is_no_priority() -> None:
    assert not logged("text", journal=False)[0].startswith("<")
    assert not is_journal({})
    assert not is_journal({"JOURNAL_STREAM": "1:2"}, descriptor=99)


@pytest.mark.parametrize("journal", [True, False])
@pytest.mark.parametrize("form", ["text", "json"])
def test_nothing_is_logged_that_a_terminal_obeys(form: str, journal: bool) -> None:  # noqa: FBT001 - a parameter
    text = "\n".join(logged(form, journal=journal))
    assert "escaped" in text
    assert re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", text) is None
    if form == "text":
        assert "escaped\\x1b[31m" in text
        assert "name=\\x1b]0;title\\x07" in text
        assert "ValueError: \\x1b[2J\\x9b" in text

"""Each code of the doctor is documented, with what the program says of it."""

from __future__ import annotations

from pathlib import Path

from wafscope.doctor.diagnosis import AILMENTS
from wafscope.i18n.text import english

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "doctor.md"


def test_the_page_has_every_code_as_the_program_says_it() -> None:
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("| `") and line.count("|") == 4]
    assert rows == [
        f"| `{code}` | {found.severity} | {english(found.what)} {english(found.why)} |"
        for code, found in AILMENTS.items()
    ]

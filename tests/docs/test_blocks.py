"""Every example of the documentation is of a kind that is tried, or says that it is not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.docs.blocks import LANGUAGES, PAGES, ROOT, blocks

MOST_ELSEWHERE = 30
_LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
_FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_INDENTED = re.compile(r"\n\n( {4}\S.*)")


def test_every_block_has_a_language() -> None:
    wrong = [block.place for page in PAGES for block in blocks(page) if block.language not in LANGUAGES]
    assert wrong == []


def test_no_block_hides_from_the_tests() -> None:
    """A block that is set off by blanks has no language."""
    wrong = {page.name: _INDENTED.findall(_FENCED.sub("", page.read_text())) for page in PAGES}
    assert {name: lines for name, lines in wrong.items() if lines} == {}


def test_few_blocks_are_for_elsewhere() -> None:
    assert sum(not block.is_tried for page in PAGES for block in blocks(page)) <= MOST_ELSEWHERE


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    targets = [link for link in _LINK.findall(page.read_text()) if "://" not in link and not link.startswith("mailto:")]
    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_every_page_is_in_the_index() -> None:
    index = (ROOT / "docs" / "README.md").read_text()
    pages = {page.relative_to(ROOT / "docs").as_posix() for page in PAGES if page.is_relative_to(ROOT / "docs")}
    assert {page for page in pages if page not in index} - {"README.md"} == {p for p in pages if p.startswith("adr/")}

"""The fenced blocks of the documentation.

The word behind the fence is the language, and says how a block is tried:

    console     lines with `$ ` are run, one after the other, in a directory of the page; the lines behind one are what
                it prints, with … for what may differ. `wafscope serve`, `view` and `demo` run until the page is over
    toml        settings of Wafscope; with a name behind the language, they are there for the commands that follow
    nginx       given to `nginx -t`, as servers, or as what stands in one
    apache      given to `apache2 -t`
    seclang     given to ModSecurity 3, and with `v2` behind it, or without a word, to ModSecurity 2 (`v3`: to 3 alone)
    json, yaml  read
    text        no example: what a page or another program shows

`elsewhere` behind the language marks what needs root or another host, and is not tried.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import msgspec

ROOT = Path(__file__).parents[2]
PAGES = (*sorted((ROOT / "docs").rglob("*.md")), ROOT / "README.md", ROOT / "CONTRIBUTING.md")
LANGUAGES = ("console", "toml", "nginx", "apache", "seclang", "json", "yaml", "text")
ELSEWHERE = "elsewhere"
_FENCE = re.compile(r"^( *)(`{3,})(.*)$")


class Block(msgspec.Struct, frozen=True):
    """One block."""

    page: Path
    line: int
    language: str
    words: tuple[str, ...]
    text: str

    @property
    def place(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def is_tried(self) -> bool:
        return ELSEWHERE not in self.words


def blocks(page: Path) -> Iterator[Block]:
    """Read the blocks of a page."""
    lines = iter(enumerate(page.read_text().splitlines(), 1))
    for number, line in lines:
        opened = _FENCE.match(line)
        if opened is None:
            continue
        indent, fence, info = opened.groups()
        inside: list[str] = []
        for _, each in lines:
            if each.strip() == fence:
                break
            inside.append(each.removeprefix(indent))
        words = info.split()
        yield Block(page, number, words[0] if words else "", tuple(words[1:]), "\n".join(inside) + "\n")


def every(*languages: str) -> list[Block]:
    """All blocks of some languages that are tried."""
    return [block for page in PAGES for block in blocks(page) if block.language in languages and block.is_tried]

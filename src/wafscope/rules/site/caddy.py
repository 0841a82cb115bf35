"""What a Caddyfile tells Coraza: the texts behind `directives`, and the files behind `include`, of `coraza_waf`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import msgspec

from wafscope.rules.seclang import include
from wafscope.rules.seclang.file import content
from wafscope.rules.seclang.nodes import Tree, Unread
from wafscope.rules.site.base import Setup, Site, flat
from wafscope.rules.site.embedded import CORAZA

_USER = "caddy"
"""As whom the packages of the project and of the distributions run it; where there is no such user, nobody can tell."""
_WAF = re.compile(r"(?m)^[ \t]*coraza_waf[^\n{]*\{")
_PART = re.compile(
    r"""(?m)^[ \t]*(?P<name>directives|include)[ \t]+(?:
        `(?P<tick>[^`]*)` | "(?P<quote>(?:[^"\\]|\\.)*)" | <<(?P<mark>\w+)[ \t]*\n(?P<here>.*?)^[ \t]*(?P=mark)\b |
        (?P<bare>\S+) )""",
    re.VERBOSE | re.DOTALL,
)


def read(file: str) -> Site:
    """Return the setups of a Caddyfile, one for each `coraza_waf`."""
    source = content(file)
    if isinstance(source, Unread):
        return Site(file, (), (source,))
    return Site(file, tuple(_setups(source, file)))


def _setups(source: str, file: str) -> Iterator[Setup]:
    for found in _WAF.finditer(source):
        end = _end(source, found.end())
        trees = [_tree(part, source, file) for part in _PART.finditer(source, found.end(), end)]
        yield Setup(
            "coraza",
            "caddy",
            file,
            tuple(each for tree in trees for each in flat(tree.nodes)),
            user=_USER,
            root=str(Path(file).parent),
            unread=tuple(each for tree in trees for each in tree.unread),
        )


def _end(source: str, start: int) -> int:
    """Return where the block that is open at `start` is closed: texts in quotes have braces of their own."""
    depth = 1
    for found in re.finditer(r'`[^`]*`|"(?:[^"\\]|\\.)*"|#[^\n]*|[{}]', source[start:]):
        depth += {"{": 1, "}": -1}.get(found.group(), 0)
        if depth == 0:
            return start + found.start()
    return len(source)


def _tree(part: re.Match[str], source: str, file: str) -> Tree:
    dialect = include.Dialect(str(Path(file).parent), embedded=CORAZA)
    name, text = next((n, part.group(n)) for n in ("tick", "quote", "here", "bare") if part.group(n) is not None)
    line = source.count("\n", 0, part.start(name)) + 1
    if part.group("name") == "include":
        tree = include.read_text(f'Include "{text}"', file, dialect, first=line)
    else:
        tree = include.read_text(text.replace('\\"', '"') if name == "quote" else text, file, dialect, first=line)
    return msgspec.structs.replace(tree, unread=tuple(each for each in tree.unread if not _is_set_of_rules(each)))


def _is_set_of_rules(unread: Unread) -> bool:
    """Tell what is a part of Coraza and says nothing about logs: the Core Rule Set."""
    return unread.reason == "embedded" and unread.name.startswith(("@owasp_crs", "@crs-setup"))

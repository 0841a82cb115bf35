"""A configuration with all that it includes: patterns, folders, and a guard against what includes itself."""

from __future__ import annotations

import glob
import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

from wafscope.rules.seclang.file import content
from wafscope.rules.seclang.nodes import Directive, Node, Place, Section, Tree, Unread
from wafscope.rules.seclang.parser import parse

_DEEPEST = 32
_MOST_FILES = 4096


class Dialect(msgspec.Struct, frozen=True):
    """How an engine reads its files."""

    root: str = ""
    """Folder from which relative names count; "" for that of the file which includes."""
    comments_go_on: bool = False
    variables: Mapping[str, str] = {}
    """What stands for `${NAME}`."""
    embedded: Mapping[str, str] = {}
    """Parts of the engine itself by their name, which begins with `@`; one that is not here is not read."""


def read(file: str, dialect: Dialect) -> Tree:
    """Return the tree of a file.  What can not be read is named in it; nothing is raised."""
    reading = _Reading(dialect)
    nodes = reading.file(file, Place(file, 0))
    return Tree(tuple(nodes), tuple(reading.unread), tuple(reading.files))


def read_text(source: str, file: str, dialect: Dialect, *, first: int = 1) -> Tree:
    """Return the tree of a text that stands in a file, from the line `first` on."""
    reading = _Reading(dialect)
    nodes = reading.nodes(parse(source, file, first=first, comments_go_on=dialect.comments_go_on))
    return Tree(tuple(nodes), tuple(reading.unread), tuple(reading.files))


class _Reading:
    """One reading of a tree of files."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._inside: list[str] = []
        self.unread: list[Unread] = []
        self.files: list[str] = []

    def file(self, name: str, named: Place, *, optional: bool = False) -> list[Node]:
        """Give the nodes of a file that is named somewhere."""
        real = os.path.realpath(name)
        if real in self._inside or len(self._inside) >= _DEEPEST:
            self.unread.append(Unread(name, "circle", named))
            return []
        if len(self.files) >= _MOST_FILES:
            self.unread.append(Unread(name, "too_many", named))
            return []
        source = content(name, named, optional=optional)
        if isinstance(source, Unread):
            self.unread.append(source)
            return []
        self.files.append(name)
        self._inside.append(real)
        try:
            return self.nodes(parse(source, name, comments_go_on=self._dialect.comments_go_on))
        finally:
            self._inside.pop()

    def nodes(self, nodes: tuple[Node, ...]) -> list[Node]:
        """Put in the place of each Include what it includes."""
        found: list[Node] = []
        for node in nodes:
            if isinstance(node, Section):
                found.append(msgspec.structs.replace(node, body=tuple(self.nodes(node.body))))
            elif isinstance(node, Directive) and node.name.lower() in {"include", "includeoptional"}:
                found += self._included(node)
            else:
                found.append(self._expanded(node))
        return found

    def _included(self, directive: Directive) -> list[Node]:
        optional = directive.is_named("IncludeOptional")
        found: list[Node] = []
        for argument in directive.arguments:
            name = self._expand(argument)
            if name.startswith("@"):
                found += self._embedded(name, directive.place)
                continue
            root = self._dialect.root or str(Path(directive.place.file).parent)
            pattern = os.path.join(root, name)  # noqa: PTH118 - a pattern is no path
            files = _matching(pattern)
            if not files and not (optional and glob.has_magic(pattern)):
                self.unread.append(Unread(pattern, "missing", directive.place, optional))
            for file in files:
                found += self.file(file, directive.place, optional=optional)
        return found

    def _embedded(self, name: str, place: Place) -> list[Node]:
        source = self._dialect.embedded.get(name)
        if source is None:
            self.unread.append(Unread(name, "embedded", place))
            return []
        return self.nodes(parse(source, name))

    def _expanded(self, node: Node) -> Node:
        if not isinstance(node, Directive) or not self._dialect.variables:
            return node
        return msgspec.structs.replace(node, arguments=tuple(map(self._expand, node.arguments)))

    def _expand(self, word: str) -> str:
        for name, value in self._dialect.variables.items():
            word = word.replace(f"${{{name}}}", value)
        return word


def _matching(pattern: str) -> list[str]:
    """Return the files of a pattern in order; of a folder, all that is in it, as Apache has it."""
    found: list[str] = []
    for name in sorted(glob.glob(pattern, recursive="**" in pattern)) if glob.has_magic(pattern) else [pattern]:  # noqa: PTH207 - a pattern may be absolute
        path = Path(name)
        if path.is_dir():
            found += sorted(str(each) for each in path.rglob("*") if each.is_file())
        elif path.exists() or not glob.has_magic(pattern):
            found.append(name)
    return [name for name in found if Path(name).exists()]

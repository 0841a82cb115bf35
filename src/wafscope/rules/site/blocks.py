"""The language of nginx.conf, and near enough that of a Caddyfile: words, and blocks in braces."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator
from pathlib import Path

import msgspec

from wafscope.rules.seclang.file import content
from wafscope.rules.seclang.nodes import Place, Unread

_DEEPEST = 32
_MOST_FILES = 4096


class Block(msgspec.Struct, frozen=True):
    """A directive of nginx: its words, and what stands in its braces."""

    name: str
    arguments: tuple[str, ...]
    place: Place
    lines: tuple[int, ...] = ()
    """The line of each argument: a text in quotes may have several."""
    body: tuple[Block, ...] = ()


class Blocks(msgspec.Struct, frozen=True):
    """A file with all that it includes."""

    blocks: tuple[Block, ...]
    unread: tuple[Unread, ...]


class _Token(msgspec.Struct, frozen=True):
    text: str
    line: int
    is_mark: bool = False
    """One of `{`, `}`, `;`."""


def read(file: str) -> Blocks:
    """Read an nginx.conf; what can not be read is named in the answer."""
    reading = _Reading(str(Path(file).parent))
    return Blocks(tuple(reading.file(file, Place(file, 0))), tuple(reading.unread))


class _Reading:
    def __init__(self, root: str) -> None:
        self._root = root
        self._inside: list[str] = []
        self._files = 0
        self.unread: list[Unread] = []

    def file(self, name: str, named: Place) -> list[Block]:
        real = os.path.realpath(name)
        if real in self._inside or len(self._inside) >= _DEEPEST:
            self.unread.append(Unread(name, "circle", named))
            return []
        self._files += 1
        if self._files > _MOST_FILES:
            self.unread.append(Unread(name, "too_many", named))
            return []
        source = content(name, named)
        if isinstance(source, Unread):
            self.unread.append(source)
            return []
        self._inside.append(real)
        try:
            return self._body(tokens(source), name)
        finally:
            self._inside.pop()

    def _body(self, found: Iterator[_Token], file: str, depth: int = 0) -> list[Block]:
        """Take what stands up to the next closing brace."""
        blocks: list[Block] = []
        words: list[_Token] = []
        for token in found:
            if not token.is_mark:
                words.append(token)
                continue
            if token.text == "}":
                break
            # Beyond that, what stands in braces counts as beside them.
            body = self._body(found, file, depth + 1) if token.text == "{" and depth < _DEEPEST else []
            if words:
                blocks += self._block(words, tuple(body), Place(file, words[0].line, token.line))
            words = []
        return blocks

    def _block(self, words: list[_Token], body: tuple[Block, ...], place: Place) -> list[Block]:
        first, *rest = words
        if first.text == "include" and not body:
            return [block for word in rest for block in self._included(word.text, place)]
        return [Block(first.text, tuple(w.text for w in rest), place, tuple(w.line for w in rest), body)]

    def _included(self, name: str, place: Place) -> list[Block]:
        pattern = os.path.join(self._root, name)  # noqa: PTH118 - a pattern is no path
        if not glob.has_magic(pattern):
            return self.file(pattern, place)
        return [block for each in sorted(glob.glob(pattern)) for block in self.file(each, place)]  # noqa: PTH207


def tokens(source: str) -> Iterator[_Token]:
    """Give the words and marks of a text."""
    position, line, end = 0, 1, len(source)
    while position < end:
        character = source[position]
        if character == "\n":
            line += 1
            position += 1
        elif character.isspace():
            position += 1
        elif character == "#":
            stop = source.find("\n", position)
            position = end if stop < 0 else stop
        elif character in "{};":
            yield _Token(character, line, is_mark=True)
            position += 1
        elif character in "\"'":
            text, after = _quoted(source, position)
            yield _Token(text, line)
            line += source.count("\n", position, after)
            position = after
        else:
            start = position
            while position < end and not (source[position].isspace() or source[position] in "{};"):
                # `${name}` is a word, not a block.
                is_variable = source.startswith("${", position)
                position = source.find("}", position) + 1 or end if is_variable else position + 1
            yield _Token(source[start:position], line)


def _quoted(source: str, start: int) -> tuple[str, int]:
    quote, parts, position = source[start], [], start + 1
    while position < len(source) and source[position] != quote:
        if source[position] == "\\" and source[position + 1 : position + 2] in {quote, "\\"}:
            position += 1
        parts.append(source[position])
        position += 1
    return "".join(parts), position + 1

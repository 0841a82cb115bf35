"""From the text of a configuration to its nodes; nothing is thrown away and nothing is evaluated."""

from __future__ import annotations

import msgspec

from wafscope.rules.seclang.lexer import Line, lines, split
from wafscope.rules.seclang.nodes import Broken, Directive, Node, Place, Section

_DEEPEST = 64
"""Sections in each other; nobody writes so many by hand."""


class _Open(msgspec.Struct):
    """A section that is not closed yet; the outermost one is the file."""

    name: str
    arguments: tuple[str, ...]
    line: Line
    body: list[Node]


def parse(source: str, file: str, *, first: int = 1, comments_go_on: bool = False) -> tuple[Node, ...]:
    """Return the nodes of a text that begins at the line `first` of a file."""
    outermost = _Open("", (), Line("", first, first), [])
    stack = [outermost]
    for line in lines(source, first=first, comments_go_on=comments_go_on):
        place = Place(file, line.first, line.last)
        if line.text.startswith("</"):
            _close(stack, line, place)
        elif line.text.startswith("<") and len(stack) > _DEEPEST:
            stack[-1].body.append(Broken(line.text, place, "too_deep"))
        elif line.text.startswith("<"):
            words = split(line.text.lstrip("<").rstrip().removesuffix(">")).words
            stack.append(_Open(words[0] if words else "", words[1:], line, []))
        else:
            stack[-1].body.append(_directive(line, place))
    while len(stack) > 1:
        opened = stack.pop()
        stack[-1].body += [
            Broken(opened.line.text, Place(file, opened.line.first, opened.line.last), "unclosed_section"),
            *opened.body,
        ]
    return tuple(outermost.body)


def _directive(line: Line, place: Place) -> Node:
    found = split(line.text)
    if not found.closed:
        return Broken(line.text, place, "unclosed_quote")
    return Directive(found.words[0], found.words[1:], place)


def _close(stack: list[_Open], line: Line, place: Place) -> None:
    """Close the innermost section, if it has that name."""
    name = line.text.removeprefix("</").rstrip().removesuffix(">").strip()
    if len(stack) == 1 or stack[-1].name.lower() != name.lower():
        stack[-1].body.append(Broken(line.text, place, "no_such_section"))
        return
    opened = stack.pop()
    start = Place(place.file, opened.line.first, place.last)
    stack[-1].body.append(Section(opened.name, opened.arguments, start, tuple(opened.body)))

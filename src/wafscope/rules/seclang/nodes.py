"""What a configuration in SecLang, or of Apache, is made of."""

from __future__ import annotations

from typing import Literal

import msgspec


class Place(msgspec.Struct, frozen=True, order=True):
    """Where something stands: lines count from 1, `last` is that of the last line."""

    file: str
    line: int
    last: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


class Directive(msgspec.Struct, frozen=True):
    """A directive with its arguments, their quotes taken off."""

    name: str
    arguments: tuple[str, ...]
    place: Place

    def is_named(self, name: str) -> bool:
        """Tell the directive of a name: no engine minds the case."""
        return self.name.lower() == name.lower()

    @property
    def value(self) -> str:
        """The first argument, "" without one."""
        return self.arguments[0] if self.arguments else ""


class Section(msgspec.Struct, frozen=True):
    """What stands between `<NAME ARGUMENTS>` and `</NAME>`."""

    name: str
    arguments: tuple[str, ...]
    place: Place
    body: tuple[Node, ...]


Flaw = Literal["unclosed_quote", "unclosed_section", "no_such_section", "too_deep"]


class Broken(msgspec.Struct, frozen=True):
    """A line that is not well formed: it is kept as it stands, and said what is wrong with it."""

    text: str
    place: Place
    flaw: Flaw


Node = Directive | Section | Broken


class Unread(msgspec.Struct, frozen=True):
    """A part of a configuration that was not read."""

    name: str
    """The file, pattern or address, as written."""
    reason: Literal["missing", "unreadable", "circle", "too_many", "embedded", "remote"]
    """`embedded`: it is a part of the engine; `remote`: the engine fetches it; `circle`: it includes itself."""
    place: Place
    """Where it is named."""
    optional: bool = False
    """The engine goes on without it."""
    detail: str = ""
    """The words of the system."""


class Tree(msgspec.Struct, frozen=True):
    """A configuration with all that it includes, in the order read."""

    nodes: tuple[Node, ...]
    unread: tuple[Unread, ...] = ()
    files: tuple[str, ...] = ()

"""From a directive to its line, such that every engine reads the same words again."""

from __future__ import annotations

import re

_BARE = re.compile(r"[^\s\"'`<>#\\]+")


def directive(name: str, *arguments: str) -> str:
    """Return the line of a directive.  Raises ValueError for what no line can hold."""
    return " ".join([name, *(word(argument) for argument in arguments)])


def word(text: str) -> str:
    """Return a word, in quotes where it needs them.  Raises ValueError for what no line can hold."""
    if any(character in text for character in "\r\n\0"):
        msg = "a word of a configuration has no line end"
        raise ValueError(msg)
    if _BARE.fullmatch(text):
        return text
    escaped = re.sub(r'\\(?=["\\]|$)|"', lambda found: "\\" + found.group(), text)
    return f'"{escaped}"'

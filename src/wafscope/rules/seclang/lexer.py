r"""Lines and words of SecLang.

The engines agree on most of it: a directive is a line, a line goes on behind a `\` at its end, a word is parted by
blanks or stands in quotes.  Apache takes `"` and `'`, with `\"` and `\\` inside; libmodsecurity the same; Coraza knows
backticks besides, between which a text may have several lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

_COMMENTED_RULE = re.compile(r"#\s*Sec(?:Rule|Action)\b", re.IGNORECASE)
_QUOTES = "\"'`"


class Line(msgspec.Struct, frozen=True):
    """A line with those that it goes on with; `first` and `last` count from 1."""

    text: str
    first: int
    last: int


class Words(msgspec.Struct, frozen=True):
    """The words of a line; `closed` is False where a quote is not closed."""

    words: tuple[str, ...]
    closed: bool = True


def lines(source: str, *, first: int = 1, comments_go_on: bool = False) -> Iterator[Line]:
    r"""Give the lines that say something: neither blank nor a comment.

    `comments_go_on`: a `\` at the end of a comment makes the next line a part of it, as in Apache.  Elsewhere only
    that of a rule that was commented out does.
    """
    physical = source.split("\n")
    number = 0
    while number < len(physical):
        start = number
        text = physical[number].removesuffix("\r")
        number += 1
        is_comment = text.lstrip().startswith("#")
        if is_comment and not comments_go_on and not _COMMENTED_RULE.match(text.lstrip()):
            continue
        parts = [text]
        while parts[-1].endswith("\\") and number < len(physical):
            parts[-1] = parts[-1][:-1]
            parts.append(physical[number].removesuffix("\r"))
            number += 1
        if is_comment:
            continue
        joined = "".join(parts)
        if _is_open(joined):
            closing = next((n for n in range(number, len(physical)) if "`" in physical[n]), None)
            if closing is not None:
                rest = (line.removesuffix("\r") for line in physical[number : closing + 1])
                joined = "\n".join([joined, *rest])
                number = closing + 1
        if joined.strip():
            yield Line(joined.strip(), first + start, first + number - 1)


def _is_open(text: str) -> bool:
    """Tell that a backtick begins a word that this line does not end."""
    found = split(text)
    return not found.closed and bool(found.words) and text.rfind("`") >= 0 and text.count("`") % 2 == 1


def split(text: str) -> Words:
    """Split a line into its words."""
    words: list[str] = []
    position, end = 0, len(text)
    while position < end:
        if text[position].isspace():
            position += 1
        elif text[position] in _QUOTES:
            word, position, closed = _quoted(text, position)
            words.append(word)
            if not closed:
                return Words(tuple(words), closed=False)
        else:
            start = position
            while position < end and not text[position].isspace():
                position += 1
            words.append(text[start:position])
    return Words(tuple(words))


def _quoted(text: str, start: int) -> tuple[str, int, bool]:
    r"""Return the word in quotes that begins at `start`, where it ends, and whether it does; `\` stays elsewhere."""
    quote = text[start]
    parts: list[str] = []
    position = start + 1
    while position < len(text):
        character = text[position]
        if character == quote:
            return "".join(parts), position + 1, True
        if character == "\\" and quote != "`" and text[position + 1 : position + 2] in {quote, "\\"}:
            position += 1
            character = text[position]
        parts.append(character)
        position += 1
    return "".join(parts), position, False

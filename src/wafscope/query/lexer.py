r"""Cuts the text of a filter into tokens: parentheses, `or`, and terms with their values.

A value is made of bare and quoted pieces, as in a shell: `agent:*"Mozilla 5.0"*` is a pattern with a
blank in it.  Between quotes `\"` and `\\` stand for a quote and a backslash and `\u{a}` for the
character of that number (a line feed survives the one line of the search box that way).  Every other
backslash is itself, as in `\xff`, which `event.text.storable` makes of a byte that is not UTF-8.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

import msgspec

from wafscope.errors import FilterError
from wafscope.i18n.text import text

_BLANK = re.compile(r"\s*")
_NAME = re.compile(r"(@?)([A-Za-z_][A-Za-z0-9_.]*):")
_BARE = re.compile(r'[^\s()",]+')
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*+)"', re.DOTALL)
_ESCAPE = re.compile(r'\\(?:(["\\])|u\{([0-9A-Fa-f]{1,6})\})')
_KEYWORD: dict[str, Literal["or", "and"]] = {"or": "or", "and": "and"}


class Written(msgspec.Struct, frozen=True):
    """A value as it is written: its text without quotes, and where it stands."""

    text: str
    column: int
    """Counted from 1, as in FilterError."""
    quoted: bool = False
    """Has a piece in quotes."""
    wild: bool = False
    """Has a star outside quotes."""


class Token(msgspec.Struct, frozen=True):
    """A piece of a filter; `line[start:body]` are the signs before it, `line[start:end]` is all of it."""

    kind: Literal["open", "close", "or", "and", "term"]
    start: int
    body: int
    end: int
    negated: bool = False
    off: bool = False
    name: str = ""
    """The field as written, without `@`; empty for a word."""
    name_at: int = 0
    values: tuple[Written, ...] = ()


def tokens(line: str) -> Iterator[Token]:
    """Cut the text of a filter into tokens; raises FilterError where that can not be done."""
    at = _skip_blanks(line, 0)
    while at < len(line):
        token = _token(line, at)
        yield token
        at = _skip_blanks(line, token.end)


def unescaped(inner: str) -> str:
    """Take the escapes out of what stands between quotes."""
    return _ESCAPE.sub(_character, inner)


def _token(line: str, start: int) -> Token:
    if line[start] == ")":
        return Token("close", start, start, start + 1)
    negated, off, body = _signs(line, start)
    if line[body] == "(":
        return Token("open", start, body, body + 1, negated, off)
    token = _term(line, Token("term", start, body, body, negated, off))
    if token.kind == "term" and line[token.end : token.end + 1] == "(":
        raise FilterError(
            text("A parenthesis stands right after a value."),
            column=token.end + 1,
            hint=text("Put a value with parentheses in quotes; put a blank before a group."),
        )
    return token


def _signs(line: str, start: int) -> tuple[bool, bool, int]:
    """Read `-` and `~`, in either order, each at most once."""
    seen = ""
    at = start
    while line[at : at + 1] in ("-", "~"):
        if line[at] in seen:
            raise _lone_sign(line[at], start)
        seen += line[at]
        at += 1
    if seen and (at == len(line) or line[at] == ")" or line[at].isspace()):
        raise _lone_sign(line[start], start)
    return "-" in seen, "~" in seen, at


def _lone_sign(sign: str, start: int) -> FilterError:
    return FilterError(
        text("“{sign}” needs a term after it.", sign=sign),
        column=start + 1,
        hint=text(
            "-host:x excludes, ~host:x is switched off. To look for text that begins with “{sign}”, put it in quotes.",
            sign=sign,
        ),
    )


def _term(line: str, token: Token) -> Token:
    named = _NAME.match(line, token.body)
    if named:
        values, end = _values(line, named.end())
        return msgspec.structs.replace(token, name=named[2], name_at=named.start(2), values=values, end=end)
    word, end = _value(line, token.body, listed=False)
    keyword = _KEYWORD.get(line[token.body : end].lower())
    if keyword:
        if token.body > token.start:
            raise _lone_sign(line[token.start], token.start)
        return Token(keyword, token.start, token.start, end)
    return msgspec.structs.replace(token, values=(word,), end=end)


def _values(line: str, at: int) -> tuple[tuple[Written, ...], int]:
    """Read values with commas between them."""
    values = []
    while True:
        value, at = _value(line, at, listed=True)
        values.append(value)
        if line[at : at + 1] != ",":
            return tuple(values), at
        at += 1


def _value(line: str, start: int, *, listed: bool) -> tuple[Written, int]:
    """Read one value, perhaps empty; where values are `listed` a comma ends it and a star is a sign."""
    bare: list[str] = []
    quoted: list[str] = []
    pieces: list[str] = []
    at = start
    while at < len(line):
        if found := _BARE.match(line, at):
            piece = found[0]
            bare.append(piece)
        elif line[at] == '"':
            found = _quote(line, at)
            piece = unescaped(found[1])
            quoted.append(piece)
        elif line[at] == "," and not listed:
            piece = ","
        else:
            break
        pieces.append(piece)
        at = found.end() if found else at + 1
    wild = any("*" in piece for piece in bare)
    if listed and wild and any("*" in piece for piece in quoted):
        raise FilterError(
            text("A star in quotes and one outside can not stand in the same value."),
            column=start + 1,
            hint=text("Outside quotes * stands for any text, in quotes for itself."),
        )
    return Written("".join(pieces), start + 1, quoted=bool(quoted), wild=wild), at


def _quote(line: str, at: int) -> re.Match[str]:
    found = _QUOTED.match(line, at)
    if found is None:
        raise FilterError(
            text("This quote is never closed."),
            column=at + 1,
            hint=text('Close it with "; inside quotes a quote is written \\" and a backslash \\\\.'),
        )
    return found


def _character(found: re.Match[str]) -> str:
    if found[1]:
        return found[1]
    code = int(found[2], 16)
    # Out of range, or half a character: then it is text like any other.
    return chr(code) if code <= 0x10FFFF and not 0xD800 <= code <= 0xDFFF else found[0]


def _skip_blanks(line: str, at: int) -> int:
    blank = _BLANK.match(line, at)
    return blank.end() if blank else at

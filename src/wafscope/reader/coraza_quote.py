r"""Go's `%q` texts, in which Coraza writes every value of an error line.

An escape is a letter (`\n`), a quote or a backslash, a byte that is no UTF-8 (`\xff`), or a character that is not
printable (`\u00ad`, `\U000e0001`).
"""

from __future__ import annotations

import re
from functools import lru_cache

_ESCAPE = re.compile(r"\\(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.)", re.DOTALL)
_LETTERS = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_LAST_CODE_POINT = 0x10FFFF
_MOST_ESCAPES = 8192
_SHORT = 32
"""Shorter texts hold few escapes: one by one they take less time."""


class _Escapes(dict[str, str]):
    """What an escape stands for; a spelling is worked out once."""

    def __missing__(self, escape: str) -> str:
        plain = self._plain(escape)
        if len(self) < _MOST_ESCAPES:
            self[escape] = plain
        return plain

    @staticmethod
    def _plain(escape: str) -> str:
        if len(escape) == 2:
            return _LETTERS.get(escape[1], escape[1])
        code = int(escape[2:], 16)  # noqa: FURB166 - `U` is no prefix of Python's
        if len(escape) == 4:
            return chr(code) if code < 0x80 else chr(0xDC00 + code)
        return chr(code) if code <= _LAST_CODE_POINT else escape


_plain = _Escapes().__getitem__


def unquote(text: str) -> str:
    r"""Undo the escapes of a Go `%q` text; `\xff` gives its byte, carried as `event.text` has it."""
    if "\\" not in text:
        return text
    length = len(text)
    if length <= _SHORT:
        return _ESCAPE.sub(_plain_of, text)
    return _kept(text) if length <= _LONGEST_KEPT else _long(text)


def _plain_of(found: re.Match[str]) -> str:
    return _plain(found[0])


def _long(text: str) -> str:
    plain = _at_once(text)
    return _ESCAPE.sub(_plain_of, text) if plain is None else plain


_LONGEST_KEPT = 1200
"""As long as 280 bytes can be, where Coraza cuts a text, when each is written as an escape."""
_kept = lru_cache(maxsize=2048)(_long)
"""One matched value is told by every rule that looked at it."""


_WIDE = re.compile(r"\\(?:\\|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8})")
_UNUSUAL = re.compile(r'\\[^"abfnrtvx]')


def _at_once(text: str) -> str | None:
    r"""Return what a text stands for by decoders that do it at once; None where they would take it otherwise.

    A text of random bytes is little else than escapes, and one by one they take four times as long.  Bytes that
    stand each for itself (`\xc3\xa9`) but would together be a character are found by the length.
    """
    if "\\u" in text or "\\U" in text:
        text = _WIDE.sub(_wide_of, text)
    single = text.replace("\\\\", "") if "\\\\" in text else text
    if _UNUSUAL.search(single) is not None:
        return None
    try:
        plain = text.encode().decode("unicode_escape").encode("latin-1").decode("utf-8", "surrogateescape")
    except ValueError:
        return None
    doubled = (len(text) - len(single)) // 2
    length = len(single) - single.count("\\") - 2 * single.count("\\x") + doubled
    return plain if len(plain) == length else None


def _wide_of(found: re.Match[str]) -> str:
    r"""Return the character of `\u` or `\U`; as it is what could then be read for something else."""
    escape = found[0]
    if len(escape) == 2:
        return escape
    plain = _plain(escape)
    return escape if plain < "\x80" else plain

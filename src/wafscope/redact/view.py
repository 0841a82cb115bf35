"""Bytes as they read after decoding, with the way back to where they stand in the record.

Only so can a value be found in whatever encoding it stands in - JSON in a form in JSON, say - and be replaced
with all else left byte for byte.
"""

from __future__ import annotations

import html
import re
from bisect import bisect_right
from collections.abc import Callable
from functools import lru_cache

ESCAPED = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|.)", re.DOTALL
)
"""Escapes of JSON and those that ModSecurity writes."""
PERCENT = re.compile(rb"%(?:u[0-9a-fA-F]{4}|[0-9a-fA-F]{2})")
_ENTITY = rb"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|quot|amp|lt|gt|apos);"
ANY = re.compile(ESCAPED.pattern + rb"|" + PERCENT.pattern + rb"|" + _ENTITY + rb"|\+", re.DOTALL)
_ODD = re.compile(rb"[^a-z0-9\x80-\xff]+")
NO_LETTERS = bytes(code for code in range(128) if not chr(code).isalnum())
_LETTERS = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f", b"v": b"\v", b"0": b"\0", b"a": b"\a"}
_MOST_PASSES = 4


class View:
    """Some bytes, each of which knows its place in the record."""

    def __init__(self, data: bytes, base: int, parent: View | None = None) -> None:
        self.data = data
        self._base = base
        self._parent = parent
        self._at: list[int] = []
        self._from: list[tuple[int, int]] = []
        """By segment: where it begins in the parent, and its end there, 0 for what stands as it is."""

    def start(self, position: int) -> int:
        """Return where the byte at `position` begins in the record."""
        if self._parent is None:
            return self._base + position
        index = bisect_right(self._at, position) - 1
        begin, end = self._from[index]
        return self._parent.start(begin if end else begin + position - self._at[index])

    def end(self, position: int) -> int:
        """Return where the byte before `position` ends in the record."""
        if self._parent is None:
            return self._base + position
        index = bisect_right(self._at, position - 1) - 1
        begin, end = self._from[index]
        return self._parent.end(end or begin + position - self._at[index])

    def decoded(self, pattern: re.Pattern[bytes], decode: Callable[[bytes], bytes]) -> View:
        """Return the view in which what `pattern` finds is decoded; this one where it finds nothing."""
        data = self.data
        view = View(b"", 0, self)
        parts: list[bytes] = []
        position = size = 0
        for found in pattern.finditer(data):
            start, stop = found.span()
            if start > position:
                view._at.append(size)
                view._from.append((position, 0))
                parts.append(data[position:start])
                size += start - position
            piece = decode(found[0])
            if piece:
                view._at.append(size)
                view._from.append((start, stop))
                parts.append(piece)
                size += len(piece)
            position = stop
        if not position:
            return self
        if position < len(data):
            view._at.append(size)
            view._from.append((position, 0))
            parts.append(data[position:])
        view.data = b"".join(parts)
        return view

    def unescaped(self) -> View:
        r"""Return the view without the backslash escapes of one level."""
        return self.decoded(ESCAPED, unescape) if b"\\" in self.data else self

    def unquoted(self) -> View:
        """Return the view without the percent-encoding of one level."""
        return self.decoded(PERCENT, unescape) if b"%" in self.data else self

    def bare(self) -> View:
        """Return the view with everything decoded, in lower case, that holds letters and digits alone.

        Whatever an engine does to a value before it logs it - lower case, no spaces, no quotes - this is the same.
        """
        view = self
        for _ in range(_MOST_PASSES):
            data = view.data
            if b"\\" not in data and b"%" not in data and b"&" not in data:
                break
            further = view.decoded(ANY, unescape)
            if further.data == data:
                break
            view = further
        low = View(view.data.lower(), 0, view)
        low._at, low._from = [0], [(0, 0)]
        return low.decoded(_ODD, _nothing)


@lru_cache(1 << 14)
def unescape(token: bytes) -> bytes:
    """Return what an escape stands for."""
    first = token[:1]
    if first == b"\\":
        kind = token[1:2]
        if kind == b"u" and len(token) > 2:
            units = token[2:6] + token[8:12]
            return bytes.fromhex(units.decode()).decode("utf-16-be", "surrogatepass").encode("utf-8", "surrogatepass")
        if kind == b"x" and len(token) > 2:
            return bytes.fromhex(token[2:].decode())
        return _LETTERS.get(kind, kind)
    if first == b"%":
        if token[1:2] in b"uU":
            return chr(int.from_bytes(bytes.fromhex(token[2:].decode()))).encode("utf-8", "surrogatepass")
        return bytes.fromhex(token[1:].decode())
    if first == b"&":
        return html.unescape(token.decode()).encode("utf-8", "surrogatepass")
    return b" "


def _nothing(_: bytes) -> bytes:
    return b""


def plain(value: bytes) -> bytes:
    """Return a value with everything decoded."""
    for _ in range(_MOST_PASSES):
        if b"\\" not in value and b"%" not in value and b"&" not in value:
            break
        further = ANY.sub(lambda found: unescape(found[0]), value)
        if further == value:
            break
        value = further
    return value.replace(b"+", b" ")


def bare(value: bytes) -> bytes:
    """Return the letters and digits of a value that is decoded, in lower case: as `View.bare` holds it."""
    return value.lower().translate(None, NO_LETTERS)

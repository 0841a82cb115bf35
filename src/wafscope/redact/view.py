"""Bytes as they read after decoding, with the way back to where they stand in the record.

Only so can a value be found in whatever encoding it stands in - JSON in a form in JSON, say - and be replaced
with all else left byte for byte.
"""

from __future__ import annotations

import html
import re
from bisect import bisect_right
from collections.abc import Sequence
from functools import lru_cache

import msgspec

Span = tuple[int, int]

ESCAPED = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|.)", re.DOTALL
)
"""Escapes of JSON and those that ModSecurity writes."""
PERCENT = re.compile(rb"%(?:u[0-9a-fA-F]{4}|[0-9a-fA-F]{2})")
ENTITY = re.compile(rb"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|quot|amp|lt|gt|apos);")
ANY = re.compile(rb"|".join((ESCAPED.pattern, PERCENT.pattern, ENTITY.pattern, rb"\+")), re.DOTALL)
_ODD = re.compile(rb"[^A-Za-z0-9\x80-\xff]+")
NO_LETTERS = bytes(code for code in range(128) if not chr(code).isalnum())
_LETTERS = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f", b"v": b"\v", b"0": b"\0", b"a": b"\a"}
_SINGLE = {code: _LETTERS.get(bytes((code,)), bytes((code,))) for code in range(256) if chr(code) not in "ux"}
_X = ord("x")
_HEX = {
    (first + second).encode(): bytes.fromhex(first + second)
    for first in "0123456789abcdefABCDEF"
    for second in "0123456789abcdefABCDEF"
}
_MOST_PASSES = 4
_BLOCK = 1 << 9
_ODD_BLOCK = 1 << 8
_SAFE = re.compile(rb"[^\\%&]{11}[^\\%&\x80-\xff]")
"""Behind this no escape goes on, which has twelve bytes at most, nor does a character."""


class View:
    """Some bytes, each of which knows its place in the record.

    The places are worked out block by block, as far as they are asked for: most texts hold no secret, and a long one
    holds it in one place.
    """

    def __init__(
        self, data: bytes, base: int, parent: View | None = None, pattern: re.Pattern[bytes] = ESCAPED
    ) -> None:
        self.data = data
        self._base = base
        self._parent = parent
        self._pattern = pattern
        self._sizes = [0]
        """Where each block begins, and the end of the last one."""
        self._cuts = [0]
        """The same in the parent."""
        self._blocks: dict[int, tuple[list[int], list[tuple[int, int]]]] = {}
        """By number of a block its segments: where each begins; where in the parent, and its end there, 0 for what
        stands as it is."""

    def start(self, position: int) -> int:
        """Return where the byte at `position` begins in the record."""
        if self._parent is None:
            return self._base + position
        begin, end, at = self._segment(position)
        return self._parent.start(begin if end else begin + position - at)

    def start_in(self, view: View, position: int) -> int:
        """Return where the byte at `position` begins in a view that this one was made of."""
        if self is view or self._parent is None:
            return position
        begin, end, at = self._segment(position)
        return self._parent.start_in(view, begin if end else begin + position - at)

    def end(self, position: int) -> int:
        """Return where the byte before `position` ends in the record."""
        if self._parent is None:
            return self._base + position
        begin, end, at = self._segment(position - 1)
        return self._parent.end(end or begin + position - at)

    def end_in(self, view: View, position: int) -> int:
        """Return where the byte before `position` ends in a view that this one was made of."""
        if self is view or self._parent is None:
            return position
        begin, end, at = self._segment(position - 1)
        return self._parent.end_in(view, end or begin + position - at)

    def _segment(self, position: int) -> tuple[int, int, int]:
        if position >= self._sizes[-1] and self._parent is not None:
            self._reach(self._parent.data, position)
        number = min(bisect_right(self._sizes, position), len(self._sizes) - 1) - 1
        block = self._blocks.get(number)
        if block is None:
            block = self._blocks[number] = self._placed(number)
        begins, places = block
        index = bisect_right(begins, position) - 1
        return *places[index], begins[index]

    def _reach(self, data: bytes, position: int) -> None:
        """Measure blocks until one ends behind a position."""
        odd = self._pattern is _ODD
        cuts, sizes = self._cuts, self._sizes
        while (sizes[-1] <= position and cuts[-1] < len(data)) or len(cuts) == 1:
            begin = cuts[-1]
            if odd:
                end = min(begin + _ODD_BLOCK, len(data))
            else:
                safe = _SAFE.search(data, begin + _BLOCK)
                end = safe.end() if safe else len(data)
            cuts.append(end)
            sizes.append(sizes[-1] + self._size(data[begin:end]))

    def _size(self, piece: bytes) -> int:
        """Return how long a piece of the parent is in here."""
        if self._pattern is _ODD:
            return len(piece.translate(None, NO_LETTERS))
        if self._pattern is ESCAPED and b"\\u" not in piece and b"\\x" not in piece and piece[-1:] != b"\\":
            # Two bytes become one.
            return len(piece) - piece.count(b"\\") + piece.count(b"\\\\")
        return len(decoded(piece, self._pattern))

    def _placed(self, number: int) -> tuple[list[int], list[tuple[int, int]]]:
        data = self._parent.data if self._parent is not None else self.data
        begins: list[int] = []
        places: list[tuple[int, int]] = []
        size, position, last = self._sizes[number], self._cuts[number], self._cuts[number + 1]
        for found in self._pattern.finditer(data, position, last):
            start, stop = found.span()
            if start > position:
                begins.append(size)
                places.append((position, 0))
                size += start - position
            piece = b"" if self._pattern is _ODD else unescape(found[0])
            if piece:
                begins.append(size)
                places.append((start, stop))
                size += len(piece)
            position = stop
        begins.append(size)
        places.append((position, 0))
        return begins, places

    def forget(self) -> None:
        """Let go of the places, here and in what it was made of."""
        self._blocks.clear()
        if self._parent is not None:
            self._parent.forget()

    def _decoded(self, pattern: re.Pattern[bytes]) -> View:
        data = decoded(self.data, pattern)
        return self if data is self.data else View(data, 0, self, pattern)

    def from_json(self) -> View:
        """Return the view without the escapes of JSON: that of a text between quotes."""
        if b"\\" not in self.data:
            return self
        try:
            data = msgspec.json.decode(b'"' + self.data + b'"', type=str).encode()
        except (msgspec.DecodeError, UnicodeError):
            return self.unescaped()
        return View(data, 0, self)

    def unescaped(self) -> View:
        r"""Return the view without the backslash escapes of one level."""
        return self._decoded(ESCAPED)

    def deeper(self, spans: Sequence[Span], pattern: re.Pattern[bytes]) -> tuple[View, list[Span]]:
        """Return the view with what a pattern matches decoded, and where in it pieces between quotes then stand."""
        if pattern is PERCENT and b"%" not in self.data or pattern is ESCAPED and b"\\" not in self.data:
            return self, list(spans)
        data, parts, found = self.data, list[bytes](), list[Span]()
        position = size = 0
        for first, last in spans:
            # A quote may be part of an escape, and belongs to what follows.
            last -= len(data[first:last]) - len(data[first:last].rstrip(b"\\"))
            between, piece = decoded(data[position:first], pattern), decoded(data[first:last], pattern)
            parts += between, piece
            size += len(between) + len(piece)
            found.append((size - len(piece), size))
            position = last
        parts.append(decoded(data[position:], pattern))
        further = b"".join(parts)
        return (self, list(spans)) if further == data else (View(further, 0, self, pattern), found)

    def bare(self) -> View:
        """Return the view with everything decoded, in lower case, that holds letters and digits alone.

        Whatever an engine does to a value before it logs it - lower case, no spaces, no quotes - this is the same.
        """
        view = self
        for _ in range(_MOST_PASSES):
            before = view
            for pattern in (ESCAPED, PERCENT, ENTITY):
                view = view._decoded(pattern)
            if view is before:
                break
        return View(bare(view.data), 0, view, _ODD)


def decoded(data: bytes, pattern: re.Pattern[bytes]) -> bytes:
    """Return bytes with what one of the patterns matches decoded; the very same where there is none.

    This is `pattern.sub`, a few times as fast where little is to be decoded.
    """
    if pattern is ESCAPED:
        return _unbackslashed(data) if b"\\" in data else data
    if pattern is PERCENT:
        return _unquoted(data) if b"%" in data else data
    return _unnamed(data) if b"&" in data else data


def _unbackslashed(data: bytes) -> bytes:
    first, *parts = data.split(b"\\")
    found = [first]
    literal = False
    for part in parts:
        if literal or not part:
            # Nothing between two backslashes: the second one is what is meant.
            literal = not literal
            found.append(part if part or not literal else b"\\")
            continue
        letter = _SINGLE.get(part[0])
        if letter is not None:
            found += letter, part[1:]
        elif part[0] == _X:
            byte = _HEX.get(part[1:3])
            found += (b"x", part[1:]) if byte is None else (byte, part[3:])
        else:
            # A character may be two of these.
            return ESCAPED.sub(_unescaped, data)
    return b"".join(found)


def _unquoted(data: bytes) -> bytes:
    first, *parts = data.split(b"%")
    found = [first]
    changed = False
    for part in parts:
        byte = _HEX.get(part[:2])
        if byte is not None:
            changed = True
            found += byte, part[2:]
        elif part[:1] == b"u":
            return PERCENT.sub(_unescaped, data)
        else:
            found += b"%", part
    return b"".join(found) if changed else data


def _unnamed(data: bytes) -> bytes:
    changed, count = ENTITY.subn(_unescaped, data)
    return changed if count else data


def _is_encoded(data: bytes) -> bool:
    return b"\\" in data or b"%" in data or b"&" in data


def _unescaped(found: re.Match[bytes]) -> bytes:
    return unescape(found[0])


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


def bared(data: bytes) -> bytes:
    """Return the bytes of `View.bare`, without the way back."""
    for _ in range(_MOST_PASSES):
        before = data
        for pattern in (ESCAPED, PERCENT, ENTITY):
            data = decoded(data, pattern)
        if data is before:
            break
    return bare(data)


def plain(value: bytes) -> bytes:
    """Return a value with everything decoded."""
    for _ in range(_MOST_PASSES):
        if not _is_encoded(value):
            break
        further = ANY.sub(_unescaped, value)
        if further == value:
            break
        value = further
    return value.replace(b"+", b" ")


def bare(value: bytes) -> bytes:
    """Return the letters and digits of a value that is decoded, in lower case: as `View.bare` holds it."""
    return value.lower().translate(None, NO_LETTERS)

"""Bytes as they read after decoding, with the way back to where they stand in the record.

Only so can a value be found in whatever encoding it stands in - JSON in a form in JSON, say - and be replaced
with all else left byte for byte.
"""

from __future__ import annotations

import html
import re
from bisect import bisect_right
from functools import lru_cache

import msgspec

ESCAPED = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|.)", re.DOTALL
)
"""Escapes of JSON and those that ModSecurity writes."""
PERCENT = re.compile(rb"%(?:u[0-9a-fA-F]{4}|[0-9a-fA-F]{2})")
_ENTITY = rb"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|quot|amp|lt|gt|apos);"
_CODED = re.compile(ESCAPED.pattern + rb"|" + PERCENT.pattern + rb"|" + _ENTITY, re.DOTALL)
ANY = re.compile(_CODED.pattern + rb"|\+", re.DOTALL)
_ODD = re.compile(rb"[^A-Za-z0-9\x80-\xff]+")
NO_LETTERS = bytes(code for code in range(128) if not chr(code).isalnum())
_LETTERS = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f", b"v": b"\v", b"0": b"\0", b"a": b"\a"}
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
        if self._pattern is not ESCAPED:
            return len(self._pattern.sub(_unescaped, piece))
        if b"\\" not in piece:
            return len(piece)
        try:
            return len(msgspec.json.decode(b'"' + piece + b'"', type=str).encode())
        except (msgspec.DecodeError, UnicodeError):
            return len(ESCAPED.sub(_unescaped, piece))

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
        data, count = pattern.subn(_unescaped, self.data)
        return View(data, 0, self, pattern) if count else self

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
        return self._decoded(ESCAPED) if b"\\" in self.data else self

    def unquoted(self) -> View:
        """Return the view without the percent-encoding of one level."""
        return self._decoded(PERCENT) if b"%" in self.data else self

    def bare(self) -> View:
        """Return the view with everything decoded, in lower case, that holds letters and digits alone.

        Whatever an engine does to a value before it logs it - lower case, no spaces, no quotes - this is the same.
        """
        view = self
        for _ in range(_MOST_PASSES):
            if not _is_encoded(view.data):
                break
            # A plus would become a space, and neither is a letter.
            further = view._decoded(_CODED)
            if further is view:
                break
            view = further
        return View(bare(view.data), 0, view, _ODD)


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
        if not _is_encoded(data):
            break
        data, count = _CODED.subn(_unescaped, data)
        if not count:
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

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
from itertools import accumulate, pairwise
from operator import add, sub

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
LETTERS = bytes(code for code in range(256) if code >= 128 or chr(code).isalnum())
NO_LETTERS = bytes(code for code in range(128) if not chr(code).isalnum())
_LOWER = bytes(range(256)).lower()
_LETTERS = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f", b"v": b"\v", b"0": b"\0", b"a": b"\a"}
_SINGLE = {code: _LETTERS.get(bytes((code,)), bytes((code,))) for code in range(256) if chr(code) not in "ux"}
_X = ord("x")
_UNIT = re.compile(rb"u[0-9a-fA-F]{4}")
_HEX = {
    (first + second).encode(): bytes.fromhex(first + second)
    for first in "0123456789abcdefABCDEF"
    for second in "0123456789abcdefABCDEF"
}
_LONGEST = 12
"""Bytes of the longest escape."""
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_HALF = 99
"""In place of the size of an escape that may be half of a character: only what follows tells."""
_MOST_PASSES = 4
_BLOCK = 1 << 8
_STRETCH = 1 << 11


class View:
    """Some bytes, each of which knows its place in the record.

    The places are worked out when one is asked for: most texts hold no secret.
    """

    def __init__(
        self, data: bytes, base: int, parent: View | None = None, pattern: re.Pattern[bytes] | None = ESCAPED
    ) -> None:
        self.data = data
        self._base = base
        self._parent = parent
        self._pattern = pattern
        self._places: _Escapes | _Pairs | _Blocks | _Letters | None = None
        """Where in the parent what stands; None while nobody has asked."""

    def span(self, start: int, end: int) -> Span:
        """Return where a stretch begins and ends in the record."""
        if self._parent is None:
            return self._base + start, self._base + end
        begin, last = self._above(start, end)
        return self._parent.span(begin, last)

    def span_in(self, view: View, start: int, end: int) -> Span:
        """Return where a stretch begins and ends in a view that this one was made of."""
        if self is view or self._parent is None:
            return start, end
        return self._parent.span_in(view, *self._above(start, end))

    def _above(self, start: int, end: int) -> Span:
        """Return where a stretch begins and ends in the parent."""
        if self._pattern is None:
            return self._base + start, self._base + end
        if self._places is None:
            data = b"" if self._parent is None else self._parent.data
            self._places = _Letters(data) if self._pattern is _ODD else _places(data, self._pattern)
        return self._places.span(start, end)

    def forget(self) -> None:
        """Let go of the places, here and in what it was made of."""
        self._places = None
        if self._parent is not None:
            self._parent.forget()

    def _decoded(self, pattern: re.Pattern[bytes]) -> View:
        data = decoded(self.data, pattern)
        return self if data is self.data else View(data, 0, self, pattern)

    def part(self, start: int, end: int) -> View:
        """Return a part of the view."""
        return View(self.data[start:end], start, self, None)

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
        if (pattern is PERCENT and b"%" not in self.data) or (pattern is ESCAPED and b"\\" not in self.data):
            return self, list(spans)
        data, parts, found = self.data, list[bytes](), list[Span]()
        position = size = 0
        for first, end in spans:
            # A quote may be part of an escape, and belongs to what follows.
            last = first + len(data[first:end].rstrip(b"\\"))
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


class _Escapes:
    """Where the escapes of a text are, and what stands for them."""

    def __init__(self, data: bytes, begins: list[int], gone: list[int]) -> None:
        self._data = data
        self._begins = begins
        """Where each begins once all are decoded."""
        self._gone = gone
        """How many bytes less there are before each."""

    def span(self, start: int, end: int) -> Span:
        """Return where a stretch of what was decoded begins and ends in the text."""
        return self._at(start)[0], self._at(end - 1)[1]

    def _at(self, position: int) -> Span:
        number = bisect_right(self._begins, position) - 1
        if number < 0:
            return position, position + 1
        begin = self._begins[number]
        place = begin + self._gone[number]
        size, now = _size_of(self._data[place : place + _LONGEST])
        if position < begin + now:
            return place, place + size
        place += size + position - begin - now
        return place, place + 1


class _Pairs:
    """Where the escapes of a text are, when each is a backslash and one more byte, and stands for one byte."""

    def __init__(self, data: bytes) -> None:
        """Take a text in which no backslash is the second byte of an escape."""
        self._data = data
        blocks = (data[at : at + _BLOCK] for at in range(0, len(data), _BLOCK))
        self._begins = list(accumulate((len(block) - block.count(b"\\") for block in blocks), initial=0))
        """Where each block begins once all are decoded."""

    def span(self, start: int, end: int) -> Span:
        """Return where a stretch of what was decoded begins and ends in the text."""
        first, behind = self._at(start)
        last = behind + end - start - 1
        return (first, last) if b"\\" not in self._data[behind:last] else (first, self._at(end - 1)[1])

    def _at(self, position: int) -> Span:
        number = bisect_right(self._begins, position) - 1
        place, left = number * _BLOCK, position - self._begins[number]
        # An escape that goes on in the block counts as the first byte of it.
        first = place - (self._data[max(place - 1, 0) : place] == b"\\")
        for escapes, part in enumerate(self._data[first : place + _BLOCK + 1].split(b"\\")):
            if left < len(part):
                place = first + left
                return (place - 1, place + 1) if escapes and not left else (place, place + 1)
            left -= len(part)
            first += len(part) + 1
        raise IndexError(position)


class _Blocks:
    """Where the escapes of a long text are: each stretch of it is looked into when it is asked for."""

    def __init__(self, data: bytes, pattern: re.Pattern[bytes]) -> None:
        self._data = data
        self._pattern = pattern
        self._cuts = _cuts(data)
        blocks = (data[first:last] for first, last in pairwise(self._cuts))
        self._begins = list(accumulate((_length(block, pattern) for block in blocks), initial=0))
        """Where each stretch begins once all are decoded."""
        self._known: dict[int, _Escapes | _Pairs] = {}

    def span(self, start: int, end: int) -> Span:
        """Return where a stretch of what was decoded begins and ends in the text."""
        return self._at(start)[0], self._at(end - 1)[1]

    def _at(self, position: int) -> Span:
        number = min(bisect_right(self._begins, position), len(self._cuts) - 1) - 1
        block = self._known.get(number)
        if block is None:
            block = self._known[number] = _escapes(
                self._data[self._cuts[number] : self._cuts[number + 1]], self._pattern
            )
        start, end = block.span(position - self._begins[number], position - self._begins[number] + 1)
        return self._cuts[number] + start, self._cuts[number] + end


def _cuts(data: bytes) -> list[int]:
    """Return where a text can be cut without cutting a backslash escape."""
    cuts = [0]
    at = _STRETCH
    while at < len(data):
        escape = data.rfind(b"\\", max(at - _LONGEST, 0), at)
        if escape < 0:
            cuts.append(at)
            at += _STRETCH
        else:
            at = escape + _LONGEST + 1
    return [*cuts, len(data)]


def _length(block: bytes, pattern: re.Pattern[bytes]) -> int:
    """Return how long a text is once it is decoded."""
    if pattern is ESCAPED:
        try:
            return len(msgspec.json.decode(b'"' + block + b'"', type=str).encode())
        except (msgspec.DecodeError, UnicodeError):
            pass
    return len(decoded(block, pattern))


class _Letters:
    """Where the letters and digits of a text are."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        blocks = (data[at : at + _BLOCK] for at in range(0, len(data), _BLOCK))
        self._before = list(accumulate((len(block.translate(None, NO_LETTERS)) for block in blocks), initial=0))
        """How many there are before each block."""

    def span(self, start: int, end: int) -> Span:
        """Return where some that follow one another begin and end."""
        first = self._at(start)
        last = first + end - start
        if not self._data[first:last].translate(None, LETTERS):
            return first, last
        return first, self._at(end - 1) + 1

    def _at(self, number: int) -> int:
        block = bisect_right(self._before, number) - 1
        data = self._data[block * _BLOCK : (block + 1) * _BLOCK]
        left = number - self._before[block]
        return block * _BLOCK + bisect_right(
            range(len(data)), left, key=lambda last: len(data[: last + 1].translate(None, NO_LETTERS))
        )


def _places(data: bytes, pattern: re.Pattern[bytes]) -> _Escapes | _Pairs | _Blocks:
    """Return the escapes of a pattern in a text, however long it is."""
    if pattern is ESCAPED and len(data) > 2 * _STRETCH and (b"\\u" in data or b"\\x" in data):
        return _Blocks(data, pattern)
    return _escapes(data, pattern)


def _escapes(data: bytes, pattern: re.Pattern[bytes]) -> _Escapes | _Pairs:
    """Return the escapes of a pattern in a text."""
    parts, less = [data], list[int]()
    if pattern is ESCAPED:
        # The second of two backslashes begins nothing.
        plain = data.replace(b"\\\\", b"\\_")
        if b"\\u" not in plain and b"\\x" not in plain and plain[-1:] != b"\\":
            return _Pairs(plain)
        parts = plain.split(b"\\")
        less = [1 if part and part[0] in _SINGLE else _less(b"\\" + part[:5]) for part in parts[1:]]
    elif pattern is PERCENT:
        parts = data.split(b"%")
        less = [2 if part[:2] in _HEX else _less(b"%" + part[:5]) for part in parts[1:]]
    if pattern is ENTITY or _HALF in less:
        found = list(pattern.finditer(data))
        places = [each.start() for each in found]
        less = [len(each[0]) - len(unescape(each[0])) for each in found]
    else:
        places = list(map(add, accumulate(map(len, parts[:-1])), range(len(less))))
    gone = list(accumulate(less, initial=0))
    return _Escapes(data, list(map(sub, places, gone)), gone)


@lru_cache(1 << 12)
def _less(start: bytes) -> int:
    if _SURROGATE.match(start):
        return _HALF
    size, now = _size_of(start)
    return size - now


@lru_cache(1 << 12)
def _size_of(start: bytes) -> Span:
    """Return how long the escape is that bytes begin with, and what it stands for; the same where it is none."""
    found = ENTITY.match(start) if start[:1] == b"&" else PERCENT.match(start) or ESCAPED.match(start)
    if found is None:
        return 1, 1
    return found.end(), len(unescape(found[0]))


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
        elif not _UNIT.match(part):
            found += b"u", part[1:]
        elif part[1] in b"dD" and part[2] in b"89abcdefABCDEF":
            # A character may be two of these.
            return ESCAPED.sub(_unescaped, data)
        else:
            found += unescape(b"\\" + part[:5]), part[5:]
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
    return value.translate(_LOWER, NO_LETTERS)

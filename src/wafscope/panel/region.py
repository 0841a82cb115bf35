"""The named parts of a request: which bytes are `ARGS:q`, `REQUEST_HEADERS:Host`, `REQUEST_FILENAME`.

The request is laid out as libmodsecurity counts it: request line, header lines, an empty line, body
(formats specification, section 6.3).  Offsets are bytes of that text.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from wafscope.event.model import Event
from wafscope.event.text import to_bytes

_MOST_BODY = 1 << 18
"""Arguments beyond the first 256 KiB of a body are not looked for."""

_FORM = "application/x-www-form-urlencoded"


class Region(msgspec.Struct, frozen=True):
    """A named part: `start` to `end` are its bytes as sent, `value` is what the rules see of them."""

    collection: str
    key: str
    start: int
    end: int
    value: bytes
    places: tuple[int, ...] | None = None
    """Offset in the text of each byte of `value`; None where they stand one by one."""

    def span(self, first: int, last: int) -> tuple[int, int]:
        """Bytes of the text that hold `value[first:last]`."""
        if self.places is None:
            return self.start + first, self.start + last
        ends = (*self.places, self.end)
        return ends[first], ends[last]


class Request(msgspec.Struct, frozen=True):
    """A request as text, and its parts."""

    text: bytes
    method_end: int
    line_end: int
    """End of the request line."""
    body_start: int | None
    regions: tuple[Region, ...]


def lay_out(event: Event) -> Request:
    """Lay a request out as text and name its parts."""
    method, uri, protocol = to_bytes(event.method), to_bytes(event.uri), _protocol(event)
    line = b" ".join(part for part in (method, uri, protocol) if part)
    text, regions = line + b"\n", list(_of_line(method, uri, protocol, len(line)))
    for name, value in event.request_headers:
        header = to_bytes(name) + b": " + to_bytes(value) + b"\n"
        regions += _of_header(name, to_bytes(name), to_bytes(value), len(text))
        text += header
    body_start = None
    if event.request_body:
        text += b"\n"
        body_start = len(text)
        body = to_bytes(event.request_body)
        text += body
        regions.append(Region("REQUEST_BODY", "", body_start, len(text), body))
        if event.body_kind == "fake_multipart" or (event.content_type or "").lower().startswith(_FORM):
            regions += arguments(body[:_MOST_BODY], body_start, "ARGS_POST")
    return Request(text, len(method), len(line), body_start, tuple(regions))


def _protocol(event: Event) -> bytes:
    return to_bytes(f"HTTP/{event.protocol}") if event.protocol[:1].isdigit() else to_bytes(event.protocol)


def _of_line(method: bytes, uri: bytes, protocol: bytes, end: int) -> Iterator[Region]:
    at = len(method) + 1 if method else 0
    path, mark, query = uri.partition(b"?")
    base = path.rpartition(b"/")[2]
    yield Region("REQUEST_LINE", "", 0, end, b" ".join(part for part in (method, uri, protocol) if part))
    yield Region("REQUEST_METHOD", "", 0, len(method), method)
    yield Region("REQUEST_PROTOCOL", "", end - len(protocol), end, protocol)
    for name in ("REQUEST_URI", "REQUEST_URI_RAW"):
        yield Region(name, "", at, at + len(uri), uri)
    yield Region("REQUEST_FILENAME", "", at, at + len(path), path)
    yield Region("REQUEST_BASENAME", "", at + len(path) - len(base), at + len(path), base)
    if mark:
        start = at + len(path) + 1
        yield Region("QUERY_STRING", "", start, start + len(query), query)
        yield from arguments(query, start, "ARGS_GET")


def _of_header(name: str, written: bytes, value: bytes, at: int) -> Iterator[Region]:
    start = at + len(written) + 2
    yield Region("REQUEST_HEADERS", name, start, start + len(value), value)
    yield Region("REQUEST_HEADERS_NAMES", name, at, at + len(written), written)
    if name.lower() != "cookie":
        return
    offset = start
    for piece in value.split(b";"):
        blank = len(piece) - len(piece.lstrip())
        key, mark, content = piece[blank:].partition(b"=")
        place = offset + blank
        label = key.decode("utf-8", "surrogateescape")
        if mark:
            yield Region("REQUEST_COOKIES", label, place + len(key) + 1, offset + len(piece), content)
        yield Region("REQUEST_COOKIES_NAMES", label, place, place + len(key), key)
        offset += len(piece) + 1


def arguments(query: bytes, at: int, collection: str) -> Iterator[Region]:
    """Name the arguments of a query or of an urlencoded body that starts at `at`."""
    for piece in query.split(b"&"):
        key, mark, value = piece.partition(b"=")
        name, places = decoded(key, at)
        label = name.decode("utf-8", "surrogateescape")
        yield Region(f"{collection}_NAMES", label, at, at + len(key), name, places)
        if mark:
            start = at + len(key) + 1
            plain, places = decoded(value, start)
            yield Region(collection, label, start, at + len(piece), plain, places)
        at += len(piece) + 1


def decoded(raw: bytes, at: int = 0) -> tuple[bytes, tuple[int, ...]]:
    """Decode percent signs and pluses; gives with each byte the place it was written at."""
    value, places = bytearray(), []
    i = 0
    while i < len(raw):
        places.append(at + i)
        byte = raw[i]
        digits = raw[i + 1 : i + 3]
        if byte == ord("%") and len(digits) == 2 and _is_hex(digits):
            value.append(int(digits, 16))
            i += 3
        else:
            value.append(ord(" ") if byte == ord("+") else byte)
            i += 1
    return bytes(value), tuple(places)


def _is_hex(digits: bytes) -> bool:
    return all(digit in b"0123456789abcdefABCDEF" for digit in digits)

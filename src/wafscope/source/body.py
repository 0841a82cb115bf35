"""What a request holds: unpacked, and the records out of the objects that collectors put around them."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Iterator
from io import BytesIO

import msgspec
import zstandard

from wafscope.event.text import from_bytes, to_bytes

_LINES = ("log", "message", "MESSAGE")
"""Under these names Fluent Bit, Vector and what reads the journal keep the line they have read."""
_OWN = frozenset({"date", "@timestamp", "timestamp"})
"""What a collector adds to an object that it has read as JSON, where the record has no such name itself."""
_RECORDS = frozenset({"transaction", "audit_data"})

_objects = msgspec.json.Decoder(dict[str, msgspec.Raw])
_SIGN = re.compile(rb'(?:[^"\[\]{},]++|"(?:[^"\\]++|\\.)*+")*+([\[\]{},])', re.DOTALL)
"""The next sign of JSON that is in no string; those that only part members within an object are passed over quickly."""
_OPEN, _CLOSE = (b"[", b"{"), (b"]", b"}")


class TooLarge(Exception):
    """More comes out of it than is allowed."""


class NotPacked(Exception):
    """It is not packed as it says, or in a way that is not known."""


def unpack(body: bytes, encoding: str, most: int) -> bytes:
    """Undo a content encoding; raises TooLarge where more than `most` bytes come out, and NotPacked."""
    try:
        match encoding:
            case "" | "identity":
                data = body
            case "gzip" | "x-gzip":
                data = _inflate(body, 16 + zlib.MAX_WBITS, most)
            case "deflate":
                data = _inflate(body, zlib.MAX_WBITS, most)
            case "zstd":
                with zstandard.ZstdDecompressor(max_window_size=_WINDOW).stream_reader(
                    body, read_across_frames=True
                ) as stream:
                    data = stream.read(most + 1)
            case _:
                raise NotPacked
    except (zlib.error, zstandard.ZstdError, EOFError) as error:
        raise NotPacked from error
    if len(data) > most:
        raise TooLarge
    return data


_WINDOW = 64 << 20


def _inflate(body: bytes, window: int, most: int) -> bytes:
    """All members of a gzip file, as collectors may send several one after the other."""
    parts, size = [], 0
    while body:
        inflater = zlib.decompressobj(window)
        part = inflater.decompress(body, most + 1 - size)
        parts.append(part)
        size += len(part)
        if size > most:
            raise TooLarge
        if not inflater.eof:
            raise EOFError
        body = inflater.unused_data
    return b"".join(parts)


def records(body: bytes) -> bytes:
    """Return the records of a collector's request as lines, each as the engine wrote it as far as that can be had.

    What is no JSON of a collector stays as it is: the readers tell what it is.
    """
    stripped = body.strip()
    # One after the other: of a few bytes each, all of them at once would take fifty times what the body does.
    made = bytearray()
    if stripped.startswith(b"["):
        for raw in _elements(stripped):
            if raw is None:
                return body
            # Outside of strings, a line end is nothing but space.
            made += _record(raw.replace(b"\r", b" ").replace(b"\n", b" "))
        return bytes(made)
    if not stripped.startswith(b"{"):
        return body
    if b"\n" in stripped and _is_object(stripped):  # one object, printed over several lines
        return body
    for line in BytesIO(stripped):
        made += _record(line.removesuffix(b"\n"))
    return bytes(made)


def _elements(array: bytes) -> Iterator[bytes | None]:
    """Give the elements of an array, as far as quotes and brackets tell them; None where it is no array."""
    depth, start = 0, 1
    for found in _SIGN.finditer(array):
        sign = found[1]
        if sign in _OPEN:
            depth += 1
        elif sign in _CLOSE:
            depth -= 1
        if depth == 0 or (depth == 1 and sign == b","):
            element = array[start : found.start(1)].strip()
            if element or sign == b",":
                yield element or None
            start = found.end()
        if depth == 0:
            if start < len(array):
                yield None
            return
    yield None


def _is_object(data: bytes) -> bool:
    try:
        msgspec.json.decode(data, type=msgspec.Raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True


def _record(raw: bytes) -> bytes:
    """Return the record of one object, with a line end where the next one does not go on with it."""
    line = raw + b"\n"
    if not raw.startswith(b"{") or b'"' not in raw or raw.startswith(b'{"transaction":'):
        return line
    try:
        members = _objects.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return line
    if _RECORDS & members.keys():
        own = {name: value for name, value in members.items() if name not in _OWN}
        return line if len(own) == len(members) else msgspec.json.encode(own) + b"\n"
    for name in _LINES:
        value = bytes(members.get(name, b""))
        if value.startswith(b'"'):
            try:
                inner = to_bytes(json.loads(from_bytes(value), strict=False))
            except ValueError:
                return line
            # A container runtime splits long lines; the last part ends with a line feed.
            goes_on = "stream" in members and name == "log" and not inner.endswith(b"\n")
            return inner if inner.endswith(b"\n") or goes_on else inner + b"\n"
        if value.startswith(b"{"):
            return value + b"\n"
    return line

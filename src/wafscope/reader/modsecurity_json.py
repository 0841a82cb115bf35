"""libmodsecurity 3 JSON (`v3.json`), every version: one object per line, or one file per transaction.

Two speeds.  The fast path decodes into typed Structs with msgspec and reads almost every line.  What it refuses
goes to the tolerant path: the invalid JSON of an empty `http_version` is mended and decoded like any other; bytes
that are not UTF-8, lone surrogates and values of another type need a decoder that keeps pairs and, where it must,
converts value by value.  All end in the same `build`, so that they give the same event.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import msgspec

from wafscope.event.model import Event, Headers, Match
from wafscope.event.text import from_bytes, require_utf8
from wafscope.reader.base import Context, NotARecord
from wafscope.reader.facts import hot, hot_names
from wafscope.reader.header_pairs import headers_of, pairs_of
from wafscope.reader.modsecurity_coercion import Coercion
from wafscope.reader.modsecurity_record import (
    UNKNOWN_MAKER,
    Maker,
    Message,
    Parts,
    Producer,
    Transaction,
    build,
    maker_of,
    not_a_record,
    scored,
)
from wafscope.reader.verdict import Score


class _Record(msgspec.Struct, frozen=True, gc=False):
    transaction: Transaction[msgspec.Raw]


decode = msgspec.json.Decoder(_Record).decode
_Objects = Transaction[Any]
_decode_producer = msgspec.json.Decoder(Producer | None).decode
_decode_list = msgspec.json.Decoder(list[msgspec.Raw] | None).decode
_decode_message = msgspec.json.Decoder(Message).decode
_decode_headers = msgspec.json.Decoder(dict[str, str]).decode

_NO_VERSION = b'"http_version":,'
"""An empty version made invalid JSON before 3.0.15 (modsecurity pull request 3364)."""


def read_fast(line: bytes, context: Context) -> Event:
    """Read one record; raises ValueError for anything unusual: then ask `read_tolerant`."""
    # The decoder passes over members that it does not know, whatever their bytes.
    require_utf8(line)
    return _read_decoded(line, line, context)


def read_tolerant(line: bytes, context: Context) -> Event:
    """Read one record however odd; raises NotARecord, ValueError or RecursionError when there is none."""
    flags: tuple[str, ...] = ()
    try:
        line.decode()
    except UnicodeDecodeError:
        flags = ("invalid_utf8",)
    mended = line
    if _NO_VERSION in line:
        # Inside a text its quotes would be escaped.
        mended, flags = line.replace(_NO_VERSION, b'"http_version":"",', 1), (*flags, "repaired")
    try:
        return _read_decoded(mended, line, context, flags)
    except NotARecord:
        raise
    except (ValueError, RecursionError):
        return read_pairs(line, context)


def _read_decoded(data: bytes, line: bytes, context: Context, flags: tuple[str, ...] = ()) -> Event:
    """Build the event of `line` from `data`, which is the same or a mended copy."""
    transaction: Transaction[Any] = decode(data).transaction
    request, response, messages = transaction.request, transaction.response, transaction.messages
    if not (transaction.client_ip or transaction.time_stamp or transaction.unique_id):
        raise not_a_record(transaction.id)
    # A wrong byte mostly stands in one part, and the others can be decoded as ever.
    read_messages, pairs = (_odd_messages, _odd_pairs) if flags else (messages_in, pairs_of)
    parts = Parts(
        "" if request.http_version is None else version_in(bytes(request.http_version)),
        UNKNOWN_MAKER if transaction.producer is None else maker_in(bytes(transaction.producer)),
        *(NOTHING if messages is None else read_messages(bytes(messages))),
        None if request.headers is None else pairs(bytes(request.headers)),
        None if response.headers is None else response_pairs_in(bytes(response.headers)),
        flags,
    )
    return build(line, context, transaction, parts)


@lru_cache(maxsize=256)
def version_in(data: bytes) -> str:
    """Return an HTTP version, which is a number before 3.0.15 and a text since: as written, `1.10` too."""
    text = data.decode("ascii")
    if text[0] == '"' and "\\" not in text:
        return text[1:-1]
    if not text[0].isdigit():
        raise ValueError("http_version")
    return text


NOTHING = scored(None)
_LONGEST = 8192
"""Longer messages are not kept for the next record that has the same."""


def messages_in(data: bytes) -> tuple[tuple[Match, ...] | None, Score]:
    """Return the matches of a record, and their score: what a scanner provokes, it provokes again and again."""
    return _kept_messages(data) if len(data) < _LONGEST else _read_messages(data)


def _read_messages(data: bytes) -> tuple[tuple[Match, ...] | None, Score]:
    messages = _decode_list(data)
    return scored(None if messages is None else [_match(bytes(message)) for message in messages])


_kept_messages = lru_cache(maxsize=2048)(_read_messages)


@lru_cache(maxsize=4096)
def _kept_match(data: bytes) -> Match:
    return _decode_message(data).match()


def _match(data: bytes) -> Match:
    """Return the match of a message, which may be that of many records."""
    return _kept_match(data) if len(data) < _LONGEST else _decode_message(data).match()


def _odd_messages(data: bytes) -> tuple[tuple[Match, ...] | None, Score]:
    """Return the same of messages that may not be UTF-8; raises ValueError where they are odd in another way."""
    messages = _decode_list(data)
    return scored(None if messages is None else [_odd_match(bytes(message)) for message in messages])


def _odd_match(data: bytes) -> Match:
    try:
        return _match(data)
    except ValueError:
        return msgspec.convert(_loads(from_bytes(data)), Message).match()


@lru_cache(maxsize=256)
def maker_in(data: bytes) -> Maker:
    """Return who wrote the record, which is the same for thousands."""
    producer = _decode_producer(data)
    return UNKNOWN_MAKER if producer is None else maker_of(producer)


def read_pairs(line: bytes, context: Context) -> Event:
    """Read one record from its members as they stand, repeated names and all; raises as `read_tolerant` does."""
    flags: list[str] = []
    try:
        text = line.decode()
    except UnicodeDecodeError:
        text = line.decode("utf-8", "surrogateescape")
        flags.append("invalid_utf8")
    try:
        top = _loads(text)
    except ValueError:
        if _NO_VERSION.decode() not in text:
            raise
        top = _loads(text.replace(_NO_VERSION.decode(), '"http_version":"",', 1))
        flags.append("repaired")
    inner = dict(top).get("transaction") if isinstance(top, dict | tuple) else None
    if not isinstance(inner, dict | tuple):
        raise NotARecord("not_json", foreign=True)
    escaped = "invalid_utf8" not in flags and "\\u" in text and _SURROGATE_ESCAPE.search(text) is not None
    if not escaped:
        try:
            return _from_objects(line, context, msgspec.convert(inner, _Objects), tuple(flags))
        except (msgspec.ValidationError, UnicodeEncodeError):
            pass  # some value is of another type, some name is not UTF-8
    return Coercion(flags, escaped=escaped).event(line, context, dict(inner))


def _from_objects(line: bytes, context: Context, transaction: Transaction[Any], flags: tuple[str, ...]) -> Event:
    """Build from values that all have the type they should have; raises ValidationError where headers have not."""
    request, response = transaction.request, transaction.response
    if not (transaction.client_ip or transaction.time_stamp or transaction.unique_id):
        raise not_a_record(transaction.id)
    version = request.http_version
    if version is not None and not isinstance(version, str | int):
        raise msgspec.ValidationError("http_version")
    producer, messages = transaction.producer, transaction.messages
    parts = Parts(
        "" if version is None else str(version),
        UNKNOWN_MAKER if producer is None else maker_of(msgspec.convert(producer, Producer)),
        *scored(None if messages is None else [m.match() for m in msgspec.convert(messages, list[Message])]),
        headers_of(request.headers),
        headers_of(response.headers),
        flags,
    )
    return build(line, context, transaction, parts)


_SURROGATE_ESCAPE = re.compile(r"\\u[dD][89a-fA-F]")
"""Only such an escape can give a lone surrogate; without one no text has to be looked at."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any] | tuple[tuple[str, Any], ...]:
    """Keep the pairs of an object in which a name is repeated."""
    members = dict(pairs)
    return members if len(members) == len(pairs) else tuple(pairs)


_loads = json.JSONDecoder(object_pairs_hook=_object, parse_float=str, strict=False).decode


def hot_in(data: bytes) -> tuple[str | None, ...]:
    """Return what `hot` returns of the headers of a JSON object, most of which are not wanted."""
    members = _decode_headers(data)
    if data.count(b'"') != 4 * len(members):
        return hot(pairs_of(data))
    host, user_agent, referer, content_type = _hot_names(tuple(members))
    value: Callable[[str | None], str | None] = members.get  # type: ignore[assignment]  # None is no name of any
    return value(host), value(user_agent), value(referer), value(content_type)


_hot_names = lru_cache(maxsize=1024)(hot_names)
"""A browser sends the same headers again and again."""


def _odd_pairs(data: bytes) -> Headers:
    """Return headers that may not be UTF-8; raises ValueError where they are odd in another way."""
    try:
        return pairs_of(data)
    except ValueError:
        return headers_of(_loads(from_bytes(data))) or ()


response_pairs_in = lru_cache(maxsize=1024)(pairs_of)
"""What a server sends is the same for many answers of one second."""

"""libmodsecurity 3 JSON (`v3.json`), every version: one object per line, or one file per transaction.

Two speeds.  The fast path decodes into typed Structs with msgspec and reads almost every line.  What it
refuses - bytes that are not UTF-8, lone surrogates, values of another type, the invalid JSON of an empty
`http_version` - goes to the tolerant path, which keeps pairs and, where it must, converts value by value.
Both end in the same `build`, so that they give the same event.
"""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec

from wafscope.event.model import Event, Headers
from wafscope.reader.base import Context, NotARecord
from wafscope.reader.modsecurity_coercion import Coercion, has_surrogate
from wafscope.reader.modsecurity_record import Parts, Transaction, build


class _Record(msgspec.Struct, frozen=True, gc=False):
    transaction: Transaction[msgspec.Raw]


_decode = msgspec.json.Decoder(_Record).decode
_decode_headers = msgspec.json.Decoder(dict[str, str]).decode


def read_fast(line: bytes, context: Context) -> Event:
    """Read one record; raises ValueError for anything unusual: then ask `read_tolerant`."""
    transaction: Transaction[Any] = _decode(line).transaction
    request, response = transaction.request, transaction.response
    if not (transaction.client_ip or transaction.time_stamp or transaction.unique_id or transaction.id):
        raise NotARecord("no_time", foreign=False)
    version = "" if request.http_version is None else bytes(request.http_version).decode()
    parts = Parts(
        version[1:-1] if version[:1] == '"' else version,
        _pairs(bytes(request.headers)) if request.headers is not None else None,
        _pairs(bytes(response.headers)) if response.headers is not None else None,
    )
    return build(line, context, transaction, parts)


def read_tolerant(line: bytes, context: Context) -> Event:
    """Read one record however odd; raises NotARecord, ValueError or RecursionError when there is none."""
    flags: list[str] = []
    try:
        text = line.decode()
    except UnicodeDecodeError:
        text = line.decode("utf-8", "surrogateescape")
        flags.append("invalid_utf8")
    try:
        top = _loads(text)
    except ValueError:
        # An empty version made invalid JSON before 3.0.15 (modsecurity pull request 3364).
        if '"http_version":,' not in text:
            raise
        top = _loads(text.replace('"http_version":,', '"http_version":"",', 1))
        flags.append("repaired")
    inner = dict(top).get("transaction") if isinstance(top, dict | tuple) else None
    if not isinstance(inner, dict | tuple):
        raise NotARecord("not_json", foreign=True)
    escaped = "invalid_utf8" not in flags and _SURROGATE_ESCAPE.search(text) is not None
    if not escaped:
        try:
            return _from_objects(line, context, msgspec.convert(inner, Transaction[Any]), tuple(flags))
        except msgspec.ValidationError:
            pass  # some value is of another type
    return Coercion(flags, escaped=escaped).event(line, context, dict(inner))


def _from_objects(line: bytes, context: Context, transaction: Transaction[Any], flags: tuple[str, ...]) -> Event:
    """Build from values that all have the type they should have; raises ValidationError where headers have not."""
    request, response = transaction.request, transaction.response
    if not (transaction.client_ip or transaction.time_stamp or transaction.unique_id or transaction.id):
        raise NotARecord("no_time", foreign=False)
    version = request.http_version
    if version is not None and not isinstance(version, str | int):
        raise msgspec.ValidationError("http_version")
    headers = _members(request.headers), _members(response.headers)
    return build(line, context, transaction, Parts("" if version is None else str(version), *headers, flags))


def _members(headers: object) -> Headers | None:
    if headers is None:
        return None
    pairs = tuple(headers.items()) if isinstance(headers, dict) else headers
    if not isinstance(pairs, tuple) or not _TEXT.issuperset(map(type, [value for _, value in pairs])):
        raise msgspec.ValidationError("headers")
    return pairs


_TEXT = frozenset({str})


_SURROGATE_ESCAPE = re.compile(r"\\u[dD][89a-fA-F]")
"""Only such an escape can give a lone surrogate; without one no text has to be looked at."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any] | tuple[tuple[str, Any], ...]:
    """Keep the pairs of an object in which a name is repeated."""
    members = dict(pairs)
    return members if len(members) == len(pairs) else tuple(pairs)


_loads = json.JSONDecoder(object_pairs_hook=_object, parse_float=str, strict=False).decode


def _pairs(data: bytes) -> Headers:
    """Return the members of a JSON object of texts in order, repeated names and all.

    A dict keeps the last of repeated names.  Without a backslash no text holds a quote, so that four quotes
    a member prove that nothing was lost; anything else goes to the decoder that keeps pairs.
    """
    if b"\\" not in data:
        members = _decode_headers(data)
        if data.count(b'"') == 4 * len(members):
            return tuple(members.items())
    pairs = json.loads(data, object_pairs_hook=tuple)
    if not isinstance(pairs, tuple) or not all(isinstance(value, str) for _, value in pairs):
        raise ValueError("headers are no object of texts")
    if b"\\u" in data and any(has_surrogate(text) for pair in pairs for text in pair):
        raise ValueError("lone surrogate")
    return pairs

"""ModSecurity 2 JSON (`v2.json`, from 2.9.1 on): one object per line, or one file per transaction.

The writer does not check UTF-8, cuts strings at the first NUL byte, and repeats names: those of headers, and
`sanitized` for each kind of what was masked (formats specification, section 3).

Two speeds, as for libmodsecurity 3: Structs decoded by msgspec; and what they refuse part by part, and value by value
where it must.  Both end in the same `event_of`, so that they give the same event.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import Any, Generic, TypeVar

import msgspec

from wafscope.event.model import Event, Headers
from wafscope.event.text import from_bytes, require_utf8
from wafscope.reader.base import Context, NotARecord
from wafscope.reader.header_pairs import headers_of, pairs_of
from wafscope.reader.v2_coercion import Coerced, Members
from wafscope.reader.v2_json_record import FORMAT as FORMAT
from wafscope.reader.v2_json_record import (
    Audit,
    Chain,
    Request,
    Response,
    Told,
    Uploads,
    event_of,
)
from wafscope.reader.v2_record import Transaction

Form = TypeVar("Form")

TELLS: dict[str, str] = {
    "blocked": "yes: audit_data.action is there only then",
    "score": "yes: in the messages of the CRS rules that sum it up",
    "zone": "yes: negative ones with a sign too many, which is understood",
    "request_headers": "partly: only with part B; Apache joins those that are repeated",
    "request_body": "partly: only with part C, up to the first NUL byte; part I has the fields of multipart bodies",
    "response_headers": "partly: only with part F",
    "response_body": "partly: only with part E, and up to the first NUL byte",
    "matched_value": "partly: only where the rule logs it, up to 512 bytes",
    "rule_ids": "partly: only with part H",
    "rule_text": "partly: only with part K",
    "files": "partly: only with part J",
    "stopwatch": "partly: only with part H, the phases without the whole",
    "engine_mode": "partly: only with part H",
    "bytes": "partly: raw, but a NUL byte ends a text",
}
"""What this format can and cannot tell, for the reference page."""


class _Parts(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """The members of a record, as written."""

    transaction: msgspec.Raw
    request: msgspec.Raw = msgspec.Raw(b"{}")
    response: msgspec.Raw = msgspec.Raw(b"{}")
    audit_data: msgspec.Raw = msgspec.Raw(b"null")
    uploads: msgspec.Raw = msgspec.Raw(b"null")
    matched_rules: msgspec.Raw = msgspec.Raw(b"[]")


class _Form(Generic[Form]):
    """Reads a part of a record as what it should be; raises ValueError where it is something else."""

    def __init__(self, form: Any, of_objects: Any = None) -> None:
        """`of_objects` is the form where its JSON is no longer raw."""
        self._decode = msgspec.json.Decoder(form).decode
        self._form = of_objects or form

    def read(self, part: msgspec.Raw, *, odd: bool) -> Form:
        """Read a part; one with bytes that are not UTF-8, or half a character, only when it may be `odd`."""
        try:
            found: Form = self._decode(part)
        except ValueError:
            if not odd:
                raise
            found = msgspec.convert(_loads(from_bytes(bytes(part))), self._form)
        return found


_decode = msgspec.json.Decoder(Told[msgspec.Raw, str | None]).decode
_decode_without_answer = msgspec.json.Decoder(Told[msgspec.Raw, msgspec.Raw]).decode
_decode_parts = msgspec.json.Decoder(_Parts).decode
_decode_rules = msgspec.json.Decoder(list[Chain]).decode
_TRANSACTION = _Form[Transaction](Transaction)
_REQUEST = _Form[Request[Any]](Request[msgspec.Raw], Request[Any])
_RESPONSE = _Form[Response[Any, Any]](Response[msgspec.Raw, str | None], Response[Any, str | None])
_AUDIT = _Form[Audit | None](Audit | None)
_UPLOADS = _Form[Uploads | None](Uploads | None)
_CHAINS = _Form[list[Chain]](list[Chain])
_SANITIZED = b'"sanitized":'
_RULES = ',"matched_rules":['
_SURROGATE_ESCAPE = re.compile(r"\\u[dD][89a-fA-F]")
"""Only such an escape can give a lone surrogate; without one no text has to be looked at."""


def read_fast(line: bytes, context: Context) -> Event:
    """Read one record; raises ValueError for anything unusual: then ask `read_tolerant`."""
    told: Told[Any, Any] = _decode(line) if context.whole else _decode_without_answer(line)
    # The decoder passes over members that it does not know, whatever their bytes.
    require_utf8(line)
    _require_once(line, told)
    asked, answered = told.request.headers, told.response.headers
    return event_of(
        line,
        context,
        told,
        None if asked is None else pairs_of(bytes(asked)),
        None if answered is None else _answered_pairs(bytes(answered)),
    )


def _require_once(line: bytes, told: Told[Any, Any]) -> None:
    """Raise ValueError where what was masked stands in several members of one name."""
    if told.audit_data is not None and told.audit_data.sanitized is not None and line.count(_SANITIZED) > 1:
        raise ValueError("a repeated member")


def _answered_pairs(data: bytes) -> Headers:
    """Return the headers of a response: what a server sends is the same for many requests."""
    return _kept_pairs(data) if len(data) <= _LONGEST else pairs_of(data)


_LONGEST = 2048
_kept_pairs = lru_cache(maxsize=1024)(pairs_of)


def read_tolerant(line: bytes, context: Context) -> Event:
    """Read one record however odd; raises NotARecord, ValueError or RecursionError when there is none."""
    flags = _flags(line)
    try:
        told, asked, answered = _by_parts(line, odd=bool(flags))
    except (ValueError, RecursionError):
        return read_by_value(line, context)
    return event_of(line, context, told, asked, answered, (flags, ()))


def _flags(line: bytes) -> tuple[str, ...]:
    try:
        require_utf8(line)
    except UnicodeDecodeError:
        return ("invalid_utf8",)
    return ()


def _by_parts(line: bytes, *, odd: bool) -> tuple[Told[Any, Any], Headers | None, Headers | None]:
    """Read a record part by part: what is `odd` mostly stands in one of them, and the others can be read as ever."""
    parts = _decode_parts(line)
    request, response = _REQUEST.read(parts.request, odd=odd), _RESPONSE.read(parts.response, odd=odd)
    told = Told(
        _TRANSACTION.read(parts.transaction, odd=odd),
        request,
        response,
        _AUDIT.read(parts.audit_data, odd=odd),
        _UPLOADS.read(parts.uploads, odd=odd),
        _CHAINS.read(parts.matched_rules, odd=odd),
    )
    _require_once(line, told)
    return told, _headers(request.headers, odd=odd), _headers(response.headers, odd=odd)


def _headers(headers: object, *, odd: bool) -> Headers | None:
    if not isinstance(headers, msgspec.Raw):
        return headers_of(headers)
    data = bytes(headers)
    try:
        return pairs_of(data)
    except ValueError:
        if not odd:
            raise
        return headers_of(_loads(from_bytes(data)))


def read_by_value(line: bytes, context: Context) -> Event:
    """Read a record from its members as they stand, repeated names and all, and value by value where it must.

    Raises as `read_tolerant` does.
    """
    flags = list(_flags(line))
    text, rules = _without_rules(from_bytes(line))
    top = _loads(text)
    if not isinstance(top, dict | tuple) or not isinstance(dict(top).get("transaction"), dict | tuple):
        raise NotARecord("not_json", foreign=True)
    escaped = not flags and _SURROGATE_ESCAPE.search(text) is not None
    if not escaped:
        try:
            told = msgspec.convert(top, Told[Any, str | None])
            headers = headers_of(told.request.headers), headers_of(told.response.headers)
        except (msgspec.ValidationError, UnicodeEncodeError):
            pass  # some value is of another type, some name is repeated or not UTF-8, or some member is not known
        else:
            return event_of(line, context, _with_rules(told, rules), *headers, (tuple(flags), ()))
    coerced = Coerced(flags, escaped=escaped)
    odd = _with_rules(coerced.record(dict(top)), rules)
    return event_of(line, context, odd, *coerced.headers, (tuple(flags), tuple(coerced.extra)))


def _without_rules(text: str) -> tuple[str, list[Chain] | None]:
    """Take part K out of a record: most of it where it is there, written last, and escaped by the engine itself.

    Quotes in a text are escaped, so that no payload can look like this member.
    """
    at = text.find(_RULES)
    if at < 0 or not text.endswith("]}"):
        return text, None
    try:
        return text[:at] + "}", _decode_rules(text[at + len(_RULES) - 1 : -1])
    except ValueError:
        return text, None


def _with_rules(told: Told[Any, Any], rules: list[Chain] | None) -> Told[Any, Any]:
    return told if rules is None else msgspec.structs.replace(told, matched_rules=rules)


def _object(pairs: list[tuple[str, Any]]) -> Members:
    """Keep the pairs of an object in which a name is repeated."""
    members = dict(pairs)
    return members if len(members) == len(pairs) else tuple(pairs)


_loads = json.JSONDecoder(object_pairs_hook=_object, parse_float=str, strict=False).decode

"""libmodsecurity 3 JSON (`v3.json`), every version: one object per line, or one file per transaction.

Two speeds.  The fast path decodes into typed Structs with msgspec and reads almost every line.  What it
refuses - bytes that are not UTF-8, lone surrogates, values of another type, the invalid JSON of an empty
`http_version` - goes to the tolerant path, which walks the object as pairs and converts value by value.
Both end in the same `_build`, so that they give the same event.  Keys by version: formats
specification, section 7.2.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import Any

import msgspec

from wafscope.event.model import Event, Headers, Match, ZoneSource
from wafscope.reader.base import Context
from wafscope.reader.modsecurity_match import match_of
from wafscope.reader.timestamps import SECOND, parse_ctime, proved_second, resolve
from wafscope.reader.verdict import decide, read_score

FORMAT = "v3.json"

_NONE = msgspec.Raw(b"")


class _Details(msgspec.Struct, frozen=True, gc=False):
    match: str = ""
    reference: str = ""
    ruleId: str = ""
    file: str = ""
    lineNumber: str = ""
    data: str = ""
    severity: str = ""
    serverity: str = ""  # the first 3.0 versions (modsecurity issue 1114)
    ver: str = ""
    rev: str = ""
    tags: tuple[str, ...] = ()
    maturity: str = ""
    accuracy: str = ""


class _Message(msgspec.Struct, frozen=True, gc=False):
    message: str = ""
    details: _Details = _Details()


class _Request(msgspec.Struct, frozen=True, gc=False):
    method: str = ""
    protocol: str = ""
    http_version: msgspec.Raw = _NONE
    hostname: str | None = None
    uri: str = ""
    body: str | None = None
    headers: msgspec.Raw = _NONE


class _Response(msgspec.Struct, frozen=True, gc=False):
    body: str | None = None
    http_code: int | None = None
    headers: msgspec.Raw = _NONE


class _Producer(msgspec.Struct, frozen=True, gc=False):
    modsecurity: str = ""
    connector: str = ""
    secrules_engine: str = ""
    components: tuple[str, ...] = ()


class _Transaction(msgspec.Struct, frozen=True, gc=False):
    client_ip: str | None = None
    time_stamp: str = ""
    server_id: str | None = None
    client_port: int | None = None
    host_ip: str | None = None
    host_port: int | None = None
    unique_id: str = ""
    id: str = ""
    is_interrupted: bool | None = None
    request: _Request = _Request()
    response: _Response = _Response()
    producer: _Producer | None = None
    messages: list[_Message] | None = None


class _Record(msgspec.Struct, frozen=True, gc=False):
    transaction: _Transaction


_decode = msgspec.json.Decoder(_Record).decode
_decode_headers = msgspec.json.Decoder(dict[str, str]).decode

_MODES: dict[str, Any] = {"Enabled": "on", "DetectionOnly": "detection_only", "Disabled": "off"}
_HOT = {"host": 0, "user-agent": 1, "referer": 2, "content-type": 3}
_ALPHA = "request_headers:"  # before names in the alpha versions (ModSecurity-nginx issue 27)
_AUTHORITY = re.compile(r"https?://[^/?#]*", re.IGNORECASE)


class NotARecord(ValueError):
    """The JSON is well formed but is no audit record; `foreign` tells another log's object from a broken record."""

    def __init__(self, reason: str, *, foreign: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.foreign = foreign


def read_fast(line: bytes, context: Context) -> Event:
    """Read one record; raises ValueError for anything unusual: then ask `read_tolerant`."""
    transaction = _decode(line).transaction
    request = transaction.request
    response = transaction.response
    if transaction.client_ip is None and not transaction.time_stamp and not transaction.unique_id:
        raise NotARecord("no_time", foreign=False)
    version = bytes(request.http_version).decode()
    return _build(
        line,
        context,
        transaction,
        version[1:-1] if version[:1] == '"' else version,
        _pairs(bytes(request.headers)),
        _pairs(bytes(response.headers)),
        (),
    )


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
    if not isinstance(top, tuple):
        raise NotARecord("not_json", foreign=True)
    inner = dict(top).get("transaction")
    if not isinstance(inner, tuple):
        raise NotARecord("not_json", foreign=True)
    return _Coercion(flags).event(line, context, dict(inner))


_loads = json.JSONDecoder(object_pairs_hook=tuple, parse_float=str, strict=False).decode


class _Coercion:
    """Converts the values of one record to the types of the model, and remembers what was odd."""

    def __init__(self, flags: list[str]) -> None:
        self.flags = flags

    def event(self, line: bytes, context: Context, t: dict[str, Any]) -> Event:
        if not any(t.get(k) for k in ("client_ip", "time_stamp", "unique_id", "id")):
            raise NotARecord("no_time", foreign=False)
        request, response = self.mapping(t, "request"), self.mapping(t, "response")
        producer = self.mapping(t, "producer") if t.get("producer") is not None else None
        transaction = _Transaction(
            client_ip=self.maybe_text(t, "client_ip"),
            time_stamp=self.text(t, "time_stamp"),
            server_id=self.maybe_text(t, "server_id"),
            client_port=self.integer(t, "client_port"),
            host_ip=self.maybe_text(t, "host_ip"),
            host_port=self.integer(t, "host_port"),
            unique_id=self.text(t, "unique_id"),
            id=self.text(t, "id"),
            is_interrupted=self.boolean(t, "is_interrupted"),
            request=_Request(
                method=self.text(request, "method"),
                protocol=self.text(request, "protocol"),
                hostname=self.maybe_text(request, "hostname"),
                uri=self.text(request, "uri"),
                body=self.maybe_text(request, "body"),
            ),
            response=_Response(body=self.maybe_text(response, "body"), http_code=self.integer(response, "http_code")),
            producer=self.producer(producer) if producer is not None else None,
            messages=self.messages(t["messages"]) if t.get("messages") is not None else None,
        )
        version = request.get("http_version")
        headers = self.headers(request), self.headers(response)
        return _build(line, context, transaction, "" if version is None else self.word(version), *headers, tuple(self.flags))

    def odd(self, flag: str = "wrong_type") -> None:
        if flag not in self.flags:
            self.flags.append(flag)

    def word(self, value: object) -> str:
        if type(value) is str:
            if "invalid_utf8" not in self.flags and _has_surrogate(value):
                self.odd("lone_surrogate")
            return value
        if isinstance(value, bool) or value is None or isinstance(value, tuple | list):
            self.odd()
            return json.dumps(value)
        return str(value)

    def mapping(self, owner: dict[str, Any], key: str) -> dict[str, Any]:
        value = owner.get(key)
        if isinstance(value, tuple):
            return dict(value)
        if key in owner:
            self.odd()
        return {}

    def text(self, owner: dict[str, Any], key: str) -> str:
        if key in owner and owner[key] is None:
            self.odd()
        return self.maybe_text(owner, key) or ""

    def maybe_text(self, owner: dict[str, Any], key: str) -> str | None:
        value = owner.get(key)
        if value is None:
            return None
        if not isinstance(value, str):
            self.odd()
        return self.word(value)

    def integer(self, owner: dict[str, Any], key: str) -> int | None:
        value = owner.get(key)
        if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 31:
            return value
        if value is not None:
            self.odd()
        if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10:  # noqa: PLR2004 - fits 32 bits
            return int(value)
        return None

    def boolean(self, owner: dict[str, Any], key: str) -> bool | None:
        value = owner.get(key)
        if isinstance(value, bool):
            return value
        if value is not None:
            self.odd()
        return None

    def headers(self, owner: dict[str, Any]) -> Headers | None:
        value = owner.get("headers")
        if isinstance(value, tuple):
            return tuple((self.word(name), self.word(item)) for name, item in value)
        if "headers" in owner:
            self.odd()
        return None

    def words(self, owner: dict[str, Any], key: str) -> tuple[str, ...]:
        value = owner.get(key)
        if isinstance(value, list):
            return tuple([self.word(v) for v in value])
        if key in owner:
            self.odd()
        return ()

    def producer(self, owner: dict[str, Any]) -> _Producer:
        return _Producer(
            modsecurity=self.text(owner, "modsecurity"),
            connector=self.text(owner, "connector"),
            secrules_engine=self.text(owner, "secrules_engine"),
            components=self.words(owner, "components"),
        )

    def messages(self, value: object) -> list[_Message] | None:
        if not isinstance(value, list):
            self.odd()
            return None
        found = []
        for item in value:
            if not isinstance(item, tuple):
                self.odd()
                continue
            owner = dict(item)
            details = self.mapping(owner, "details")
            texts = {k: self.text(details, k) for k in details if k in _DETAIL_TEXTS}
            found.append(_Message(self.text(owner, "message"), _Details(tags=self.words(details, "tags"), **texts)))
        return found


_DETAIL_TEXTS = frozenset(_Details.__struct_fields__) - {"tags"}


def _pairs(data: bytes) -> Headers | None:
    """Return the members of a JSON object of texts in order, repeated names and all; None for no bytes.

    A dict keeps the last of repeated names.  Without a backslash no text holds a quote, so that four quotes
    a member prove that nothing was lost; anything else goes to the decoder that keeps pairs.
    """
    if not data:
        return None
    if b"\\" not in data:
        members = _decode_headers(data)
        if data.count(b'"') == 4 * len(members):
            return tuple(members.items())
    pairs = json.loads(data, object_pairs_hook=tuple)
    if not isinstance(pairs, tuple) or not all(isinstance(value, str) for _, value in pairs):
        raise ValueError("headers are no object of texts")
    if b"\\u" in data and any(_has_surrogate(text) for pair in pairs for text in pair):
        raise ValueError("lone surrogate")
    return pairs


def _has_surrogate(text: str) -> bool:
    return not text.isascii() and any("\ud800" <= c <= "\udfff" for c in text)


def _build(
    line: bytes,
    context: Context,
    t: _Transaction,
    version: str,
    request_headers: Headers | None,
    response_headers: Headers | None,
    flags: tuple[str, ...],
) -> Event:
    request, response, producer = t.request, t.response, t.producer
    host, user_agent, referer, content_type = _hot(request_headers) if request_headers else (None, None, None, None)
    transaction_id = t.unique_id or t.id
    second = proved_second(t.time_stamp, transaction_id)
    zone_source: ZoneSource = "unique_id"
    if second is None:
        moment = resolve(parse_ctime(t.time_stamp), transaction_id, _date(response_headers), context.zone, context.collector_zone)
        if moment is None:
            raise NotARecord("no_time", foreign=False)
        second, zone_source = moment
    matches: tuple[Match, ...] | None = None
    if t.messages is not None:
        matches = tuple([match_of(m.message, m.details) for m in t.messages]) if t.messages else ()
    mode = _MODES.get(producer.secrules_engine, "unknown") if producer is not None else "unknown"
    interrupted, interrupted_source, outcome = decide(t.is_interrupted, mode, response.http_code, matches)
    score = read_score(matches or ())
    engine, engine_version = _engine(producer.modsecurity) if producer is not None else ("ModSecurity", "")
    path, query = split_uri(request.uri)
    return Event(
        raw=line,
        format=FORMAT,
        flags=flags,
        gaps=_gaps(
            request_headers is None,
            request.body is None,
            matches is None,
            interrupted_source in {"inferred", ""},
            zone_source == "assumed",
        ),
        time=second * SECOND,
        time_original=t.time_stamp,
        zone_source=zone_source,
        transaction_id=transaction_id,
        client_address=t.client_ip,
        client_port=t.client_port,
        server_address=t.host_ip,
        server_port=t.host_port,
        server_name=request.hostname,
        server_id=t.server_id,
        host=host,
        method=request.method or request.protocol,
        protocol=version,
        uri=request.uri,
        path=path,
        query=query,
        request_headers=request_headers or (),
        request_body=request.body,
        user_agent=user_agent,
        referer=referer,
        content_type=content_type,
        status=response.http_code,
        response_headers=response_headers or (),
        response_body=response.body,
        engine=engine,
        engine_version=engine_version,
        connector=producer.connector if producer is not None else "",
        engine_mode=mode,
        rulesets=_rulesets(producer.components) if producer is not None else (),
        matches=matches or (),
        attack_class=score.attack_class,
        interrupted=interrupted,
        interrupted_source=interrupted_source,
        outcome=outcome,
        score=score.score,
        score_source=score.score_source,
        score_outbound=score.outbound,
        threshold=score.threshold,
        points=score.points,
    )


def _hot(headers: Headers) -> tuple[str | None, ...]:
    """Return Host, User-Agent, Referer and Content-Type: the first of each, in any case."""
    found: list[str | None] = [None, None, None, None]
    for name, value in headers:
        place = _PLACES[name]
        if place is not None and found[place] is None:
            found[place] = value
    return tuple(found)


class _Places(dict[str, int | None]):
    """Where the value of a header goes; a spelling is looked at once."""

    def __missing__(self, name: str) -> int | None:
        place = _HOT.get(name.lower().removeprefix(_ALPHA))
        if len(self) < _MOST_NAMES:
            self[name] = place
        return place


_MOST_NAMES = 4096
_PLACES = _Places()


def _date(headers: Headers | None) -> str | None:
    for name, value in headers or ():
        if name in {"Date", "date"}:
            return value
    return None


def split_uri(uri: str) -> tuple[str, str | None]:
    """Split a request target into path and query; an absolute one (HAProxy) loses scheme and authority."""
    path, mark, query = uri.partition("?")
    if path[:4].lower() == "http":
        path = _AUTHORITY.sub("", path, count=1)
    return path, query if mark else None


@lru_cache(maxsize=256)
def _engine(producer: str) -> tuple[str, str]:
    """Split `ModSecurity v3.0.9 (Linux)`."""
    name, _, rest = producer.partition(" v")
    return name, rest.partition(" ")[0]


@lru_cache(maxsize=256)
def _rulesets(components: tuple[str, ...]) -> tuple[str, ...]:
    # Every version up to 3.0.16 leaves a stray quote at the end of each component.
    return tuple([c.removesuffix('"') for c in components])


@lru_cache(maxsize=64)
def _gaps(*missing: bool) -> tuple[str, ...]:
    return tuple(gap for gap, is_missing in zip(_GAPS, missing, strict=True) if is_missing)


_GAPS = ("no_headers", "no_body", "no_messages", "no_blocked_flag", "zone_assumed")

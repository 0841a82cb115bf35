"""Coraza's own JSON (`coraza.json`), versions 2 to 3.8: one object per line, or one file per transaction.

Two speeds, one `_build`: `read_fast` decodes into the Structs of `coraza_record` and refuses whatever they do not
know; `read_tolerant` takes anything that has a time.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

import msgspec

from wafscope.event.model import Event, File, Headers, ZoneSource
from wafscope.reader.base import Context, NotARecord
from wafscope.reader.coraza_coercion import read_as, written
from wafscope.reader.coraza_entries import read_entries, reported_of
from wafscope.reader.coraza_event import (
    MODES,
    gaps_beyond,
    has_replacements,
    http_version,
    may_have_body,
    microseconds,
    moment,
    port_of,
    stopwatch,
    verdict_of,
)
from wafscope.reader.coraza_line import NO_WORDS
from wafscope.reader.coraza_match import Reported
from wafscope.reader.coraza_record import HeaderLists, Message, Producer, Record, Request, Response, Transaction, Upload
from wafscope.reader.facts import gaps_of, hot, split_uri
from wafscope.reader.verdict import NO_SCORE, action_of, read_score

FORMAT = "coraza.json"

TELLS = {
    "blocked": "yes: is_interrupted from 3.3 on; before that inferred from status 0",
    "score": "yes: message of rule 949110, up to 3.6 also the report 980170",
    "zone": "yes: nanoseconds since the epoch",
    "request_headers": "yes: part B; names in lower case, sorted",
    "request_body": "partly: only with part C",
    "response_headers": "yes: part F; names in lower case, sorted",
    "response_body": "partly: only with part E",
    "matched_value": "partly: as far as the rule's logdata names it; cut at 280 bytes without part K",
    "rule_ids": "partly: before 3.4 only with part K",
    "rule_text": "partly: only with part K",
    "files": "partly: only with part J",
    "stopwatch": "yes: part H; five phases",
    "engine_mode": "yes: part H",
    "bytes": "partly: bytes that are not UTF-8 become U+FFFD; error_message keeps those of the matched values",
}


class Asked(msgspec.Struct, frozen=True, gc=False):
    """What the headers of a request tell; None where they are not logged."""

    headers: Headers | None = None
    host: str | None = None
    user_agent: str | None = None
    referer: str | None = None
    content_type: str | None = None
    may_have_body: bool = True


class Parts(msgspec.Struct, frozen=True, gc=False):
    """What the two paths read each in its own way."""

    asked: Asked
    response_headers: Headers | None
    response_body: str
    reported: Reported
    flags: tuple[str, ...] = ()
    extra: tuple[tuple[str, str], ...] = ()


_decode = msgspec.json.Decoder(Record[msgspec.Raw, str, msgspec.Raw]).decode
_decode_without_answer = msgspec.json.Decoder(Record[msgspec.Raw, msgspec.Raw, msgspec.Raw]).decode
_decode_headers = msgspec.json.Decoder(HeaderLists | None).decode
_decode_described = msgspec.json.Decoder(Record[msgspec.Raw, str, tuple[Message, ...] | None]).decode
_DESCRIBED = b"}}]}"
"""How a record with part K ends: the last of its entries holds an object.  All of them have to be decoded."""
_Typed = Record[HeaderLists | None, str, tuple[Message, ...] | None]
_NO_REQUEST: Request[Any] = Request()
_NO_RESPONSE: Response[Any, Any] = Response()
_NO_PRODUCER = Producer()
_NOT_ASKED = Asked()
_QUOTE = ord('"')


def read_fast(line: bytes, context: Context) -> Event:
    """Read one record; raises ValueError for anything unusual: then ask `read_tolerant`."""
    described = line.endswith(_DESCRIBED)
    # A body that is passed over is not decoded, so that its bytes have to be looked at before.
    wanted = context.whole or described or not line.isascii()
    decode = _decode_described if described else _decode if wanted else _decode_without_answer
    record: Record[Any, Any, Any] = decode(line)
    t = record.transaction
    request, response, messages = t.request or _NO_REQUEST, t.response or _NO_RESPONSE, record.messages
    if request.args:
        raise ValueError("arguments are never written")
    # Where the record tells no time, a header of the response may.
    answered = _answered if wanted or not 0 < t.unix_timestamp < _LATEST else _answered_or_usual
    parts = Parts(
        _NOT_ASKED if request.headers is None else _asked(bytes(request.headers)),
        None if response.headers is None else answered(bytes(response.headers)),
        response.body if wanted else _passed_over(response.body),
        reported_of(messages) if described or messages is None else read_entries(bytes(messages), whole=context.whole),
        ("replacement_characters",) if has_replacements(line) else (),
    )
    return _build(line, context, t, parts)


_LONGEST_KEPT = 2048
"""Longer headers are not kept for the next record with the same: together with how many are kept, this bounds what a
hostile client can fill memory with."""


def _asked(data: bytes) -> Asked:
    """Return what the headers of a request tell: a client sends the same with many of its requests."""
    return _asked_kept(data) if len(data) <= _LONGEST_KEPT else _read_asked(data)


def _read_asked(data: bytes) -> Asked:
    return _asked_of(_pairs(_decode_headers(data)))


def _asked_of(headers: Headers | None) -> Asked:
    if headers is None:
        return _NOT_ASKED
    host, user_agent, referer, content_type = hot(headers)
    return Asked(headers, host, user_agent, referer, content_type, may_have_body(headers))


def _answered(data: bytes) -> Headers | None:
    """Return the headers of a response: what a server sends is the same for many requests."""
    return _answered_kept(data) if len(data) <= _LONGEST_KEPT else _read_answered(data)


def _read_answered(data: bytes) -> Headers | None:
    return _pairs(_decode_headers(data))


_LATEST = 10**20
"""A time in nanoseconds is before it."""
_USUAL_HEADERS = re.compile(rb'\{(?:"[^"\\]*+":\["[^"\\]*+"\],?)*+\}')
"""Headers that hold nothing odd, if they are JSON and ASCII."""


def _answered_or_usual(data: bytes) -> Headers | None:
    """Return the same; nothing in place of headers that are not wanted and as they should be."""
    return () if _USUAL_HEADERS.fullmatch(data) is not None else _answered(data)


_asked_kept = lru_cache(maxsize=2048)(_read_asked)
_answered_kept = lru_cache(maxsize=1024)(_read_answered)


def _passed_over(body: msgspec.Raw | str) -> str:
    """Return "" in place of a body that is not wanted."""
    if body and memoryview(body)[0] != _QUOTE:  # type: ignore[arg-type]
        raise ValueError("the body of a response")
    return ""


def read_tolerant(line: bytes, context: Context) -> Event:
    """Read one record however odd; raises NotARecord, ValueError or RecursionError when there is none."""
    record, flags, extra = read_as(line, _Typed)
    t = record.transaction
    request, response = t.request or _NO_REQUEST, t.response or _NO_RESPONSE
    if request.args:
        extra = (*extra, ("transaction.request.args", written(request.args)))
    if has_replacements(line):
        flags = (*flags, "replacement_characters")
    asked, answered = _asked_of(_pairs(request.headers)), _pairs(response.headers)
    return _build(line, context, t, Parts(asked, answered, response.body, reported_of(record.messages), flags, extra))


def _build(line: bytes, context: Context, t: Transaction[Any, Any], parts: Parts) -> Event:
    if not (t.id or t.client_ip or t.timestamp or t.unix_timestamp):
        raise NotARecord("no_time", foreign=False)
    request, response, producer = t.request or _NO_REQUEST, t.response or _NO_RESPONSE, t.producer or _NO_PRODUCER
    asked, reported, flags = parts.asked, parts.reported, parts.flags
    time = microseconds(t.unix_timestamp)
    zone_source: ZoneSource = "unix"
    if time is None:
        time, zone_source = moment(t.timestamp, t.id, parts.response_headers, context)
    clock = producer.stopwatch
    duration, phases = stopwatch(clock, whole=context.whole) if clock else (None, ())
    matches, mode, status = reported.matches, MODES.get(producer.rule_engine, "unknown"), response.status
    interrupted, source, outcome = verdict_of(t.is_interrupted, "flag", mode, status, matches)
    done = reported.denial if interrupted else NO_WORDS
    score = read_score(matches) if matches else NO_SCORE
    method, uri = request.method, request.uri
    path, query = split_uri(uri)
    no_body = not request.body and asked.may_have_body
    more = gaps_beyond((), method or uri, status)
    # By place, in the order of the model: by name, it would take a tenth of all reading.
    return Event(
        line, FORMAT, flags + reported.flags() if matches else flags,
        gaps_of(asked.headers is None, no_body, matches is None, source, zone_source, more),
        time, t.timestamp, None, duration, phases, zone_source,
        t.id, t.client_ip or None, port_of(t.client_port), t.host_ip or None, port_of(t.host_port),
        t.server_id or None, None, asked.host,
        "", method, http_version(request.protocol or request.http_version), uri, path, query,
        asked.headers or (), request.body or None, "", _files(request.files),
        asked.user_agent, asked.referer, asked.content_type,
        status or None, http_version(response.protocol), "", parts.response_headers or (), parts.response_body or None,
        "Coraza", "", f"{producer.connector} {producer.version}".strip() if producer.connector else "", mode,
        producer.rulesets or (), producer.server, "", None, None, None,
        matches or (), score.attack_class, interrupted, source, action_of(done.action, interrupted), done.phase,
        done.status, "",
        (), (), (), parts.extra, outcome, score.score, score.score_source, score.outbound, score.threshold,
        score.points,
    )  # fmt: skip


def _pairs(headers: HeaderLists | None) -> Headers | None:
    if headers is None:
        return None
    pairs: list[tuple[str, str]] = []
    for name, values in headers.items():
        if len(values) == 1:
            pairs.append((name, values[0]))
        else:
            pairs.extend([(name, value) for value in values])
    return tuple(pairs)


def _files(uploads: tuple[Upload, ...] | None) -> tuple[File, ...]:
    return tuple([File(u.name, u.size, u.mime) for u in uploads]) if uploads else ()

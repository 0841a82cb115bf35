"""One record of libmodsecurity 3 JSON: its members as written, and the event made of them.

Keys by version: formats specification, section 7.2.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Generic, TypeVar

import msgspec

from wafscope.event.model import EngineMode, Event, Headers, ZoneSource
from wafscope.reader.base import Context, NotARecord
from wafscope.reader.facts import date_of, gaps_of, hot, split_uri
from wafscope.reader.modsecurity_match import Details, match_of
from wafscope.reader.timestamps import SECOND, parse_ctime, proved_second, resolve
from wafscope.reader.verdict import decide, read_score

FORMAT = "v3.json"

Part = TypeVar("Part")
"""What a part of no fixed type is decoded to: raw JSON on the fast path, Python objects on the tolerant one."""


class Message(msgspec.Struct, frozen=True, gc=False):
    """A rule that fired."""

    message: str = ""
    details: Details = Details()


class Request(msgspec.Struct, Generic[Part], frozen=True, gc=False):
    """`transaction.request`."""

    method: str = ""
    protocol: str = ""
    http_version: Part = None  # type: ignore[assignment]  # None: absent
    hostname: str | None = None
    uri: str = ""
    body: str | None = None
    headers: Part = None  # type: ignore[assignment]  # None: absent


class Response(msgspec.Struct, Generic[Part], frozen=True, gc=False):
    """`transaction.response`."""

    body: str | None = None
    http_code: int | None = None
    headers: Part = None  # type: ignore[assignment]  # None: absent


class Producer(msgspec.Struct, frozen=True, gc=False):
    """Part H: who wrote the record."""

    modsecurity: str = ""
    connector: str = ""
    secrules_engine: str = ""
    components: tuple[str, ...] = ()


class Transaction(msgspec.Struct, Generic[Part], frozen=True, gc=False):
    """`transaction`: one record."""

    client_ip: str | None = None
    time_stamp: str = ""
    server_id: str | None = None
    client_port: int | None = None
    host_ip: str | None = None
    host_port: int | None = None
    unique_id: str = ""
    id: str = ""
    is_interrupted: bool | None = None
    request: Request[Part] = Request()
    response: Response[Part] = Response()
    producer: Producer | None = None
    messages: list[Message] | None = None


_MODES: dict[str, EngineMode] = {"Enabled": "on", "DetectionOnly": "detection_only", "Disabled": "off"}


class Parts(msgspec.Struct, frozen=True, gc=False):
    """What the two paths read each in its own way; headers are None where their part is not logged."""

    version: str
    request_headers: Headers | None
    response_headers: Headers | None
    flags: tuple[str, ...] = ()


def build(line: bytes, context: Context, t: Transaction[Any], parts: Parts) -> Event:
    """Make the event of a record; raises NotARecord when it tells no time at all."""
    request, request_headers, response_headers = t.request, parts.request_headers, parts.response_headers
    transaction_id = t.unique_id or t.id
    matches = None if t.messages is None else tuple([match_of(m.message, m.details) for m in t.messages])
    host, user_agent, referer, content_type = hot(request_headers) if request_headers else (None, None, None, None)
    second, zone_source = _moment(t.time_stamp, transaction_id, response_headers, context)
    engine, engine_version, mode, rulesets, connector = _producer(t.producer)
    interrupted, interrupted_source, outcome = decide(t.is_interrupted, mode, t.response.http_code, matches)
    score = read_score(matches or ())
    path, query = split_uri(request.uri)
    return Event(
        raw=line,
        format=FORMAT,
        flags=parts.flags,
        gaps=gaps_of(request_headers is None, request.body is None, matches is None, interrupted_source, zone_source),
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
        protocol=parts.version,
        uri=request.uri,
        path=path,
        query=query,
        request_headers=request_headers or (),
        request_body=request.body,
        user_agent=user_agent,
        referer=referer,
        content_type=content_type,
        status=t.response.http_code,
        response_headers=response_headers or (),
        response_body=t.response.body,
        engine=engine,
        engine_version=engine_version,
        connector=connector,
        engine_mode=mode,
        rulesets=rulesets,
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


def _moment(time_stamp: str, transaction_id: str, headers: Headers | None, context: Context) -> tuple[int, ZoneSource]:
    second = proved_second(time_stamp, transaction_id)
    if second is not None:
        return second, "unique_id"
    found = resolve(parse_ctime(time_stamp), transaction_id, date_of(headers), context.zone, context.collector_zone)
    if found is None:
        raise NotARecord("no_time", foreign=False)
    return found


@lru_cache(maxsize=256)
def _producer(producer: Producer | None) -> tuple[str, str, EngineMode, tuple[str, ...], str]:
    """Return engine, version, mode, rule sets and connector."""
    if producer is None:
        return "ModSecurity", "", "unknown", (), ""
    # "ModSecurity v3.0.9 (Linux)"; every version up to 3.0.16 leaves a stray quote at the end of each component.
    name, _, version = producer.modsecurity.partition(" v")
    rulesets = tuple(c.removesuffix('"') for c in producer.components)
    mode = _MODES.get(producer.secrules_engine, "unknown")
    return name, version.partition(" ")[0], mode, rulesets, producer.connector

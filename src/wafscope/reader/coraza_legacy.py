"""Coraza's JsonLegacy (`coraza.jsonlegacy`): the shape of ModSecurity 2's JSON, with the least of all formats.

It holds no rule ids: with part K `messages` are the texts of the rules, one for every matched value or chain link
("" for all but the first); with part H alone, 3.4 and later write as many empty texts.  It has no flag either:
status 0 is what tells of a block (formats specification, sections 8.3 and 9).
"""

from __future__ import annotations

import msgspec

from wafscope.event.model import Event, Headers, Match
from wafscope.reader.base import Context, NotARecord
from wafscope.reader.coraza_coercion import Int32, read_as
from wafscope.reader.coraza_event import MODES, Told, event_of, has_replacements, http_version, moment
from wafscope.reader.coraza_match import Reported

FORMAT = "coraza.jsonlegacy"

TELLS = {
    "blocked": "no: inferred from status 0",
    "score": "partly: the texts of the summary rules, only with part K",
    "zone": "no: local time; the Date header of the response tells the zone where it is logged",
    "request_headers": "yes: repeated headers joined by commas",
    "request_body": "no",
    "response_headers": "yes: repeated headers joined by commas",
    "response_body": "no",
    "matched_value": "no",
    "rule_ids": "no",
    "rule_text": "no",
    "files": "no",
    "stopwatch": "no: all zero",
    "engine_mode": "yes: part H",
    "bytes": "no: bytes that are not UTF-8 become U+FFFD",
}

_SUMMARIES = ("Inbound Anomaly Score", "Outbound Anomaly Score", "Anomaly Scores: (Inbound Scores: ")
"""How the messages of the rules begin that only sum or report points (section 10)."""


class Transaction(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """`transaction`."""

    time: str = ""
    transaction_id: str = ""
    remote_address: str = ""
    remote_port: Int32 = 0
    local_address: str = ""
    local_port: Int32 = 0


class Request(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """`request`."""

    request_line: str = ""
    headers: dict[str, str] | None = None


class Response(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """`response`."""

    status: Int32 | None = None
    protocol: str = ""
    headers: dict[str, str] | None = None


class AuditData(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """`audit_data`."""

    messages: tuple[str, ...] | None = None
    error_messages: tuple[str, ...] | None = None
    handler: str = ""
    stopwatch: dict[str, int] | None = None
    response_body_dechunked: bool = False
    producer: tuple[str, ...] | None = None
    server: str = ""
    engine_mode: str = ""


class Record(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """One line."""

    transaction: Transaction
    request: Request | None = None
    response: Response | None = None
    audit_data: AuditData | None = None


_decode = msgspec.json.Decoder(Record).decode
_NO_REQUEST = Request()
_NO_RESPONSE = Response()
_NO_DATA = AuditData()


def read_fast(line: bytes, context: Context) -> Event:
    """Read one record; raises ValueError for anything unusual: then ask `read_tolerant`."""
    return _build(line, context, _decode(line), (), ())


def read_tolerant(line: bytes, context: Context) -> Event:
    """Read one record however odd; raises NotARecord, ValueError or RecursionError when there is none."""
    record, flags, extra = read_as(line, Record)
    return _build(line, context, record, flags, extra)


def _build(
    line: bytes, context: Context, record: Record, flags: tuple[str, ...], extra: tuple[tuple[str, str], ...]
) -> Event:
    t, data = record.transaction, record.audit_data or _NO_DATA
    if not (t.time or t.transaction_id or t.remote_address):
        raise NotARecord("no_time", foreign=False)
    request, response = record.request or _NO_REQUEST, record.response or _NO_RESPONSE
    response_headers = _pairs(response.headers)
    method, uri, protocol = _request_line(request.request_line)
    reported, gaps = _reported(data.messages)
    time, zone_source = moment(t.time, t.transaction_id, response_headers, context)
    if has_replacements(line):
        flags = (*flags, "replacement_characters")
    return event_of(
        Told(
            raw=line,
            format=FORMAT,
            time=time,
            zone_source=zone_source,
            time_original=t.time,
            transaction_id=t.transaction_id,
            client=t.remote_address,
            client_port=t.remote_port,
            server=t.local_address,
            server_port=t.local_port,
            request_line=request.request_line if method or uri else "",
            method=method,
            protocol=protocol,
            uri=uri,
            request_headers=_pairs(request.headers),
            status=response.status,
            response_protocol=http_version(response.protocol),
            response_headers=response_headers,
            mode=MODES.get(data.engine_mode, "unknown"),
            rulesets=data.producer or (),
            server_software=data.server,
            handler=data.handler,
            reported=reported,
            flags=flags,
            gaps=gaps,
            error_messages=data.error_messages or (),
            extra=extra,
        )
    )


def _pairs(headers: dict[str, str] | None) -> Headers | None:
    return None if headers is None else tuple(headers.items())


def _request_line(line: str) -> tuple[str, str, str]:
    """Return method, URI and protocol; the protocol is left out, but its blank is there."""
    method, _, rest = line.partition(" ")
    uri, _, protocol = rest.rpartition(" ")
    return method, uri, http_version(protocol)


def _reported(messages: tuple[str, ...] | None) -> tuple[Reported, tuple[str, ...]]:
    """Return the matches that the texts stand for, and what they leave open."""
    if messages is None:
        return Reported(), ("no_rule_ids",)
    matches = tuple([Match(message=text, bookkeeping=text.startswith(_SUMMARIES)) for text in messages if text])
    if messages and not matches:
        return Reported(), ("no_rule_ids", "no_match_details")
    return Reported(matches), ("no_rule_ids", "no_match_details") if matches else ("no_rule_ids",)

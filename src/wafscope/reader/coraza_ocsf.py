"""Coraza's OCSF (`coraza.ocsf`), from 3.3: class 6001 of schema 1.2.0, one object per line.

`time` is in nanoseconds, where OCSF wants milliseconds; `metadata.logged_time` is in microseconds.  A rule that
fired is an enrichment whose `data` is JSON in a text, as part K has it.  The severity is always `emergency` with
`severity_id` 99: an artefact that says nothing (formats specification, section 8.5).
"""

from __future__ import annotations

import msgspec

from wafscope.event.model import Event, File, Headers, Match, ZoneSource
from wafscope.reader.base import Context, NotARecord
from wafscope.reader.coraza_coercion import Int32, read_as
from wafscope.reader.coraza_entries import match_of_data
from wafscope.reader.coraza_event import (
    Told,
    event_of,
    has_replacements,
    http_version,
    microseconds,
    moment,
    versions_of,
    whole_duration,
)
from wafscope.reader.coraza_line import NO_WORDS, Pair
from wafscope.reader.coraza_match import NOTHING_REPORTED, Reported
from wafscope.reader.coraza_record import Data

FORMAT = "coraza.ocsf"

TELLS = {
    "blocked": "yes: action_id",
    "score": "yes: message of rule 949110",
    "zone": "yes: nanoseconds since the epoch",
    "request_headers": "yes: part B; names in lower case, in no order",
    "request_body": "no: only the arguments, and not apart from those of the query",
    "response_headers": "yes: part F; names in lower case, in no order",
    "response_body": "no",
    "matched_value": "partly: only with part K, as far as the rule's logdata names it",
    "rule_ids": "partly: only with part K",
    "rule_text": "partly: only with part K",
    "files": "partly: only with part J",
    "stopwatch": "partly: the time of writing gives the duration",
    "engine_mode": "no",
    "bytes": "no: bytes that are not UTF-8 become U+FFFD",
}

_DENIED = 2
_VENDOR = "Coraza"


class _Open(msgspec.Struct, frozen=True, gc=False):
    """OCSF has many members that say the same of every record: what is not named here is left out."""


class Product(_Open, frozen=True, gc=False):
    """`metadata.product`."""

    vendor_name: str = ""


class Metadata(_Open, frozen=True, gc=False):
    """`metadata`."""

    logged_time: int = 0
    uid: str = ""
    log_provider: str = ""
    log_version: str = ""
    product: Product | None = None


class Header(_Open, frozen=True, gc=False):
    """A header line."""

    name: str = ""
    value: str = ""


class Address(_Open, frozen=True, gc=False):
    """`url`, or a web resource."""

    url_string: str = ""


class Request(_Open, frozen=True, gc=False):
    """`http_request`."""

    uid: str = ""
    http_method: str = ""
    version: str = ""
    args: str = ""
    url: Address | None = None
    http_headers: tuple[Header, ...] | None = None


class Response(_Open, frozen=True, gc=False):
    """`http_response`."""

    code: Int32 = 0
    http_headers: tuple[Header, ...] | None = None


class Endpoint(_Open, frozen=True, gc=False):
    """`src_endpoint`, `dst_endpoint`."""

    ip: str = ""
    port: Int32 = 0


class Observable(_Open, frozen=True, gc=False):
    """Name and value of what was seen: the server, or one fact of an uploaded file."""

    name: str = ""
    type: str = ""
    value: str = ""


class Enrichment(_Open, frozen=True, gc=False):
    """One matched value of one rule, or one link of its chain."""

    name: str = ""
    value: str = ""
    data: str = ""


class Record(_Open, frozen=True, gc=False):
    """One line."""

    class_uid: int = 0
    time: int = 0
    action_id: int | None = None
    metadata: Metadata | None = None
    http_request: Request | None = None
    http_response: Response | None = None
    src_endpoint: Endpoint | None = None
    dst_endpoint: Endpoint | None = None
    observables: tuple[Observable, ...] | None = None
    enrichments: tuple[Enrichment, ...] | None = None


_decode = msgspec.json.Decoder(Record).decode
_decode_rule = msgspec.json.Decoder(Data).decode


def read(line: bytes, context: Context) -> Event:
    """Read one record; raises NotARecord, ValueError or RecursionError when there is none."""
    flags: tuple[str, ...] = ()
    try:
        record = _decode(line)
    except ValueError:
        record, flags, _ = read_as(line, Record)
    if has_replacements(line) or (b"ufffd" in line and _lost_in_rules(record.enrichments or ())):
        flags = (*flags, "replacement_characters")
    return _build(line, context, record, flags)


def _build(line: bytes, context: Context, record: Record, flags: tuple[str, ...]) -> Event:
    metadata = record.metadata or Metadata()
    if _VENDOR not in (metadata.product or Product()).vendor_name:
        raise NotARecord("not_json", foreign=True)
    request, response = record.http_request or Request(), record.http_response or Response()
    source, destination = record.src_endpoint or Endpoint(), record.dst_endpoint or Endpoint()
    response_headers = _pairs(response.http_headers)
    transaction_id = request.uid or metadata.uid
    time, logged = microseconds(record.time), microseconds(metadata.logged_time)
    zone_source: ZoneSource = "unix"
    if time is None:
        time, zone_source = moment("", transaction_id, response_headers, context)
    reported = _reported(record.enrichments)
    server_name, files = _observed(record.observables or ())
    return event_of(
        Told(
            raw=line,
            format=FORMAT,
            time=time,
            zone_source=zone_source,
            time_original=str(record.time) if record.time else "",
            time_logged=logged,
            duration=None if logged is None else whole_duration(logged - time),
            transaction_id=transaction_id,
            client=source.ip,
            client_port=source.port,
            server=destination.ip,
            server_port=destination.port,
            server_name=server_name,
            method=request.http_method,
            protocol=http_version(request.version),
            uri=request.url.url_string if request.url is not None else "",
            request_headers=_pairs(request.http_headers),
            files=files,
            status=response.code,
            response_headers=response_headers,
            connector=f"{metadata.log_provider} {metadata.log_version}".strip(),
            rulesets=versions_of(reported),
            reported=reported,
            interrupted=None if record.action_id is None else record.action_id == _DENIED,
            flags=flags,
            extra=(("http_request.args", request.args),) if request.args else (),
        )
    )


def _pairs(headers: tuple[Header, ...] | None) -> Headers | None:
    return None if headers is None else tuple([(h.name, h.value) for h in headers])


def _observed(observables: tuple[Observable, ...]) -> tuple[str, tuple[File, ...]]:
    """Return the server's name and the uploaded files; a file is three observables in a row."""
    server = next((o.value for o in observables if o.name == "ServerID"), "")
    files: list[File] = []
    for seen in observables:
        if seen.type == "File Name":
            files.append(File(seen.value))
        elif files and seen.type in {"Size", "Mime"}:
            last = files[-1]
            size = int(seen.value) if seen.value.isascii() and seen.value.isdigit() and len(seen.value) < 19 else None
            files[-1] = (
                File(last.name, size, last.content_type)
                if seen.type == "Size"
                else File(last.name, last.size, seen.value)
            )
    return server, tuple(files)


def _reported(enrichments: tuple[Enrichment, ...] | None) -> Reported:
    if enrichments is None:
        return NOTHING_REPORTED
    found: list[Match] = []
    group: tuple[Data, list[Pair]] | None = None
    for enrichment in enrichments:
        data = _rule(enrichment)
        if group is None or data.id is None or data.id != group[0].id:
            if group is not None:
                found.append(match_of_data(*group, NO_WORDS))
            group = (data, [])
        if data.msg or data.data:
            group[1].append((data.msg, data.data))
    if group is not None:
        found.append(match_of_data(*group, NO_WORDS))
    return Reported(tuple(found))


def _lost_in_rules(enrichments: tuple[Enrichment, ...]) -> bool:
    return any(has_replacements(each.data.encode("utf-8", "surrogatepass")) for each in enrichments)


def _rule(enrichment: Enrichment) -> Data:
    """Return the rule of an enrichment; what its own members say where its JSON cannot be read."""
    try:
        return _decode_rule(enrichment.data)
    except ValueError:
        return Data(msg=enrichment.name, data=enrichment.value)

"""Coraza's own JSON (`coraza.json`), versions 2 to 3.8: one object per line, or one file per transaction.

`messages` stands beside `transaction`.  Part K gives every entry its `data`; without it 3.4 and later write
`error_message` alone, earlier versions write nothing.  The key is left out when it would be empty, so that a
record without it cannot tell "no rule fired" from "not logged" (formats specification, section 8.2).

Two speeds, one `_build`: `read_fast` decodes into the Structs and refuses whatever they do not know;
`read_tolerant` takes anything that has a time.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from wafscope.event.model import Event, File, Headers, Match, ZoneSource
from wafscope.reader.base import Context, NotARecord
from wafscope.reader.coraza_coercion import Int32, Int64, read_as, written
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
from wafscope.reader.coraza_entries import read_entries
from wafscope.reader.coraza_fired import Fired, matches_of_lines, read_fired
from wafscope.reader.coraza_line import NO_WORDS, Pair, Rule, Words, make_rule, words_of
from wafscope.reader.coraza_match import NOTHING_REPORTED, Reported, denies, make_match, settle
from wafscope.reader.coraza_rule import NO_TEXT, read_rule
from wafscope.reader.facts import gaps_of, hot, split_uri
from wafscope.reader.verdict import NO_SCORE, read_score

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


class Data(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """`data` of a message: the rule, with part K."""

    file: str = ""
    line: Int32 | None = None
    id: Int32 | None = None
    rev: str = ""
    msg: str = ""
    data: str = ""
    severity: Int32 | None = None
    ver: str = ""
    maturity: Int32 | None = None
    accuracy: Int32 | None = None
    tags: tuple[str, ...] | None = None
    raw: str = ""


class Message(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """One matched value of one rule, or one link of its chain."""

    actionset: str = ""
    message: str = ""
    error_message: str = ""
    data: Data | None = None


class Upload(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """An uploaded file, part J."""

    name: str = ""
    size: Int64 | None = None
    mime: str = ""


NO_MESSAGES = msgspec.Raw(b"null")
HeaderLists = dict[str, tuple[str, ...]]


class Request(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """`transaction.request`."""

    method: str = ""
    protocol: str = ""
    uri: str = ""
    http_version: str = ""
    headers: HeaderLists | None = None
    body: str = ""
    files: tuple[Upload, ...] | None = None
    args: dict[str, Any] | None = None
    length: int | None = None


class Response(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """`transaction.response`."""

    protocol: str = ""
    status: Int32 | None = None
    headers: HeaderLists | None = None
    body: str = ""


class Producer(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """Part H: who wrote the record."""

    connector: str = ""
    version: str = ""
    server: str = ""
    rule_engine: str = ""
    stopwatch: str = ""
    rulesets: tuple[str, ...] | None = None


class Transaction(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """`transaction`."""

    timestamp: str = ""
    unix_timestamp: int = 0
    id: str = ""
    client_ip: str = ""
    client_port: Int32 = 0
    host_ip: str = ""
    host_port: Int32 = 0
    server_id: str = ""
    request: Request | None = None
    response: Response | None = None
    producer: Producer | None = None
    highest_severity: str = ""
    is_interrupted: bool | None = None


class Record(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """One line."""

    transaction: Transaction
    messages: tuple[Message, ...] | None = None


class _Quick(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """One line, its messages as written."""

    transaction: Transaction
    messages: msgspec.Raw = NO_MESSAGES


_decode = msgspec.json.Decoder(_Quick).decode
_decode_messages = msgspec.json.Decoder(tuple[Message, ...] | None).decode
_NO_REQUEST = Request()
_NO_RESPONSE = Response()
_NO_PRODUCER = Producer()
_NO_DATA = Data()


def read_fast(line: bytes, context: Context) -> Event:
    """Read one record; raises ValueError for anything unusual: then ask `read_tolerant`."""
    record = _decode(line)
    request = record.transaction.request
    if request is not None and request.args:
        raise ValueError("arguments are never written")
    flags = ("replacement_characters",) if has_replacements(line) else ()
    messages = record.messages
    reported = NOTHING_REPORTED
    if messages is not NO_MESSAGES:
        written = bytes(messages)
        reported = read_entries(written) or _reported(_decode_messages(written))
    return _build(line, context, record.transaction, reported, (flags, ()))


def read_tolerant(line: bytes, context: Context) -> Event:
    """Read one record however odd; raises NotARecord, ValueError or RecursionError when there is none."""
    record, flags, extra = read_as(line, Record)
    request = record.transaction.request
    if request is not None and request.args:
        extra = (*extra, ("transaction.request.args", written(request.args)))
    if has_replacements(line):
        flags = (*flags, "replacement_characters")
    return _build(line, context, record.transaction, _reported(record.messages), (flags, extra))


Odd = tuple[tuple[str, ...], tuple[tuple[str, str], ...]]
"""Flags, and members that are not known."""


def _build(line: bytes, context: Context, t: Transaction, reported: Reported, odd: Odd) -> Event:
    if not (t.id or t.client_ip or t.timestamp or t.unix_timestamp):
        raise NotARecord("no_time", foreign=False)
    request, response, producer = t.request or _NO_REQUEST, t.response or _NO_RESPONSE, t.producer or _NO_PRODUCER
    request_headers, response_headers = _pairs(request.headers), _pairs(response.headers)
    time = microseconds(t.unix_timestamp)
    zone_source: ZoneSource = "unix"
    if time is None:
        time, zone_source = moment(t.timestamp, t.id, response_headers, context)
    duration, phases = stopwatch(producer.stopwatch) if producer.stopwatch else (None, ())
    flags, extra = odd
    matches, mode, status = reported.matches, MODES.get(producer.rule_engine, "unknown"), response.status
    host, user_agent, referer, content_type = hot(request_headers) if request_headers else (None, None, None, None)
    interrupted, source, outcome = verdict_of(t.is_interrupted, "flag", mode, status, matches)
    done = reported.denial if interrupted else NO_WORDS
    score = read_score(matches) if matches else NO_SCORE
    method, uri = request.method, request.uri
    path, query = split_uri(uri)
    no_body = not request.body and may_have_body(request_headers)
    more = gaps_beyond((), method or uri, status)
    # By place, in the order of the model: by name, it would take a tenth of all reading.
    return Event(
        line, FORMAT, flags + reported.flags() if matches else flags,
        gaps_of(request_headers is None, no_body, matches is None, source, zone_source, more),
        time, t.timestamp, None, duration, phases, zone_source,
        t.id, t.client_ip or None, port_of(t.client_port), t.host_ip or None, port_of(t.host_port),
        t.server_id or None, None, host,
        "", method, http_version(request.protocol or request.http_version), uri, path, query,
        request_headers or (), request.body or None, "", _files(request.files), user_agent, referer, content_type,
        status or None, http_version(response.protocol), "", response_headers or (), response.body or None,
        "Coraza", "", f"{producer.connector} {producer.version}".strip() if producer.connector else "", mode,
        producer.rulesets or (), producer.server, "", None, None, None,
        matches or (), score.attack_class, interrupted, source, done.action, done.phase, done.status, "",
        (), (), (), extra, outcome, score.score, score.score_source, score.outbound, score.threshold, score.points,
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


def _reported(messages: tuple[Message, ...] | None) -> Reported:
    """Return the matches of the entries: from `data` with part K, else from the error lines."""
    if messages is None:
        return NOTHING_REPORTED
    for message in messages:
        if message.data is not None:
            return _matches_of_data(messages)
    return matches_of_lines([read_fired(message.error_message) or _remains(message) for message in messages])


def _remains(message: Message) -> Fired:
    """Return what an entry without `data` tells where its error line is missing or not whole."""
    text = message.message or message.error_message
    return Fired(words_of(message.error_message), Rule(), ((text, ""),) if text else ())


def _matches_of_data(messages: tuple[Message, ...]) -> Reported:
    found: list[Match] = []
    denial = NO_WORDS
    position, end = 0, len(messages)
    while position < end:
        first = messages[position]
        if first.data is None:
            fired = matches_of_lines([read_fired(first.error_message) or _remains(first)])
            found += fired.matches or ()
            denial = fired.denial if denial is NO_WORDS else denial
            position += 1
            continue
        data = first.data
        words = words_of(first.error_message)
        pairs: list[Pair] = []
        while True:
            entry = messages[position]
            logged = entry.data or _NO_DATA
            if entry.message or logged.data:
                pairs.append((entry.message or logged.msg, logged.data))
            position += 1
            if position == end or (messages[position].data or _NO_DATA).id != data.id or data.id is None:
                break
        if any(_LOST in text for pair in pairs for text in pair):
            pairs = _with_bytes(pairs, first.error_message)
        found.append(match_of_data(data, pairs, words))
        if denial is NO_WORDS and denies(words):
            denial = words
    return Reported(tuple(found), denial)


_LOST = "\ufffd"
_BYTE = re.compile("[\udc80-\udcff]")


def _with_bytes(pairs: list[Pair], error_message: str) -> list[Pair]:
    r"""Return the values with the bytes that `data` has lost: the error line has them as `\xHH`, as far as it goes."""
    told = read_fired(error_message)
    if told is None or len(told.pairs) != len(pairs):
        return pairs
    return [(_same(a, c), _same(b, d)) for (a, b), (c, d) in zip(pairs, told.pairs, strict=True)]


def _same(lossy: str, exact: str) -> str:
    return exact if _BYTE.sub(_LOST, exact) == lossy else lossy


def match_of_data(data: Data, pairs: list[Pair], words: Words) -> Match:
    """Return the match of a rule that part K describes."""
    text = read_rule(data.raw) if data.raw else NO_TEXT
    severity = data.severity if data.severity is not None and 0 < data.severity <= 7 else None
    rest = Rule(data.id, data.file, data.line, data.rev, None, data.ver, data.maturity, data.accuracy)
    rule = settle(make_rule(data.id, severity, data.tags or (), rest), text)
    return make_match(rule, pairs, words, text=text, raw=data.raw)

"""ModSecurity-nginx in the error log of nginx (`err.nginx.v3`): a line for each rule that fired.

    2026/11/23 21:30:34 [error] 12527#12527: *2 [client 192.0.2.1] ModSecurity: Access denied with code 403 …
    [ref "…"], client: 192.0.2.1, server: h, request: "GET / HTTP/1.1", host: "h"[, referrer: "…"]

Warnings have the level info and no `[client …]`.  nginx cuts a line at 2047 bytes.  Behind `[ref "…"]` stands
what a client sent, not escaped (formats specification, section 11.2).
"""

from __future__ import annotations

import re
from calendar import timegm
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache

import msgspec

from wafscope.event.model import Event, ZoneSource
from wafscope.event.text import from_bytes, to_bytes
from wafscope.reader.base import Context, NotARecord
from wafscope.reader.facts import gaps_of, split_uri
from wafscope.reader.timestamps import SECOND, id_second, resolve
from wafscope.reader.v3_line import (
    Line,
    is_utf8,
    logged_uri,
    read_line,
    read_remains,
    request_words,
    rulesets_of,
    unescape,
)
from wafscope.reader.verdict import decide, read_score

FORMAT = "err.nginx.v3"

TELLS: dict[str, str] = {
    "blocked": "yes: a line says “Access denied”",
    "score": "yes: in the message of rule 949110, where the error log has the level info",
    "zone": "no: proved by the transaction id, else as set for the source",
    "request_headers": "partly: Host and Referer",
    "request_body": "no",
    "response_headers": "no",
    "response_body": "no",
    "matched_value": "partly: up to 100 characters",
    "rule_ids": "yes: warnings only where the error log has the level info",
    "rule_text": "no",
    "files": "no",
    "stopwatch": "no",
    "engine_mode": "no",
    "bytes": "partly: escaped, and a backslash is ambiguous; nginx cuts a line at 2047 bytes",
}
"""What this format can and cannot tell, for the reference page."""

_START = re.compile(
    rb"(\d{4}/\d\d/\d\d \d\d:\d\d:\d\d) \[[a-z]+\] \d+#\d+: (?:\*(\d+) )?(?:\[client ([^\]]*)\] )?"
    rb"(?=ModSecurity: (?:Warning|Access denied with code \d+ \(phase \d\))\. )"
)
_MARK = b"ModSecurity: "
_ID = b'[unique_id "'
_REFERENCE = '"] [ref "'
_V2_SEVERITY = re.compile(rb'\] \[severity "[A-Z]')
_V3_WORDS = re.compile(rb'Matched "Operator `|"\] \[rev "[^"]*"\] \[msg "')
_LONGEST_LINE = 2047
_SECOND_DIGITS = 10

_TWICE = re.compile(r' \[hostname "[^"]*"\] \[uri "[^"]*"\] \[unique_id "[^"]*"\]')
_AFTER = re.compile(r'(?: while [a-z ]+)?, client: ([^,"\s]*), server: ([^,"]*)')
_REQUEST = re.compile(r', request: "(\S+ \S+ HTTP/\d(?:\.\d)?)"(?=, |\Z)')
_FIELDS = ("request", "subrequest", "upstream", "host", "referrer")
_ADDRESS = re.compile(r"[0-9.]+|[0-9a-fA-F:.]*:[0-9a-fA-F:.]*")

_MOST_TRIES = 64
_DELAY = 600
"""So many seconds after the start of a transaction a line may be written: rules on a slow response."""
_HASTE = 2
"""So many seconds before it one may seem to be written: nginx and the engine do not look at the clock together."""

_QUARTER, _FARTHEST_ZONE = 900, 15 * 3600


class _Reading(msgspec.Struct, frozen=True, gc=False):
    """One way to read a line: the engine's own part, and what nginx adds."""

    line: Line
    client: str = ""
    server: str = ""
    fields: dict[str, str] = {}


class _Said(msgspec.Struct, frozen=True, gc=False):
    """One line: when it was written, of which transaction, and how it is read."""

    written: str
    transaction_id: str
    client: str
    reading: _Reading
    odd: tuple[str, ...] = ()


def transaction_of(line: bytes) -> bytes | None:
    """Return what the lines of one transaction have in common; None for a line that is none of ours.

    That is the transaction id.  A line of which it is cut off, or in which it is not clear which id is the
    engine's own, stands alone: then it is the line itself.  Libmodsecurity 3.0.5 to 3.0.7 gave the same id to all
    transactions of a second (modsecurity issue 2752): there the connection counts too.
    """
    if _MARK not in line:
        return None
    start = _START.match(line)
    if start is None or not _is_v3(line):
        return None
    found = _id_of(line, start.end())
    if not found:
        return line
    if len(found) == _SECOND_DIGITS and found.isdigit() and start[2]:
        return found + b"*" + start[2]
    return found


def _is_v3(line: bytes) -> bool:
    """Tell a line of libmodsecurity 3 from one of ModSecurity 2, whose nginx module writes to this log too."""
    if b'"] [ref "' in line:
        return True
    return _V2_SEVERITY.search(line) is None and _V3_WORDS.search(line) is not None


def _id_of(line: bytes, start: int) -> bytes:
    """Return the id of the transaction; nothing where it is cut off or several ids could be the true one."""
    if line.count(_ID) > 1:
        ids = {reading.line.transaction_id for reading in _readings(line, start)}
        return to_bytes(ids.pop()) if len(ids) == 1 else b""
    _, mark, rest = line.partition(_ID)
    found, quote, _ = rest.partition(b'"')
    return found if mark and quote else b""


def read(lines: Sequence[bytes], context: Context) -> Event:
    """Read all lines of one transaction; raises NotARecord where none of them is ours."""
    read_ones = [_read(line) for line in lines]
    said = [each for each in read_ones if each is not None]
    if not said:
        raise NotARecord("damaged", foreign=True)
    flags = dict.fromkeys([flag for each in said for flag in each.odd])
    if len(said) < len(lines):
        flags["unknown_line"] = None
    raw = b"\n".join(lines)
    if not is_utf8(raw):
        flags["invalid_utf8"] = None
    return _event(raw, said, tuple(flags), context)


def _read(line: bytes) -> _Said | None:
    line = line.rstrip(b"\r")
    start = _START.match(line)
    if start is None:
        return None
    at = start.end()
    readings = _readings(line, at)
    reading = readings[0] if readings else _Reading(read_remains(from_bytes(line[at:])))
    odd: tuple[str, ...] = ("cut_message",) if len(line) >= _LONGEST_LINE or not readings else ()
    if len({each.line.transaction_id for each in readings}) > 1:
        odd = (*odd, "unknown_line")
    client = reading.client or from_bytes(start[3] or b"")
    return _Said(start[1].decode(), from_bytes(_id_of(line, at)), client, reading, odd)


def _readings(line: bytes, start: int) -> list[_Reading]:
    """Return every way to read a line: what a client sent can look like the end of the engine's own part.

    What nginx adds tells the request; of the ways to read a line only those count in which the engine's
    `[uri "…"]` is the path of that request.
    """
    text = from_bytes(line[start:])
    several = line.count(_ID) > 1
    found: list[_Reading] = []
    at = text.find(_REFERENCE)
    for _ in range(_MOST_TRIES):
        if at < 0:
            break
        end = text.find('"]', at + len(_REFERENCE))
        reading = _reading(text, end + 2, strict=several) if end >= 0 else None
        if reading is not None:
            found.append(reading)
        at = text.find(_REFERENCE, at + 1)
    return found


def _reading(text: str, end: int, *, strict: bool) -> _Reading | None:
    """Read a line whose engine's part ends at `end`."""
    twice = _TWICE.match(text, end)
    rest = text[twice.end() if twice is not None else end :]
    after = _AFTER.match(rest)
    if after is None:
        line = read_line(text[:end]) if not rest or not strict else None
        return _Reading(line) if line is not None else None
    fields = _fields(rest[after.end() :])
    target = request_words(fields.get("request", ""))[1]
    line = read_line(text[:end], target)
    if line is None or (strict and target and line.uri != logged_uri(target)):
        return None
    return _Reading(line, after[1], after[2], fields)


def _fields(rest: str) -> dict[str, str]:
    """Return what nginx adds: `, request: "…", host: "…"`; a value that is cut is left out."""
    found: dict[str, str] = {}
    request = _REQUEST.match(rest)
    if request is not None:
        found["request"] = request[1]
        rest = rest[request.end() :]
    for number, name in enumerate(_FIELDS):
        opening = f', {name}: "'
        if not rest.startswith(opening):
            continue
        ends = [rest.find(f'", {later}: "', len(opening)) for later in _FIELDS[number + 1 :]]
        end = min((each for each in ends if each >= 0), default=len(rest) - 1)
        if end < len(opening) or rest[end] != '"':
            break
        found[name] = rest[len(opening) : end]
        rest = rest[end + 1 :]
    return found


def _event(raw: bytes, said: list[_Said], flags: tuple[str, ...], context: Context) -> Event:
    first = said[0]
    lines = [each.reading.line for each in said]
    matches = tuple([line.match for line in lines])
    fields: dict[str, str] = {}
    for each in reversed(said):
        fields |= each.reading.fields
    denied = next((line for line in lines if line.code is not None), None)
    # A line that stands alone because its id is cut off says nothing of the other lines of its transaction.
    interrupted = True if denied is not None else False if first.transaction_id else None
    status = denied.code if denied is not None else None
    interrupted, interrupted_source, outcome = decide(interrupted, "unknown", status, matches, "error_log")
    second, zone_source, logged = _moment(said, context)
    score = read_score(matches)
    request = fields.get("request", "")
    # Without the request only the path is known, decoded as the engine has it.
    method, uri, protocol = request_words(request) if request else ("", unescape(lines[0].uri), "")
    path, query = split_uri(uri)
    address, name = _server(lines[0].hostname)
    return Event(
        raw=raw,
        format=FORMAT,
        flags=flags,
        gaps=gaps_of(True, True, False, interrupted_source, zone_source, _lacks(request, status)),  # noqa: FBT003
        time=second * SECOND,
        time_original=first.written,
        time_logged=logged,
        zone_source=zone_source,
        transaction_id=first.transaction_id,
        client_address=first.client or None,
        server_address=address,
        server_name=next((each.reading.server for each in said if each.reading.server), name),
        host=fields.get("host"),
        request_line=request,
        method=method,
        protocol=protocol,
        uri=uri,
        path=path,
        query=query,
        referer=fields.get("referrer"),
        status=status,
        engine="ModSecurity",
        rulesets=rulesets_of(matches),
        matches=matches,
        attack_class=score.attack_class,
        interrupted=interrupted,
        interrupted_source=interrupted_source,
        action="" if denied is None else "deny",
        action_phase=None if denied is None else denied.match.phase,
        action_status=status,
        outcome=outcome,
        score=score.score,
        score_source=score.score_source,
        score_outbound=score.outbound,
        threshold=score.threshold,
        points=score.points,
    )


def _lacks(request: str, status: int | None) -> tuple[str, ...]:
    return (*(() if request else ("no_request",)), *(() if status is not None else ("no_status",)))


def _server(hostname: str) -> tuple[str | None, str | None]:
    """Return address and name of the server: up to 3.0.13 `[hostname]` is its address."""
    if not hostname:
        return None, None
    return (hostname, None) if _ADDRESS.fullmatch(hostname) else (None, unescape(hostname))


def _moment(said: list[_Said], context: Context) -> tuple[int, ZoneSource, int | None]:
    """Return the second of the transaction, how its zone is known, and the microsecond at which it was logged.

    The engine's own id begins with the second at which the transaction started (section 6.1).
    """
    local, last = _second(said[0].written), _second(said[-1].written)
    if local is None or last is None:
        raise NotARecord("no_time", foreign=False)
    started = id_second(said[0].transaction_id)
    if started is not None:
        zone = (local - started + _HASTE) // _QUARTER * _QUARTER
        if abs(zone) <= _FARTHEST_ZONE and local - started - zone <= _DELAY:
            return started, "unique_id", _unless(last - zone, started)
    found = resolve(local, "", None, context.zone, context.collector_zone)
    if found is None:
        raise NotARecord("no_time", foreign=False)
    return found[0], found[1], _unless(found[0] + last - local, found[0])


def _unless(logged: int, started: int) -> int | None:
    return None if logged == started else logged * SECOND


@lru_cache(maxsize=1024)
def _second(text: str) -> int | None:
    """Return `2026/11/23 21:30:34` as seconds since the epoch as if it were UTC."""
    year, month, day, hour, minute, second = map(int, text.replace(":", " ").replace("/", " ").split(" "))
    try:
        return timegm(datetime(year, month, day, hour, minute, second, tzinfo=UTC).timetuple())
    except ValueError:
        return None

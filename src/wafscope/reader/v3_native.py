r"""libmodsecurity 3 native (`v3.native`): a record of sections between `---xxxxxxxx---A--` and its Z line.

B, C and F are raw; E and H are escaped to one line each (every byte outside 0x20 to 0x7e is `\xhh`).  D, G, I,
J and K are always empty.  `SecAuditLogPrefix` (3.0.15) stands before every line but those inside a body
(formats specification, section 7.1).
"""

from __future__ import annotations

import re
from calendar import timegm
from functools import lru_cache
from operator import itemgetter

from wafscope.event.model import Event, Headers, Match, ZoneSource
from wafscope.event.text import from_bytes
from wafscope.reader.base import Context, NotARecord
from wafscope.reader.facts import COLD, gaps_of, hot, split_uri
from wafscope.reader.sections import V3, is_spliced
from wafscope.reader.timestamps import SECOND, id_second
from wafscope.reader.v3_line import (
    START,
    Line,
    is_utf8,
    read_line,
    read_remains,
    request_words,
    rulesets_of,
    unescape,
    unescape_long,
)
from wafscope.reader.verdict import decide, read_score

FORMAT = "v3.native"

TELLS: dict[str, str] = {
    "blocked": "yes: a line of part H says “Access denied”; up to 3.0.3 that line is missing",
    "score": "yes: in the message of rule 949110",
    "zone": "yes",
    "request_headers": "partly: only with part B",
    "request_body": "partly: only with part C",
    "response_headers": "partly: only with part F",
    "response_body": "partly: only with part E",
    "matched_value": "partly: up to 100 characters",
    "rule_ids": "partly: only with part H; rules with noauditlog are left out",
    "rule_text": "no",
    "files": "no",
    "stopwatch": "no",
    "engine_mode": "no",
    "bytes": "partly: headers and the request body are raw; in parts E and H a backslash is ambiguous",
}
"""What this format can and cannot tell, for the reference page."""

_OPENING = re.compile(rb"---[0-9A-Za-z]{8}---A--")
_OPENING_LENGTH = 17
_LEAD = b"\n---"
"""How separator lines begin, behind the line before."""
_A, _B, _C, _D, _E, _F, _H = b"ABCDEFH"
_ALWAYS_EMPTY = b"DGIJK"
_FIRST_LINE = 256
_UNKNOWN = "unknown_line"
_TIME = re.compile(r"(\d\d)/([A-Z][a-z][a-z])/(\d{4}):(\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)")
_Sections = dict[int, bytes]
_Request = tuple[str, Headers | None, str, str, str]
"""Part B: its first line, its headers, and method, URI and version of the first line."""

_Response = tuple[int | None, str, str, Headers, str | None]
"""Parts F and E: status, version, reason, headers and body."""

_Trailer = tuple[
    tuple[Match, ...] | None, bool | None, int | None, int | None, str, tuple[tuple[str, str], ...], tuple[str, ...]
]
"""Part H: matches; whether one interrupted, in which phase, with which status; the server's name; lines that are none
of a rule; flags."""

_NO_REQUEST: _Request = ("", None, "", "", "")
_NO_TRAILER: _Trailer = (None, None, None, None, "", (), ())
_MONTHS = {
    m: i for i, m in enumerate(["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"], 1)
}


def read(record: bytes, context: Context) -> Event:
    """Read one record, from its A line to its Z line; raises NotARecord where the bytes are none."""
    sections = sections_of_record(record)
    request = _request(sections[_B]) if _B in sections else _NO_REQUEST
    trailer = _trailer(sections[_H], request[3]) if _H in sections else _NO_TRAILER
    if not record.isascii() or any(map(sections.get, _ALWAYS_EMPTY)) or b"-A--\r" in record[:_FIRST_LINE]:
        trailer = _with_oddities(record, sections, trailer)
    return _event(record, sections, request, trailer, _response(sections, answers=context.whole))


def _event(record: bytes, sections: _Sections, request: _Request, trailer: _Trailer, response: _Response) -> Event:
    second, zone_source, time, transaction_id, client, client_port, server, server_port = _opening(sections[_A])
    line, headers, method, uri, protocol = request
    status, response_protocol, reason, response_headers, response_body = response
    matches, said, phase, code, hostname, extra, flags = trailer
    host, user_agent, referer, content_type = hot(headers) if headers else COLD
    path, query = split_uri(uri)
    body = _request_body(sections) if _C in sections else None
    interrupted, interrupted_source, outcome = decide(said, "unknown", status, matches, "action_line")
    score = read_score(matches or ())
    lacks = headers is None, body is None and (headers is None or content_type is not None), matches is None
    return Event(
        raw=record,
        format=FORMAT,
        flags=flags,
        gaps=gaps_of(*lacks, interrupted_source, zone_source, ("no_status",) if status is None else ()),
        time=second * SECOND,
        time_original=time,
        zone_source=zone_source,
        transaction_id=transaction_id,
        client_address=client,
        client_port=client_port,
        server_address=server,
        server_port=server_port,
        server_name=None if hostname == server else hostname or None,
        host=host,
        request_line=line,
        method=method,
        protocol=protocol,
        uri=uri,
        path=path,
        query=query,
        request_headers=headers or (),
        request_body=body,
        body_kind="" if body is None else "raw",
        user_agent=user_agent,
        referer=referer,
        content_type=content_type,
        status=status,
        response_protocol=response_protocol,
        response_reason=reason,
        response_headers=response_headers,
        response_body=response_body,
        engine="ModSecurity",
        rulesets=rulesets_of(matches) if matches else (),
        matches=matches or (),
        attack_class=score.attack_class,
        interrupted=interrupted,
        interrupted_source=interrupted_source,
        action="deny" if said else "",
        action_phase=phase,
        action_status=code,
        extra=extra,
        outcome=outcome,
        score=score.score,
        score_source=score.score_source,
        score_outbound=score.outbound,
        threshold=score.threshold,
        points=score.points,
    )


def sections_of_record(record: bytes) -> dict[int, bytes]:
    """Return the sections of a record by letter, without prefix and without the line end before the next one.

    The boundary is that of the first line, and letters only rise: any other line of that kind is payload.
    This is what `reader.sections` does, at a tenth of its time.
    """
    first = record.partition(b"\n")[0]
    if first[-1:] == b"\r":
        record, first = record.replace(b"\r\n", b"\n").removesuffix(b"\r"), first[:-1]
    opening, prefix = first[-_OPENING_LENGTH:], first[:-_OPENING_LENGTH]
    if _OPENING.fullmatch(opening) is None:
        raise NotARecord("damaged", foreign=False)
    mark = b"\n" + prefix + opening[:14]
    parts = record.split(mark)
    if not prefix and record.count(_LEAD) >= len(parts) and is_spliced(record, V3):
        raise NotARecord("spliced", foreign=False)
    parts[0] = parts[0][len(mark) - 1 :]
    if not _are_sections(b",".join([part[:4] for part in parts])):
        parts = _mended(parts, mark)
    sections = {part[0]: part[4:] for part in parts}
    return {k: _without_prefix(k, body, prefix) for k, body in sections.items()} if prefix else sections


@lru_cache(maxsize=256)
def _are_sections(beginnings: bytes) -> bool:
    r"""Tell whether the beginnings of all parts, such as `A--\n,B--\n,Z--`, are those of sections in order."""
    letters = beginnings[::5]
    in_order = bytes(sorted(set(letters))) == letters and letters.isupper() and letters.endswith(b"Z")
    return in_order and b"\n,".join([b"%c--" % letter for letter in letters]) == beginnings


def _mended(parts: list[bytes], mark: bytes) -> list[bytes]:
    """Give back to a section the lines in it that look like separators; raises NotARecord without a Z line."""
    sections: list[bytes] = []
    letter = b""
    for part in parts:
        if letter < part[:1] <= b"Z" and (part[1:4] == b"--\n" or part[1:].rstrip(b"\n") == b"--"):
            letter = part[:1]
            sections.append(part)
        else:
            sections[-1] += mark + part
    if letter != b"Z":
        raise NotARecord("cut", foreign=False)
    return sections


def _without_prefix(letter: int, section: bytes, prefix: bytes) -> bytes:
    """Take SecAuditLogPrefix off the lines of a section; only the first line of a body has it, and the blank one."""
    if letter != _C:
        return (b"\n" + section).replace(b"\n" + prefix, b"\n")[1:]
    return section.removeprefix(prefix).removesuffix(b"\n" + prefix) + b"\n"


def _with_oddities(record: bytes, sections: dict[int, bytes], trailer: _Trailer) -> _Trailer:
    """Add what stands in sections that libmodsecurity leaves empty, and tell a record that is not as it was written."""
    extra, flags = trailer[-2:]
    filled = [k for k in _ALWAYS_EMPTY if sections.get(k, b"").strip()]
    if filled:
        extra += tuple([(chr(k), from_bytes(sections[k])) for k in filled])
        flags = (_UNKNOWN,)
    if b"-A--\r" in record[:_FIRST_LINE]:  # line ends were changed on the way
        flags = ("repaired", *flags)
    if not is_utf8(record):
        flags = ("invalid_utf8", *flags)
    return *trailer[:5], extra, flags


def _opening(
    section: bytes,
) -> tuple[int, ZoneSource, str, str, str | None, int | None, str | None, int | None]:
    """Read part A: second, how its zone is known, time as logged, transaction id, address and port of both ends."""
    fields = from_bytes(section.partition(b"\n")[0]).split(" ")
    if len(fields) != 7:
        raise NotARecord("damaged", foreign=False)
    first, zone, transaction_id, client, client_port, server, server_port = fields
    time = f"{first[1:]} {zone[:-1]}"
    zone_source: ZoneSource = "logged"
    second = _second(time)
    if second is None:
        second, zone_source = id_second(transaction_id), "unique_id"
        if second is None:
            raise NotARecord("no_time", foreign=False)
    ends = client or None, _port(client_port), server or None, _port(server_port)
    return second, zone_source, time, transaction_id, *ends


@lru_cache(maxsize=8192)
def _second(time: str) -> int | None:
    """Return the second of `24/Nov/2026:02:40:15 +0000`; None where it is none."""
    found = _TIME.fullmatch(time)
    if found is None or found[2] not in _MONTHS:
        return None
    day, year, hour, minute, second = (int(found[i]) for i in (1, 3, 4, 5, 6))
    try:
        local = timegm((year, _MONTHS[found[2]], day, hour, minute, second))
    except ValueError:
        return None
    east = int(found[8]) * 3600 + int(found[9]) * 60
    return local - east if found[7] == "+" else local + east


def _port(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else None


def _request(section: bytes) -> _Request:
    line, _, rest = section.partition(b"\n")
    text = from_bytes(line)
    return text, _headers(rest), *request_words(text)


def _response(sections: dict[int, bytes], *, answers: bool) -> _Response:
    """Read parts F and E; before 3.0.0, F had no status line, and the engine writes no reason."""
    body = None
    if _E in sections:
        body = unescape_long(sections[_E].partition(b"\n")[0]) if answers else ""
    section = sections.get(_F, b"")
    if not section.startswith(b"HTTP/"):
        return None, "", "", _headers(section), body
    line, _, rest = section.partition(b"\n")
    version, _, status = from_bytes(line[5:]).partition(" ")
    status, _, reason = status.partition(" ")
    known = status.isascii() and status.isdigit() and len(status) == 3
    return int(status) if known else None, version, reason, _headers(rest), body


def _headers(section: bytes) -> Headers:
    lines = from_bytes(section).rstrip("\n").split("\n")
    pairs = [line.partition(": ") for line in lines]
    if all(map(itemgetter(1), pairs)):
        return tuple([(name, value) for name, _, value in pairs])
    headers: list[tuple[str, str]] = []
    for name, mark, value in pairs:
        if mark or not headers:
            headers.append((name, value))
        else:  # a value with a line feed in it
            headers[-1] = headers[-1][0], f"{headers[-1][1]}\n{name}"
    return tuple(pair for pair in headers if any(pair))


def _request_body(sections: dict[int, bytes]) -> str:
    """Return the body of part C, which is written only where there is one, without the blank lines behind it.

    One ends the section; another one stands in the place of F where that part is not selected.
    """
    body = sections[_C]
    alone = _D not in sections and _E not in sections and _F not in sections
    return from_bytes(body[:-2] if alone and body.endswith(b"\n\n") else body.removesuffix(b"\n"))


def _trailer(section: bytes, target: str) -> _Trailer:
    matches: list[Match] = []
    denied: Line | None = None
    extra: list[tuple[str, str]] = []
    flags: tuple[str, ...] = ()
    line: Line | None = None
    for text in from_bytes(section).split("\n"):
        if not text:
            continue
        if not text.startswith(START):
            extra.append(("H", text))
            flags = (_UNKNOWN,)
            continue
        line = read_line(text, target)
        if line is None:
            line = read_remains(text)
            flags = (_UNKNOWN,)
        matches.append(line.match)
        if line.code is not None and denied is None:
            denied = line
    hostname = unescape(line.hostname) if line is not None else ""
    phase, code = (denied.match.phase, denied.code) if denied is not None else (None, None)
    return tuple(matches), denied is not None, phase, code, hostname, tuple(extra), flags

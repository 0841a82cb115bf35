r"""Coraza's lines in error logs (`err.coraza`): one line for each rule that fired, in whatever wrapper a connector has.

All lines of one transaction make one event.  The wrapper gives the time: zap and zerolog JSON, nginx style, Envoy,
Istio; a bare line has none, and is no event (formats specification, section 11.4).
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

import msgspec

from wafscope.event.model import Event, InterruptedSource, ZoneSource
from wafscope.event.rule import BLOCKING
from wafscope.event.text import from_bytes
from wafscope.reader.base import Context, NotARecord
from wafscope.reader.coraza_coercion import Int32, read_as
from wafscope.reader.coraza_event import Told, event_of, local_second, microseconds, moment, versions_of
from wafscope.reader.coraza_fired import Fired, matches_of_lines
from wafscope.reader.coraza_line import (
    CUT_BEFORE_3_2_1,
    NO_WORDS,
    SEVERITIES,
    Line,
    Rule,
    Words,
    make_rule,
    read_line,
)
from wafscope.reader.coraza_match import Reported, denies
from wafscope.reader.timestamps import SECOND

FORMAT = "err.coraza"

TELLS = {
    "blocked": "yes: the words of the line, for rules that log",
    "score": "yes: message of rule 949110, and the report 980170",
    "zone": "partly: where the wrapper writes an epoch or a zone",
    "request_headers": "no",
    "request_body": "no",
    "response_headers": "no",
    "response_body": "no",
    "matched_value": "partly: as far as the rule's logdata names it; cut at 280 bytes, 200 before 3.2.1",
    "rule_ids": "yes",
    "rule_text": "no",
    "files": "no",
    "stopwatch": "no",
    "engine_mode": "no",
    "bytes": "yes: as \\xHH",
}

_ID = b'[unique_id "'
_ID_IN_JSON = b'[unique_id \\"'
_ID_OF_SPOA = re.compile(rb'"unique_id": ?"([^"\\]*)"')
_RECORD = re.compile(rb'"transaction": ?\{')


def _holds_record(line: bytes) -> bool:
    """Tell a record of JSON, whatever stands before it: it begins before the first word about a rule."""
    return _RECORD.search(line, 0, line.find(b"Coraza: ")) is not None


def transaction_of(line: bytes) -> bytes | None:
    """Return the transaction id of a line that is Coraza's; None for any other.

    An empty id is one that the log has cut off or that was never set: such a line stands for itself.  The last
    id is the engine's: in what may follow it, a payload has a backslash before each quote, two more in JSON.
    """
    if b"unique_id" not in line:
        return b"" if b"] Coraza: " in line and b"[id " in line and not _holds_record(line) else None
    mark = _ID
    at = line.rfind(mark)
    if at < 0:
        mark = _ID_IN_JSON
        at = line.rfind(mark)
    if at >= 0:
        if b"Coraza: " not in line or _holds_record(line):
            return None
        start = at + len(mark)
        stop = line.find(mark[-1:] if mark is _ID else b"\\", start)
        return b"" if stop < 0 else line[start:stop]
    at = line.rfind(b'"unique_id":')
    if at >= 0 and b'"rule_id":' in line and b'"disruptive":' in line:
        found = _ID_OF_SPOA.match(line, at)
        return b"" if found is None else found[1]
    return None


class Wrapped(msgspec.Struct, frozen=True, gc=False):
    """A line without its wrapper: what it says, and when."""

    line: Line
    disruptive: bool | None = None
    """coraza-spoa's own flag: true for any rule with a disruptive action, `pass` too, while the engine is on."""
    written: str = ""
    time: int | None = None
    """Microseconds since the epoch; as if the time were UTC where no zone is written."""
    zoned: bool = False
    unix: bool = False


class SpoaMatch(msgspec.Struct, frozen=True, gc=False):
    """`match` of coraza-spoa's structured lines."""

    client: str = ""
    file: str = ""
    line: Int32 | None = None
    rule_id: Int32 | None = None
    revision: str = ""
    msg: str = ""
    data: str = ""
    severity: str = ""
    version: str = ""
    maturity: Int32 | None = None
    accuracy: Int32 | None = None
    tags: tuple[str, ...] | None = None
    server: str = ""
    uri: str = ""
    unique_id: str = ""
    disruptive: bool | None = None
    phase_id: Int32 | None = None


def read(lines: Sequence[bytes], context: Context) -> Event:
    """Read all lines of one transaction; raises NotARecord when none is Coraza's or none has a time."""
    found: list[Wrapped] = []
    flags: tuple[str, ...] = ()
    for line in lines:
        try:
            wrapped = _unwrap(line)
        except (ValueError, RecursionError):
            wrapped = None
        if wrapped is None:
            flags = ("unknown_line",)
        else:
            found.append(wrapped)
    if not found:
        raise NotARecord("not_json", foreign=True)
    return _build(b"\n".join(lines), found, flags, context)


def _build(raw: bytes, found: list[Wrapped], flags: tuple[str, ...], context: Context) -> Event:
    first = next((each for each in found if each.time is not None), found[0])
    line = first.line
    time = first.time
    zone_source: ZoneSource = "unix" if first.unix else "logged"
    gaps: tuple[str, ...] = ()
    if time is None:
        # A bare line: when its file was last written is all that is known, and the event says so.
        if not context.arrival:
            raise NotARecord("no_time", foreign=False)
        time, zone_source, gaps = context.arrival, "assumed", ("no_time",)
    elif not first.zoned:
        whole, zone_source = moment(_second_of(first.written), line.unique_id, None, context)
        time = whole + time % SECOND
    reported = matches_of_lines([Fired(w.line.words, w.line.rule, w.line.pairs) for w in found], cuts=CUT_BEFORE_3_2_1)
    flags += reported.flags()
    interrupted, said_by = _interrupted(found, reported)
    around = _around(line.rest)
    return event_of(
        Told(
            raw=raw,
            format=FORMAT,
            time=time,
            zone_source=zone_source,
            time_original=first.written,
            transaction_id=line.unique_id,
            client=line.client or around.client,
            server=line.hostname,
            host=around.host,
            method=around.method,
            protocol=around.protocol,
            uri=line.uri or around.uri,
            rulesets=versions_of(reported),
            reported=reported,
            interrupted=interrupted,
            said_by=said_by,
            flags=flags,
            gaps=gaps,
        )
    )


def _interrupted(found: list[Wrapped], reported: Reported) -> tuple[bool | None, InterruptedSource]:
    """Return whether the words of the lines tell of a block; in phase 5 they never do."""
    if denies(reported.denial):
        return True, "error_log"
    if any(w.line.words.action == "unknown" for w in found):
        return None, ""  # an action of a plugin: what it did, the line does not say
    disruptive = [w for w in found if w.disruptive]
    if not disruptive:
        return False, "error_log"
    if any(w.line.rule.rule_id in BLOCKING for w in disruptive):
        return True, "inferred"
    return None, ""


class Around(msgspec.Struct, frozen=True, gc=False):
    """What nginx (APISIX, OpenResty) writes behind a line."""

    client: str = ""
    method: str = ""
    uri: str = ""
    protocol: str = ""
    host: str | None = None


NOTHING_AROUND = Around()
_CLIENT = re.compile(r"(?:^|, )client: ([^,\s]+)")
_REQUEST = re.compile(r', request: "(\S+) (\S+) HTTP/([\d.]+)"')
_HOST = re.compile(r', host: "([^"]*)"')


def _around(rest: str) -> Around:
    if "client: " not in rest:
        return NOTHING_AROUND
    client, request, host = _CLIENT.search(rest), _REQUEST.search(rest), _HOST.search(rest)
    method, uri, protocol = request.groups() if request is not None else ("", "", "")
    return Around(client[1] if client else "", method, uri, protocol, host[1] if host else None)


def _unwrap(line: bytes) -> Wrapped | None:
    """Take the wrapper off a line; None where it holds no line of Coraza's that is whole."""
    line = line.strip()
    if line.startswith(b"{"):
        return _unwrap_json(line)
    text = from_bytes(line)
    found = read_line(text)
    if found is None:
        return None
    start = text.find('[client "')
    written, time, zoned = _find_time(text[: max(start, 0)])
    return Wrapped(found, None, written, time, zoned)


def _unwrap_json(line: bytes) -> Wrapped | None:
    top = _loads(line)
    if not isinstance(top, dict):
        return None
    written, time, zoned, unix = _json_time(top)
    match = top.get("match", top if "rule_id" in top else None)
    if isinstance(match, dict):
        spoa = read_as(msgspec.json.encode(match), SpoaMatch)[0]
        return Wrapped(_structured(spoa), bool(spoa.disruptive), written, time, zoned, unix)
    for name in ("msg", "message", "log"):
        text = top.get(name)
        if isinstance(text, str) and "Coraza: " in text:
            found = read_line(text)
            if found is not None:
                if time is None:
                    written, time, zoned = _find_time(text[: max(text.find('[client "'), 0)])
                return Wrapped(found, None, written, time, zoned, unix)
    return None


def _loads(line: bytes) -> Any:
    try:
        return msgspec.json.decode(line)
    except ValueError:
        return json.loads(from_bytes(line), strict=False)


def _structured(spoa: SpoaMatch) -> Line:
    """Return what the structured match of coraza-spoa says, as if it had been a line."""
    rest = Rule(None, spoa.file, spoa.line, spoa.revision, None, spoa.version, spoa.maturity, spoa.accuracy)
    rule = make_rule(spoa.rule_id, SEVERITIES.get(spoa.severity.lower()), spoa.tags or (), rest)
    words = Words(phase=spoa.phase_id) if spoa.phase_id else NO_WORDS
    pairs = ((spoa.msg, spoa.data),) if spoa.msg or spoa.data else ()
    return Line(words, rule, pairs, spoa.client, spoa.server, spoa.uri, spoa.unique_id)


_MOMENT = re.compile(
    r"(\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d:\d\d)(?:[.,](\d{1,9}))?(?: ?(Z|[+-]\d\d:?\d\d)(?![\d:]))?", re.ASCII
)
_JSON_TIMES = ("ts", "time", "timestamp", "@timestamp")
_LARGEST_EPOCH = 1 << 63


def _find_time(text: str) -> tuple[str, int | None, bool]:
    """Return the first time in a text as written, its microsecond, and whether it has a zone."""
    found = _MOMENT.search(text)
    if found is None:
        return "", None, False
    second = local_second(found[1])
    if second is None:
        return "", None, False
    fraction = int(found[2].ljust(6, "0")[:6]) if found[2] else 0
    zone = found[3]
    if zone and zone != "Z":
        offset = (int(zone[1:3]) * 60 + int(zone[-2:])) * 60
        second -= offset if zone[0] == "+" else -offset
    return found[0], second * SECOND + fraction, bool(zone)


def _second_of(written: str) -> str:
    """Return a time as written without its fraction."""
    return written[:19]


def _json_time(top: dict[str, Any]) -> tuple[str, int | None, bool, bool]:
    """Return time as written, its microsecond, whether it has a zone, and whether it is an epoch."""
    for name in _JSON_TIMES:
        value = top.get(name)
        if isinstance(value, str):
            written, time, zoned = _find_time(value)
            if time is not None:
                return written, time, zoned, False
        elif isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < _LARGEST_EPOCH:
            time = microseconds(value) if isinstance(value, int) else _of_float(value)
            if time is not None:
                return repr(value), time, True, True
    return "", None, False, False


def _of_float(value: float) -> int | None:
    """Return the microsecond of an epoch that zap writes as seconds with a fraction."""
    return round(value * SECOND) if value < 10**11 else microseconds(int(value))

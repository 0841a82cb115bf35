r"""Lines of ModSecurity 2 in the error log of Apache (`err.apache.v2`), all of one transaction.

    [Tue Nov 24 02:28:34.934870 2026] [security2:error] [pid 6495:tid 6534] [client 127.0.0.1:42982]
    [client 127.0.0.1] ModSecurity: MESSAGE [hostname "…"] [uri "…"] [unique_id "…"], referer: …

MESSAGE is that of part H, cut at 1023 bytes before `[hostname` is put behind it.  Apache escapes the line once
more, but no quotes.  So a client can imitate keys before the true ones, in the name of an argument, and behind
them, in its Referer header (formats specification, section 11.1).  The same lines of the nginx and IIS ports of
the engine are not escaped a second time (section 11.3).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from wafscope.event.model import Event
from wafscope.event.text import from_bytes
from wafscope.reader.base import Context, NotARecord
from wafscope.reader.facts import gaps_of
from wafscope.reader.v2_escape import V, is_utf8, unescape, unescape_apache
from wafscope.reader.v2_message import read_message
from wafscope.reader.v2_reported import reported_by
from wafscope.reader.v2_time import Logged, Moment, parse_error_log_time, settle
from wafscope.reader.verdict import decide

FORMAT = "err.apache.v2"

TELLS: dict[str, str] = {
    "blocked": "yes: a line says “Access denied”",
    "score": "yes: in the messages of the CRS rules that sum it up",
    "zone": "no: the transaction id proves it",
    "request_headers": "partly: the Referer",
    "request_body": "no",
    "response_headers": "no",
    "response_body": "no",
    "matched_value": "partly: only where the rule logs it, up to 512 bytes",
    "rule_ids": "yes",
    "rule_text": "no",
    "files": "no",
    "stopwatch": "no",
    "engine_mode": "no",
    "bytes": "yes: escaped twice, and exact",
}
"""What this format can and cannot tell, for the reference page."""

_MARK = b"ModSecurity: "
_ID = b'[unique_id "'
_ID_KEY = ' [unique_id "'
_HOSTNAME = ' [hostname "'
_LONGEST_ID = 128
_TAIL = re.compile(rf'(?: \[hostname "({V})"\])? \[uri "({V})"\] \[unique_id "({V})"\](?=\Z|, )', re.DOTALL)
_MOST_TAILS = 64
_TIME = re.compile(r"\[([A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:[^\]]{1,40}|\d{4}-\d\d-\d\d \d\d:[^\]]{1,40})\]")
_OF_APACHE = re.compile(r"\[(?:security2)?:[a-z]+\d?\] |\[pid \d")
"""ErrorLogFormat may put the virtual host before these."""
_CLIENT = re.compile(r"\[client ([^\]]*)\]")
_REFERER = ", referer: "
_NAMED_BY_CLIENT = re.compile(
    r"!?&?(?:ARGS|REQUEST_COOKIES|FILES|MULTIPART|MATCHED_VAR|XML|JSON|REQUEST_HEADERS_NAMES)"
)
"""Targets in whose names a client can write anything."""


class _Line(msgspec.Struct, frozen=True, gc=False):
    """One line taken apart."""

    prefix: str
    message: str
    hostname: str
    uri: str
    transaction_id: str
    suffix: str


def transaction_of(line: bytes) -> bytes | None:
    """Return the transaction id of a line of the engine; None for any other line, start-up notices too."""
    start = line.find(_MARK)
    if start < 0:
        return None
    at = line.find(_ID, start)
    if at < 0:
        return None
    if line.find(_ID, at + 1) >= 0:
        parted = _parted(line)
        return None if parted is None else _usable(parted.transaction_id.encode("utf-8", "surrogateescape"))
    at += len(_ID)
    end = line.find(b'"]', at)
    if end < 0 or line.startswith(b' [ref "', end + 2):  # libmodsecurity 3
        return None
    return _usable(line[at:end])


def _usable(transaction_id: bytes) -> bytes | None:
    return transaction_id if 0 < len(transaction_id) <= _LONGEST_ID and b" " not in transaction_id else None


def read(lines: Sequence[bytes], context: Context) -> Event:
    """Read all lines of one transaction; raises NotARecord where they are none."""
    parted = [line for line in map(_parted, lines) if line is not None]
    if not parted:
        raise NotARecord("damaged", foreign=False)
    first = parted[0]
    reported = reported_by(tuple([line.message for line in parted]))
    matches, score, denial = reported.matches, reported.score, reported.denial(None)
    status = None if denial is None else denial.status
    interrupted, interrupted_source, outcome = decide(denial is not None, "unknown", status, matches, "error_log")
    time_original, moment, written = _moment(parted, context)
    lacks = _LACKS[status is None] if time_original else (*_LACKS[status is None], "no_time")
    address, port = _client(first.prefix)
    path = unescape(first.uri)
    raw = b"\n".join(lines)
    return Event(
        raw=raw,
        format=FORMAT,
        flags=_flags(raw, cut=reported.cut, odd=len(parted) < len(lines)),
        gaps=gaps_of(True, True, False, interrupted_source, moment.zone_source, lacks),  # noqa: FBT003
        time=moment.time,
        time_original=time_original,
        time_logged=written,
        zone_source=moment.zone_source,
        transaction_id=first.transaction_id,
        client_address=address,
        client_port=port,
        server_name=unescape(first.hostname) or None,
        uri=path,
        path=path,
        referer=_referer(first.suffix),
        status=status,
        engine="ModSecurity",
        connector="Apache" if _is_of_apache(first.prefix) else "",
        rulesets=tuple(dict.fromkeys([match.version for match in matches if match.version])),
        matches=matches,
        attack_class=score.attack_class,
        interrupted=interrupted,
        interrupted_source=interrupted_source,
        action="" if denial is None else denial.action,
        action_phase=None if denial is None else denial.phase,
        action_status=status,
        action_message="" if denial is None else denial.said,
        outcome=outcome,
        score=score.score,
        score_source=score.score_source,
        score_outbound=score.outbound,
        threshold=score.threshold,
        points=score.points,
    )


_LACKS: dict[bool, tuple[str, ...]] = {True: ("no_request", "no_status"), False: ("no_request",)}
"""By whether no line says with which status the engine answered."""


def _parted(line: bytes) -> _Line | None:
    """Take one line apart; None when it is none of the engine's."""
    line = line.rstrip(b"\r\n")
    text = from_bytes(unescape_apache(line) if _is_of_apache(line[:_LONGEST_ID].decode("latin-1")) else line)
    mark = _MARK.decode()
    start = text.find(mark)
    if start < 0:
        return None
    begin = start + len(mark)
    tail = _tail(text, begin)
    if tail is None:
        return None
    return _Line(text[:start], text[begin : tail.start()], tail[1] or "", tail[2], tail[3], text[tail.end() :])


def _tail(text: str, begin: int) -> re.Match[str] | None:
    """Find the keys that the engine puts behind its message.

    Where a client put some of its own, either its Referer holds them, behind the true ones, or the name of the
    target, before them.
    """
    at = text.find(_ID_KEY, begin)
    if text.find(_ID_KEY, at + 1) < 0:
        host = text.rfind(_HOSTNAME, begin, max(at, begin))
        found = _TAIL.match(text, host) if host >= 0 else None
        if found is not None:
            return found
    tails = [tail for tail, _ in zip(_TAIL.finditer(text, begin), range(_MOST_TAILS), strict=False)]
    if not tails:
        return None
    named_by_client = len(tails) > 1 and _NAMED_BY_CLIENT.match(read_message(text[begin : tails[0].start()]).target)
    return tails[-1] if named_by_client else tails[0]


def _flags(raw: bytes, *, cut: bool, odd: bool) -> tuple[str, ...]:
    found = {"invalid_utf8": not is_utf8(raw), "cut_message": cut, "unknown_line": odd}
    return tuple([flag for flag, is_so in found.items() if is_so])


def _time_of(prefix: str) -> str:
    """Return the time a line begins with: in brackets by Apache, bare by nginx."""
    found = _TIME.search(prefix)
    return found[1] if found is not None else prefix[:19]


def _is_of_apache(line: str) -> bool:
    """Tell a line of Apache by its beginning; in the event log of Windows, a line begins with the client."""
    return (line.startswith("[") and not line.startswith("[client ")) or _OF_APACHE.search(line) is not None


def _moment(lines: list[_Line], context: Context) -> tuple[str, Moment, int | None]:
    """Return the time as logged, when the transaction began, and when its last line was written.

    Through syslog, Apache writes no time: then that of the file is near it, and tells whether the id holds the second.
    """
    original = _time_of(lines[0].prefix)
    logged, last = parse_error_log_time(original), parse_error_log_time(_time_of(lines[-1].prefix))
    if logged is None and context.arrival:
        moment = settle(Logged(context.arrival, 0), lines[0].transaction_id, None, context)
        known = moment.zone_source == "unique_id"
        return "", moment if known else msgspec.structs.replace(moment, zone_source="assumed"), None
    moment = settle(logged, lines[0].transaction_id, None, context)
    if logged is None or last is None:
        return original, moment, moment.logged
    return original, moment, _written(moment.logged, last.local - logged.local)


def _written(logged: int | None, later: int) -> int | None:
    return None if logged is None else logged + later


def _client(prefix: str) -> tuple[str | None, int | None]:
    """Return address and port: Apache 2.4 writes both, and from 2.9.1 on the engine the address alone behind it."""
    clients = _CLIENT.findall(prefix)
    if not clients:
        return None, None
    first, last = clients[0], clients[-1]
    address, mark, port = first.rpartition(":")
    has_port = mark != "" and port.isascii() and port.isdigit() and len(port) < 6
    if len(clients) > 1:
        return last, int(port) if has_port and address == last else None
    if has_port and (":" not in address or "." in _time_of(prefix)):
        return address, int(port)
    return first, None


def _referer(suffix: str) -> str | None:
    return suffix.removeprefix(_REFERER) if suffix.startswith(_REFERER) else None

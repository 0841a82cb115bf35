"""What all Coraza readers conclude in the same way, and the event they end in.

Each reader says what its record tells (`Told`); here stand the verdict, the score and the gaps
(formats specification, sections 8.7, 9 and 10).
"""

from __future__ import annotations

import re
from calendar import timegm
from functools import lru_cache

import msgspec

from wafscope.event.model import EngineMode, Event, File, Headers, InterruptedSource, Match, Outcome, ZoneSource
from wafscope.reader.base import Context, NotARecord
from wafscope.reader.coraza_line import NO_WORDS
from wafscope.reader.coraza_match import NOTHING_REPORTED, Reported
from wafscope.reader.facts import COLD, date_of, gaps_of, hot, split_uri
from wafscope.reader.timestamps import SECOND, resolve
from wafscope.reader.verdict import Score, action_of, decide, exceeds, read_score

_LONGEST_DURATION = 1 << 31


class Told(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What one record tells, in the words of `Event`; None where its part is not logged."""

    raw: bytes
    format: str
    time: int
    zone_source: ZoneSource
    time_original: str = ""
    time_logged: int | None = None
    duration: int | None = None
    phases: tuple[tuple[str, int], ...] = ()
    transaction_id: str = ""
    client: str = ""
    client_port: int = 0
    server: str = ""
    server_port: int = 0
    server_name: str = ""
    host: str | None = None
    """Host header, where it stands outside of the headers."""
    request_line: str = ""
    method: str = ""
    protocol: str = ""
    uri: str = ""
    request_headers: Headers | None = None
    request_body: str | None = None
    files: tuple[File, ...] = ()
    status: int | None = None
    """0 where the engine wrote a zero: no status was known to it."""
    response_protocol: str = ""
    response_reason: str = ""
    response_headers: Headers | None = None
    response_body: str | None = None
    connector: str = ""
    mode: EngineMode = "unknown"
    rulesets: tuple[str, ...] = ()
    server_software: str = ""
    handler: str = ""
    reported: Reported = NOTHING_REPORTED
    rule_texts: tuple[str, ...] = ()
    interrupted: bool | None = None
    """The record's own word, and in `said_by` what kind of word it is."""
    said_by: InterruptedSource = "flag"
    flags: tuple[str, ...] = ()
    gaps: tuple[str, ...] = ()
    """Gaps of this format or record beyond those that follow from what is None."""
    error_messages: tuple[str, ...] = ()
    extra: tuple[tuple[str, str], ...] = ()


def event_of(told: Told) -> Event:
    """Make the event of what a record tells."""
    matches, denial = told.reported.matches, told.reported.denial
    headers = told.request_headers
    host, user_agent, referer, content_type = hot(headers) if headers else COLD
    interrupted, source, outcome = verdict_of(told.interrupted, told.said_by, told.mode, told.status, matches)
    done = denial if interrupted else NO_WORDS
    score = _score(told)
    path, query = split_uri(told.uri)
    no_body = told.request_body is None and may_have_body(headers)
    gaps = gaps_of(
        headers is None,
        no_body,
        matches is None,
        source,
        told.zone_source,
        gaps_beyond(told.gaps, told.method or told.uri, told.status),
    )
    # By place, in the order of the model: by name, it would take three times as long.
    return Event(
        told.raw, told.format, told.flags, gaps,
        told.time, told.time_original, told.time_logged, told.duration, told.phases, told.zone_source,
        told.transaction_id, told.client or None, port_of(told.client_port),
        told.server or None, port_of(told.server_port), told.server_name or None, None,
        told.host if host is None else host,
        told.request_line, told.method, told.protocol, told.uri, path, query,
        headers or (), told.request_body, "", told.files, user_agent, referer, content_type,
        told.status or None, told.response_protocol, told.response_reason, told.response_headers or (),
        told.response_body, "Coraza", "", told.connector, told.mode, told.rulesets, told.server_software, told.handler,
        None, None, None, matches or (), score.attack_class,
        interrupted, source, action_of(done.action, interrupted), done.phase, done.status, "",
        told.error_messages, (), told.rule_texts, told.extra,
        outcome, score.score, score.score_source, score.outbound, score.threshold, score.points,
    )  # fmt: skip


def verdict_of(
    said: bool | None,  # noqa: FBT001 - what the record says
    said_by: InterruptedSource,
    mode: EngineMode,
    status: int | None,
    matches: tuple[Match, ...] | None,
) -> tuple[bool | None, InterruptedSource, Outcome]:
    """Return interrupted, how it is known, and the outcome.

    Without a word of its own, a record of an engine that is on counts as blocked when it has status 0 (the
    connector stopped before the response phases) or when a blocking rule fired (section 9).
    """
    if said is None and mode not in {"detection_only", "off"}:
        if status == 0:
            said, said_by = True, "status_zero"
        elif mode == "on":
            said, said_by = matches is not None and any(map(exceeds, matches)), "inferred"
    return decide(said, mode, status, matches, said_by)


def _score(told: Told) -> Score:
    score = read_score(told.reported.matches or ())
    if score.score_source == "computed" and "no_rule_ids" in told.gaps:
        # Texts alone have no severity: a sum of them would be a guess.
        return msgspec.structs.replace(score, score=None, score_source="")
    return score


def gaps_beyond(gaps: tuple[str, ...], request: str, status: int | None) -> tuple[str, ...]:
    """Return gaps with those of a record without a request line (`request` is a part of it) or without a status."""
    if not request:
        gaps = (*gaps, "no_request")
    return gaps if status else (*gaps, "no_status")


def may_have_body(headers: Headers | None) -> bool:
    """Tell whether a request can have had a body: one without it says so by what its headers lack.

    Coraza writes the names of headers in lower case.
    """
    if headers is None:
        return True
    for name, value in headers:  # noqa: SIM110 - a generator takes longer than the loop
        if name == "transfer-encoding" or (name == "content-length" and value != "0"):
            return True
    return False


def port_of(number: int) -> int | None:
    """Return a port that can be one."""
    return number if 0 < number < 1 << 16 else None


def http_version(text: str) -> str:
    """Return `1.1` of `HTTP/1.1`."""
    return text[5:] if text[:5].upper() == "HTTP/" else text


def whole_duration(microseconds: int) -> int | None:
    """Return a duration that the model can hold."""
    return microseconds if 0 <= microseconds < _LONGEST_DURATION else None


def microseconds(number: int) -> int | None:
    """Return microseconds of a time since the epoch in nanoseconds, as Coraza writes it.

    Numbers too small for that are taken for what their size allows: micro-, milliseconds or seconds.
    """
    if number >= 10**17:
        return number // 1000 if number < 10**20 else None
    if number >= 10**14:
        return number
    if number >= 10**11:
        return number * 1000
    return number * SECOND if number > 0 else None


_FIRST_YEAR = 1970
_LOCAL = re.compile(r"(\d{4})[/-](\d\d)[/-](\d\d)[T ](\d\d):(\d\d):(\d\d)")


@lru_cache(maxsize=8192)
def local_second(text: str) -> int | None:
    """Return `2026/11/24 02:43:49` as seconds since the epoch as if it were UTC; None when it is none."""
    found = _LOCAL.fullmatch(text)
    if found is None:
        return None
    year, month, day, hour, minute, second = map(int, found.groups())
    if not (1 <= month <= 12 and 1 <= day <= 31 and hour < 24 and minute < 60 and second <= 60 and year >= _FIRST_YEAR):
        return None
    return timegm((year, month, day, hour, minute, second))


def moment(text: str, transaction_id: str, response: Headers | None, context: Context) -> tuple[int, ZoneSource]:
    """Return the microsecond of a local time and how its zone is known; raises NotARecord without any time."""
    found = _resolved(local_second(text), transaction_id, date_of(response), context)
    if found is None:
        raise NotARecord("no_time", foreign=False)
    return found[0] * SECOND, found[1]


def _resolved(
    local: int | None, transaction_id: str, date: str | None, context: Context
) -> tuple[int, ZoneSource] | None:
    try:
        return resolve(local, transaction_id, date, context.zone, context.collector_zone)
    except (OverflowError, ValueError, OSError):
        return None  # a year that no calendar has


_USUAL = re.compile(
    r"[0-9]+ ([0-9]+); combined=([0-9]+), p1=([0-9]+), p2=([0-9]+), p3=([0-9]+), p4=([0-9]+), p5=([0-9]+)"
)
_LONGEST_USUAL = 160
"""Longer than eight numbers of the size that nanoseconds have."""
_STOPWATCH = re.compile(r"\d{1,20} (\d{1,18});(.*)", re.DOTALL)
_PHASE = re.compile(r"([A-Za-z]\w*)=(\d{1,18})")


def stopwatch(text: str, *, whole: bool = True) -> tuple[int | None, tuple[tuple[str, int], ...]]:
    """Return duration and phases in microseconds of `START_NS DURATION_NS; combined=…, p1=…` (nanoseconds).

    If not `whole`, the phases may be left out.
    """
    usual = _USUAL.fullmatch(text) if len(text) <= _LONGEST_USUAL else None
    if usual is not None and not whole:
        return whole_duration(int(usual[1]) // 1000), ()
    if usual is not None:
        duration, combined, p1, p2, p3, p4, p5 = map(int, usual.groups())
        return whole_duration(duration // 1000), (
            ("combined", combined // 1000),
            ("p1", p1 // 1000),
            ("p2", p2 // 1000),
            ("p3", p3 // 1000),
            ("p4", p4 // 1000),
            ("p5", p5 // 1000),
        )
    found = _STOPWATCH.match(text)
    if found is None:
        return None, ()
    phases = tuple([(name, int(number) // 1000) for name, number in _PHASE.findall(found[2])])
    return whole_duration(int(found[1]) // 1000), phases


MODES: dict[str, EngineMode] = {"On": "on", "DetectionOnly": "detection_only", "Off": "off"}

_BACKSLASH = ord("\\")
_REPLACEMENT = "\ufffd".encode()
_FIRST_OF_REPLACEMENT = _REPLACEMENT[:1]
_REPLACEMENT_ESCAPE = b"ufffd"


def has_replacements(line: bytes) -> bool:
    r"""Tell a JSON record in which bytes were lost: Go writes what is not UTF-8 as `\ufffd` (section 8.2)."""
    # A single byte is found three times as fast as several; these five, without the backslash, from the end.
    if _FIRST_OF_REPLACEMENT in line and _REPLACEMENT in line:
        return True
    at = line.rfind(_REPLACEMENT_ESCAPE)
    while at >= 0:
        if is_escaped(line, at):
            return True  # else it has no backslash, or one that is itself escaped: the client sent these characters
        at = line.rfind(_REPLACEMENT_ESCAPE, 0, at)
    return False


def is_escaped(line: bytes, at: int) -> bool:
    """Tell a character of JSON whose backslash is not escaped itself."""
    before = at
    while before > 0 and line[before - 1] == _BACKSLASH:
        before -= 1
    return (at - before) % 2 == 1


def versions_of(reported: Reported) -> tuple[str, ...]:
    """Return the rule sets that the matches name, where no producer is logged."""
    return tuple(dict.fromkeys(m.version for m in reported.matches or () if m.version))

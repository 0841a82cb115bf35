"""The event of one record of ModSecurity 2, whether it was written as sections or as JSON.

What the parts mean: formats specification, sections 2 and 3; blocked or not: section 9.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Annotated, Literal

import msgspec

from wafscope.event.model import Action, EngineMode, Event, File, Headers, InterruptedSource, Match, ZoneSource
from wafscope.reader.base import Context
from wafscope.reader.facts import COLD, gaps_of, hot, split_uri
from wafscope.reader.v2_escape import V, unescape
from wafscope.reader.v2_reported import reported_by
from wafscope.reader.v2_sentence import Sentence, operator_in
from wafscope.reader.v2_time import parse_time, settle
from wafscope.reader.verdict import action_of, decide

Names = tuple[str, ...]
Int32 = Annotated[int, msgspec.Meta(gt=-(1 << 31), lt=1 << 31)]
BodyKind = Literal["raw", "fake_multipart", ""]

_MODES: dict[str, EngineMode] = {"ENABLED": "on", "DETECTION_ONLY": "detection_only", "DISABLED": "off"}
_LONGEST_DURATION = 1 << 31
_PRODUCER = re.compile(r"(ModSecurity) for ([^/]+?)(?: \([^)/]*\))?/(\S+)")
_OWN = re.compile(
    r'(?:\[file "[^"]*"\] )?(?:\[line \d+\] )?(?:\[level \d+\] )?(?:\[status \d+\] )?'
    r"(?:\[client [^\]]*\] )?ModSecurity: "
)
"""How a copy of the engine's own message begins among those of the web server (from 2.9.1 on)."""
_OWN_FILE = '[file "apache2_util.c"] '
"""The source file of the engine from which it writes to the error log."""
_RULE = re.compile(rf'Sec\w+ (?:"{V}" )*"({V})"', re.DOTALL)
_RULE_ID = re.compile(r"(?:^|,)id:'?(\d{1,10})(?='?(?:,|$))", re.ASCII)
_RULE_PHASE = re.compile(r"(?:^|,)phase:([1-5])(?=,|$)", re.ASCII)
_LONGEST_CACHED = 4096
_MOST_INTEGER = 1 << 31
_UNKNOWN_TYPE = "<Unknown "
"""`<Unknown ContentType>` in the native format, `<Unknown Content-Type>` in JSON."""
_BY_SENTENCE = frozenset({"", "Pm"})
"""Operators that the sentence does not tell for certain, where the text of the rule does."""


class Transaction(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """Part A: the transaction.  In JSON, its members have these names."""

    time: str = ""
    transaction_id: str = ""
    remote_address: str | None = None
    remote_port: Int32 | None = None
    local_address: str | None = None
    local_port: Int32 | None = None


class Asked(msgspec.Struct, frozen=True, gc=False):
    """Parts B, C, I and J: the request; None where a part is not logged."""

    line: str | None = None
    headers: Headers | None = None
    body: str | None = None
    fake_body: str | None = None
    files: tuple[File, ...] = ()


class Answered(msgspec.Struct, frozen=True, gc=False):
    """Parts F and E: the response; None where a part is not logged."""

    protocol: str = ""
    status: int | None = None
    reason: str = ""
    headers: Headers | None = None
    body: str | None = None


class Trailer(msgspec.Struct, frozen=True, gc=False):
    """Parts H and K."""

    messages: Names = ()
    errors: Sequence[str] = ()
    interrupted: bool = False
    phase: int | None = None
    said: str = ""
    """Why the request was interrupted, in the engine's words; "" where the record leaves it to the messages."""
    said_by: InterruptedSource = "flag"
    start: int | None = None
    duration: int | None = None
    phases: tuple[tuple[str, int], ...] = ()
    producer: Names = ()
    mode: str = ""
    server_software: str = ""
    handler: str = ""
    sensor: str | None = None
    application: str | None = None
    session: str | None = None
    user: str | None = None
    sanitised: tuple[tuple[str, Names], ...] = ()


class Record(msgspec.Struct, frozen=True, gc=False):
    """A record as its format has it; `trailer` is None where part H is not logged."""

    format: str
    transaction: Transaction
    asked: Asked
    answered: Answered
    trailer: Trailer | None
    rules: Sequence[str] = ()
    """Part K: the text of each rule that matched, links of a chain on lines of their own."""
    flags: Names = ()
    extra: tuple[tuple[str, str], ...] = ()


def build(raw: bytes, record: Record, context: Context) -> Event:
    """Make the event of a record; raises NotARecord when it tells no time at all."""
    transaction, asked, answered = record.transaction, record.asked, record.answered
    trailer = record.trailer or _NO_TRAILER
    reported = reported_by(trailer.messages)
    matches, score = reported.matches, reported.score
    flags = (*record.flags, "cut_message") if reported.cut else record.flags
    rule_texts: Names = ()
    if record.rules:
        matches, rule_texts = _with_rule_texts(matches, record.rules)
    mode = _MODES.get(trailer.mode, "unknown")
    denial = reported.denial(trailer.phase) if reported.denials and mode != "detection_only" else None
    decided = decide if matches else _decide_without
    interrupted, interrupted_source, outcome = decided(
        None if record.trailer is None else trailer.interrupted or denial is not None,
        mode,
        answered.status,
        None if record.trailer is None else matches,
        trailer.said_by,
    )
    moment = settle(parse_time(transaction.time), transaction.transaction_id, trailer.start, context)
    host, user_agent, referer, content_type = hot(asked.headers) if asked.headers else COLD
    method, uri, protocol = request_words(asked.line) if asked.line else ("", "", "")
    path, query = split_uri(uri)
    engine, engine_version, connector, rulesets = producer_of(trailer.producer)
    body = asked.fake_body if asked.body is None else asked.body
    kind: BodyKind = "" if body is None else "fake_multipart" if asked.body is None else "raw"
    action, phase, status = _action(interrupted, denial, trailer.phase)
    # By place, in the order of the model: by name, it would take a tenth of all reading.
    return Event(
        raw, record.format, flags, _gaps(record, body, interrupted_source, moment.zone_source),
        moment.time, transaction.time, moment.logged, trailer.duration, trailer.phases, moment.zone_source,
        transaction.transaction_id, transaction.remote_address, transaction.remote_port,
        transaction.local_address, transaction.local_port, None, trailer.sensor, host,
        asked.line or "", method, protocol, uri, path, query,
        asked.headers or (), body, kind, asked.files, user_agent, referer, content_type,
        answered.status, answered.protocol.removeprefix("HTTP/"), answered.reason, answered.headers or (),
        answered.body, engine, engine_version, connector, mode, rulesets, trailer.server_software, trailer.handler,
        trailer.user, trailer.session, trailer.application, matches, score.attack_class,
        interrupted, interrupted_source, action, phase, status,
        trailer.said or ("" if denial is None else denial.said),
        _errors(trailer.errors) if context.whole and trailer.errors else (),
        trailer.sanitised, rule_texts, record.extra,
        outcome, score.score, score.score_source, score.outbound, score.threshold, score.points,
    )  # fmt: skip


def _errors(errors: Sequence[str]) -> Names:
    """Return the messages of the web server without copies of the engine's own."""
    return tuple([text for text in errors if not (text.startswith(_OWN_FILE) or _OWN.match(text))])


_decide_without = lru_cache(maxsize=256)(decide)
"""Without a match, which is how many records are, there is little to decide from."""


def _gaps(record: Record, body: str | None, interrupted_source: InterruptedSource, zone_source: ZoneSource) -> Names:
    asked, no_status = record.asked, record.answered.status is None
    more = _MORE_GAPS[asked.line is None, no_status]
    no_body = body is None and _may_have_body(asked.headers)
    return gaps_of(asked.headers is None, no_body, record.trailer is None, interrupted_source, zone_source, more)


_MORE_GAPS: dict[tuple[bool, bool], Names] = {
    (False, False): (),
    (True, False): ("no_request",),
    (False, True): ("no_status",),
    (True, True): ("no_request", "no_status"),
}
"""By whether request line and status are missing."""


def _action(
    interrupted: bool | None,  # noqa: FBT001 - what the record says
    denial: Sentence | None,
    phase: int | None,
) -> tuple[Action, int | None, int | None]:
    """Return the action that was carried out, its phase and its status."""
    if denial is None:
        return action_of("", interrupted), phase, None
    return denial.action, denial.phase, denial.status


_NO_TRAILER = Trailer()


def request_words(line: str) -> tuple[str, str, str]:
    """Return method, URI and version of a request line; an HTTP/0.9 one has no version."""
    method, _, rest = line.partition(" ")
    uri, mark, version = rest.rpartition(" HTTP/")
    return (method, uri, version) if mark else (method, rest, "")


@lru_cache(maxsize=256)
def producer_of(producer: Names) -> tuple[str, str, str, Names]:
    """Return engine, version, connector and rule sets of `ModSecurity for Apache/2.9.7 (…)`, `OWASP_CRS/3.3.4`, …."""
    if not producer:
        return "ModSecurity", "", "", ()
    found = _PRODUCER.match(producer[0])
    if found is None:
        return "ModSecurity", "", "", producer
    return found[1], found[3], found[2], producer[1:]


def duration_of(microseconds: int) -> int | None:
    """Return a duration as the event has it."""
    return microseconds if 0 <= microseconds < _LONGEST_DURATION else None


def uploaded(size: int | None, name: str, content_type: str) -> File:
    """Return an uploaded file as part J names it; its type is often written as unknown where the client named one."""
    return File(unescape(name), size, "" if content_type.startswith(_UNKNOWN_TYPE) else unescape(content_type))


def _may_have_body(headers: Headers | None) -> bool:
    """Tell a request that may have had a body: only then does its absence say anything about the log."""
    if headers is None:
        return True
    for name, value in headers:
        if len(name) == 14 and name.lower() == "content-length" and value != "0":
            return True
        if len(name) == 17 and name.lower() == "transfer-encoding":
            return True
    return False


def _with_rule_texts(matches: tuple[Match, ...], rules: Sequence[str]) -> tuple[tuple[Match, ...], Names]:
    """Give each match the text of its rule; return the texts that belong to none too.

    A rule stands in part K once for each of its matches, in the same order.
    """
    wanted = {match.rule_id for match in matches if match.rule_id is not None}
    texts: dict[int, list[str]] = {}
    others: list[str] = []
    for rule in rules:
        rule_id = _rule(rule)[0]
        if rule_id is not None and rule_id in wanted:
            texts.setdefault(rule_id, []).append(rule)
        else:
            others.append(rule)
    given: dict[int, int] = {}
    found: list[Match] = []
    for match in matches:
        mine = texts.get(match.rule_id) if match.rule_id is not None else None
        if match.rule_id is None or mine is None:
            found.append(match)
            continue
        place = given.get(match.rule_id, 0)
        given[match.rule_id] = place + 1
        found.append(_with_rule_text(match, mine[min(place, len(mine) - 1)]))
    return tuple(found), tuple(others)


def _with_rule_text(match: Match, rule: str) -> Match:
    """Give a match the text of its rule, and what only that tells: the operator for certain, and the phase."""
    _, phase, operator = _rule(rule)
    if match.operator not in _BY_SENTENCE or match.negated or not operator:
        operator = match.operator
    return msgspec.structs.replace(
        match, rule_text=rule, operator=operator, phase=phase if match.phase is None else match.phase
    )


def _rule(text: str) -> tuple[int | None, int | None, str]:
    """Return id, phase and operator of a rule as part K writes it."""
    return _cached_rule(text) if len(text) <= _LONGEST_CACHED else _read_rule(text)


def _read_rule(text: str) -> tuple[int | None, int | None, str]:
    first = _RULE.fullmatch(text.partition("\n")[0])  # of a chain, the first link has id and phase
    actions = first[1] if first is not None else ""
    rule_id, phase = _RULE_ID.search(actions), _RULE_PHASE.search(actions)
    number = int(rule_id[1]) if rule_id is not None else _MOST_INTEGER
    return (
        number if number < _MOST_INTEGER else None,
        int(phase[1]) if phase is not None else None,
        operator_in(text),
    )


_cached_rule = lru_cache(maxsize=4096)(_read_rule)

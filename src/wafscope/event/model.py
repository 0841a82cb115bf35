"""The event model: what every reader fills, whatever the log format.

Names follow the project's vocabulary; texts off the wire follow `event.text` (no byte is lost).
A value that the log does not hold is None, never a guess; what was concluded has a `…_source` beside it.
"""

from __future__ import annotations

from typing import Literal

import msgspec

Headers = tuple[tuple[str, str], ...]
"""Header lines in the order logged: (name, value), repeated names repeated, case as logged."""

ZoneSource = Literal["logged", "unix", "unique_id", "date_header", "configured", "assumed"]
"""Where the zone of `time` comes from; `assumed` means UTC for want of anything better."""

EngineMode = Literal["on", "detection_only", "off", "unknown"]

InterruptedSource = Literal["flag", "action_line", "error_log", "status_zero", "inferred", "mode", ""]
"""How `interrupted` is known; `inferred` follows the heuristic for logs without a flag."""

Outcome = Literal["blocked", "would_block", "below", "no_match", "unknown"]
"""What the engine did: stopped it, would have stopped it, saw matches below the threshold, saw nothing."""

AttackClass = Literal["policy", "scanner", "sqli", "xss", "exec", "file", "protocol", "other"]

Action = Literal["deny", "drop", "redirect", "proxy", "allow", "pass", "pause", "unknown", ""]
"""What a rule asked for, in the engine's words; "" where the log holds no word about it."""


class Value(msgspec.Struct, frozen=True, gc=False):
    """A further matched value of a rule that fired once: the next value, or a link of its chain."""

    target: str = ""
    value: str = ""
    message: str = ""
    data: str = ""


class File(msgspec.Struct, frozen=True, gc=False):
    """An uploaded file, as part J or its like names it."""

    name: str
    size: int | None = None
    content_type: str = ""


class Match(msgspec.Struct, frozen=True, gc=False):
    """One rule that fired in an event."""

    rule_id: int | None = None
    message: str = ""
    data: str = ""
    """The rule's logdata, such as `Matched Data: … found within ARGS:q: …`."""
    target: str = ""
    """Variable and key the rule looked at: `ARGS:q`, `REQUEST_HEADERS:User-Agent`."""
    operator: str = ""
    """Operator name without `@`: `Rx`, `PmFromFile`, `detectSQLi`."""
    parameter: str = ""
    value: str = ""
    """The value of the target as logged; the engine escapes and cuts it (100 characters in v3)."""
    justification: str = ""
    """The engine's own sentence, unparsed."""
    reference: str = ""
    """v3: offsets of operator matches and variables, and the transformations that ran."""
    severity: int | None = None
    """0 (emergency) to 7 (debug); None where unset or where the log cannot tell unset from emergency."""
    file: str = ""
    line: int | None = None
    tags: tuple[str, ...] = ()
    revision: str = ""
    version: str = ""
    maturity: int | None = None
    accuracy: int | None = None
    bookkeeping: bool = False
    """True for a rule that only sums or reports points (949110, 980130 …)."""
    points: int = 0
    """Anomaly points that it added, by severity as CRS ships them (5, 4, 3, 2), in Coraza for each value; 0 for
    bookkeeping rules, and for those that come with an engine."""
    attack_class: AttackClass = "other"
    negated: bool = False
    """True for an operator with `!` in front of it."""
    phase: int | None = None
    action: Action = ""
    others: tuple[Value, ...] = ()
    """Further matched values, where the log has an entry for each; the first one is the match's own."""
    rule_text: str = ""
    """The rule as written in the configuration (part K), chain links on lines of their own."""
    cut: bool = False
    """True where the engine cut the entry, so that tags or other keys may be missing."""


class Event(msgspec.Struct, frozen=True, gc=False):
    """One audit-log record: one HTTP transaction as the engine logged it."""

    raw: bytes
    """The record as the engine wrote it, without line end and container prefix."""
    format: str
    """Format id, such as `v3.json`."""
    flags: tuple[str, ...] = ()
    """What was odd about the record: `invalid_utf8`, `lone_surrogate`, `wrong_type`, `repaired`, `interleaved`,
    `cut_message`, `replacement_characters`, `unknown_line`."""
    gaps: tuple[str, ...] = ()
    """What this record cannot tell: `no_headers`, `no_messages`, `no_body`, `no_blocked_flag`, `zone_assumed`,
    `no_rule_ids`, `no_match_details`, `no_request`, `no_status`, `no_time`; `masked`: a value that a
    rule matched was masked, so that the event can not be replayed; `sampled`: the record was not kept
    (`event/outline.py`)."""

    time: int = 0
    """Start of the transaction, microseconds since the epoch, UTC."""
    time_original: str = ""
    time_logged: int | None = None
    """When the record was written, microseconds since the epoch, where that is not the start (v2, OCSF)."""
    duration: int | None = None
    """Microseconds from the start to the writing of the record; None from 2**31 on."""
    phases: tuple[tuple[str, int], ...] = ()
    """Stopwatch: microseconds by name as logged (`p1` … `p5`, `sr`, `sw`, `l`, `gc`, `combined`)."""
    zone_source: ZoneSource = "assumed"
    transaction_id: str = ""

    client_address: str | None = None
    client_port: int | None = None
    server_address: str | None = None
    server_port: int | None = None
    server_name: str | None = None
    """The virtual host the engine names (v3 >= 3.0.15 `request.hostname`)."""
    server_id: str | None = None
    host: str | None = None
    """The Host header exactly as sent; None where there was none or part B is not logged."""

    request_line: str = ""
    """The request line as received, where the log has it in one piece."""
    method: str = ""
    protocol: str = ""
    """HTTP version: `1.1`, `2.0`."""
    uri: str = ""
    path: str = ""
    query: str | None = None
    request_headers: Headers = ()
    request_body: str | None = None
    body_kind: Literal["raw", "fake_multipart", ""] = ""
    """`fake_multipart`: the form fields of a multipart body written as if urlencoded (part I)."""
    files: tuple[File, ...] = ()
    user_agent: str | None = None
    referer: str | None = None
    content_type: str | None = None

    status: int | None = None
    response_protocol: str = ""
    response_reason: str = ""
    response_headers: Headers = ()
    response_body: str | None = None

    engine: str = ""
    engine_version: str = ""
    connector: str = ""
    engine_mode: EngineMode = "unknown"
    rulesets: tuple[str, ...] = ()
    server_software: str = ""
    handler: str = ""
    user: str | None = None
    session: str | None = None
    application: str | None = None

    matches: tuple[Match, ...] = ()
    attack_class: AttackClass | None = None
    """Class of the matches with the most points; None without a match."""
    interrupted: bool | None = None
    interrupted_source: InterruptedSource = ""
    action: Action = ""
    """The disruptive action carried out; `unknown` where the log does not tell which, "" where nothing was
    interrupted."""
    action_phase: int | None = None
    action_status: int | None = None
    action_message: str = ""
    error_messages: tuple[str, ...] = ()
    """Messages of the web server, copies of the engine's own left out."""
    sanitised: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """What the engine masked: (`args`, `request_headers` or `response_headers`; names)."""
    rule_texts: tuple[str, ...] = ()
    """Part K: rules that matched, as written, where they belong to no match of this record."""
    extra: tuple[tuple[str, str], ...] = ()
    """Members and lines that this version of the format is not known to have, by name."""
    outcome: Outcome = "unknown"
    score: int | None = None
    """Inbound anomaly score: what 949110 says, else the sum of points (`score_source` tells)."""
    score_source: Literal["949110_message", "949110_value", "report", "computed", ""] = ""
    score_outbound: int | None = None
    threshold: int | None = None
    points: int = 0
    """Sum of the points of the inbound scoring rules in this record: what the log explains of `score`."""

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
    """Anomaly points by severity as CRS ships them (5, 4, 3, 2); 0 for bookkeeping rules."""
    attack_class: AttackClass = "other"


class Event(msgspec.Struct, frozen=True, gc=False):
    """One audit-log record: one HTTP transaction as the engine logged it."""

    raw: bytes
    """The record as the engine wrote it, without line end and container prefix."""
    format: str
    """Format id, such as `v3.json`."""
    flags: tuple[str, ...] = ()
    """What was odd about the record: `invalid_utf8`, `duplicate_keys`, `lone_surrogate`, `wrong_type`."""
    gaps: tuple[str, ...] = ()
    """What this record cannot tell: `no_headers`, `no_messages`, `no_body`, `no_blocked_flag`, `zone_assumed`."""

    time: int = 0
    """Start of the transaction, microseconds since the epoch, UTC."""
    time_original: str = ""
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

    method: str = ""
    protocol: str = ""
    """HTTP version: `1.1`, `2.0`."""
    uri: str = ""
    path: str = ""
    query: str | None = None
    request_headers: Headers = ()
    request_body: str | None = None
    user_agent: str | None = None
    referer: str | None = None
    content_type: str | None = None

    status: int | None = None
    response_headers: Headers = ()
    response_body: str | None = None

    engine: str = ""
    engine_version: str = ""
    connector: str = ""
    engine_mode: EngineMode = "unknown"
    rulesets: tuple[str, ...] = ()

    matches: tuple[Match, ...] = ()
    attack_class: AttackClass | None = None
    """Class of the matches with the most points; None without a match."""
    interrupted: bool | None = None
    interrupted_source: InterruptedSource = ""
    outcome: Outcome = "unknown"
    score: int | None = None
    """Inbound anomaly score: what 949110 says, else the sum of points (`score_source` tells)."""
    score_source: Literal["949110_message", "949110_value", "report", "computed", ""] = ""
    score_outbound: int | None = None
    threshold: int | None = None
    points: int = 0
    """Sum of the points of the inbound scoring rules in this record: what the log explains of `score`."""

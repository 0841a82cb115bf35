"""What the console calls things: outcomes, classes, severities, deeds; each word once, for every page."""

from __future__ import annotations

from wafscope.event.fields import find
from wafscope.event.format import FORMATS
from wafscope.i18n.text import Text, text

OUTCOMES: dict[str, Text] = {
    "blocked": text("Blocked"),
    "would_block": text("Would block"),
    "below": text("Below threshold"),
    "no_match": text("No match"),
    "unknown": text("Not known"),
}
OUTCOME_MARKS = {"blocked": "act-blocked", "would_block": "act-would", "below": "act-below"}

CLASSES: dict[str, Text] = {
    "policy": text("Protocol policy"),
    "scanner": text("Scanner"),
    "sqli": text("SQL injection"),
    "xss": text("XSS"),
    "exec": text("Code execution"),
    "file": text("File access"),
    "protocol": text("Protocol attack"),
    "other": text("Other or no match"),
}
OTHER = text("Other")

SEVERITIES: tuple[tuple[Text, str, int], ...] = (
    (text("Emergency"), "critical", 4),
    (text("Alert"), "critical", 4),
    (text("Critical"), "critical", 4),
    (text("Error"), "error", 3),
    (text("Warning"), "warning", 2),
    (text("Notice"), "notice", 1),
    (text("Info"), "notice", 1),
    (text("Debug"), "notice", 1),
)
"""By severity number: word, colour, bars of its mark."""

MODES: dict[str, Text] = {
    "on": text("On"),
    "detection_only": text("DetectionOnly"),
    "off": text("Off"),
    "unknown": text("not known"),
}

DEEDS: dict[str, Text] = {
    "deny": text("Denied"),
    "drop": text("Connection dropped"),
    "redirect": text("Redirected"),
    "proxy": text("Handed to another server"),
    "pause": text("Held up"),
    "allow": text("Let pass"),
    "unknown": text("Interrupted (how is not logged)"),
}
"""What the engine carried out, by `Event.action`."""

FIRED: dict[str, tuple[Text, str]] = {
    "deny": (text("denied"), "badge-act"),
    "drop": (text("dropped"), "badge-act"),
    "redirect": (text("redirected"), "badge-act"),
    "proxy": (text("to another server"), "badge-act"),
    "pause": (text("held up"), "badge-act"),
    "allow": (text("let pass"), ""),
    "unknown": (text("own action"), ""),
}
"""What a single rule did, by `Match.action`, and the class of its mark; a warning is nothing to show."""

BLOCKED_BY: dict[str, Text] = {
    "flag": text("the record says so"),
    "action_line": text("the record says so"),
    "error_log": text("the error log says so"),
    "status_zero": text("by the status in the record"),
    "inferred": text("inferred from rule and status; the record doesn’t say"),
}

KNOWN_BY: dict[str, Text] = {
    "flag": text("a flag in the record"),
    "action_line": text("the words of part H"),
    "error_log": text("the words of the error log"),
    "status_zero": text("status 0, which Coraza writes where it stopped a request"),
    "mode": text("the engine’s mode, in which it never blocks"),
    "inferred": text("inferred from rule, status and mode; the record doesn’t say"),
    "": text("not known"),
}
"""How it is known whether the engine interrupted, by `Event.interrupted_source`."""

PHASES: dict[str, Text] = {
    "p1": text("Phase 1, request headers"),
    "p2": text("Phase 2, request body"),
    "p3": text("Phase 3, response headers"),
    "p4": text("Phase 4, response body"),
    "p5": text("Phase 5, logging"),
    "sr": text("Reading stored data"),
    "sw": text("Writing stored data"),
    "gc": text("Clearing stored data"),
    "l": text("Writing the audit log"),
}
"""Parts of the stopwatch."""

MASKED: dict[str, Text] = {
    "args": text("parameters"),
    "request_headers": text("request headers"),
    "response_headers": text("response headers"),
}
"""What the engine masks before it logs."""

ZONES: dict[str, Text] = {
    "logged": text("as the log says"),
    "unix": text("by the log’s epoch time"),
    "unique_id": text("proved by the event ids"),
    "date_header": text("by the Date header of the responses"),
    "configured": text("as set for the source"),
    "assumed": text("assumed"),
}

STATES: dict[str, Text] = {
    "following": text("following"),
    "waiting": text("waiting for the file"),
    "paused": text("paused"),
    "failed": text("failed"),
    "idle": text("read to the end"),
}
"""How a source is doing, by `SourceStatus.state`."""

KINDS: dict[str, Text] = {
    "serial": text("growing file"),
    "concurrent": text("directory, a file for each event"),
    "receiver": text("sent over HTTP"),
    "syslog": text("sent over syslog"),
    "stdin": text("standard input"),
}
"""Kinds of sources."""

REASONS: dict[str, Text] = {
    "cut": text("A part is missing"),
    "spliced": text("Two records in one"),
    "damaged": text("Damaged"),
    "not_json": text("No JSON"),
    "too_deep": text("Nested too deeply"),
    "no_time": text("No time in it"),
    "wrong_encoding": text("UTF-16 or UTF-32"),
    "engine_without_json": text("Engine without JSON"),
    "not_masked": text("A secret not masked"),
    "not_stored": text("Refused by the store"),
    "too_large": text("Too large"),
    "damaged_archive": text("Damaged archive"),
    "damaged_spool": text("Damaged spool"),
    "missing_file": text("Missing file"),
}
"""Why something is in quarantine, in few words; `ingest.retry.REASONS` has the sentences."""

REMOVALS: dict[str, Text] = {
    "age": text("too old"),
    "size": text("too much for the limit of size"),
    "hand": text("by hand"),
}
"""Why retention has removed events."""

PRESETS: dict[str, Text] = {
    "1h": text("Last hour"),
    "24h": text("Last 24 hours"),
    "7d": text("Last 7 days"),
    "14d": text("Last 14 days"),
    "30d": text("Last 30 days"),
    "all": text("All that is held"),
}

MISSING: dict[str, Text] = {
    "host": text("no Host header"),
    "waf.attack_class": text("no match"),
    "client.address": text("no address"),
    "user_agent.original": text("no User-Agent header"),
    "rule.id": text("no id"),
}
NOTHING = text("none")


def value_word(field: str, value: str | int | None) -> Text | None:
    """The word for a value that is shown as a word; None for one that is shown as it is."""
    if value is None:
        return MISSING.get(field, NOTHING)
    if field == "waf.outcome":
        return OUTCOMES.get(str(value))
    if field in ("waf.attack_class", "rule.attack_class"):
        return OTHER if value == "other" else CLASSES.get(str(value))
    if field == "waf.engine.mode":
        return MODES.get(str(value))
    if field == "event.format":
        return FORMATS.get(str(value))
    return None


def field_word(field: str) -> Text:
    """The label of a field."""
    return find(field).label

"""What the console calls things: outcomes, classes, severities, gaps; each word once, for every page."""

from __future__ import annotations

from wafscope.event.fields import find
from wafscope.i18n.text import Text, ntext, text

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

GAPS: dict[str, Text] = {
    "no_body": text("No request bodies in this log"),
    "no_headers": text("No request headers in this log"),
    "no_messages": text("No matches in this log (part H is missing)"),
    "no_blocked_flag": text("This log doesn’t say whether a request was blocked"),
    "zone_assumed": text("The log has no time zone; UTC is assumed"),
}
SOME_GAPS: dict[str, Text] = {
    "no_body": ntext("{n} event without request body", "{n} events without request body", 0),
    "no_headers": ntext("{n} event without headers", "{n} events without headers", 0),
    "no_messages": ntext("{n} event without matches (no part H)", "{n} events without matches (no part H)", 0),
    "no_blocked_flag": ntext(
        "{n} event doesn’t say whether it was blocked", "{n} events don’t say whether they were blocked", 0
    ),
    "zone_assumed": ntext(
        "{n} event without a time zone; UTC is assumed", "{n} events without a time zone; UTC is assumed", 0
    ),
}

WHY_GAPS: dict[str, Text] = {
    "no_body": text("No body: part C isn’t in SecAuditLogParts."),
    "no_headers": text("No headers: part B isn’t in SecAuditLogParts."),
    "no_messages": text("No matches: part H isn’t in SecAuditLogParts."),
}

BLOCKED_BY: dict[str, Text] = {
    "flag": text("the record says so"),
    "action_line": text("the record says so"),
    "error_log": text("the error log says so"),
    "status_zero": text("by the status in the record"),
    "inferred": text("inferred from rule and status; the record doesn’t say"),
}

FLAGS: dict[str, Text] = {
    "invalid_utf8": text("bytes that aren’t UTF-8"),
    "duplicate_keys": text("repeated names"),
    "lone_surrogate": text("half a character"),
    "wrong_type": text("a value of another type than expected"),
    "repaired": text("invalid JSON, read nevertheless"),
}

ZONES: dict[str, Text] = {
    "logged": text("as the log says"),
    "unix": text("by the log’s epoch time"),
    "unique_id": text("proved by the event ids"),
    "date_header": text("by the Date header of the responses"),
    "configured": text("as set for the source"),
    "assumed": text("assumed"),
}

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


def some_gap(gap: str, n: int) -> Text:
    """What some of the events can not tell."""
    found = SOME_GAPS[gap]
    return Text(found.message, found.plural, {"n": n})


def value_word(field: str, value: str | int | None) -> Text | None:
    """The word for a value that is shown as a word; None for one that is shown as it is."""
    if value is None:
        return MISSING.get(field, NOTHING)
    if field == "waf.outcome":
        return OUTCOMES.get(str(value))
    if field == "waf.attack_class":
        return OTHER if value == "other" else CLASSES.get(str(value))
    if field == "waf.engine.mode":
        return MODES.get(str(value))
    return None


def field_word(field: str) -> Text:
    """The label of a field."""
    return find(field).label

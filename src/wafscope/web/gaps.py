"""What a record can not tell, and what was odd about it: each word once, for every page.

A gap has three texts: for the whole log and for some of its events (the held line), and for one event what is
missing (the event page).  Its remedy depends on the format: a part letter, a directive, a version, another log.
Sources of the remedies: formats specification, sections 1, 6, 8, 9 and 11.
"""

from __future__ import annotations

import msgspec

from wafscope.event.format import is_error_log
from wafscope.event.model import Event
from wafscope.event.outline import SAMPLED
from wafscope.i18n.text import Text, ntext, text
from wafscope.web.visible import plain


class Told(msgspec.Struct, frozen=True):
    """What was odd, and what it means."""

    what: Text
    why: Text


class Missing(msgspec.Struct, frozen=True):
    """What can not be told, and what to do about it."""

    whats: tuple[Text, ...]
    why: Text


GAPS: dict[str, Text] = {
    "no_time": text("No time in this log; that of the line’s prefix or of the file stands in"),
    "no_request": text("No method and no request line in this log"),
    "no_headers": text("No request headers in this log"),
    "no_body": text("No request bodies in this log"),
    "no_status": text("No status in this log"),
    "no_messages": text("No matches in this log (part H is missing)"),
    "no_rule_ids": text("No rule ids in this log"),
    "no_match_details": text("This log doesn’t say what a rule matched"),
    "no_blocked_flag": text("This log doesn’t say whether a request was blocked: inferred where it can be"),
    "zone_assumed": text("The log has no time zone; UTC is assumed"),
    "masked": text("Values that rules matched are masked"),
    "sampled": text("No event was kept with its record"),
}
"""In the order of the request."""

SOME_GAPS: dict[str, Text] = {
    "no_time": ntext(
        "{n} event without a time; that of its prefix or file stands in",
        "{n} events without a time; that of their prefix or file stands in",
        0,
    ),
    "no_request": ntext("{n} event without method and request line", "{n} events without method and request line", 0),
    "no_headers": ntext("{n} event without headers", "{n} events without headers", 0),
    "no_body": ntext("{n} event without request body", "{n} events without request body", 0),
    "no_status": ntext("{n} event without status", "{n} events without status", 0),
    "no_messages": ntext("{n} event without matches (no part H)", "{n} events without matches (no part H)", 0),
    "no_rule_ids": ntext("{n} event without rule ids", "{n} events without rule ids", 0),
    "no_match_details": ntext(
        "{n} event doesn’t say what a rule matched", "{n} events don’t say what a rule matched", 0
    ),
    "no_blocked_flag": ntext(
        "{n} event doesn’t say whether it was blocked: inferred if it can be",
        "{n} events don’t say whether they were blocked: inferred where it can be",
        0,
    ),
    "zone_assumed": ntext(
        "{n} event without a time zone; UTC is assumed", "{n} events without a time zone; UTC is assumed", 0
    ),
    "masked": ntext("{n} event with a masked match", "{n} events with masked matches", 0),
    "sampled": ntext("{n} event of a flood without its record", "{n} events of floods without their records", 0),
}

MISSING: dict[str, Text] = {
    "no_time": text("Time of the request"),
    "no_request": text("Method and request line"),
    "no_headers": text("Request headers"),
    "no_body": text("Request body"),
    "no_status": text("Status of the response"),
    "no_messages": text("Which rules matched"),
    "no_rule_ids": text("Ids of the rules"),
    "no_match_details": text("What each rule matched"),
    "no_blocked_flag": text("Whether the engine blocked the request"),
    "zone_assumed": text("Time zone"),
    "masked": text("A value that a rule matched: not replayable, masked"),
    "sampled": text("Record, headers and bodies: not kept, so not replayable"),
}

LACKS: dict[str, Text] = {
    "no_request": text("No method and no request line in this record."),
    "no_headers": text("No headers in this record."),
    "no_body": text("No body in this record."),
    "sampled": text("Headers and body were not kept."),
}
"""What the request of one event lacks."""

_AUDIT_LOG = text("A line of an error log doesn’t hold it. Import the audit log: it has the whole transaction.")
_AS_JSON = text("This format never holds it. Set SecAuditLogFormat JSON.")
_LEGACY = text(
    "JsonLegacy holds the texts of the rules alone, and those only with part K. Set SecAuditLogFormat JSON, with H "
    "and K in SecAuditLogParts."
)

REMEDIES: dict[str, Text] = {
    "no_time": text("That of the line’s prefix or of the file stands in. The audit log has the time: import it too."),
    "no_request": text("Add B to SecAuditLogParts."),
    "no_headers": text("Add B to SecAuditLogParts."),
    "no_body": text("Add C to SecAuditLogParts and set SecRequestBodyAccess On."),
    "no_status": text("Add F to SecAuditLogParts."),
    "no_messages": text("Add H to SecAuditLogParts."),
    "no_rule_ids": text("The engine logged messages without an id. The raw record holds all there is."),
    "no_match_details": text("Add H and K to SecAuditLogParts."),
    "no_blocked_flag": text("Add H to SecAuditLogParts."),
    "zone_assumed": text(
        "Nothing in the record proves a zone, so UTC is assumed. Give the zone of the server: --timezone on import."
    ),
    "masked": text(
        "It is a secret, such as a password or a cookie, and was masked before it was stored. Equal values have equal "
        "masks. What is masked can be set under [redaction]."
    ),
    "sampled": text(
        "This client sent very many events in this hour. All are counted, and most are kept without their records: "
        "sample_above under [ingest] says from how many on."
    ),
}
"""What to do where the format makes no difference."""
UNKNOWN = text("See the raw record.")
NOT_KEPT = text("The record was not kept")

_IMPLIED = {"no_rule_ids": "no_messages", "no_match_details": "no_messages", "zone_assumed": "no_time"}
"""Gaps that go without saying beside another one."""
CARE = ("no_time", "zone_assumed")
"""Gaps that make every figure by time doubtful."""

_BY_FORMAT: dict[tuple[str, str], Text] = {
    ("no_time", "v3.json"): text(
        "What the engine wrote is no time, as happens in some locales and programs. That of the file stands in."
    ),
    ("no_status", "coraza.native"): text(
        "Coraza’s native format has a status from 3.4 on, and 0 where the request was stopped before a response."
    ),
    ("no_messages", "coraza.native"): text(
        "Coraza’s native format names them from 3.4 on, in part H. Update Coraza, and add H to SecAuditLogParts."
    ),
    ("no_request", "coraza.json"): text("Coraza up to 3.0.4 leaves method and URI empty. Update Coraza."),
    ("no_body", "coraza.jsonlegacy"): _AS_JSON,
    ("no_body", "coraza.ocsf"): _AS_JSON,
    ("no_status", "coraza.json"): text("Coraza writes 0 where it stopped the request before there was a response."),
    ("no_messages", "coraza.json"): text("Add H to SecAuditLogParts, and K for the data of each match."),
    ("no_messages", "coraza.ocsf"): text(
        "Add K to SecAuditLogParts. Not H without K: Coraza from 3.4 on then writes no record at all."
    ),
    ("no_messages", "coraza.jsonlegacy"): _LEGACY,
    ("no_rule_ids", "coraza.jsonlegacy"): _LEGACY,
    ("no_match_details", "coraza.jsonlegacy"): _LEGACY,
    ("no_match_details", "coraza.json"): text("Add K to SecAuditLogParts: Coraza writes the data of a match there."),
    ("no_match_details", "coraza.native"): text(
        "Part K lists the rules alone; from 3.4 on part H has their matches. Update Coraza, or set "
        "SecAuditLogFormat JSON."
    ),
    ("no_blocked_flag", "v3.json"): text(
        "ModSecurity 3 says so from 3.0.15 on. Until then the error log of nginx holds every denial: import it too."
    ),
    ("no_blocked_flag", "coraza.json"): text("Coraza says so from 3.3 on. Update Coraza."),
    ("no_blocked_flag", "coraza.jsonlegacy"): _AS_JSON,
    ("no_blocked_flag", "coraza.native"): text(
        "Coraza’s native format says so from 3.4 on, in part H. Set SecAuditLogFormat JSON."
    ),
}
for _name in ("coraza.jsonlegacy", "coraza.native", "coraza.ocsf"):
    _BY_FORMAT["no_request", _name] = _BY_FORMAT["no_request", "coraza.json"]
    _BY_FORMAT.setdefault(("no_status", _name), _BY_FORMAT["no_status", "coraza.json"])

_OF_ERROR_LOG: dict[str, Text] = {
    "no_status": text("A line of an error log holds the status of a denial alone. Import the audit log too."),
    "no_rule_ids": REMEDIES["no_rule_ids"],
    "no_match_details": text("The line was cut. The audit log has the whole of it."),
    "no_blocked_flag": text("No line of this transaction says what was done. Import the audit log too."),
    "zone_assumed": REMEDIES["zone_assumed"],
    "masked": REMEDIES["masked"],
    "no_time": REMEDIES["no_time"],
    "sampled": REMEDIES["sampled"],
}

FLAGS: dict[str, Told] = {
    "invalid_utf8": Told(
        text("Bytes that aren’t UTF-8"), text("They stand as \\xHH; the saved record has the bytes themselves.")
    ),
    "lone_surrogate": Told(
        text("Half a character"), text("The log holds one half of a surrogate pair; it stands as \\uHHHH.")
    ),
    "duplicate_keys": Told(text("Repeated names"), text("A member stands several times; all of them were read.")),
    "wrong_type": Told(
        text("A value of another type than expected"), text("It was read as far as it makes sense; see the raw record.")
    ),
    "repaired": Told(
        text("Not quite in its format"), text("It was mended in reading; the raw record is as it was logged.")
    ),
    "interleaved": Told(
        text("Written through another record"),
        text("Two processes write to one file. The boundaries told the records apart; give each a file of its own."),
    ),
    "cut_message": Told(
        text("A message cut by the engine"),
        text("Its tags or other keys may be missing, and so may points of the score."),
    ),
    "replacement_characters": Told(
        text("Bytes lost before they were logged"),
        text("Coraza writes � for bytes that aren’t UTF-8: which bytes were sent, the log can’t tell."),
    ),
    "unknown_line": Told(
        text("Lines that this format isn’t known to have"), text("They are in the raw record as logged.")
    ),
}


def missing(event: Event) -> tuple[Missing, ...]:
    """Say what an event can not tell, each with the remedy in its format; gaps with one remedy stand together."""
    rows: dict[str, tuple[Text, list[Text]]] = {}
    for gap in _in_order(event.gaps):
        if _IMPLIED.get(gap) in event.gaps:
            continue
        why = _remedy(gap, event.format)
        rows.setdefault(why.message, (why, []))[1].append(MISSING.get(gap) or Text(plain(gap[:60])))
    return tuple(Missing(tuple(whats), why) for why, whats in rows.values())


def _remedy(gap: str, form: str) -> Text:
    if is_error_log(form):
        return _OF_ERROR_LOG.get(gap, _AUDIT_LOG)
    return _BY_FORMAT.get((gap, form)) or REMEDIES.get(gap, UNKNOWN)


def some(gap: str, n: int) -> Text:
    """What some of the events can not tell."""
    found = SOME_GAPS[gap]
    return Text(found.message, found.plural, {"n": n})


def held(gaps: tuple[tuple[str, int], ...]) -> list[tuple[str, int]]:
    """Gaps of the whole store for the held line: those about the time first, then by events."""
    known = [(gap, events) for gap, events in gaps if gap in GAPS and events]
    return sorted(known, key=lambda item: (item[0] not in CARE, -item[1]))


def in_request(gaps: tuple[str, ...]) -> tuple[str, ...]:
    """The gaps that are about the request; of a record that was not kept, that alone."""
    if SAMPLED in gaps:
        return (SAMPLED,)
    return tuple(gap for gap in LACKS if gap in gaps)


def _in_order(gaps: tuple[str, ...]) -> list[str]:
    """Gaps in the order of the request; those without words last."""
    known = list(GAPS)
    return sorted(gaps, key=lambda gap: known.index(gap) if gap in GAPS else len(known))

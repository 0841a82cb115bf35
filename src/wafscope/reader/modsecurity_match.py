"""One match of libmodsecurity 3: the engine's sentence taken apart.

    Matched "Operator `Rx' with parameter `^a' against variable `ARGS:q' (Value: `abc' )

The quote after `Matched ` is never closed; the parameter is cut at 200 characters, the value escaped and
cut at 100, both inside their quotes (formats specification, section 6.4).
"""

from __future__ import annotations

from typing import Protocol

from wafscope.event.model import Match
from wafscope.event.rule import POINTS, attack_class, is_bookkeeping

_HEAD = 'Matched "Operator `'
_PARAMETER = "' with parameter `"
_VARIABLE = "' against variable `"
_VALUE = "' (Value: `"
_TAIL = "' )"
_LIBINJECTION = {"detected SQLi using libinjection.": "DetectSQLi", "detected XSS using libinjection.": "DetectXSS"}
_WITHIN = " found within "


class Details(Protocol):
    """The members of `details` as libmodsecurity writes them: all texts but the tags."""

    match: str
    reference: str
    ruleId: str
    file: str
    lineNumber: str
    data: str
    severity: str
    serverity: str
    ver: str
    rev: str
    tags: list[str]
    maturity: str
    accuracy: str


def match_of(message: str, details: Details) -> Match:
    """Return the match of one member of `messages`."""
    rule_id = _integer(details.ruleId)
    tags = tuple(details.tags)
    operator, parameter, target, value = _sentence(details.match, details.data)
    severity = _integer(details.severity or details.serverity)
    if severity == 0:
        severity = None  # the engine writes 0 for "emergency" and for "no severity" alike
    bookkeeping = is_bookkeeping(rule_id)
    return Match(
        rule_id,
        message,
        details.data,
        target,
        operator,
        parameter,
        value,
        "" if operator and operator not in _INJECTION else details.match,
        details.reference,
        severity,
        details.file,
        _integer(details.lineNumber),
        tags,
        details.rev,
        details.ver,
        _integer(details.maturity),
        _integer(details.accuracy),
        bookkeeping,
        0 if bookkeeping or severity is None else POINTS.get(severity, 0),
        attack_class(rule_id, tags),
    )


_INJECTION = frozenset(_LIBINJECTION.values())


def _sentence(text: str, data: str) -> tuple[str, str, str, str]:
    """Return operator, parameter, target and value; empty where the sentence does not tell."""
    if not text.startswith(_HEAD):
        operator = _LIBINJECTION.get(text, "")
        if operator and _WITHIN in data:
            # Matched Data: f(1)o found within ARGS:url: sleep(5)#
            target, _, value = data.partition(_WITHIN)[2].partition(": ")
            return operator, "", target, value
        return operator, "", "", ""
    operator, _, rest = text[len(_HEAD) :].partition(_PARAMETER)
    parameter, _, rest = rest.partition(_VARIABLE)
    target, _, value = rest.partition(_VALUE)
    return operator, parameter, target, value.removesuffix(_TAIL)


def _integer(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None  # noqa: PLR2004 - fits 32 bits

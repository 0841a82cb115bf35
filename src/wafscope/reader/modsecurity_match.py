"""One match of libmodsecurity 3: the engine's sentence taken apart.

    Matched "Operator `Rx' with parameter `^a' against variable `ARGS:q' (Value: `abc' )

The quote after `Matched ` is never closed; the parameter is cut at 200 characters, the value escaped and
cut at 100, both inside their quotes (formats specification, section 6.4).
"""

from __future__ import annotations

from functools import lru_cache

import msgspec

from wafscope.event.model import Match
from wafscope.event.rule import attack_class, is_bookkeeping, points_of

_HEAD = 'Matched "Operator `'
_PARAMETER = "' with parameter `"
_VARIABLE = "' against variable `"
_VALUE = "' (Value: `"
_TAIL = "' )"
_LIBINJECTION = {"detected SQLi using libinjection.": "DetectSQLi", "detected XSS using libinjection.": "DetectXSS"}
_WITHIN = " found within "


class Details(msgspec.Struct, frozen=True, gc=False):
    """`details` of a message, as libmodsecurity writes it: all texts but the tags."""

    match: str = ""
    reference: str = ""
    ruleId: str = ""
    file: str = ""
    lineNumber: str = ""
    data: str = ""
    severity: str = ""
    serverity: str = ""  # the first 3.0 versions (modsecurity issue 1114)
    ver: str = ""
    rev: str = ""
    maturity: str = ""
    accuracy: str = ""
    tags: tuple[str, ...] = ()


def match_of(message: str, details: Details) -> Match:
    """Return the match of one member of `messages`."""
    rule_id, line, severity, maturity, accuracy, bookkeeping, points = read_numbers(
        details.ruleId,
        details.lineNumber,
        details.severity or details.serverity,
        details.maturity,
        details.accuracy,
        details.ver,
        details.file,
    )
    operator, parameter, target, value = read_sentence(details.match, details.data)
    tags = details.tags
    return Match(
        rule_id,
        message,
        details.data,
        target,
        operator,
        parameter,
        value,
        "" if operator and operator not in INJECTION else details.match,
        details.reference,
        severity,
        details.file,
        line,
        tags,
        details.rev,
        details.ver,
        maturity,
        accuracy,
        bookkeeping,
        points,
        attack_class(rule_id, tags, details.ver, details.file),
    )


@lru_cache(maxsize=4096)
def read_numbers(
    rule: str, line: str, severity: str, maturity: str, accuracy: str, version: str, file: str
) -> tuple[int | None, int | None, int | None, int | None, int | None, bool, int]:
    """Return rule id, line, severity, maturity, accuracy, and what they mean."""
    rule_id = _integer(rule)
    level = _integer(severity)
    if level == 0:
        level = None  # the engine writes 0 for "emergency" and for "no severity" alike
    bookkeeping = is_bookkeeping(rule_id)
    points = points_of(rule_id, level, version, file)
    return rule_id, _integer(line), level, _integer(maturity), _integer(accuracy), bookkeeping, points


INJECTION = frozenset(_LIBINJECTION.values())


def read_sentence(text: str, data: str) -> tuple[str, str, str, str]:
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
    if not text.isascii() or not text.isdigit() or len(text) > 10:
        return None
    number = int(text)
    return number if number < 1 << 31 else None

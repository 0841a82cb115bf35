r"""A rule as written in the configuration (part K, `data.raw`): what it says without a server to ask.

    SecRule ARGS|ARGS_NAMES "@rx ^a" "id:942100,phase:2,block,msg:'…',tag:'…',severity:'CRITICAL'"

Only what stands there in plain words is taken; a macro (`%{MATCHED_VAR}`) leaves its text out
(formats specification, sections 8.2 and 8.4).
"""

from __future__ import annotations

import re
from functools import lru_cache

import msgspec

_QUOTED = r'"((?:[^"\\]|\\.)*)"'
_SEC_RULE = re.compile(rf"\s*SecRule\s+(?:{_QUOTED}|(\S+))\s+{_QUOTED}(?:\s+{_QUOTED})?", re.DOTALL)
_SEC_ACTION = re.compile(rf"\s*SecAction\s+{_QUOTED}", re.DOTALL)
_ACTION = re.compile(r"""\s*([A-Za-z]\w*)(?::(?:'((?:[^'\\]|\\.)*)'|([^,]*)))?\s*(?:,|$)""", re.DOTALL)
_START = re.compile(r"\s*Sec(?:Rule|Action)\b")

_PHASES = {"request": 2, "response": 4, "logging": 5}
_WORDS = ("emergency", "alert", "critical", "error", "warning", "notice", "info", "debug")
_SEVERITIES = {word: number for number, word in enumerate(_WORDS)}

_NAMES = (
    "BeginsWith", "Contains", "ContainsWord", "DetectSQLi", "DetectXSS", "EndsWith", "Eq", "FuzzyHash", "Ge",
    "GeoLookup", "GsbLookup", "Gt", "InspectFile", "IpMatch", "IpMatchFromFile", "Le", "Lt", "NoMatch", "Pm",
    "PmFromFile", "Rbl", "Rx", "RxGlobal", "StrEq", "StrMatch", "UnconditionalMatch", "ValidateByteRange",
    "ValidateDTD", "ValidateSchema", "ValidateUrlEncoding", "ValidateUtf8Encoding", "VerifyCC", "VerifyCPF",
    "VerifySSN", "VerifySVNR", "Within",
)  # fmt: skip
_OPERATORS = {name.lower(): name for name in _NAMES}
"""Operators as libmodsecurity spells them, so that one name stands for one operator in every format."""


class RuleText(msgspec.Struct, frozen=True, gc=False):
    """What the text of a rule says of it."""

    rule_id: int | None = None
    operator: str = ""
    """Empty for a chain: which of its operators matched is not told."""
    parameter: str = ""
    negated: bool = False
    phase: int | None = None
    severity: int | None = None
    message: str = ""
    """Empty where a macro stands in it."""
    data: str = ""
    tags: tuple[str, ...] = ()
    revision: str = ""
    version: str = ""
    maturity: int | None = None
    accuracy: int | None = None


NO_TEXT = RuleText()
_LONGEST_KEPT = 16384


def read_rule(raw: str) -> RuleText:
    """Read the text of a rule; `NO_TEXT` where it is none."""
    return _kept(raw) if len(raw) <= _LONGEST_KEPT else _read(raw)


def _read(raw: str) -> RuleText:
    found = _SEC_RULE.match(raw)
    if found is not None:
        operator, listed = found[3], found[4] or ""
    else:
        found = _SEC_ACTION.match(raw)
        if found is None:
            return NO_TEXT
        operator, listed = "", found[1]
    actions, tags = _actions(listed.replace('\\"', '"'))
    name, parameter, negated = ("", "", False) if "chain" in actions else _operator(operator)
    return RuleText(
        rule_id=_integer(actions.get("id", "")),
        operator=name,
        parameter=parameter,
        negated=negated,
        phase=_phase(actions.get("phase", "")),
        severity=_severity(actions.get("severity", "")),
        message=_literal(actions.get("msg", "")),
        data=_literal(actions.get("logdata", "")),
        tags=tags,
        revision=actions.get("rev", ""),
        version=actions.get("ver", ""),
        maturity=_integer(actions.get("maturity", "")),
        accuracy=_integer(actions.get("accuracy", "")),
    )


_kept = lru_cache(maxsize=512)(_read)


def _actions(listed: str) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return the actions by name in lower case, the first of each, and the tags."""
    found: dict[str, str] = {}
    tags: list[str] = []
    position = 0
    while (action := _ACTION.match(listed, position)) is not None and action.end() > position:
        name = action[1].lower()
        value = action[2].replace("\\'", "'") if action[2] is not None else (action[3] or "").strip()
        if name == "tag":
            tags.append(value)
        else:
            found.setdefault(name, value)
        position = action.end()
    return found, tuple(_literal(tag) for tag in tags)


def _operator(text: str) -> tuple[str, str, bool]:
    """Return name, parameter and whether it is negated; an operator without `@` is a regular expression."""
    if not text:
        return "", "", False
    text = text.replace('\\"', '"')
    negated = text.startswith("!")
    text = text.removeprefix("!").lstrip() if negated else text
    if not text.startswith("@"):
        return "Rx", text, negated
    name, _, parameter = text[1:].partition(" ")
    return _OPERATORS.get(name.lower(), name), parameter.strip(), negated


def _literal(text: str) -> str:
    return "" if "%{" in text else text


def _phase(text: str) -> int | None:
    return int(text) if text in {"1", "2", "3", "4", "5"} else _PHASES.get(text.lower())


def _severity(text: str) -> int | None:
    if len(text) == 1 and text in "01234567":
        return int(text)
    return _SEVERITIES.get(text.lower())


def _integer(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def split_rules(text: str) -> list[str]:
    """Split the rules of a part K that stand under each other; links of a chain stay with its first rule.

    A link is whole but has no id; what begins with no directive at all goes on from the line before.
    """
    found: list[str] = []
    for line in text.split("\n"):
        if not line.strip():
            continue
        rule = read_rule(line) if _START.match(line) is not None else None
        if found and (rule is None or (rule is not NO_TEXT and rule.rule_id is None)):
            found[-1] += "\n" + line
        else:
            found.append(line)
    return found

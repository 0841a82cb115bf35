r"""What a message of ModSecurity 2 says before its keys: the action, and why the rule matched.

    Access denied with code 403 (phase 2). Pattern match "^[\\d.:]+$" at REQUEST_HEADERS:Host.

Operators are named as libmodsecurity 3 names them.  The sentence of some operators is the same: `String match`
is that of @streq, @contains, @beginsWith and @endsWith, so that it names none of them (formats specification,
section 2.8; the engine's re_operators.c).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

import msgspec

from wafscope.event.model import Action
from wafscope.reader.v2_escape import V, unescape

_OPERATORS = (
    "BeginsWith", "Contains", "ContainsWord", "DetectSQLi", "DetectXSS", "EndsWith", "Eq", "FuzzyHash", "Ge",
    "GeoLookup", "GsbLookup", "Gt", "InspectFile", "IpMatch", "IpMatchFromFile", "Le", "Lt", "NoMatch", "Pm",
    "PmFromFile", "Rbl", "Rsub", "Rx", "StrEq", "StrMatch", "UnconditionalMatch", "ValidateByteRange", "ValidateDTD",
    "ValidateHash", "ValidateSchema", "ValidateUrlEncoding", "ValidateUtf8Encoding", "VerifyCC", "VerifyCPF",
    "VerifySSN", "VerifySVNR", "Within",
)  # fmt: skip
_NAMES = {name.lower(): name for name in _OPERATORS} | {"pmf": "PmFromFile", "ipmatchf": "IpMatchFromFile"}

_LONGEST_CACHED = 600

_ACTION = re.compile(
    r"(?:(?P<pass>Warning)\."
    r"|Access denied with code (?P<deny>\d{1,9}) \(phase (?P<deny_phase>\d)\)"
    r"(?: \((?:Internal |Configuration )?Error: [^)]*\))?\."
    r"|Access denied with connection (?P<drop>close) \(phase (?P<drop_phase>\d)\)\."
    r"|Access denied with redirection to .*? using status (?P<redirect>\d{1,9}) \(phase (?P<redirect_phase>\d)\)\."
    r"|Access denied using (?P<proxy>proxy) to(?: \(phase (?P<proxy_phase>\d)\))? \S+\."
    r"|Access (?:to phase |to request )?(?P<allow>allowed) \(phase (?P<allow_phase>\d)\)\."
    r"|(?P<pause>Paused) Access \(phase (?P<pause_phase>\d)\)\."
    r"|Pausing transaction for \d+ msec\.)(?: |\Z)",
    re.DOTALL,
)
_WARNING = "Warning. "
_ACTIONS: tuple[Action, ...] = ("pass", "deny", "drop", "redirect", "proxy", "allow", "pause")

_ENGINE = re.compile(
    r"(?:Multipart: |JSON pars|XML pars|Input filter: |Output filter: |Audit log: |Request body |Response body |"
    r"Error |Rule [0-9a-fx]+ |Execution |Exec: |Failed |Unable |Could not |Internal error|Initiali[sz]|Invalid cookie|"
    r"Collection |Geo Lookup: |Hash |Unicode |Stream |Processing |Skipping |Cookie|Upload)"
)
"""How messages of the engine itself begin.  They may end with what a client sent, so that keys in them are none."""


class Sentence(msgspec.Struct, frozen=True, gc=False):
    """A sentence taken apart."""

    said: str = ""
    """Why the rule matched, as the engine words it."""
    action: Action = ""
    phase: int | None = None
    status: int | None = None
    operator: str = ""
    parameter: str = ""
    target: str = ""
    name: str = ""
    """The target as logged: escaped."""
    value: str = ""
    negated: bool = False
    justification: str = ""
    """`said` where not all of it is in operator, parameter and target."""
    lead: str = ""
    """How data begins that names target and value, where the sentence does not."""
    engine: bool = False
    """True for a message of the engine itself."""

    def found_in(self, data: str) -> tuple[str, str]:
        """Return target and value as far as data tells: `Matched Data: … found within ARGS:q: value`."""
        if self.name:
            mark = f" found within {self.name}: "
            at = data.find(mark)
            if at >= 0:
                return self.target, data[at + len(mark) :]
            return self.target, data[len(self.name) + 1 :] if data.startswith(f"{self.name}=") else ""
        if self.lead and data.startswith(self.lead):
            name, _, value = data[len(self.lead) :].partition(": ")
            return unescape(name), value
        return self.target, ""


def read_sentence(text: str) -> Sentence:
    """Take a sentence apart; whatever it does not tell is empty."""
    return _read(text) if len(text) > _LONGEST_CACHED else _cached(text)


def _read(text: str) -> Sentence:
    action: Action = ""
    phase = status = None
    said = text
    if text.startswith(_WARNING):  # as most do
        action, said = "pass", text[len(_WARNING) :]
    elif (found := _ACTION.match(text)) is not None:
        said = text[found.end() :]
        groups = found.groupdict()
        action = next((name for name in _ACTIONS if groups[name]), "pause")
        phase = _number(groups.get(f"{action}_phase"))
        status = _number(groups[action]) if action in {"deny", "redirect"} else None
    elif _ENGINE.match(text):
        return Sentence(said=text, justification=text, engine=True)
    told = _told(said)
    return Sentence(
        said=said,
        action=action,
        phase=phase,
        status=status,
        operator=told.operator,
        parameter=unescape(told.parameter),
        target=unescape(unescape(told.name)) if told.negated else unescape(told.name),
        name=unescape(told.name) if told.negated else told.name,
        value=unescape(told.value),
        negated=told.negated,
        justification="" if told.whole else said,
        lead=told.lead,
    )


_cached = lru_cache(maxsize=4096)(_read)


class _Told(msgspec.Struct, frozen=True, gc=False):
    """What the sentence of one operator tells, as logged."""

    operator: str = ""
    parameter: str = ""
    name: str = ""
    value: str = ""
    negated: bool = False
    lead: str = ""
    whole: bool = False
    """True where nothing more is in the sentence."""


def _told(said: str) -> _Told:
    first = said.partition(" ")[0].rstrip(":")
    for pattern, tell in _FORMS.get(first, ()):
        found = pattern.fullmatch(said)
        if found is not None:
            return tell(found)
    return _Told()


def _plain(operator: str, *, parameter: int = 0, name: int = 0, value: int = 0, whole: bool = False) -> _Tell:
    """Tell of an operator by the groups of its sentence."""

    def tell(found: re.Match[str]) -> _Told:
        return _Told(
            operator,
            found[parameter] or "" if parameter else "",
            found[name] or "" if name else "",
            found[value] or "" if value else "",
            whole=whole,
        )

    return tell


def _compared(found: re.Match[str]) -> _Told:
    """`Operator GE matched 5 at TX:anomaly_score.`: the number is that of the rule, not the value."""
    return _Told(_NAMES[found[1].lower()], found[2], found[3], whole=True)


def _required(found: re.Match[str]) -> _Told:
    """`Match of "within %{tx.allowed_methods}" against "REQUEST_METHOD" required.`: an operator with `!`."""
    operator, _, parameter = found[1].partition(" ")
    return _Told(_NAMES.get(operator.lower(), operator), parameter, found[2], negated=True, whole=True)


def _fingerprint(found: re.Match[str]) -> _Told:
    return _Told("DetectSQLi", lead=f"Matched Data: {found[1]} found within ")


def _xss(_: re.Match[str]) -> _Told:
    return _Told("DetectXSS", lead="Matched Data: XSS data found within ")


_Tell = Callable[[re.Match[str]], _Told]
_Q = f'"({V})"'
_AT = r" at (.*)\.(?: \[offset \"\d*\"\])?"


def _form(pattern: str, tell: _Tell) -> tuple[re.Pattern[str], _Tell]:
    return re.compile(pattern, re.DOTALL), tell


_FORMS: dict[str, tuple[tuple[re.Pattern[str], _Tell], ...]] = {
    "Pattern": (_form(f"Pattern match {_Q}{_AT}", _plain("Rx", parameter=1, name=2, whole=True)),),
    "Matched": (_form(f"Matched phrase {_Q}{_AT}", _plain("Pm", parameter=1, name=2, whole=True)),),
    "String": (
        _form(f"String match within {_Q}{_AT}", _plain("Within", parameter=1, name=2, whole=True)),
        _form(f"String match {_Q}{_AT}", _plain("", parameter=1, name=2)),
    ),
    "Operator": (_form(rf"Operator (EQ|GT|LT|GE|LE) matched (-?\d+){_AT}", _compared),),
    "Match": (_form(rf'Match of "({V})" against {_Q} required\.', _required),),
    "detected": (
        _form(r"detected XSS using libinjection\.", _xss),
        _form(r"detected SQLi using libinjection with fingerprint '([^']*)'", _fingerprint),
    ),
    "Found": (
        _form(
            r"Found \d+ byte\(s\) in (.*) outside range: ([\d,\- ]*)\.?",
            _plain("ValidateByteRange", name=1, parameter=2),
        ),
    ),
    "Value": (
        _form(r"Value \d+ in (.*) outside range: ([\d,\- ]*)\.?", _plain("ValidateByteRange", name=1, parameter=2)),
    ),
    "Invalid": (
        _form(rf"Invalid URL Encoding: [^\"]*?{_AT}", _plain("ValidateUrlEncoding", name=1)),
        _form(rf"Invalid (?:UTF-8|Unicode) encoding: [^\"]*?{_AT}", _plain("ValidateUtf8Encoding", name=1)),
    ),
    "IPmatch": (
        _form(rf"IPmatch:? {_Q} matched {_Q} at (.*)\.", _plain("IpMatch", value=1, parameter=2, name=3)),
        _form(rf"IPmatch:? {_Q} matched at (.*)\.", _plain("IpMatch", value=1, name=2)),
    ),
    "IPmatchFromFile": (
        _form(rf"IPmatchFromFile:? {_Q} matched at (.*)\.", _plain("IpMatchFromFile", value=1, name=2)),
    ),
    "Unconditional": (_form(r"Unconditional match in SecAction\.", _plain("UnconditionalMatch", whole=True)),),
    "RBL": (_form(r"RBL lookup of (\S+) succeeded at ([A-Z_]+(?::\S*?)?)\.(?: .*)?", _plain("Rbl", name=2)),),
    "Geo": (_form(rf"Geo lookup for {_Q} succeeded.*", _plain("GeoLookup", value=1)),),
    "Gsb": (_form(rf"Gsb lookup for {_Q} succeeded.*", _plain("GsbLookup", value=1)),),
    "CC#": (_form(f"CC# match {_Q}{_AT}", _plain("VerifyCC", parameter=1, name=2)),),
    "CPF#": (_form(f"CPF# match {_Q}{_AT}", _plain("VerifyCPF", parameter=1, name=2)),),
    "SSN#": (_form(f"SSN# match {_Q}{_AT}", _plain("VerifySSN", parameter=1, name=2)),),
    "SVNR#": (_form(f"SVNR# match {_Q}{_AT}", _plain("VerifySVNR", parameter=1, name=2)),),
    "Fuzzy": (_form(r"Fuzzy hash of (.*) matched with .*", _plain("FuzzyHash", name=1)),),
    "File": (_form(rf"File {_Q} rejected by the approver script {_Q}.*", _plain("InspectFile", value=1, parameter=2)),),
    "Request": (_form(rf"Request URI matched {_Q} at (.*?)\. .*", _plain("ValidateHash", parameter=1, name=2)),),
}
"""The forms of the sentences, by their first word."""

_IN_RULE = re.compile(rf'SecRule "{V}" "({V})"', re.DOTALL)
_NAMED = re.compile(r"\s*!?\s*@(\w+)")


def operator_in(rule_text: str) -> str:
    """Return the operator of the last link that matched of a rule as part K writes it; "" where it names none."""
    matched = [line for line in rule_text.split("\n") if not line.startswith("#")]
    found = _IN_RULE.match(matched[-1]) if matched else None
    if found is None:
        return ""
    named = _NAMED.match(found[1])
    return "Rx" if named is None else _NAMES.get(named[1].lower(), named[1])


def _number(text: str | None) -> int | None:
    return int(text) if text is not None else None

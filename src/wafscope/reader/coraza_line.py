r"""One line that Coraza writes for a rule that fired: in error logs, in `error_message`, and in part H.

    [client "IP"] Coraza: Warning. MSG [file "…"] [line "N"] [id "N"] [rev "…"] [msg "…"] [data "…"]
    [severity "critical"] [ver "…"] [maturity "0"] [accuracy "0"] [tag "…"]… [hostname "SERVER_IP"] [uri "…"]
    [unique_id "…"][msg_match_1 "…"] [data_match_1 "…"]…

From `[file` on every value is a Go `%q` text, so that no payload can end one; MSG before it is raw and can hold
anything, a whole forged line too.  That is why the tail is looked for from the end (formats specification,
sections 8.7 and 11.4; Coraza's own writer cuts msg and data at 280 bytes, 200 before 3.2.1).
"""

from __future__ import annotations

import re
from functools import lru_cache

import msgspec

from wafscope.event.model import Action, AttackClass
from wafscope.event.rule import attack_class, is_bookkeeping, points_of
from wafscope.event.text import to_bytes
from wafscope.reader.coraza_quote import unquote

CUT = 280
"""Bytes of msg and data that the engine writes."""
CUT_BEFORE_3_2_1 = 200

Pair = tuple[str, str]
"""Message and data of one matched value."""


class Rule(msgspec.Struct, frozen=True, gc=False):
    """What a record says of a rule, whatever value it matched."""

    rule_id: int | None = None
    file: str = ""
    line: int | None = None
    revision: str = ""
    severity: int | None = None
    version: str = ""
    maturity: int | None = None
    accuracy: int | None = None
    tags: tuple[str, ...] = ()
    bookkeeping: bool = False
    points: int = 0
    attack_class: AttackClass = "other"


class Words(msgspec.Struct, frozen=True, gc=False):
    """What a line says that the engine did, such as `Access denied (phase 2).`, or that it only warns."""

    action: Action = ""
    phase: int | None = None
    status: int | None = None
    """Only Coraza 2 names the status: `Access denied with code 403 (phase 2).`"""


class Line(msgspec.Struct, frozen=True, gc=False):
    """A line taken apart."""

    words: Words
    rule: Rule
    pairs: tuple[Pair, ...]
    """Every matched value that has a message or data; the first one's message may stand with another."""
    client: str = ""
    hostname: str = ""
    uri: str = ""
    unique_id: str = ""
    rest: str = ""
    """What the wrapper wrote behind the line, such as nginx's `, client: …, request: "…"`."""


SEVERITIES = {"alert": 1, "critical": 2, "error": 3, "warning": 4, "notice": 5, "info": 6, "debug": 7}
"""`emergency` is what a rule without a severity showed up to 3.6, so that it tells nothing; later it is `unknown`."""

_ACTIONS: dict[str, Action] = {"denied": "deny", "allowed": "allow", "dropped": "drop", "redirected": "redirect"}
_WORDS = re.compile(
    r"(?:Warning\.|Access (\w+)(?: with code (\d{1,4}))? \(phase (\d)\)\."
    r"|Custom disruptive action triggered \(phase (\d)\)\.)"
)
_WARNING = Words("pass")
NO_WORDS = Words()


def words_of(text: str) -> Words:
    """Return what a line says was done; only its beginning is looked at."""
    start = text.find("Coraza: ")
    if text.startswith("Warning.", start + 8) and start >= 0:
        return _WARNING
    if start < 0:
        return NO_WORDS
    found = _WORDS.match(text, start + 8)
    if found is None:
        return NO_WORDS
    verb, status, phase, custom = found.groups()
    if verb is None:
        return Words("unknown", int(custom))
    return Words(_ACTIONS.get(verb, "unknown"), int(phase), int(status) if status else None)


def is_cut(text: str) -> bool:
    """Tell a message or data that has exactly the length at which the engine cuts."""
    length = len(text)
    if length > CUT or length < CUT // 4:
        return False
    return length == CUT if text.isascii() else len(to_bytes(text)) == CUT


FILE = ' [file "'
_MSG = '"] [msg "'
_DATA = '"] [data "'
_SEVERITY = '"] [severity "'
HOSTNAME = ' [hostname "'
_URI = '"] [uri "'
_ID = '"] [unique_id "'
_MOST_FORGED = 32
"""So often a tail may be looked for in one line, further and further to the left."""


def read_line(text: str) -> Line | None:
    """Take one line apart, with whatever a wrapper wrote around it; None where its tail is not whole."""
    end = len(text)
    for _ in range(_MOST_FORGED):
        end = text.rfind(FILE, 0, end)
        if end < 0:
            return None
        tail = _quick_tail(text, end) or _careful_tail(text, end)
        if tail is not None:
            rule, message, data, hostname, uri, unique_id, stop = tail
            words, client = _head(text[:end])
            more, stop = more_pairs(text, stop)
            first = ((message, data),) if message or data else ()
            return Line(words, rule, first + more, client, hostname, uri, unique_id, text[stop:])
    return None


Tail = tuple[Rule, str, str, str, str, str, int]
"""Rule, message, data, hostname, uri, unique id, and where the text goes on."""


def _quick_tail(text: str, start: int) -> Tail | None:
    """Read a tail by its key words; None where a value holds what could be one."""
    told = read_rule_part(text, start)
    if told is None:
        return None
    rule, message, data, hostname = told
    find = text.find
    uri = find(_URI, hostname + 12)
    unique_id = find(_ID, uri + 9)
    stop = find('"]', unique_id + 15)
    if not hostname < uri < unique_id < stop or any(text[i - 1] == "\\" for i in (uri, unique_id, stop)):
        return None
    return (
        rule,
        message,
        data,
        unquote(text[hostname + 12 : uri]),
        unquote(text[uri + 9 : unique_id]),
        unquote(text[unique_id + 15 : stop]),
        stop + 2,
    )


def read_rule_part(text: str, start: int) -> tuple[Rule, str, str, int] | None:
    """Return rule, message and data of a tail, and where its hostname follows; None where a key word is not found.

    A quote with no backslash before it ends a value, so that the first key word found so is no payload.
    """
    find = text.find
    msg = find(_MSG, start)
    data = find(_DATA, msg + 9)
    severity = find(_SEVERITY, data + 10)
    hostname = find(HOSTNAME, severity + 14)
    if (
        not 0 < msg < data < severity < hostname
        or text[msg - 1] == "\\"
        or text[data - 1] == "\\"
        or text[severity - 1] == "\\"
        or text[hostname - 1] != "]"
    ):
        return None
    rule = _rule(text[start:msg], text[severity:hostname])
    if rule is None:
        return None
    return rule, unquote(text[msg + 9 : data]), unquote(text[data + 10 : severity]), hostname


_LONGEST_RULE = 4096
"""Longer descriptions of a rule are not kept in memory."""

_Q = r'"((?:[^"\\]|\\.)*)"'
_CONSTANT = rf" \[file {_Q}\] \[line {_Q}\] \[id {_Q}\] \[rev {_Q}\]"
_LABELS = rf" \[severity {_Q}\] \[ver {_Q}\] \[maturity {_Q}\] \[accuracy {_Q}\]((?: \[tag {_Q}\])*)"
_CONSTANT_PART = re.compile(_CONSTANT, re.DOTALL)
_LABELS_PART = re.compile(_LABELS, re.DOTALL)
_WHOLE = re.compile(
    rf"{_CONSTANT} \[msg {_Q}\] \[data {_Q}\]{_LABELS} \[hostname {_Q}\] \[uri {_Q}\] \[unique_id {_Q}\]", re.DOTALL
)
_TAG = re.compile(rf"\[tag {_Q}\]", re.DOTALL)


def _careful_tail(text: str, start: int) -> Tail | None:
    found = _WHOLE.match(text, start)
    if found is None:
        return None
    groups = found.groups()
    # The last tag of the repeated group stands in a group of its own, behind all tags as they are written.
    rule = _rule_of(groups[:4], groups[6:10], groups[10])
    message, data, hostname, uri, unique_id = (unquote(groups[i]) for i in (4, 5, 12, 13, 14))
    return rule, message, data, hostname, uri, unique_id, found.end()


def _rule(constant: str, labels: str) -> Rule | None:
    """Read what is the same in every line of a rule: ` [file "…` to `[rev "…` and `"] [severity …` to the last tag."""
    if len(constant) + len(labels) > _LONGEST_RULE:
        return _rule_afresh(constant, labels)
    return _rule_kept(constant, labels)


def _rule_afresh(constant: str, labels: str) -> Rule | None:
    first = _CONSTANT_PART.fullmatch(constant + '"]')
    second = _LABELS_PART.fullmatch(labels[2:])
    if first is None or second is None:
        return None
    groups = second.groups()
    return _rule_of(first.groups(), groups[:4], groups[4])


_rule_kept = lru_cache(maxsize=2048)(_rule_afresh)


def _rule_of(constant: tuple[str, ...], labels: tuple[str, ...], tags: str) -> Rule:
    file, line, rule_id, revision = map(unquote, constant)
    severity, version, maturity, accuracy = map(unquote, labels)
    return make_rule(
        _integer(rule_id),
        SEVERITIES.get(severity),
        tuple(unquote(tag) for tag in _TAG.findall(tags)),
        Rule(
            file=file,
            line=_integer(line),
            revision=revision,
            version=version,
            maturity=_integer(maturity),
            accuracy=_integer(accuracy),
        ),
    )


def make_rule(rule_id: int | None, severity: int | None, tags: tuple[str, ...], rest: Rule) -> Rule:
    """Return a rule with what its id, severity and tags mean; all else is taken from `rest`."""
    bookkeeping = is_bookkeeping(rule_id)
    return Rule(
        rule_id,
        rest.file,
        rest.line,
        rest.revision,
        severity,
        rest.version,
        rest.maturity,
        rest.accuracy,
        tags,
        bookkeeping,
        points_of(rule_id, severity, rest.version, rest.file),
        attack_class(rule_id, tags, rest.version, rest.file),
    )


_LONG = r'"([^"\\]*+(?:\\.[^"\\]*+)*+)"'
"""The same as `_Q`, but faster where a text is long."""
_DENSE = r'"([^"]*+(?:(?<=[^\\]\\)"[^"]*+)*+)(?<!\\)"'
"""The same where no backslash stands before another one and a quote, and faster where nearly all is escapes."""
_MORE = re.compile(rf"\[msg_match_\d+ {_LONG}\] \[data_match_\d+ {_LONG}\]", re.DOTALL)
_MORE_AT_ONCE = re.compile(rf"\[msg_match_\d+ {_DENSE}\] \[data_match_\d+ {_DENSE}\]")


def more_pairs(text: str, start: int) -> tuple[tuple[Pair, ...], int]:
    """Return the further matched values that stand from `start` on, and where the text goes on."""
    more: list[Pair] = []
    while (found := _MORE_AT_ONCE.match(text, start) or _MORE.match(text, start)) is not None:
        more.append((unquote(found[1]), unquote(found[2])))
        start = found.end()
    return tuple(more), start


_CLIENT = re.compile(r'\[client "((?:[^"\\]|\\.)*)"\] (?=Coraza: )', re.DOTALL)


def _head(head: str) -> tuple[Words, str]:
    """Return words and client; the message behind them is the same as `msg`, but raw."""
    if head.startswith('[client "') and (stop := head.find('"] Coraza: ', 9)) > 0:
        return words_of(head), head[9:stop]
    found = _CLIENT.search(head)
    if found is None:
        return words_of(head), ""
    return words_of(head[found.end() :]), unquote(found[1])


def _integer(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None

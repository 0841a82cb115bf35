r"""One message of ModSecurity 2: in part H, in the JSON's `messages`, in Apache's error log.

    ACTION SENTENCE [file "…"] [line "…"] [id "…"] [rev "…"] [msg "…"] [data "…"] [severity "CRITICAL"]
    [ver "…"] [maturity "…"] [accuracy "…"] [tag "…"]*

A key that is not set is not there.  In all values quotes are escaped: as `\x22` in data, as `\"` elsewhere.  In
the sentence they are not, and there the names of arguments stand, which a client chooses.  So the keys begin at
the last ` [file "`.  The engine cuts a message at 1023 bytes, anywhere (formats specification, section 2.8).
"""

from __future__ import annotations

import re
from functools import lru_cache
from operator import attrgetter

import msgspec

from wafscope.event.model import AttackClass, Match
from wafscope.event.rule import attack_class, is_bookkeeping, points_of
from wafscope.event.text import to_bytes
from wafscope.reader.v2_escape import V, unescape, unescape_data
from wafscope.reader.v2_sentence import Sentence, read_sentence

_LONGEST = 1023
"""The engine builds a message in a buffer of 1024 bytes with a NUL at its end."""

_FILE = ' [file "'
_DATA = '"] [data "'
_LONGEST_CACHED = 2048
_LONGEST_SEARCHED = 4096
_MOST_TRIES = 64
_MOST_INTEGER = (1 << 31) - 1

_SEVERITY = {
    word: number
    for number, word in enumerate(("EMERGENCY", "ALERT", "CRITICAL", "ERROR", "WARNING", "NOTICE", "INFO", "DEBUG"))
}

_KEYS = re.compile(rf'(?: \[[a-z_]+ "{V}"\])+', re.DOTALL)
_KEY = re.compile(rf' \[([a-z_]+) "({V})"\]', re.DOTALL)
_HALF = re.compile(rf'(?: (?:\[(?:([a-z]*)(?: (?:"({V})\\?"?)?)?)?)?)?\Z', re.DOTALL)
"""What a cut leaves of a key."""
_KEPT_HALF = frozenset({"msg", "data"})
"""Keys of which a part tells something; half an id, severity or tag would tell something wrong."""

_WITHOUT_FILE = re.compile(
    rf'(?: \[(?:id|rev|msg|data|severity|ver|maturity|accuracy|tag|offset) "{V}"\])+\Z', re.DOTALL
)
"""The keys of a rule in versions before 2.5, which do not name its file."""

_RULE_FAILED = re.compile(r'Rule [0-9a-fx]+ \[id "([^"]*)"\]\[file "([^"]*)"\]\[line "(\d{1,10})"\] - ')
"""`Rule 7f41… [id "-"][file "…"][line "93"] - Execution error - PCRE limits exceeded (-47): (null).`"""


class _Rule(msgspec.Struct, frozen=True, gc=False):
    """What the messages of one rule have in common."""

    rule_id: int | None
    message: str
    severity: int | None
    file: str
    line: int | None
    tags: tuple[str, ...]
    revision: str
    version: str
    maturity: int | None
    accuracy: int | None
    bookkeeping: bool
    points: int
    attack_class: AttackClass


def read_message(text: str) -> Match:
    """Return the match that one message tells of; a message of the engine itself names no rule."""
    return _cached(text) if len(text) <= _LONGEST else _read(text)


def _read(text: str) -> Match:
    if len(text) >= _LONGEST or not text.isascii():
        length = len(text) if text.isascii() else len(to_bytes(text))
        if length >= _LONGEST:
            return _read_cut(text)
    start = text.rfind(_FILE)
    if start < 0:
        return _read_without_file(text)
    sentence = read_sentence(text[:start])
    rest, data = _without_data(text, start)
    rule = None if sentence.engine else _rule(rest)
    if rule is None:
        return _read_without_file(text)
    return _match(sentence, rule, data)


_cached = lru_cache(maxsize=4096)(_read)
"""Scanners send the same again and again: half of all messages have been there before."""


is_cut = attrgetter("cut")


def sentence_of(text: str) -> Sentence:
    """Return what a message says before its keys."""
    start = text.rfind(_FILE)
    return read_sentence(text[:start] if start >= 0 else text)


def _without_data(text: str, start: int) -> tuple[str, str]:
    """Return the keys from `start` on without data, and data as logged."""
    at = text.find(_DATA, start)
    if at < 0:
        return text[start:], ""
    value = at + len(_DATA)
    end = text.find('"', value)
    if end < 0:
        return text[start:], ""
    return text[start : at + 2] + text[end + 2 :], text[value:end]


def _match(sentence: Sentence, rule: _Rule, data: str, *, cut: bool = False) -> Match:
    if "\\" in data:
        data = unescape_data(data)
    target, value = sentence.target, sentence.value
    if data and not value:
        target, value = sentence.found_in(data)
    return Match(
        rule.rule_id,
        rule.message,
        data,
        target,
        sentence.operator,
        sentence.parameter,
        value,
        sentence.justification,
        "",
        rule.severity,
        rule.file,
        rule.line,
        rule.tags,
        rule.revision,
        rule.version,
        rule.maturity,
        rule.accuracy,
        rule.bookkeeping,
        rule.points,
        rule.attack_class,
        sentence.negated,
        sentence.phase,
        sentence.action,
        (),
        "",
        cut,
    )


def _rule(keys: str) -> _Rule | None:
    """Return what the keys say of a rule; None where anything else stands among them."""
    return _read_rule(keys) if len(keys) > _LONGEST_CACHED else _cached_rule(keys)


def _read_rule(keys: str) -> _Rule | None:
    if _KEYS.fullmatch(keys) is None:
        return None
    values: dict[str, str] = {}
    tags: list[str] = []
    for name, value in _KEY.findall(keys):
        if name == "tag":
            tags.append(unescape(value))
        else:
            values.setdefault(name, value)
    rule_id = _integer(unescape(values.get("id", "")))
    severity = _severity(values.get("severity", ""))
    version, file = unescape(values.get("ver", "")), values.get("file", "")
    return _Rule(
        rule_id,
        unescape(values.get("msg", "")),
        severity,
        file,
        _integer(values.get("line", "")),
        tuple(tags),
        unescape(values.get("rev", "")),
        version,
        _integer(values.get("maturity", "")),
        _integer(values.get("accuracy", "")),
        is_bookkeeping(rule_id),
        points_of(rule_id, severity, version, file),
        attack_class(rule_id, tuple(tags), version, file),
    )


_cached_rule = lru_cache(maxsize=4096)(_read_rule)


def _read_without_file(text: str) -> Match:
    """Read a message of the engine itself, or of a version that does not name the rule's file."""
    text = text.rstrip("\r\n")
    failed = _RULE_FAILED.match(text)
    if failed is not None:
        rule_id = _integer(failed[1])
        return Match(
            rule_id=rule_id,
            justification=text,
            file=failed[2],
            line=_integer(failed[3]),
            bookkeeping=is_bookkeeping(rule_id),
            attack_class=attack_class(rule_id, (), "", failed[2]),
        )
    keys = _WITHOUT_FILE.search(text) if len(text) <= _LONGEST_SEARCHED else None
    if keys is not None:
        sentence = read_sentence(text[: keys.start()])
        rest, data = _without_data(" []" + keys[0], 0)
        rule = _rule(rest.removeprefix(" []"))
        if rule is not None and sentence.action:
            return _match(sentence, rule, data)
    return _without_keys(text)


def _without_keys(text: str, *, cut: bool = False) -> Match:
    sentence = read_sentence(text)
    return Match(
        target=sentence.target,
        operator=sentence.operator,
        parameter=sentence.parameter,
        value=sentence.value,
        justification=sentence.justification,
        negated=sentence.negated,
        phase=sentence.phase,
        action=sentence.action,
        cut=cut,
    )


def _read_cut(text: str) -> Match:
    """Read a message that the engine cut at the end of its buffer.

    Its keys begin at the ` [file "` from which on there are only whole keys and what is left of the last one.
    """
    at = text.find(_FILE)
    for _ in range(_MOST_TRIES):
        if at < 0:
            break
        found = _cut_keys(text, at)
        sentence = read_sentence(text[:at]) if found is not None else None
        if found is not None and sentence is not None and not sentence.engine:
            return _match(sentence, found[0], found[1], cut=True)
        at = text.find(_FILE, at + 1)
    for length in range(len(_FILE) - 1, 0, -1):
        if text.endswith(_FILE[:length]):
            return _without_keys(text[:-length], cut=True)
    # The sentence itself is cut: with a full stop it is one of the usual form, if it got as far as its target.
    return _without_keys(text + "." if " at " in text else text, cut=True)


def _cut_keys(text: str, at: int) -> tuple[_Rule, str] | None:
    """Return the rule and data as logged when only keys follow from `at` on; None when anything else does."""
    keys: list[str] = []
    data = ""
    while (piece := _KEY.match(text, at)) is not None:
        at = piece.end()
        if piece[1] == "data":
            data = piece[2]
        else:
            keys.append(piece[0])
    half = _HALF.match(text, at)
    if half is None:
        return None
    if half[2] is not None and half[1] in _KEPT_HALF:
        if half[1] == "data":
            data = half[2]
        else:
            keys.append(f' [msg "{half[2]}"]')
    rule = _rule("".join(keys))
    return None if rule is None else (rule, data)


def _severity(word: str) -> int | None:
    number = _SEVERITY.get(word)
    return int(word) if number is None and word in "01234567" and len(word) == 1 else number


def _integer(text: str) -> int | None:
    if not text.isascii() or not text.isdigit() or len(text) > 10:
        return None
    number = int(text)
    return number if number <= _MOST_INTEGER else None

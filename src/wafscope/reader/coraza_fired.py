"""The error lines of a Coraza record, from their text to the matches that they tell.

Lines of one rule are mostly the same but for client, hostname, URI and id, which the record tells elsewhere: what
stands between is read once and kept for the next line that has the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import AnyStr

import msgspec

from wafscope.event.model import Match
from wafscope.reader.coraza_line import (
    CUT,
    FILE,
    HOSTNAME,
    NO_WORDS,
    Pair,
    Rule,
    Words,
    more_pairs,
    read_line,
    read_rule_part,
    words_of,
)
from wafscope.reader.coraza_match import Reported, denies, make_match, settle
from wafscope.reader.coraza_rule import read_rule

MORE = '"][msg_match_'
"""How the further values of a line begin, with the end of its id."""
_LONGEST_KEPT = 2048
"""Longer texts are not kept; together with `_MOST_KEPT` this bounds what a hostile client can fill memory with."""
_MOST_KEPT = 4096


class Fired(msgspec.Struct, frozen=True, gc=False):
    """What a line says of the rule that fired: all that is needed where the transaction is told elsewhere."""

    words: Words
    rule: Rule
    pairs: tuple[Pair, ...]
    match: Match | None = None
    """The match that it makes where no other line is about the same rule; the same object for the same line."""
    further: int = 0
    """Values that were passed over: what they are is not wanted, but the rule has added its points for each."""


def read_fired(text: str) -> Fired | None:
    """Return what a bare line says of the rule; None where its tail is not whole."""
    start = text.rfind(FILE)
    hostname = text.find(HOSTNAME, start) if start >= 0 else -1
    if hostname > 0:
        words = words_of(text)
        end = hostname + len(HOSTNAME)
        read = _kept if end - start <= _LONGEST_KEPT else fired_of
        # Where a value holds the key word, the real one is behind it, and this part is not whole.
        fired = read(text[start:end], words)
        if fired is None:
            told = read_rule_part(text, start)
            if told is not None:
                hostname = told[3]
                fired = fired_of(text[start : hostname + len(HOSTNAME)], words)
        if fired is not None:
            more = text.find(MORE, hostname)
            if more < 0:
                return fired
            if text[more - 1] != "\\":
                return Fired(words, fired.rule, fired.pairs + more_pairs(text, more + 2)[0])
    line = read_line(text)
    return None if line is None else Fired(line.words, line.rule, line.pairs)


def fired_of(part: str, words: Words, further: str = "") -> Fired | None:
    """Read a tail up to its hostname, and `further` values from behind its id; None where either is not whole."""
    told = read_rule_part(part, 0)
    if told is None or (further and not further.startswith(MORE[2:])):
        return None
    rule, message, data, _ = told
    pairs = (((message, data),) if message or data else ()) + more_pairs(further, 0)[0]
    return Fired(words, rule, pairs, make_match(rule, pairs, words, cuts=CUT))


_kept = lru_cache(maxsize=_MOST_KEPT)(fired_of)


def tells_all(fired: Fired) -> bool:
    """Tell that further values would change a match in nothing but `others` and its points."""
    return fired.match is not None and fired.match.cut and bool(fired.match.message)


def passing_over(fired: Fired, values: int) -> Fired:
    """Return a line that `tells_all` with a number of further values."""
    match = make_match(fired.rule, fired.pairs, fired.words, cuts=CUT, further=values)
    return Fired(fired.words, fired.rule, fired.pairs, match, values)


def values_behind(further: AnyStr, mark: AnyStr, backslash: AnyStr, cycle: int, rest: int) -> int:
    """Return how many values begin with a `mark` whose quote is none of a value.

    That is told by the number of backslashes before it: divided by `cycle` it leaves the `rest`.
    """
    usual = backslash * rest + mark
    if backslash + usual not in further:
        return further.count(usual)
    found = 0
    at = further.find(mark)
    while at >= 0:
        before = at
        while further[before - 1 : before] == backslash:
            before -= 1
        found += (at - before) % cycle == rest
        at = further.find(mark, at + 1)
    return found


def matches_of_lines(lines: Iterable[Fired], texts: Sequence[str] = (), cuts: int = CUT) -> Reported:
    """Return the matches of error lines in order; `texts` are the rules of part K where it stands beside them.

    With part K a line is repeated for every matched value: what is the same line is not looked at again.
    """
    found: list[Match] = []
    denial = NO_WORDS
    written = _by_id(texts) if texts else {}
    for first, pairs, further in _groups(lines):
        words, rule = first.words, first.rule
        if denial is NO_WORDS and denies(words):
            denial = words
        raw = written.get(rule.rule_id, "") if written else ""
        if raw:
            text = read_rule(raw)
            found.append(make_match(settle(rule, text), pairs, words, text=text, raw=raw, cuts=cuts, further=further))
        elif first.match is not None and pairs is first.pairs and cuts == CUT:
            found.append(first.match)
        else:
            found.append(make_match(rule, pairs, words, cuts=cuts, further=further))
    return Reported(tuple(found), denial)


def _groups(lines: Iterable[Fired]) -> list[tuple[Fired, Sequence[Pair], int]]:
    """Return the first line of each rule that fired, with the matched values of all of its lines."""
    groups: list[tuple[Fired, Sequence[Pair], int]] = []
    last: Fired | None = None
    for line in lines:
        if last is None or line.rule.rule_id is None or line.rule.rule_id != last.rule.rule_id:
            groups.append((line, line.pairs, line.further))
        elif line is not last and _said(line) != _said(last):
            first, pairs, further = groups[-1]
            several = pairs if isinstance(pairs, list) else list(pairs)
            several.extend(line.pairs)
            groups[-1] = (_stronger(first, line), several, further + line.further)
        last = line
    return groups


def _said(line: Fired) -> tuple[Words, Rule, tuple[Pair, ...], int]:
    return line.words, line.rule, line.pairs, line.further


def _stronger(first: Fired, line: Fired) -> Fired:
    """Return the line whose words tell of a denial, else the first one."""
    return line if denies(line.words) and not denies(first.words) else first


def _by_id(texts: Sequence[str]) -> dict[int | None, str]:
    return {read_rule(raw).rule_id: raw for raw in reversed(texts)}

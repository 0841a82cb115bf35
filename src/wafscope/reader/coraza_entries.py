r"""The entries of a JSON record of Coraza without part K, from their bytes to the matches that they tell.

    [{"actionset":"","message":"","error_message":"[client \"IP\"] Coraza: Warning. MSG [file \"…\"] … [tag \"…\"]
    [hostname \"…\"] [uri \"…\"] [unique_id \"…\"]","data":null},…]

Client, hostname, URI and id are those of the record: they stand in each of its lines, and are told elsewhere.  So
they are taken out of all lines at once, and what is left of a line is that of every line of the same rule about the
same value: it is decoded, and read, once.
"""

from __future__ import annotations

import re
from functools import lru_cache

import msgspec

from wafscope.event.model import Match
from wafscope.event.text import require_utf8
from wafscope.reader.coraza_event import is_escaped
from wafscope.reader.coraza_fired import (
    MORE,
    Fired,
    fired_of,
    matches_of_lines,
    passing_over,
    read_fired,
    tells_all,
    values_behind,
)
from wafscope.reader.coraza_line import FILE, HOSTNAME, NO_WORDS, Pair, Rule, Words, make_rule, words_of
from wafscope.reader.coraza_match import NOTHING_REPORTED, Reported, denies, make_match, settle
from wafscope.reader.coraza_record import Data, Message
from wafscope.reader.coraza_rule import NO_TEXT, read_rule

_CORAZA = "Coraza: "
_CORAZA_WRITTEN = _CORAZA.encode()
_BEGINNING = b'{"actionset":"","message":"","error_message":"'
_END = b'","data":null}'
_HOSTNAME_WRITTEN = rb" [hostname \""
_ID_WRITTEN = rb"\"] [unique_id \""
_CLOSED = rb"\"]"
_MARK = b"\n"
"""Stands for what is the same in every line; as it is, it can not stand in a text of JSON."""
_LONGEST_LEAD = 256
_LONGEST_KEPT = 2048
_MOST_KEPT = 4096
"""What is longer is not kept: this bounds what a hostile client can fill memory with."""

_decode_entries = msgspec.json.Decoder(tuple[Message, ...] | None).decode
_text = msgspec.json.Decoder(str).decode


def read_entries(written: bytes, *, whole: bool = True) -> Reported:
    """Return what `messages` tells, if not `whole` then without further values of a match.

    Raises ValueError where it is not what Coraza writes.
    """
    return _read_alike(written, whole=whole) or reported_of(_decode_entries(written))


def _read_alike(written: bytes, *, whole: bool) -> Reported | None:
    """Return what lines tell that are alike; None where they are not, and all has to be decoded."""
    start = written.find(_CORAZA_WRITTEN) + len(_CORAZA_WRITTEN)
    lead = written[1:start]
    hostname = written.find(_HOSTNAME_WRITTEN, start)
    end = written.find(_CLOSED, written.find(_ID_WRITTEN, hostname) + len(_ID_WRITTEN)) + len(_CLOSED)
    told = written[hostname:end]
    if len(lead) > _LONGEST_LEAD or not (_begins_usually(lead) and _ends_usually(told)):
        return None
    for divided in (_divided, _divided_at_marks):
        try:
            return matches_of_lines([_line(line, whole=whole) for line in divided(written, lead, told)])
        except ValueError:
            pass  # what was taken apart so is more than one text
    return None


def _divided(written: bytes, lead: bytes, told: bytes) -> list[bytes]:
    """Return what is left of each line, where nothing stands behind what is told in all of them."""
    end = told + _END
    if not (written.startswith(lead, 1) and written.endswith(end + b"]")):
        raise ValueError("unusual entries")
    return written[1 + len(lead) : -len(end) - 1].split(end + b"," + lead)


def _divided_at_marks(written: bytes, lead: bytes, told: bytes) -> list[bytes]:
    """Return the same where further values do; a mark stands before them."""
    short = written.replace(told, _MARK)
    if not (short.startswith(lead, 1) and short.endswith(_END + b"]")):
        raise ValueError("unusual entries")
    lines = short[1 + len(lead) : -len(_END) - 1].split(_END + b"," + lead)
    if any(line.count(_MARK) != 1 for line in lines):
        raise ValueError("unusual entries")
    return [line.removesuffix(_MARK) for line in lines]


@lru_cache(maxsize=1024)
def _begins_usually(lead: bytes) -> bool:
    """Tell the beginning of an entry, up to the words of the engine."""
    if not lead.startswith(_BEGINNING):
        return False
    text = _whole(lead[len(_BEGINNING) :])
    return text.find(_CORAZA) == len(text) - len(_CORAZA)


def _ends_usually(told: bytes) -> bool:
    """Tell the end of a line, from its hostname on, that holds nothing of what is looked for in a line."""
    text = _whole(told)
    return text.startswith(HOSTNAME) and FILE not in text and MORE not in text and text[-3] != "\\"


def _whole(part: bytes) -> str:
    """Return a part of a text of JSON; "" where it can not stand in one."""
    try:
        return _text(b'"' + part + b'"')
    except ValueError:
        return ""


def _line(line: bytes, *, whole: bool) -> Fired:
    if not whole and _MARK in line:
        first, _, further = line.partition(_MARK)
        fired = _line(first, whole=True)
        if tells_all(fired) and _is_text(further):
            # In JSON each backslash is two, and the quote has one of its own.
            next_ones = values_behind(further, _NEXT, b"\\", cycle=4, rest=1)
            return passing_over(fired, 1 + next_ones if further.startswith(_FIRST) else 0)
    return _kept(line) if len(line) <= _LONGEST_KEPT else _read(line)


_FIRST, _NEXT = MORE[2:].encode(), MORE.encode()
_SUSPECT = re.compile(rb'"(?:[,}\s]|(?<= \[file \\"))')
"""Where a text of well-formed JSON may end, unless the quote is escaped; and what further values never hold."""


def _is_text(further: bytes) -> bool:
    """Tell further values that can be passed over; raises ValueError where they are not UTF-8."""
    require_utf8(further)
    return all(
        found.end() - found.start() > 1 and is_escaped(further, found.start()) for found in _SUSPECT.finditer(further)
    )


def _read(line: bytes) -> Fired:
    """Read what is left of a line: from the words to the last tag, and further values behind the mark."""
    if _END in line:
        raise ValueError("more than one line")
    rule, _, further = line.partition(_MARK)
    before, behind = _text(b'"' + rule + b'"'), _text(b'"' + further + b'"')
    start = before.rfind(FILE)
    fired = None
    if start >= 0 and before.find(HOSTNAME, start) < 0 and FILE not in behind:
        fired = fired_of(before[start:] + HOSTNAME, words_of(_CORAZA + before), behind)
    if fired is None:
        raise ValueError("an unusual line")
    return fired


_kept = lru_cache(maxsize=_MOST_KEPT)(_read)


def reported_of(messages: tuple[Message, ...] | None) -> Reported:
    """Return the matches of the entries: from `data` with part K, else from the error lines."""
    if messages is None:
        return NOTHING_REPORTED
    for message in messages:
        if message.data is not None:
            return _matches_of_data(messages)
    return matches_of_lines([read_fired(message.error_message) or _remains(message) for message in messages])


def _remains(message: Message) -> Fired:
    """Return what an entry without `data` tells where its error line is missing or not whole."""
    text = message.message or message.error_message
    return Fired(words_of(message.error_message), Rule(), ((text, ""),) if text else ())


def _matches_of_data(messages: tuple[Message, ...]) -> Reported:
    found: list[Match] = []
    denial = NO_WORDS
    position, end = 0, len(messages)
    while position < end:
        first = messages[position]
        if first.data is None:
            fired = matches_of_lines([read_fired(first.error_message) or _remains(first)])
            found += fired.matches or ()
            denial = fired.denial if denial is NO_WORDS else denial
            position += 1
            continue
        data = first.data
        words = words_of(first.error_message)
        pairs: list[Pair] = []
        while True:
            entry = messages[position]
            logged = entry.data or _NO_DATA
            if entry.message or logged.data:
                pairs.append((entry.message or logged.msg, logged.data))
            position += 1
            if position == end or (messages[position].data or _NO_DATA).id != data.id or data.id is None:
                break
        if any(_LOST in text for pair in pairs for text in pair):
            pairs = _with_bytes(pairs, first.error_message)
        found.append(match_of_data(data, pairs, words))
        if denial is NO_WORDS and denies(words):
            denial = words
    return Reported(tuple(found), denial)


_NO_DATA = Data()
_LOST = "\ufffd"
_BYTE = re.compile("[\udc80-\udcff]")


def _with_bytes(pairs: list[Pair], error_message: str) -> list[Pair]:
    r"""Return the values with the bytes that `data` has lost: the error line has them as `\xHH`, as far as it goes."""
    told = read_fired(error_message)
    if told is None or len(told.pairs) != len(pairs):
        return pairs
    return [(_same(a, c), _same(b, d)) for (a, b), (c, d) in zip(pairs, told.pairs, strict=True)]


def _same(lossy: str, exact: str) -> str:
    return exact if _BYTE.sub(_LOST, exact) == lossy else lossy


def match_of_data(data: Data, pairs: list[Pair], words: Words) -> Match:
    """Return the match of a rule that part K describes."""
    text = read_rule(data.raw) if data.raw else NO_TEXT
    severity = data.severity if data.severity is not None and 0 < data.severity <= 7 else None
    rest = Rule(data.id, data.file, data.line, data.rev, None, data.ver, data.maturity, data.accuracy)
    rule = settle(make_rule(data.id, severity, data.tags or (), rest), text)
    return make_match(rule, pairs, words, text=text, raw=data.raw)

r"""The entries of a JSON record of Coraza without part K, from their bytes to the matches that they tell.

    [{"actionset":"","message":"","error_message":"[client \"IP\"] Coraza: Warning. MSG [file \"…\"] … [tag \"…\"]
    [hostname \"…\"] [uri \"…\"] [unique_id \"…\"]","data":null},…]

Client, hostname, URI and id are those of the record: they stand in each of its lines, and are told elsewhere.  So
they are taken out of all lines at once, and what is left of a line is that of every line of the same rule about the
same value: it is decoded, and read, once.
"""

from __future__ import annotations

from functools import lru_cache

import msgspec

from wafscope.reader.coraza_fired import MORE, Fired, fired_of, matches_of_lines
from wafscope.reader.coraza_line import FILE, HOSTNAME, words_of
from wafscope.reader.coraza_match import Reported

_CORAZA = "Coraza: "
_CORAZA_WRITTEN = _CORAZA.encode()
_BEGINNING = b'{"actionset":"","message":"","error_message":"'
_END = b'","data":null}'
_HOSTNAME_WRITTEN = rb" [hostname \""
_ID_WRITTEN = rb"\"] [unique_id \""
_CLOSED = rb"\"]"
_MARK = b"\n"
"""Stands for what is the same in every line; as it is, it can not stand in a text of JSON."""
_LONGEST_KEPT = 2048
_MOST_KEPT = 4096

_text = msgspec.json.Decoder(str).decode


def read_entries(written: bytes) -> Reported | None:
    """Return what `messages` tells; None where it is not written as usual, and all of it has to be decoded."""
    start = written.find(_CORAZA_WRITTEN) + len(_CORAZA_WRITTEN)
    lead = written[1:start]
    hostname = written.find(_HOSTNAME_WRITTEN, start)
    end = written.find(_CLOSED, written.find(_ID_WRITTEN, hostname) + len(_ID_WRITTEN)) + len(_CLOSED)
    told = written[hostname:end]
    try:
        if not (_begins_usually(lead) and _ends_usually(told)):
            return None
        return matches_of_lines(map(_line, _lines(written.split(told), lead)))
    except ValueError:
        return None  # what was taken apart so is more than one text


def _lines(parts: list[bytes], lead: bytes) -> list[bytes]:
    """Return what is left of each line, from what stands before, between and behind what is the same in all of them."""
    first, last = b"[" + lead, _END + b"]"
    between = _END + b"," + lead
    if not (parts[0].startswith(first) and parts[-1].endswith(last)):
        raise ValueError("unusual entries")
    size = len(between)
    lines = [part[size:] for part in parts if part.startswith(between)]
    if len(lines) == len(parts) - 2 and parts[-1] == last:
        return [parts[0][len(first) :], *lines]
    lines = _MARK.join(parts)[len(first) : -len(last)].split(between)
    if any(line.count(_MARK) != 1 for line in lines):
        raise ValueError("unusual entries")
    return [line.removesuffix(_MARK) for line in lines]


@lru_cache(maxsize=1024)
def _begins_usually(lead: bytes) -> bool:
    """Tell the beginning of an entry, up to the words of the engine."""
    if not lead.startswith(_BEGINNING):
        return False
    text = _text(b'"' + lead[len(_BEGINNING) :] + b'"')
    return text.find(_CORAZA) == len(text) - len(_CORAZA)


def _ends_usually(told: bytes) -> bool:
    """Tell the end of a line, from its hostname on, that holds nothing of what is looked for in a line."""
    text = _text(b'"' + told + b'"')
    return text.startswith(HOSTNAME) and FILE not in text and MORE not in text and text[-3] != "\\"


def _line(line: bytes) -> Fired:
    return _kept(line) if len(line) <= _LONGEST_KEPT else _read(line)


def _read(line: bytes) -> Fired:
    """Read what is left of a line: from the words to the last tag, and further values behind the mark."""
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

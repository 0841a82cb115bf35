r"""One `ModSecurity: …` line of libmodsecurity 3, in part H of a native record and in an error log.

    ModSecurity: Warning. SENTENCE [file "…"] [line "…"] [id "…"] [rev "…"] [msg "…"] [data "…"] [severity "2"]
    [ver "…"] [maturity "0"] [accuracy "0"] [tag "…"]* [hostname "…"] [uri "…"] [unique_id "…"] [ref "…"]

All keys are always there, in this order.  The whole line is escaped (bytes below 0x20 and above 0x7e are
`\xhh`), but quotes are only in rev, data, ver and tag, and only from 3.0.9 on: in the sentence, msg and uri
stands what a client sent.  So where a value holds what looks like a key, a line is read from its right end, and
the last `[file` with the complete row of keys behind it counts (formats specification, sections 7.1 and 11.2).
"""

from __future__ import annotations

import re
from codecs import escape_decode
from functools import lru_cache
from urllib.parse import unquote_to_bytes

import msgspec

from wafscope.event.model import Action, AttackClass, Match
from wafscope.event.rule import attack_class
from wafscope.event.text import from_bytes, to_bytes
from wafscope.reader.facts import split_uri
from wafscope.reader.modsecurity_match import INJECTION, Details, match_of, read_numbers, read_sentence

START = "ModSecurity: "
_WARNING = "ModSecurity: Warning. "
_DENIED = re.compile(r"ModSecurity: Access denied with code (\d{1,9}) \(phase (\d)\)\. ")
_FILE = ' [file "'
_BETWEEN = '"] ['
_HOSTNAME, _URI, _ID, _REFERENCE = '"] [hostname "', '"] [uri "', '"] [unique_id "', '"] [ref "'
_LAST_KEYS = 4
_TAG = 'tag "'
_KEYS = ('line "', 'id "', 'rev "', 'msg "', 'severity "', 'ver "', 'maturity "', 'accuracy "')
_LONGEST = 4096
"""What a longer line says is not kept for the next one: some client made it long."""

_HEAD = re.compile(r' \[file "([^"]*)"\] \[(line "[^"]*)"\] \[(id "[^"]*)"\] \[(rev "[^"]*)"\] \[(?=msg ")')
_TAIL = re.compile(r'severity "\d*"\] \[ver "[^"]*"\] \[maturity "\d*"\] \[accuracy "\d*(?:"\] \[tag ".*)?', re.DOTALL)
_PAIR = re.compile(r' \[([a-z_]+) "([^"]*)"\]')
_CUT_AT = 200
_OMITTED = " characters omitted)"
_MOST_TRIES = 64
"""So many places are looked at for the true one; a uri of 200 characters has room for fewer."""

_ESCAPED = re.compile(r"(?:\\x(?:[0189a-f][0-9a-f]|7f))+")
_ESCAPED_TOO = re.compile(r"(?:\\x(?:[0189a-f][0-9a-f]|22|5c|7f))+")
_ESCAPED_CHARACTERS = re.compile(r"(?:\\x[89a-f][0-9a-f]){2,}")
_OTHER_BACKSLASH = re.compile(rb"\\(?!x(?:[0189a-f][0-9a-f]|7f))")


class Line(msgspec.Struct, frozen=True, gc=False):
    """What one line says; `hostname` and `uri` are escaped, as logged."""

    match: Match
    code: int | None = None
    """The status of `Access denied with code N`; None for a warning."""
    hostname: str = ""
    uri: str = ""
    transaction_id: str = ""


class _Rule(msgspec.Struct, frozen=True, gc=False):
    """What the lines of one rule have in common."""

    numbers: tuple[int | None, int | None, int | None, int | None, int | None, bool, int]
    attack_class: AttackClass
    message: str
    file: str
    revision: str
    version: str
    tags: tuple[str, ...]


def unescape(text: str) -> str:
    r"""Give back the bytes that the engine wrote as `\xhh`: control characters and all above `~`.

    A backslash itself is not escaped, so that what a client wrote as `\xff` is taken for the byte too.
    """
    return _ESCAPED.sub(_bytes, text) if "\\x" in text else text


def unescape_long(text: bytes) -> str:
    """Do the same for a whole body: Python's own decoder of escapes, when every other backslash is doubled first."""
    if b"\\" not in text:
        return from_bytes(text)
    if _OTHER_BACKSLASH.search(text) is not None:
        text = _OTHER_BACKSLASH.sub(rb"\\\\", text)
    return from_bytes(escape_decode(text)[0])


@lru_cache(maxsize=1024)
def _unescape_parameter(text: str) -> str:
    r"""Give back the characters of an operator's parameter.

    Regular expressions hold escapes of their own: `\x0b`, `\xbc`.  So only what gives whole characters above
    ASCII is taken for the engine's (rule 942430 has some).
    """
    return _ESCAPED_CHARACTERS.sub(_characters, text)


def _characters(found: re.Match[str]) -> str:
    try:
        return bytes.fromhex(found[0].replace("\\x", "")).decode()
    except UnicodeDecodeError:
        return found[0]


def _unescape_quoted(text: str) -> str:
    """Do the same for rev, data, ver and tag, where quotes and backslashes are escaped too (from 3.0.9 on)."""
    return _ESCAPED_TOO.sub(_bytes, text) if "\\x" in text else text


def _bytes(found: re.Match[str]) -> str:
    return from_bytes(bytes.fromhex(found[0].replace("\\x", "")))


def read_line(text: str, target: str = "") -> Line | None:
    """Read one line, from `ModSecurity: ` to the end of `[ref "…"]`; None where it is no line of this grammar.

    `target` is what the client asked for, where that is known: a path can imitate a whole row of keys.
    """
    reference = text.rfind(_REFERENCE)
    unique = text.rfind(_ID, 0, reference)
    path = text.rfind(_URI, 0, unique)
    host = text.rfind(_HOSTNAME, 0, path)
    if 0 < host < path < unique < reference and text.count(_BETWEEN, host) == _LAST_KEYS:
        # Each key with its brackets and quotes is so long: hostname 14, uri and ref 9, unique_id 15.
        said = _said(text[:host], text[reference + 9 :], _is_cut(text[path + 9 : unique]))
        if said is not None:
            return Line(*said, text[host + 14 : path], text[path + 9 : unique], text[unique + 15 : reference])
    return _from_the_right(text, logged_uri(target) if target else "")


def _said(head: str, reference: str, cut: bool) -> tuple[Match, int | None] | None:  # noqa: FBT001 - of a line
    """Return what a line says up to its tags, once for all lines that say the same.

    Many do: they differ in what comes behind.  What is long is seldom said twice.
    """
    return _cached(head, reference, cut) if len(head) < _LONGEST else _read_said(head, reference, cut)


def _read_said(head: str, reference: str, cut: bool) -> tuple[Match, int | None] | None:  # noqa: FBT001
    pieces = head.split(_BETWEEN)
    start = pieces[0].rfind(_FILE)
    return _match(pieces, start, reference, cut=cut) if start > 0 else None


_cached = lru_cache(maxsize=1024)(_read_said)


def _match(pieces: list[str], start: int, reference: str, *, cut: bool) -> tuple[Match, int | None] | None:
    """Return the match of these pieces: what stands between `"] [` and `"] [`, each with its key.

    `start` is where `[file` begins in the first one.
    """
    first = pieces[0]
    read_rule = _rule if sum(map(len, pieces)) < _LONGEST else _rule.__wrapped__
    rule = read_rule(first[start + 8 :], *pieces[1:5], *pieces[6:])
    if rule is None or pieces[5][:6] != 'data "' or reference[-2:] != '"]':
        return None
    code = phase = None
    if first.startswith(_WARNING):
        sentence = first[22:start]
    else:
        found = _DENIED.match(first)
        if found is None:
            return None
        code, phase = int(found[1]), int(found[2])
        sentence = first[found.end() : start]
    data, reference = pieces[5][6:], reference[:-2]
    cut = cut or _is_cut(data) or _is_cut(reference)
    if "\\x" in data:
        data = _unescape_quoted(data)
    operator, parameter, target, value = read_sentence(sentence, data)
    rule_id, line, severity, maturity, accuracy, bookkeeping, points = rule.numbers
    match = Match(
        rule_id,
        rule.message,
        data,
        unescape(target) if "\\x" in target else target,
        operator,
        _unescape_parameter(parameter) if "\\x" in parameter else parameter,
        value,
        "" if operator and operator not in INJECTION else unescape(sentence),
        reference,
        severity,
        rule.file,
        line,
        rule.tags,
        rule.revision,
        rule.version,
        maturity,
        accuracy,
        bookkeeping,
        points,
        rule.attack_class,
        False,  # noqa: FBT003 - the fields of a match, in their order
        phase,
        "pass" if code is None else "deny",
        (),
        "",
        cut,
    )
    return match, code


def _is_cut(text: str) -> bool:
    """Tell a value that the engine cut: at 200 bytes, which are more characters where they are escaped."""
    return text.endswith(_OMITTED) and len(text) > _CUT_AT


@lru_cache(maxsize=4096)
def _rule(file: str, *pieces: str) -> _Rule | None:
    """Return what lines say of their rule: line, id, rev, msg, severity, ver, maturity, accuracy and tags."""
    if len(pieces) < len(_KEYS) or not all(map(str.startswith, pieces, _KEYS)):
        return None
    tags = pieces[len(_KEYS) :]
    if not all(tag.startswith(_TAG) for tag in tags):
        return None
    line, rule_id, revision, message, severity, version, maturity, accuracy = (
        piece[len(key) :] for piece, key in zip(pieces, _KEYS, strict=False)
    )
    file, version = unescape(file), _unescape_quoted(version)
    numbers = read_numbers(rule_id, line, severity, maturity, accuracy, version, file)
    tags = tuple([_unescape_quoted(tag[len(_TAG) :]) for tag in tags])
    return _Rule(
        numbers,
        attack_class(numbers[0], tags, version, file),
        unescape(message),
        file,
        _unescape_quoted(revision),
        version,
        tags,
    )


def _from_the_right(text: str, uri: str) -> Line | None:
    """Read a line in which some value holds what looks like a key."""
    reference = text.rfind(_REFERENCE)
    unique = text.rfind(_ID, 0, max(reference, 0))
    if unique < 0:
        return None
    host = unique - len(uri) if uri and text.endswith(_URI + uri, 0, unique) else unique
    for _ in range(_MOST_TRIES):
        host = text.rfind(_HOSTNAME, 0, host)
        severity = text.rfind('"] [severity "', 0, max(host, 0))
        data = text.rfind('"] [data "', 0, max(severity, 0))
        path = text.find(_URI, host, unique)
        if data < 0 or path < 0:
            return None
        tail = text[severity + 4 : host]
        head = _head(text, data) if _is_tail(tail) else None
        if head is not None:
            pieces = [*head[0], text[data + 4 : severity], *tail.split(_BETWEEN)]
            found = text[path + 9 : unique]
            said = _match(pieces, head[1], text[reference + 9 :], cut=_is_cut(found))
            return Line(*said, text[host + 14 : path], found, text[unique + 15 : reference]) if said else None
    return None


def _is_tail(text: str) -> bool:
    """Tell the row from severity to the last tag, in which no other key may stand."""
    return _TAIL.fullmatch(text) is not None and text.count(_BETWEEN) == 3 + text.count(_BETWEEN + _TAG)


def _head(text: str, end: int) -> tuple[list[str], int] | None:
    """Return the pieces from the beginning of a line to msg, which ends at `end`, and where `[file` begins."""
    start = end
    for _ in range(_MOST_TRIES):
        start = text.rfind(_FILE, 0, start)
        if start < 0:
            return None
        found = _HEAD.match(text, start, end)
        if found is not None:
            pieces = [text[:start] + _FILE + found[1], found[2], found[3], found[4], text[found.end() : end]]
            return pieces, start
    return None


def logged_uri(target: str) -> str:
    """Return what `[uri "…"]` holds for a request target: its path, decoded, cut and escaped."""
    path = unquote_to_bytes(to_bytes(split_uri(target)[0]))
    written = "".join([chr(b) if 0x20 <= b <= 0x7E else f"\\x{b:02x}" for b in path[:_CUT_AT]])
    return f"{written} ({len(path) - _CUT_AT}{_OMITTED}" if len(path) > _CUT_AT else written


def read_remains(text: str) -> Line:
    """Read what is left of a line that is cut, or that has not the keys of this grammar, from `[file` on."""
    found = _DENIED.match(text)
    begin = found.end() if found is not None else len(_WARNING) if text.startswith(_WARNING) else len(START)
    start = text.rfind(_FILE)
    pairs: dict[str, str] = {}
    tags: list[str] = []
    at = start
    while at >= 0 and (pair := _PAIR.match(text, at)) is not None:
        at = pair.end()
        if pair[1] == "tag":
            tags.append(_unescape_quoted(pair[2]))
        else:
            pairs.setdefault(pair[1], pair[2])
    details = Details(
        match=text[begin : start if start >= 0 else len(text)],
        reference=pairs.get("ref", ""),
        ruleId=pairs.get("id", ""),
        file=unescape(pairs.get("file", "")),
        lineNumber=pairs.get("line", ""),
        data=_unescape_quoted(pairs.get("data", "")),
        severity=pairs.get("severity", ""),
        ver=_unescape_quoted(pairs.get("ver", "")),
        rev=_unescape_quoted(pairs.get("rev", "")),
        maturity=pairs.get("maturity", ""),
        accuracy=pairs.get("accuracy", ""),
        tags=tuple(tags),
    )
    match = match_of(unescape(pairs.get("msg", "")), details)
    action: Action = "deny" if found is not None else "pass" if text.startswith(_WARNING) else ""
    match = msgspec.structs.replace(
        match,
        target=unescape(match.target),
        parameter=_unescape_parameter(match.parameter),
        justification=unescape(match.justification),
        phase=int(found[2]) if found is not None else None,
        action=action,
        cut=True,
    )
    code = int(found[1]) if found is not None else None
    return Line(match, code, pairs.get("hostname", ""), pairs.get("uri", ""), pairs.get("unique_id", ""))


def rulesets_of(matches: tuple[Match, ...]) -> tuple[str, ...]:
    """Return the rule sets that the rules name as their version, in the order seen."""
    return tuple(dict.fromkeys([match.version for match in matches if match.version]))


def request_words(line: str) -> tuple[str, str, str]:
    """Return method, URI and version of `GET /path HTTP/1.1`."""
    method, _, rest = line.partition(" ")
    uri, mark, version = rest.rpartition(" HTTP/")
    return (method, uri.strip(" "), version) if mark else (method, rest.strip(" "), "")


def is_utf8(data: bytes) -> bool:
    """Tell bytes that are text from those that are kept as they are."""
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True

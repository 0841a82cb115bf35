r"""Coraza's native format (`coraza.native`), in all the layouts that versions 2 to 3.8 write.

    --kGYsLkuOHAuBqATJ-A--
    [2026/11/24 20:59:41] RbfsHSSRHyICANkEOUj 127.0.0.11 39677 198.51.100.2 443

* 3.0: no A and no Z; every section begins with the line of ids, glued to its text.
* 3.1 to 3.3: the same, the line of ids on a line of its own; H says nothing.
* 3.4 and later: A and Z, H has the error lines, K the rules.
* 3.8: backslash, CR and LF are written as `\\`, `\r`, `\n`; boundary of 16 letters.

Each record is told by what it holds, not by its file (formats specification, sections 8.4 and 8.7).
"""

from __future__ import annotations

import re
from functools import lru_cache

import msgspec

from wafscope.event.model import Event, File, Headers, InterruptedSource
from wafscope.event.text import from_bytes
from wafscope.reader.base import Context
from wafscope.reader.coraza_event import Told, event_of, http_version, moment, versions_of
from wafscope.reader.coraza_fired import (
    MORE,
    Fired,
    matches_of_lines,
    passing_over,
    read_fired,
    tells_all,
    values_behind,
)
from wafscope.reader.coraza_line import FILE, read_line
from wafscope.reader.coraza_match import Reported, denies, matches_of_texts, unused_texts
from wafscope.reader.coraza_quote import unquote
from wafscope.reader.coraza_rule import split_rules

FORMAT = "coraza.native"

TELLS = {
    "blocked": "partly: from 3.4 on by the lines of part H; a block in the response phases leaves none with CRS",
    "score": "partly: from 3.4 on the message of rule 949110, up to 3.6 also the report 980170",
    "zone": "no: local time; the Date header of the response tells the zone where it is logged",
    "request_headers": "yes: part B; names in lower case, in no order",
    "request_body": "partly: only with part C",
    "response_headers": "yes: part F; names in lower case, in no order",
    "response_body": "partly: only with part E",
    "matched_value": "partly: from 3.4 on as far as the rule's logdata names it; cut at 280 bytes",
    "rule_ids": "partly: from 3.4 on; before that only with part K",
    "rule_text": "partly: only with part K",
    "files": "partly: from 3.7 on, part J",
    "stopwatch": "no",
    "engine_mode": "no",
    "bytes": "yes",
}

_IDS = re.compile(r"\[([^\]\n]{1,64})\] (\S*) (\S*) (\d{1,6}) (\S*) (\d{1,5})")
_STATUS_LINE = re.compile(r"(HTTP/[\d.]+) (\d{1,3})(?: (.*))?")
_UPLOAD = re.compile(r'\d+,(\d+),"((?:[^"\\]|\\.)*)","((?:[^"\\]|\\.)*)"', re.DOTALL)
_LINE = '[client "'
_BODIES = frozenset("CEI")
_MOST_JOINED = 64
_ESCAPING_BOUNDARY = 16


class Ids(msgspec.Struct, frozen=True, gc=False):
    """The line of ids, which stands in A or at the head of every section."""

    written: str = ""
    time: str = ""
    transaction_id: str = ""
    client: str = ""
    client_port: int = 0
    server: str = ""
    server_port: int = 0


NO_IDS = Ids()


class Parts(msgspec.Struct, frozen=True, gc=False):
    """A record taken apart: its sections by letter as text, without the lines of ids and what separates sections."""

    texts: dict[str, str]
    ids: Ids
    escaped: bool
    flags: tuple[str, ...]

    def lines(self, text: str) -> list[str]:
        """Return the lines of a text that are not empty, unescaped."""
        return [self.plain(line) for line in text.split("\n") if line]

    def text_of(self, letter: str) -> str | None:
        """Return a body; None where its section is not logged."""
        found = self.texts.get(letter)
        return None if found is None else self.plain(found)

    def plain(self, text: str) -> str:
        """Undo the escapes of 3.8."""
        return _unescaped(text) if self.escaped and "\\" in text else text


_HELD = "\ud800"
"""Holds the place of a backslash: text that was decoded from bytes has no such character."""


def _unescaped(text: str) -> str:
    r"""Return a text with `\\`, `\r` and `\n` undone; all at once, for some texts are little else."""
    return text.replace("\\\\", _HELD).replace("\\r", "\r").replace("\\n", "\n").replace(_HELD, "\\")


def read(record: bytes, context: Context) -> Event:
    """Read one whole record; raises NotARecord or ValueError when there is none."""
    parts = _parts(record, answers=context.whole)
    method, uri, protocol, request_line, request_headers = _request(parts)
    status, version, reason, response_headers = _response(parts)
    heard = _hear(parts, whole=context.whole)
    texts = [parts.plain(text) for text in split_rules(parts.texts.get("K", ""))]
    ids = parts.ids if parts.ids is not NO_IDS else _ids_of(parts.plain(heard.first))
    reported, gaps = _reported(heard, texts)
    interrupted, said_by = _interrupted(heard, reported, status)
    time, zone_source = moment(ids.time, ids.transaction_id, response_headers, context)
    flags = (*parts.flags, *heard.flags, *reported.flags())
    return event_of(
        Told(
            raw=record,
            format=FORMAT,
            time=time,
            zone_source=zone_source,
            time_original=ids.time,
            transaction_id=ids.transaction_id,
            client=ids.client,
            client_port=ids.client_port,
            server=ids.server,
            server_port=ids.server_port,
            request_line=request_line,
            method=method,
            protocol=protocol,
            uri=uri or (_uri_of(parts.plain(heard.first)) if "B" not in parts.texts else ""),
            request_headers=request_headers,
            request_body=parts.text_of("C"),
            files=_files(parts),
            status=status,
            response_protocol=version,
            response_reason=reason,
            response_headers=response_headers,
            response_body=parts.text_of("E"),
            rulesets=versions_of(reported),
            server_software=heard.server,
            reported=reported,
            rule_texts=unused_texts(texts, reported.matches or ()) if texts else (),
            interrupted=interrupted,
            said_by=said_by,
            flags=flags,
            gaps=gaps,
            extra=heard.extra,
        )
    )


def _parts(record: bytes, *, answers: bool) -> Parts:
    """Take a record apart; without `answers`, the body of the response is left empty."""
    flags: tuple[str, ...] = ()
    try:
        text = record.decode()
    except UnicodeDecodeError:
        text = from_bytes(record)
        flags = ("invalid_utf8",)
    letters, texts = _sections(text)
    ids = _find_ids(letters, texts)
    found: dict[str, str] = {}
    for letter, body in zip(letters, texts, strict=True):
        if letter not in found:
            found[letter] = _without_frame(body, ids) if answers or letter != "E" else ""
        elif "interleaved" not in flags:
            flags = (*flags, "interleaved")
    return Parts(found, ids, text.find("-", 2) == 2 + _ESCAPING_BOUNDARY, flags)


_FIRST = re.compile(r"(--(?:[A-Za-z]{10}|[A-Za-z]{16})-)[A-Z]--\r?$", re.MULTILINE)
_REST = re.compile(r"[A-Z]--\r?(?:\n|\Z)")
"""A separator line: the first one, and what follows the boundary in the others."""
_MOST_KEPT = 26
_BEGINNINGS = re.compile(r"(?:[A-Z]--\n,)*[A-Z]--\n?")


def _sections(text: str) -> tuple[str, list[str]]:
    """Return the letters of the sections, and the texts without the line feed before the next separator.

    Only lines with the boundary of the first one separate: a client can send others in a body.  Raises ValueError
    where the record does not begin with such a line.
    """
    first = _FIRST.match(text)
    if first is None:
        raise ValueError("no separator line at the start")
    own = "\n" + first[1]
    parts = text[first.end(1) :].removesuffix("\n").split(own)
    letters = _letters(",".join([part[:4] for part in parts])) if len(parts) <= _MOST_KEPT else ""
    if len(letters) == len(parts):
        return letters, [part[4:] for part in parts]
    letters = ""
    bodies: list[list[str]] = []
    for part in parts:
        rest = _REST.match(part)
        if rest is None:
            bodies[-1].append(part)
        else:
            letters += part[0]
            bodies.append([part[rest.end() :]])
    return letters, [own.join(body) for body in bodies]


@lru_cache(maxsize=256)
def _letters(beginnings: str) -> str:
    r"""Return `ABZ` of `A--\n,B--\n,Z--`: how all parts of a record begin that has nothing odd about it."""
    return beginnings[::5] if _BEGINNINGS.fullmatch(beginnings) else ""


def _find_ids(letters: str, texts: list[str]) -> Ids:
    """Return the line of ids: of A, else of B, else the shortest.

    Up to 3.3 it heads every section; in 3.0 a text that begins with a digit goes on the port, which the request
    line cannot do.  A body is the client's and is not asked: 3.4 writes it without any ids.
    """
    best = NO_IDS
    for letter, text in zip(letters, texts, strict=True):
        found = _IDS.match(text) if letter not in _BODIES else None
        if found is None:
            continue
        time, transaction_id, client, client_port, server, server_port = found.groups()
        ids = Ids(found[0], time, transaction_id, client, int(client_port), server, int(server_port))
        if letter in {"A", "B"}:
            return ids
        if best is NO_IDS or len(ids.written) < len(best.written):
            best = ids
    return best


def _without_frame(text: str, ids: Ids) -> str:
    """Take off the line of ids, and what the engine writes behind a text before the next separator.

    With the ids in A that is a line feed behind a text, and an empty line; otherwise one line feed.
    """
    if ids.written and text.startswith(ids.written):
        return text[len(ids.written) :].removeprefix("\n")
    return text.removesuffix("\n")


_HEADER = re.compile(r"^([^:\n]*): ?(.*)", re.MULTILINE)


def _headers(parts: Parts, text: str) -> Headers:
    """Return header lines; what has no colon goes on from the line before."""
    if not parts.escaped or "\\" not in text:
        headers: list[tuple[str, str]] = _HEADER.findall(text)
        if len(headers) == text.count("\n") + 1:
            return tuple(headers)
    found: list[tuple[str, str]] = []
    for line in parts.lines(text):
        name, colon, value = line.partition(":")
        if colon or not found:
            found.append((name, value.removeprefix(" ")))
        else:
            last, begun = found[-1]
            found[-1] = (last, f"{begun}\n{line}")
    return tuple(found)


def _request(parts: Parts) -> tuple[str, str, str, str, Headers | None]:
    """Return method, URI, protocol, the line they stand in, and the headers of part B."""
    if "B" not in parts.texts:
        return "", "", "", "", None
    text = parts.texts["B"]
    line, _, lines = text.partition("\n")
    line = parts.plain(line.removesuffix("\r"))
    method, _, rest = line.partition(" ")
    uri, _, protocol = rest.rpartition(" ")
    named = bool(method or uri)
    return method, uri, http_version(protocol), line if named else "", _headers(parts, lines if line else text)


def _response(parts: Parts) -> tuple[int | None, str, str, Headers | None]:
    """Return status, protocol, reason and headers of part F; up to 3.3 it has no status line."""
    if "F" not in parts.texts:
        return None, "", "", None
    text = parts.texts["F"].lstrip("\n")
    line, _, lines = text.partition("\n")
    found = _STATUS_LINE.fullmatch(parts.plain(line))
    if found is None:
        return None, "", "", _headers(parts, text)
    version, status, reason = found.groups()
    return int(status), http_version(version), reason or "", _headers(parts, lines)


class Heard(msgspec.Struct, frozen=True, gc=False):
    """Part H."""

    logged: bool = False
    """Whether H is there and can have error lines: from 3.4 on."""
    lines: tuple[Fired, ...] = ()
    first: str = ""
    """The first of the lines as written."""
    server: str = ""
    extra: tuple[tuple[str, str], ...] = ()
    flags: tuple[str, ...] = ()


_KNOWN_TRAILERS = frozenset({"Stopwatch", "Response-Body-Transformed", "Producer", "Server"})
"""What H consists of up to 3.3, mostly without a value."""


def _hear(parts: Parts, *, whole: bool) -> Heard:
    if "H" not in parts.texts:
        return Heard()
    found: list[Fired] = []
    first, before, server, extra, old = "", "", "", [], False
    lines = parts.texts["H"].split("\n")
    position = 0
    while position < len(lines):
        text = lines[position]
        position += 1
        if text.startswith(_LINE):
            if text == before:
                continue  # with part K a line is repeated for every matched value
            before = text
            line, joined, position = _join(parts, lines, position, whole=whole)
            if line is not None:
                found.append(line)
                first = first or joined
                continue
        name, colon, value = text.partition(": ")
        if colon and name in _KNOWN_TRAILERS:
            old = True
            server = value if name == "Server" else server
            if value and name != "Server":
                extra.append((name, value))
        elif text:
            extra.append(("H", parts.plain(text)))
    flags = ("unknown_line",) if any(name == "H" for name, _ in extra) else ()
    return Heard(not old, tuple(found), first, server, tuple(extra), flags)


def _join(parts: Parts, lines: list[str], position: int, *, whole: bool) -> tuple[Fired | None, str, int]:
    """Read the error line before `position`; before 3.8 its message can hold line feeds, and stands on several."""
    text = lines[position - 1]
    line = _fired(parts, text, whole=whole)
    end = position
    while line is None and end < len(lines) and end - position < _MOST_JOINED and not lines[end].startswith(_LINE):
        text += "\n" + lines[end]
        end += 1
        line = _fired(parts, text, whole=whole)
    return line, text, position if line is None else end


def _fired(parts: Parts, text: str, *, whole: bool) -> Fired | None:
    """Read an error line as written; if not `whole`, further values are passed over where they can be."""
    more = -1 if whole else text.find(MORE, text.rfind(FILE))
    if more > 0 and text[more - 1] != "\\":
        fired = read_fired(parts.plain(text[: more + 2]))
        if fired is not None and tells_all(fired):
            # 3.8 writes each backslash twice.
            return passing_over(fired, values_behind(text[more:], MORE, "\\", cycle=4 if parts.escaped else 2, rest=0))
    return read_fired(parts.plain(text))


def _ids_of(text: str) -> Ids:
    """Return what an error line says where no part has the ids: `ctl:auditLogParts` drops A (section 8.1)."""
    line = read_line(text)
    if line is None:
        return NO_IDS
    return Ids(transaction_id=line.unique_id, client=line.client, server=line.hostname)


def _uri_of(text: str) -> str:
    line = read_line(text)
    return "" if line is None else line.uri


def _reported(heard: Heard, texts: list[str]) -> tuple[Reported, tuple[str, ...]]:
    """Return the matches: of H, else of K alone, which says which rules fired but not on what."""
    if heard.logged:
        reported = matches_of_lines(heard.lines, texts)
        if reported.matches or not texts:
            return reported, ()
    if texts:
        return Reported(matches_of_texts(texts)), ("no_match_details",)
    return Reported(), ()


def _interrupted(heard: Heard, reported: Reported, status: int | None) -> tuple[bool | None, InterruptedSource]:
    """Return whether H tells of a block.

    Without such a line there was none that a rule logged.  Where the status is 0 too, the transaction broke off
    before the response phases: a body that could not be read does that (section 8.7, point 8), and so would a
    rule that denies without logging, which H cannot show; so "no" is inferred there.
    """
    if not heard.logged:
        return None, ""
    if denies(reported.denial):
        return True, "action_line"
    if any(line.words.action == "unknown" for line in heard.lines):
        return None, ""  # an action of a plugin: what it did, the line does not say
    return False, "inferred" if status == 0 else "action_line"


def _files(parts: Parts) -> tuple[File, ...]:
    """Return the uploads of part J: `N,SIZE,"name","type"` (section 8.7, point 3)."""
    found = []
    for line in parts.texts.get("J", "").split("\n"):
        upload = _UPLOAD.fullmatch(line)
        if upload is not None:
            size = int(upload[1]) if len(upload[1]) < 19 else None
            found.append(File(unquote(upload[2]), size, unquote(upload[3])))
    return tuple(found)

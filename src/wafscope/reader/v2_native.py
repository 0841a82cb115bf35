r"""ModSecurity 2 native (`v2.native`): a record of sections between `--xxxxxxxx-A--` and its Z line.

The sections stand in the order A B C I F E H J K Z.  Headers and bodies are raw bytes; the line feed before a
separator belongs to it, so that a body is exactly what stands between two of them (formats specification,
section 2).  A file whose line ends were changed to CRLF is read as if they were not; its bytes stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from itertools import pairwise

from wafscope.event.model import Event, File, Headers
from wafscope.event.text import from_bytes
from wafscope.reader.base import Context, NotARecord
from wafscope.reader.sections import V2
from wafscope.reader.v2_escape import V, is_utf8, unescape
from wafscope.reader.v2_record import Answered, Asked, Names, Record, Trailer, Transaction, build, duration_of, uploaded

FORMAT = "v2.native"

TELLS: dict[str, str] = {
    "blocked": "yes: part H has a line “Action: Intercepted”",
    "score": "yes: in the messages of the CRS rules that sum it up",
    "zone": "yes: negative ones with a sign too many, which is understood",
    "request_headers": "partly: only with part B; Apache joins those that are repeated",
    "request_body": "partly: only with part C; part I has the form fields of multipart bodies",
    "response_headers": "partly: only with part F",
    "response_body": "partly: only with part E",
    "matched_value": "partly: only where the rule logs it, up to 512 bytes",
    "rule_ids": "partly: only with part H",
    "rule_text": "partly: only with part K",
    "files": "partly: only with part J",
    "stopwatch": "partly: only with part H",
    "engine_mode": "partly: only with part H, from 2.7 on",
    "bytes": "yes: headers and bodies are raw",
}
"""What this format can and cannot tell, for the reference page."""

Extra = list[tuple[str, str]]

_ORDER = b"ABCIFEHJKZ"
_A, _B, _C, _I, _F, _E, _H, _J, _K, _Z = _ORDER
_BODIES = frozenset(b"CIE")
_OPENING = re.compile(rb"--[0-9a-f]{8}-A--\r?")

_MOST_EXTRA = 100
_MESSAGE = "Message: "
_ERROR = "Apache-Error: "
_KNOWN = frozenset({
    "Action", "Apache-Handler", "Stopwatch", "Stopwatch2", "Response-Body-Transformed", "Producer", "WAF", "Server",
    "Sanitised-Args", "Sanitised-Request-Headers", "Sanitised-Response-Headers", "WebApp-Info", "Sensor-Id",
    "Engine-Mode",
})  # fmt: skip
_KEPT = frozenset({"Rules-Performance-Info"})
"""Lines that are kept as they are, and no more unknown for that."""
_SANITISED = {
    "Sanitised-Args": "args",
    "Sanitised-Request-Headers": "request_headers",
    "Sanitised-Response-Headers": "response_headers",
}
_INTERCEPTED = re.compile(r"Intercepted(?: \(phase (\d)\))?")
_STOPWATCH = re.compile(r"(\d{1,17}) (\d{1,17})(?:[ ;]|$)", re.ASCII)
_PHASE = re.compile(r"([a-z0-9]+)=(\d{1,12})", re.ASCII)
_QUOTED = re.compile(rf'"({V})"', re.DOTALL)
_FILE = re.compile(rf'\d+,(\d{{1,18}}),"({V})","({V})"', re.ASCII | re.DOTALL)
_TOTAL = re.compile(r"Total,\d+", re.ASCII)
_STATUS = re.compile(r"(\S+)(?: (\d{3})(?: (.*))?)?", re.ASCII | re.DOTALL)


def read(record: bytes, context: Context) -> Event:
    """Read one record, from its A line to its Z line; raises NotARecord where the bytes are none."""
    flags: Names = ()
    whole = record
    if _has_carriage_returns(record):
        whole, flags = record.replace(b"\r\n", b"\n").removesuffix(b"\r"), ("repaired",)
    sections = split(whole)
    if not is_utf8(whole):
        flags = ("invalid_utf8", *flags)
    extra: Extra = [(chr(k), from_bytes(body)) for k, body in sections.items() if k not in _ORDER and body.strip()]
    line, headers = _head(sections[_B]) if _B in sections else (None, None)
    told = Record(
        format=FORMAT,
        transaction=_transaction(sections[_A]),
        asked=Asked(
            line,
            headers,
            _text(sections, _C),
            _text(sections, _I),
            _files(sections.get(_J, b""), extra),
        ),
        answered=_answered(sections, answers=context.whole),
        trailer=_trailer(sections[_H], extra) if _H in sections else None,
        rules=_rules(sections[_K]) if _K in sections else (),
        flags=(*flags, "unknown_line") if any(name not in _KEPT for name, _ in extra) else flags,
        extra=tuple(extra),
    )
    return build(record, told, context)


def split(record: bytes) -> dict[int, bytes]:
    """Return the sections of a record by letter; raises NotARecord when it has no Z line.

    This is what `reader.sections` does, at a tenth of its time: the boundary is that of the first line.
    """
    if _OPENING.match(record) is None:
        raise NotARecord("damaged", foreign=False)
    mark = b"\n" + record[:11]
    parts = record.split(mark)
    parts[0] = parts[0][11:]
    beginnings = b"".join([part[:4] for part in parts])
    whole = len(beginnings) == 4 * len(parts) - 1 and parts[-1].startswith(b"Z--")
    if not (whole and _are_sections(beginnings)):
        parts = _mended(parts, mark)
    for part in parts:
        if part[0] not in _BODIES and b"\n--" in part and V2.search(part, 4):
            # No client can write a separator there: another server did, in the middle of this record.
            raise NotARecord("spliced", foreign=False)
    return {part[0]: part[4:] for part in parts}


@lru_cache(maxsize=256)
def _are_sections(beginnings: bytes) -> bool:
    r"""Tell whether the first four characters of all parts, such as `A--\nB--\nZ--`, are those of sections in order."""
    letters = beginnings[::4]
    places = [_ORDER.find(letter) for letter in letters]
    in_order = all(a < b for a, b in pairwise(places)) and places[0] == 0
    return in_order and b"\n".join([b"%c--" % letter for letter in letters]) == beginnings and letters[-1] == _Z


def _mended(parts: list[bytes], mark: bytes) -> list[bytes]:
    """Give back to a body the lines in it that look like separators; raises NotARecord without a Z line.

    A client can write into bodies only.  So the separators up to that of the first body are true, and of the
    others the last one of each letter, in the order in which the engine writes them.
    """
    end = len(parts) - 1
    while end > 0 and not (parts[end].startswith(b"Z--") and not parts[end][3:].strip()):
        end -= 1
    if end == 0 or not parts[0].startswith(b"A--\n"):
        raise NotARecord("cut", foreign=False)
    true = {0, end}
    first, before = 0, 0
    for number in range(1, end):
        place = _place(parts[number])
        if place <= before:
            continue
        true.add(number)
        first, before = number, place
        if parts[number][0] in _BODIES:
            break
    behind = _place(parts[end])
    for number in range(end - 1, first, -1):
        place = _place(parts[number])
        if before < place < behind:
            true.add(number)
            behind = place
    sections: list[bytes] = []
    for number, part in enumerate(parts[: end + 1]):
        if number in true:
            sections.append(part)
        else:
            sections[-1] += mark + part
    return sections


def _place(part: bytes) -> int:
    """Return where a section stands in a record; -1 for what is no separator line."""
    return _ORDER.find(part[:1]) if part[1:4].rstrip() == b"--" else -1


def _has_carriage_returns(record: bytes) -> bool:
    """Tell whether the line ends were changed: the engine ends its own lines with a line feed alone."""
    return record[14:15] == b"\r"


def _text(sections: dict[int, bytes], letter: int) -> str | None:
    return from_bytes(sections[letter]) if letter in sections else None


def _transaction(section: bytes) -> Transaction:
    time, mark, rest = from_bytes(section.rstrip(b"\n")).removeprefix("[").partition("] ")
    fields = rest.split(" ")
    if not mark or len(fields) != 5:
        raise NotARecord("damaged", foreign=False)
    return Transaction(time, fields[0], fields[1] or None, _port(fields[2]), fields[3] or None, _port(fields[4]))


def _port(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else None


def _head(section: bytes) -> tuple[str, Headers]:
    """Return the first line and the headers of part B or F."""
    lines = from_bytes(section).split("\n")
    first = lines[0]
    headers: list[tuple[str, str]] = []
    for line in lines[1:]:
        name, mark, value = line.partition(": ")
        if mark:
            headers.append((name, value))
        elif line:
            if headers and line[0] in " \t":  # a value that goes on
                headers[-1] = headers[-1][0], f"{headers[-1][1]}\n{line}"
            else:
                headers.append((line.removesuffix(":"), ""))
    return first, tuple(headers)


def _answered(sections: dict[int, bytes], *, answers: bool) -> Answered:
    """Read parts F and E; F is empty where no response was sent, and in v2 for nginx it has no status."""
    body = (_text(sections, _E) if answers else "") if _E in sections else None
    if _F not in sections:
        return Answered(body=body)
    section = sections[_F]
    protocol, status, reason, headers = _kept_response(section) if len(section) <= _LONGEST else _response(section)
    return Answered(protocol, status, reason, headers, body)


def _response(section: bytes) -> tuple[str, int | None, str, Headers]:
    first, headers = _head(section)
    found = _STATUS.fullmatch(first)
    if found is None:
        return "", None, "", headers
    return found[1], int(found[2]) if found[2] else None, found[3] or "", headers


_LONGEST = 2048
_kept_response = lru_cache(maxsize=1024)(_response)
"""What a server sends is the same for many requests."""


def _files(section: bytes, extra: Extra) -> tuple[File, ...]:
    files: list[File] = []
    for line in from_bytes(section).split("\n"):
        found = _FILE.fullmatch(line)
        if found is not None:
            files.append(uploaded(int(found[1]), found[2], found[3]))
        elif line and not _TOTAL.fullmatch(line):
            extra.append(("J", line))
    return tuple(files)


def _rules(section: bytes) -> tuple[str, ...]:
    """Return the rules of part K, each with the links of its chain; a blank line stands behind each."""
    return tuple([rule for block in from_bytes(section).split("\n\n") if (rule := block.strip("\n"))])


def _lines(section: bytes, extra: Extra) -> tuple[list[str], list[str], dict[str, str]]:
    """Return the messages, the errors of the server and the known lines by name of part H; all else is extra."""
    messages: list[str] = []
    errors: list[str] = []
    told: dict[str, str] = {}
    loose: list[str] = []
    for line in from_bytes(section).split("\n"):
        if line.startswith(_MESSAGE):
            messages.append(line[len(_MESSAGE) :])
        elif line.startswith(_ERROR):
            errors.append(line[len(_ERROR) :])
        elif line:
            name, mark, value = line.partition(": ")
            if name in _KNOWN and mark and name not in told:
                told[name] = value
            elif mark and " " not in name and len(extra) < _MOST_EXTRA:
                extra.append((name, value))
            else:
                loose.append(line)
    if loose:
        extra.append(("H", "\n".join(loose)))
    return messages, errors, told


def _trailer(section: bytes, extra: Extra) -> Trailer:
    messages, errors, told = _lines(section, extra)
    intercepted = _INTERCEPTED.match(told.get("Action", ""))
    start, duration = _stopwatch(told.get("Stopwatch2") or told.get("Stopwatch", ""))
    application, session, user = _application(told.get("WebApp-Info", ""))
    sensor = _quoted(told.get("Sensor-Id", ""))
    return Trailer(
        messages=tuple(messages),
        errors=errors,
        interrupted=intercepted is not None,
        phase=int(intercepted[1]) if intercepted is not None and intercepted[1] else None,
        said_by="action_line",
        start=start,
        duration=duration,
        phases=_phases(told.get("Stopwatch2", "")),
        producer=_producer(told.get("Producer") or told.get("WAF", "")),
        mode=_mode(told.get("Engine-Mode", "")),
        server_software=told.get("Server", ""),
        handler=told.get("Apache-Handler", ""),
        sensor=sensor[0] if sensor else None,
        application=application,
        session=session,
        user=user,
        sanitised=tuple([(kind, _quoted(told[name])) for name, kind in _SANITISED.items() if name in told]),
    )


def _stopwatch(text: str) -> tuple[int | None, int | None]:
    found = _STOPWATCH.match(text)
    return (int(found[1]), duration_of(int(found[2]))) if found is not None else (None, None)


def _phases(text: str) -> tuple[tuple[str, int], ...]:
    return tuple([(name, int(value)) for name, value in _PHASE.findall(text)])


@lru_cache(maxsize=64)
def _producer(text: str) -> Names:
    return tuple(text.removesuffix(".").split("; ")) if text else ()


def _application(text: str) -> Iterable[str | None]:
    """Return application, session and user; `-` stands for what is not known."""
    words = _quoted(text)
    return [None if word == "-" else word for word in words] if len(words) == 3 else (None, None, None)


def _quoted(text: str) -> Names:
    return tuple([unescape(word) for word in _QUOTED.findall(text)]) if text else ()


@lru_cache(maxsize=64)
def _mode(text: str) -> str:
    mode = _quoted(text)
    return mode[0] if mode else ""

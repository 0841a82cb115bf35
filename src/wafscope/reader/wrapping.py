"""Prefixes that containers, collectors and syslog put before a line, taken off.

What stands behind the prefixes of one stream is read as a log of its own; lines that were split are joined
(formats specification, section 11.5).
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import msgspec

from wafscope.event.text import from_bytes, to_bytes
from wafscope.reader.envelope import opened, time_in

_RUNTIME = re.compile(rb"\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d) (stdout|stderr) ([FP])(?::\S*)? ")
"""CRI: time, stream, F for the last part of a line and P for any other."""
_COLOUR = rb"(?:\x1b\[[\d;]{1,12}m)?"
_MOMENT = rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)"
_STAMP = (
    rb"(?:[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d(?:\.\d{1,9})?|"
    rb"[A-Z][a-z]{2} \d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d{1,9})? \S{1,9}|\d{10}\.\d{6}|" + _MOMENT + rb")"
)
"""As syslog and `journalctl` write it: short, short-full, short-unix, short-iso."""
_PROGRAM = rb"[^\s:\[]{1,100}(?:\[\d+\])?: "
_FIXED = {
    b"pod": re.compile(rb"\[pod/[^\]\n]{1,300}\] "),
    b"compose": re.compile(_COLOUR + rb"[A-Za-z0-9][\w.-]{0,100}(?:[-_]\d+ +| {2,})\| " + _COLOUR),
    b"swarm": re.compile(rb"(\w[\w-]{0,100}\.\d{1,9}(?:\.[0-9a-z]{12,25})?@[A-Za-z0-9][\w.-]{0,253}) {4,20}\| "),
}
"""Prefixes that name a stream, in a group where not all of them does.  The name of a container that was given one by
hand has no number.  `docker service logs` writes service, slot, task and node."""
_PART = 16 << 10
"""Where docker divides a line, `docker service logs` puts the prefix in front of the next part, without a line feed,
and the time before it, where that is asked for."""
_LABEL = _COLOUR + rb"[a-z0-9][a-z0-9-]{0,62}" + _COLOUR + rb" "
_POD_NAME = rb"[a-z0-9][a-z0-9.-]{0,240}-(?:[bcdfghjklmnpqrstvwxz2456789]{5}|\d{1,5})"
_POD = re.compile(
    rb"((?:" + _LABEL + rb")?" + _COLOUR + _POD_NAME + _COLOUR + rb" " + _LABEL + rb")(\d\d-\d\d \d\d:\d\d:\d\d )?"
)
"""What stern puts before a line: namespace where there are several, pod, container, and a short time where asked for.
The name of a pod ends as the controllers of Kubernetes make it, with five of these letters or a number."""
_TELLING = re.compile(
    rb"(?:" + _MOMENT + rb" )?(?:"
    rb'\{"|'  # an object of JSON
    rb"---?[0-9A-Za-z]{8,16}-(?:--)?[A-Z]--\r?$|"  # a separator of a native record
    rb'\d{4}/\d\d/\d\d \d\d:\d\d:\d\d \[[a-z]+\] |\[[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d |\[client ")'  # an error log
)
"""How a line begins that shows that two words before it are pod and container."""
_SYSLOG, _STAMP_ALONE = b"syslog", b"stamp"
_MOVING = {
    _SYSLOG: re.compile(rb"(?:<\d{1,3}>(?:1 )?)?" + _STAMP + rb" [^\s:]{1,255} " + _PROGRAM),
    b"syslog without host": re.compile(rb"<\d{1,3}>" + _STAMP + rb" " + _PROGRAM),
    b"syslog 5424": re.compile(rb"<\d{1,3}>1 \S+ \S+ \S+ \S+ \S+ (?:-|(?:\[(?:[^\]\\\n]|\\.)*\])+) (?:\xef\xbb\xbf)?"),
    b"journal": re.compile(rb"MESSAGE="),
    b"proxy": re.compile(rb"[^{\n]{0,600}\bAuditLog:(?=\{)"),
    b"fluentd": re.compile(_MOMENT + rb"\t[^\t\n]{1,200}\t(?=\{)"),
    _STAMP_ALONE: re.compile(_MOMENT + rb" "),
}
"""Prefixes that change from line to line.  coraza-proxy-wasm writes its records into the log of the proxy; a time alone
is what `kubectl logs --timestamps` and `docker logs -t` put before a line."""
_FIRST = frozenset(b"0123456789")
_DOCKER = re.compile(rb'\{ ?"log": ?"')
_IN_JSON = (b'"log":', b'"MESSAGE":', b'"podName":')
_PARTS = ("logtag", "_p")
"""What Fluent Bit calls the mark of CRI for a part of a line."""
_TIME = re.compile(_MOMENT)
_LONGEST_PREFIX = 512


class Inner(msgspec.Struct, frozen=True):
    """What stands behind the prefix of a line."""

    stream: bytes
    data: bytes
    """Without a line feed where the line goes on in the next one of its stream."""
    start: int
    """Where it begins in the line; 0 where its bytes are not those of the line (docker's JSON)."""


def unwrap(line: bytes, *, stamped: bool = False) -> Inner | None:
    """Return what a prefixed line holds, None for a line without a known prefix; `line` has no line feed.

    `stamped` tells that a time alone stands before the lines here: a line of a body such as `Dear all: …` then has no
    host and program of syslog before it, and `stdout F …` is none of CRI.
    """
    inner = _inner(line, stamped=stamped)
    return inner if inner is not None and inner.data else None


def of_pod(line: bytes, known: dict[bytes, bool]) -> Inner | None:
    """Return what a line of stern holds; None for any other line.

    Two words are no prefix: pod and container are taken for one since a line of theirs began like a record or a line of
    an error log.  `known` are those of before, and whether a short time stands behind them; they are added to it.
    """
    found = _POD.match(line)
    if found is None:
        return None
    names, short = found[1], found[2] is not None
    if names not in known:
        if _TELLING.match(line, found.end()) is None:
            return None
        known[names] = short
    start = found.end() if short and known[names] else found.end(1)
    return Inner(b"stern " + names, line[start:] + b"\n", start)


def journal_field(data: bytes, start: int) -> tuple[int, int] | None:
    """Return (start, end) of a message that `journalctl -o export` writes by its length, since it is no plain text.

    It stands behind the line `MESSAGE`, which begins at `start`, and eight bytes of length, and a line feed follows.
    The end may be beyond `data`; None for any other line.
    """
    begin = start + len(_FIELD) + 8
    if not data.startswith(_FIELD, start):
        return None
    if len(data) < begin:
        return begin, begin
    size = int.from_bytes(data[begin - 8 : begin], "little")
    end = begin + size
    known = 0 < size <= _LONGEST_FIELD and (end >= len(data) or data[end] == _LINE_FEED)
    return (begin, end) if known else None


_FIELD, _LINE_FEED, _LONGEST_FIELD = b"MESSAGE\n", 10, 1 << 30
"""Text is no length: four bytes of it are NUL."""


def is_stamped(inner: Inner, *, before: bool) -> bool:
    """Tell whether a time alone stands before the lines, when `inner` was one; `before` is what held until then.

    The first line of a record tells it for the others.
    """
    if inner.stream not in (_STAMP_ALONE, _SYSLOG) or not _BEGINNING.match(inner.data):
        return before
    return inner.stream == _STAMP_ALONE


_BEGINNING = re.compile(rb"\{|[^\n]{0,200}?---?[0-9A-Za-z]{8,16}-(?:--)?A--\r?\n")


def _inner(line: bytes, *, stamped: bool) -> Inner | None:
    if not line:
        return None
    if line.startswith(b"--") and b"{" not in line:
        return None  # a separator, as a rule: only a prefix that ends where a record of JSON begins starts so
    if line.startswith(b"{"):
        inner = _json(line) if any(name in line for name in _IN_JSON) else None
        return inner or _enveloped(line)
    runtime = _RUNTIME.match(line) if line[0] in _FIRST and not stamped else None
    if runtime is not None:
        rest = line[runtime.end() :]
        return Inner(b"cri " + runtime[1], rest if runtime[2] == b"P" else rest + b"\n", runtime.end())
    for name, pattern in _FIXED.items():
        found = pattern.match(line)
        if found is not None:
            inner = Inner(name + b" " + found[pattern.groups], line[found.end() :] + b"\n", found.end())
            return _undivided(inner, found[0]) if name == b"swarm" else inner
    for name, pattern in _MOVING.items():
        found = pattern.match(line)
        if found is not None:
            if name == _SYSLOG and stamped and (alone := _MOVING[_STAMP_ALONE].match(line)) is not None:
                name, found = _STAMP_ALONE, alone  # noqa: PLW2901 - the line is one of them after all
            return Inner(name, line[found.end() :] + b"\n", found.end())
    return None


def _undivided(inner: Inner, prefix: bytes) -> Inner:
    """Take the prefixes out of a line where docker divided it."""
    data = inner.data
    if len(data) <= _PART:
        return inner
    again = re.compile(rb"(?:" + _MOMENT + rb" )?" + re.escape(prefix))
    parts, at = [data[:_PART]], _PART
    while (found := again.match(data, at)) is not None:
        parts.append(data[found.end() : found.end() + _PART])
        at = found.end() + _PART
    return inner if len(parts) == 1 else Inner(inner.stream, b"".join([*parts, data[at:]]), 0)


def _json(line: bytes) -> Inner | None:
    """Return what docker, Fluent Bit, stern or `journalctl -o json` put into an object; None for any other object."""
    try:
        entry = json.loads(from_bytes(line))
    except (ValueError, RecursionError):
        return None
    if not isinstance(entry, dict):
        return None
    message = entry.get("MESSAGE")
    if "__CURSOR" in entry or "__REALTIME_TIMESTAMP" in entry:
        return Inner(b"journal json", _of_journal(message).removesuffix(b"\n") + b"\n", 0)
    names = [entry.get(name) for name in ("namespace", "podName", "containerName")]
    said = entry.get("message")
    if isinstance(said, str) and all(isinstance(name, str) for name in names):
        # stern --output json
        stream = " ".join(map(str, names))
        return Inner(b"stern json " + to_bytes(stream), to_bytes(said).removesuffix(b"\n") + b"\n", 0)
    text, stream = entry.get("log"), entry.get("stream", "")
    part = next((entry[name] for name in _PARTS if name in entry), None)
    docker = part is None and _DOCKER.match(line) is not None
    if not isinstance(text, str) or not (docker or ("stream" in entry and "time" in entry)):
        return None
    data = to_bytes(text)
    if not docker and part != "P" and not data.endswith(b"\n"):
        data += b"\n"  # only docker itself leaves it out where a line goes on
    return Inner(b"docker " + to_bytes(str(stream)), data, 0)


def _enveloped(line: bytes) -> Inner | None:
    found = opened(line)
    return None if found is None else Inner(b"json " + found.origin, found.data + b"\n", 0)


def _of_journal(message: object) -> bytes:
    """Return a message of the journal, which is a list of numbers where it is not text."""
    if isinstance(message, str):
        return to_bytes(message)
    if isinstance(message, list) and all(type(byte) is int and 0 <= byte < 256 for byte in message):
        return bytes(message)
    return b""


def time_of(line: bytes) -> int | None:
    """Return the time that stands in the prefix of a line, microseconds since the epoch; None where no zone is told.

    For lines of an error log that tell none themselves.
    """
    if line.startswith(b"{"):
        try:
            entry = json.loads(from_bytes(line))
        except (ValueError, RecursionError):
            return None
        stamp = entry.get("__REALTIME_TIMESTAMP") if isinstance(entry, dict) else None
        if isinstance(stamp, str) and stamp.isascii() and stamp.isdigit() and len(stamp) < 17:
            return int(stamp)
        line = to_bytes(time_in(entry)) if isinstance(entry, dict) else b""
    found = _TIME.search(line, 0, _LONGEST_PREFIX)
    if found is None:
        return None
    try:
        # What is finer than a microsecond is left out: the standard library reads no more.
        moment = datetime.fromisoformat(_FINER.sub(rb"\1", found[0]).decode().replace(",", "."))
    except ValueError:
        return None
    return (moment - _EPOCH) // timedelta(microseconds=1)


_FINER = re.compile(rb"([.,]\d{6})\d+")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Stream:
    """The lines of one stream put together, with the way back to where they stand in the input."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._begins: list[int] = []
        self._lines: list[tuple[int, int, int, int]] = []
        """Start and end in the input, where the inner bytes begin in it, and their length."""
        self.size = 0
        self.open: int | None = None
        """Where the line begins that still has to be continued."""

    def add(self, inner: Inner, start: int, end: int) -> None:
        """Add a line that stands at `start` in the input and ends, line feed included, at `end`."""
        self._begins.append(self.size)
        self._lines.append((start, end, start + inner.start, len(inner.data)))
        self._parts.append(inner.data)
        self.size += len(inner.data)
        if inner.data.endswith(b"\n"):
            self.open = None
        elif self.open is None:
            self.open = start

    def data(self) -> bytes:
        """Return the stream without its prefixes."""
        return b"".join(self._parts)

    def where(self, start: int, stop: int) -> list[tuple[int, int]]:
        """Return where bytes of the stream stand in the input, prefixes included, as (start, end).

        A line that several pieces share is divided between them, the prefix going to the first.
        """
        found: list[tuple[int, int]] = []
        index = bisect_right(self._begins, start) - 1
        while index < len(self._lines) and self._begins[index] < stop:
            begin = self._begins[index]
            line_start, line_end, inner, size = self._lines[index]
            low = line_start if start <= begin else min(inner + start - begin, line_end)
            high = line_end if stop >= begin + size else min(inner + stop - begin, line_end)
            if high > low:
                found.append((low, high))
            index += 1
        return found

    def settled_before(self, cut: int, settled: Callable[[bytes], int]) -> int:
        """Return where to cut the input, at `cut` or before, so that no record of this stream goes on behind it."""
        lines = bisect_left(self._lines, (cut,))
        data = b"".join(self._parts[:lines])
        done = settled(data)
        if done == len(data):
            return cut
        return self._lines[bisect_right(self._begins, done) - 1][0]

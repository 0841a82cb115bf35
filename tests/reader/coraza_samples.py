"""Coraza's sample logs, read: genuine logs of 3.0.4 to 3.7.0 in every format, made by the same five requests."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from wafscope.event.model import Event, Match
from wafscope.reader import coraza_json, coraza_legacy, coraza_native, coraza_ocsf
from wafscope.reader.base import Context
from wafscope.reader.coraza_error import read as read_error
from wafscope.reader.coraza_error import transaction_of

SAMPLES = Path(__file__).parents[1] / "samples"
CONTEXT = Context()
K, H = "ABCEFHIJKZ", "ABIJDEFHZ"
"""The parts of the samples: with the rules, and what the manual recommends."""

_SEPARATOR = re.compile(rb"^--([A-Za-z]{16}|[A-Za-z]{10})-([A-Z])--$", re.MULTILINE)


def sample(version: str, kind: str, parts: str) -> bytes:
    """The bytes of a sample."""
    return (SAMPLES / f"gen-coraza-{version}-{kind}-{parts}.log").read_bytes()


def lines(data: bytes) -> list[bytes]:
    """The lines of a log that are not empty."""
    return [line for line in data.split(b"\n") if line]


def split_native(data: bytes) -> list[bytes]:
    """The records of a native log in which no body holds a separator: a new boundary begins a new record."""
    starts: list[int] = []
    boundary = b""
    for found in _SEPARATOR.finditer(data):
        if found[1] != boundary:
            boundary = found[1]
            starts.append(found.start())
    return [data[a:b].rstrip(b"\n") for a, b in zip(starts, [*starts[1:], len(data)], strict=True)]


def events(version: str, kind: str, parts: str) -> list[Event]:
    """The events of a sample, by whichever reader its kind has."""
    data = sample(version, kind, parts)
    if kind == "native":
        return [coraza_native.read(record, CONTEXT) for record in split_native(data)]
    read = {"json": coraza_json.read_fast, "jsonlegacy": coraza_legacy.read_fast, "ocsf": coraza_ocsf.read}[kind]
    return [read(line, CONTEXT) for line in lines(data)]


def lines_by_transaction(log: Iterable[bytes]) -> dict[bytes, list[bytes]]:
    """The lines of a log that are Coraza's, by transaction, in the order of their first lines."""
    found: dict[bytes, list[bytes]] = {}
    for line in log:
        transaction = transaction_of(line)
        if transaction is not None:
            found.setdefault(transaction, []).append(line)
    return found


def error_log() -> list[Event]:
    """The events of the error log of 3.7.0, which is bare: nginx' time is put before each line."""
    bare = lines((SAMPLES / "gen-coraza-3.7.0-errorlog.log").read_bytes())
    timed = [b"2026/11/24 02:43:53 " + line for line in bare]
    return [read_error(group, CONTEXT) for group in lines_by_transaction(timed).values()]


Told = tuple[object, ...]


def told(match: Match) -> Told:
    """What every format with error lines or part K tells of a rule that fired."""
    return (
        match.rule_id,
        match.message,
        match.data,
        match.target,
        match.value,
        match.severity,
        match.tags,
        match.file,
        match.line,
        match.revision,
        match.version,
        match.maturity,
        match.accuracy,
        match.others,
        match.bookkeeping,
        match.points,
        match.attack_class,
    )


def written(match: Match) -> Told:
    """What only the text of the rule tells."""
    return match.rule_id, match.operator, match.parameter, match.negated, match.phase, match.rule_text

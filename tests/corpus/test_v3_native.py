"""libmodsecurity 3: native records and error logs tell what JSON tells, and what was counted without Wafscope."""

from __future__ import annotations

import gzip
import io
import re
import tarfile
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import zstandard
from tests.corpus.place import CORPUS, ODD, summary, zone

from wafscope.event.model import Event, Match
from wafscope.reader import v3_error, v3_native
from wafscope.reader.base import Context
from wafscope.reader.modsecurity_json import read_fast, read_tolerant
from wafscope.reader.v3_line import unescape

pytestmark = [
    pytest.mark.corpus,
    pytest.mark.skipif(not CORPUS.is_dir(), reason="the real runs are not beside the project"),
]

CONTEXT = Context()
_RUNS = sorted(
    str(p.parent.relative_to(CORPUS))
    for p in (*CORPUS.glob("ng3*/SUMMARY.json"), *ODD.glob("*-ng3*/SUMMARY.json"))
    if summary(str(p.parent.relative_to(CORPUS)))["records"]
)
NATIVE_RUNS = [run for run in _RUNS if "-native" in run and "diskfull" not in run]
ERROR_RUNS = [run for run in _RUNS if list((CORPUS / run).glob("error.log*")) and "scale" not in run]
_SEPARATOR = re.compile(rb"^---([0-9A-Za-z]{8})---([A-Z])--$", re.MULTILINE)


def contents(path: Path) -> Iterator[bytes]:
    """The files that a stored log holds, unpacked."""
    data = path.read_bytes()
    if path.suffix == ".zst":
        data = zstandard.ZstdDecompressor().stream_reader(io.BytesIO(data)).read()
    elif path.suffix == ".gz":
        data = gzip.decompress(data)
    if ".tar" not in path.name:
        yield data
        return
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        for member in archive:
            file = archive.extractfile(member)
            if file is not None:
                yield file.read()


def audit(run: str) -> Iterator[bytes]:
    """Every file of an audit log but the index."""
    for path in sorted((CORPUS / run / "audit").rglob("*")):
        if path.is_file() and not path.name.startswith("index"):
            yield from contents(path)


def native_records(run: str) -> Iterator[bytes]:
    """Every native record, told by its own boundary."""
    for data in audit(run):
        start, boundary = -1, b""
        for line in _SEPARATOR.finditer(data):
            if start < 0 and line[2] == b"A":
                start, boundary = line.start(), line[1]
            elif line[1] == boundary and line[2] == b"Z":
                yield data[start : line.end()]
                start = -1


def json_events(run: str) -> Iterator[Event]:
    for line in (line for data in audit(run) for line in data.split(b"\n") if line):
        try:
            yield read_fast(line, CONTEXT)
        except ValueError:
            try:
                yield read_tolerant(line, CONTEXT)
            except ValueError:
                continue  # cut when the disk was full


def events(run: str) -> list[Event]:
    """The events of an audit log."""
    if "-native" in run:
        return [v3_native.read(record, CONTEXT) for record in native_records(run)]
    return list(json_events(run))


def error_lines(run: str) -> dict[bytes, list[bytes]]:
    """The lines of an error log by transaction."""
    found: dict[bytes, list[bytes]] = defaultdict(list)
    for path in (CORPUS / run).glob("error.log*"):
        for line in (line for data in contents(path) for line in data.split(b"\n")):
            key = v3_error.transaction_of(line)
            if key is not None:
                found[key].append(line)
    return found


def counts(of: list[Event], run: str) -> dict[str, Counter[str]]:
    """Count as SUMMARY.json does."""
    there = ZoneInfo(zone(run))
    return {
        "per_rule": Counter(str(match.rule_id) for event in of for match in event.matches),
        "per_host": Counter(event.host or "-" for event in of),
        "per_client": Counter(event.client_address or "-" for event in of),
        "per_status": Counter("-" if event.status is None else str(event.status) for event in of),
        "per_day": Counter(
            datetime.fromtimestamp(event.time / 1e6, UTC).astimezone(there).strftime("%Y-%b-%d") for event in of
        ),
    }


@pytest.mark.parametrize("run", NATIVE_RUNS)
def test_each_native_run_gives_the_true_counts(run: str) -> None:
    known, found = summary(run), events(run)
    assert (len(found), sum(len(event.matches) for event in found)) == (known["records"], known["messages"])
    assert {flag for event in found for flag in event.flags} <= {"invalid_utf8"}
    assert {event.zone_source for event in found} == {"logged"}
    for key, counted in counts(found, run).items():
        assert dict(counted) == known[key], key


def said(match: Match) -> tuple[object, ...]:
    """What every format says of a match."""
    return (
        match.rule_id, match.target, match.operator, match.parameter, match.value, match.severity, match.tags,
        match.file.rpartition("/")[2], match.line, match.message, match.revision, match.version, match.maturity,
        match.accuracy, match.bookkeeping, match.points, match.attack_class,
    )  # fmt: skip


def test_native_and_json_of_the_same_requests_say_the_same() -> None:
    native, json = events("odd/custom-ng309-on-native"), events("odd/custom-ng309-on-json")
    assert len(native) == len(json) == summary("odd/custom-ng309-on-json")["records"]
    for one, other in zip(native, json, strict=True):
        assert [said(match) for match in one.matches] == [said(match) for match in other.matches]
        assert (one.method, one.path, one.protocol, one.host) == (other.method, other.path, other.protocol, other.host)
        assert (one.status, one.client_address, one.request_headers) == (
            other.status,
            other.client_address,
            other.request_headers,
        )
        for mine, theirs in zip(one.matches, other.matches, strict=True):
            assert mine.cut or (mine.data, mine.reference) == (theirs.data, theirs.reference)


@pytest.mark.parametrize("run", ERROR_RUNS)
def test_each_error_log_gives_the_true_counts(run: str) -> None:
    known = summary(run)["error_log"]
    found = [v3_error.read(lines, CONTEXT) for lines in error_lines(run).values()]
    assert sum(len(event.matches) for event in found) == known["modsec_lines"]
    assert dict(counts(found, run)["per_rule"]) == known["per_rule"]
    assert {flag for event in found for flag in event.flags} <= {"invalid_utf8", "cut_message"}


@pytest.mark.parametrize("run", ERROR_RUNS)
def test_error_log_and_audit_log_say_the_same(run: str) -> None:
    audited = {event.transaction_id: event for event in events(run)}
    for key, lines in error_lines(run).items():
        event, other = v3_error.read(lines, CONTEXT), audited.get(key.decode())
        if other is None:
            continue  # not relevant, or written when the disk was full
        assert event.client_address == other.client_address
        if event.zone_source == "unique_id":
            assert event.time == other.time
        if "cut_message" not in event.flags and other.uri:
            assert (event.path, event.query, event.method) == (other.path, other.query, other.method)
            assert event.protocol in {other.protocol, "" if other.protocol == "0.9" else other.protocol}
        if "cut_message" not in event.flags and other.request_headers:
            assert (event.host, event.referer) == (other.host, other.referer)
        if other.interrupted_source not in {"inferred", ""}:
            assert event.interrupted == other.interrupted
        if "no_messages" not in other.gaps:
            assert same(event.matches, other.matches, other), (event.matches, other.matches)


def same(lines: tuple[Match, ...], matches: tuple[Match, ...], other: Event) -> bool:
    """Compare what both logs can tell.

    JSON cuts at NUL (3.0.9) or escapes names of arguments and data (3.0.15); lines cut data, which has the value that
    libinjection found.
    """
    if len(lines) != len(matches):
        return False
    for line, match in zip(lines, matches, strict=True):
        mine, theirs = list(said(line)), list(said(match))
        if other.format == "v3.json":
            theirs[1] = unescape(match.target)
            if line.operator.startswith("Detect") or "\0" in line.target:
                mine[1] = theirs[1] = mine[4] = theirs[4] = ""
        if mine != theirs:
            return False
    return True

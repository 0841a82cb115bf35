"""Every run of ModSecurity 2: counted as the ground truth counts it, and the same told by each of its logs."""

from __future__ import annotations

import io
import tarfile
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import pytest
import zstandard
from tests.corpus.place import CORPUS, summary, zone
from tests.reader.v2_samples import json_records, native_records

from wafscope.event.model import Event, Match
from wafscope.reader import v2_error, v2_json, v2_native
from wafscope.reader.base import Context

pytestmark = [
    pytest.mark.corpus,
    pytest.mark.skipif(not CORPUS.is_dir(), reason="the real runs are not beside the project"),
]

CONTEXT = Context()
UNREADABLE = ("shared", "diskfull", "empty", "rotate")
"""Logs with woven, cut or repeated records: the framing's."""

RUNS = tuple(sorted(p.parent.name for p in CORPUS.glob("ap297-*/SUMMARY.json")))
ODD = tuple(
    sorted(
        f"odd/{p.parent.name}"
        for p in CORPUS.glob("odd/*-ap297-*/SUMMARY.json")
        if not p.parent.name.startswith(UNREADABLE)
    )
)
JSON_RUNS = tuple(run for run in (*RUNS, *ODD) if "-json" in run)
K_RUNS = tuple(run for run in (*RUNS, *ODD) if f"{run}-".find("kz-") > 0 or run.endswith("-k"))


def unpacked(path: Path) -> bytes:
    """A file of the corpus, without its compression."""
    data = path.read_bytes()
    return zstandard.ZstdDecompressor().stream_reader(io.BytesIO(data)).read() if path.suffix == ".zst" else data


def contents(run: str) -> Iterator[bytes]:
    """The files of an audit log, the index left out."""
    folder = CORPUS / run / "audit"
    for path in sorted(folder.rglob("*")):
        if path.name.startswith("concurrent.tar"):
            with tarfile.open(fileobj=io.BytesIO(unpacked(path))) as archive:
                for member in archive:
                    file = archive.extractfile(member) if member.isfile() else None
                    if file is not None:
                        yield file.read()
        elif path.is_file() and (path.name.startswith("modsec_audit") or path.is_relative_to(folder / "concurrent")):
            yield unpacked(path)


@lru_cache(maxsize=4)
def records(run: str) -> tuple[bytes, ...]:
    """All records of a run."""
    found: list[bytes] = []
    for data in contents(run):
        found += json_records(data) if data[:1] == b"{" else native_records(data)
    return tuple(found)


def read(record: bytes) -> Event:
    """Read a record of either format."""
    reader = v2_json.read_tolerant if record[:1] == b"{" else v2_native.read
    return reader(record, CONTEXT)


@lru_cache(maxsize=4)
def events(run: str) -> tuple[Event, ...]:
    """All events of a run."""
    return tuple([read(record) for record in records(run)])


def day(event: Event, run: str) -> str:
    """The day of a record on the calendar of its machine: that of part A, as the truth counts it."""
    assert event.time_logged is not None
    moment = datetime.fromtimestamp(event.time_logged / 10**6, UTC).astimezone(ZoneInfo(zone(run)))
    return moment.strftime("%Y-%b-%d")


@pytest.mark.parametrize("run", [*RUNS, *ODD])
def test_the_counts_are_those_of_the_truth(run: str) -> None:
    known, found = summary(run), events(run)
    matches = [match for event in found for match in event.matches]
    rules = Counter("noid" if match.rule_id is None else str(match.rule_id) for match in matches)
    if "noid" not in known["per_rule"]:
        del rules["noid"]  # the truth of JSON counts them among the messages only

    assert known["records"] == len(found)
    assert known["distinct_ids"] == len({event.transaction_id for event in found})
    assert known["messages"] == len(matches)
    assert known["records_with_messages"] == sum(bool(event.matches) for event in found)
    assert known["per_rule"] == rules
    assert known["per_status"] == Counter("-" if event.status is None else str(event.status) for event in found)
    assert known["per_host"] == Counter("-" if event.host is None else event.host for event in found)
    assert known["per_client"] == Counter(event.client_address for event in found)
    assert known["per_day"] == Counter(day(event, run) for event in found)


@pytest.mark.parametrize("run", [*RUNS, *ODD])
def test_no_record_is_odder_than_it_is(run: str) -> None:
    found = events(run)

    assert {flag for event in found for flag in event.flags} <= {"invalid_utf8", "cut_message"}
    assert not [event.extra for event in found if event.extra]
    assert all(record == event.raw for record, event in zip(records(run), found, strict=True))
    for event in found:
        assert event.time_logged is not None
        assert 0 <= event.time_logged - event.time < 300 * 10**6
        assert not [text for text in event.error_messages if "ModSecurity: " in text]


@pytest.mark.parametrize("run", JSON_RUNS)
def test_both_paths_give_the_same_event(run: str) -> None:
    fast = 0
    for record, event in zip(records(run), events(run), strict=True):
        try:
            quick = v2_json.read_fast(record, CONTEXT)
        except ValueError:
            assert event.flags, record[:200]
        else:
            fast += 1
            assert event == quick
    assert fast >= len(records(run)) // 2


def normalised(match: Match) -> tuple[object, ...]:
    """What a match says whatever the format and the run."""
    file = match.file.replace("on-native", "on-json").replace("det-native-k", "on-json")
    return (
        *(match.rule_id, match.target, match.parameter, match.value, match.severity, match.tags, match.line, file),
        *(match.message, match.data, match.revision, match.version, match.maturity, match.accuracy, match.points),
        *(match.bookkeeping, match.attack_class, match.negated),
    )


@pytest.mark.parametrize("other", ["odd/custom-ap297-on-native", "odd/custom-ap297-det-native-k"])
def test_native_and_json_tell_the_same_of_the_same_requests(other: str) -> None:
    """The three runs had the same requests; DetectionOnly and part K change what was done, not what matched."""
    requests = [event.request_line for event in events("odd/custom-ap297-on-json")]
    assert requests == [event.request_line for event in events(other)]
    for old, new in zip(events(other), events("odd/custom-ap297-on-json"), strict=True):
        assert [normalised(match) for match in old.matches] == [normalised(match) for match in new.matches]
        if "-on-" in other:
            assert [match.operator for match in old.matches] == [match.operator for match in new.matches]
            assert [match.action for match in old.matches] == [match.action for match in new.matches]
            assert (old.action, old.action_phase, old.action_status, old.action_message, old.outcome) == (
                new.action,
                new.action_phase,
                new.action_status,
                new.action_message,
                new.outcome,
            )


@pytest.mark.parametrize("run", K_RUNS)
def test_part_k_gives_every_match_its_rule(run: str) -> None:
    named = [match for event in events(run) for match in event.matches if match.rule_id is not None]

    assert named
    assert all(match.rule_text and match.operator and match.phase for match in named)
    assert all(f"id:{match.rule_id}" in match.rule_text.replace("'", "") for match in named)


@pytest.mark.parametrize("run", [run for run in (*RUNS, *ODD) if "parts-az" not in run])
def test_the_error_log_tells_the_same(run: str) -> None:
    """Written by the server, not by the audit log: every match of every record is in both."""
    path = next(p for p in (CORPUS / run).iterdir() if p.name.startswith("error.log"))
    lines: dict[str, list[bytes]] = {}
    for line in unpacked(path).split(b"\n"):
        transaction = v2_error.transaction_of(line)
        if transaction is not None:
            lines.setdefault(transaction.decode(), []).append(line)
    compared = 0
    for event in events(run):
        if event.transaction_id not in lines:
            # `nolog,auditlog`, or no match at all.
            assert {match.action for match in event.matches} <= {""}
            continue
        told = v2_error.read(lines[event.transaction_id], CONTEXT)
        bare = [msgspec.structs.replace(match, operator="", rule_text="", phase=None) for match in event.matches]
        assert bare == [msgspec.structs.replace(match, operator="", phase=None) for match in told.matches]
        assert (event.time // 10**6, event.interrupted, event.action, event.action_status, event.score) == (
            told.time // 10**6,
            told.interrupted,
            told.action,
            told.action_status,
            told.score,
        )
        assert (event.client_address, event.client_port) == (told.client_address, told.client_port)
        compared += 1
    assert compared


def test_forged_records_stay_in_their_bodies() -> None:
    found = events("odd/forged-ap297-native")

    assert len(found) == 9
    assert "203.0.113.66" not in {event.client_address for event in found}
    assert 666666 not in {match.rule_id for event in found for match in event.matches}


@pytest.mark.parametrize(
    "name", ["nul-bytes", "fake-boundary", "invalid-utf8", "c-nul-bytes", "c-fake-boundary", "c-invalid-utf8"]
)
def test_hard_records_are_read_byte_for_byte(name: str) -> None:
    data = (CORPUS / "odd" / "genuine-extracts" / f"ap297-native-{name}.log").read_bytes()
    found = [(record, read(record)) for record in native_records(data)]

    assert found
    for record, event in found:
        for text in (event.request_body, event.response_body):
            assert text is None or text.encode("utf-8", "surrogateescape") in record
        declared = [value for header, value in event.request_headers if header == "Content-Length"]
        if declared and event.request_body is not None and event.body_kind == "raw":
            assert int(declared[0]) == len(event.request_body.encode("utf-8", "surrogateescape"))


def test_line_ends_of_another_system() -> None:
    data = (CORPUS / "odd" / "constructed" / "crlf-native2.log").read_bytes()
    found = [read(record) for record in native_records(data)]

    assert len(found) == 5
    assert {("repaired",)} == {event.flags for event in found}
    assert not [event for event in found if "\r" in event.request_line or event.status is None or event.host is None]

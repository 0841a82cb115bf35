"""Coraza's real runs: every count equals the ground truth, and every log of a run tells the same."""

from __future__ import annotations

import io
import re
import tarfile
from collections import Counter
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
import zstandard
from tests.corpus.place import CORPUS, summary
from tests.reader.coraza_samples import lines_by_transaction

from wafscope.event.model import Event, Match
from wafscope.reader import coraza_json, coraza_native
from wafscope.reader.base import Context
from wafscope.reader.coraza_error import read as read_error

pytestmark = [
    pytest.mark.corpus,
    pytest.mark.skipif(not CORPUS.is_dir(), reason="the real runs are not beside the project"),
]

CONTEXT = Context()
RUNS = tuple(sorted(p.parent.name for p in CORPUS.glob("cz*/SUMMARY.json")))
JSON_RUNS = tuple(run for run in RUNS if "-json-" in run)
_OPENING = re.compile(rb"^--[A-Za-z]{16}-A--\n\[", re.MULTILINE)
"""3.8 escapes line feeds, so that no body can hold such lines."""


def unpacked(run: str, name: str) -> bytes:
    data = (CORPUS / run / name).read_bytes()
    return zstandard.ZstdDecompressor().stream_reader(io.BytesIO(data)).read()


def records(run: str) -> Iterator[bytes]:
    """Every record of a run, as logged."""
    if "-conc-" in run:
        with tarfile.open(fileobj=io.BytesIO(unpacked(run, "audit/concurrent.tar.zst"))) as archive:
            for member in archive:
                file = archive.extractfile(member)
                if file is not None:
                    yield file.read()
        return
    data = unpacked(run, "audit/modsec_audit.log.zst")
    if "-json-" in run:
        yield from data.splitlines()
        return
    starts = [found.start() for found in _OPENING.finditer(data)]
    for start, end in zip(starts, [*starts[1:], len(data)], strict=True):
        yield data[start:end].rstrip(b"\n")


@cache
def events(run: str) -> tuple[Event, ...]:
    read = coraza_json.read_fast if "-json-" in run else coraza_native.read
    return tuple(read(record, CONTEXT) for record in records(run))


@cache
def heard(run: str) -> dict[str, Event]:
    """The error log of a run, by transaction."""
    groups = lines_by_transaction(unpacked(run, "error.log.zst").split(b"\n"))
    return {key.decode(): read_error(lines, CONTEXT) for key, lines in groups.items()}


def host(event: Event) -> str:
    return event.host or "-"


@pytest.mark.parametrize("run", RUNS)
def test_every_count_is_true(run: str) -> None:
    known, found = summary(run), events(run)
    rules = Counter(str(m.rule_id) for e in found for m in e.matches)
    counted: dict[str, Any] = {
        "records": len(found),
        "messages": sum(len(e.matches) for e in found),
        "records_with_messages": sum(bool(e.matches) for e in found),
        "distinct_ids": len({e.transaction_id for e in found}),
        "per_rule": dict(rules),
        "per_host": dict(Counter(map(host, found))),
        "per_status": dict(Counter(str(e.status or 0) for e in found)),
        "messages_per_host": {},
        "interrupted": dict(Counter(str(bool(e.interrupted)).lower() for e in found)),
        "per_day": {"2026-Nov-24": len(found)},
    }
    for event in found:
        counted["messages_per_host"][host(event)] = counted["messages_per_host"].get(host(event), 0) + len(
            event.matches
        )
    assert {name: known[name] for name in counted} == counted
    assert known["per_client"] == dict(Counter(e.client_address for e in found))
    assert {"2026/11/24"} == {e.time_original[:10] for e in found}


@pytest.mark.parametrize("run", JSON_RUNS)
def test_both_paths_give_the_same_event(run: str) -> None:
    for raw in records(run):
        assert coraza_json.read_fast(raw, CONTEXT) == coraza_json.read_tolerant(raw, CONTEXT)


@pytest.mark.parametrize("run", RUNS)
def test_the_error_log_gives_the_same_rules(run: str) -> None:
    known = summary(run)["error_log"]
    found = heard(run).values()
    assert known["per_rule"] == dict(Counter(str(m.rule_id) for e in found for m in e.matches))
    assert known["modsec_lines"] == sum(len(e.raw.split(b"\n")) for e in found)
    assert known["actions"].get("Access denied", 0) == sum(bool(e.interrupted) for e in found)


UNEXPLAINED = {
    "cz381-crs4-det-json-conc-all": 18,
    "cz381-crs4-det-json-serial-K-rel": 33,
    "cz381-crs4-det-json-serial-all": 27,
    "cz381-crs4-on-native-serial-all": 26,
}
"""Records of which the engine logged fewer rules, or fewer values, than scored."""


@pytest.mark.parametrize("run", RUNS)
def test_a_rule_adds_its_points_for_each_value(run: str) -> None:
    """Counted so, the matches are never worth more than the engine says, and mostly as much."""
    said = [e for e in events(run) if e.score_source == "949110_message"]
    assert not [e.transaction_id for e in said if e.score is not None and e.points > e.score]
    assert UNEXPLAINED[run] == sum(e.points != e.score for e in said)
    read = coraza_json.read_fast if "-json-" in run else coraza_native.read
    for event in events(run):
        short = read(event.raw, Context(whole=False))
        assert (short.points, short.score, short.attack_class) == (event.points, event.score, event.attack_class)


def told(match: Match) -> tuple[object, ...]:
    """What an error line tells, the values left out."""
    return (
        match.rule_id,
        match.message,
        match.severity,
        match.file,
        match.line,
        match.tags,
        match.revision,
        match.version,
        match.maturity,
        match.accuracy,
        match.action,
    )


@pytest.mark.parametrize("run", RUNS)
def test_audit_log_and_error_log_tell_the_same(run: str) -> None:
    for event in events(run):
        if not event.matches:
            continue
        other = heard(run)[event.transaction_id]
        assert [told(m) for m in event.matches] == [told(m) for m in other.matches]
        assert (event.score, event.client_address, event.uri) == (other.score, other.client_address, other.uri)
        for match, same in zip(event.matches, other.matches, strict=True):
            if same.cut or "\ufffd" in repr(match):
                assert match.data[:100].count("\ufffd") or match.data.startswith(same.data[:200])
            else:
                assert (match.data, match.target, match.value, match.others) == (
                    same.data,
                    same.target,
                    same.value,
                    same.others,
                )
        if event.interrupted_source == "action_line":
            assert (event.interrupted, event.action) == (other.interrupted, other.action)


def test_part_k_has_an_entry_for_each_value() -> None:
    run = "cz381-crs4-det-json-serial-K-rel"
    assert summary(run)["message_entries"] == unpacked(run, "audit/modsec_audit.log.zst").count(b'{"actionset":"')
    assert all(m.rule_text and m.phase for e in events(run) for m in e.matches)


def test_the_engine_tells_the_native_zone_only_by_the_date_header() -> None:
    found = events("cz381-crs4-on-native-serial-all")
    assert {"date_header", "assumed"} == {e.zone_source for e in found}
    assert all(e.interrupted_source == "inferred" for e in found if e.status is None and not e.interrupted)

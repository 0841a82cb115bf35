"""Paths to bytes: everything that can be read is written once, in order, and the rest is counted."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from tests.export.ocsf_check import faults
from tests.make import v3_record

from wafscope import sample
from wafscope.errors import InputError
from wafscope.export.base import Options
from wafscope.export.stream import FORMS, Conversion, Progress, Setting, Summary
from wafscope.i18n.text import english

SAMPLES = Path(__file__).parents[1] / "samples"
LOGS = sorted(each for each in SAMPLES.iterdir() if each.name != "gen-coraza-3.7.0-errorlog.log")
"""All but one: its lines stand without any time, so that no event can be made of them."""
CUT = b'{"transaction":{"client_ip":"192.0.2.7"\n'


def converted(form: str, *paths: Path, options: Options = Options(), **known: Any) -> tuple[bytes, Summary]:  # noqa: B008 - frozen
    """Convert and return what was written, and the summary."""
    written: list[bytes] = []
    summary = Conversion(FORMS[form](options), Setting(sensor="web1"), written.append).run(
        list(map(str, paths)), **known
    )
    return b"".join(written), summary


def objects(data: bytes) -> list[dict[str, Any]]:
    """Return the objects of JSON lines, read strictly."""
    assert not data or data.endswith(b"\n")
    return [json.loads(line.decode("utf-8", "strict")) for line in data.split(b"\n")[:-1]]


def log(path: Path, *lines: bytes) -> Path:
    """Write a log of some lines."""
    path.write_bytes(b"".join(lines))
    return path


def record(**values: Any) -> bytes:
    return v3_record(**values) + b"\n"


@pytest.mark.parametrize("form", FORMS)
def test_the_sample_is_written_whole_in_every_form(form: str) -> None:
    data, summary = converted(form, sample.log(), options=Options(raw=form != "csv"))
    assert (summary.quarantined, summary.foreign) == (0, 0)
    if form == "csv":
        assert data.count(b"\r\n") == summary.events + 1
        return
    found = objects(data)
    if form == "ocsf":
        assert [fault for each in found for fault in faults(each)] == []
        activities = [each for each in found if each["class_uid"] == 4002]
        assert len(activities) == summary.events
        assert sum(len(each.get("enrichments", ())) for each in activities) == summary.matches
    else:
        matches = [each["modsec"] if form == "ecs" else each for each in found]
        assert len(found) == summary.events
        assert sum(len(each.get("matches", ())) for each in matches) == summary.matches


def test_every_form_has_the_same_events() -> None:
    ids = {
        "ecs": [each["transaction"]["id"] for each in objects(converted("ecs", sample.log())[0])],
        "jsonl": [each["transaction_id"] for each in objects(converted("jsonl", sample.log())[0])],
        "ocsf": [
            each["http_request"]["uid"]
            for each in objects(converted("ocsf", sample.log())[0])
            if each["class_uid"] == 4002
        ],
        "csv": converted("csv", sample.log(), options=Options(fields=("tx",)))[0].decode().replace('"', "").split()[1:],
    }
    assert ids["ecs"] == ids["jsonl"] == ids["ocsf"] == ids["csv"]
    assert max(Counter(ids["ecs"]).values()) == 1


@pytest.mark.parametrize("log", LOGS, ids=lambda log: log.name)
@pytest.mark.parametrize("form", FORMS)
def test_every_format_is_written_in_every_form(form: str, log: Path) -> None:
    data, summary = converted(form, log, options=Options(raw=form != "csv"))
    assert summary.events
    if form == "csv":
        data.decode("utf-8", "strict")
        return
    found = objects(data)
    assert len(found) >= summary.events
    if form == "ocsf":
        assert [fault for each in found for fault in faults(each)] == []


def test_what_is_no_event_is_counted(tmp_path: Path) -> None:
    path = log(tmp_path / "a.log", record(), CUT, b"just a line\n", b"\n", record(unique_id="2"))
    data, summary = converted("jsonl", path)
    assert (summary.events, summary.matches, summary.quarantined, summary.foreign) == (2, 2, 1, 1)
    assert summary.bytes == path.stat().st_size
    first, second = objects(data)
    assert (first["offset"], first["source"], first["sensor"]) == (0, str(path), "web1")
    assert path.read_bytes()[second["offset"] :][: second["length"]].strip() == v3_record(unique_id="2")


def test_a_table_has_one_header(tmp_path: Path) -> None:
    paths = [log(tmp_path / name, record()) for name in ("a.log", "b.log")]
    data, _ = converted("csv", *paths)
    assert [line.split(b",")[0] for line in data.split(b"\r\n")] == [
        b'"time"', b'"2026-11-18T02:30:00.000000Z"', b'"2026-11-18T02:30:00.000000Z"', b"",
    ]  # fmt: skip


def test_a_directory_and_packed_files_are_read(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    log(tmp_path / "logs" / "a", record())
    (tmp_path / "logs" / "b.gz").write_bytes(gzip.compress(record() + record()))
    assert converted("jsonl", tmp_path / "logs")[1].events == 3


def test_a_path_without_an_event_is_a_warning_beside_others(tmp_path: Path) -> None:
    good, other = log(tmp_path / "a.log", record()), log(tmp_path / "b.log", b"just a line\n")
    said: list[InputError] = []
    data, summary = converted("ecs", other, good, warn=said.append)
    assert (len(objects(data)), summary.events) == (1, 1)
    assert [(error.where, english(error.what)) for error in said] == [
        (str(other), "No audit record in it: 1 line of something else.")
    ]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"just\na line\n", "2 lines of something else"),
        (CUT, "1 record in it"),
        (CUT + CUT, "none of which can be read"),
    ],
)
def test_without_any_event_it_is_an_error(tmp_path: Path, content: bytes, words: str) -> None:
    written: list[bytes] = []
    conversion = Conversion(FORMS["csv"](Options()), Setting(), written.append)
    with pytest.raises(InputError, match=words):
        conversion.run([str(log(tmp_path / "a.log", content))])
    assert written == []


def test_a_path_that_is_not_there_stops_before_anything_is_written(tmp_path: Path) -> None:
    written: list[bytes] = []
    conversion = Conversion(FORMS["ecs"](Options()), Setting(), written.append)
    with pytest.raises(InputError, match="no such file"):
        conversion.run([str(log(tmp_path / "a.log", record())), str(tmp_path / "absent")])
    assert written == []


def test_it_stops_behind_a_whole_line_and_says_how_far(tmp_path: Path) -> None:
    path = log(tmp_path / "a.log", *(record(unique_id=str(number)) for number in range(10)))
    written: list[bytes] = []
    conversion = Conversion(FORMS["ocsf"](Options()), Setting(), written.append)
    conversion.run([str(path)], stop=lambda: conversion.summary.events >= 3)
    assert len(objects(b"".join(written))) == 6
    assert conversion.summary.events == 3


def test_an_interruption_leaves_a_whole_line(tmp_path: Path) -> None:
    path = log(tmp_path / "a.log", *(record(unique_id=str(number)) for number in range(10)))
    written: list[bytes] = []
    conversion = Conversion(FORMS["jsonl"](Options()), Setting(), written.append)

    def stop() -> bool:
        if conversion.summary.events >= 5:
            raise KeyboardInterrupt
        return False

    with pytest.raises(KeyboardInterrupt):
        conversion.run([str(path)], stop=stop)
    assert len(objects(b"".join(written))) == conversion.summary.events == 5


def test_memory_is_that_of_a_stretch(tmp_path: Path) -> None:
    """What waits to be written is never much: chunks come as the events are read."""
    path = log(tmp_path / "a.log", *(record(unique_id=str(number)) for number in range(2000)))
    sizes: list[int] = []
    conversion = Conversion(FORMS["ocsf"](Options()), Setting(), lambda data: sizes.append(len(data)))
    assert conversion.run([str(path)]).events == 2000
    assert len(sizes) > 10
    assert max(sizes) < 300_000


def test_progress_goes_to_the_end(tmp_path: Path) -> None:
    path = log(tmp_path / "a.log", record(), record())
    said: list[Progress] = []
    converted("csv", path, path, progress=said.append)
    assert said[-1] == Progress(2 * path.stat().st_size, 2 * path.stat().st_size, 4)

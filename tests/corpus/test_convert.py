"""Every real run is written whole in every form: the counts are those of the ground truth, and all of it is valid."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from tests.corpus.place import CORPUS, RUNS, logs, summary, zone
from tests.export.ecs_check import check
from tests.export.ocsf_check import faults

from wafscope.export.base import Options
from wafscope.export.stream import FORMS, Conversion, Setting

pytestmark = [
    pytest.mark.corpus,
    pytest.mark.skipif(not CORPUS.is_dir(), reason="the real runs are not beside the project"),
]

MOST = tuple(run for run in RUNS if "-scale-" not in run)
"""All but the one that is large and nothing else."""

SOME = tuple({(run[:5], "-json-" in run): run for run in MOST}.values())
"""One of each engine and format."""


def converted(run: str, form: str) -> bytes:
    """Convert a run, in the zone of its machine."""
    written: list[bytes] = []
    conversion = Conversion(FORMS[form](Options()), Setting("s", ZoneInfo(zone(run))), written.append)
    done = conversion.run(logs(run))
    known = summary(run)
    assert (done.events, done.matches, done.quarantined) == (known["records"], known["messages"], 0)
    return b"".join(written)


def objects(data: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in data.decode("utf-8", "strict").split("\n")[:-1]]


@pytest.mark.parametrize("run", MOST)
def test_json_lines_hold_every_event_and_match(run: str) -> None:
    found, known = objects(converted(run, "jsonl")), summary(run)
    assert len(found) == known["records"]
    assert sum(len(each.get("matches", ())) for each in found) == known["messages"]
    assert Counter(each.get("client_address", "-") for each in found) == known["per_client"]


@pytest.mark.parametrize("run", SOME)
def test_ecs_is_valid(run: str) -> None:
    found, known = objects(converted(run, "ecs")), summary(run)
    for each in found:
        check(each)
    assert len(found) == known["records"]
    assert sum(len(each["modsec"].get("matches", ())) for each in found) == known["messages"]


@pytest.mark.parametrize("run", SOME)
def test_ocsf_is_valid(run: str) -> None:
    found, known = objects(converted(run, "ocsf")), summary(run)
    assert {fault for each in found for fault in faults(each)} == set()
    activities = [each for each in found if each["class_uid"] == 4002]
    assert len(activities) == known["records"]
    assert sum(len(each.get("enrichments", ())) for each in activities) == known["messages"]


@pytest.mark.parametrize("run", SOME)
def test_csv_has_a_row_an_event(run: str) -> None:
    data = converted(run, "csv").decode("utf-8", "strict")
    rows = list(csv.reader(io.StringIO(data, newline=""), strict=True))
    assert len(rows) == summary(run)["records"] + 1
    assert {len(row) for row in rows} == {len(rows[0])}

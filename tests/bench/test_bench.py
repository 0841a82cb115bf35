"""The benchmarks run and say what they promise; nothing here looks at a time."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from bench import generate, year

from wafscope.reader.base import Context
from wafscope.reader.modsecurity_json import read_tolerant

ROOT = Path(__file__).parents[2]


def run(*arguments: str) -> dict[str, Any]:
    """Run a benchmark and return its report."""
    done = subprocess.run(
        [sys.executable, "-m", "bench", *arguments, "--json"], cwd=ROOT, capture_output=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def test_the_generator_is_deterministic_and_makes_records(tmp_path: Path) -> None:
    first, second = tmp_path / "1.log", tmp_path / "2.log"
    for path in (first, second):
        generate.write_log(path, 500)
    assert first.read_bytes() == second.read_bytes()
    lines = first.read_bytes().splitlines()
    events = [read_tolerant(line, Context()) for line in lines]
    assert len(events) == 500
    assert any(event.matches for event in events)
    assert any("invalid_utf8" in event.flags for event in events)


def test_ingest_reports_rates_memory_and_size() -> None:
    report = run("ingest", "--records", "2000", "--repeat", "1", "--no-formats")
    assert {"a_typed", "b_plain", "c_wafscope", "d_fast", "e_tolerant"} <= set(report["rates"])
    assert all(rate["records"] > 0 for rate in report["rates"].values())
    assert {"read", "encode", "write"} <= set(report["stages"])
    assert report["store_bytes"] > 0
    assert report["memory"]["bytes"] > 0


def test_query_reports_every_panel_for_a_day_and_for_all() -> None:
    report = run("query", "--events", "3000", "--seconds", "0")
    assert report["store"]["events"] >= 3000
    assert {"day", "all"} == {panel["window"] for panel in report["panels"]}
    assert all(panel["exact"] for panel in report["panels"])


def test_receive_reports_answers_while_the_spool_is_drained() -> None:
    report = run("receive", "--seconds", "1", "--rate", "50")
    assert report["answers"]["count"] > 0
    assert report["refused"] == 0
    assert report["drained"] > 0


def test_a_year_in_small_keeps_its_promises() -> None:
    """But for what is told of times, which depends on the machine."""
    report = year.run(year.Wish(days=9, events=200, keep=4, rounds=1), lambda _: None)
    assert set(report.failed) <= {"questions have become slow"}
    assert (report.held, report.removed) == (5 * 200, 4 * 200)
    assert not report.marked_after
    assert "overview" in year.render(report)


def test_flood_reports_the_same_counts_with_and_without_sampling() -> None:
    report = run("flood", "--events", "600", "--others", "300", "--rounds", "1", "--above", "50")
    assert report["same"]
    assert report["stored"]["whole"]["without_record"] == 0
    assert report["stored"]["sampled"]["without_record"] > 100
    assert {panel["window"] for panel in report["panels"]} >= {"hour", "all", "hour, client"}
    assert all(panel["exact"] for panel in report["panels"])


def test_soak_reports_memory_and_that_nothing_is_lost() -> None:
    report = run("soak", "--seconds", "5", "--idle", "0.5", "--rotate", "2", "--before", "100")
    assert (report["lost"], report["twice"], report["quarantined"]) == (0, 0, 0)
    assert report["rotations"] > 0
    assert report["visible"]["count"] > 0
    assert report["memory"]["own"]["last"] > 0

"""Every count of every real run equals the ground truth that was counted without Wafscope."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from tests.corpus.place import CORPUS, RUNS, logs, summary, zone

from wafscope.ingest.pipeline import Setting, import_paths
from wafscope.query.question import Count, Scope, Top
from wafscope.store.duckdb.store import DuckStore

pytestmark = [
    pytest.mark.corpus,
    pytest.mark.skipif(not CORPUS.is_dir(), reason="the real runs are not beside the project"),
]

FIELDS = {"per_host": "host", "per_client": "client", "per_status": "status", "per_day": "day", "per_rule": "rule"}


def counts(store: DuckStore, field: str, zone_name: str) -> dict[str, int]:
    """Count as SUMMARY.json does: rules by match, all else by event, `-` where there is no value."""
    answer = store.top(Top(field, Scope(), limit=0, zone=zone_name), time_limit=60).value
    return {"-" if v.value is None else str(v.value): v.matches if field == "rule" else v.events for v in answer.values}


def truth(run: str, key: str) -> dict[str, int]:
    """Return a table of SUMMARY.json with its days in ISO form and `-` for what has no value."""
    table: Counter[str] = Counter()
    for value, count in summary(run)[key].items():
        if key == "per_day":
            table[datetime.strptime(value, "%Y-%b-%d").strftime("%Y-%m-%d")] += count  # noqa: DTZ007 - a day
        elif value == "noid" or (key == "per_status" and value == "0"):
            # Coraza's 0 is no status: the engine stopped before there was one.
            table["-"] += count
        else:
            table[value] += count
    if key == "per_rule" and (without := summary(run)["messages"] - table.total()):
        table["-"] += without  # counted by the JSON truth as messages only
    return dict(table)


@pytest.mark.parametrize("run", RUNS)
def test_each_run_in_a_store_of_its_own_gives_the_true_counts(run: str) -> None:
    known = summary(run)
    with DuckStore(None) as store:
        done = import_paths(store, logs(run), Setting("s", zone(run)))
        assert (known["records"], known["messages"]) == (done.stored, done.matches)
        assert (done.duplicate, done.quarantined) == (0, 0)
        for key, field in FIELDS.items():
            assert truth(run, key) == counts(store, field, zone(run)), key


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DuckStore]:
    """One store with all runs in it."""
    path: Path = tmp_path_factory.mktemp("all") / "all.duckdb"
    with DuckStore(path) as store:
        import_paths(store, [log for run in RUNS for log in logs(run)], Setting("s"))
        yield store


def test_all_runs_in_one_store_give_the_sums(everything: DuckStore) -> None:
    known = [summary(run) for run in RUNS]
    answer = everything.count(Count(Scope()), time_limit=60).value
    assert (sum(k["records"] for k in known), sum(k["messages"] for k in known)) == (answer.events, answer.matches)
    for key in ("per_host", "per_client", "per_status", "per_rule"):
        total: Counter[Any] = Counter()
        for run in RUNS:
            total.update(truth(run, key))
        assert dict(total) == counts(everything, FIELDS[key], "UTC"), key


def test_a_second_import_under_another_name_and_compressed_adds_nothing(everything: DuckStore, tmp_path: Path) -> None:
    import gzip
    import io

    import zstandard

    run = "ng309-ft14d-det-json-serial-rel"
    plain = zstandard.ZstdDecompressor().stream_reader(io.BytesIO(Path(logs(run)[0]).read_bytes())).read()
    renamed, packed = tmp_path / "other.log", tmp_path / "other.log.gz"
    renamed.write_bytes(plain)
    packed.write_bytes(gzip.compress(plain))
    before = everything.count(Count(Scope())).value
    for path in (renamed, packed):
        done = import_paths(everything, [str(path)], Setting("s"))
        assert (summary(run)["records"], 0) == (done.duplicate, done.stored)
    assert before == everything.count(Count(Scope())).value

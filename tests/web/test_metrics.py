"""What Prometheus gets, read by its own library."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest
from litestar.testing import TestClient
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families

from wafscope.errors import StoreError
from wafscope.i18n.text import text
from wafscope.query.question import Answer, Held, SourceCounts
from wafscope.source.traffic import SensorTraffic, Status
from wafscope.store.lasting import StoreState
from wafscope.store.memory import MemoryStore
from wafscope.web.app import create_app
from wafscope.web.metrics import IMPORTED, METRICS, Metrics, State
from wafscope.web.settings import WebSettings
from wafscope.web.status import SourceStatus

ROOT = Path(__file__).parents[2]
HOSTILE = '/var/log/a"b\\c\nwafscope_store_up 0\n.log'
FOLLOWED = SourceStatus(HOSTILE, "serial", "web1", "following", 12, 5_000_000, waiting=0)
STATE = State(
    Held(
        first=1_000_000,
        last=2_500_000,
        events=30,
        sources=(
            SourceCounts(HOSTILE, "web1", 12, 9, duplicate=2, quarantined=1, foreign=4, bytes=999, joined=1),
            SourceCounts("/tmp/old1.log", "x", received=5, stored=5, bytes=10),
            SourceCounts("/tmp/old2.log", "y", received=6, stored=5, duplicate=1, bytes=20),
        ),
    ),
    (FOLLOWED, SourceStatus("receiver:w2", "receiver", "w2", "failed", None, 0)),
    Status(
        1, 0, 77, 1000,
        (
            SensorTraffic("w2", accepted=7, bytes=70, refused={"wrong_path": 1}),
            SensorTraffic("stranger-1", refused={"not_admitted": 3}),
            SensorTraffic("stranger-2", refused={"not_admitted": 4}),
        ),
    ),
    StoreState(
        "/s", 1, file=4096, log=17, used=2048, free=9, disk=90, events=30, matches=0, first=None, last=None,
        since=None, counted_since=None, reviewed=0, quarantined=1, removed_events=6, removed=(), dirty=False,
        compacted=4_000_000, backups=(),
    ),
)  # fmt: skip


def values(written: str) -> dict[tuple[str, ...], float]:
    """The value of each sample by its name and the values of its labels."""
    order = ("source", "kind", "sensor", "state", "question", "le", "reason", "file", "version", "python")
    return {
        (sample.name, *(sample.labels[name] for name in order if name in sample.labels)): sample.value
        for family in text_string_to_metric_families(written)
        for sample in family.samples
    }


def test_every_figure_arrives() -> None:
    metrics = Metrics()
    metrics.observe("top", Answer(1, seconds=0.02))
    metrics.observe("top", Answer(1, seconds=7.0, cut=True))
    content, media_type = metrics.write(STATE)
    found = values(content.decode())
    assert media_type.startswith("text/plain")
    source = (HOSTILE, "serial", "web1")
    expected: dict[tuple[str, ...], float] = {
        ("wafscope_source_records_received_total", *source): 12,
        ("wafscope_source_records_stored_total", *source): 9,
        ("wafscope_source_records_duplicate_total", *source): 2,
        ("wafscope_source_records_joined_total", *source): 1,
        ("wafscope_source_pieces_quarantined_total", *source): 1,
        ("wafscope_source_lines_foreign_total", *source): 4,
        ("wafscope_source_read_bytes_total", *source): 999,
        ("wafscope_source_lag_bytes", *source): 12,
        ("wafscope_source_last_commit_timestamp_seconds", *source): 5.0,
        ("wafscope_source_state", *source, "following"): 1,
        ("wafscope_source_state", *source, "failed"): 0,
        ("wafscope_source_state", "receiver:w2", "receiver", "w2", "failed"): 1,
        ("wafscope_source_records_received_total", "receiver:w2", "receiver", "w2"): 0,
        ("wafscope_source_records_received_total", IMPORTED, IMPORTED, ""): 11,
        ("wafscope_source_records_duplicate_total", IMPORTED, IMPORTED, ""): 1,
        ("wafscope_receiver_accepted_total", "w2"): 7,
        ("wafscope_receiver_accepted_bytes_total", "w2"): 70,
        ("wafscope_receiver_refused_total", "not_admitted"): 7,
        ("wafscope_receiver_refused_total", "wrong_path"): 1,
        ("wafscope_spool_bytes",): 77,
        ("wafscope_spool_limit_bytes",): 1000,
        ("wafscope_store_up",): 1,
        ("wafscope_store_events",): 30,
        ("wafscope_store_oldest_event_timestamp_seconds",): 1.0,
        ("wafscope_store_newest_event_timestamp_seconds",): 2.5,
        ("wafscope_store_file_bytes", "data"): 4096,
        ("wafscope_store_file_bytes", "wal"): 17,
        ("wafscope_store_used_bytes",): 2048,
        ("wafscope_store_free_bytes",): 9,
        ("wafscope_store_quarantined_pieces",): 1,
        ("wafscope_store_removed_events_total",): 6,
        ("wafscope_store_compacted_timestamp_seconds",): 4.0,
        ("wafscope_question_duration_seconds_count", "top"): 2,
        ("wafscope_question_duration_seconds_bucket", "top", "0.025"): 1,
        ("wafscope_questions_cut_total", "top"): 1,
    }
    assert {name: found.get(name) for name in expected} == expected
    assert not any("stranger" in label for name in found for label in name)
    assert {name[0] for name in found} >= {"wafscope_build_info", "process_resident_memory_bytes"}


def test_open_metrics_is_written_for_who_asks_for_it() -> None:
    content, media_type = Metrics().write(STATE, "application/openmetrics-text; version=1.0.0")
    assert media_type.startswith("application/openmetrics-text")
    read: Any = open_metrics
    assert {family.name for family in read(content.decode())} >= {"wafscope_source_records_received"}


def test_every_metric_is_declared_as_prometheus_wants_it() -> None:
    metrics = Metrics()
    metrics.observe("top", Answer(1, cut=True))
    told = {f.name: f for f in text_string_to_metric_families(metrics.write(STATE)[0].decode())}
    for name, metric in METRICS.items():
        found = told[name]
        assert (found.type, found.documentation) == (metric.kind, metric.help)
        assert all(set(metric.labels) <= set(sample.labels) for sample in found.samples)
        assert metric.help.endswith(".")
    assert {name for name in told if name.startswith("wafscope_")} <= {*METRICS, "wafscope_questions_cut_created"} | {
        name for name in told if name.endswith("_created")
    }


class Broken(MemoryStore):
    def held(self, **_: Any) -> Any:
        raise StoreError(text("It is broken"))


def test_a_store_that_does_not_answer_is_told_and_the_rest_stays() -> None:
    web = WebSettings(names=("*",), status=lambda: (FOLLOWED,))
    with TestClient(create_app(Broken(), web)) as client:
        answer = client.get("/metrics")
    found = values(answer.text)
    assert (answer.status_code, found["wafscope_store_up",]) == (200, 0)
    assert found["wafscope_source_lag_bytes", HOSTILE, "serial", "web1"] == 12
    assert not any(name[0] == "wafscope_source_records_received_total" for name in found)


def test_questions_of_pages_are_counted() -> None:
    with TestClient(create_app(MemoryStore(), WebSettings(names=("*",)))) as client:
        assert client.get("/").status_code == 200
        answer = client.get("/metrics")
        assert client.head("/metrics").status_code == 200
    found = values(answer.text)
    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert found["wafscope_question_duration_seconds_count", "held"] > 0


def test_the_page_of_the_reference_is_made_from_the_table() -> None:
    spec = importlib.util.spec_from_file_location("metrics_page", ROOT / "scripts" / "make_metrics_page.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.PAGE.read_text() == module.page(), "run: python scripts/make_metrics_page.py"


@pytest.mark.parametrize("name", METRICS)
def test_names_follow_the_conventions(name: str) -> None:
    assert name.startswith("wafscope_")
    assert not name.endswith("_total")
    if METRICS[name].kind == "histogram":
        assert name.endswith("_seconds")


@pytest.mark.parametrize("accept", ["application/openmetrics-text; version=x", "text/plain; version=1.0.0;q=x", ",;="])
def test_a_header_that_is_none_gets_what_everybody_gets(accept: str) -> None:
    content, media_type = Metrics().write(State(), accept)
    assert b"wafscope_build_info" in content
    assert media_type.startswith(("text/plain", "application/openmetrics-text"))

"""What Prometheus is told: counters of the sources, sizes, and how long questions take.

Each metric is declared once in `METRICS`; docs/reference/metrics.md is made of that table.
"""

from __future__ import annotations

import platform
from collections.abc import Iterable, Iterator
from typing import Any, Literal, get_args

import msgspec
from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from wafscope import __version__
from wafscope.query.question import Answer, Held, SourceCounts
from wafscope.source.traffic import Status
from wafscope.store.lasting import StoreState
from wafscope.web.status import SourceState, SourceStatus

_SOURCE = ("source", "kind", "sensor")
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

IMPORTED = "imported"
"""The source of all that was imported once, and its kind: each file by itself would be too many."""


class Described(msgspec.Struct, frozen=True):
    """A metric as it is declared; a counter is written with `_total` behind its name."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    labels: tuple[str, ...] = ()


METRICS = {
    metric.name: metric
    for metric in (
        Described("wafscope_build_info", "gauge", "Always 1; the labels tell the versions.", ("version", "python")),
        Described("wafscope_source_records_received", "counter", "Records read.", _SOURCE),
        Described("wafscope_source_records_stored", "counter", "Records stored.", _SOURCE),
        Described("wafscope_source_records_duplicate", "counter", "Records that the store had already.", _SOURCE),
        Described(
            "wafscope_source_records_joined",
            "counter",
            "Records of an error log that are part of the event of an audit log.",
            _SOURCE,
        ),
        Described("wafscope_source_pieces_quarantined", "counter", "Pieces that can not be read.", _SOURCE),
        Described("wafscope_source_lines_foreign", "counter", "Lines that belong to another log.", _SOURCE),
        Described("wafscope_source_read_bytes", "counter", "Bytes read, uncompressed.", _SOURCE),
        Described("wafscope_source_lag_bytes", "gauge", "Bytes that are there and not committed yet.", _SOURCE),
        Described("wafscope_source_waiting_files", "gauge", "Files that are there and not committed yet.", _SOURCE),
        Described(
            "wafscope_source_last_commit_timestamp_seconds",
            "gauge",
            "When something of it was committed last; missing before the first time since the start.",
            _SOURCE,
        ),
        Described(
            "wafscope_source_state",
            "gauge",
            f"1 for the state that it is in, 0 for the others: {', '.join(get_args(SourceState))}.",
            (*_SOURCE, "state"),
        ),
        Described("wafscope_receiver_accepted", "counter", "Requests or lines accepted since its start.", ("sensor",)),
        Described("wafscope_receiver_accepted_bytes", "counter", "Bytes accepted since its start.", ("sensor",)),
        Described("wafscope_receiver_refused", "counter", "Requests or lines refused since its start.", ("reason",)),
        Described("wafscope_spool_bytes", "gauge", "Bytes that were acknowledged and are not in the store yet."),
        Described("wafscope_spool_limit_bytes", "gauge", "Bytes that the spool may take."),
        Described("wafscope_store_up", "gauge", "1 if the store answers, else 0."),
        Described("wafscope_store_events", "gauge", "Events in the store."),
        Described("wafscope_store_oldest_event_timestamp_seconds", "gauge", "Time of the oldest event."),
        Described("wafscope_store_newest_event_timestamp_seconds", "gauge", "Time of the newest event."),
        Described(
            "wafscope_store_file_bytes", "gauge", "Size of the store: its file, and what is not in it yet.", ("file",)
        ),
        Described("wafscope_store_used_bytes", "gauge", "Of the file, what is used: what a limit of size counts."),
        Described("wafscope_store_free_bytes", "gauge", "Room on the disk of the store."),
        Described("wafscope_store_quarantined_pieces", "gauge", "Pieces in quarantine."),
        Described("wafscope_store_removed_events", "counter", "Events whose time was over."),
        Described("wafscope_store_compacted_timestamp_seconds", "gauge", "When the file was rewritten last."),
        Described("wafscope_question_duration_seconds", "histogram", "Time that questions took.", ("question",)),
        Described("wafscope_questions_cut", "counter", "Questions that the time limit stopped.", ("question",)),
    )
}

_COUNTS = {
    "wafscope_source_records_received": "received",
    "wafscope_source_records_stored": "stored",
    "wafscope_source_records_duplicate": "duplicate",
    "wafscope_source_records_joined": "joined",
    "wafscope_source_pieces_quarantined": "quarantined",
    "wafscope_source_lines_foreign": "foreign",
    "wafscope_source_read_bytes": "bytes",
}


class State(msgspec.Struct, frozen=True):
    """All that is told at one moment."""

    held: Held | None = None
    """None where the store does not answer."""
    sources: tuple[SourceStatus, ...] = ()
    receiver: Status | None = None
    store: StoreState | None = None
    """None where the store is no file, or does not answer."""


class Metrics:
    """Counts what goes on in this process, and writes all of it for Prometheus."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        asked, cut = METRICS["wafscope_question_duration_seconds"], METRICS["wafscope_questions_cut"]
        self._asked = Histogram(asked.name, asked.help, asked.labels, buckets=_SECONDS, registry=self._registry)
        self._cut = Counter(cut.name, cut.help, cut.labels, registry=self._registry)

    def observe(self, question: str, answer: Answer[Any]) -> None:
        """Count a question that the store was asked."""
        self._asked.labels(question).observe(answer.seconds)
        if answer.cut:
            self._cut.labels(question).inc()

    def write(self, state: State, accept: str = "") -> tuple[bytes, str]:
        """Return all of it, and its media type, in the form that the asker accepts."""
        try:
            encoder, media_type = choose_encoder(accept)
        except (ValueError, TypeError):  # a header that is none
            encoder, media_type = choose_encoder("")
        both = CollectorRegistry()
        both.register(_Fixed(self._registry.collect()))
        both.register(_Fixed(families(state)))
        return encoder(both), media_type


class _Fixed(Collector):
    """Metrics that are there already."""

    def __init__(self, found: Iterable[Metric]) -> None:
        self._found = list(found)

    def collect(self) -> Iterable[Metric]:
        return self._found


Sample = tuple[tuple[str, ...], float]


def families(state: State) -> Iterator[Metric]:
    """Return the metrics of a state, each with its samples; those without any are left out."""
    for name, samples in _samples(state):
        told = METRICS[name]
        family = CounterMetricFamily if told.kind == "counter" else GaugeMetricFamily
        made = family(name, told.help, labels=told.labels)
        for labels, value in samples:
            made.add_metric(labels, value)
        if made.samples:
            yield made


def _samples(state: State) -> Iterator[tuple[str, list[Sample]]]:
    yield "wafscope_build_info", [((__version__, platform.python_version()), 1)]
    yield from _sources(state)
    yield from _receiver(state.receiver)
    yield "wafscope_store_up", [((), 0 if state.held is None else 1)]
    if state.held is not None:
        yield "wafscope_store_events", [((), state.held.events)]
        yield "wafscope_store_oldest_event_timestamp_seconds", _time(state.held.first)
        yield "wafscope_store_newest_event_timestamp_seconds", _time(state.held.last)
    if state.store is not None:
        yield from _store(state.store)


def _store(told: StoreState) -> Iterator[tuple[str, list[Sample]]]:
    yield "wafscope_store_file_bytes", [(("data",), told.file), (("wal",), told.log)]
    yield "wafscope_store_used_bytes", [((), told.used)]
    yield "wafscope_store_free_bytes", [((), told.free)]
    yield "wafscope_store_quarantined_pieces", [((), told.quarantined)]
    yield "wafscope_store_removed_events", [((), told.removed_events)]
    yield "wafscope_store_compacted_timestamp_seconds", _time(told.compacted)


def _time(microseconds: int | None, *labels: str) -> list[Sample]:
    return [] if microseconds is None else [(labels, microseconds / 1_000_000)]


def _sources(state: State) -> Iterator[tuple[str, list[Sample]]]:
    followed = {(each.key, each.sensor): each for each in state.sources}
    counted: dict[tuple[str, str, str], SourceCounts] = {
        (each.key, each.kind, each.sensor): SourceCounts(each.key, each.sensor) for each in state.sources
    }
    for counts in state.held.sources if state.held else ():
        status = followed.get((counts.source, counts.sensor))
        if status is not None:
            counted[status.key, status.kind, status.sensor] = counts
        else:
            key = (IMPORTED, IMPORTED, "")
            counted[key] = _sum(counted.get(key, SourceCounts(IMPORTED, "")), counts)
    for name, attribute in _COUNTS.items():
        if state.held is not None:
            yield name, [(labels, getattr(counts, attribute)) for labels, counts in counted.items()]
    told = [((each.key, each.kind, each.sensor), each) for each in state.sources]
    yield (
        "wafscope_source_lag_bytes",
        [(labels, each.lag_bytes) for labels, each in told if each.lag_bytes is not None],
    )
    yield "wafscope_source_waiting_files", [(labels, each.waiting) for labels, each in told]
    times = [_time(each.last_read or None, *labels) for labels, each in told]
    yield "wafscope_source_last_commit_timestamp_seconds", [sample for samples in times for sample in samples]
    states: list[Sample] = []
    for labels, each in told:
        states += [((*labels, name), float(each.state == name)) for name in get_args(SourceState)]
    yield "wafscope_source_state", states


def _sum(one: SourceCounts, other: SourceCounts) -> SourceCounts:
    numbers = {name: getattr(one, name) + getattr(other, name) for name in _COUNTS.values()}
    return msgspec.structs.replace(one, **numbers)


def _receiver(told: Status | None) -> Iterator[tuple[str, list[Sample]]]:
    if told is None:
        return
    # Strangers are counted by reason alone: anybody may make up names.
    known = [each for each in told.sensors if each.accepted]
    refused: dict[str, int] = {}
    for each in told.sensors:
        for reason, count in each.refused.items():
            refused[reason] = refused.get(reason, 0) + count
    yield "wafscope_receiver_accepted", [((each.sensor,), each.accepted) for each in known]
    yield "wafscope_receiver_accepted_bytes", [((each.sensor,), each.bytes) for each in known]
    yield "wafscope_receiver_refused", [((reason,), count) for reason, count in sorted(refused.items())]
    yield "wafscope_spool_bytes", [((), told.spool_used)]
    yield "wafscope_spool_limit_bytes", [((), told.spool_limit)]

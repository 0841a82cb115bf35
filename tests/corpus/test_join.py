"""Audit log and error log of real runs, in either order: one event a transaction, and no count doubled."""

from __future__ import annotations

import io
import re
from collections import Counter
from pathlib import Path

import pytest
import zstandard
from tests.corpus.place import CORPUS, ODD, logs, summary, zone
from tests.corpus.test_truth import FIELDS, counts, truth

from wafscope.ingest.pipeline import Setting, Summary, import_paths
from wafscope.query.question import Count, Page, Scope
from wafscope.settings import Redaction
from wafscope.store.duckdb.store import DuckStore

pytestmark = [
    pytest.mark.corpus,
    pytest.mark.skipif(not CORPUS.is_dir(), reason="the real runs are not beside the project"),
]

JOINED = {
    "ng309-on-json-serial-all": 365,
    "ng309-on-native-serial-abijdefhz-rel": 299,
    "ap297-on-json-conc-rel": 180,
    "ap297-on-native-serial-abcfhz-rel": 358,
    "cz381-crs4-on-native-serial-all": 1671,
    "ng309-det-json-serial-abcfhz-rel": 440,
    "ap297-det-json-serial-all": 349,
    "ng309-ft6d-det-native-serial-all-newyork-dst": 401,
}
"""Transactions that the error log has lines about: all of them stand in the audit log, too."""

_DENIED = re.compile(rb'Access denied with code .*\[unique_id "([^"]+)"\]')


def error_log(run: str) -> str:
    return str(next((CORPUS / run).glob("error.log*")))


def lines(run: str) -> list[bytes]:
    data = Path(error_log(run)).read_bytes()
    return zstandard.ZstdDecompressor().stream_reader(io.BytesIO(data)).read().splitlines()


def imported(store: DuckStore, run: str, order: str, *, redact: bool = True) -> list[Summary]:
    parts = {"audit": logs(run), "error": [error_log(run)]}
    setting = Setting("s", zone(run), workers=0, redaction=Redaction(enabled=redact))
    return [import_paths(store, parts[name], setting) for name in order.split()]


@pytest.mark.parametrize("order", ["audit error", "error audit"])
@pytest.mark.parametrize("run", JOINED)
def test_both_logs_give_the_counts_of_the_audit_log(run: str, order: str) -> None:
    with DuckStore(None) as store:
        done = imported(store, run, order)
        assert sum(each.joined for each in done) == JOINED[run]
        assert sum(each.stored for each in done) == summary(run)["records"] + JOINED[run]
        for key, field in FIELDS.items():
            assert truth(run, key) == counts(store, field, zone(run)), key
        held, whole = store.held().value, store.count(Count(Scope())).value
        assert (held.events, held.joined, whole.matches) == (
            summary(run)["records"],
            JOINED[run],
            summary(run)["messages"],
        )
        again = imported(store, run, "error audit")
        assert (sum(each.stored for each in again), sum(each.joined for each in again)) == (0, 0)
        assert (held.events, held.gaps) == (store.held().value.events, store.held().value.gaps)


@pytest.mark.parametrize("order", ["audit error", "error audit"])
def test_a_log_without_a_flag_learns_from_the_error_log_who_was_blocked(order: str) -> None:
    """libmodsecurity 3.0.9 writes no flag; nine denials of its own rules, without 949110, can not be inferred."""
    run = "ng309-on-json-serial-all"
    denied = {found[1] for line in lines(run) if (found := _DENIED.search(line))}
    with DuckStore(None) as store:
        imported(store, run, order)
        blocked = counts(store, "waf.interrupted", "UTC")
        sources = counts(store, "waf.interrupted_source", "UTC")
    assert (blocked["yes"], sources["error_log"]) == (len(denied), JOINED[run])
    assert len(denied) == 359


@pytest.mark.parametrize("order", ["audit error", "error audit"])
def test_an_audit_log_without_matches_has_those_of_the_error_log(order: str) -> None:
    folder = ODD / "variant-ng309-json-parts-az"
    paths = {"audit": str(folder / "audit"), "error": str(folder / "error.log.zst")}
    with DuckStore(None) as store, DuckStore(None) as alone:
        import_paths(alone, [paths["error"]], Setting("s", workers=0))
        for name in order.split():
            import_paths(store, [paths[name]], Setting("s", workers=0))
        for field in ("rule", "waf.score.inbound", "rule.message"):
            assert counts(alone, field, "UTC") == {
                value: count for value, count in counts(store, field, "UTC").items() if value != "-" or field == "rule"
            } | ({"-": counts(alone, field, "UTC")["-"]} if "-" in counts(alone, field, "UTC") else {})
        assert dict(store.held().value.gaps).get("no_messages", 0) == (
            store.held().value.events - alone.held().value.events
        )


def test_an_event_has_the_lines_of_the_error_log() -> None:
    run = "ng309-on-json-serial-all"
    whole: Counter[bytes] = Counter(line for line in lines(run) if b"ModSecurity: " in line and b"unique_id" in line)
    found: Counter[bytes] = Counter()
    with DuckStore(None) as store:
        imported(store, run, "audit error", redact=False)
        for row in store.page(Page(Scope(), 1000)).value.rows:
            stored = store.event(row.id).value
            assert stored is not None
            assert stored.event.outcome == row.outcome
            for record in stored.joined:
                found.update(record.raw.split(b"\n"))
    assert found == whole

"""Events without their records take no room among the records, and stay as they are whatever is done to the file."""

from __future__ import annotations

from pathlib import Path

from bench import generate

from wafscope.ingest.pipeline import Setting, import_paths
from wafscope.ingest.sampling import Sampling
from wafscope.query.question import Page, Scope, StoredEvent
from wafscope.query.timespan import ALL_TIME, MINUTE, SECOND, Window
from wafscope.store.duckdb.store import DuckStore

HALF = generate.BURST * SECOND + 30 * MINUTE


def events(store: DuckStore, window: Window) -> dict[bytes, StoredEvent]:
    rows = store.page(Page(Scope(window), limit=2000)).value.rows
    found = {row.id: store.event(row.id).value for row in rows}
    return {identity: event for identity, event in found.items() if event is not None}


def test_a_store_that_is_thinned_and_rewritten_keeps_them_as_they_are(tmp_path: Path) -> None:
    log = tmp_path / "burst.log"
    generate.write_burst(log, 600)
    with DuckStore(tmp_path / "store.duckdb") as store:
        import_paths(store, [str(log)], Setting("web1", workers=0, sampling=Sampling(above=20, one_in=10)))
        later = events(store, Window(HALF, ALL_TIME.end))
        removed = store.remove(Window(ALL_TIME.start, HALF), "age", HALF)
        assert sum(each.events for each in removed) + len(later) == 600
        assert events(store, ALL_TIME) == later
        assert store.check().faults == ()

        store.compact()
        assert events(store, ALL_TIME) == later
        assert store.check().faults == ()
    assert {bool(each.event.raw) for each in later.values()} == {True, False}

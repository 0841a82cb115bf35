"""What the settings say is what the store is told to keep."""

from __future__ import annotations

from pathlib import Path

from tests.make import write

from wafscope.ingest.upkeep import Upkeep
from wafscope.query.question import Quarantine
from wafscope.query.timespan import DAY
from wafscope.reader.base import Unreadable
from wafscope.settings import Quarantine as Kept
from wafscope.settings import Retention, Settings
from wafscope.store.duckdb.store import DuckStore


def test_pieces_in_quarantine_leave_after_the_days_that_are_set(tmp_path: Path) -> None:
    settings = Settings(retention=Retention(size="", compact=""), quarantine=Kept(days=30))
    with DuckStore(tmp_path / "store.duckdb") as store:
        write(store, [], unreadable=(Unreadable(b"x", 0, "cut"), Unreadable(b"y", 1, "cut")))
        seen = store.quarantine(Quarantine()).value[-1].seen

        def pieces(days: int) -> int:
            upkeep = Upkeep(store, settings, clock=lambda: (seen + days * DAY) / 1_000_000)
            while upkeep.step():
                pass
            return len(store.quarantine(Quarantine()).value)

        assert (pieces(29), pieces(31)) == (2, 0)
        (counts,) = store.held().value.sources
        assert (counts.received, counts.quarantined) == (2, 0)

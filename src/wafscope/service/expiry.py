"""What could not be read is kept for so many days, and then let go: it holds secrets as they were logged."""

from __future__ import annotations

import threading
import time
from types import TracebackType
from typing import Self

import structlog

from wafscope.errors import WafscopeError
from wafscope.query.question import Quarantine
from wafscope.query.timespan import DAY
from wafscope.store.base import EventStore

_log = structlog.get_logger(__name__)

_EVERY = 3600.0
"""Seconds between two looks."""


def expire(store: EventStore, days: int, now: int) -> int:
    """Discard what came more than `days` ago, none with 0; `now` is in microseconds.  Raises StoreError."""
    if days <= 0:
        return 0
    old = Quarantine(seen_before=now - days * DAY)
    # Asked first: discarding is a write, which makes all answers old.
    return store.discard(old) if store.quarantine_counts(old).value.pieces else 0


class Expiry:
    """Lets pieces expire as long as the service runs."""

    def __init__(self, store: EventStore, days: int) -> None:
        self._store = store
        self._days = days
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="expiry", daemon=True)

    def change(self, days: int) -> None:
        """Keep pieces for another number of days, from the next look on."""
        self._days = days

    def _run(self) -> None:
        while True:
            try:
                gone = expire(self._store, self._days, time.time_ns() // 1000)
            except WafscopeError as error:
                # Whoever follows opens the store again; the next look finds them, too.
                _log.warning("pieces in quarantine did not expire", reason=str(error))
            else:
                if gone:
                    _log.info("pieces in quarantine have expired", pieces=gone, days=self._days)
            if self._stop.wait(_EVERY):
                return

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

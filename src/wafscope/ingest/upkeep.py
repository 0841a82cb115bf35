"""What keeps a store within its limits while the service runs: retention in small steps, a compaction at night."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from zoneinfo import ZoneInfo

import msgspec
import structlog

from wafscope.errors import WafscopeError
from wafscope.ingest import heap
from wafscope.query.question import Removed
from wafscope.settings import Settings, parse_hours, parse_size
from wafscope.store.base import LastingStore
from wafscope.store.lasting import Keeping

_log = structlog.get_logger(__name__)

_LOOK = 10.0
"""Seconds between two looks when there was nothing to do."""
_BETWEEN = 0.2
"""Seconds between two steps: what is followed has its turn."""
_AFTER_FAILURE = 60.0


class Times(msgspec.Struct, frozen=True):
    """When the file is rewritten: minutes of the day in a zone."""

    hours: tuple[int, int] | None
    zone: str

    def has_come(self, now: float) -> bool:
        """Whether it is that time at `now`, seconds since the epoch."""
        if self.hours is None:
            return False
        local = datetime.fromtimestamp(now, ZoneInfo(self.zone))
        minute, (start, end) = local.hour * 60 + local.minute, self.hours
        return start <= minute < end if start < end else minute >= start or minute < end


def keeping(settings: Settings, *, by_hand: bool = False) -> Keeping:
    """What the settings say of what is kept; raises SettingsError."""
    wish = settings.retention
    return Keeping(
        days=wish.days,
        size=parse_size(wish.size),
        rollup_days=wish.rollup_days,
        quarantine_days=settings.quarantine.days,
        reviewed=wish.reviewed == "remove",
        by_hand=by_hand,
    )


class Upkeep:
    """Keeps a store as the settings say; `run` is a thread of its own, and the store lets one write at a time."""

    def __init__(
        self,
        store: LastingStore,
        settings: Settings,
        *,
        around: Callable[[], AbstractContextManager[object]] = nullcontext,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Keep `store` as `settings` say; what takes long is done inside `around`."""
        self._store = store
        self._around = around
        self._clock = clock
        self.change(settings)

    def change(self, settings: Settings) -> None:
        """Go on with other settings; from any thread."""
        self._keeping = keeping(settings)
        self._times = Times(parse_hours(settings.retention.compact), settings.web.timezone)

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set."""
        pause = _BETWEEN
        while not stop.wait(pause):
            try:
                pause = _BETWEEN if self.step() else _LOOK
            except Exception as error:  # noqa: BLE001 - whatever it is, it is tried again, and the service goes on
                if stop.is_set():
                    return
                trace = None if isinstance(error, WafscopeError) else error
                _log.error("retention failed; it is tried again", reason=str(error), exc_info=trace)
                pause = _AFTER_FAILURE
                self._recover()

    def step(self) -> bool:
        """Do one step; tell whether there may be more."""
        now = self._clock()
        retained = self._store.retain(self._keeping, int(now * 1_000_000))
        _tell(retained.removed)
        if retained.pieces:
            _log.info("pieces have left the quarantine", pieces=retained.pieces)
        if not retained.is_nothing:
            return True
        if retained.waits:
            return False
        if self._store.renew():
            heap.give_back()
        if self._times.has_come(now) and self._store.state().dirty:
            with self._around():
                done = self._store.compact()
            _log.info("the store is rewritten", before=done.before, after=done.after, seconds=done.seconds)
        return False

    def _recover(self) -> None:
        """After a failure of the database nothing goes until the file is opened again."""
        try:
            self._store.recover()
        except WafscopeError as error:
            _log.error("the store can not be opened again", reason=str(error))


def _tell(removed: tuple[Removed, ...]) -> None:
    for each in removed:
        day = datetime.fromtimestamp(each.day / 1_000_000, ZoneInfo("UTC")).date().isoformat()
        _log.info("events are removed", day=day, events=each.events, reason=each.reason)

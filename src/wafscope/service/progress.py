"""Whether the parts of the service go on: only then systemd is told that it is alive."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import structlog

from wafscope.service.notify import Notify, watchdog_seconds

_log = structlog.get_logger(__name__)

LIMIT = 60.0
"""Seconds without progress that are told in the log, where systemd sets no limit."""
_EXCUSED = 6 * 3600.0
"""Seconds that work on the whole store may take at most."""


class Progress:
    """When each part went on last."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._beats: dict[str, float] = {}
        self._excuses: dict[int, tuple[str, float]] = {}
        self._lock = threading.Lock()

    def beat(self, part: str) -> None:
        """The part goes on."""
        self._beats[part] = self._clock()

    @contextmanager
    def excused(self, part: str) -> Iterator[None]:
        """Do not expect progress of a part meanwhile: it waits for what is done to the whole store."""
        began = self._clock()
        with self._lock:
            number = max(self._excuses, default=0) + 1
            self._excuses[number] = part, began + _EXCUSED
        try:
            yield
        finally:
            with self._lock:
                del self._excuses[number]
                # The time does not count; but whoever asks often must not hide a part that stands still.
                last = self._beats.get(part)
                if last is not None:
                    self._beats[part] = min(self._clock(), last + self._clock() - began)

    def stuck(self, limit: float) -> tuple[str, ...]:
        """The parts that have not gone on for `limit` seconds and have no excuse."""
        now = self._clock()
        with self._lock:
            excused = {part for part, until in self._excuses.values() if now < until}
        return tuple(part for part, last in list(self._beats.items()) if now - last > limit and part not in excused)


class Watch(threading.Thread):
    """Tells systemd how it is, and that it is alive as long as all parts go on."""

    def __init__(
        self,
        progress: Progress,
        notify: Notify,
        status: Callable[[], str],
        probes: Mapping[str, Callable[[], bool]] | None = None,
    ) -> None:
        """Tell `status` in words for a person; `probes` try parts that can not tell of themselves that they go on."""
        super().__init__(name="watch", daemon=True)
        self._progress = progress
        self._notify = notify
        self._status = status
        self._probes = probes or {}
        for part in self._probes:
            progress.beat(part)
        self._ended = threading.Event()
        limit = watchdog_seconds()
        self._limit = limit / 2 if limit else LIMIT
        self._every = min(15.0, self._limit / 4)
        self._stuck: tuple[str, ...] = ()

    def run(self) -> None:
        while not self._ended.is_set():
            self.look()
            self._ended.wait(self._every)

    def look(self) -> None:
        """Look once."""
        for part, answers in self._probes.items():
            if answers():
                self._progress.beat(part)
        stuck = self._progress.stuck(self._limit)
        if stuck and stuck != self._stuck:
            _log.error("no progress", parts=", ".join(stuck), seconds=round(self._limit))
        self._stuck = stuck
        if stuck:
            self._notify.status(f"No progress for {round(self._limit)} s: {', '.join(stuck)}")
        else:
            self._notify.alive()
            self._notify.status(self._status())

    def end(self) -> None:
        """Look no more."""
        self._ended.set()

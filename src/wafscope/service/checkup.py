"""The doctor of a service: examines its sources now and then, when a page asks."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping

import structlog

from wafscope.doctor.examine import Checkup, apart, key
from wafscope.doctor.usual import examine_all
from wafscope.errors import WafscopeError
from wafscope.query.question import Quarantine
from wafscope.rules.site import find
from wafscope.service.arrived import arrived
from wafscope.settings import Settings, Source
from wafscope.store.base import EventStore

_log = structlog.get_logger(__name__)


class Checkups:
    """Examines when what is known is old, one thread at a time; all others wait for that."""

    def __init__(self, store: EventStore, settings: Settings) -> None:
        self._store = store
        self._settings = settings
        self._sources = tuple(apart(settings.source))
        self._lock = threading.Lock()
        self._newest: Checkup | None = None

    def __call__(self, age: int) -> Checkup | None:
        """Return what was found, so many microseconds ago at most."""
        asked = _now()
        with self._lock:
            newest = self._newest
            # What another one has found since this was asked is fresh.
            if newest is None or newest.at < asked - age:
                self._newest = newest = self._examine()
            return newest

    def change(self, settings: Settings) -> None:
        """Examine other sources from now on."""
        with self._lock:
            self._settings = settings
            self._sources = tuple(apart(settings.source))
            self._newest = None

    def _examine(self) -> Checkup:
        pieces = [self._pieces(source) for source in self._sources]
        heard = self._heard()
        found = examine_all(
            self._sources,
            find.look(),
            pieces=pieces,
            heard=[key(source) in heard for source in self._sources],
            arrived=arrived(self._sources, self._settings),
        )
        return Checkup(tuple(each for each in found if not each.is_left_out), _now())

    def _heard(self) -> frozenset[str]:
        """The sources of which something is stored."""
        try:
            return frozenset(each.source for each in self._store.held().value.sources if each.stored)
        except WafscopeError as error:
            _log.warning("the sources can not be counted", reason=str(error))
            return frozenset()

    def _pieces(self, source: Source) -> Mapping[str, int]:
        """What of a source is in quarantine; a store that is down must not take the doctor with it."""
        try:
            return dict(self._store.quarantine_counts(Quarantine(source=key(source))).value.reasons)
        except WafscopeError as error:
            _log.warning("the quarantine can not be counted", reason=str(error))
            return {}


def _now() -> int:
    return time.time_ns() // 1000

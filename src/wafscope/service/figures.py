"""How sources are, for the command line: as the service that runs has it, else from the store and the logs."""

from __future__ import annotations

import contextlib
import json
import socket
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args
from urllib.request import ProxyHandler, Request, build_opener

import msgspec

from wafscope.doctor.examine import key
from wafscope.errors import SettingsError
from wafscope.i18n.text import Text
from wafscope.panel.sources import Lately, lately
from wafscope.query.question import Quarantine, SourceCounts
from wafscope.service.sources import make_origin
from wafscope.settings import Settings, Source
from wafscope.source.base import PIECE, Condition, Reporting
from wafscope.store.base import EventStore
from wafscope.store.open import FILE, reach_store
from wafscope.web.status import SourceState, SourceStatus, rows

_PATIENCE = 5.0
_TIME_LIMIT = 30.0


class Figures(msgspec.Struct, frozen=True):
    """What is known of a source; without a status there is no service that runs, and no lag to be told."""

    counts: SourceCounts
    status: SourceStatus | None = None
    lately: Lately = Lately()
    reasons: Mapping[str, int] = {}
    """What of it is in quarantine, by reason."""


def gather(sources: Sequence[Source], settings: Settings) -> tuple[Figures, ...] | None:
    """Return the figures of each source; None where there is no store yet.

    Raises StoreError where the store can not be asked.
    """
    file = settings.store.uri.removeprefix(FILE)
    # Who may not look into its directory is told so by whoever opens it.
    with contextlib.suppress(PermissionError):
        if file == settings.store.uri or not Path(file).exists():
            return None
    with reach_store(settings.store.uri, read_only=True) as store:
        console = getattr(store, "console", "")
        told = _told(console) if console else [_unfollowed(source, store, settings) for source in sources]
        return tuple(_figures(source, store, [each for each in told if each]) for source in sources)


def sensor_of(source: Source) -> str:
    """The name under which the events of a source are kept."""
    return source.sensor or socket.gethostname()


def _figures(source: Source, store: EventStore, told: Sequence[SourceStatus]) -> Figures:
    name, sensor = key(source), sensor_of(source)
    own = [each for each in told if (each.key, each.sensor) == (name, sensor)]
    # One that nobody follows has its files all the same.
    asked = own or [SourceStatus(name, source.kind, sensor, "idle")]
    held = store.held(time_limit=_TIME_LIMIT).value
    row = next(row for row in rows(held.sources, asked) if row.status is asked[0])
    now = time.time_ns() // 1000
    brought = [lately(lambda count: store.count(count, time_limit=_TIME_LIMIT), each, now) for each in row.files]
    days = [each.day for each in brought if each.day is not None]
    reasons: Counter[str] = Counter()
    for each in row.files if row.counts.quarantined else ():
        reasons.update(_reasons(store, each))
    return Figures(
        row.counts,
        own[0] if own else None,
        Lately(max((each.last for each in brought if each.last), default=None), sum(days) if days else None),
        dict(reasons),
    )


def _reasons(store: EventStore, counts: SourceCounts) -> Mapping[str, int]:
    asked = Quarantine(source=counts.source)
    return dict(store.quarantine_counts(asked, time_limit=_TIME_LIMIT).value.reasons)


def _told(console: str) -> list[SourceStatus]:
    """Ask the console of the service; it is on this machine, whatever proxy there is."""
    found: list[SourceStatus] = []
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        request = Request(f"{console}/api/status")  # noqa: S310 - the service itself says the address
        with build_opener(ProxyHandler({})).open(request, timeout=_PATIENCE) as answer:
            found = [_status(each) for each in json.load(answer)["sources"] if each["state"] in get_args(SourceState)]
    return found


def _status(told: Mapping[str, Any]) -> SourceStatus:
    problem, hint = told["problem"], told["hint"]
    return SourceStatus(
        told["source"],
        told["kind"],
        told["sensor"],
        told["state"],
        told["lag_bytes"],
        told["last_read"],
        Text("{reason}", values={"reason": problem}) if problem else None,
        Text("{reason}", values={"reason": hint}) if hint else None,
        told["waiting"],
    )


def _unfollowed(source: Source, store: EventStore, settings: Settings) -> SourceStatus | None:
    """See what has come since the store was last written to; nothing is taken and nothing removed."""
    if source.kind not in {"serial", "concurrent"}:
        return None
    with contextlib.suppress(OSError, SettingsError):
        origin = make_origin(msgspec.structs.replace(source, after="keep"), settings)
        feed = origin.make(store.positions())
        try:
            taken = [len(s.data) + s.skipped for chunk in feed.take(PIECE) for s in chunk.stretches]
            condition = feed.condition() if isinstance(feed, Reporting) else Condition()
        finally:
            feed.close()
        waiting = condition.waiting + (len(taken) if source.kind == "concurrent" else 0)
        return SourceStatus(
            key(source), source.kind, sensor_of(source), "idle", condition.lag + sum(taken), waiting=waiting
        )
    return None

"""Read a stored record again: whatever is no column of a store comes from its raw bytes."""

from __future__ import annotations

from datetime import UTC
from zoneinfo import ZoneInfo

from wafscope.event.model import Event
from wafscope.reader.base import Context
from wafscope.reader.formats import read_record


def read_again(kind: str, raw: bytes, zone: str, *, assumed: bool, arrival: int = 0) -> Event:
    """Return the event of a record that was read before.

    `kind` is its format id, `zone` the zone it was read with, which was `assumed` or configured; `arrival` is the time
    of a record that tells none itself.
    """
    known = ZoneInfo(zone) if zone else None
    context = Context(collector_zone=known or UTC, arrival=arrival) if assumed else Context(zone=known, arrival=arrival)
    return read_record(kind, raw, context)

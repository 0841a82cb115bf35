"""Read a stored record again: whatever is no column of a store comes from its raw bytes."""

from __future__ import annotations

from datetime import UTC
from zoneinfo import ZoneInfo

from wafscope.event.model import Event
from wafscope.reader.base import Context
from wafscope.reader.modsecurity_json import read_fast, read_tolerant


def read_again(kind: str, raw: bytes, zone: str, *, assumed: bool) -> Event:
    """Return the event of a record that was read before.

    `kind` is its format id, `zone` the zone it was read with, which was `assumed` or configured.
    """
    if kind != "v3.json":
        raise ValueError(f"unknown format {kind}")
    known = ZoneInfo(zone) if zone else None
    context = Context(collector_zone=known or UTC) if assumed else Context(zone=known)
    try:
        return read_fast(raw, context)
    except (ValueError, RecursionError):
        return read_tolerant(raw, context)

"""Read a stored record again: whatever is no column of a store comes from its raw bytes."""

from __future__ import annotations

from datetime import UTC
from zoneinfo import ZoneInfo

import msgspec

from wafscope.event.mask import MASK, MASK_BYTES
from wafscope.event.model import Event, Match
from wafscope.reader.base import Context
from wafscope.reader.formats import read_record


def read_again(kind: str, raw: bytes, zone: str, *, assumed: bool, arrival: int = 0) -> Event:
    """Return the event of a record that was read before.

    `kind` is its format id, `zone` the zone it was read with, which was `assumed` or configured; `arrival` is the time
    of a record that tells none itself.
    """
    known = ZoneInfo(zone) if zone else None
    context = Context(collector_zone=known or UTC, arrival=arrival) if assumed else Context(zone=known, arrival=arrival)
    event = read_record(kind, raw, context)
    if MASK_BYTES.search(raw) and any(is_masked(match) for match in event.matches):
        event = msgspec.structs.replace(event, gaps=(*event.gaps, "masked"))
    return event


def is_masked(match: Match) -> bool:
    """Tell whether a match shows something that was masked."""
    texts = (
        match.data,
        match.value,
        match.justification,
        *(t for each in match.others for t in (each.value, each.data)),
    )
    return any("masked-" in text and MASK.search(text) for text in texts)

"""The counters of sources: what becomes of them when something is written, joined, read after all, or discarded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import msgspec

from wafscope.event.text import storable
from wafscope.query.question import QuarantinedPiece, SourceCounts, StoredEvent
from wafscope.store.base import Tally, Written
from wafscope.store.pairing import owner


def counted_source(
    sources: tuple[SourceCounts, ...], tally: Tally, written: Written, joined: int
) -> tuple[SourceCounts, ...]:
    """Add a tally to the counters of its source, which stand in order of source and sensor."""
    by_name = {(counts.source, counts.sensor): counts for counts in sources}
    name = storable(tally.source), storable(tally.sensor)
    before = by_name.get(name, SourceCounts(*name))
    by_name[name] = msgspec.structs.replace(
        before,
        received=before.received + tally.received,
        stored=before.stored + written.stored,
        duplicate=before.duplicate + written.duplicate,
        quarantined=before.quarantined + written.quarantined,
        foreign=before.foreign + tally.foreign,
        bytes=before.bytes + tally.bytes,
        matches=before.matches + written.matches,
        joined=before.joined + joined,
        expired=before.expired + written.expired,
    )
    return tuple(by_name[name] for name in sorted(by_name))


def recounted(sources: tuple[SourceCounts, ...], error: StoredEvent, left: int) -> tuple[SourceCounts, ...]:
    """Count a record that has become part of another event, and its matches that have left."""
    counts = owner(sources, error.sensor, error.source)
    if counts is None:
        return sources
    told = msgspec.structs.replace(counts, joined=counts.joined + 1, matches=counts.matches - left)
    return tuple(told if each is counts else each for each in sources)


def dropped(sources: Sequence[SourceCounts], places: Sequence[tuple[str, str, int]]) -> dict[tuple[str, str], int]:
    """Return how many pieces each source has lost, of (file, sensor, pieces), by source and sensor."""
    lost: Counter[tuple[str, str]] = Counter()
    for file, sensor, number in places:
        counts = owner(sources, sensor, file)
        if counts is not None:
            lost[counts.source, counts.sensor] += number
    return dict(lost)


def without(sources: Sequence[SourceCounts], gone: Sequence[QuarantinedPiece]) -> tuple[SourceCounts, ...]:
    """Return the counters without pieces that are gone: what was received stays, so that they count as dropped."""
    lost = dropped(sources, [(piece.source, piece.sensor, 1) for piece in gone])
    return tuple(
        msgspec.structs.replace(counts, quarantined=counts.quarantined - lost.get((counts.source, counts.sensor), 0))
        for counts in sources
    )


def released(sources: Sequence[SourceCounts], tally: Tally, number: int) -> tuple[SourceCounts, ...]:
    """Return the counters without pieces that have been read: what became of them was counted anew."""
    own = storable(tally.source), storable(tally.sensor)
    return tuple(
        msgspec.structs.replace(counts, received=counts.received - number, quarantined=counts.quarantined - number)
        if (counts.source, counts.sensor) == own
        else counts
        for counts in sources
    )

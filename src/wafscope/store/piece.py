"""A piece in quarantine, made of what a reader could not read: the same in every store."""

from __future__ import annotations

from wafscope.event.text import storable
from wafscope.query.question import QuarantinedPiece
from wafscope.reader.base import Unreadable
from wafscope.store.base import Tally


def quarantined(number: int, unreadable: Unreadable, tally: Tally, seen: int) -> QuarantinedPiece:
    """Return the piece as it is kept."""
    return QuarantinedPiece(
        id=number,
        source=storable(unreadable.source or tally.source),
        sensor=storable(tally.sensor),
        offset=unreadable.offset,
        length=len(unreadable.data) if unreadable.length is None else unreadable.length,
        reason=unreadable.reason,
        seen=seen,
        more=unreadable.more,
        data=unreadable.data,
    )

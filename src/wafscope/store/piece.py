"""A piece in quarantine, made of what a reader could not read: the same in every store."""

from __future__ import annotations

import msgspec

from wafscope.event.text import storable
from wafscope.query.question import Quarantine, QuarantinedPiece
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


def asked_for(pieces: tuple[QuarantinedPiece, ...], question: Quarantine) -> tuple[QuarantinedPiece, ...]:
    """Those of the pieces that a question asks for."""
    found = [
        piece
        for piece in pieces
        if question.reason in ("", piece.reason) and (not question.ids or piece.id in question.ids)
    ]
    if question.limit:
        found = found[: question.limit]
    return tuple(piece if question.with_data else msgspec.structs.replace(piece, data=b"") for piece in found)

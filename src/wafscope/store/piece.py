"""Pieces in quarantine: how they are made of what could not be read, and which of them a question is about."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import msgspec

from wafscope.event.text import storable
from wafscope.query.question import Quarantine, QuarantineCounts, QuarantinedPiece
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


def chosen(pieces: Sequence[QuarantinedPiece], question: Quarantine) -> list[QuarantinedPiece]:
    """Return the pieces that a question is about, whatever its limit, in order."""
    source = storable(question.source)
    return [
        piece
        for piece in pieces
        if question.reason in ("", piece.reason)
        and (not question.ids or piece.id in question.ids)
        and (not source or piece.source == source or piece.source.startswith(f"{source}/"))
        and (not question.seen_before or piece.seen < question.seen_before)
        and (not question.before or piece.id < question.before)
    ]


def listed(pieces: Sequence[QuarantinedPiece], question: Quarantine) -> tuple[QuarantinedPiece, ...]:
    """Answer a question."""
    found = chosen(pieces, question)
    if question.newest:
        found.reverse()
    if question.limit:
        found = found[: question.limit]
    most = question.most or None
    return tuple(
        msgspec.structs.replace(piece, data=piece.data[:most] if question.with_data else b"") for piece in found
    )


def counted(pieces: Sequence[QuarantinedPiece], question: Quarantine) -> QuarantineCounts:
    """Count the pieces that a question is about."""
    found = chosen(pieces, question)
    reasons = Counter(piece.reason for piece in found)
    return QuarantineCounts(
        len(found),
        tuple(sorted(reasons.items(), key=lambda each: (-each[1], each[0]))),
        min((piece.seen for piece in found), default=None),
    )

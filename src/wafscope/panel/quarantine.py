"""Pieces in quarantine made ready to be looked at: a page of them, and one as text and as bytes."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from wafscope.event.text import from_bytes
from wafscope.query.question import Quarantine, QuarantineCounts, QuarantinedPiece
from wafscope.store.base import EventStore

PAGE = 50
_BEGINNING = 120
"""Bytes of a piece in a list."""
TEXT, HEX = 8_192, 1_024
"""Bytes of a piece that are shown."""
_ROW = 16


class Listed(msgspec.Struct, frozen=True):
    """A page of the list, newest first; `data` of each piece is its beginning."""

    counts: QuarantineCounts
    """Of all that fit, not of this page alone."""
    pieces: tuple[QuarantinedPiece, ...]
    older: int | None
    """The id below which the next page begins; None at the end."""


class HexRow(msgspec.Struct, frozen=True):
    """Sixteen bytes: where they stand in the piece, their figures, and what of them is ASCII."""

    offset: int
    figures: str
    ascii: str


class Shown(msgspec.Struct, frozen=True):
    """One piece."""

    piece: QuarantinedPiece
    text: str
    rows: tuple[HexRow, ...]
    kept: int
    """Bytes that are kept; fewer than its length where it was too large."""


def ask(store: EventStore, reason: str, source: str, below: int, *, time_limit: float) -> Listed:
    """Return a page of the pieces with a reason, of a source, with ids below one; "" and 0 for all."""
    counts = store.quarantine_counts(Quarantine(reason=reason, source=source), time_limit=time_limit).value
    question = Quarantine(
        reason=reason, source=source, before=below, newest=True, limit=PAGE + 1, with_data=True, most=_BEGINNING
    )
    found = store.quarantine(question, time_limit=time_limit).value
    return Listed(counts, found[:PAGE], found[PAGE - 1].id if len(found) > PAGE else None)


def show(store: EventStore, number: int, *, time_limit: float) -> Shown | None:
    """Return one piece; None where there is none of that number."""
    found = whole(store, number, time_limit=time_limit)
    if found is None:
        return None
    return Shown(found, from_bytes(found.data[:TEXT]), tuple(_rows(found.data[:HEX])), len(found.data))


def whole(store: EventStore, number: int, *, time_limit: float) -> QuarantinedPiece | None:
    """Return one piece with all its bytes; None where there is none of that number."""
    found = store.quarantine(Quarantine(ids=(number,), with_data=True), time_limit=time_limit).value
    return found[0] if found else None


def _rows(data: bytes) -> Iterator[HexRow]:
    for offset in range(0, len(data), _ROW):
        part = data[offset : offset + _ROW]
        readable = "".join(chr(byte) if 0x20 <= byte < 0x7F else "·" for byte in part)
        yield HexRow(offset, part.hex(" "), readable)

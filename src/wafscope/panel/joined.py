"""What the error log has about the transaction of an event, as lines for the page."""

from __future__ import annotations

import msgspec

from wafscope.event.text import from_bytes
from wafscope.query.question import JoinedRecord, StoredEvent

MOST_LINES = 200
"""Lines of one record that the page shows."""


class ErrorLines(msgspec.Struct, frozen=True):
    """The lines of one record, and where they stand; `more` lines are left out."""

    format: str
    source: str
    offset: int
    length: int
    lines: tuple[str, ...]
    more: int


def read(stored: StoredEvent) -> tuple[ErrorLines, ...]:
    """Make ready what is joined to an event, in the order written."""
    return tuple(_lines(record) for record in stored.joined)


def _lines(record: JoinedRecord) -> ErrorLines:
    lines = from_bytes(record.raw).removesuffix("\n").split("\n")
    return ErrorLines(
        format=record.format,
        source=record.source,
        offset=record.offset,
        length=record.length,
        lines=tuple(lines[:MOST_LINES]),
        more=max(0, len(lines) - MOST_LINES),
    )

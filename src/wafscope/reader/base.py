"""What every reader gives, and what it needs to know about the source."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, tzinfo
from operator import itemgetter
from typing import Any, TypeVar

import msgspec

from wafscope.event.model import Event


class Context(msgspec.Struct, frozen=True):
    """What a reader must be told because the log does not say it."""

    zone: tzinfo | None = None
    """Zone configured for the source; used where the record does not prove its own."""
    collector_zone: tzinfo = UTC
    """Zone of this machine: the last resort, and an assumption that the event states."""
    arrival: int = 0
    """When the file was last written, microseconds since the epoch: for records that tell no time at all."""
    whole: bool = True
    """Whether all that a record holds is wanted.  Else a reader may leave out what no field is made of, and what is
    read again when somebody looks: headers and bodies, most of many a record; phases; further values of a match;
    messages of the web server."""


class NotARecord(ValueError):
    """The bytes are well formed but are no audit record; `foreign` tells another log's object from a broken record."""

    def __init__(self, reason: str, *, foreign: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.foreign = foreign


class Found(msgspec.Struct, frozen=True):
    """A record as a reader found it: the event and where its bytes stand in the source."""

    event: Event
    offset: int
    length: int
    more: tuple[tuple[int, int], ...] = ()
    """Further (offset, length), where the record does not stand in one piece."""
    identity: bytes | None = None
    """The id of the event, where its raw bytes are no longer those that the engine wrote: they were redacted."""


Range = tuple[int, int]
"""Where something begins and ends."""
Kind = TypeVar("Kind", bound=tuple[int, int, *tuple[object, ...]])
"""Of a range: it may say more than where it is."""
Other = TypeVar("Other")


def overlapping(ranges: Sequence[Kind], start: int, end: int) -> Kind | None:
    """Return the first of the `ranges`, which are in order and apart, that has a byte from `start` to `end`."""
    index = bisect_right(ranges, start, key=itemgetter(1))
    return ranges[index] if index < len(ranges) and ranges[index][0] < end else None


class Batch(msgspec.Struct, frozen=True):
    """Records that were read together, each in one piece, in order: an event is its place in every column."""

    columns: dict[str, Sequence[Any]]
    """Values of each attribute of `Event`, by name."""
    offsets: Sequence[int]
    lengths: Sequence[int]
    """Where their bytes stand in the source."""

    def found(self) -> Iterator[Found]:
        """Give the records one by one."""
        events = map(Event, *[self.columns[name] for name in Event.__struct_fields__])
        return map(Found, events, self.offsets, self.lengths)

    def joined(self, others: Iterable[Found]) -> Batch:
        """The same with further records, each in one piece, where their places put them."""
        names = Event.__struct_fields__
        columns = [list(self.columns[name]) for name in names]
        offsets, lengths = list(self.offsets), list(self.lengths)
        for found in others:
            index = bisect_left(offsets, found.offset)
            offsets.insert(index, found.offset)
            lengths.insert(index, found.length)
            for column, value in zip(columns, msgspec.structs.astuple(found.event), strict=True):
                column.insert(index, value)
        return Batch(dict(zip(names, columns, strict=True)), offsets, lengths)


def one_by_one(records: Iterable[Other | Batch]) -> Iterator[Other | Found]:
    """Give records that were read together one by one, too."""
    for each in records:
        if isinstance(each, Batch):
            yield from each.found()
        else:
            yield each


class Unreadable(msgspec.Struct, frozen=True):
    """Bytes that could not be read, whole, with the reason; they go to quarantine."""

    data: bytes
    offset: int
    reason: str
    """`cut`, `spliced`, `damaged`, `not_json`, `too_deep`, `no_time`, `wrong_encoding`, `engine_without_json`."""
    source: str = ""
    length: int | None = None
    """How much of the input it takes, a line end too; None where that is the length of `data`."""
    more: tuple[tuple[int, int], ...] = ()
    """Further (offset, length), where the bytes do not stand in one piece."""


class Foreign(msgspec.Struct, frozen=True):
    """Bytes that belong to another log, or to none: skipped and counted.  Blank bytes count nothing."""

    offset: int
    length: int
    lines: int = 1


Piece = Found | Unreadable | Foreign
"""Pieces of one input cover it from its first byte to its last, without gap or overlap."""

Pieces = Iterator[Piece]

"""The seam of the stores.

Every store gives the same answer to every question (one contract suite; `memory` is the reference).
Writing goes in two steps, so that the expensive one can run in worker processes: an `Encoder`, which
pickles, turns records into the store's own payload; `write` commits a payload together with what was
counted on the way.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import Protocol, Self

import msgspec

from wafscope.query.question import (
    TIME_LIMIT,
    Answer,
    Bins,
    Count,
    Counts,
    Held,
    Histogram,
    Page,
    Quarantine,
    QuarantineCounts,
    QuarantinedPiece,
    RemovalReason,
    Removed,
    Rows,
    RuleInfo,
    StoredEvent,
    Top,
    TopValues,
)
from wafscope.query.timespan import Window
from wafscope.reader.base import Batch as Batch
from wafscope.reader.base import Found as Found
from wafscope.reader.base import Unreadable as Unreadable
from wafscope.source.base import Position
from wafscope.store.lasting import BackedUp, Checked, Compacted, Keeping, Retained, StoreState


class Tally(msgspec.Struct, frozen=True):
    """What became of a stretch of input, apart from the events in the payload."""

    source: str
    """The source as named by the user: a file, a directory, `-`."""
    sensor: str
    events: int
    matches: int
    bytes: int
    foreign: int = 0
    unreadable: tuple[Unreadable, ...] = ()
    position: Position | None = None
    """How far the source was read with this; kept in the same act."""

    @property
    def received(self) -> int:
        """Records and pieces that can not be read."""
        return self.events + len(self.unreadable)


class Written(msgspec.Struct, frozen=True):
    """What a write did: records stored, known already (pieces too), too old to be stored; pieces put in quarantine.

    `joined` is how many records became part of the event of another log by it - mostly its own, or some that waited
    for it - so that events added = stored - joined.  `matches` are those stored that have stayed.
    """

    stored: int
    duplicate: int
    quarantined: int
    matches: int
    joined: int = 0
    expired: int = 0
    """Records from before what is held (`Held.since`): they were not stored."""


class Records(msgspec.Struct, frozen=True):
    """Records of one file, in order."""

    name: str
    """The file the records stand in, as the event's `source`."""
    records: Iterable[Found | Batch]
    """Taken once, one by one; what was read together, together."""


class Encoder(Protocol):
    """Turns records into a payload; pickles, so that it can be sent to worker processes.

    The id of an event is `Found.identity` where that is given, else the keyed hash of its raw bytes.
    """

    @property
    def key(self) -> bytes:
        """The store's own key, of event ids and masks."""
        ...

    @property
    def reads_again(self) -> bool:
        """Whether the store reads a record again when it is asked for: a payload then needs no body of a response."""
        ...

    def encode(self, files: Sequence[Records], *, sensor: str, zone: str = "") -> bytes:
        """Return a payload for `write`.

        `zone` is the name of the zone configured for the source, "" for none: a store keeps it so that the
        record can be read again just so.
        """
        ...


class EventStore(Protocol):
    """Where events rest.  Questions may come from several threads; `write` from one at a time."""

    @property
    def generation(self) -> int:
        """Grows with every write: an answer of the same generation is still true."""
        ...

    def encoder(self) -> Encoder: ...

    def write(self, payload: bytes, tally: Tally) -> Written:
        """Commit a payload and its tally in one act; raises StoreError when it can not."""
        ...

    def write_all(self, parts: Iterable[tuple[bytes, Tally]]) -> tuple[Written, ...]:
        """Commit several payloads, each with its tally, in one act: all of them or none.

        They are taken one by one and written as they come.
        """
        ...

    def positions(self) -> dict[str, bytes]:
        """How far each source was read: what was committed last under each key, empty states left out."""
        ...

    def recover(self) -> None:
        """Make ready again after a write failed; raises StoreError when that is not possible yet.

        A write that failed may be durable all the same: only `positions` tells.
        """
        ...

    def release(self, payload: bytes, tally: Tally, pieces: Sequence[int]) -> Written:
        """Commit what has been read of pieces in quarantine, which leave it, in one act.

        `tally` counts that alone: its bytes are 0, and its `unreadable` what is left of the pieces.
        """
        ...

    def review(self, event_id: bytes, now: int | None) -> bool:
        """Mark an event as reviewed at `now`, in microseconds, or with None take the mark off.

        False where there is no such event.  The id of a record that is joined leads to its event.
        """
        ...

    def remove(self, window: Window, reason: RemovalReason, now: int, *, reviewed: bool = False) -> tuple[Removed, ...]:
        """Remove all events of a window, those that are reviewed only with `reviewed`, in one act.

        Hourly counts of them are kept.  Nothing from before the end of the window is stored again, ever: when it is
        read again it is counted as expired.  Returns what was removed of each day.
        """
        ...

    def quarantine(
        self, question: Quarantine, *, time_limit: float = TIME_LIMIT
    ) -> Answer[tuple[QuarantinedPiece, ...]]:
        """What could not be read."""
        ...

    def quarantine_counts(self, question: Quarantine, *, time_limit: float = TIME_LIMIT) -> Answer[QuarantineCounts]:
        """How many of the pieces there are that the question is about, whatever its limit."""
        ...

    def discard(self, question: Quarantine) -> int:
        """Let go of the pieces that the question is about, for good, whatever its limit; return how many.

        Their sources count them as dropped from then on: as received, and as nothing else.
        """
        ...

    def page(self, question: Page, *, time_limit: float = TIME_LIMIT) -> Answer[Rows]: ...

    def count(self, question: Count, *, time_limit: float = TIME_LIMIT) -> Answer[Counts]: ...

    def histogram(self, question: Histogram, *, time_limit: float = TIME_LIMIT) -> Answer[Bins]: ...

    def top(self, question: Top, *, time_limit: float = TIME_LIMIT) -> Answer[TopValues]: ...

    def facets(self, questions: Sequence[Top], *, time_limit: float = TIME_LIMIT) -> Answer[tuple[TopValues, ...]]:
        """Several `Top` at once under one time limit; what the limit leaves out is empty and the answer cut."""
        ...

    def rules(self, rule_ids: Sequence[int], *, time_limit: float = TIME_LIMIT) -> Answer[tuple[RuleInfo, ...]]:
        """What is known of these rules, in the order given; unknown ones are left out."""
        ...

    def event(self, event_id: bytes, *, time_limit: float = TIME_LIMIT) -> Answer[StoredEvent | None]: ...

    def held(self, *, time_limit: float = TIME_LIMIT) -> Answer[Held]: ...

    def close(self) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Closing(ABC):
    """What a `with` statement closes when it ends."""

    @abstractmethod
    def close(self) -> None: ...

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class LastingStore(EventStore, Protocol):
    """A store in a file, which is there for years."""

    upgraded_from: str
    """Where the store is kept as it was, when opening it has brought it to a new schema; empty when it has not."""

    def hurry(self) -> None:
        """Interrupt a compaction, a backup or a check: the store is to be closed."""
        ...

    def state(self) -> StoreState:
        """How the store is."""
        ...

    def retain(self, keeping: Keeping, now: int) -> Retained:
        """Remove some of what is not to be kept any longer; it did nothing when there is nothing left to remove."""
        ...

    def renew(self) -> bool:
        """Give back the memory that piles up with every commit; tell whether that was done.

        Nothing is done while there is little of it, or something else goes on for long.  Questions wait for a moment.
        """
        ...

    def compact(self) -> Compacted:
        """Write the file anew, with what is held and nothing else; raises StoreError, and then it is as it was.

        What was removed is in no byte of it afterwards.  Writing waits meanwhile, and questions for a moment.
        """
        ...

    def backup(self, path: str, *, overwrite: bool = False) -> BackedUp:
        """Write all that is held at one moment to another file; raises StoreError.  Nothing waits for it."""
        ...

    def check(self) -> Checked:
        """Compare all that is kept with the events, and read every record again."""
        ...

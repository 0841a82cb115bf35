"""What is done to a store over the years, and what is told of it: values that every kind of store in a file shares."""

from __future__ import annotations

from pathlib import Path

import msgspec

from wafscope.errors import StoreError
from wafscope.i18n.text import text
from wafscope.query.question import RemovalReason, Removed


class Keeping(msgspec.Struct, frozen=True):
    """How long and how much is kept; 0 stands for no limit."""

    days: int = 0
    """Whole days (UTC) before today."""
    size: int = 0
    """Bytes that the file may use."""
    rollup_days: int = 0
    """Days for which hourly counts of removed events are kept."""
    quarantine_days: int = 0
    """Days after which pieces leave the quarantine."""
    reviewed: bool = False
    """Whether events that are marked as reviewed are removed, too."""
    by_hand: bool = False
    """Whether somebody has asked for it, now."""


class Retained(msgspec.Struct, frozen=True):
    """What one step of retention did."""

    removed: tuple[Removed, ...] = ()
    hours: int = 0
    """Rows of hourly counts that were removed."""
    pieces: int = 0
    """Pieces that have left the quarantine."""
    waits: bool = False
    """Whether it is to be seen first what room the last step has made."""

    @property
    def is_nothing(self) -> bool:
        return not (self.removed or self.hours or self.pieces)


class StoreState(msgspec.Struct, frozen=True):
    """How a store is; sizes in bytes, times in microseconds since the epoch."""

    path: str
    schema: int
    file: int
    """Size of the file."""
    log: int
    """Size of what is committed and not in the file yet (WAL)."""
    used: int
    """Of the file; the rest is used again, and given back by a compaction."""
    free: int
    """Room on the disk."""
    disk: int
    """Size of the disk."""
    events: int
    matches: int
    first: int | None
    last: int | None
    since: int | None
    """As in `Held`."""
    counted_since: int | None
    reviewed: int
    quarantined: int
    """Pieces in quarantine."""
    removed_events: int
    removed: tuple[Removed, ...]
    """What was removed last, newest days first."""
    dirty: bool
    """Whether what was removed may still stand in free blocks of the file: until the next compaction."""
    compacted: int | None
    """When the file was rewritten last."""
    backups: tuple[str, ...]
    """Files beside the store that hold it as it was before an upgrade."""


class Compacted(msgspec.Struct, frozen=True):
    """What a compaction did; sizes in bytes."""

    before: int
    after: int
    seconds: float


class BackedUp(msgspec.Struct, frozen=True):
    """A backup that was made."""

    path: str
    bytes: int
    events: int
    seconds: float


class Fault(msgspec.Struct, frozen=True):
    """Two counts that should be equal and are not, or records that can not be read."""

    name: str
    expected: int
    found: int


class Checked(msgspec.Struct, frozen=True):
    """What a check found."""

    events: int
    matches: int
    blocks: int
    read: int
    """Records that were read again from their raw bytes."""
    faults: tuple[Fault, ...]
    seconds: float


def check_target(path: Path, target: Path, *, overwrite: bool) -> None:
    """Raise StoreError where a backup of the store at `path` can not be put at `target`."""
    try:
        is_there = target.exists()
        is_store = is_there and target.samefile(path)
    except OSError as error:
        raise StoreError(
            text("The backup could not be written: {reason}", reason=error.strerror or str(error)),
            where=str(target),
            hint=text("Is there room, and may you write there?"),
        ) from error
    if is_there and target.is_dir():
        raise StoreError(text("It is a directory, and must be a file."), where=str(target))
    if is_store:
        raise StoreError(text("This is the store itself."), where=str(target), hint=text("Choose another name."))
    if is_there and not overwrite:
        raise StoreError(
            text("There is a file already."),
            where=str(target),
            hint=text("Choose another name, or overwrite it with --force."),
        )


def limit(keeping: Keeping, disk: int) -> int:
    """Bytes that a store may use: what is wished, and never more than half of the disk.

    The other half is for the copy that a compaction, a backup or an upgrade makes.  What others have written to the
    disk makes no difference: no event may go because somebody fills it.  0 stands for no limit.
    """
    return min(keeping.size, disk // 2) if keeping.size else 0


REASONS: tuple[RemovalReason, ...] = ("age", "size", "hand")

"""What a source hands on: stretches of bytes, cut at line ends, with their place."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol, runtime_checkable

import msgspec

from wafscope.event.text import storable
from wafscope.i18n.text import Text, text

PIECE = 4 << 20
"""Bytes of a stretch that is read in one go."""

LARGEST_RECORD = 64 << 20
"""A line longer than this is no record; it is counted as quarantined without being held."""


_HOLE = bytes(4096)


def hole(data: bytes) -> int:
    """Return how many NUL bytes data begins with, where they are many.

    A log that was truncated while its writer went on where it was begins with as many as it was long: more, perhaps,
    than can be held until the first record behind them is whole.
    """
    return len(data) - len(data.lstrip(b"\0")) if data.startswith(_HOLE) else 0


class Stretch(msgspec.Struct, frozen=True):
    """Bytes of one file that begin at a line and end at the end of one (or of the file)."""

    source: str
    """The source as the user named it: a file, a directory, an archive, `-`."""
    name: str
    """The file inside it that the bytes stand in; equal to `source` for a single file."""
    offset: int
    data: bytes
    consumed: int
    """Bytes of the input as stored (compressed, perhaps) that have been read so far in this source."""
    damage: str = ""
    """Set on the last stretch of a file that could not be read to its end: the reason."""
    skipped: int = 0
    """Bytes that are passed over behind `data`, because they are too many to hold."""
    written: int = 0
    """When the file was last written, microseconds since the epoch; of standard input, when it was opened."""


class Position(msgspec.Struct, frozen=True):
    """How far a source was read; committed in one act with the events before it."""

    key: str
    """What is read: one file, one directory, one spool; unique in a store."""
    state: bytes
    """What the feed needs to go on from there, in a form of its own; empty when there is nothing left to remember."""


class Chunk(msgspec.Struct, frozen=True):
    """Stretches that are committed together, and the position behind them."""

    stretches: tuple[Stretch, ...]
    position: Position
    sensor: str
    zone: str = ""
    """IANA zone configured for the source, "" for none."""


class Feed(Protocol):
    """Where bytes come from as long as the service runs."""

    def take(self, most: int) -> Iterator[Chunk]:
        """Give what has come since the last call, some `most` bytes of it at most; nothing when there is nothing."""
        ...

    def committed(self, position: Position) -> None:
        """All chunks up to this one are durable in the store: files may be deleted, spool may be let go."""
        ...

    def close(self) -> None: ...


ALLOW = text("Allow it to the user of the service: docs/reference/service.md tells how.")
"""What to do about a log that may not be read."""


class Problem(msgspec.Struct, frozen=True):
    """What keeps a feed, or a file of it, from being read; it is tried again."""

    where: str
    what: Text
    waits: bool = False
    """Nothing has failed: it is not there yet."""
    hint: Text | None = None
    """What to do about it."""


def unreadable(path: str, error: OSError, whole: str) -> Problem:
    """The problem of a path that can not be read: named in words, unless it is the `whole` that a feed is of."""
    reason = error.strerror or str(error)
    hint = ALLOW if isinstance(error, PermissionError) else None
    if path == whole:
        return Problem(path, text("It can not be read: {reason}", reason=reason), hint=hint)
    return Problem(path, text("{file} can not be read: {reason}", file=storable(path), reason=reason), hint=hint)


def unremovable(path: str, error: OSError) -> Problem:
    """The problem of files that are stored and can not be put away."""
    what = text(
        "Files that are stored can not be archived or removed: {file}: {reason}",
        file=storable(path),
        reason=error.strerror or str(error),
    )
    return Problem(path, what, hint=ALLOW if isinstance(error, PermissionError) else text("Is the disk full?"))


class Condition(msgspec.Struct, frozen=True):
    """How a feed is."""

    lag: int = 0
    """Bytes that are known to be there and were not handed on."""
    waiting: int = 0
    """Files that are known to be there and were not handed on, where files are what is counted."""
    problems: tuple[Problem, ...] = ()


@runtime_checkable
class Reporting(Protocol):
    """A feed that can say how it is."""

    def condition(self) -> Condition: ...

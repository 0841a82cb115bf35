"""The reading side of a spool: what the receiver has acknowledged, handed on until the store has it.

Each sensor has a position of its own, which is committed together with its events; a segment of which everything is
committed is deleted, so that nothing of a drained record stays on the disk.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections import deque
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from wafscope.source.base import Chunk, Condition, Position, Stretch
from wafscope.source.segment import FULL, HEAD, OPEN, Placed, read_frames, read_id, segments
from wafscope.source.spool import lock, seal

_NO_SENSOR = "?"
_ABANDONED = 5.0
"""Seconds without a new frame after which it is looked whether anybody writes here at all."""


class _Segment:
    """An opened segment, what of it has been handed on, and what of that is committed."""

    def __init__(self, number: int, descriptor: int, name: str) -> None:
        self.number = number
        self.descriptor = descriptor
        self.name = name
        self.read = HEAD
        self.ends: dict[str, int] = {}
        """Where the last frame ends that was handed on, by sensor."""

    def close(self) -> None:
        os.close(self.descriptor)


class SpoolFeed:
    """A spool as a feed; made anew from the committed positions when a commit has failed."""

    def __init__(self, directory: Path, positions: Mapping[str, bytes], zones: Mapping[str, str] | None = None) -> None:
        """Begin behind the `positions` of the store; `zones` tells the configured zone by sensor."""
        self._directory = directory
        self._prefix = f"spool:{directory.resolve()}:"
        self._zones = zones or {}
        self._segments: dict[int, _Segment] = {}
        self._done: dict[str, dict[str, int]] = {
            key.removeprefix(self._prefix): msgspec.json.decode(state, type=dict[str, int])
            for key, state in positions.items()
            if key.startswith(self._prefix) and state
        }
        """What is committed, by sensor: the end of its last frame by segment."""
        self._given: dict[str, dict[str, int]] = {sensor: dict(state) for sensor, state in self._done.items()}
        self._ready: deque[Chunk] = deque()
        self._quiet_since = time.monotonic()

    def take(self, most: int) -> Iterator[Chunk]:
        """Give what has come, some `most` bytes at most; the frames of a sensor in one chunk, in order."""
        if not self._ready:
            self._ready.extend(self._next(most))
        while self._ready:  # what is not taken now is given the next time
            yield self._ready.popleft()

    def committed(self, position: Position) -> None:
        """Delete the segments of which everything is durable in the store now."""
        sensor = position.key.removeprefix(self._prefix)
        self._done[sensor] = msgspec.json.decode(position.state, type=dict[str, int]) if position.state else {}
        self._let_go()

    def condition(self) -> Condition:
        """How much is waiting."""
        return Condition(self.lag)

    @property
    def lag(self) -> int:
        """Bytes that are in the spool and were not handed on."""
        total = 0
        for number, path in segments(self._directory):
            segment = self._segments.get(number)
            with contextlib.suppress(FileNotFoundError):
                total += max(0, path.stat().st_size - (segment.read if segment is not None else HEAD))
        return total

    def close(self) -> None:
        """Close the files."""
        for segment in self._segments.values():
            segment.close()
        self._segments.clear()

    def _next(self, most: int) -> Iterator[Chunk]:
        taken: dict[str, list[Stretch]] = {}
        size = 0
        for number, path in segments(self._directory):
            segment = self._open(number, path)
            if segment is None:
                continue
            before = segment.read
            size += self._read(segment, most - size, taken)
            if segment.read > before:
                self._quiet_since = time.monotonic()
            if size >= most:
                break
        else:
            self._forget()
        if not taken:
            self._let_go()
            self._seal_abandoned()
        for sensor, stretches in taken.items():
            state = msgspec.json.encode(self._given.get(sensor, {}))
            position = Position(self._prefix + sensor, state)
            yield Chunk(tuple(stretches), position, sensor, zone=self._zones.get(sensor, ""))

    def _forget(self) -> None:
        """Leave segments that are gone out of the positions to come."""
        names = {segment.name for segment in self._segments.values()}
        for given in self._given.values():
            for name in given.keys() - names:
                del given[name]

    def _open(self, number: int, path: Path) -> _Segment | None:
        known = self._segments.get(number)
        if known is not None and os.fstat(known.descriptor).st_nlink:
            return known
        if known is not None:  # somebody else has deleted it
            known.close()
            del self._segments[number]
        try:
            descriptor = os.open(path, os.O_RDONLY)
        except FileNotFoundError:  # it was closed, and so renamed, since it was seen
            try:
                descriptor = os.open(path.with_suffix(FULL), os.O_RDONLY)
            except FileNotFoundError:
                return None
        name = read_id(descriptor)
        if name is None:
            os.close(descriptor)
            if path.suffix == FULL:  # not even its beginning was written: nothing was acknowledged
                path.unlink(missing_ok=True)
            return None
        self._segments[number] = segment = _Segment(number, descriptor, name.hex())
        return segment

    def _read(self, segment: _Segment, most: int, taken: dict[str, list[Stretch]]) -> int:
        """Read on in a segment; return how many bytes it gave."""
        full = (self._directory / f"{segment.number:012d}{FULL}").exists()
        size = 0
        for placed in read_frames(segment.descriptor, segment.read, full=full):
            segment.read = placed.end
            sensor = placed.frame.head.sensor if placed.frame is not None else _NO_SENSOR
            segment.ends[sensor] = placed.end
            if placed.end > self._done.get(sensor, {}).get(segment.name, 0):
                self._given.setdefault(sensor, {})[segment.name] = placed.end
                taken.setdefault(sensor, []).append(_stretch(placed))
                size += placed.end - placed.start
                if size >= most:
                    break
        return size

    def _let_go(self) -> None:
        """Delete what is drained, and forget it in the positions to come."""
        for segment in list(self._segments.values()):
            path = self._directory / f"{segment.number:012d}{FULL}"
            committed = all(
                self._done.get(sensor, {}).get(segment.name, 0) >= end for sensor, end in segment.ends.items()
            )
            # What the receiver has taken back itself is gone; another one may have its name since.
            gone = not os.fstat(segment.descriptor).st_nlink
            drained = not gone and committed and path.exists() and not _more(segment)
            if drained:
                path.unlink()
            if drained or gone:
                segment.close()
                del self._segments[segment.number]
                for given in self._given.values():
                    given.pop(segment.name, None)

    def _seal_abandoned(self) -> None:
        """Close the last segment where the receiver has ended and will not do it: it is no more started, perhaps."""
        if time.monotonic() - self._quiet_since < _ABANDONED:
            return
        self._quiet_since = time.monotonic()
        if any(path.suffix == OPEN for _, path in segments(self._directory)):
            with contextlib.suppress(OSError):
                descriptor = lock(self._directory, 0)
                try:
                    seal(self._directory)
                finally:
                    os.close(descriptor)


def _more(segment: _Segment) -> bool:
    return next(read_frames(segment.descriptor, segment.read, full=True), None) is not None


def _stretch(placed: Placed) -> Stretch:
    if placed.frame is None:
        return Stretch(
            "spool", "spool", placed.start, b"", 0, damage="damaged_spool", skipped=placed.end - placed.start
        )
    head = placed.frame.head
    name = f"{'syslog' if head.origin == 'syslog' else 'receiver'}:{head.sensor}"
    return Stretch(name, name, 0, placed.frame.payload, 0, written=head.arrival)

"""The files of a spool: what stands in them, and how it is read.

A segment begins with a random id, so that a position in it can never be taken for one in a later file of the same
name.  Frames follow, each with its length and checksum: a frame that was torn by a crash was never acknowledged and
is left out.  A segment is written under the name `N.open` and called `N.full` once nothing is added to it.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import msgspec

MAGIC = b"wafspool1\n"
ID_SIZE = 16
HEAD = len(MAGIC) + ID_SIZE
"""Bytes in front of the first frame."""
OPEN, FULL = ".open", ".full"

_MARK = b"\xf7frm"
_FIXED = struct.Struct("<4sIII")
"""Mark, length of the head, length of the payload, checksum of both."""
_LONGEST_HEAD = 1 << 16
_PIECE = 1 << 20
_ROOM = 128
"""For all of a frame but its payload and the name of the sensor."""


class Head(msgspec.Struct, frozen=True, array_like=True):
    """What is known of a record beside its bytes."""

    sensor: str
    origin: str
    """Who sent it: `mlogc`, `v3`, `coraza`, `collector`, `syslog`."""
    arrival: int
    """Microseconds since the epoch."""


class Frame(msgspec.Struct, frozen=True):
    """What is acknowledged as a whole: one record or the records of one request, as received."""

    head: Head
    payload: bytes

    @property
    def size(self) -> int:
        """Bytes that it takes in a segment, at most."""
        return len(self.payload) + 4 * len(self.head.sensor) + _ROOM


class Placed(msgspec.Struct, frozen=True):
    """A frame where it stands in its segment; `frame` is None for bytes that can not be read."""

    start: int
    end: int
    frame: Frame | None


def encode(frame: Frame, segment_id: bytes) -> bytes:
    """Return a frame as it stands in a segment.

    The checksum begins with the id, which no sender knows: bytes of a record can not pass for a frame.
    """
    head = msgspec.msgpack.encode(frame.head)
    check = zlib.crc32(frame.payload, zlib.crc32(head, zlib.crc32(segment_id)))
    return b"".join((_FIXED.pack(_MARK, len(head), len(frame.payload), check), head, frame.payload))


def segments(directory: Path) -> list[tuple[int, Path]]:
    """Return the segments of a spool in the order they were written."""
    if not directory.is_dir():
        return []
    found = [path for path in directory.iterdir() if path.suffix in {OPEN, FULL} and path.stem.isdecimal()]
    return sorted((int(path.stem), path) for path in found)


def read_id(segment: int) -> bytes | None:
    """Return the id of an opened segment; None where not even its beginning was written."""
    head = os.pread(segment, HEAD, 0)
    return head[len(MAGIC) :] if len(head) == HEAD and head.startswith(MAGIC) else None


def read_frames(segment: int, offset: int, *, full: bool) -> Iterator[Placed]:
    """Yield the frames of an opened segment from an offset on.

    In a segment that is `full`, what can not be read in front of a frame that can is given too; behind the last
    one it is what a crash has torn, and is passed over.
    """
    seed = zlib.crc32(read_id(segment) or b"")
    while True:
        placed = _frame_at(segment, offset, seed)
        if placed is None and full:
            further = _next_frame(segment, offset, seed)
            placed = Placed(offset, further, None) if further is not None else None
        if placed is None:
            return
        yield placed
        offset = placed.end


def whole_until(segment: int) -> int:
    """Return where the last frame ends."""
    end = HEAD
    for placed in read_frames(segment, HEAD, full=True):
        end = placed.end
    return end


def _frame_at(segment: int, offset: int, seed: int) -> Placed | None:
    fixed = os.pread(segment, _FIXED.size, offset)
    if len(fixed) < _FIXED.size:
        return None
    mark, head_length, length, check = _FIXED.unpack(fixed)
    if mark != _MARK or head_length > _LONGEST_HEAD:
        return None
    start = offset + _FIXED.size
    if start + head_length + length > os.fstat(segment).st_size:
        return None
    data = os.pread(segment, head_length + length, start)
    if len(data) < head_length + length or zlib.crc32(data, seed) != check:
        return None
    try:
        head = msgspec.msgpack.decode(data[:head_length], type=Head)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return Placed(offset, start + len(data), Frame(head, data[head_length:]))


def _next_frame(segment: int, offset: int, seed: int) -> int | None:
    """Return where the next frame begins behind `offset` that can be read."""
    position = offset + 1
    while data := os.pread(segment, _PIECE, position):
        found = data.find(_MARK)
        while found >= 0:
            if _frame_at(segment, position + found, seed) is not None:
                return position + found
            found = data.find(_MARK, found + 1)
        if len(data) < _PIECE:
            return None
        position += len(data) - len(_MARK) + 1
    return None

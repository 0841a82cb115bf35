"""What a worker process does: read the pieces of its stretches and encode them for the store."""

from __future__ import annotations

import gc
import signal
from zoneinfo import ZoneInfo

import msgspec

from wafscope.reader.base import Context, Foreign, Found, Unreadable
from wafscope.reader.framing import read_pieces
from wafscope.source.base import Stretch
from wafscope.store.base import Encoder, Records, Tally


class Task(msgspec.Struct, frozen=True):
    """Stretches of one source, with all that a worker needs to read them."""

    source: str
    sensor: str
    zone: str
    collector_zone: str
    stretches: tuple[Stretch, ...]
    encoder: Encoder

    def without_data(self) -> Task:
        """The same without the bytes, when they have been read."""
        spent = tuple(msgspec.structs.replace(s, data=b"") for s in self.stretches)
        return msgspec.structs.replace(self, stretches=spent)


class Encoded(msgspec.Struct, frozen=True):
    """A payload for the store, and what was counted on the way."""

    payload: bytes
    tally: Tally


def start_worker() -> None:
    """Prepare a worker process: Ctrl-C is for its parent, and no cycles are made that need collecting."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.disable()


def encode(task: Task) -> Encoded:
    """Read the pieces of a task and encode its records."""
    context = Context(zone=ZoneInfo(task.zone) if task.zone else None, collector_zone=ZoneInfo(task.collector_zone))
    files: list[Records] = []
    unreadable: list[Unreadable] = []
    foreign = size = 0
    for stretch in task.stretches:
        found: list[Found] = []
        for piece in read_pieces(stretch.data, stretch.offset, context):
            if isinstance(piece, Found):
                found.append(piece)
            elif isinstance(piece, Foreign):
                foreign += piece.lines
            else:
                unreadable.append(msgspec.structs.replace(piece, source=stretch.name))
        if stretch.damage:
            end = stretch.offset + len(stretch.data)
            unreadable.append(Unreadable(b"", end, stretch.damage, stretch.name))
        files.append(Records(stretch.name, found))
        size += len(stretch.data)
    tally = Tally(
        source=task.source,
        sensor=task.sensor,
        events=sum(len(f.records) for f in files),
        matches=sum(len(r.event.matches) for f in files for r in f.records),
        bytes=size,
        foreign=foreign,
        unreadable=tuple(unreadable),
    )
    return Encoded(task.encoder.encode(files, sensor=task.sensor, zone=task.zone or task.collector_zone), tally)

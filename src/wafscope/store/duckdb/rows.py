"""Records on the way to columns: some at a time of those that come one by one, others as they were read together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from wafscope.event.model import Event, Match
from wafscope.store.base import Batch, Found, Records

_TOGETHER = 64
"""So many events are worked on at a time and let go of: they stay in the cache of the processor, and memory holds
columns, not objects.  With 512 at a time, reading alone took a quarter longer."""


class Rows(msgspec.Struct, frozen=True):
    """Some events, column by column."""

    ids: Sequence[bytes]
    files: Sequence[int]
    """The number of the file that each stands in."""
    offsets: Sequence[int]
    lengths: Sequence[int]
    columns: Mapping[str, Sequence[Any]]
    """Values of each attribute of `Event`, by name."""

    def without(self, seen: set[bytes]) -> Rows:
        """The first of each id that is not among those `seen`."""
        first: dict[bytes, int] = {}
        for place, each in enumerate(self.ids):
            if each not in seen:
                first.setdefault(each, place)
        places = list(first.values())
        return Rows(
            list(first),
            [self.files[place] for place in places],
            [self.offsets[place] for place in places],
            [self.lengths[place] for place in places],
            {name: [values[place] for place in places] for name, values in self.columns.items()},
        )


def rows_of(files: Iterable[Records], identify: Callable[[bytes], bytes]) -> Iterator[Rows]:
    """Give the records of several files, in order; `identify` gives an id to bytes as they were logged."""
    waiting: list[tuple[int, Found]] = []
    for number, file in enumerate(files):
        for each in file.records:
            if isinstance(each, Batch):
                if waiting:
                    yield _gathered(waiting, identify)
                    waiting = []
                ids = list(map(identify, each.columns["raw"]))
                yield Rows(ids, [number] * len(ids), each.offsets, each.lengths, each.columns)
                continue
            waiting.append((number, each))
            if len(waiting) == _TOGETHER:
                yield _gathered(waiting, identify)
                waiting = []
    if waiting:
        yield _gathered(waiting, identify)


def _gathered(rows: Sequence[tuple[int, Found]], identify: Callable[[bytes], bytes]) -> Rows:
    return Rows(
        [found.identity or identify(found.event.raw) for _, found in rows],
        [number for number, _ in rows],
        [found.offset for _, found in rows],
        [found.length for _, found in rows],
        columns_of([found.event for _, found in rows]),
    )


def columns_of(items: Sequence[Event] | Sequence[Match]) -> dict[str, tuple[Any, ...]]:
    """Return the attributes of some events or matches, column by column: a few calls, however many there are."""
    names = items[0].__struct_fields__
    return dict(zip(names, zip(*map(msgspec.structs.astuple, items), strict=True), strict=True))

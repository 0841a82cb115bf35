"""Floods: of a client that sends very many events within an hour, only some are kept with their records.

Every event is stored, with all its fields and matches, so that all counts stay exact; what is left out is the record as
logged, and what stands there alone (headers, bodies).  Why so: docs/adr/0010-floods.md.

Each process that reads counts for itself, from when it was started: it never keeps fewer than it is told to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import msgspec

from wafscope.event.model import Event
from wafscope.event.outline import outline
from wafscope.query.timespan import HOUR
from wafscope.reader.base import Found
from wafscope.reader.joining import FORMATS, takes_matches

_MOST_CLIENTS = 50_000
"""Clients and hours that are counted at a time; those counted longest are let go of."""
_MOST_KINDS = 1_000
"""Kinds of events of a client and an hour of which the first is kept whole."""

_Kind = tuple[str, tuple[int | None, ...]]


class Sampling(msgspec.Struct, frozen=True):
    """What is kept whole of a flood."""

    above: int = 0
    """Events of one client in an hour, from which on some are not kept whole; 0 keeps all."""
    one_in: int = 100
    """Beyond that, so many events are needed for one that is."""


class _Flood(msgspec.Struct):
    """What a client has sent in an hour."""

    events: int = 0
    kinds: set[_Kind] | None = None


class Sampler:
    """Tells which events are kept whole."""

    def __init__(self, sampling: Sampling, identify: Callable[[bytes], bytes]) -> None:
        """Sample as told; `identify` gives the id of an event by its record, which is gone afterwards."""
        self._above, self._one_in = sampling.above, sampling.one_in
        self._identify = identify
        self._floods: dict[tuple[str | None, int], _Flood] = {}

    def records(self, found: Iterable[Found]) -> Iterator[Found]:
        """Give the same records, those that are too many without what is not kept."""
        for each in found:
            if self._is_whole(each.event):
                yield each
            else:
                identity = each.identity or self._identify(each.event.raw)
                yield msgspec.structs.replace(each, event=outline(each.event), identity=identity)

    def _is_whole(self, event: Event) -> bool:
        key = _key(event)
        flood = self._floods.get(key)
        if flood is None:
            flood = self._floods[key] = _Flood()
            if len(self._floods) > _MOST_CLIENTS:
                del self._floods[next(iter(self._floods))]
        flood.events += 1
        over = flood.events - self._above
        if over <= 0 or over % self._one_in == 0 or _is_needed(event):
            return True
        return _is_new(flood, event)


def _key(event: Event) -> tuple[str | None, int]:
    return event.client_address, event.time // HOUR


def _is_needed(event: Event) -> bool:
    """Tell an event whose record is read again when the two logs of a transaction are joined."""
    return event.format in FORMATS or takes_matches(event.gaps)


def _is_new(flood: _Flood, event: Event) -> bool:
    """Tell the first event of a kind beyond the limit: an attack must not hide behind a flood."""
    if flood.kinds is None:
        flood.kinds = set()
    kind = event.outcome, tuple([match.rule_id for match in event.matches])
    if kind in flood.kinds or len(flood.kinds) >= _MOST_KINDS:
        return False
    flood.kinds.add(kind)
    return True

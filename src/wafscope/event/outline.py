"""What is kept of an event whose record is not: the fields of the field table, and nothing else.

Of a client that sends very many events, only some are kept with their records (`ingest/sampling.py`).  The others are
counted, found and filtered like any event, since all that a question can be about is a field.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from wafscope.event.fields import FIELDS
from wafscope.event.model import Event, Match
from wafscope.event.rule import attack_class, points_of
from wafscope.event.text import storable

SAMPLED = "sampled"
"""The gap of such an event."""

_OF_EVENT = frozenset(f.name for f in msgspec.structs.fields(Event))
EVENT = tuple(f.column for f in FIELDS if f.scope == "event" and f.column in _OF_EVENT)
"""Columns that are attributes of an event, as they are; others are derived from these, or known to the store alone."""
MATCH = (*(f.column for f in FIELDS if f.scope == "match" and not f.derived), "bookkeeping")
"""The same of a match."""


def outline(event: Event) -> Event:
    """Return an event without its record and all that stands there alone."""
    kept, matches = _read(event, EVENT), [match_of(_read(match, MATCH)) for match in event.matches]
    return event_of({**kept, "gaps": (*event.gaps, SAMPLED)}, matches)


def event_of(columns: Mapping[str, Any], matches: Sequence[Match]) -> Event:
    """Return the event of values of `EVENT`; what is missing has its default."""
    return Event(raw=b"", matches=tuple(matches), **{"format": "", **columns})


def match_of(columns: Mapping[str, Any]) -> Match:
    """Return the match of values of `MATCH`; what is missing has its default."""
    rule_id = columns.get("rule_id")
    version, file = columns.get("version", ""), columns.get("file", "")
    points = 0 if columns.get("bookkeeping") else points_of(rule_id, columns.get("severity"), version, file)
    of_class = attack_class(rule_id, columns.get("tags", ()), version, file)
    return Match(points=points, attack_class=of_class, **columns)


def _read(item: Event | Match, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: _storable(getattr(item, name)) for name in names}


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return storable(value)
    return tuple(map(storable, value)) if isinstance(value, tuple) else value

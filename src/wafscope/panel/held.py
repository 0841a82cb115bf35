"""The held line: which window is held, what became of what was read, and what this log cannot tell."""

from __future__ import annotations

import msgspec

from wafscope.panel.answers import Answers
from wafscope.panel.change import HeldDay, held_days
from wafscope.panel.view import Quality, quality


class HeldLine(msgspec.Struct, frozen=True):
    """Answer of the line; it is about the whole store and takes no filter."""

    first: int | None
    last: int | None
    since: int | None
    """Events from before were removed by retention; None where none were."""
    removed: int
    """How many."""
    counted_since: int | None
    expired: int
    """Read, and too old to be stored."""
    reviewed: int
    events: int
    days: tuple[HeldDay, ...]
    read: int
    stored: int
    duplicate: int
    quarantined: int
    joined: int
    """Stored records of error logs that are part of the event of an audit log."""
    foreign: int
    """Lines that belong to another log."""
    dropped: int
    """Read, and neither stored nor known nor in quarantine."""
    gaps: tuple[tuple[str, int], ...]
    zone_sources: tuple[tuple[str, int], ...]
    quality: Quality

    @property
    def empty_days(self) -> tuple[HeldDay, ...]:
        return tuple(day for day in self.days if not day.events)

    @property
    def most(self) -> int:
        """Events of the fullest day."""
        return max((day.events for day in self.days), default=0)


def ask(answers: Answers, zone: str) -> HeldLine:
    """Ask for the line."""
    answer = answers.held()
    held = answer.value
    sources = held.sources
    read = sum(source.received for source in sources)
    known = sum(source.stored + source.duplicate + source.quarantined + source.expired for source in sources)
    return HeldLine(
        first=held.begins,
        last=held.last,
        since=held.since,
        removed=sum(each.events for each in held.removed),
        counted_since=held.counted_since,
        expired=sum(source.expired for source in sources),
        reviewed=held.reviewed,
        events=held.events,
        days=held_days(answers, zone),
        read=read,
        stored=sum(source.stored for source in sources),
        duplicate=sum(source.duplicate for source in sources),
        quarantined=sum(source.quarantined for source in sources),
        joined=held.joined,
        foreign=sum(source.foreign for source in sources),
        dropped=max(0, read - known),
        gaps=held.gaps,
        zone_sources=held.zone_sources,
        quality=quality(answer),
    )

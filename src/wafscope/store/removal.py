"""What removing events means for every store: hourly counts, and how far back an answer reaches."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

import msgspec

from wafscope.event.model import Event, Match
from wafscope.event.text import storable
from wafscope.query.question import OTHERS, Count, Histogram, Removed, Scope, StoredEvent, Top
from wafscope.query.rollup import can_tell, is_exact
from wafscope.query.timespan import DAY, HOUR


class Reach(msgspec.Struct, frozen=True):
    """How far back an answer reaches."""

    since: int | None = None
    """As in `Answer`."""
    rolled: int | None = None
    """As in `Answer`."""
    exact: bool = True


EVERYTHING_HELD = Reach()


def reach(scope: Scope, since: int | None, question: Count | Histogram | Top | None = None) -> Reach:
    """Tell how far back the answer to a question reaches; what was before `since` is removed."""
    if since is None or scope.window.start >= since:
        return EVERYTHING_HELD
    if question is not None and question.rolled and can_tell(question):
        return Reach(rolled=since, exact=is_exact(question, since))
    return Reach(since)


def together(reached: Iterable[Reach]) -> Reach:
    """How far back several answers reach that are given as one."""
    found = list(reached)
    since = max((each.since for each in found if each.since is not None), default=None)
    rolled = max((each.rolled for each in found if each.rolled is not None), default=None)
    return Reach(since, rolled if since is None else None, all(each.exact for each in found))


def by_day(gone: Iterable[StoredEvent]) -> Iterator[tuple[int, list[StoredEvent]]]:
    """Events by the start of their day (UTC), in order."""
    days: dict[int, list[StoredEvent]] = {}
    for stored in gone:
        days.setdefault(stored.event.time // DAY * DAY, []).append(stored)
    yield from sorted(days.items())


def with_more(before: Removed, more: Removed) -> Removed:
    """What was removed of a day, after more of it was."""
    return msgspec.structs.replace(
        more,
        until=max(before.until, more.until),
        events=before.events + more.events,
        matches=before.matches + more.matches,
        joined=before.joined + more.joined,
    )


MOST_HOSTS = 200
"""Hosts that hourly counts tell apart, of what is removed at a time: a client can make up as many as it likes."""


def frequent_hosts(gone: Iterable[StoredEvent]) -> frozenset[str]:
    """The hosts that hourly counts tell apart; the others are `OTHERS`."""
    counts = Counter(storable(stored.event.host) for stored in gone if stored.event.host is not None)
    return frozenset(sorted(counts, key=lambda host: (-counts[host], host))[:MOST_HOSTS])


def hourly(stored: StoredEvent, hosts: frozenset[str]) -> StoredEvent:
    """What hourly counts tell of an event: its hour, the fields they know, its rules."""
    event = stored.event
    is_known = event.host is None or storable(event.host) in hosts
    kept = Event(
        raw=b"",
        format="",
        time=event.time // HOUR * HOUR,
        host=event.host if is_known else OTHERS,
        outcome=event.outcome,
        attack_class=event.attack_class,
        matches=tuple(Match(rule_id=match.rule_id, bookkeeping=match.bookkeeping) for match in event.matches),
    )
    return StoredEvent(stored.id, kept, "", "", 0, 0)

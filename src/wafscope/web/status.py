"""How the sources are doing, as the service knows it; the counters come from the store."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from hashlib import blake2b
from typing import Literal

import msgspec

from wafscope.i18n.text import Text
from wafscope.query.question import SourceCounts

SourceState = Literal["following", "waiting", "paused", "failed", "idle"]


class SourceStatus(msgspec.Struct, frozen=True):
    """One source of the service, now."""

    key: str
    """Its name, as its counters in the store are named: `Tally.source`."""
    kind: str
    """serial, concurrent, receiver, stdin, syslog."""
    sensor: str
    state: SourceState
    """following: read to the end, or on the way; waiting: for the file to come; paused: for the store;
    failed: nothing is read until somebody does something; idle: there is nothing more to come."""
    lag_bytes: int | None = None
    """Bytes that are there and not committed yet; None where that can't be known."""
    last_read: int | None = None
    """When something was last committed, in microseconds since the epoch."""
    problem: Text | None = None
    """What is wrong, if something is."""
    hint: Text | None = None
    """What to do about it."""
    waiting: int = 0
    """Files that are there and not committed yet, where files are what is counted."""

    @property
    def is_bad(self) -> bool:
        """True where a page, the log and the health must tell."""
        return self.state in {"paused", "failed"} or self.problem is not None


Statuses = Callable[[], tuple[SourceStatus, ...]]
"""Asked about twice a second by each page that is open: gives what is known already, and waits for nothing."""


def nothing_followed() -> tuple[SourceStatus, ...]:
    """The status of a console over logs that were imported once."""
    return ()


class Problem(msgspec.Struct, frozen=True):
    """What is wrong with one or several sources: a full disk pauses them all."""

    state: SourceState
    what: Text | None
    hint: Text | None
    sources: tuple[str, ...]


def problems(statuses: Sequence[SourceStatus]) -> tuple[Problem, ...]:
    """What every page must tell, each problem once."""
    found: list[Problem] = []
    for status in statuses:
        same = next((each for each in found if _is_of(each, status)), None)
        if same is not None:
            found[found.index(same)] = msgspec.structs.replace(same, sources=(*same.sources, status.key))
        elif status.is_bad:
            found.append(Problem(status.state, status.problem, status.hint, (status.key,)))
    return tuple(found)


def _is_of(problem: Problem, status: SourceStatus) -> bool:
    return status.is_bad and (problem.state, problem.what, problem.hint) == (status.state, status.problem, status.hint)


class SourceRow(msgspec.Struct, frozen=True):
    """A source: its counters, and its status if the service has it."""

    counts: SourceCounts
    """Of all files that it has read, where it follows several."""
    status: SourceStatus | None = None
    files: tuple[SourceCounts, ...] = ()
    """Those of each of them."""


def rows(counts: Sequence[SourceCounts], statuses: Sequence[SourceStatus]) -> tuple[SourceRow, ...]:
    """Put counters and status side by side: what has a problem first, then what is followed, then the rest."""
    left = list(counts)
    found = []
    # Names without a pattern first: a file that two sources could have read belongs to the one that names it.
    for status in sorted(statuses, key=lambda status: "*" in status.key):
        own = [each for each in left if _is_read_by(each, status)]
        left = [each for each in left if each not in own]
        found.append(SourceRow(_sum(status, own), status, tuple(own)))
    found += [SourceRow(each, None, (each,)) for each in left]
    return tuple(sorted(found, key=_place))


def _is_read_by(counts: SourceCounts, status: SourceStatus) -> bool:
    """Tell a file of a source: one that fits its pattern, or that was rotated away from its name."""
    if counts.sensor != status.sensor:
        return False
    if counts.source == status.key:
        return True
    rotated = counts.source.startswith((f"{status.key}.", f"{status.key}-"))
    return status.kind == "serial" and (rotated or fnmatchcase(counts.source, status.key))


def _sum(status: SourceStatus, own: Sequence[SourceCounts]) -> SourceCounts:
    names = SourceCounts.__struct_fields__[2:]
    return SourceCounts(status.key, status.sensor, *(sum(getattr(each, name) for each in own) for name in names))


def _place(row: SourceRow) -> tuple[int, str, str]:
    status = row.status
    rank = 2 if status is None else 0 if status.is_bad else 1
    return rank, row.counts.source, row.counts.sensor


def digest(statuses: Sequence[SourceStatus], *, whole: bool) -> str:
    """A short mark that changes with the statuses; unless `whole`, with those alone that every page shows."""
    told = statuses if whole else [(each.key, each.state, each.problem) for each in statuses if each.is_bad]
    return blake2b(msgspec.msgpack.encode(told), digest_size=6).hexdigest() if told else "0"

"""Questions and answers: the whole of what a page, the CLI or a report asks of a store."""

from __future__ import annotations

from typing import Generic, Literal, TypeVar

import msgspec

from wafscope.event.model import AttackClass, Event, Outcome
from wafscope.query.filter import EVERYTHING, Filter
from wafscope.query.timespan import ALL_TIME, Window

T = TypeVar("T")
TopOrder = Literal["events", "matches", "last"]
RemovalReason = Literal["age", "size", "hand"]
"""Older than what is kept, more than there is room for, or removed by hand."""

OTHERS = "…"
"""Stands for all values of a histogram beyond its limit."""

TIME_LIMIT = 5.0
"""Seconds a question may take unless it says otherwise."""


class Answer(msgspec.Struct, Generic[T], frozen=True):
    """What a store says to a question."""

    value: T
    exact: bool = True
    """False where a count is a sketch; the page says "approximate"."""
    cut: bool = False
    """True where the time limit stopped the question; `value` is then empty or partial, and the page says so."""
    seconds: float = 0.0
    since: int | None = None
    """Set where retention has removed events of the window and the answer knows nothing of them: only from then on."""
    rolled: int | None = None
    """Set where it knows of them what hourly counts tell: before that time."""


class Scope(msgspec.Struct, frozen=True):
    """Which events a question is about."""

    window: Window = ALL_TIME
    filter: Filter = EVERYTHING


class Cursor(msgspec.Struct, frozen=True):
    """A place in the list of events: keyset paging by (time, id)."""

    time: int
    id: bytes


class Page(msgspec.Struct, frozen=True):
    """A page of events in order of time; always answered newest first.

    With `older_than` the `limit` events before that place; with `newer_than` those after it.
    """

    scope: Scope
    limit: int = 50
    older_than: Cursor | None = None
    newer_than: Cursor | None = None


class Row(msgspec.Struct, frozen=True):
    """One event in a list."""

    id: bytes
    time: int
    outcome: Outcome
    score: int | None
    points: int
    unexplained: int | None
    method: str
    host: str | None
    uri: str
    status: int | None
    client_address: str | None
    attack_class: AttackClass | None
    rule_ids: tuple[int | None, ...]
    """Distinct rules in order of first match, bookkeeping rules last."""
    format: str = ""


class Rows(msgspec.Struct, frozen=True):
    """Answer to `Page`: rows newest first, and whether there are more on either side."""

    rows: tuple[Row, ...] = ()
    has_older: bool = False
    has_newer: bool = False


class Count(msgspec.Struct, frozen=True):
    """How many events, matches (of scoring rules) and distinct rules.

    With `rolled`, what retention has removed is counted, too, as far as the hourly counts can tell: where the filter
    is only about fields of them (`rollup.FIELDS`).  An hour counts whole, for the window in which it begins; times
    are those of full hours.  Otherwise `Answer.since` says what is missing.
    """

    scope: Scope
    rolled: bool = False


class Counts(msgspec.Struct, frozen=True):
    """Answer to `Count`."""

    events: int = 0
    matches: int = 0
    """Matches of all rules."""
    scoring_matches: int = 0
    """Matches of scoring rules: without bookkeeping."""
    first: int | None = None
    last: int | None = None
    """Times of the first and the last event."""


class Histogram(msgspec.Struct, frozen=True):
    """Events over time in bins of `step` microseconds that start at `scope.window.start`.

    With `by`, split by the values of that field, the `limit` most frequent ones apart and the rest as "…".
    """

    scope: Scope
    step: int
    by: str = ""
    limit: int = 8
    rolled: bool = False
    """As in `Count`."""


class Bins(msgspec.Struct, frozen=True):
    """Answer to `Histogram`: (start of bin, value of `by` or None, events), ordered by start; empty bins left out."""

    bins: tuple[tuple[int, str | None, int], ...] = ()


class Top(msgspec.Struct, frozen=True):
    """The values of a field with their counts, most frequent first.

    `limit` 0 means all.  `zone` is the IANA zone for the field `day`.  `new` keeps only values that no event
    before the window has (the filter is not applied to those earlier events).  `bookkeeping` False leaves
    bookkeeping rules out of fields of matches.  `brief` asks for the events of each value and no other figure:
    the others are 0 in the answer.
    """

    field: str
    scope: Scope
    limit: int = 10
    zone: str = "UTC"
    order: TopOrder = "events"
    new: bool = False
    bookkeeping: bool = True
    brief: bool = False
    rolled: bool = False
    """As in `Count`."""


class TopValue(msgspec.Struct, frozen=True):
    """One value of a field: None where it is missing."""

    value: str | int | None
    events: int
    matches: int = 0
    first: int = 0
    last: int = 0


class TopValues(msgspec.Struct, frozen=True):
    """Answer to `Top`: values in order, how many distinct ones there are, and the events in scope."""

    values: tuple[TopValue, ...] = ()
    distinct: int = 0
    events: int = 0


class RuleInfo(msgspec.Struct, frozen=True):
    """What is known of a rule from its most recent match."""

    rule_id: int | None
    message: str
    file: str
    line: int | None
    severity: int | None
    tags: tuple[str, ...]
    version: str


class JoinedRecord(msgspec.Struct, frozen=True):
    """A record of the error log that is part of an event of the audit log."""

    format: str
    source: str
    offset: int
    length: int
    raw: bytes


class StoredEvent(msgspec.Struct, frozen=True):
    """One event with what the store knows of its way here."""

    id: bytes
    event: Event
    sensor: str
    source: str
    offset: int
    """Byte offset of the record in the (uncompressed) source."""
    length: int
    joined: tuple[JoinedRecord, ...] = ()
    """What the error log has about the same transaction, in the order written."""
    reviewed: int | None = None
    """When it was marked as reviewed, microseconds since the epoch."""


class Quarantine(msgspec.Struct, frozen=True):
    """Pieces that could not be read, in the order in which they came; `limit` 0 means all, `ids` none in particular."""

    reason: str = ""
    ids: tuple[int, ...] = ()
    limit: int = 0
    with_data: bool = False
    source: str = ""
    """A file, or a directory or archive with all that is in it."""
    seen_before: int = 0
    """Only what came before this time, microseconds since the epoch; 0 for whatever time."""
    newest: bool = False
    """Newest first."""
    most: int = 0
    """Bytes of the data of each piece, with data; 0 for all of it."""
    before: int = 0
    """Only ids below this one; 0 for all: where a page of the newest goes on."""


class QuarantineCounts(msgspec.Struct, frozen=True):
    """How many pieces are in quarantine."""

    pieces: int = 0
    reasons: tuple[tuple[str, int], ...] = ()
    """Most frequent first."""
    first: int | None = None
    """When the oldest of them came, microseconds since the epoch."""


class QuarantinedPiece(msgspec.Struct, frozen=True):
    """Bytes that could not be read, with their place and the reason (see `reader.base.Unreadable`)."""

    id: int
    source: str
    """The file that they stand in."""
    sensor: str
    offset: int
    length: int
    """Bytes of the input; `data` can be shorter, where they were too many to keep."""
    reason: str
    seen: int
    """When they came, microseconds since the epoch."""
    more: tuple[tuple[int, int], ...] = ()
    """Further (offset, length), where the bytes do not stand in one piece."""
    data: bytes = b""
    """Empty unless asked for."""


class SourceCounts(msgspec.Struct, frozen=True):
    """What became of the bytes of one source."""

    source: str
    sensor: str
    received: int = 0
    stored: int = 0
    duplicate: int = 0
    quarantined: int = 0
    foreign: int = 0
    bytes: int = 0
    matches: int = 0
    joined: int = 0
    """Stored records that are part of the event of another log: events = stored - joined, before any was removed."""
    expired: int = 0
    """Records from before what is held, which retention would remove at once: they were not stored."""


class Removed(msgspec.Struct, frozen=True):
    """What retention has removed of one day (UTC), for one reason; times in microseconds since the epoch."""

    day: int
    """The start of the day."""
    reason: RemovalReason
    until: int
    """All before it was removed but what is reviewed."""
    events: int
    matches: int
    joined: int
    """Records of error logs that were part of these events."""
    time: int
    """When it was removed, or the last of it."""


class Held(msgspec.Struct, frozen=True):
    """What the store holds: the counters of all sources and the window."""

    first: int | None = None
    last: int | None = None
    events: int = 0
    sources: tuple[SourceCounts, ...] = ()
    gaps: tuple[tuple[str, int], ...] = ()
    """What records cannot tell: (gap, events)."""
    zone_sources: tuple[tuple[str, int], ...] = ()
    joined: int = 0
    """Records of error logs that are part of the event of an audit log."""
    since: int | None = None
    """Retention has removed what was before it; None where it has removed nothing."""
    counted_since: int | None = None
    """From here on there are hourly counts of what was removed; None where there are none."""
    reviewed: int = 0
    """Events that are marked as reviewed."""
    removed: tuple[Removed, ...] = ()
    """In order of days."""

    @property
    def begins(self) -> int | None:
        """From when on all events are held; those from before are only what is reviewed."""
        if self.first is None or self.last is None or self.since is None:
            return self.first
        return self.since if self.first < self.since <= self.last else self.first

    @property
    def begins_counted(self) -> int | None:
        """From when on something is known: events, or hourly counts of them."""
        known = [time for time in (self.first, self.counted_since) if time is not None]
        return min(known, default=None)

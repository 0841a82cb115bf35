"""The answers of the reference store, worked out from all events that a question is about: plainly, and not fast."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from zoneinfo import ZoneInfo

import msgspec

from wafscope.errors import StoreError, Unsupported
from wafscope.event.fields import DAY, RULE_CLASS, Field, find
from wafscope.event.model import Match
from wafscope.event.text import storable
from wafscope.event.values import Value, day, match_values, unexplained, value, values
from wafscope.i18n.text import text
from wafscope.query.question import (
    OTHERS,
    Bins,
    Counts,
    Cursor,
    Held,
    Histogram,
    Page,
    Row,
    Rows,
    RuleInfo,
    SourceCounts,
    StoredEvent,
    Top,
    TopValue,
    TopValues,
)

_HOST = find("host")
_GAPS = find("event.gaps")
_CLIENT = find("client.address")


# --- pages --------------------------------------------------------------------


def page(found: list[StoredEvent], question: Page) -> Rows:
    """Cut a page out of the events in scope; the places of the cursors need not be events."""
    found = sorted(found, key=_place, reverse=True)
    first, last = 0, len(found)
    if question.older_than:
        place = _of_cursor(question.older_than)
        first = sum(_place(stored) >= place for stored in found)
    if question.newer_than:
        place = _of_cursor(question.newer_than)
        last = sum(_place(stored) > place for stored in found)
    if question.newer_than and not question.older_than:
        first = max(first, last - question.limit)
    else:
        last = max(first, min(last, first + question.limit))
    rows = tuple(_row(stored) for stored in found[first:last])
    return Rows(rows, has_older=last < len(found), has_newer=first > 0)


def _place(stored: StoredEvent) -> tuple[int, bytes]:
    return stored.event.time, stored.id


def _of_cursor(cursor: Cursor) -> tuple[int, bytes]:
    return cursor.time, cursor.id


def _row(stored: StoredEvent) -> Row:
    event = stored.event
    scoring = [match.rule_id for match in event.matches if not match.bookkeeping]
    bookkeeping = [match.rule_id for match in event.matches if match.bookkeeping]
    return Row(
        id=stored.id,
        time=event.time,
        outcome=event.outcome,
        score=event.score,
        points=event.points,
        unexplained=unexplained(event),
        method=storable(event.method),
        host=_text_or_none(stored, _HOST),
        uri=storable(event.uri),
        status=event.status,
        client_address=_text_or_none(stored, _CLIENT),
        attack_class=event.attack_class,
        rule_ids=tuple(dict.fromkeys(scoring + bookkeeping)),
        format=storable(event.format),
    )


def _text_or_none(stored: StoredEvent, field: Field) -> str | None:
    found = value(stored.event, field)
    return found if isinstance(found, str) else None


# --- counts -------------------------------------------------------------------


def count(found: list[StoredEvent]) -> Counts:
    """Count events and matches."""
    times = [stored.event.time for stored in found]
    matches = [match for stored in found for match in stored.event.matches]
    return Counts(
        events=len(found),
        matches=len(matches),
        scoring_matches=sum(not match.bookkeeping for match in matches),
        first=min(times, default=None),
        last=max(times, default=None),
    )


def histogram(found: list[StoredEvent], question: Histogram) -> Bins:
    """Count events over time; raises Unsupported for a field of matches."""
    by = find(question.by) if question.by else None
    if by is not None and by.scope == "match":
        raise Unsupported(text("Events over time can not be split by {field}.", field=by.label))
    start, step = question.scope.window.start, question.step
    counts: Counter[tuple[int, Value | None]] = Counter()
    for stored in found:
        bin_start = start + (stored.event.time - start) // step * step
        for each in _event_values(stored, by) if by else (None,):
            counts[bin_start, each] += 1
    kept = _most_frequent(counts, question.limit)
    bins: Counter[tuple[int, str | None]] = Counter()
    for (bin_start, each), events in counts.items():
        bins[bin_start, None if each is None else str(each) if each in kept else OTHERS] += events
    ordered = sorted(bins.items(), key=lambda item: (item[0][0], item[0][1] is None, item[0][1] or ""))
    return Bins(tuple((bin_start, each, events) for (bin_start, each), events in ordered))


def _most_frequent(counts: Counter[tuple[int, Value | None]], limit: int) -> frozenset[Value]:
    totals: Counter[Value] = Counter()
    for (_, each), events in counts.items():
        if each is not None:
            totals[each] += events
    ordered = sorted(totals, key=lambda each: (-totals[each], each))
    return frozenset(ordered[:limit])


def top(found: list[StoredEvent], earlier: Iterable[StoredEvent], question: Top) -> TopValues:
    """Return the values of a field; `earlier` are the events before the window, which tell what is new."""
    counts = _count_values(found, question)
    if question.new:
        # What was there before was there, also in a bookkeeping rule.
        known = _count_values(earlier, msgspec.structs.replace(question, bookkeeping=True))
        counts = {key: count for key, count in counts.items() if key not in known}
    ordered = sorted(counts.values(), key=lambda one: _rank(one, getattr(one, question.order)))
    kept = ordered[: question.limit] if question.limit else ordered
    return TopValues(
        values=tuple(TopValue(one.value, one.events) for one in kept) if question.brief else tuple(kept),
        distinct=sum(key is not None for key in counts),
        events=0 if question.brief else len(found),
    )


def _count_values(found: Iterable[StoredEvent], question: Top) -> dict[Value | None, TopValue]:
    """Count the events and matches of each value."""
    field = DAY if question.field == DAY.name else find(question.field)
    zone = _zone(question.zone)
    counts: dict[Value | None, TopValue] = {}
    for stored in found:
        at = stored.event.time
        if field is DAY:
            in_event: dict[Value | None, int] = {day(at, zone): len(stored.event.matches)}
        elif field.scope == "match":
            in_event = _match_counts(
                stored.event.matches, field, bookkeeping=question.bookkeeping and field != RULE_CLASS
            )
        else:
            in_event = dict.fromkeys(_event_values(stored, field), len(stored.event.matches))
        for each, matches in in_event.items():
            before = counts.get(each, TopValue(each, 0, 0, at, at))
            counts[each] = TopValue(
                each, before.events + 1, before.matches + matches, min(before.first, at), max(before.last, at)
            )
    return counts


def _event_values(stored: StoredEvent, field: Field) -> tuple[Value | None, ...]:
    """Return the values of an event in a field, None alone where it has none."""
    return values(stored.event, field, sensor=stored.sensor, source=stored.source) or (None,)


def _match_counts(matches: Sequence[Match], field: Field, *, bookkeeping: bool) -> dict[Value | None, int]:
    """Count the matches of one event that have each value."""
    counts: Counter[Value | None] = Counter()
    for match in matches:
        if bookkeeping or not match.bookkeeping:
            counts.update(match_values(match, field) or (None,))
    return counts


def _rank(one: TopValue, chosen: int) -> tuple[int, bool, Value]:
    """Order by what was chosen, the most first; then by value, a missing one last."""
    return -chosen, one.value is None, 0 if one.value is None else one.value


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # ZoneInfoNotFoundError is a KeyError
        raise StoreError(text("There is no time zone “{zone}”.", zone=name)) from None


# --- what is known ------------------------------------------------------------


def rules(events: Iterable[StoredEvent], rule_ids: Sequence[int]) -> tuple[RuleInfo, ...]:
    """Look rules up; of matches at the same time the one written last counts."""
    latest: dict[int, Match] = {}
    for stored in sorted(events, key=lambda each: each.event.time):
        latest.update({match.rule_id: match for match in stored.event.matches if match.rule_id is not None})
    return tuple(_rule(latest[rule_id]) for rule_id in rule_ids if rule_id in latest)


def _rule(match: Match) -> RuleInfo:
    return RuleInfo(
        rule_id=match.rule_id,
        message=storable(match.message),
        file=storable(match.file),
        line=match.line,
        severity=match.severity,
        tags=tuple(storable(tag) for tag in match.tags),
        version=storable(match.version),
    )


def held(events: tuple[StoredEvent, ...], sources: tuple[SourceCounts, ...]) -> Held:
    """Sum up what there is."""
    times = [stored.event.time for stored in events]
    gaps: Counter[Value] = Counter(gap for stored in events for gap in values(stored.event, _GAPS))
    zone_sources: Counter[Value] = Counter(stored.event.zone_source for stored in events)
    return Held(
        first=min(times, default=None),
        last=max(times, default=None),
        events=len(events),
        sources=sources,
        gaps=_by_count(gaps),
        zone_sources=_by_count(zone_sources),
    )


def _by_count(counts: Counter[Value]) -> tuple[tuple[str, int], ...]:
    named = [(str(name), count) for name, count in counts.items()]
    return tuple(sorted(named, key=lambda item: (-item[1], item[0])))

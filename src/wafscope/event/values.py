"""The value of a field in an event: what every store counts, compares and shows.

A value that is missing is None, and so is an empty text where the model has no other way to say so: a log
that holds `"method": ""` tells no more than one that holds nothing.  A Host header that was sent empty is a
value.  Texts are in the form of `event.text.storable`.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo

from wafscope.event.fields import RULE_CLASS, Field
from wafscope.event.model import Event, Match
from wafscope.event.text import storable

Value = str | int

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_READ_SCORES = frozenset({"949110_message", "949110_value", "report"})
"""Sources of a score that the engine itself told; a computed one is explained by definition."""


def value(event: Event, field: Field, *, sensor: str = "", source: str = "") -> Value | tuple[str, ...] | None:
    """Return the value of a field of events; a tuple, perhaps empty, for a field of several texts.

    `sensor` and `source` are known to the store, not to the event.
    """
    match field.column:
        case "unexplained":
            return unexplained(event)
        case "match_count":
            return len(event.matches)
        case "interrupted":
            return interrupted(event)
        case "sensor":
            return _clean(sensor)
        case "source":
            return _clean(source)
    raw = getattr(event, field.column)
    return "" if raw == "" and field.empty_is_value else _clean(raw)


def values(event: Event, field: Field, *, sensor: str = "", source: str = "") -> tuple[Value, ...]:
    """Return the distinct values that an event has in a field of events: none where it is missing."""
    return _several(value(event, field, sensor=sensor, source=source))


def match_values(match: Match, field: Field) -> tuple[Value, ...]:
    """Return the distinct values that a match has in a field of matches: none where it is missing.

    A bookkeeping rule has no class: what it sums up may be of any.
    """
    if field == RULE_CLASS and match.bookkeeping:
        return ()
    return _several(_clean(getattr(match, field.column)))


def unexplained(event: Event) -> int | None:
    """Return the points that the engine counted and the matches in the log do not explain."""
    return unexplained_points(event.score, event.score_source, event.points)


def unexplained_points(score: int | None, source: str, points: int) -> int | None:
    """Return the points of a score that `points` do not explain; None where the engine told no score."""
    return None if score is None or source not in _READ_SCORES else max(score - points, 0)


def interrupted(event: Event) -> str | None:
    """Return yes, no, or None where the log cannot tell."""
    return interrupted_word(event.interrupted)


def interrupted_word(interrupted: bool | None) -> str | None:  # noqa: FBT001 - the value of a field
    """Return the word for what is known."""
    return None if interrupted is None else "yes" if interrupted else "no"


def day(time: int, zone: tzinfo) -> str:
    """Return the day of a time in microseconds, as `2026-11-18`, on the calendar of `zone`."""
    return (_EPOCH + timedelta(microseconds=time)).astimezone(zone).date().isoformat()


def _clean(raw: str | int | tuple[str, ...] | None) -> Value | tuple[str, ...] | None:
    if isinstance(raw, str):
        return storable(raw) or None
    if isinstance(raw, tuple):
        return tuple(dict.fromkeys(storable(each) for each in raw if each))
    return raw


def _several(found: Value | tuple[str, ...] | None) -> tuple[Value, ...]:
    if found is None:
        return ()
    return found if isinstance(found, tuple) else (found,)

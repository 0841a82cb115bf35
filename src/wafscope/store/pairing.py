"""Which records of the error log and of the audit log are of one transaction: the rule, and its plain form.

Both have the same transaction id and sensor and lie within a minute: a line of the error log has the time of its
writing unless its id tells the start.  Of several audit records the one of the same second counts, then the nearest,
then the one written first.  Several records of the error log may belong to one of the audit log: the lines of a
transaction that stand far apart are read as two.  Ids that are only a second (libmodsecurity 3.0.5 to 3.0.7,
ModSecurity issue 2752) are shared by all transactions of that second: there client and path must agree, too.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence

from wafscope.event.text import storable
from wafscope.query.question import SourceCounts, StoredEvent
from wafscope.query.timespan import SECOND
from wafscope.reader.joining import FORMATS

WITHIN = 60 * SECOND
UNTIMED = "no_time"
"""The gap of a record that tells no time: its id alone counts."""
SHARED_ID = "[0-9]{10}"

_SHARED_ID = re.compile(SHARED_ID)


def pairs(events: Sequence[StoredEvent], new: frozenset[bytes]) -> list[tuple[StoredEvent, StoredEvent]]:
    """Return (audit, error) of those of one transaction, at least one of each two being new."""
    errors = [stored for stored in events if stored.event.format in FORMATS and stored.event.transaction_id]
    if not errors:
        return []
    wanted = {_key(stored) for stored in errors}
    audits: dict[tuple[str, str], list[tuple[int, StoredEvent]]] = defaultdict(list)
    for number, stored in enumerate(events):
        if stored.event.format not in FORMATS and _key(stored) in wanted:
            audits[_key(stored)].append((number, stored))
    found = []
    for error in errors:
        near = [
            (*_distance(audit, error), number, audit)
            for number, audit in audits[_key(error)]
            if (error.id in new or audit.id in new) and _is_same(audit, error)
        ]
        if near:
            found.append((min(near, key=lambda each: each[:3])[3], error))
    return found


def _key(stored: StoredEvent) -> tuple[str, str]:
    return storable(stored.event.transaction_id), stored.sensor


def _distance(audit: StoredEvent, error: StoredEvent) -> tuple[bool, int]:
    one, other = audit.event.time, error.event.time
    return one // SECOND != other // SECOND, abs(one - other)


def _is_same(audit: StoredEvent, error: StoredEvent) -> bool:
    if _SHARED_ID.fullmatch(error.event.transaction_id) and _sender(audit) != _sender(error):
        return False
    return UNTIMED in error.event.gaps or abs(audit.event.time - error.event.time) <= WITHIN


def _sender(stored: StoredEvent) -> tuple[str, str]:
    return storable(stored.event.client_address or ""), storable(stored.event.path)


def in_order(errors: Iterable[StoredEvent]) -> list[StoredEvent]:
    """Return the records of the error log of one event in the order in which they were written."""
    return sorted(errors, key=lambda stored: (stored.event.time, stored.source, stored.offset))


def owner(sources: Iterable[SourceCounts], sensor: str, file: str) -> SourceCounts | None:
    """Return the counters of the source that a file is of: a source can be a folder or an archive."""
    ours = [counts for counts in sources if counts.sensor == sensor and file.startswith(counts.source)]
    return max(ours, key=lambda counts: len(counts.source), default=None)

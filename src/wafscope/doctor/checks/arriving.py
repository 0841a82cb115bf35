"""Whether the receiver takes all that arrives: what it does not take is in no quarantine."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from wafscope.doctor.case import Arrived, Case
from wafscope.doctor.diagnosis import Change, Diagnosis
from wafscope.i18n.text import Text, ntext, text
from wafscope.rules.seclang.nodes import Place
from wafscope.settings import MOST_BYTES

_RELOAD = text("It stands under [ingest] in the settings; reload the service then (SIGHUP).")
_RELOAD_SPOOL = text(
    "It stands in the settings of this source; half of it is the limit. Reload the service then (SIGHUP)."
)
_NO_MORE = text("The limit can not be raised any further: log fewer parts.")
_ROOM = text("Raise spool_limit of this source, or let the sender use TCP, which waits while there is no room.")


def check(case: Case) -> Iterator[Diagnosis]:
    """Look at what was refused."""
    arrived = case.arrived
    if arrived is None:
        return
    place = Place(f"{case.source.kind}:{case.source.sensor}", 0)
    since = datetime.fromtimestamp(arrived.since / 1_000_000, UTC).strftime("%Y-%m-%d %H:%M UTC")
    if too_large := arrived.refused.get("too_large", 0):
        limit, change, hint = _larger(arrived, is_line=case.source.kind == "syslog")
        evidence = ntext(
            "{n} was larger than {limit} bytes since {since}.",
            "{n} were larger than {limit} bytes since {since}.",
            too_large,
            limit=limit,
            since=since,
        )
        yield Diagnosis("arrived_too_large", place, evidence, change, hint)
    if lost := arrived.refused.get("lost", 0):
        evidence = ntext("{n} line since {since}.", "{n} lines since {since}.", lost, since=since)
        yield Diagnosis("arrived_lost", place, evidence, hint=_ROOM)


def _larger(arrived: Arrived, *, is_line: bool) -> tuple[int, Change | None, Text]:
    """The limit in bytes, and the setting to raise: a request is never larger than half of the spool."""
    spool, largest = arrived.spool_limit, arrived.largest
    if not is_line and spool // 2 < largest:
        return spool // 2, Change(f"spool_limit = {spool}", f"spool_limit = {2 * spool}"), _RELOAD_SPOOL
    if largest >= MOST_BYTES:
        return largest, None, _NO_MORE
    more = min(2 * largest, MOST_BYTES)
    return largest, Change(f"largest_record = {largest}", f"largest_record = {more}"), _RELOAD

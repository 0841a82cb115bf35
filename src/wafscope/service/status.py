"""How the sources are, for the console: what is followed, and what arrives."""

from __future__ import annotations

from collections.abc import Iterator

from wafscope.i18n.text import Text, english, text
from wafscope.ingest.follow import SourceStatus as Followed
from wafscope.ingest.follow import Status
from wafscope.service.sources import SPOOL
from wafscope.source.receiver_supervisor import ReceiverProcess
from wafscope.web.status import SourceState, SourceStatus

REFUSED = {
    "too_large": text("what it sends is larger than the limit"),
    "not_admitted": text("its token or password is wrong"),
    "wrong_path": text("there is nothing at the path that it asks for"),
    "wrong_method": text("it neither posts nor puts"),
    "empty": text("what it sends is empty"),
    "not_packed": text("what it sends can not be unpacked"),
    "two_lengths": text("its request states two lengths"),
    "too_slow": text("it sends too slowly"),
    "checksum": text("what arrives is not what its checksum says"),
    "busy": text("the receiver has no room for more at once"),
    "spool_full": text("the spool is full"),
    "spool_broken": text("the spool can not be written"),
    "lost": text("the spool was full, and its lines are lost"),
}
"""Why the receiver refuses (`source/door.py`, `source/receiver.py`, `source/syslog.py`)."""


def statuses(status: Status, receiver: ReceiverProcess | None) -> tuple[SourceStatus, ...]:
    """How the sources are, for the console."""
    found: list[SourceStatus] = []
    for source in status.sources:
        state, what, hint = _state(status, source)
        if source.kind == SPOOL and receiver is not None:
            found += _arriving(receiver, state, what, hint)
        elif source.kind != SPOOL or source.lag or what is not None:
            found.append(
                SourceStatus(
                    source.name,
                    source.kind,
                    source.sensor,
                    state,
                    source.lag,
                    source.last,
                    what,
                    hint,
                    waiting=source.waiting,
                )
            )
    return tuple(found)


def line(status: Status) -> str:
    """One line for `systemctl status`."""
    stored = sum(source.stored for source in status.sources)
    failed = [source.name for source in status.sources if _state(status, source)[0] == "failed"]
    if status.problem is not None:
        return f"{status.state}: {english(status.problem.what)}"
    bad = f"; can not be read: {', '.join(failed)}" if failed else ""
    return f"{status.state}: {len(status.sources)} sources, {stored} records stored since the start{bad}"


def _state(status: Status, source: Followed) -> tuple[SourceState, Text | None, Text | None]:
    if status.state == "paused":
        return "paused", *((status.problem.what, status.problem.hint) if status.problem else (None, None))
    problem = next((each for each in source.problems if not each.waits), None)
    if problem is not None:
        return "failed", problem.what, problem.hint
    return "waiting" if source.problems else "following", None, None


def _arriving(
    receiver: ReceiverProcess, state: SourceState, what: Text | None, hint: Text | None
) -> Iterator[SourceStatus]:
    """How each sensor is that sends to the receiver."""
    told = receiver.status()
    traffic = {each.sensor: each for each in told.sensors} if told else {}
    loops = {each.sensor: each.reason for each in told.loops} if told else {}
    if what is None and not receiver.alive:
        state, what = "failed", text("The receiver has ended; it is started again.")
    for kind, sensor in receiver.sensors:
        if what is None and sensor in loops:
            reason = loops[sensor]
            looping = text("It is refused again and again: {reason}", reason=REFUSED.get(reason, reason))
            yield SourceStatus(f"{kind}:{sensor}", kind, sensor, "failed", problem=looping)
        else:
            last = traffic[sensor].last if sensor in traffic else None
            yield SourceStatus(f"{kind}:{sensor}", kind, sensor, state, last_read=last, problem=what, hint=hint)

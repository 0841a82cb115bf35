"""What arrived and what was refused, by sensor; and who comes again and again with what is refused."""

from __future__ import annotations

import os
import time
from collections import OrderedDict
from pathlib import Path

import msgspec
import structlog

STATUS = "status.json"

_LOOPING = 3
"""So often refused for the same reason, without success in between, somebody goes round in a loop."""
_MOST = 1000
"""Sensors and strangers that are remembered: anybody may make up names."""
_LONGEST_NAME = 100
_AGAIN = 600.0
"""Seconds after which a loop is named in the log again."""

_log = structlog.get_logger(__name__)


class SensorTraffic(msgspec.Struct):
    """What came from one sensor, or from a stranger who named none."""

    sensor: str
    accepted: int = 0
    """Requests, or lines of syslog."""
    bytes: int = 0
    last: int = 0
    """When something was accepted last, microseconds since the epoch."""
    refused: dict[str, int] = {}
    """How often, by reason."""


class Loop(msgspec.Struct):
    """Somebody who sends what is refused again and again."""

    sensor: str
    reason: str
    since: int
    """Microseconds since the epoch."""
    count: int = 0
    named: float = 0.0


class Status(msgspec.Struct, frozen=True):
    """What the process of the receiver tells about itself."""

    process: int
    started: int
    """Microseconds since the epoch."""
    spool_used: int
    spool_limit: int
    sensors: tuple[SensorTraffic, ...] = ()
    loops: tuple[Loop, ...] = ()
    """Those that are refused again and again."""


class Traffic:
    """Counts; belongs to one thread."""

    def __init__(self) -> None:
        self._started = time.time_ns() // 1000
        self._sensors: OrderedDict[str, SensorTraffic] = OrderedDict()
        self._loops: OrderedDict[str, Loop] = OrderedDict()
        self._changes = 0
        self._written: tuple[int, int] | None = None

    def accept(self, sensor: str, size: int, records: int = 1) -> None:
        """Count what is durable in the spool."""
        found = self._of(sensor)
        found.accepted += records
        found.bytes += size
        found.last = time.time_ns() // 1000
        self._loops.pop(sensor, None)

    def refuse(self, sensor: str, reason: str, count: int = 1) -> None:
        """Count what was refused; `sensor` is the name that a stranger gave, or where they come from."""
        sensor = sensor[:_LONGEST_NAME]
        refused = self._of(sensor).refused
        refused[reason] = refused.get(reason, 0) + count
        loop = self._loops.get(sensor)
        if loop is None or loop.reason != reason:
            loop = self._loops[sensor] = Loop(sensor, reason, time.time_ns() // 1000)
            if len(self._loops) > _MOST:
                self._loops.popitem(last=False)
        loop.count += count
        if loop.count >= _LOOPING and (not loop.named or time.monotonic() - loop.named > _AGAIN):
            loop.named = time.monotonic()
            _log.warning("sensor_refused_again_and_again", sensor=sensor, reason=reason, count=loop.count)

    def status(self, used: int, limit: int) -> Status:
        """Return all of it."""
        loops = tuple(loop for loop in self._loops.values() if loop.count >= _LOOPING)
        return Status(os.getpid(), self._started, used, limit, tuple(self._sensors.values()), loops)

    def write(self, directory: Path, used: int, limit: int) -> None:
        """Write the status for others to read, where something has changed."""
        now = (self._changes, used)
        if now == self._written:
            return
        scratch = directory / f"{STATUS}.new"
        scratch.write_bytes(msgspec.json.encode(self.status(used, limit)))
        scratch.replace(directory / STATUS)
        self._written = now

    def _of(self, sensor: str) -> SensorTraffic:
        self._changes += 1
        found = self._sensors.get(sensor)
        if found is None:
            found = self._sensors[sensor] = SensorTraffic(sensor)
            if len(self._sensors) > _MOST:
                self._sensors.popitem(last=False)
        self._sensors.move_to_end(sensor)
        return found


def read_status(directory: Path) -> Status | None:
    """Return what the receiver that writes into a spool has told last; None for nothing yet."""
    try:
        return msgspec.json.decode((directory / STATUS).read_bytes(), type=Status)
    except (OSError, msgspec.DecodeError):
        return None

"""Examining a source: finding its configuration, looking at its log, and making all diagnoses."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from typing import cast

import msgspec

from wafscope.doctor import log
from wafscope.doctor.case import Arrived, Case
from wafscope.doctor.checks import arriving, engine, parts, reading, target
from wafscope.doctor.diagnosis import ORDER, Diagnosis, Severity
from wafscope.doctor.log import Seen
from wafscope.doctor.person import Person, me
from wafscope.i18n.text import text
from wafscope.rules.site import find
from wafscope.rules.site.base import Engine, Setup, Site
from wafscope.settings import Source

_CHECKS = (engine.check, target.check, reading.check, arriving.check, parts.check)


class Examined(msgspec.Struct, frozen=True):
    """What was found of one source."""

    source: Source
    diagnoses: tuple[Diagnosis, ...] = ()
    """The worst first."""
    files: tuple[str, ...] = ()
    """The configuration that was looked at; empty where none was found, and the log alone told."""
    records: int = 0
    """Records of the log that were looked at."""
    last: int | None = None
    """Time of the newest of them, microseconds since the epoch."""
    is_left_out: bool = False
    """It was not looked at: one of the usual logs, which nobody misses where another is there."""

    @property
    def severity(self) -> Severity | None:
        """That of the worst; None for a healthy one."""
        return self.diagnoses[0].severity if self.diagnoses else None


class Checkup(msgspec.Struct, frozen=True):
    """What was found of all sources."""

    examined: tuple[Examined, ...]
    at: int
    """When, in microseconds since the epoch."""


def key(source: Source) -> str:
    """The name of a source, as its counters and its status have it."""
    if source.kind == "stdin":
        return "-"
    if source.kind in {"receiver", "syslog"}:
        return f"{source.kind}:{source.sensor}"
    if not source.path:
        return source.config
    return os.path.abspath(source.path)  # noqa: PTH100 - a pattern is no path


def apart(sources: Sequence[Source]) -> list[Source]:
    """Take a receiver for as many sources as have a token or a name there: each has its own counters and status."""
    found: list[Source] = []
    for source in sources:
        own = [*source.tokens.values(), *(user.sensor for user in source.users.values())]
        names = dict.fromkeys(own if source.kind == "receiver" and own else [source.sensor])
        found += [msgspec.structs.replace(source, sensor=name) for name in names]
    return found


def examine(
    source: Source,
    sites: Sequence[Site] | None = None,
    *,
    reader: Person | None = None,
    pieces: Mapping[str, int] | None = None,
    is_heard: bool = False,
    arrived: Arrived | None = None,
) -> Examined:
    """Examine one source.

    `sites` are those of this machine, looked for unless given; a source that names its configuration has that.
    `pieces` tells what of it is in quarantine, by reason; `is_heard` whether records of it are known to have come,
    `arrived` what the receiver did not take.
    """
    named = find.read(source.config) if source.config else None
    around = (named,) if named else find.look() if sites is None else sites
    seen = _look(source)
    everywhere = [setup for site in around for setup in site.setups]
    own = [setup for setup in everywhere if target.writes(setup, source)]
    is_silent = source.kind in {"serial", "concurrent"} and not (seen.records or seen.refused or is_heard)
    # A configuration that is only found is of this source if it writes its log, or if nobody else can be meant.
    setups = own or (everywhere if named or is_silent else [])
    setups = [msgspec.structs.replace(setup, engine=setup.engine or _engine(setup, seen)) for setup in setups]
    case = Case(
        source=source,
        setups=tuple(setups),
        engine=next((setup.engine for setup in setups if setup.engine), "") or _engine(None, seen),
        seen=seen,
        reader=reader or me(),
        is_named=named is not None,
        pieces=pieces or {},
        is_heard=is_heard,
        arrived=arrived,
    )
    found = [each for check in _CHECKS for each in check(case)] + list(_unread(named, case))
    if any(each.severity == "error" for each in found):
        # Why it is so has been said.
        found = [each for each in found if each.code not in {"log_missing", "log_empty"}] or found
    ordered = sorted((each for n, each in enumerate(found) if each not in found[:n]), key=_rank)
    files = tuple(dict.fromkeys(setup.file for setup in setups))
    return Examined(source, tuple(ordered), files, seen.records, seen.last)


def _rank(diagnosis: Diagnosis) -> int:
    return ORDER.index(diagnosis.severity)


def _look(source: Source) -> Seen:
    if source.kind == "serial" and source.path:
        return log.look_at_file(os.path.abspath(source.path), time.time())  # noqa: PTH100 - a pattern is no path
    if source.kind == "concurrent" and source.path:
        return log.look_at_folder(os.path.abspath(source.path))  # noqa: PTH100 - the same
    return Seen()


def _engine(setup: Setup | None, seen: Seen) -> Engine:
    """Tell the engine by its own words, or by what it has written."""
    if setup is not None:
        own = setup.value("SecAuditLogType").lower(), setup.value("SecAuditLogFormat").lower()
        if own[0] == "syslog" or own[1] in {"ocsf", "jsonlegacy"}:
            return "coraza"
    families = {name.removeprefix("err.").partition(".")[0] for name in seen.formats}
    known = families & {"v2", "v3", "coraza"}
    return cast("Engine", known.pop()) if len(known) == 1 else ""


def _unread(named: Site | None, case: Case) -> list[Diagnosis]:
    """Say what of the configuration was not read: always where it was named, else where it could matter."""
    lost = [*(named.unread if named else ()), *(each for setup in case.setups for each in setup.unread)]
    return [
        Diagnosis(
            "config_not_readable",
            each.place,
            text("{name}: {reason}", name=each.name, reason=each.detail or each.reason),
        )
        for each in lost
        if not each.optional
    ]

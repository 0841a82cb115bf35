"""The sources of the settings, as what is followed."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from pathlib import Path

from wafscope.errors import SettingsError
from wafscope.i18n.text import text
from wafscope.ingest.follow import Origin
from wafscope.reader.walk import settled
from wafscope.reader.whole import is_whole
from wafscope.settings import Settings, Source
from wafscope.source.concurrent import ConcurrentFeed, Custom
from wafscope.source.listener import Limits, Listener, ReceiverSettings
from wafscope.source.reading import Manner
from wafscope.source.spool_feed import SpoolFeed
from wafscope.source.stdin import StandardInputFeed
from wafscope.source.tail import TailFeed


def make_origin(source: Source, settings: Settings) -> Origin:
    """Tell how the feed of a source is made; raises SettingsError for one that can not be."""
    sensor = source.sensor or socket.gethostname()
    largest, zone = settings.ingest.largest_record, source.timezone
    manner = Manner(settled, largest)
    if source.kind == "stdin":
        feed = StandardInputFeed(manner, sensor=sensor, zone=zone)
        return Origin("stdin", "-", sensor, lambda _: feed.again())
    if not source.path:
        raise SettingsError(
            text("A source of kind “{kind}” needs a path.", kind=source.kind),
            where="source.path",
            hint=text('Such as path = "/var/log/modsec_audit.log".'),
        )
    path = os.path.abspath(source.path)  # noqa: PTH100 - a pattern is no path
    if source.kind == "serial":
        return Origin(
            "serial",
            path,
            sensor,
            lambda positions: TailFeed(path, positions, manner, sensor=sensor, zone=zone),
            made_of=(source, manner.largest),
        )
    archive = Path(source.archive).absolute() if source.archive else None
    custom = Custom(is_whole, largest, source.after, archive)
    return Origin(
        "concurrent",
        path,
        sensor,
        lambda positions: ConcurrentFeed(path, positions, custom, sensor=sensor, zone=zone),
        made_of=(source, custom.largest),
    )


ARRIVING = ("receiver", "syslog")
"""Kinds of sources whose records arrive at an address: one process takes them all, into one spool."""
SPOOL = "spool"
BESIDE = ".spool"


def receiver_settings(settings: Settings) -> ReceiverSettings | None:
    """What the process of the receiver is told; None where nothing arrives.  Raises SettingsError."""
    sources = [source for source in settings.source if source.kind in ARRIVING]
    if not sources:
        return None
    spools = {source.spool for source in sources if source.spool}
    if len(spools) > 1:
        raise SettingsError(
            text("All that arrives goes to one spool."),
            where="source.spool",
            hint=text("Name the same directory everywhere: {names}", names=", ".join(sorted(spools))),
        )
    store = settings.store.uri.removeprefix("duckdb:///")
    if not spools and store == settings.store.uri:
        raise SettingsError(
            text("A receiver beside such a store needs a directory of its own."),
            where="source.spool",
            hint=text('Such as spool = "/var/lib/wafscope/spool".'),
        )
    listeners = tuple(
        Listener(
            kind="syslog" if source.kind == "syslog" else "receiver",
            listen=source.listen,
            sensor=source.sensor,
            protocol=source.protocol,
            tls_certificate=source.tls_certificate,
            tls_key=source.tls_key,
            tokens=source.tokens,
            users=source.users,
        )
        for source in sources
    )
    return ReceiverSettings(
        spool=str(Path(next(iter(spools), store + BESIDE)).absolute()),
        listeners=listeners,
        spool_limit=min(source.spool_limit for source in sources),
        limits=Limits(largest=settings.ingest.largest_record),
        log_level=settings.log.level,
        log_format=settings.log.format,
    )


def spool_origin(arriving: ReceiverSettings, settings: Settings) -> Origin:
    """Tell how the feed of the spool is made."""
    spool = Path(arriving.spool)
    zones = {
        sensor: source.timezone
        for source, listener in zip(
            [each for each in settings.source if each.kind in ARRIVING], arriving.listeners, strict=True
        )
        for _, sensor in listener.sensors
    }
    return Origin(
        SPOOL, arriving.spool, "", lambda positions: SpoolFeed(spool, positions, zones), made_of=tuple(zones.items())
    )


def check_twice(origins: Sequence[Origin]) -> None:
    """What is followed twice would be read twice, with one position for both."""
    names = [(origin.kind, origin.name) for origin in origins]
    for kind, name in names:
        if names.count((kind, name)) > 1:
            raise SettingsError(
                text("The same source is named twice."), where=name, hint=text("Each source has one sensor.")
            )

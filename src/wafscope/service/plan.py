"""What the settings come to: the sources as they are followed and received, checked before anything is begun."""

from __future__ import annotations

import msgspec

from wafscope.errors import SettingsError
from wafscope.i18n.text import text
from wafscope.ingest.follow import Origin
from wafscope.service.sources import ARRIVING, check_twice, make_origin, receiver_settings, spool_origin
from wafscope.settings import Settings
from wafscope.source.listener import ReceiverSettings, check, same_address

FIXED = ("store.uri", "store.memory_limit", "web.listen", "ingest.workers")
"""Settings that can not change while the service runs."""


class Plan(msgspec.Struct, frozen=True):
    """What a service does."""

    settings: Settings
    origins: tuple[Origin, ...]
    arriving: ReceiverSettings | None


def make_plan(settings: Settings) -> Plan:
    """Derive it from the settings; raises SettingsError for what can not be."""
    arriving = receiver_settings(settings)
    for listener in arriving.listeners if arriving else ():
        check(listener)
        if listener.listen == settings.web.listen and listener.protocol == "tcp" and not listener.listen.endswith(":0"):
            raise same_address("web", listener.kind, listener.listen)
    origins = [make_origin(source, settings) for source in settings.source if source.kind not in ARRIVING]
    origins += [spool_origin(arriving, settings)] if arriving else []
    if not origins:
        raise SettingsError(
            text("There is nothing to follow."),
            hint=text("Name a log: wafscope serve /var/log/modsec_audit.log, or [[source]] in the settings."),
        )
    check_twice(origins)
    return Plan(settings, tuple(origins), arriving)


def hold(new: Settings, old: Settings) -> tuple[Settings, tuple[str, ...]]:
    """Return new settings with the old values where they can not change, and the names of those that wanted to."""
    wanted = []
    for name in FIXED:
        section, key = name.split(".")
        before, after = getattr(old, section), getattr(new, section)
        if getattr(before, key) != getattr(after, key):
            wanted.append(name)
            kept = msgspec.structs.replace(after, **{key: getattr(before, key)})
            new = msgspec.structs.replace(new, **{section: kept})
    return new, tuple(wanted)


def go_on(new: Plan, old: Plan) -> tuple[Plan, tuple[str, ...]]:
    """Return a new plan that can follow an old one, and what of it has to wait for a restart.

    The spool stays where it is, and is emptied even when nothing arrives any more.
    """
    origins, arriving, wanted = list(new.origins), new.arriving, []
    spool = next((origin for origin in old.origins if origin.kind == _SPOOL), None)
    if spool is not None:
        if arriving is not None and arriving.spool != spool.name:
            arriving = msgspec.structs.replace(arriving, spool=spool.name)
            wanted.append("source.spool")
        moved = spool_origin(arriving, new.settings) if arriving is not None else spool
        origins = [*(origin for origin in origins if origin.kind != _SPOOL), moved]
    standard = next((origin for origin in old.origins if origin.kind == _STDIN), None)
    if standard is not None or any(origin.kind == _STDIN for origin in origins):
        # What was read of it and is not whole yet can not be read again.
        others = [origin for origin in origins if origin.kind != _STDIN]
        if len(origins) - len(others) != (standard is not None):
            wanted.append("source.kind = stdin")
        origins = [*others, *([standard] if standard is not None else [])]
    return Plan(new.settings, tuple(origins), arriving), tuple(wanted)


_SPOOL, _STDIN = "spool", "stdin"

"""Settings: defaults, then a TOML file, then the environment.

    [store]
    uri = "duckdb:////var/lib/wafscope/wafscope.duckdb"
    [web]
    listen = "127.0.0.1:8642"
    [[source]]
    kind = "serial"
    path = "/var/log/nginx/modsec_audit*.log"

`WAFSCOPE_WEB_LISTEN=0.0.0.0:8642` sets the same as `listen` under `[web]`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal
from zoneinfo import available_timezones

import msgspec

from wafscope.errors import SettingsError
from wafscope.i18n.text import Text, text

_PREFIX = "WAFSCOPE_"
_LISTS = ("names", "keep")


class Store(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where events rest."""

    uri: str = "duckdb:///wafscope.duckdb"
    """duckdb:///relative, duckdb:////absolute, or memory:."""
    memory_limit: str = "256MB"
    """Memory that DuckDB may take."""


class Web(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The console."""

    listen: str = "127.0.0.1:8642"
    """Address and port; the console has no login yet, so keep it on a loopback address."""
    names: tuple[str, ...] = ()
    """Host names under which it may be called, beside localhost; protects against DNS rebinding."""
    timezone: str = "UTC"
    """IANA zone in which times are shown."""
    time_limit: float = 5.0
    """Seconds that one question to the store may take."""


class Ingest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Reading logs."""

    workers: int | None = None
    """Worker processes; one a core unless set, 0 to read in the main process."""
    largest_record: int = 64 << 20
    """Bytes; a larger record is counted and named in quarantine, and never held in memory."""


class Redaction(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is masked before an event is stored."""

    enabled: bool = True
    """Nothing is masked where it is off: passwords and cookies then stand in the store and on pages."""
    names: tuple[str, ...] = ()
    """A site's own names of arguments, headers and cookies whose values are secrets."""
    keep: tuple[str, ...] = ()
    """Names whose values are not masked."""
    cards: bool = True
    """Numbers of payment cards, told by their check digit, wherever they stand."""
    national: bool = True
    """National numbers, told by their form, wherever they stand."""


class Log(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Wafscope's own log, on standard error."""

    level: str = "warning"
    """debug, info, warning or error."""
    format: str = "text"
    """text or json."""


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A source that `wafscope serve` follows."""

    kind: Literal["serial", "concurrent", "receiver", "stdin", "syslog"] = "serial"
    path: str = ""
    """A file, a pattern such as /var/log/nginx/modsec_audit*.log, or a storage directory."""
    sensor: str = ""
    """Name of the installation that writes; the host name unless given."""
    timezone: str = ""
    """IANA zone of times that do not prove their own."""
    after: Literal["keep", "delete", "archive"] = "keep"
    """What becomes of the files of a concurrent log when their events are stored."""
    archive: str = ""
    """Directory of the daily archives; beside the storage directory unless given."""
    listen: str = ""
    """Address and port of a receiver."""
    protocol: Literal["tcp", "udp"] = "tcp"
    """Of syslog."""
    tls_certificate: str = ""
    tls_key: str = ""
    tokens: dict[str, str] = {}
    """The sensor of each token."""
    users: dict[str, User] = {}
    """Who may send, with name and password."""
    spool: str = ""
    """Directory that keeps what was acknowledged; beside the store unless given."""
    spool_limit: int = 1 << 30
    """Bytes."""


class User(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One who may send to a receiver."""

    password: str
    sensor: str


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that can be set."""

    store: Store = Store()
    web: Web = Web()
    ingest: Ingest = Ingest()
    redaction: Redaction = Redaction()
    log: Log = Log()
    source: tuple[Source, ...] = ()


_SECTIONS = tuple(name for name in Settings.__struct_fields__ if name != "source")
"""Tables that stand once; each key of them can be set in the environment, too."""


def load(path: Path | None, environ: Mapping[str, str]) -> Settings:
    """Return the settings of a file and the environment; raises SettingsError."""
    if path is None:
        return parse("", "", environ)
    try:
        written = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(error, str(path)) from error
    return parse(written, str(path), environ)


def parse(written: str, where: str, environ: Mapping[str, str]) -> Settings:
    """Return the settings of a text in TOML and the environment; raises SettingsError, which names `where`."""
    try:
        values: dict[str, Any] = tomllib.loads(written)
    except tomllib.TOMLDecodeError as error:
        raise _unreadable(error, where) from error
    _check_names(values, where)
    for section in _SECTIONS:
        for key in type(getattr(Settings(), section)).__struct_fields__:
            value = environ.get(f"{_PREFIX}{section}_{key}".upper())
            if value is not None:
                values.setdefault(section, {})[key] = value.split(",") if key in _LISTS else value
    try:
        settings = msgspec.convert(values, Settings, strict=False)
    except msgspec.ValidationError as error:
        raise SettingsError(text("A setting has a wrong value: {reason}", reason=str(error)), where=where) from error
    check_zone(settings.web.timezone, "web.timezone")
    for source in settings.source:
        if source.timezone:
            check_zone(source.timezone, "source.timezone")
    return settings


def _unreadable(error: Exception, where: str) -> SettingsError:
    return SettingsError(text("The settings can not be read: {reason}", reason=str(error)), where=where)


def check_zone(zone: str, where: str) -> str:
    """Return the name of a zone; raises SettingsError when there is no such IANA zone."""
    if zone not in available_timezones():
        near = get_close_matches(zone, available_timezones(), n=3, cutoff=0.5)
        raise SettingsError(
            text("“{zone}” is no time zone.", zone=zone),
            where=where,
            hint=_meant(near) or text("Use a name such as Europe/Berlin."),
        )
    return zone


def _check_names(values: dict[str, Any], where: str) -> None:
    """Name what is unknown, with what it may have been meant to be."""
    known = {section: type(getattr(Settings(), section)).__struct_fields__ for section in _SECTIONS}
    known["source"] = Source.__struct_fields__
    for section, inner in values.items():
        tables = inner if isinstance(inner, list) else [inner]
        names = [name for table in tables if isinstance(table, dict) for name in table]
        wrong = [section] if section not in known else [f"{section}.{n}" for n in names if n not in known[section]]
        for name in wrong:
            near = get_close_matches(name, [*known, *(f"{s}.{k}" for s, keys in known.items() for k in keys)], n=3)
            raise SettingsError(text("There is no setting “{name}”.", name=name), where=where, hint=_meant(near))


def _meant(near: list[str]) -> Text | None:
    return text("Did you mean {names}?", names=", ".join(near)) if near else None

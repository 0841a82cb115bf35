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

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin
from zoneinfo import available_timezones

import msgspec

from wafscope.errors import SettingsError
from wafscope.i18n.text import Text, text

_PREFIX = "WAFSCOPE_"
_SOURCE, _ZONE = "source", "timezone"
_LONGEST = 60
_HEADER = re.compile(r"\s*(\[\[?)\s*([\w.\- ]+?)\s*\]")
_KEY = re.compile(r"\s*[\w\-]+(?:\s*\.\s*[\w\-]+)*(?=\s*=)")

INSTALLED = Path("/etc/wafscope/wafscope.toml")
"""The settings of the service of this machine, where it was installed as one."""

Days = Annotated[int, msgspec.Meta(ge=0, le=36_500)]
"""Up to a hundred years, each date of which can still be told."""
Events = Annotated[int, msgspec.Meta(ge=0, le=10**9)]
MOST_BYTES = 1 << 31
"""Half of what a value in the store can hold."""
Bytes = Annotated[int, msgspec.Meta(ge=1 << 10, le=MOST_BYTES)]
"""What one record may take, from the smallest that engines write on."""


class Store(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where events rest."""

    uri: str = "duckdb:///wafscope.duckdb"
    """duckdb:///relative, duckdb:////absolute, or memory:."""
    memory_limit: str = "256MB"
    """Memory that DuckDB may take, 64MB or more."""


class Web(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The console."""

    listen: str = "127.0.0.1:8642"
    """Address and port; the console has no login yet, so keep it on a loopback address."""
    names: tuple[str, ...] = ()
    """Host names under which it may be called, beside localhost; protects against DNS rebinding."""
    timezone: str = "UTC"
    """IANA zone in which times are shown."""
    time_limit: Annotated[float, msgspec.Meta(ge=0.1, le=600)] = 5.0
    """Seconds that one question to the store may take."""


class Ingest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Reading logs."""

    workers: Annotated[int, msgspec.Meta(ge=0, le=256)] | None = None
    """Worker processes; one a core unless set, 0 to read in the main process."""
    largest_record: Bytes = 64 << 20
    """Bytes; a larger record is counted and named in quarantine, and never held in memory."""
    sample_above: Events = 0
    """Events of one client in an hour, from which on most are kept without their records; 0 keeps all records."""
    sample_one_in: Annotated[int, msgspec.Meta(ge=1, le=10**9)] = 100
    """Of the events beyond `sample_above`, one in so many is kept with its record."""


class Retention(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is kept how long; the service removes the rest, the oldest day first."""

    days: Days = 0
    """Days before today for which events are kept; 0 for no limit of age."""
    size: str = "20GB"
    """What the store may use, 10MB or more, and never more than half of its disk; "" for no limit of size."""
    reviewed: Literal["keep", "remove"] = "keep"
    """What becomes of events that are marked as reviewed when their time is over."""
    rollup_days: Days = 730
    """Days for which hourly counts of removed events are kept; 0 for no limit."""
    compact: str = "03:00-05:00"
    """When the file is rewritten after something was removed, in the zone of the console; "" for never."""


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


class Quarantine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What could not be read."""

    days: Days = 30
    """Days for which it is kept whole, with all secrets in it; 0 for no limit."""


class Log(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Wafscope's own log, on standard error."""

    level: Literal["debug", "info", "warning", "error"] = "warning"
    """What is less important is not told."""
    format: Literal["text", "json"] = "text"
    """For people, or for machines."""


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A source that `wafscope serve` follows."""

    kind: Literal["serial", "concurrent", "receiver", "stdin", "syslog"] = "serial"
    """A log in one file, one with a file for each record, or an address at which records arrive."""
    path: str = ""
    """A file, a pattern such as /var/log/nginx/modsec_audit*.log, or a storage directory."""
    sensor: str = ""
    """Name of the installation that writes; the host name unless given."""
    timezone: str = ""
    """IANA zone of times that do not prove their own."""
    config: str = ""
    """The configuration of what writes the log, such as /etc/nginx/nginx.conf; looked for unless given."""
    after: Literal["keep", "delete", "archive"] = "keep"
    """What becomes of the files of a concurrent log when their events are stored."""
    archive: str = ""
    """Directory of the daily archives; beside the storage directory unless given."""
    listen: str = ""
    """Address and port of a receiver."""
    protocol: Literal["tcp", "udp"] = "tcp"
    """Of syslog."""
    tls_certificate: str = ""
    """File with the certificate of a receiver and those above it, PEM; without, nothing is encrypted."""
    tls_key: str = ""
    """File with its key, PEM."""
    tokens: dict[str, str] = {}
    """The sensor of each token that may send to a receiver."""
    users: dict[str, User] = {}
    """Who may send to a receiver with name and password, as mlogc does."""
    spool: str = ""
    """Directory that keeps what was acknowledged; beside the store unless given."""
    spool_limit: Annotated[int, msgspec.Meta(ge=1 << 20, le=1 << 50)] = 1 << 30
    """Bytes."""


class User(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One who may send to a receiver, with a name and a password as mlogc does."""

    password: str
    """What is sent with the name."""
    sensor: str
    """Name of the installation that sends."""


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that can be set."""

    store: Store = Store()
    web: Web = Web()
    ingest: Ingest = Ingest()
    redaction: Redaction = Redaction()
    retention: Retention = Retention()
    quarantine: Quarantine = Quarantine()
    log: Log = Log()
    source: tuple[Source, ...] = ()


SECTIONS = tuple(name for name in Settings.__struct_fields__ if name != "source")
"""Tables that stand once; each key of them can be set in the environment, too."""


def load(path: Path | None, environ: Mapping[str, str]) -> Settings:
    """Return the settings of a file and the environment; raises SettingsError."""
    return parse(read(path), str(path), environ) if path is not None else parse("", "", environ)


def read(path: Path) -> str:
    """Return what a file of settings holds; raises SettingsError."""
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(error, str(path)) from error


def parse(written: str, where: str, environ: Mapping[str, str]) -> Settings:
    """Return the settings of a text in TOML and the environment; raises SettingsError, which names `where`."""
    values = values_of(written, where, environ)
    for error in problems(values, written, where, environ):
        raise error
    return msgspec.convert(values, Settings, strict=False)


def values_of(written: str, where: str, environ: Mapping[str, str]) -> dict[str, Any]:
    """Return the values of a text in TOML, with those of the environment on top; raises SettingsError."""
    try:
        values: dict[str, Any] = tomllib.loads(written)
    except tomllib.TOMLDecodeError as error:
        raise _unreadable(error, where) from error
    for section in SECTIONS:
        for field in msgspec.structs.fields(type(getattr(Settings(), section))):
            value = environ.get(variable(section, field.name))
            if value is not None:
                table = values.setdefault(section, {})
                if isinstance(table, dict):
                    table[field.name] = value.split(",") if _is_list(field.type) else value
    return values


def variable(section: str, key: str) -> str:
    """Return the name of the environment variable that sets the same as a key."""
    return f"{_PREFIX}{section}_{key}".upper()


def _is_list(kind: Any) -> bool:
    return get_origin(kind) is tuple


def problems(values: dict[str, Any], written: str, where: str, environ: Mapping[str, str]) -> Iterator[SettingsError]:
    """Tell what is wrong with the values of a text: unknown names, wrong types, numbers out of range, unknown zones."""
    for section, inner in values.items():
        if section not in Settings.__struct_fields__:
            yield _unknown(section, _at(written, where, section))
            continue
        is_list = section == _SOURCE
        for number, table in enumerate(inner if is_list and isinstance(inner, list) else [inner], 1):
            name = f"{section} {number}" if is_list else section
            if not isinstance(table, dict) or (is_list and not isinstance(inner, list)):
                brackets = f"[[{section}]]" if is_list else f"[{section}]"
                place = _at(written, where, section)
                yield SettingsError(
                    text("{written} is a table, and its keys stand below it.", written=brackets),
                    where=f"{place}: {name}" if place else name,
                    hint=text("Write it with two brackets, since there may be several.") if is_list else None,
                )
                continue
            kind = Source if is_list else type(getattr(Settings(), section))
            for key, value in table.items():
                place, named = _at(written, where, section, number, key), variable(section, key)
                at = f"{place}: {name}.{key}" if place else f"{name}.{key}"
                at = f"{section}.{key}, {named}" if named in environ else at
                sample = f"{named}=" if named in environ else f"{key} = "
                yield from _wrong(section, kind, key, value, place if key not in _keys(kind) else at, sample)


def _at(written: str, where: str, section: str, number: int = 1, key: str = "") -> str:
    """The file and, where it can be told, the line of a key of a table, or of the table itself."""
    seen, table = 0, ""
    for count, line in enumerate(written.splitlines(), 1):
        if header := _HEADER.match(line):
            table = header[2]
            seen += table == section
            found = not key and table.partition(".")[0] == section
            found = found or (bool(key) and f"{table}.".startswith(f"{section}.{key}.") and max(seen, 1) == number)
        else:
            named = _KEY.match(line)
            name = "".join(named[0].split()) if named else ""
            full = f"{table}.{name}" if table else name
            wanted = f"{section}.{key}" if key else section
            found = f"{full}.".startswith(f"{wanted}.") and max(seen, 1) == number
        if found:
            return f"{where}:{count}" if where else ""
    return where


def _wrong(
    section: str, kind: type[msgspec.Struct], key: str, value: Any, where: str, sample: str
) -> Iterator[SettingsError]:
    if key not in _keys(kind):
        yield _unknown(f"{section}.{key}", where)
        return
    wanted = _keys(kind)[key]
    try:
        msgspec.convert(value, wanted, strict=False)
    except msgspec.ValidationError:
        if _is_number(wanted, value):
            yield SettingsError(text("“{value}” is out of range.", value=str(value)), where=where, hint=_range(wanted))
        else:
            default = next(field.default for field in msgspec.structs.fields(kind) if field.name == key)
            hint = text("For example: {example}", example=sample + _example(wanted, default, sample))
            inside, what = _unfit(wanted, value)
            yield SettingsError(what, where=where + inside, hint=hint)
        return
    check = check_zone if key == _ZONE and value else _CHECKS.get((section, key))
    if check is not None:
        try:
            check(value, where)
        except SettingsError as error:
            yield error


def _unfit(kind: Any, value: Any, inside: str = "") -> tuple[str, Text]:
    """Say where in a setting something does not fit, an item of a list or a key of a table, and what it can not be."""
    bare, inner = _bare(kind), get_args(kind)
    if get_origin(kind) is tuple and isinstance(value, list):
        number, item = next((n, each) for n, each in enumerate(value, 1) if not _fits(inner[0], each))
        return _unfit(inner[0], item, f"{inside} #{number}")
    if get_origin(kind) is dict and isinstance(value, dict):
        key, item = next((key, each) for key, each in value.items() if not _fits(inner[1], each))
        return _unfit(inner[1], item, f"{inside}.{key}")
    if isinstance(bare, type) and issubclass(bare, msgspec.Struct) and isinstance(value, dict):
        for key, item in value.items():
            if key not in _keys(bare):
                return inside, text("There is no setting “{name}”.", name=key)
            if not _fits(_keys(bare)[key], item):
                return _unfit(_keys(bare)[key], item, f"{inside}.{key}")
        missing = next(key for key in _keys(bare) if key not in value)
        return inside, text("{setting} is missing.", setting=missing)
    # What stands in a table of names is a secret, or near one.
    found = _of_type(value) if inside.startswith(".") else _shown(value)
    return inside, text("It can not be {found}: it is {wanted}.", found=found, wanted=_wanted(kind))


def _fits(kind: Any, value: Any) -> bool:
    try:
        msgspec.convert(value, kind, strict=False)
    except msgspec.ValidationError:
        return False
    return True


def _shown(value: Any) -> Text:
    """A value as it was found."""
    if isinstance(value, bool):
        return Text("{value}", values={"value": str(value).lower()})
    if isinstance(value, int | float):
        return Text("{value}", values={"value": str(value)})
    return text("“{value}”", value=value[:_LONGEST]) if isinstance(value, str) else _of_type(value)


def _of_type(value: Any) -> Text:
    """What kind of value was found."""
    kinds: tuple[tuple[type | UnionType, Text], ...] = (
        (str, text("a text")), (bool, text("true or false")), (int | float, text("a number")),
        (list, text("a list")), (dict, text("a table")),
    )  # fmt: skip
    return next((name for kind, name in kinds if isinstance(value, kind)), text("a date or a time"))


def _wanted(kind: Any) -> Text:
    """What a setting is."""
    origin, bare = get_origin(kind), _bare(kind)
    if origin is Literal:
        return text("one of {names}", names=", ".join(get_args(kind)))
    if limits := bounds(kind):
        low, high = map(str, limits)
        if bare is int:
            return text("a whole number from {low} to {high}", low=low, high=high)
        return text("a number from {low} to {high}", low=low, high=high)
    if origin is dict:
        return text("a table with a value for each name")
    if isinstance(bare, type) and issubclass(bare, msgspec.Struct):
        return text("a table with {keys}", keys=", ".join(_keys(bare)))
    return text("a list of texts") if origin is tuple else _of_type(bare())


def _example(kind: Any, default: Any, sample: str) -> str:
    """A value as it may be written in the file or, where `sample` is that of a variable, in the environment."""
    origin, limits = get_origin(kind), bounds(kind)
    if origin is tuple:
        return "name1,name2" if sample.endswith("=") else '["name1", "name2"]'
    if origin is dict:
        table = get_args(kind)[1] is not str
        return '{ mlogc = { password = "…", sensor = "web1" } }' if table else '{ "token" = "web1" }'
    if limits is not None:
        return str(default or max(limits[0], 1))
    value = get_args(kind)[0] if origin is Literal else default
    if isinstance(value, bool):
        return str(value).lower()
    return value or "…" if sample.endswith("=") else f'"{value or "…"}"'


def _is_number(kind: Any, value: Any) -> bool:
    """Whether a value is of the type of a setting that is a number, in its range or not."""
    if bounds(kind) is None or isinstance(value, bool):
        return False
    try:
        msgspec.convert(value, _bare(kind), strict=False)
    except msgspec.ValidationError:
        return isinstance(value, int)  # too large for any
    return True


def bounds(kind: Any) -> tuple[float, float] | None:
    """Return the lowest and the highest value of a setting that is a number; None for any other."""
    for each in (kind, *get_args(kind)):
        if get_origin(each) is Annotated:
            meta = get_args(each)[1]
            return meta.ge, meta.le
    return None


def _bare(kind: Any) -> Any:
    """The type without its range, and without None."""
    while get_origin(kind) in {Annotated, Union, UnionType}:
        kind = get_args(kind)[0]
    return kind


def _range(kind: Any) -> Text | None:
    """What to write for a number."""
    if (limits := bounds(kind)) is None:
        return None
    low, high = map(str, limits)
    if _bare(kind) is int:
        return text("Write a whole number from {low} to {high}.", low=low, high=high)
    return text("Write a number from {low} to {high}.", low=low, high=high)


def _keys(kind: type[msgspec.Struct]) -> dict[str, Any]:
    return {field.name: field.type for field in msgspec.structs.fields(kind)}


def _unknown(name: str, where: str) -> SettingsError:
    known = {section: type(getattr(Settings(), section)).__struct_fields__ for section in SECTIONS}
    known[_SOURCE] = Source.__struct_fields__
    section = name.partition(".")[0]
    near = get_close_matches(name, [f"{section}.{key}" for key in known.get(section, ())], n=1)
    near = near or get_close_matches(name, [*known, *(f"{s}.{k}" for s, keys in known.items() for k in keys)], n=3)
    return SettingsError(text("There is no setting “{name}”.", name=name), where=where, hint=_meant(near))


def _unreadable(error: Exception, where: str) -> SettingsError:
    reason, hint = str(error), None
    if isinstance(error, OSError):
        reason, hint = error.strerror or reason, text("Is this path right, and may you read it?")
    elif isinstance(error, tomllib.TOMLDecodeError):
        hint = text('Write key = "value" below [section]; “wafscope config reference” prints all that can be set.')
    elif isinstance(error, UnicodeDecodeError):
        hint = text("Write it in UTF-8.")
    return SettingsError(text("The settings can not be read: {reason}", reason=reason), where=where, hint=hint)


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


_UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_UNITS |= {"KIB": 1 << 10, "MIB": 1 << 20, "GIB": 1 << 30, "TIB": 1 << 40}
_SMALLEST_STORE, _SMALLEST_MEMORY = 10 * 10**6, 64 * 10**6
_LARGEST_SIZE = 1000 * 10**12


def parse_size(written: str, where: str = "retention.size") -> int:
    """Return the bytes of a size such as 20GB or 512MiB, 0 for ""; raises SettingsError."""
    return _size(written, where, _SMALLEST_STORE, text("Write it as 20GB or 512MiB.")) if written.strip() else 0


def parse_memory(written: str, where: str = "store.memory_limit") -> int:
    """Return the bytes of a size such as 256MB, whose unit has to be written; raises SettingsError."""
    hint = text("Write it as 256MB or 1GiB.")
    if written.strip().isdigit():
        raise SettingsError(text("“{size}” is no size.", size=written), where=where, hint=hint)
    return _size(written, where, _SMALLEST_MEMORY, hint)


def _size(written: str, where: str, smallest: int, hint: Text) -> int:
    found = re.fullmatch(r"\s*([0-9]{1,18}(?:\.[0-9]{1,18})?)\s*([A-Za-z]*)\s*", written, re.ASCII)
    if found is None or found[2].upper() not in _UNITS:
        raise SettingsError(text("“{size}” is no size.", size=written), where=where, hint=hint)
    size = int(float(found[1]) * _UNITS[found[2].upper()])
    if not smallest <= size <= _LARGEST_SIZE:
        raise SettingsError(
            text("“{value}” is out of range.", value=written),
            where=where,
            hint=text("Write a size from {low} to {high}.", low=f"{smallest // 10**6}MB", high="1000TB"),
        )
    return size


def parse_hours(written: str, where: str = "retention.compact") -> tuple[int, int] | None:
    """Return the minutes of the day between which something is done, None for never; raises SettingsError.

    The second may be the smaller one: the night is then in between.
    """
    if not written.strip():
        return None
    found = re.fullmatch(r"\s*([0-9]{1,2}):([0-9]{2})\s*-\s*([0-9]{1,2}):([0-9]{2})\s*", written)
    hours = [int(each) for each in found.groups()] if found else [99] * 4
    start, end = hours[0] * 60 + hours[1], hours[2] * 60 + hours[3]
    if max(hours[0], hours[2]) > 23 or max(hours[1], hours[3]) > 59 or start == end:
        raise SettingsError(
            text("“{hours}” is no time of the day.", hours=written),
            where=where,
            hint=text("Write it as 03:00-05:00."),
        )
    return start, end


_CHECKS: dict[tuple[str, str], Callable[[str, str], object]] = {
    ("store", "memory_limit"): parse_memory,
    ("retention", "size"): parse_size,
    ("retention", "compact"): parse_hours,
}
"""What finds out whether a value makes sense, beside its type."""


def _meant(near: list[str]) -> Text | None:
    return text("Did you mean {names}?", names=", ".join(near)) if near else None

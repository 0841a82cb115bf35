"""Looking through settings before they are used: all that is wrong, and what will not work as it is meant."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from difflib import get_close_matches
from glob import glob, has_magic
from pathlib import Path
from typing import Literal

import msgspec

from wafscope.doctor.usual import HINT, absent
from wafscope.errors import SettingsError, WafscopeError
from wafscope.i18n.text import Text, text
from wafscope.service.plan import make_plan
from wafscope.service.sources import ARRIVING, make_origin
from wafscope.settings import SECTIONS, Settings, Source, problems, read, values_of, variable
from wafscope.source.base import ALLOW
from wafscope.source.listener import is_loopback, parse_address, same_address
from wafscope.source.tail import hidden
from wafscope.store.open import FILE, open_store


class Finding(msgspec.Struct, frozen=True):
    """What is wrong, or may be."""

    level: Literal["error", "warning"]
    what: Text
    where: str = ""
    hint: Text | None = None


def check_settings(path: Path | None, environ: Mapping[str, str]) -> tuple[Finding, ...]:
    """Tell all that is wrong with the settings of a file and the environment."""
    where = str(path or "")
    try:
        written = read(path) if path else ""
        values = values_of(written, where, environ)
    except SettingsError as error:
        return (_error(error),)
    wrong = tuple(_error(error) for error in problems(values, written, where, environ))
    if wrong:
        return wrong
    settings = msgspec.convert(values, Settings, strict=False)
    return (*_parts(settings), *_warnings(settings), *_unheeded(environ))


def _unheeded(environ: Mapping[str, str]) -> Iterator[Finding]:
    """Variables that look as if they set something."""
    keys = {section: type(getattr(Settings(), section)).__struct_fields__ for section in SECTIONS}
    known = {variable(section, key) for section, names in keys.items() for key in names}
    for name in sorted(environ):
        if name in known or not name.startswith(tuple(variable(section, "") for section in (*SECTIONS, "source"))):
            continue
        hint: Text | None = text("Sources stand in the file alone.")
        if not name.startswith(variable("source", "")):
            near = get_close_matches(name, known, n=1, cutoff=0.8)
            hint = text("Did you mean {names}?", names=", ".join(near)) if near else None
        yield Finding("warning", text("There is no setting of this name."), name, hint)


def _error(error: WafscopeError) -> Finding:
    return Finding("error", error.what, error.where, error.hint)


def _parts(settings: Settings) -> Iterator[Finding]:
    """What can not be, each value by itself being right: first by parts, so that all of it is told."""
    found = False
    addresses: dict[str, tuple[str, str]] = {"web": (settings.web.listen, "tcp")}
    for number, source in enumerate(settings.source, 1):
        name = f"source {number}"
        try:
            if source.kind in ARRIVING:
                addresses[name] = source.listen, source.protocol if source.kind == "syslog" else "tcp"
            else:
                make_origin(source, settings)
        except SettingsError as error:
            found = True
            yield _named(error, name)
    for name, (address, _) in addresses.items():
        try:
            parse_address(address)
        except SettingsError as error:
            found = True
            yield _named(error, f"{name}.listen")
    twice = tuple(_twice(addresses))
    yield from twice
    if found or twice:
        return
    try:
        make_plan(settings)
        if not settings.store.uri.startswith(FILE):
            open_store(settings.store.uri).close()
    except WafscopeError as error:
        yield _error(error)


def _named(error: SettingsError, name: str) -> Finding:
    return Finding("error", error.what, f"{name}: {error.where}" if error.where else name, error.hint)


def _twice(addresses: Mapping[str, tuple[str, str]]) -> Iterator[Finding]:
    seen: dict[tuple[str, str], str] = {}
    for name, (address, protocol) in addresses.items():
        if (address, protocol) in seen and not address.endswith(":0"):
            yield _error(same_address(seen[address, protocol], name, address))
        seen.setdefault((address, protocol), name)


def _warnings(settings: Settings) -> Iterator[Finding]:
    """What is there no more, or not yet, or may not be read by whoever checks."""
    yield from _open_to_all(settings.web.listen)
    gone = absent(settings.source)
    if gone and len(gone) == len(settings.source):
        where = ", ".join(each.path for each in gone)
        yield Finding("warning", text("None of the usual audit logs is there."), where, HINT)
    for number, source in enumerate(settings.source, 1):
        if source.path and source.kind in {"serial", "concurrent"} and source not in gone:
            yield from _log(source, f"source {number}: {source.path}")
        yield from _of_others(source, f"source {number}")
        if source.after == "archive" and source.archive:
            yield from _directory(Path(source.archive), f"source {number}.archive: {source.archive}")
        if source.spool:
            yield from _directory(Path(source.spool), f"source {number}.spool: {source.spool}")
    store = settings.store.uri.removeprefix(FILE)
    if store != settings.store.uri:
        try:
            yield from _store(Path(store))
        except PermissionError:
            yield Finding("warning", text("It may not be read and written."), f"store.uri: {store}")


_ONLY = {
    "path": ("serial", "concurrent", "stdin"),
    "after": ("concurrent",),
    "archive": ("concurrent",),
    "listen": ("receiver", "syslog"),
    "protocol": ("syslog",),
    "tls_certificate": ("receiver", "syslog"),
    "tls_key": ("receiver", "syslog"),
    "tokens": ("receiver",),
    "users": ("receiver",),
    "spool": ("receiver", "syslog"),
    "spool_limit": ("receiver", "syslog"),
}
"""The kinds of source that heed a key; all others are for every kind."""


def _of_others(source: Source, name: str) -> Iterator[Finding]:
    """What is set and does nothing, since it is for sources of another kind."""
    for key, kinds in _ONLY.items():
        if source.kind not in kinds and getattr(source, key) != getattr(Source(), key):
            what = text("It does nothing here: it is for sources of kind {kinds}.", kinds=", ".join(kinds))
            hint = text("Take it out, or set another kind: this one is {kind}.", kind=source.kind)
            yield Finding("warning", what, f"{name}.{key}", hint)


def _open_to_all(address: str) -> Iterator[Finding]:
    with suppress(SettingsError):  # which has been told
        if not is_loopback(parse_address(address)[0]):
            yield Finding(
                "warning",
                text("The console has no login: whoever reaches this address sees all of it."),
                f"web.listen: {address}",
                text(
                    "Keep it on 127.0.0.1, behind a web server that asks for a password: docs/guides/behind-a-waf.md."
                ),
            )


def _log(source: Source, where: str) -> Iterator[Finding]:
    named = glob(source.path) if has_magic(source.path) else [source.path]  # noqa: PTH207 - as the source has it
    try:
        paths = [path for path in map(Path, sorted(named)) if path.exists()]
    except PermissionError:
        yield _unreadable(where)
        return
    if not paths and any(hidden(source.path)):
        yield _unreadable(where)
    elif not paths:
        hint = text("It is waited for. Is the path right, and may you look into its directories?")
        yield Finding("warning", text("It is not there."), where, hint)
    for path in paths:
        yield from _there(source, path, where if str(path) == source.path else f"{where}: {path}")


def _there(source: Source, path: Path, where: str) -> Iterator[Finding]:
    is_directory = path.is_dir()
    if source.kind == "concurrent" and not is_directory:
        yield Finding("warning", text("It is no directory."), where, text("Leave kind out for a log in one file."))
    elif source.kind == "serial" and is_directory:
        hint = text('Set kind = "concurrent" for a log with a file for each record.')
        yield Finding("warning", text("It is a directory."), where, hint)
    elif not os.access(path, os.R_OK | (os.X_OK if is_directory else 0)):
        yield _unreadable(where)
    elif source.kind == "concurrent" and source.after != "keep" and not os.access(path, os.W_OK):
        hint = text('Set after = "keep", or let its owner allow it.')
        yield Finding("warning", text("Files can not be removed from it."), where, hint)


def _unreadable(where: str) -> Finding:
    return Finding(
        "warning",
        text("It may not be read."),
        where,
        ALLOW,
    )


def _directory(path: Path, where: str) -> Iterator[Finding]:
    try:
        there = next((each for each in (path, *path.absolute().parents) if each.exists()), Path("/"))
    except PermissionError:
        yield Finding("warning", text("Nothing may be written there."), where)
        return
    if not there.is_dir():
        yield Finding("warning", text("It is no directory."), where)
    elif not os.access(there, os.W_OK | os.X_OK):
        yield Finding("warning", text("Nothing may be written there."), where)


def _store(path: Path) -> Iterator[Finding]:
    if path.is_dir():
        yield Finding("error", text("It is a directory, and must be a file."), f"store.uri: {path}")
    elif path.exists():
        if not os.access(path, os.R_OK | os.W_OK):
            yield Finding("warning", text("It may not be read and written."), f"store.uri: {path}")
    else:
        yield from _directory(path.parent, f"store.uri: {path}")

"""Whether the log has a place, whether the engine may write there, and whether it is the place that is read."""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Iterator
from pathlib import Path

from wafscope.doctor.case import STORAGE, Case, change, kind, place_of
from wafscope.doctor.diagnosis import Diagnosis
from wafscope.doctor.person import may, named
from wafscope.i18n.text import Text, text
from wafscope.rules.seclang.nodes import Place
from wafscope.rules.site.base import Setup
from wafscope.settings import Source

_STREAMS = ("/dev/stdout", "/dev/stderr", "/dev/fd/", "/proc/self/fd/")


def check(case: Case) -> Iterator[Diagnosis]:
    """Look at the place of the log in each setup that writes it."""
    for setup in case.live:
        if kind(setup) == "concurrent":
            yield from _concurrent(case, setup)
        elif kind(setup) == "serial":
            yield from _serial(setup)
        yield from _other(case, setup)


def is_stream(setup: Setup) -> bool:
    """Tell a log that goes to a pipe or to the output of the server."""
    log = setup.value("SecAuditLog")
    return log.startswith(("|", *_STREAMS))


def writes(setup: Setup, source: Source) -> bool:
    """Tell that a setup writes the log of a source, or its index."""
    log = setup.value("SecAuditLog")
    if source.kind == "stdin":
        return is_stream(setup)
    if source.kind in {"receiver", "syslog"}:
        return kind(setup) in {"https", "syslog"} or log.startswith("|")
    if source.kind == "concurrent":
        return _is_same_folder(_storage(setup), source.path)
    return bool(log) and not is_stream(setup) and _is_same(setup.path(log), source.path)


def _storage(setup: Setup) -> str:
    given = setup.value(*STORAGE)
    return setup.path(given) if given else ""


def _is_same(path: str, pattern: str) -> bool:
    real, pattern = os.path.realpath(path), os.path.abspath(pattern)  # noqa: PTH100 - a pattern is no path
    return real == os.path.realpath(pattern) or fnmatch.fnmatch(path, pattern) or fnmatch.fnmatch(real, pattern)


def _is_same_folder(given: str, followed: str) -> bool:
    """A folder inside of the storage directory may be followed: that of a user, of a day."""
    one, other = os.path.realpath(given), os.path.realpath(followed)
    return bool(given) and (one == other or other.startswith(one + "/"))


def _concurrent(case: Case, setup: Setup) -> Iterator[Diagnosis]:
    name, folder = STORAGE[0], _storage(setup)
    if not folder:
        if setup.is_whole:
            wanted = case.source.path if case.source.kind == "concurrent" else "/var/log/modsec_audit"
            evidence = text("SecAuditLogType is Concurrent, and {name} is missing.", name=name)
            yield Diagnosis("no_storage_dir", place_of(setup, "SecAuditLogType"), evidence, change(setup, name, wanted))
        return
    place = place_of(setup, *STORAGE)
    if not Path(folder).is_dir():
        yield Diagnosis(
            "storage_dir_missing",
            place,
            text("There is no directory {path}.", path=folder),
            hint=text(
                "Make it, and give it to the user of the web server: {command}", command=_made(folder, setup.user)
            ),
        )
        return
    person = named(setup.user) if setup.user else None
    if person is not None and may(person, folder, "wx") is False:
        yield Diagnosis(
            "storage_dir_not_writable",
            place,
            text("The user {user} may not write to {path}.", user=person.name, path=folder),
            hint=text("Give it to the user of the web server: {command}", command=f"chown {person.name} {folder}"),
        )


def _made(folder: str, user: str) -> str:
    return f"install -d -m 0750 {f'-o {user} ' if user else ''}{folder}"


def _serial(setup: Setup) -> Iterator[Diagnosis]:
    log = setup.value("SecAuditLog")
    if not log:
        if setup.is_whole:
            evidence = text("{name} is missing.", name="SecAuditLog")
            then = change(setup, "SecAuditLog", "/var/log/modsec_audit.log")
            yield Diagnosis("no_audit_log", Place(setup.file, 0), evidence, then)
        return
    if is_stream(setup):
        return
    path = setup.path(log)
    place, folder = place_of(setup, "SecAuditLog"), str(Path(path).parent)
    if not Path(folder).is_dir():
        hint = text("Make it: {command}", command=f"install -d -m 0750 {folder}")
        yield Diagnosis("log_dir_missing", place, text("There is no directory {path}.", path=folder), hint=hint)
        return
    # libmodsecurity and Apache open it as root; a Coraza runs as one user all the time.
    person = named(setup.user) if setup.user and setup.engine == "coraza" else None
    target = path if Path(path).exists() else folder
    if person is not None and may(person, target, "w") is False:
        evidence = text("The user {user} may not write to {path}.", user=person.name, path=target)
        yield Diagnosis("log_not_writable", place, evidence)


def _other(case: Case, setup: Setup) -> Iterator[Diagnosis]:
    """A source that follows something else than what this setup writes."""
    source, written = case.source, kind(setup)
    if source.kind in {"serial", "concurrent"}:
        if written != source.kind:
            evidence = text(
                "SecAuditLogType is {type}, and this source reads a {kind} log.",
                type=setup.value("SecAuditLogType", default="Serial"),
                kind=source.kind,
            )
            then = change(setup, "SecAuditLogType", source.kind.capitalize())
            yield Diagnosis("other_type", place_of(setup, "SecAuditLogType"), evidence, then, _instead(setup))
        elif not writes(setup, source) and not (is_stream(setup) and case.seen.records):
            # What goes to a stream may be caught in a file.
            yield from _other_path(setup, source)
    elif written in {"serial", "concurrent"} and not writes(setup, source):
        yield from _elsewhere(setup, source)


def _other_path(setup: Setup, source: Source) -> Iterator[Diagnosis]:
    name = "SecAuditLog" if source.kind == "serial" else STORAGE[0]
    given = setup.value("SecAuditLog") if source.kind == "serial" else _storage(setup)
    if given:
        target = setup.path(given)
        yield Diagnosis(
            "other_path",
            place_of(setup, name),
            text("The engine writes {path}, and this source reads {source}.", path=target, source=source.path),
            change(setup, name, source.path),
            text("Or, in the settings of this source: {line}", line=f'path = "{target}"'),
        )


def _elsewhere(setup: Setup, source: Source) -> Iterator[Diagnosis]:
    """An engine that writes to a file, and a source that waits for it at an address or on standard input."""
    target = _storage(setup) if kind(setup) == "concurrent" else setup.value("SecAuditLog")
    if target:
        path = setup.path(target)
        waits = f"{source.kind} {source.listen}".strip()
        evidence = text("The engine writes {path}, and this source reads {source}.", path=path, source=waits)
        line = f'kind = "{kind(setup)}", path = "{path}"'
        hint = text("Or, in the settings of this source: {line}", line=line)
        yield Diagnosis("other_type", place_of(setup, "SecAuditLogType", "SecAuditLog"), evidence, hint=hint)


def _instead(setup: Setup) -> Text:
    """What the settings are to be, if the configuration stays."""
    written, log = kind(setup), setup.value("SecAuditLog")
    if written == "concurrent":
        folder = _storage(setup) or "/var/log/modsec_audit"
        line = f'kind = "concurrent", path = "{folder}"'
    elif written == "serial":
        line = f'kind = "serial", path = "{setup.path(log)}"' if log else 'kind = "serial"'
    else:
        arriving = "syslog" if written == "syslog" else "receiver"
        line = f'kind = "{arriving}", listen = "127.0.0.1:8643"'
    return text("Or, in the settings of this source: {line}", line=line)

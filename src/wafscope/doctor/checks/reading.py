"""Whether the log can be read, is written on, and is in one piece."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from wafscope.doctor import process, rotation
from wafscope.doctor.case import Case, change, form, kind, place_of
from wafscope.doctor.checks.target import is_stream
from wafscope.doctor.diagnosis import Change, Diagnosis
from wafscope.doctor.log import File
from wafscope.doctor.person import may, obstacle
from wafscope.i18n.text import Text, ntext, text
from wafscope.rules.seclang.nodes import Place
from wafscope.source.index import is_index
from wafscope.source.tail import siblings

_NO_YAJL = b"ModSecurity was not compiled with JSON support."
"""A libmodsecurity holds these words only when it was built so (formats specification, section 7.2)."""
_LIBRARY = "libmodsecurity.so"
_LIBRARIES = ("/usr/lib", "/usr/lib64", "/usr/local/lib", "/usr/local/modsecurity/lib")
_TORN = ("cut", "spliced", "damaged", "not_json")
_GRACE = 60.0
"""Seconds for which a graceful restart may write on into the old file."""
_LARGEST = 256 << 20


def check(case: Case) -> Iterator[Diagnosis]:
    """Look at the files of the log."""
    if case.source.kind in {"serial", "concurrent"} and case.source.path:
        refused = list(_refused(case))
        yield from refused
        if not refused:
            yield from _absent(case)
            yield from _strange(case)
        if case.source.kind == "serial":
            rotated = list(_not_reopened(case))
            yield from rotated or _unheard(case)
    yield from _without_json(case)
    yield from _torn(case)


def _refused(case: Case) -> Iterator[Diagnosis]:
    """What the user that reads may not read."""
    is_folder = case.source.kind == "concurrent"
    names = [case.source.path] if is_folder else [file.name for file in case.seen.files]
    for name in names[-3:]:
        if Path(name).exists() and may(case.reader, name, "rx" if is_folder else "r") is False:
            yield _not_readable(case, name)
            return
    if not names and case.source.path:
        stop = obstacle(case.reader, case.source.path)
        if stop != case.source.path and Path(stop).exists():
            yield _not_readable(case, stop)
            return
    for name, why in case.seen.refused[:1]:
        yield Diagnosis("not_readable", Place(name, 0), why)
    inner = [file.name for file in case.seen.files] if is_folder else []
    for name in inner[:1]:
        if may(case.reader, name, "r") is False:
            yield _not_readable(case, name)


def _not_readable(case: Case, name: str) -> Diagnosis:
    person = case.reader.name
    stop = obstacle(case.reader, name)
    found = Path(stop).stat()
    evidence = text(
        "The user {user} may not read {path} (mode {mode}, user {owner}, group {group}).",
        user=person,
        path=stop,
        mode=f"{found.st_mode & 0o7777:04o}",
        owner=str(found.st_uid),
        group=str(found.st_gid),
    )
    if case.source.kind == "concurrent":
        hint = text(
            "Set SecAuditLogDirMode 0750 and SecAuditLogFileMode 0640, and add the user to the group of the directory."
        )
    else:
        hint = text("Let the user read it: {command}", command=f"setfacl -m u:{person}:rX {stop}")
    return Diagnosis("not_readable", Place(name, 0), evidence, hint=hint)


def _absent(case: Case) -> Iterator[Diagnosis]:
    seen, path = case.seen, case.source.path
    if case.source.kind == "serial" and not seen.files:
        yield Diagnosis("log_missing", Place(path, 0), text("There is no file of this name."))
    elif case.source.kind == "concurrent" and not Path(path).is_dir():
        yield Diagnosis("log_missing", Place(path, 0), text("There is no directory of this name."))
    elif case.source.after != "keep" and case.is_heard:
        return  # it is empty whenever all has been stored
    elif not seen.size and not _has_rotated(seen.files):
        files = [file.name for file in seen.files[-1:]]
        yield Diagnosis("log_empty", Place(files[0] if files else path, 0), text("It holds no byte."))


def _strange(case: Case) -> Iterator[Diagnosis]:
    """What is there is no audit log: its index, perhaps."""
    seen = case.seen
    if case.source.kind != "serial" or seen.records or seen.unread or not seen.foreign:
        return
    file = seen.files[-1].name
    if is_index(Path(file)):
        if case.live:
            return  # the configuration has said so
        evidence = text("This file is the index of a concurrent log: each line names the file of a record.")
        line = 'kind = "concurrent", path = "…"'
        yield Diagnosis(
            "other_type", Place(file, 0), evidence, hint=text("In the settings of this source: {line}", line=line)
        )
        return
    evidence = ntext("The {n} line looked at is none.", "None of the {n} lines looked at is one.", seen.foreign)
    yield Diagnosis("no_records", Place(file, 0), evidence)


def _has_rotated(files: tuple[File, ...]) -> bool:
    """Tell that a log was rotated lately: that nothing has come since is nothing to be told."""
    return any(_changed(name) is not None for name in siblings(file.name for file in files))


def _not_reopened(case: Case) -> Iterator[Diagnosis]:
    """A process writes to a rotated file, or a rotated file is newer than the log."""
    if not case.seen.files:
        return
    logs = {file.name: file for file in case.seen.files}
    beside = [name for name in siblings(logs) if name not in logs and not name.endswith((".gz", ".zst", ".bz2", ".xz"))]
    for writer in process.writers({*logs, *beside}):
        if not writer.is_gone and writer.file in logs:
            continue
        evidence = (
            text(
                "Process {process} ({name}) writes to {path}.",
                process=str(writer.process),
                name=writer.name,
                path=writer.file,
            )
            if not writer.is_gone
            else text(
                "Process {process} ({name}) writes to a file that was removed.",
                process=str(writer.process),
                name=writer.name,
            )
        )
        yield _rotated(case, writer.file, evidence)
        return
    newest = max(logs.values(), key=lambda file: file.changed)
    for name in beside:
        changed = _changed(name)
        if changed is not None and changed > newest.changed + _GRACE:
            evidence = text("{path} was written to after {log}.", path=name, log=newest.name)
            yield _rotated(case, name, evidence)
            return


def _unheard(case: Case) -> Iterator[Diagnosis]:
    """A rotation that is still to come, and goes wrong."""
    for file in case.seen.files[-1:] if case.engine else ():
        found = rotation.find(file.name)
        if found is not None and not found.is_heard_by(case.engine):
            evidence = text(
                "{name} has neither copytruncate nor a restart of the web server.", name=", ".join(found.patterns)
            )
            yield Diagnosis("rotation_unheard", found.place, evidence, Change("", "copytruncate"))


def _changed(name: str) -> float | None:
    try:
        found = Path(name).stat()
    except OSError:
        return None
    return found.st_mtime if found.st_size else None


def _rotated(case: Case, name: str, evidence: Text) -> Diagnosis:
    hint = (
        text("Restart the web server now, and let its rotation reload it.")
        if case.engine == "v2"
        else text(
            "libmodsecurity and Coraza never open a log again: restart the web server now, and put “copytruncate” in"
            " its logrotate file."
        )
    )
    return Diagnosis("not_reopened", Place(name, 0), evidence, hint=hint)


def _without_json(case: Case) -> Iterator[Diagnosis]:
    notices = case.seen.unread.get("engine_without_json", 0) + case.pieces.get("engine_without_json", 0)
    json = [setup for setup in case.live if setup.engine in {"v3", ""} and form(setup) == "json"]
    if notices:
        setup = json[0] if json else None
        place = place_of(setup, "SecAuditLogFormat") if setup else Place(_name(case), 0)
        yield Diagnosis(
            "engine_without_yajl",
            place,
            ntext("The log holds {n} such notice.", "The log holds {n} such notices.", notices),
            change(setup, "SecAuditLogFormat", "Native")
            if setup
            else Change("SecAuditLogFormat JSON", "SecAuditLogFormat Native"),
            text("Or install an engine that is built with YAJL."),
        )
        return
    for setup in json[:1]:
        for library in _libraries():
            yield Diagnosis(
                "engine_without_yajl",
                place_of(setup, "SecAuditLogFormat"),
                text("{path} is built without YAJL.", path=library),
                change(setup, "SecAuditLogFormat", "Native"),
                text("Or install an engine that is built with YAJL."),
            )
            return


def _libraries() -> list[str]:
    """Return the libraries in use that were built without YAJL; of those that are installed, if there is but one."""
    loaded = list(process.libraries(_LIBRARY))
    if not loaded:
        found = {
            str(file.resolve())
            for folder in _LIBRARIES
            for depth in ("", "*/")
            for file in Path(folder).glob(f"{depth}{_LIBRARY}.*")
        }
        loaded = sorted(found) if len(found) == 1 else []
    return [name for name in loaded if _holds(name, _NO_YAJL)]


def _holds(name: str, words: bytes) -> bool:
    try:
        file = Path(name)
        return file.stat().st_size <= _LARGEST and words in file.read_bytes()
    except OSError:
        return False


def _torn(case: Case) -> Iterator[Diagnosis]:
    """Records that were cut, or stand in each other; a concurrent log has a file for each, whatever befalls one."""
    if case.source.kind not in {"serial", "stdin"}:
        return
    seen = {reason: case.seen.unread.get(reason, 0) + case.pieces.get(reason, 0) for reason in _TORN}
    torn = sum(seen.values())
    if not torn:
        return
    evidence = ntext("{n} piece can not be read.", "{n} pieces can not be read.", torn)
    streams = [setup for setup in case.live if is_stream(setup) and kind(setup) == "serial"]
    if streams or case.seen.wrapped or case.source.kind == "stdin":
        setup = streams[0] if streams else None
        yield Diagnosis(
            "cut_on_pipe",
            place_of(setup, "SecAuditLog") if setup else Place(_name(case), 0),
            evidence,
            change(setup, "SecAuditLog", "/var/log/modsec_audit.log") if setup else None,
            text("Write to a file, and let that be read; or give each server process a pipe of its own."),
        )
    elif seen["spliced"]:
        spliced = ntext(
            "{n} piece holds parts of two records.", "{n} pieces hold parts of two records.", seen["spliced"]
        )
        yield Diagnosis("spliced", Place(_name(case), 0), spliced, hint=text("Give each server its own audit log."))


def _name(case: Case) -> str:
    files: tuple[File, ...] = case.seen.files
    return files[-1].name if files else case.source.path or "-"

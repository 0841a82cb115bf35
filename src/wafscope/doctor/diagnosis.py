"""What the doctor says: each ailment once, with how bad it is, what it means, and what helps."""

from __future__ import annotations

from typing import Literal

import msgspec

from wafscope.i18n.text import Text, text
from wafscope.rules.seclang.nodes import Place

Severity = Literal["error", "warning", "notice"]
"""error: nothing is logged, or nothing can be read; warning: records lack something; notice: worth knowing."""


class Ailment(msgspec.Struct, frozen=True):
    """What can be wrong: in a sentence, and what follows from it."""

    severity: Severity
    what: Text
    why: Text


class Change(msgspec.Struct, frozen=True):
    """A line to be changed: what it is now (empty where there is none), and what it is to be."""

    now: str
    then: str


class Diagnosis(msgspec.Struct, frozen=True):
    """An ailment of one source, with the evidence."""

    code: str
    place: Place
    """The line of the configuration, or the file (line 0) in which it shows."""
    evidence: Text
    change: Change | None = None
    hint: Text | None = None
    """What helps where it is not a line of the configuration."""

    @property
    def ailment(self) -> Ailment:
        return AILMENTS[self.code]

    @property
    def severity(self) -> Severity:
        return self.ailment.severity

    @property
    def where(self) -> str:
        """file:line, or the file alone."""
        return str(self.place) if self.place.line else self.place.file


AILMENTS: dict[str, Ailment] = {
    # --- nothing is logged ---
    "module_off": Ailment(
        "error",
        text("The firewall is not switched on in the web server."),
        text("No request reaches it, so there is nothing to log."),
    ),
    "rule_engine_off": Ailment(
        "error", text("The rules are switched off."), text("No rule matches, whatever is sent.")
    ),
    "relevant_status": Ailment(
        "error",
        text("Coraza does not understand SecAuditLogRelevantStatus."),
        text("It does not start: Go’s regular expressions have no look-ahead."),
    ),
    "audit_engine_off": Ailment("error", text("The audit log is switched off."), text("No record is written.")),
    "no_audit_log": Ailment(
        "error", text("The audit log has no place."), text("No record is written: SecAuditLog names no file.")
    ),
    "no_storage_dir": Ailment(
        "error",
        text("A concurrent audit log has no storage directory."),
        text("ModSecurity drops every record without a word; Coraza writes where it was started."),
    ),
    "storage_dir_missing": Ailment(
        "error",
        text("The storage directory of the audit log is not there."),
        text("The engine drops every record."),
    ),
    "storage_dir_not_writable": Ailment(
        "error",
        text("The engine may not write to the storage directory."),
        text("The engine drops every record."),
    ),
    "log_not_writable": Ailment(
        "error",
        text("The engine may not write its audit log."),
        text("No record is written, or the server does not start."),
    ),
    "log_dir_missing": Ailment(
        "error",
        text("The directory of the audit log is not there."),
        text("No record is written, or the server does not start."),
    ),
    "ocsf_without_k": Ailment(
        "error",
        text("OCSF with part H but without part K."),
        text("Coraza 3.4 and newer fails at every record: none is written, and the connection breaks."),
    ),
    "engine_without_yajl": Ailment(
        "error",
        text("The engine was built without its JSON library."),
        text("With SecAuditLogFormat JSON it writes a notice in place of each record."),
    ),
    # --- it is logged, and is not read ---
    "other_path": Ailment(
        "error",
        text("The engine writes another log than the one that is read."),
        text("What it writes is not seen here."),
    ),
    "other_type": Ailment(
        "error",
        text("The log is of another type than the one that is read."),
        text("A serial log is one file, a concurrent one a directory with a file for each transaction."),
    ),
    "not_readable": Ailment("error", text("Wafscope may not read the log."), text("Nothing of it is stored.")),
    "log_missing": Ailment(
        "error", text("The log is not there."), text("The engine has not written yet, or writes elsewhere.")
    ),
    "no_usual_log": Ailment(
        "error",
        text("None of the usual audit logs is there."),
        text("The settings are those of a new installation, and no engine has written yet, or one writes elsewhere."),
    ),
    "log_empty": Ailment("warning", text("The log is empty."), text("Nothing has been logged since it was made.")),
    "no_records": Ailment(
        "error",
        text("There is no audit record in the file."),
        text("It is another log, or a format that is not known."),
    ),
    "not_reopened": Ailment(
        "error",
        text("The log was rotated, and the engine writes on into the old file."),
        text("The new file stays empty; once the old one is compressed or removed, records are lost."),
    ),
    "rotation_unheard": Ailment(
        "warning",
        text("The log is rotated by renaming, and the engine will not notice."),
        text("From the next rotation on it writes into the old file, until the web server is restarted."),
    ),
    "cut_on_pipe": Ailment(
        "error",
        text("Records are cut or woven into each other on a shared pipe."),
        text("Several write to it at once, the access log perhaps, and a pipe takes 4,096 bytes in one piece at most."),
    ),
    "spliced": Ailment(
        "warning",
        text("Records stand in each other."),
        text("Several servers write to one file; what can’t be told apart is in quarantine."),
    ),
    "config_not_readable": Ailment(
        "notice",
        text("A part of the site’s configuration can’t be read."),
        text("What it says about the log is not known here."),
    ),
    "arrived_too_large": Ailment(
        "warning",
        text("Something that arrived was too large to be taken."),
        text("A line of syslog is lost then, and a request is refused, so that its record may never come."),
    ),
    "arrived_lost": Ailment(
        "warning",
        text("Lines of syslog were lost on arrival."),
        text("They came when the spool was full, or faster over UDP than this machine had room for."),
    ),
    # --- records lack something ---
    "no_part_h": Ailment(
        "error",
        text("Part H is not logged."),
        text("No record tells which rules matched."),
    ),
    "no_part_k": Ailment(
        "warning",
        text("Part K is not logged."),
        text("Coraza writes the data of each match there: rule ids, tags and values are missing or cut."),
    ),
    "no_part_b": Ailment(
        "warning", text("Part B is not logged."), text("Records have no request line and no headers.")
    ),
    "no_part_f": Ailment("warning", text("Part F is not logged."), text("Records have no status.")),
    "no_part_c": Ailment(
        "warning",
        text("Request bodies are not logged."),
        text("A request with a body can’t be replayed, and what rules found in it can’t be looked at."),
    ),
    "body_access_off": Ailment(
        "warning",
        text("The engine does not look at request bodies."),
        text("Attacks in them are not seen, and they are not logged either."),
    ),
    "relevant_only": Ailment(
        "notice",
        text("Only relevant transactions are logged."),
        text("Requests without a match are missing, so that nothing can be said about their share."),
    ),
}
"""By code, which is a contract: scripts look for it."""

ORDER: tuple[Severity, ...] = ("error", "warning", "notice")

"""The logs that the settings of a new installation name: where one of them is there, nobody misses the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from wafscope.doctor.case import Arrived
from wafscope.doctor.checks.target import writes
from wafscope.doctor.diagnosis import Diagnosis
from wafscope.doctor.examine import Examined, examine
from wafscope.doctor.person import Person
from wafscope.i18n.text import text
from wafscope.rules.site.base import Site
from wafscope.settings import Source

USUAL_LOGS = (
    "/var/log/apache2/modsec_audit.log",
    "/var/log/httpd/modsec_audit.log",
    "/var/log/nginx/modsec_audit.log",
    "/var/log/modsec_audit.log",
)
"""Where the packages of distributions, and the recommended configuration of ModSecurity, put the audit log.  The last
is said of no server, so it stands for all of them."""

HINT = text(
    "Name the log that your engine writes (SecAuditLog) as path of a [[source]] in the settings, and take these out; if"
    " it writes none yet, switch it on: SecAuditEngine RelevantOnly."
)


def absent(sources: Sequence[Source]) -> tuple[Source, ...]:
    """Return the usual logs that are known not to be there, where all of them are named, as new settings do."""
    usual = [each for each in sources if each.path in USUAL_LOGS and each.kind == "serial" and not each.config]
    if len({each.path for each in usual}) < len(USUAL_LOGS):
        return ()
    return tuple(each for each in usual if _is_gone(Path(each.path)))


def _is_gone(log: Path) -> bool:
    """Whether it is not there; a directory that hides what is in it does not tell."""
    try:
        return not log.exists()
    except PermissionError:
        return False


def examine_all(
    sources: Sequence[Source],
    sites: Sequence[Site],
    *,
    reader: Person | None = None,
    pieces: Sequence[Mapping[str, int] | None] = (),
    heard: Sequence[bool] = (),
    arrived: Sequence[Arrived | None] = (),
) -> tuple[Examined, ...]:
    """Examine sources, what is known of them in the same order; of the usual logs that are not there, one at most."""
    setups = [setup for site in sites for setup in site.setups]
    gone = [each for each in absent(sources) if not any(writes(setup, each) for setup in setups)]
    # Where something is read, they are not missed; where nothing is, one of them tells it for all.
    telling = gone[-1] if gone and len(gone) == len(sources) else None
    found = []
    for number, source in enumerate(sources):
        if source in gone and source is not telling:
            found.append(Examined(source, is_left_out=True))
            continue
        of_it = pieces[number] if number < len(pieces) else None
        is_heard = number < len(heard) and heard[number]
        refused = arrived[number] if number < len(arrived) else None
        examined = examine(source, sites, reader=reader, pieces=of_it, is_heard=is_heard, arrived=refused)
        found.append(_for_all(examined) if source is telling else examined)
    return tuple(found)


def _for_all(examined: Examined) -> Examined:
    evidence = text("Looked for: {paths}.", paths=", ".join(USUAL_LOGS))
    told = [
        Diagnosis("no_usual_log", each.place, evidence, hint=HINT) if each.code == "log_missing" else each
        for each in examined.diagnoses
    ]
    return msgspec.structs.replace(examined, diagnoses=tuple(told))

"""What Coraza has inside of itself, as far as it is about the audit log."""

from __future__ import annotations

CORAZA = {
    # coraza.conf-recommended of Coraza 3.8.1, without its rules.
    "@coraza.conf-recommended": (
        "SecRuleEngine DetectionOnly\n"
        "SecRequestBodyAccess On\n"
        "SecAuditEngine RelevantOnly\n"
        'SecAuditLogRelevantStatus "^(?:(5|4)(0|1)[0-9])$"\n'
        "SecAuditLogParts ABIJDEFHZ\n"
        "SecAuditLogType Serial\n"
        "SecAuditLogFormat Native\n"
    ),
}
"""Their names, and the directives in them."""

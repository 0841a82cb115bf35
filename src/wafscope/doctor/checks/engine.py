"""Whether the engine is on, and whether it logs."""

from __future__ import annotations

from collections.abc import Iterator

from wafscope.doctor.case import OFF, Case, audits, change, is_on, place_of
from wafscope.doctor.diagnosis import Change, Diagnosis
from wafscope.i18n.text import Text, text
from wafscope.rules.seclang.nodes import Place


def check(case: Case) -> Iterator[Diagnosis]:
    """Look at the switches, outermost first: where one is off, those inside do not matter."""
    if not case.setups:
        return
    if not any(map(is_on, case.setups)):
        setup = case.setups[0]
        given = setup.switch
        yield Diagnosis(
            "module_off",
            given.place if given else Place(setup.file, 0),
            text("modsecurity {value}", value=given.value) if given else text("“modsecurity on” is nowhere."),
            Change(f"modsecurity {given.value};" if given else "", "modsecurity on;"),
        )
        return
    yield from _status(case)
    on = [each for each in case.setups if is_on(each)]
    if not any(map(audits, on)):
        setup = on[0]
        place = place_of(setup, "SecAuditEngine")
        yield Diagnosis(
            "audit_engine_off",
            place,
            _said(setup.value("SecAuditEngine"), "SecAuditEngine"),
            change(setup, "SecAuditEngine", "On"),
        )
    live = [each for each in on if each.is_whole or each.last("SecRuleEngine")]
    if live and all(each.value("SecRuleEngine", default=OFF).lower() == "off" for each in live):
        place = place_of(live[0], "SecRuleEngine")
        evidence = _said(live[0].value("SecRuleEngine"), "SecRuleEngine")
        yield Diagnosis("rule_engine_off", place, evidence, change(live[0], "SecRuleEngine", "DetectionOnly"))
    for setup in case.live:
        if setup.value("SecAuditEngine").lower() == "relevantonly":
            status = setup.value("SecAuditLogRelevantStatus")
            yield Diagnosis(
                "relevant_only",
                place_of(setup, "SecAuditEngine"),
                text("Besides matches, only responses with a status like {status} are logged.", status=status)
                if status
                else text("Only transactions in which a rule matched are logged."),
                change(setup, "SecAuditEngine", "On"),
            )


_NO_404 = "^(?:5|4(?:[1-9]|0[0-35-9]))"
"""What is most often meant by a look-ahead: every error but 404."""
_PERL = ("(?!", "(?=", "(?<!", "(?<=")


def _status(case: Case) -> Iterator[Diagnosis]:
    """A pattern that ModSecurity takes, and Coraza does not (formats specification, section 8.7)."""
    name = "SecAuditLogRelevantStatus"
    for setup in case.setups:
        given = setup.value(name)
        if setup.engine == "coraza" and any(mark in given for mark in _PERL):
            said = text("{name} {value}", name=name, value=given)
            yield Diagnosis("relevant_status", place_of(setup, name), said, change(setup, name, _NO_404))


def _said(value: str, name: str) -> Text:
    return (
        text("{name} {value}", name=name, value=value)
        if value
        else text("{name} is missing; without it, it is Off.", name=name)
    )

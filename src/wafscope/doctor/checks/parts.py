"""Whether records hold what is needed to explain them, and to replay them."""

from __future__ import annotations

from collections.abc import Iterator

from wafscope.doctor.case import Case, change, form, parts, place_of, with_parts
from wafscope.doctor.diagnosis import Diagnosis
from wafscope.doctor.log import Seen
from wafscope.event.format import is_error_log
from wafscope.i18n.text import ntext, text
from wafscope.rules.seclang.nodes import Place
from wafscope.rules.site.base import Setup

_WITH_K = ("json", "jsonlegacy", "ocsf")
"""Forms of Coraza that have the data of matches in part K alone."""


def check(case: Case) -> Iterator[Diagnosis]:
    """Look at the configuration where there is one, else at the records."""
    if case.live:
        for setup in case.live:
            yield from _configured(case, setup)
    else:
        yield from _shown(case)


def _configured(case: Case, setup: Setup) -> Iterator[Diagnosis]:
    if not setup.is_whole and setup.last("SecAuditLogParts") is None:
        return
    given = parts(setup)
    is_json_of_coraza = case.engine == "coraza" and form(setup) in _WITH_K
    missing: list[tuple[str, str]] = []
    if "B" not in given:
        missing.append(("no_part_b", "B"))
    if not _has_body(case, given):
        missing.append(("no_part_c", "C"))
    if "F" not in given:
        missing.append(("no_part_f", "F"))
    if is_json_of_coraza and "K" not in given:
        if form(setup) == "ocsf" and "H" in given:
            missing.append(("ocsf_without_k", "K"))
        else:
            missing.append(("no_part_k" if "H" in given else "no_part_h", "HK"))
    elif "H" not in given:
        missing.append(("no_part_h", "H"))
    whole = with_parts(given, "".join(letters for _, letters in missing))
    for code, _ in missing:
        directive = setup.last("SecAuditLogParts")
        said = (
            text("SecAuditLogParts {parts}", parts=directive.value)
            if directive
            else text("{name} is missing; without it, it is {value}.", name="SecAuditLogParts", value=given)
        )
        yield Diagnosis(code, place_of(setup, "SecAuditLogParts"), said, change(setup, "SecAuditLogParts", whole))
    yield from _bodies(setup)


def _has_body(case: Case, given: str) -> bool:
    """mod_security2 writes a body for part I, too; libmodsecurity and Coraza write nothing there."""
    return "C" in given or (case.engine == "v2" and "I" in given)


def _bodies(setup: Setup) -> Iterator[Diagnosis]:
    access = setup.value("SecRequestBodyAccess", default="Off" if setup.is_whole else "")
    if access.lower() == "off":
        name = "SecRequestBodyAccess"
        said = (
            text("{name} {value}", name=name, value=access)
            if setup.last(name)
            else text("{name} is missing; without it, it is Off.", name=name)
        )
        yield Diagnosis("body_access_off", place_of(setup, name), said, change(setup, name, "On"))


_GAPS = {
    "no_headers": ("no_part_b", "B"),
    "no_status": ("no_part_f", "F"),
    "no_messages": ("no_part_h", "H"),
}


def _shown(case: Case) -> Iterator[Diagnosis]:
    """What all records of a format lack is not logged; what some lack may not have been there."""
    seen = case.seen
    place = Place(seen.files[-1].name if seen.files else case.source.path, 0)
    for name, records in seen.formats.items():
        if is_error_log(name):
            continue
        for code, letters in _missing(seen, name, records):
            evidence = ntext(
                "It is not in the {n} record looked at.", "It is in none of the {n} records looked at.", records
            )
            yield Diagnosis(code, place, evidence, hint=text("Add {letters} to SecAuditLogParts.", letters=letters))
    if seen.with_body and seen.bodiless == seen.with_body:
        evidence = ntext(
            "The {n} request with a body has none in the log.",
            "None of the {n} requests with a body has one in the log.",
            seen.with_body,
        )
        hint = text("Add {letters} to SecAuditLogParts, and set SecRequestBodyAccess On.", letters="C")
        yield Diagnosis("no_part_c", place, evidence, hint=hint)


def _missing(seen: Seen, name: str, records: int) -> Iterator[tuple[str, str]]:
    """Give the parts that no record of a format shows, and the letters to add."""
    has_k_alone = name in {"coraza.json", "coraza.ocsf"}
    for gap, (code, letter) in _GAPS.items():
        if seen.gaps.get((name, gap), 0) == records and not _is_never_there(name, gap):
            # Up to Coraza 3.3, part H alone shows no match.
            yield ("no_part_k", "HK") if gap == "no_messages" and has_k_alone else (code, letter)
    matched = seen.with_matches.get(name, 0)
    if name == "coraza.json" and matched and seen.without_rules.get(name, 0) == matched:
        yield "no_part_k", "K"


def _is_never_there(name: str, gap: str) -> bool:
    """Tell what a format has in no part, so that no letter helps."""
    return name == "coraza.jsonlegacy" and gap == "no_messages"

"""What a rule id says by itself: bookkeeping or scoring, inbound or outbound, and its attack class.

The ids are those of the OWASP Core Rule Set 2 to 4; summary rules are listed in the CRS files
REQUEST-949, RESPONSE-959 and RESPONSE-980, and for CRS 2 in modsecurity_crs_49_inbound_blocking,
59_outbound_blocking and 60_correlation.  CRS 2 uses some of the ids for other rules than CRS 3 and 4 do: what a record
says of the rule beside its id tells which is meant (`is_of_crs2`).
"""

from __future__ import annotations

import re
from functools import lru_cache

from wafscope.event.model import AttackClass

BLOCKING = frozenset({949100, 949110, 949111, 959100, 959101, 981175, 981176, 981200})
"""Rules that block when the anomaly score has reached the threshold; 981175, where the resource is known to be
vulnerable, at any score."""

REACHED = frozenset({981204, 981205})
"""Reports of CRS 2 that the threshold was reached.  In its usual mode each rule blocks by itself, so that where the
engine only detects, no other rule says so."""

INBOUND_SUMMARY = frozenset({949110, 949111, 981176})
OUTBOUND_SUMMARY = frozenset({959100, 959101, 981200})

BOOKKEEPING_FILES = frozenset({901, 949, 959, 980})
"""Thousands of rule ids that only initialise, sum or report (CRS 3 and 4)."""

BOOKKEEPING_IDS = frozenset({981174, 981175, 981176, *range(981200, 981206)})
"""The same of CRS 2.2."""

NO_BOOKKEEPING = ((959_070, 959_073), (959_151, 959_151), (959_500, 959_999))
"""First and last of the ids among those thousands that look for attacks: SQL and PHP injection in CRS 2."""

CLASS_OF_FILE: dict[int, AttackClass] = {
    200: "policy", 911: "policy", 912: "policy", 913: "scanner", 920: "policy", 921: "protocol", 922: "policy",
    930: "file", 931: "file", 932: "exec", 933: "exec", 934: "exec", 941: "xss", 942: "sqli", 943: "protocol",
    944: "exec", 950: "other", 951: "other", 952: "other", 953: "other", 954: "other", 955: "exec", 956: "other",
}  # fmt: skip
"""The class of a rule of CRS 3 and 4, by the thousands of its id."""

CLASS_OF_TAG: dict[str, AttackClass] = {
    "attack-sqli": "sqli", "attack-xss": "xss", "attack-rce": "exec", "attack-injection-php": "exec",
    "attack-injection-java": "exec", "attack-injection-generic": "exec", "attack-lfi": "file", "attack-rfi": "file",
    "attack-protocol": "protocol", "attack-fixation": "protocol", "attack-reputation-scanner": "scanner",
    "attack-reputation-crawler": "scanner", "attack-reputation-scripting": "scanner", "attack-ssrf": "exec",
    "attack-deprecated-header": "policy", "attack-dos": "policy", "attack-multipart-header": "policy",
}  # fmt: skip
"""The class of another rule: that of the first of its tags that is named here."""

CLASS_OF_CRS2_TAG: tuple[tuple[str, AttackClass], ...] = (
    ("WEB_ATTACK/SQL", "sqli"), ("WEB_ATTACK/RESTRICTED_SQL", "sqli"), ("WEB_ATTACK/XSS", "xss"),
    ("WEB_ATTACK/UPDF_XSS", "xss"), ("WEB_ATTACK/COMMAND", "exec"), ("WEB_ATTACK/PHP_INJECTION", "exec"),
    ("WEB_ATTACK/CF_INJECTION", "exec"), ("WEB_ATTACK/SSI_INJECTION", "exec"), ("WEB_ATTACK/FILE_INJECTION", "file"),
    ("WEB_ATTACK/RFI", "file"), ("WEB_ATTACK/LFI", "file"), ("WEB_ATTACK/DIR_TRAVERSAL", "file"),
    ("WEB_ATTACK/LDAP_INJECTION", "protocol"), ("WEB_ATTACK/EMAIL_INJECTION", "protocol"),
    ("WEB_ATTACK/REQUEST_SMUGGLING", "protocol"), ("WEB_ATTACK/RESPONSE_SPLITTING", "protocol"),
    ("WEB_ATTACK/HTTP_RESPONSE_SPLITTING", "protocol"), ("WEB_ATTACK/SESSION_FIXATION", "protocol"),
    ("MALICIOUS_SOFTWARE/TROJAN", "exec"), ("AUTOMATION/", "scanner"), ("PROTOCOL_VIOLATION/", "policy"),
    ("POLICY/", "policy"),
)  # fmt: skip
"""How tags of CRS 2 begin, behind `OWASP_CRS/` (since 2.2.6).  The classes are those that the same attack has in CRS 3
and 4; CRS 3.0 has these tags, too."""

CLASS_OF_CRS2_ID: dict[int, AttackClass] = {
    950002: "exec", 950018: "xss", 950019: "protocol", 950910: "protocol", 950911: "protocol",
}  # fmt: skip
"""Rules of CRS 2 that have no tag of their class; 950002 (System Command Access) has that of another one."""

CLASS_OF_CRS2_FILE: dict[str, AttackClass] = {
    "20_protocol_violations": "policy", "21_protocol_anomalies": "policy", "23_request_limits": "policy",
    "30_http_policy": "policy", "35_bad_robots": "scanner", "41_sql_injection_attacks": "sqli",
    "41_xss_attacks": "xss", "42_tight_security": "file", "45_trojans": "exec",
}  # fmt: skip
"""Else that of the file, by what stands between `modsecurity_crs_` and `.conf` in its name."""

REUSED = range(950_000, 960_000)
"""Ids that CRS 2 and its successors gave to rules that have nothing to do with each other."""
CRS2_VERSION = "OWASP_CRS/2."
CRS2_FILE = re.compile(r"(?:^|[/\\])modsecurity_crs_(\d\d_\w+)\.conf\Z", re.ASCII)

_POINTS = {0: 5, 1: 5, 2: 5, 3: 4, 4: 3, 5: 2}
"""Severity to anomaly points as CRS ships them (crs-setup.conf, rule 900100); a site may change them."""

_POINTS_OF_CRS2 = {960024: 3, 981172: 3, 981173: 3, **dict.fromkeys(range(973_300, 973_350), 5)}
"""The same of rules of CRS 2 that have no severity: they add `tx.warning_anomaly_score` or `tx.critical_…` as well."""

_OF_ENGINE = 200
"""Thousand of the ids of the rules that come with the engines (modsecurity.conf-recommended, coraza.conf-recommended):
those deny by themselves, and add no points whatever their severity."""


@lru_cache(maxsize=4096)
def is_of_crs2(version: str, file: str) -> bool:
    """Tell a rule of CRS 2 by its `ver` (since 2.2.6), else by the name of its file."""
    return version.startswith(CRS2_VERSION) if version else CRS2_FILE.search(file) is not None


@lru_cache(maxsize=4096)
def is_bookkeeping(rule_id: int | None) -> bool:
    """Tell a rule that only sums, reports or initialises from one that scores."""
    if rule_id is None:
        return False
    if rule_id // 1000 in BOOKKEEPING_FILES:
        return not any(first <= rule_id <= last for first, last in NO_BOOKKEEPING)
    return rule_id in BOOKKEEPING_IDS


@lru_cache(maxsize=4096)
def points_of(rule_id: int | None, severity: int | None, version: str = "", file: str = "") -> int:
    """Return the anomaly points of a rule: none for bookkeeping, for the engine's own and where no severity is set.

    A few rules of CRS 2 add points without a severity: `version` and `file` of the rule tell them.
    """
    if severity is None:
        return _POINTS_OF_CRS2.get(rule_id or 0, 0) if is_of_crs2(version, file) else 0
    if is_bookkeeping(rule_id) or (rule_id is not None and rule_id // 1000 == _OF_ENGINE):
        return 0
    return _POINTS.get(severity, 0)


def is_outbound(rule_id: int | None, version: str, file: str) -> bool:
    """Tell a rule on responses: its points do not belong to the inbound score.

    In CRS 3 and 4 these are 95xxxx, in CRS 2, as `version` and `file` of the rule tell it, 970xxx and 98100x; there
    most of 95xxxx look at requests.
    """
    if rule_id is None or not _FIRST_OUTBOUND <= rule_id < _BEHIND_OUTBOUND:
        return False
    if is_of_crs2(version, file):
        return rule_id in _OUTBOUND_OF_CRS2 or rule_id // 1000 == _OUTBOUND_FILE_OF_CRS2
    return rule_id < _BEHIND_OUTBOUND_FILES


_FIRST_OUTBOUND, _BEHIND_OUTBOUND_FILES, _BEHIND_OUTBOUND = 950_000, 960_000, 981_008
_OUTBOUND_FILE_OF_CRS2 = 970
_OUTBOUND_OF_CRS2 = frozenset({950922, *range(981_000, 981_008)})
"""950922 looks for what a trojan answers, 98100x for what is put into a page (modsecurity_crs_50_outbound)."""


def attack_class(rule_id: int | None, tags: tuple[str, ...], version: str = "", file: str = "") -> AttackClass:
    """Return the class of a rule: by its number where that is of the CRS, else by its tags.

    In CRS 2, as `version` and `file` of the rule tell it, the numbers say little: the tags do, else the file.
    """
    known = CLASS_OF_FILE.get(rule_id // 1000) if rule_id is not None else None
    crs2 = (known is None or rule_id in REUSED) and is_of_crs2(version, file)
    if crs2:
        known = CLASS_OF_CRS2_ID.get(rule_id or 0)
    if known is not None:
        return known
    for tag in tags:
        if tag in CLASS_OF_TAG:
            return CLASS_OF_TAG[tag]
    for tag in tags:
        bare = tag.removeprefix("OWASP_CRS/")
        found = next((each for start, each in CLASS_OF_CRS2_TAG if bare.startswith(start)), None)
        if found is not None:
            return found
    named = CRS2_FILE.search(file) if crs2 else None
    return CLASS_OF_CRS2_FILE.get(named[1], "other") if named is not None else "other"

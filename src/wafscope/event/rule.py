"""What a rule id says by itself: bookkeeping or scoring, inbound or outbound, and its attack class.

The ids are those of the OWASP Core Rule Set 2.2 to 4; summary rules are listed in the CRS files
REQUEST-949, RESPONSE-959 and RESPONSE-980, and for 2.2 in its anomaly-scoring files.
"""

from __future__ import annotations

from functools import lru_cache

from wafscope.event.model import AttackClass

BLOCKING = frozenset({949100, 949110, 949111, 959100, 959101, 981176, 981200})
"""Rules that block when the anomaly score has reached the threshold."""

INBOUND_SUMMARY = frozenset({949110, 949111, 981176})
OUTBOUND_SUMMARY = frozenset({959100, 959101, 981200})

BOOKKEEPING_FILES = frozenset({901, 949, 959, 980})
"""Thousands of rule ids that only initialise, sum or report (CRS 3 and 4)."""

BOOKKEEPING_IDS = frozenset({981174, 981175, 981176, *range(981200, 981206)})
"""The same of CRS 2.2."""

_CLASS_OF_FILE: dict[int, AttackClass] = {
    200: "policy", 911: "policy", 912: "policy", 913: "scanner", 920: "policy", 921: "protocol", 922: "policy",
    930: "file", 931: "file", 932: "exec", 933: "exec", 934: "exec", 941: "xss", 942: "sqli", 943: "protocol",
    944: "exec", 950: "other", 951: "other", 952: "other", 953: "other", 954: "other", 955: "exec", 956: "other",
}  # fmt: skip

_CLASS_OF_TAG: dict[str, AttackClass] = {
    "attack-sqli": "sqli", "attack-xss": "xss", "attack-rce": "exec", "attack-injection-php": "exec",
    "attack-injection-java": "exec", "attack-injection-generic": "exec", "attack-lfi": "file", "attack-rfi": "file",
    "attack-protocol": "protocol", "attack-fixation": "protocol", "attack-reputation-scanner": "scanner",
    "attack-reputation-crawler": "scanner", "attack-reputation-scripting": "scanner", "attack-ssrf": "exec",
    "attack-deprecated-header": "policy", "attack-dos": "policy", "attack-multipart-header": "policy",
}  # fmt: skip

_POINTS = {0: 5, 1: 5, 2: 5, 3: 4, 4: 3, 5: 2}
"""Severity to anomaly points as CRS ships them (crs-setup.conf, rule 900100); a site may change them."""

_OF_ENGINE = 200
"""Thousand of the ids of the rules that come with the engines (modsecurity.conf-recommended, coraza.conf-recommended):
those deny by themselves, and add no points whatever their severity."""


@lru_cache(maxsize=4096)
def is_bookkeeping(rule_id: int | None) -> bool:
    """Tell a rule that only sums, reports or initialises from one that scores."""
    if rule_id is None:
        return False
    return rule_id // 1000 in BOOKKEEPING_FILES or rule_id in BOOKKEEPING_IDS


@lru_cache(maxsize=4096)
def points_of(rule_id: int | None, severity: int | None) -> int:
    """Return the anomaly points of a rule: none for bookkeeping, for the engine's own and where no severity is set."""
    if severity is None or is_bookkeeping(rule_id) or (rule_id is not None and rule_id // 1000 == _OF_ENGINE):
        return 0
    return _POINTS.get(severity, 0)


def is_outbound(rule_id: int | None) -> bool:
    """Tell a rule on responses (95xxxx): its points belong to the outbound score."""
    return rule_id is not None and 950_000 <= rule_id < 960_000


def attack_class(rule_id: int | None, tags: tuple[str, ...]) -> AttackClass:
    """Return the class of a rule: by its number where that is of the CRS, else by its tags."""
    known = _CLASS_OF_FILE.get(rule_id // 1000) if rule_id is not None else None
    if known is not None:
        return known
    for tag in tags:
        if tag in _CLASS_OF_TAG:
            return _CLASS_OF_TAG[tag]
    return "other"

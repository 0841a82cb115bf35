"""Techniques of MITRE ATT&CK, concluded from tags of the Core Rule Set and from nothing else.

Only tags whose rules look for one thing stand here: an attempt to make the application run or read what it should
not is T1190, the signature of a scanner T1595.002 (attack.mitre.org).  Cross-site scripting and oddities of the
protocol have no technique that would be the same for all their rules.
"""

from __future__ import annotations

from functools import lru_cache

import msgspec

from wafscope.event.model import Event
from wafscope.export.facts import scoring


class Technique(msgspec.Struct, frozen=True, gc=False):
    """A technique, its tactic, and its sub-technique where one is meant."""

    tactic_id: str
    tactic: str
    id: str
    name: str
    sub_id: str = ""
    sub_name: str = ""


FRAMEWORK = "MITRE ATT&CK"
_EXPLOIT = Technique("TA0001", "Initial Access", "T1190", "Exploit Public-Facing Application")
_SCAN = Technique("TA0043", "Reconnaissance", "T1595", "Active Scanning", "T1595.002", "Vulnerability Scanning")

TECHNIQUE_OF_TAG = {
    **dict.fromkeys(
        (
            "attack-sqli",
            "attack-rce",
            "attack-lfi",
            "attack-rfi",
            "attack-ssrf",
            "attack-ldap",
            "attack-injection-generic",
            "attack-injection-java",
            "attack-injection-php",
        ),
        _EXPLOIT,
    ),
    "attack-reputation-scanner": _SCAN,
}


def techniques(event: Event) -> tuple[Technique, ...]:
    """Return the techniques of an event, each once, in the order of the matches."""
    if not event.matches:
        return ()
    return tuple(dict.fromkeys(each for match in scoring(event) for each in _of(match.tags)))


@lru_cache(maxsize=1024)
def _of(tags: tuple[str, ...]) -> tuple[Technique, ...]:
    return tuple(TECHNIQUE_OF_TAG[tag] for tag in tags if tag in TECHNIQUE_OF_TAG)

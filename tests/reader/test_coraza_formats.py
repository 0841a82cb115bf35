"""The same requests give the same matches in every format, as far as it tells."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.reader.coraza_samples import H, K, Told, error_log, events, told, written

from wafscope.event.model import Event, Match

IN_ONE_LOG_ONLY = {980170, 7001, 7002}
"""Rules with `noauditlog`, or `nolog,auditlog`: from 3.7 on they are in the error log or in the audit log only."""


def matches(found: list[Event], tell: Callable[[Match], Told]) -> list[list[Told]]:
    return [[tell(m) for m in event.matches if m.rule_id not in IN_ONE_LOG_ONLY] for event in found if event.matches]


def assert_same_beginning(first: list[list[Told]], second: list[list[Told]], least: int) -> None:
    """Some samples hold only the first records."""
    common = min(len(first), len(second))
    assert common >= least
    assert first[:common] == second[:common]


@pytest.mark.parametrize("version", ["3.4.0", "3.7.0"])
def test_json_and_native_tell_the_same_of_a_match(version: str) -> None:
    native = matches(events(version, "native", H), told)
    assert_same_beginning(native, matches(events(version, "json", H), told), 5)
    assert_same_beginning(native, matches(events(version, "json", K), told), 2)
    assert_same_beginning(native, matches(events(version, "native", K), told), 3)


def test_ocsf_tells_the_same() -> None:
    ocsf = events("3.7.0", "ocsf", K)
    assert_same_beginning(matches(ocsf, told), matches(events("3.7.0", "json", K), told), 2)
    assert_same_beginning(matches(ocsf, written), matches(events("3.7.0", "json", K), written), 2)


def test_the_error_log_tells_the_same() -> None:
    assert_same_beginning(matches(error_log(), told), matches(events("3.7.0", "json", H), told), 5)


@pytest.mark.parametrize("version", ["3.0.4", "3.3.3", "3.4.0", "3.7.0"])
def test_part_k_says_the_same_of_a_rule_in_json_and_native(version: str) -> None:
    assert_same_beginning(
        matches(events(version, "json", K), written), matches(events(version, "native", K), written), 2
    )


@pytest.mark.parametrize("version", ["3.0.4", "3.3.3"])
def test_part_k_alone_knows_severity_tags_and_class(version: str) -> None:
    def of_the_rule(match: Match) -> Told:
        return match.rule_id, match.severity, match.tags, match.version, match.points, match.attack_class

    assert_same_beginning(
        matches(events(version, "json", K), of_the_rule), matches(events(version, "native", K), of_the_rule), 2
    )


@pytest.mark.parametrize(
    ("version", "kind", "parts"),
    [(v, k, p) for v in ("3.4.0", "3.7.0") for k in ("json", "native") for p in (H, K)] + [("3.7.0", "ocsf", K)],
)
def test_the_verdict_is_the_same(version: str, kind: str, parts: str) -> None:
    found = [e for e in events(version, kind, parts) if e.matches]
    blocked = [event.interrupted for event in found]
    assert [False, True, True, True, True][: len(blocked)] == blocked
    assert [0, 20, 26, 28, 21][: len(found)] == [event.score for event in found]


def test_legacy_has_the_texts_of_the_same_rules() -> None:
    def text(match: Match) -> Told:
        return (match.message,)

    legacy = matches(events("3.7.0", "jsonlegacy", K), text)
    native = [[text(m) for m in e.matches] for e in events("3.7.0", "native", H)]
    assert [(), *legacy[1:2]] == [(), *native[1:2]]
    assert [len(m) for m in native] == [len(m) for m in legacy]

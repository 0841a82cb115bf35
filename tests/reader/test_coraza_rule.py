"""A rule as written: what its text says of it."""

from __future__ import annotations

import pytest

from wafscope.reader.coraza_rule import NO_TEXT, read_rule, split_rules

PLAIN = (
    'SecRule ARGS|!ARGS:x|REQUEST_HEADERS:User-Agent "@rx (?i)\\"a, \'b\' c$" '
    "\"id:942100,phase:2,block,t:none,msg:'SQLi, and \\'more\\'',logdata:'%{TX.0}',tag:'attack-sqli',tag:'a,b',"
    "ver:'OWASP_CRS/4.25.0',rev:'r1',maturity:'7',accuracy:8,severity:'CRITICAL',setvar:'tx.a=+1'\""
)


def test_a_rule_says_what_it_is() -> None:
    rule = read_rule(PLAIN)
    assert (rule.rule_id, rule.phase, rule.severity, rule.maturity, rule.accuracy) == (942100, 2, 2, 7, 8)
    assert (rule.operator, rule.parameter, rule.negated) == ("Rx", "(?i)\"a, 'b' c$", False)
    assert (rule.message, rule.data) == ("SQLi, and 'more'", "")
    assert (rule.tags, rule.version, rule.revision) == (("attack-sqli", "a,b"), "OWASP_CRS/4.25.0", "r1")


@pytest.mark.parametrize(
    ("operator", "expected"),
    [
        ("@detectSQLi", ("DetectSQLi", "", False)),
        ("!@within %{tx.allowed_methods}", ("Within", "%{tx.allowed_methods}", True)),
        ("@pmFromFile scanners.data", ("PmFromFile", "scanners.data", False)),
        ("^plain$", ("Rx", "^plain$", False)),
        ("!^plain$", ("Rx", "^plain$", True)),
        ("@own thing", ("own", "thing", False)),
    ],
)
def test_operators_have_one_name_everywhere(operator: str, expected: tuple[str, str, bool]) -> None:
    rule = read_rule(f'SecRule ARGS "{operator}" "id:1,phase:1,pass"')
    assert expected == (rule.operator, rule.parameter, rule.negated)


def test_a_chain_does_not_say_which_operator_matched() -> None:
    rule = read_rule('SecRule ARGS "@rx a" "id:1,phase:1,chain,deny" \nSecRule ARGS:q "@rx b" "t:none"')
    assert (rule.rule_id, rule.phase, rule.operator) == (1, 1, "")


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("SecAction \"id:7004,phase:2,pass,log,msg:'secaction'\"", (7004, 2, "secaction")),
        (
            "SecRule A \"!@eq 0\" \"id:'200002', phase:2,t:none,log,deny,msg:'Failed.',severity:2\"",
            (200002, 2, "Failed."),
        ),
        ('SecRule A "@eq 0" "id:5,phase:request,pass"', (5, 2, "")),
        ('SecRule A "@eq 0"', (None, None, "")),
        ('SecMarker "END"', (None, None, "")),
        ("", (None, None, "")),
    ],
)
def test_every_way_to_write_a_rule_is_read(raw: str, expected: tuple[int | None, int | None, str]) -> None:
    rule = read_rule(raw)
    assert expected == (rule.rule_id, rule.phase, rule.message)


def test_what_is_no_rule_says_nothing() -> None:
    assert read_rule("GET / HTTP/1.1") == NO_TEXT


def test_links_of_a_chain_stay_with_its_first_rule() -> None:
    text = (
        'SecRule A "@rx a" "id:1,chain" \nSecRule B "@rx b" "t:none"\nSecAction "id:2,pass"\n\n'
        'SecRule C "@rx a\nb" "id:3,pass"\nSecRule C "@rx a" "id:3,pass"\n'
    )
    assert [read_rule(rule).rule_id for rule in split_rules(text)] == [1, 2, 3, 3]
    assert split_rules(text)[0] == 'SecRule A "@rx a" "id:1,chain" \nSecRule B "@rx b" "t:none"'

"""SecLang is read as the engines read it: lines that go on, quotes, comments, includes."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wafscope.rules.seclang import include, printer
from wafscope.rules.seclang.include import Dialect
from wafscope.rules.seclang.lexer import split
from wafscope.rules.seclang.nodes import Broken, Directive, Place, Section
from wafscope.rules.seclang.parser import parse
from wafscope.rules.site.base import flat

CRS = Path("/usr/share/modsecurity-crs")


def test_a_directive_has_its_words_without_quotes_and_its_place() -> None:
    (found,) = parse('\n# a comment\n  SecRule ARGS "@rx \\"a\\" \\d" \\\n   "id:1,pass"\n', "a.conf")

    assert found == Directive("SecRule", ("ARGS", '@rx "a" \\d', "id:1,pass"), Place("a.conf", 3, 4))


def test_a_rule_that_is_commented_out_is_so_to_its_last_line() -> None:
    source = '#SecRule ARGS "@rx x" \\\n   "id:1,\\\n  pass"\n# a folder C:\\\nSecRuleEngine On\n'

    assert [each.name for each in flat(parse(source, ""))] == ["SecRuleEngine"]
    assert list(flat(parse(source, "", comments_go_on=True))) == []


def test_line_ends_of_windows_and_a_last_line_without_one_are_read() -> None:
    source = "SecAuditLogParts \\\r\n ABCFHZ\r\nSecAuditEngine On\\"

    assert [each.arguments for each in flat(parse(source, ""))] == [("ABCFHZ",), ("On\\",)]


def test_a_text_in_backticks_may_have_several_lines() -> None:
    source = "SecDataset ip `\n192.0.2.1\n192.0.2.2\n`\nSecRuleEngine On\n"

    first, second = flat(parse(source, ""))
    assert (first.value, first.arguments[1], first.place) == ("ip", "\n192.0.2.1\n192.0.2.2\n", Place("", 1, 4))
    assert second.place.line == 5


def test_sections_stand_in_each_other_and_what_is_not_closed_is_kept() -> None:
    source = "<IfModule a>\n<VirtualHost *:80>\nA b\n</VirtualHost>\n</IfModule>\n</If>\n<If x>\nA b\n"

    outer, stray, opened, inner = parse(source, "")
    assert isinstance(outer, Section)
    assert [outer.name, outer.arguments, outer.place] == ["IfModule", ("a",), Place("", 1, 5)]
    assert isinstance(outer.body[0], Section)
    assert isinstance(stray, Broken)
    assert isinstance(opened, Broken)
    assert [stray.flaw, opened.flaw] == ["no_such_section", "unclosed_section"]
    assert isinstance(inner, Directive)


def test_a_quote_that_is_not_closed_costs_its_line_alone() -> None:
    broken, good = parse('SecAuditLog "/var/log/a\nSecAuditEngine On\n', "")

    assert isinstance(broken, Broken)
    assert isinstance(good, Directive)


@given(st.text(st.characters(blacklist_characters="\r\n\0", blacklist_categories=["Cs"]), min_size=1))
def test_what_is_printed_is_read_again_as_the_same_words(word: str) -> None:
    (found,) = flat(parse(printer.directive("SecX", word, "b"), ""))

    assert found.arguments == (word, "b")


@given(st.text())
def test_no_text_makes_the_reader_fail(source: str) -> None:
    parse(source, "")
    split(source)


def test_a_printed_word_has_no_line_end() -> None:
    with pytest.raises(ValueError, match="line end"):
        printer.directive("SecAuditLog", "/a\nSecRuleEngine Off")


def test_includes_are_read_in_order_from_where_they_stand(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "main.conf").write_text("A 1\nInclude d/*.conf\nInclude gone.conf\nIncludeOptional no*.conf\nA 4\n")
    (tmp_path / "d" / "b.conf").write_text("A 3\n")
    (tmp_path / "d" / "a.conf").write_text("A 2\ninclude ../main.conf\n")
    tree = include.read(str(tmp_path / "main.conf"), Dialect())

    assert [each.value for each in flat(tree.nodes)] == ["1", "2", "3", "4"]
    assert [(each.reason, each.place.line) for each in tree.unread] == [("circle", 2), ("missing", 3)]
    assert [Path(each).name for each in tree.files] == ["main.conf", "a.conf", "b.conf"]


def test_a_folder_is_included_whole_and_variables_stand_for_names(tmp_path: Path) -> None:
    (tmp_path / "d" / "e").mkdir(parents=True)
    (tmp_path / "main.conf").write_text("Include ${HERE}/d\n")
    (tmp_path / "d" / "e" / "x").write_text("A ${HERE}\n")
    tree = include.read(str(tmp_path / "main.conf"), Dialect(variables={"HERE": str(tmp_path)}))

    assert [each.value for each in flat(tree.nodes)] == [str(tmp_path)]


@pytest.mark.skipif(not CRS.exists(), reason="scripts/system-packages.sh installs the Core Rule Set")
def test_the_core_rule_set_is_read_without_a_flaw() -> None:
    tree = include.read(str(CRS / "owasp-crs.load"), Dialect())
    names = [each.name for each in flat(tree.nodes)]

    assert tree.unread == ()
    assert not [each for each in tree.nodes if isinstance(each, Broken)]
    assert names.count("SecRule") > 600
    rules = [each for each in flat(tree.nodes) if each.name == "SecRule"]
    assert {len(each.arguments) for each in rules} <= {2, 3}


def test_a_file_that_is_a_folder_or_garbage_is_no_failure(tmp_path: Path) -> None:
    (tmp_path / "x.conf").write_bytes(b"\x00\xff\xfe<<<\n>>\n</\n<\n")
    assert include.read(str(tmp_path / "x.conf"), Dialect()).unread == ()
    assert include.read(str(tmp_path), Dialect()).unread[0].reason == "unreadable"

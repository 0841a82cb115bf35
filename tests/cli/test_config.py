"""`wafscope config`, as others run it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.cli.test_commands import SERIAL, imported, run

from wafscope.errors import SettingsError
from wafscope.i18n.text import english
from wafscope.service.check import check_settings
from wafscope.service.plan import make_plan
from wafscope.service.reference import as_markdown, as_toml, sections
from wafscope.settings import Settings, Source, parse

ROOT = Path(__file__).parents[2]

WRONG = """
[web]
lisen = "x"
timezone = "Europe/Berlln"
time_limit = "soon"
[wbe]
x = 1
[log]
level = "loud"
[[source]]
kind = "serail"
pat = "x"
[[source]]
path = 3
users = { web1 = { password = "x" } }
"""


def found(settings: str, folder: Path, environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """What is found in settings: level, text and hint by place."""
    file = folder / "w.toml"
    file.write_text(settings)
    return {
        re.sub(rf"^{re.escape(str(file))}(:[0-9]+)?: ", "", each.where): f"{each.level}: {english(each.what)} "
        + (english(each.hint) if each.hint else "")
        for each in check_settings(file, environ or {})
    }


def test_all_errors_are_told_at_once_with_what_was_meant(tmp_path: Path) -> None:
    file = tmp_path / "w.toml"
    file.write_text(WRONG)
    shown = run("--config", str(file), "config", "check", status=2)
    for words in (
        "no setting “web.lisen”", "Did you mean web.listen", "“Europe/Berlln” is no time zone", "Europe/Berlin",
        "w.toml:5: web.time_limit: It can not be “soon”: it is a number from 0.1 to 600.", "time_limit = 5.0",
        "Did you mean web?", "log.level: It can not be “loud”: it is one of debug, info, warning, error.",
        "source 1.kind", "serial, concurrent", "no setting “source.pat”", "source 2.path: It can not be 3",
        "source 2.users.web1: sensor is missing.",
    ):  # fmt: skip
        assert words in shown.stdout.decode(), words
    assert b"9 errors" in shown.stderr


@pytest.mark.parametrize(
    ("settings", "where", "what", "example"),
    [
        ("[web]\n\nlisten = 8642", ":3: web.listen", "It can not be 8642: it is a text.", 'listen = "127.0.0.1:8642"'),
        ("web.listen = []", ":1: web.listen", "It can not be a list: it is a text.", "listen = "),
        ("[web]\nnames = ['a', 1979-05-27]", ":2: web.names #2", "It can not be a date or a time", "names = ["),
        ("[redaction]\ncards = 'maybe'", ":2: redaction.cards", "it is true or false.", "cards = true"),
        ("[ingest]\nworkers = 'all'", ":2: ingest.workers", "“all”: it is a whole number from 0", "workers = 1"),
        ("[[source]]\n[[source]]\n[source.tokens]\nx = 5", ":3: source 2.tokens.x", "a number: it is a text", "web1"),
        ("[[source]]\nusers = { a = 'pw' }", ":2: source 1.users.a", "it is a table with password, sensor", "users"),
        ("[[source]]\nusers = { a = { pasword = 'x' } }", ":2: source 1.users.a", "no setting “pasword”", "users"),
    ],
)  # fmt: skip
def test_a_wrong_type_is_told_with_its_line_and_an_example(settings: str, where: str, what: str, example: str) -> None:
    with pytest.raises(SettingsError) as told:
        parse(settings, "w.toml", {})
    assert told.value.where == f"w.toml{where}"
    assert what in english(told.value.what)
    assert told.value.hint is not None
    assert example in english(told.value.hint)


def test_a_wrong_variable_is_told_as_it_may_be_written() -> None:
    with pytest.raises(SettingsError) as told:
        parse("", "w.toml", {"WAFSCOPE_WEB_TIME_LIMIT": "soon"})
    assert (told.value.where, english(told.value.what)) == (
        "web.time_limit, WAFSCOPE_WEB_TIME_LIMIT",
        "It can not be “soon”: it is a number from 0.1 to 600.",
    )
    assert told.value.hint is not None
    assert english(told.value.hint) == "For example: WAFSCOPE_WEB_TIME_LIMIT=5.0"


@pytest.mark.parametrize(
    ("settings", "where", "what"),
    [
        ("[web", "", "can not be read"),
        ("", "", "nothing to follow"),
        ('web = "x"', "web", "[web] is a table"),
        ('[source]\npath = "x"', "source 1", "[[source]] is a table"),
        ('[[source]]\nkind = "serial"', "source 1: source.path", "needs a path"),
        ('[[source]]\npath = "x"\n[web]\nlisten = "x"', "web.listen", "no address to listen on"),
        ('[[source]]\npath = "x"\n[[source]]\npath = "x"', "{cwd}/x", "named twice"),
        ('[[source]]\nkind = "syslog"\nlisten = "127.0.0.1:8642"\nsensor = "w"', "127.0.0.1:8642", "the same address"),
        ('[[source]]\nkind = "receiver"\nlisten = "0.0.0.0:1"', "0.0.0.0:1", "tokens or users"),
        ('[[source]]\nkind = "receiver"\nlisten = "[::1]:1"\ntokens = { "" = "w" }', "[::1]:1", "is empty"),
        ('[[source]]\nkind = "receiver"\nlisten = "[::1]:1"\ntokens = { a = "" }', "[::1]:1", "is empty"),
        ('[[source]]\nkind = "receiver"\nlisten = "[::1]:1"\nusers.a = {password="",sensor="w"}', "[::1]:1", "empty"),
        ('[[source]]\npath = "x"\n[store]\nuri = "sqlite:x"', "", "not the address of a store"),
        ('[[source]]\npath = "x"\n[store]\nuri = "duckdb:////tmp"', "store.uri: /tmp", "must be a file"),
    ],
)  # fmt: skip
def test_what_can_not_be_is_an_error(tmp_path: Path, settings: str, where: str, what: str) -> None:
    told = found(settings, tmp_path)
    place = where.format(cwd=Path.cwd()) or str(tmp_path / "w.toml")
    assert what in (told.get(place) or told.get("", "")), told
    assert told[place if place in told else ""].startswith("error")


NUMBERS = [(s.name, k.name, k.type) for s in sections() for k in s.keys if "number" in k.type]


@pytest.mark.parametrize(("section", "key", "kind"), NUMBERS)
def test_every_number_has_its_range(tmp_path: Path, section: str, key: str, kind: str) -> None:
    low, high = re.findall(r"[0-9.]+", kind)
    sign = "[[source]]\npath = 'x'" if section == "source" else f"[{section}]"
    for value in ("-1", f"{high}0", "nan", "inf"):
        told = found(f"{sign}\n{key} = {value}\n", tmp_path)
        where = f"source 1.{key}" if section == "source" else f"{section}.{key}"
        assert list(told) == [where]
        assert f"“{value}” is out of range." in told[where] or "can not be" in told[where]
        assert f"from {low} to {high}." in told[where]
    for value in (low, high):
        told = found(f"{sign}\n{key} = {value}\n", tmp_path)
        assert "out of range" not in str(told)


@pytest.mark.parametrize(
    ("setting", "what"),
    [
        ('retention.size = "1MB"', "“1MB” is out of range. Write a size from 10MB to 1000TB."),
        ('retention.size = "0GB"', "“0GB” is out of range."),
        (f'retention.size = "{"9" * 400}"', "is no size. Write it as 20GB or 512MiB."),
        ('store.memory_limit = "2MB"', "“2MB” is out of range. Write a size from 64MB to 1000TB."),
        ('store.memory_limit = "256"', "“256” is no size. Write it as 256MB or 1GiB."),
        ('store.memory_limit = ""', "“” is no size."),
    ],
)
def test_every_size_has_its_range(tmp_path: Path, setting: str, what: str) -> None:
    assert what in found(setting, tmp_path)[setting.partition(" ")[0]]


def test_what_is_open_to_all_and_what_does_nothing_is_a_warning(tmp_path: Path) -> None:
    (tmp_path / "a.log").touch()
    source = f'[[source]]\npath = "{tmp_path}/a.log"\n'
    told = found(f'{source}after = "delete"\n[web]\nlisten = "0.0.0.0:1"\n', tmp_path)
    assert "no login" in told.pop("web.listen: 0.0.0.0:1")
    assert "for sources of kind concurrent. Take it out" in told.pop("source 1.after")
    assert told == {}
    syslog = '[[source]]\nkind = "syslog"\nlisten = "127.0.0.1:8642"\nprotocol = "udp"\nsensor = "w"\n'
    assert found(syslog, tmp_path) == {}  # the console has the same port of TCP
    assert found(f'{syslog}path = "x"\n', tmp_path).keys() == {"source 1.path"}
    assert found(f'{source}[web]\nlisten = "[::1]:1"\n', tmp_path) == {}
    assert found(f'{source}[web]\nlisten = "localhost:1"\n', tmp_path) == {}


def test_a_service_refuses_what_it_would_only_find_out_while_it_starts() -> None:
    settings = parse('[[source]]\nkind = "receiver"\nlisten = "127.0.0.1:8642"\nsensor = "w"\n', "w.toml", {})
    with pytest.raises(SettingsError, match="listen on the same address"):
        make_plan(settings)


def test_a_hint_can_be_copied_into_the_settings(tmp_path: Path) -> None:
    file = tmp_path / "w.toml"
    file.write_text(f'[[source]]\npath = "{tmp_path}"\n')
    assert 'Set kind = "concurrent" for' in run("--config", str(file), "config", "check").stdout.decode()


def test_what_will_not_work_is_a_warning(tmp_path: Path) -> None:
    (tmp_path / "log").touch()
    told = found(
        f'[[source]]\npath = "{tmp_path}/absent"\n[[source]]\npath = "{tmp_path}"\n[[source]]\nkind = "concurrent"\n'
        f'path = "{tmp_path}/log"\n[store]\nuri = "duckdb:////proc/s.duckdb"\n',
        tmp_path,
    )
    assert {where.partition(":")[0]: what for where, what in told.items()} == {
        "source 1": told[f"source 1: {tmp_path}/absent"],
        "source 2": told[f"source 2: {tmp_path}"],
        "source 3": told[f"source 3: {tmp_path}/log"],
        **({"store.uri": "warning: Nothing may be written there. "} if os.geteuid() else {}),
    }
    assert "waited for" in told[f"source 1: {tmp_path}/absent"]
    assert "concurrent" in told[f"source 2: {tmp_path}"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_a_log_that_may_not_be_read_is_named(open_path: Path) -> None:
    log, config = open_path / "root.log", open_path / "w.toml"
    log.touch(mode=0o600)
    config.write_text(f'[[source]]\npath = "{log}"\n[store]\nuri = "duckdb:///{open_path}/s.duckdb"\n')
    script = (
        "import os, sys; from pathlib import Path; from wafscope.service.check import check_settings;"
        "from wafscope.i18n.text import english; path = Path(sys.argv[1]); os.chdir(path.parent); os.setgroups([]);"
        "settings = path.read_text(); os.setegid(65534); os.seteuid(65534);"
        "import wafscope.service.check as check; check.read = lambda _: settings;"
        "import os; os.access = lambda p, m, a=os.access: a(p, m, effective_ids=True);"
        "print(*(english(each.what) for each in check_settings(path, {})))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(config)], capture_output=True, text=True, timeout=240, check=True
    )
    assert done.stdout == "It may not be read. Nothing may be written there.\n"


def test_settings_in_order_are_said_to_be(tmp_path: Path) -> None:
    (tmp_path / "a.log").touch()
    assert found(f'[[source]]\npath = "{tmp_path}/*.log"\n[store]\nuri = "duckdb:///{tmp_path}/s"\n', tmp_path) == {}
    done = run("config", "check", "--config", str(tmp_path / "w.toml"))
    assert b"in order" in done.stderr


def test_commands_ask_the_store_of_the_settings(tmp_path: Path) -> None:
    config = tmp_path / "w.toml"
    config.write_text(f'[store]\nuri = "duckdb:///{tmp_path}/s.duckdb"\n')
    imported(tmp_path / "s.duckdb", SERIAL)
    for question in (("top", "rule"), ("quarantine", "list")):
        assert run("--config", str(config), *question).stdout


def test_an_environment_that_is_wrong_is_named(tmp_path: Path) -> None:
    wrong = found('[[source]]\npath = "x"\n', tmp_path, {"WAFSCOPE_WEB_TIME_LIMIT": "soon"})
    assert wrong == {
        "web.time_limit, WAFSCOPE_WEB_TIME_LIMIT": wrong["web.time_limit, WAFSCOPE_WEB_TIME_LIMIT"],
    }
    settings = parse("", "", {"WAFSCOPE_WEB_TIME_LIMIT": "7", "WAFSCOPE_REDACTION_KEEP": "a,b"})
    assert (settings.web.time_limit, settings.redaction.keep) == (7.0, ("a", "b"))


def test_a_variable_that_sets_nothing_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.log").touch()
    environ = {"WAFSCOPE_WEB_LISTN": "127.0.0.1:1", "WAFSCOPE_SOURCE_PATH": "/a.log", "WAFSCOPE_LOG_LEVEL": "info"}
    told = found(f'[[source]]\npath = "{tmp_path}/a.log"\n', tmp_path, environ)
    assert "Did you mean WAFSCOPE_WEB_LISTEN?" in told.pop("WAFSCOPE_WEB_LISTN")
    assert "in the file alone" in told.pop("WAFSCOPE_SOURCE_PATH")
    assert told == {}


def test_json_has_what_was_found(tmp_path: Path) -> None:
    file = tmp_path / "w.toml"
    file.write_text("[web]\nlisen = 1\n")
    told = json.loads(run("config", "check", "--json", "--config", str(file), status=2).stdout)
    assert [list(each) for each in told] == [["level", "where", "what", "hint"]]
    assert told[0]["level"] == "error"


def test_the_reference_is_a_file_of_settings_with_the_defaults() -> None:
    written = run("config", "reference").stdout.decode()
    assert written == as_toml()
    assert parse(written, "", {}) == Settings()
    shown = re.sub(r"(?m)^#(?=\w+ = [^…]|\[)", "", written)
    assert parse(shown, "", {}) == Settings(source=(Source(),))


def test_every_setting_is_explained() -> None:
    assert [f"{s.name}.{k.name}" for s in sections() for k in s.keys if not k.meaning] == []
    assert all(section.meaning for section in sections())


def test_the_page_is_what_the_program_says() -> None:
    page = ROOT / "docs" / "reference" / "settings.md"
    assert page.read_text() == as_markdown(), "run: python scripts/make_settings_page.py"
    assert run("config", "reference", "--markdown").stdout.decode() == as_markdown()

"""`wafscope doctor` on the command line: what it prints, and the exit status that scripts look at."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner, Result
from tests.make import v3_record

from wafscope.cli.doctor import FAILED, WARNED
from wafscope.cli.main import cli
from wafscope.errors import WafscopeError


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, ["doctor", *map(str, arguments)], catch_exceptions=False)


def told(*arguments: str | Path) -> tuple[int, dict[str, Any]]:
    done = run("--json", *arguments)
    return done.exit_code, msgspec.json.decode(done.stdout)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A log with one record, and the configuration that writes it; nothing is wrong."""
    (tmp_path / "audit.log").write_bytes(v3_record() + b"\n")
    configuration = tmp_path / "rules.conf"
    configuration.write_text(
        "SecRuleEngine On\nSecRequestBodyAccess On\nSecAuditEngine On\n"
        f"SecAuditLogParts ABCFHZ\nSecAuditLog {tmp_path}/audit.log\n"
    )
    return configuration


def settings(site: Path, **source: str) -> Path:
    keys = {"path": str(site.parent / "audit.log"), "config": str(site)} | source
    lines = "".join(f'{name} = "{value}"\n' for name, value in keys.items())
    (site.parent / "wafscope.toml").write_text(
        f'[store]\nuri = "duckdb:///{site.parent}/waf.duckdb"\n[[source]]\nsensor = "web1"\n{lines}'
    )
    return site.parent / "wafscope.toml"


def test_a_healthy_source_ends_with_0(site: Path) -> None:
    done = run("--config", settings(site))

    assert (done.exit_code, done.stderr) == (0, "1 source is well.\n")
    assert str(site.parent / "audit.log") in done.stdout


def test_an_error_ends_with_7_and_names_the_line_to_change(site: Path) -> None:
    site.write_text(site.read_text().replace("ABCFHZ", "ABCFZ"))
    done = run("--config", settings(site))

    assert done.exit_code == FAILED
    assert f"{site}:4: SecAuditLogParts ABCFZ\n" in done.stdout
    assert "      - SecAuditLogParts ABCFZ\n      + SecAuditLogParts ABCFHZ\n" in done.stdout
    assert done.stderr == "1 error, 0 warnings, 0 notices.\n"


def test_json_has_what_scripts_look_at(site: Path) -> None:
    site.write_text(site.read_text().replace("ABCFHZ", "ABFHZ"))
    status, found = told("--config", settings(site))

    assert (status, found["status"]) == (WARNED, "warning")
    (source,) = found["sources"]
    (diagnosis,) = source.pop("diagnoses")
    assert source == {
        "source": str(site.parent / "audit.log"),
        "kind": "serial",
        "sensor": "web1",
        "status": "warning",
        "configuration": [str(site)],
        "state": None,
        "lag_bytes": None,
        "last_read": None,
        "rate_per_hour": None,
        "received": None,
        "stored": None,
        "duplicate": None,
        "quarantined": None,
        "last_record": source["last_record"],
    }
    assert source["last_record"].endswith("Z")
    assert diagnosis == {
        "code": "no_part_c",
        "severity": "warning",
        "what": "Request bodies are not logged.",
        "why": diagnosis["why"],
        "file": str(site),
        "line": 4,
        "evidence": "SecAuditLogParts ABFHZ",
        "now": "SecAuditLogParts ABFHZ",
        "then": "SecAuditLogParts ABCFHZ",
        "hint": None,
    }


def test_a_notice_and_what_is_ignored_end_with_0(site: Path) -> None:
    site.write_text(site.read_text().replace("AuditEngine On", "AuditEngine RelevantOnly").replace("ABCFHZ", "ABFHZ"))
    path = settings(site)

    assert told("--config", path)[0] == WARNED
    status, found = told("--config", path, "--ignore", "no_part_c")
    assert (status, found["status"]) == (0, "notice")
    assert [each["code"] for each in found["sources"][0]["diagnoses"]] == ["relevant_only"]


def test_a_path_is_examined_with_a_configuration_that_is_named(site: Path) -> None:
    log = site.parent / "audit.log"

    assert told(log, "--site", site)[1]["sources"][0]["configuration"] == [str(site)]
    log.write_text("")
    status, found = told(log, "--site", site)
    assert (status, [each["code"] for each in found["sources"][0]["diagnoses"]]) == (WARNED, ["log_empty"])
    assert told(site.parent / "gone.log", "--site", site)[0] == FAILED


def test_what_a_server_writes_is_examined_without_any_setting(site: Path) -> None:
    status, found = told("--site", site)

    assert (status, [each["source"] for each in found["sources"]]) == (0, [str(site.parent / "audit.log")])


def test_a_server_that_writes_no_log_is_told_so(site: Path) -> None:
    site.write_text("SecRuleEngine On\nSecRequestBodyAccess On\nSecAuditEngine On\nSecAuditLogParts ABCFHZ\n")
    status, found = told("--site", site)

    assert (status, found["sources"][0]["source"]) == (FAILED, str(site))
    assert [each["code"] for each in found["sources"][0]["diagnoses"]] == ["no_audit_log"]


def test_figures_come_from_the_store(site: Path) -> None:
    path = settings(site)
    log = site.parent / "audit.log"
    with log.open("ab") as more:
        more.write(b'{"transaction":{"client_ip":"192.0.2.1"\n')
    imported = CliRunner().invoke(cli, ["import", "--store", f"{site.parent}/waf.duckdb", "--sensor", "web1", str(log)])
    assert imported.exit_code == 0
    (source,) = told("--config", path)[1]["sources"]

    assert (source["received"], source["stored"], source["quarantined"], source["rate_per_hour"]) == (2, 1, 1, 0.0)
    # Nobody has followed it, so that all of it is still to come.
    assert (source["state"], source["lag_bytes"]) == ("idle", log.stat().st_size)
    assert "1 in quarantine" in run("--config", path).stdout


def test_hostile_names_and_lines_do_not_reach_the_terminal(site: Path) -> None:
    site.write_text(site.read_text().replace("ABCFHZ", '"A\x1b[31mZ"'))
    done = run(site.parent / "audit.log", "--site", site)

    assert "\x1b" not in done.stdout
    assert "\\x1b[31m" in done.stdout


@pytest.mark.parametrize(
    ("option", "value", "status", "words"),
    [
        ("--ignore", "no_part", 2, "no code “no_part”"),
        ("--site", "/nothing/here.conf", 4, "No such file or directory"),
        ("--store", "/nothing/here.duckdb", 5, "no store here"),
    ],
)
def test_what_is_named_must_be_there(site: Path, option: str, value: str, status: int, words: str) -> None:
    with pytest.raises(WafscopeError, match=words) as error:
        run(site.parent / "audit.log", option, value)
    assert (error.value.exit_status, error.value.hint is not None) == (status, True)


def test_each_sensor_of_a_receiver_is_a_source(site: Path) -> None:
    path = settings(site)
    store, log = f"{site.parent}/waf.duckdb", site.parent / "audit.log"
    path.write_text(
        f'[store]\nuri = "duckdb:///{store}"\n[[source]]\nkind = "receiver"\nlisten = "127.0.0.1:1"\n'
        'tokens = { a = "web1", b = "web2", c = "web1" }\n'
    )
    assert CliRunner().invoke(cli, ["import", "--store", store, str(log)]).exit_code == 0
    found = told("--config", path)[1]["sources"]
    assert [(each["source"], each["sensor"]) for each in found] == [
        ("receiver:web1", "web1"),
        ("receiver:web2", "web2"),
    ]
    assert "No event of it is stored." in run("--config", path).stdout


def test_a_user_that_is_not_there_is_a_wrong_option(site: Path) -> None:
    from wafscope.errors import SettingsError

    with pytest.raises(SettingsError):
        run(site.parent / "audit.log", "--user", "no such user")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
def test_another_user_may_read_less(site: Path) -> None:
    site.parent.chmod(0o755)
    (site.parent / "audit.log").chmod(0o600)
    status, found = told(site.parent / "audit.log", "--site", site, "--user", "nobody")

    assert status == FAILED
    assert [each["code"] for each in found["sources"][0]["diagnoses"]] == ["not_readable"]

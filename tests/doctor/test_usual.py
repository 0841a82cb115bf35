"""The logs that new settings name: what is not there of them is said once, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.make import v3_record

from wafscope.cli.main import cli
from wafscope.doctor import usual
from wafscope.doctor.examine import Examined
from wafscope.rules.site import find
from wafscope.rules.site.base import Site
from wafscope.service import install
from wafscope.service.checkup import Checkups
from wafscope.service.install import first_settings
from wafscope.settings import Settings, Source
from wafscope.store.memory import MemoryStore


@pytest.fixture
def usual_logs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, ...]:
    logs = tuple(tmp_path / name / "modsec_audit.log" for name in ("apache2", "httpd", "nginx", ""))
    (tmp_path / "nginx").mkdir()
    for module in (usual, install):
        monkeypatch.setattr(module, "USUAL_LOGS", tuple(map(str, logs)))
    monkeypatch.setattr(find, "look", lambda: ())
    return logs


def looked(logs: tuple[Path, ...], *more: Source, sites: tuple[Site, ...] = ()) -> list[Examined]:
    sources = [*(Source(path=str(log)) for log in logs), *more]
    return [each for each in usual.examine_all(sources, sites) if not each.is_left_out]


def codes(found: list[Examined]) -> list[list[str]]:
    return [[each.code for each in examined.diagnoses] for examined in found]


def test_where_none_is_there_it_is_said_once(usual_logs: tuple[Path, ...]) -> None:
    assert codes(looked(usual_logs)) == [["no_usual_log"]]


def test_where_one_is_there_nobody_misses_the_others(usual_logs: tuple[Path, ...], tmp_path: Path) -> None:
    usual_logs[2].write_bytes(v3_record() + b"\n")
    (found,) = looked(usual_logs)
    assert (found.source.path, found.records) == (str(usual_logs[2]), 1)
    usual_logs[2].unlink()
    own = Source(path=str(tmp_path / "own.log"))
    assert codes(looked(usual_logs, own)) == [["log_missing"]]


def test_one_that_an_engine_is_to_write_is_missed(usual_logs: tuple[Path, ...], tmp_path: Path) -> None:
    usual_logs[2].write_bytes(v3_record() + b"\n")
    (tmp_path / "rules.conf").write_text(f"SecRuleEngine On\nSecAuditEngine On\nSecAuditLog {usual_logs[3]}\n")
    site = find.read(str(tmp_path / "rules.conf"))
    assert site is not None
    assert [each.source.path for each in looked(usual_logs, sites=(site,))] == [str(log) for log in usual_logs[2:]]


def test_settings_of_ones_own_name_what_is_to_be_there(usual_logs: tuple[Path, ...]) -> None:
    usual_logs[2].write_bytes(v3_record() + b"\n")
    assert codes(looked(usual_logs[1:]))[::2] == [["log_missing"], ["log_missing"]]


def test_the_sources_page_says_the_same(usual_logs: tuple[Path, ...]) -> None:
    sources = [Source(path=str(log)) for log in usual_logs]
    checkup = Checkups(MemoryStore(), Settings(source=tuple(sources)))(0)
    assert checkup
    assert codes(list(checkup.examined)) == [["no_usual_log"]]


def test_fresh_settings_on_the_command_line(usual_logs: tuple[Path, ...], tmp_path: Path) -> None:
    def run(*arguments: str) -> Result:
        return CliRunner().invoke(cli, [*arguments, "--config", str(tmp_path / "w.toml")], catch_exceptions=False)

    written = first_settings(tmp_path / "nowhere").replace("/var/lib/wafscope", str(tmp_path))
    (tmp_path / "w.toml").write_text(written)
    assert written.count("[[source]]") == len(usual_logs)
    done = run("doctor")
    assert (done.exit_code, done.stderr) == (7, "1 error, 0 warnings, 0 notices.\n")
    assert "Name the log that your engine writes" in done.stdout
    checked = run("config", "check")
    assert (checked.exit_code, checked.stdout.count("\n")) == (0, 2)

    usual_logs[2].write_bytes(v3_record() + b"\n")
    done = run("doctor")
    assert str(usual_logs[2]) in done.stdout
    assert "[no_usual_log]" not in done.stdout
    assert "[log_missing]" not in done.stdout
    assert run("config", "check").stdout == ""

"""Commands about the service of this machine find its settings, unless they are told of others."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.cli.test_commands import RECORDS, SERIAL

from wafscope import settings
from wafscope.cli import serve
from wafscope.cli.main import cli
from wafscope.errors import SettingsError, WafscopeError
from wafscope.service.run import Given
from wafscope.settings import Settings


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Settings in the place of those of a service, and a folder without any store to work in."""
    path = tmp_path / "etc" / "wafscope.toml"
    path.parent.mkdir()
    log = tmp_path / "a.log"
    log.write_bytes(SERIAL.read_bytes())
    path.write_text(f'[store]\nuri = "duckdb:///{tmp_path}/s.duckdb"\n[[source]]\npath = "{log}"\n')
    monkeypatch.setattr(settings, "INSTALLED", path)
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, arguments)


def test_the_commands_about_the_service_read_its_settings_and_say_so(config: Path) -> None:
    said = f"Settings: {config}\n"
    assert run("import", "--store", str(config.parent.parent / "s.duckdb"), str(SERIAL)).exit_code == 0
    for arguments in (("top", "rule"), ("store", "status"), ("quarantine", "list"), ("doctor",), ("config", "check")):
        done = run(*arguments)
        assert done.stderr.startswith(said), arguments
    assert f"{RECORDS} events" in run("store", "status").stdout
    assert "The settings are in order." in run("config", "check").stderr
    assert list(Path().iterdir()) == []


def test_whoever_names_a_store_or_settings_gets_those(config: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.toml"
    other.write_text(f'[store]\nuri = "duckdb:///{tmp_path}/o.duckdb"\n[[source]]\npath = "{SERIAL}"\n')
    for arguments in (
        ("import", "--store", str(tmp_path / "o.duckdb"), str(SERIAL)),
        ("store", "status", f"--store={tmp_path}/o.duckdb"),
        ("--config", str(other), "top", "rule"),
        ("doctor", "--config", str(other)),
        ("config", "check", "--config", str(other)),
        ("store", "--help"),
    ):
        done = run(*arguments)
        assert str(config) not in done.output, arguments
    assert not (tmp_path / "s.duckdb").exists()


def test_commands_about_a_log_alone_do_not_care(config: Path) -> None:
    config.write_text("[wbe]\n")
    assert run("convert", "--to", "csv", str(SERIAL)).exit_code == 0
    done = run("store", "status")
    assert isinstance(done.exception, SettingsError)
    assert done.exception.where == f"{config}:1"


def test_serve_reads_them_where_no_log_is_named(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    served: list[Settings] = []

    def taken(found: Settings, _opened: object, _given: Given) -> None:
        served.append(found)

    monkeypatch.setattr(serve, "run", taken)
    monkeypatch.setattr(serve, "listen", lambda _address: None)
    assert run("serve").exit_code == 0
    assert run("serve", str(SERIAL)).exit_code == 0
    assert [each.store.uri for each in served] == [f"duckdb:///{config.parent.parent}/s.duckdb", Settings().store.uri]
    assert [[source.path for source in each.source] for each in served] == [
        [str(config.parent.parent / "a.log")],
        [str(SERIAL)],
    ]


def test_those_that_may_not_be_read_are_named(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_arguments, **_options: False)
    done = run("store", "status")
    assert f"{config} may not be read, so the defaults hold." in done.stderr
    assert isinstance(done.exception, WafscopeError)

"""The unit of systemd, the steps of an installation, and what systemd itself says of them."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.cli.test_commands import run

from wafscope.errors import SettingsError
from wafscope.service.install import Run, check_reach, first_settings, installing, take, uninstalling
from wafscope.service.unit import Needs, needs, unit
from wafscope.settings import Settings, Source, User, parse

ROOT = Path(__file__).parents[2]


def test_the_settings_decide_what_it_may_do(tmp_path: Path) -> None:
    log = tmp_path / "audit.log"
    log.touch(mode=0o640)
    shutil.chown(log, group="www-data")
    settings = parse(
        '[store]\nuri = "duckdb:////srv/waf/store.duckdb"\n'
        f'[[source]]\npath = "{tmp_path}/*.log"\n'
        '[[source]]\nkind = "concurrent"\npath = "/var/log/modsec"\nafter = "archive"\n'
        '[[source]]\nkind = "syslog"\nlisten = "127.0.0.1:514"\nsensor = "web1"\nspool = "/srv/spool"\n',
        "",
        {},
    )
    found = needs(settings)
    assert found.low_port
    assert "www-data" in found.groups
    assert found.writable == ("/srv/spool", "/srv/waf", "/var/log/modsec", "/var/log/modsec.archive")
    text = unit(allowed=found)
    assert "AmbientCapabilities=CAP_NET_BIND_SERVICE\n" in text
    assert "ReadWritePaths=-/srv/waf\n" in text


def test_without_need_it_may_nothing() -> None:
    source = Source(kind="receiver", listen="127.0.0.1:8643", users={"web1": User("secret", "web1")})
    store = parse('[store]\nuri = "duckdb:////var/lib/wafscope/wafscope.duckdb"', "", {}).store
    assert needs(Settings(store=store, source=(source,))) == Needs()
    text = unit(allowed=Needs())
    assert "AmbientCapabilities" not in text
    assert "SupplementaryGroups" not in text
    assert "CapabilityBoundingSet=\n" in text


def test_a_name_is_written_so_that_systemd_takes_it_as_it_is() -> None:
    text = unit(("/opt/my $waf/100%", "$x"), allowed=Needs(writable=('/srv/$HOME/"x"',)))
    assert 'ExecStart="/opt/my $waf/100%%" $$x --config' in text
    assert 'ReadWritePaths=-"/srv/$HOME/\\"x\\""\n' in text


@pytest.mark.system
def test_systemd_finds_no_fault_and_rates_it(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    file = tmp_path / "wafscope.service"
    program = tmp_path / "of $me, 100%" / "wafscope"
    program.parent.mkdir()
    program.symlink_to("/bin/true")
    odd = Needs(("adm", "www-data"), ('/srv/$HOME/100% "it\'s"',), low_port=True, any_log=True)
    file.write_text(unit((str(program),), allowed=odd))
    verified = subprocess.run(
        ["systemd-analyze", "verify", str(file)], capture_output=True, text=True, timeout=240, check=False
    )
    assert (verified.returncode, verified.stderr) == (0, "")
    file.write_text(unit(("/bin/true",)))
    verified = subprocess.run(
        ["systemd-analyze", "verify", str(file)], capture_output=True, text=True, timeout=240, check=False
    )
    assert (verified.returncode, verified.stderr) == (0, "")
    rated = subprocess.run(
        ["systemd-analyze", "security", "--offline=yes", "--threshold=20", str(file)],
        capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    figure = re.search(r"exposure level for wafscope.service: ([\d.]+)", rated.stdout)
    assert figure is not None
    assert float(figure[1]) <= 2.0
    # The figure that people read is the one that was found.
    assert f"{figure[1]} of 10" in (ROOT / "docs" / "reference" / "service.md").read_text()


def test_a_dry_run_shows_everything_and_does_nothing(tmp_path: Path) -> None:
    shown = run("service", "install", "--dry-run", "--root", str(tmp_path)).stdout.decode()
    assert [each.name for each in tmp_path.iterdir()] == []
    for step in (
        "write /etc/wafscope/wafscope.toml, mode 0640",
        "write /etc/systemd/system/wafscope.service",
        "enable",
    ):
        assert step in shown
    assert unit(("X",)).splitlines()[1] in shown


def test_what_a_service_can_not_reach_is_refused() -> None:
    with pytest.raises(SettingsError, match="home directory") as raised:
        check_reach(("/home/me/.local/bin/wafscope",))
    assert raised.value.where == "/home/me/.local/bin/wafscope"


def test_installing_below_a_root_and_taking_away(tmp_path: Path) -> None:
    (tmp_path / "var/log/nginx").mkdir(parents=True)
    (tmp_path / "var/log/nginx/modsec_audit.log").touch()
    steps = installing(("/usr/bin/wafscope",), Needs(groups=("adm",)), settings=first_settings(tmp_path))
    for step in steps:
        if not isinstance(step, Run):
            take(step, tmp_path)
    config = tmp_path / "etc/wafscope/wafscope.toml"
    assert config.stat().st_mode & 0o777 == 0o640
    settings = parse(config.read_text(), "", {})
    assert [source.path for source in settings.source] == ["/var/log/nginx/modsec_audit.log"]
    assert (tmp_path / "etc/systemd/system/wafscope.service").read_text() == unit(allowed=Needs(groups=("adm",)))
    for step in uninstalling(purge=True):
        if not isinstance(step, Run):
            take(step, tmp_path)
    assert [file for file in tmp_path.rglob("*") if file.is_file()] == [tmp_path / "var/log/nginx/modsec_audit.log"]


def test_without_a_log_each_is_waited_for() -> None:
    settings = parse(first_settings(Path("/nowhere")), "", {})
    assert len(settings.source) == 4
    assert settings.store.uri == "duckdb:////var/lib/wafscope/wafscope.duckdb"


@pytest.mark.system
def test_the_command_installs_below_a_root(tmp_path: Path) -> None:
    if shutil.which("systemctl") is None:
        pytest.skip("systemctl is not installed")
    for _ in range(2):
        run("service", "install", "--root", str(tmp_path))
    assert (tmp_path / "etc/systemd/system/multi-user.target.wants/wafscope.service").is_symlink()
    assert "wafscope:" in (tmp_path / "etc/passwd").read_text()
    run("service", "uninstall", "--root", str(tmp_path))
    assert not (tmp_path / "etc/systemd/system/multi-user.target.wants/wafscope.service").is_symlink()
    assert (tmp_path / "etc/wafscope/wafscope.toml").exists()


def test_a_package_gets_the_unit_that_it_asks_for() -> None:
    assert run("service", "unit").stdout.decode() == unit()
    assert "SupplementaryGroups=www-data" in run("service", "unit", "--group", "www-data").stdout.decode()

"""Source archive, wheel and Debian package: made from the tree alone, installed where nothing is."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from tests.system.machine import Machine, booted
from tests.system.servers import free_port, needs, running
from tests.system.serving import until
from tests.system.writer import json_record

from wafscope import __version__

ROOT = Path(__file__).parents[2]
LEFT_OUT = shutil.ignore_patterns(".git", ".venv", "node_modules", "dist", "build", "static", "*_cache", "__pycache__")
ENVIRON = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL", "WAFSCOPE"))}
CONSOLE = "http://127.0.0.1:8642"


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All packages, by `make deb` in a copy of the tree in which nothing was built; WAFSCOPE_DIST names others."""
    if "WAFSCOPE_DIST" in os.environ:
        return Path(os.environ["WAFSCOPE_DIST"])
    needs("make", "dpkg-deb", files=[Path("/usr/bin/python3")])
    tree = tmp_path_factory.mktemp("packages") / "tree"
    shutil.copytree(ROOT, tree, ignore=LEFT_OUT, symlinks=True)
    (tree / ".venv").symlink_to(sys.prefix)
    done = subprocess.run(
        ["make", "--old-file=.venv/.ready", "deb"],
        cwd=tree,
        env=ENVIRON | {"COMPRESSION": "-Zzstd -z1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return tree / "dist"


def only(dist: Path, pattern: str) -> Path:
    [found] = dist.glob(pattern)
    return found


def test_the_wheel_of_the_source_archive_runs_by_itself(dist: Path, tmp_path: Path) -> None:
    """Pip built it from the source archive alone, with what that asks for; here it meets a new environment."""
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "new"], check=True, env=ENVIRON)
    pip, wheel = tmp_path / "new/bin/pip", only(dist, "*.whl")
    subprocess.run([pip, "install", "--quiet", "--no-compile", wheel], check=True, env=ENVIRON, cwd=tmp_path)
    wafscope = tmp_path / "new/bin/wafscope"
    said = subprocess.run([wafscope, "--version"], check=True, capture_output=True, text=True, env=ENVIRON).stdout
    assert said.strip() == f"wafscope, version {__version__}"
    console = f"127.0.0.1:{free_port()}"
    at = int(console.rpartition(":")[2])
    with running(
        [wafscope, "demo"], at, tmp_path / "demo.log", environment={"WAFSCOPE_WEB_LISTEN": console, "PYTHONPATH": ""}
    ):
        page = fetched(f"http://{console}/").decode()
        parts = set(re.findall(r'(?:src|href)="(/static/[^"]+)"', page))
        sizes = {part.split("?")[0]: len(fetched(f"http://{console}{part}")) for part in parts}
    assert "Wafscope</title>" in page
    assert sizes.keys() == {f"/static/{name}" for name in ("boot.js", "icon.svg", "wafscope.css", "wafscope.js")}
    assert min(sizes.values()) > 100


def fetched(address: str) -> bytes:
    with urllib.request.urlopen(address, timeout=240) as answer:
        found: bytes = answer.read()
        return found


def test_the_wheel_holds_what_it_needs(dist: Path) -> None:
    names = subprocess.run(
        [sys.executable, "-m", "zipfile", "-l", only(dist, "*.whl")], check=True, capture_output=True, text=True
    ).stdout
    for name in ("web/static/wafscope.js", "web/templates/base.html", "i18n/ja.po", "sample/modsec_audit.log.zst"):
        assert f"wafscope/{name} " in names
    assert "frontend" not in names


def named(machine: Machine) -> str:
    """All that bears the name, in the places of a package."""
    return machine.do("find", "/etc", "/lib/systemd", "/usr", "/var/lib", "-xdev", "-name", "*wafscope*")


def asked_and_told(machine: Machine) -> None:
    """The service under its restrictions: new settings, wrong ones, and the command line beside it."""
    settings = ("wafscope", "--config", "/etc/wafscope/wafscope.toml")
    machine.do("systemctl", "reload", "wafscope")
    until(lambda: "taken anew" in machine.do("journalctl", "-u", "wafscope", "-o", "cat"), "the new settings")
    machine.write("/etc/wafscope/wafscope.toml", b"[wbe]\n")
    assert machine.do("sh", "-c", "systemctl reload wafscope || echo refused").endswith("refused")
    until(lambda: "Did you mean web" in machine.do("journalctl", "-u", "wafscope", "-o", "cat"), "the refusal")
    machine.do("sed", "-i", "/wbe/d", "/etc/wafscope/wafscope.toml")
    assert machine.do("systemctl", "is-active", "wafscope") == "active"
    until(lambda: " sources, " in machine.do("systemctl", "show", "-p", "StatusText", "wafscope"), "the figures")
    assert json.loads(machine.do(*settings, "top", "status", "--json"))["events"] == 1
    stranger = " ".join(("runuser -u nobody --", *settings[:1], "top status --store /var/lib/wafscope/wafscope.duckdb"))
    assert "as root" in machine.do("sh", "-c", f"{stranger} 2>&1 || true")


def test_the_debian_package_installs_starts_and_goes(dist: Path, tmp_path: Path, kept: Path) -> None:
    """By dpkg and systemd: in an overlay of this machine, or in the clean root that scripts/try-deb.sh makes."""
    package = only(dist, "*.deb")
    with booted(tmp_path / "place", kept, package) as machine:
        machine.do("rm", "-f", "/usr/sbin/policy-rc.d")  # that of images of containers forbids all starts
        before = named(machine)
        machine.do("dpkg", "--install", f"/run/{package.name}")
        assert machine.do("systemctl", "is-active", "wafscope") == "active"
        assert json.loads(machine.get(f"{CONSOLE}/healthz"))["events"] == 0
        assert machine.do("stat", "-c", "%U:%G %a", "/etc/wafscope/wafscope.toml") == "root:wafscope 640"
        assert machine.do("stat", "-c", "%U:%G %a", "/var/lib/wafscope") == "wafscope:wafscope 750"
        assert machine.do("ps", "-o", "user=", "-C", "wafscope").split()[0] == "wafscope"
        assert machine.do("systemd-analyze", "verify", "/lib/systemd/system/wafscope.service") == ""
        assert machine.do("wafscope", "--version") == f"wafscope, version {__version__}"
        assert machine.do("dpkg", "--verify", "wafscope") == ""

        log = "/var/log/modsec_audit.log"
        machine.do("install", "-m", "640", "-g", "adm", "/dev/null", log)
        machine.write(log, json_record(1))
        until(lambda: json.loads(machine.get(f"{CONSOLE}/healthz"))["events"] == 1, "the event")
        machine.write("/etc/wafscope/wafscope.toml", b'\n[log]\nlevel = "info"\n')
        asked_and_told(machine)

        machine.do("dpkg", "--install", f"/run/{package.name}")  # as an upgrade does it
        assert machine.do("systemctl", "is-active", "wafscope") == "active"
        assert 'level = "info"' in machine.do("cat", "/etc/wafscope/wafscope.toml")

    with booted(tmp_path / "place", kept, package, unit="multi-user.target") as machine:
        until(lambda: machine.do("systemctl", "is-active", "wafscope", check=False) == "active", "the start at boot")
        assert json.loads(machine.get(f"{CONSOLE}/healthz"))["events"] == 1

        machine.do("dpkg", "--remove", "wafscope")
        assert machine.do("systemctl", "is-active", "wafscope", check=False) == "inactive"
        assert machine.do("find", "/usr/lib/wafscope", "/usr/bin/wafscope", check=False) == ""
        assert "wafscope.duckdb" in machine.do("ls", "/var/lib/wafscope")
        assert 'level = "info"' in machine.do("cat", "/etc/wafscope/wafscope.toml")

        machine.do("dpkg", "--purge", "wafscope")
        assert machine.do("getent", "passwd", "wafscope", check=False) == ""
        assert named(machine) == before

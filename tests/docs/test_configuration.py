"""Configuration in the documentation and in examples/ is what the programs take that it is for."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.docs.blocks import ROOT, Block, every
from tests.system.servers import MODULES, NGINX_MODULE, needs, program

from wafscope import settings

EXAMPLES = ROOT / "examples"
MODULES_OF_APACHE = (
    "mpm_event", "authn_core", "authn_file", "authz_core", "authz_host", "authz_user", "auth_basic", "ssl", "proxy",
    "socache_shmcb", "proxy_http", "unique_id", "security2", "headers",
)  # fmt: skip


def name(block: Block) -> str:
    return block.place


@pytest.mark.parametrize("block", every("toml"), ids=name)
def test_settings(block: Block, tmp_path: Path) -> None:
    file = tmp_path / "wafscope.toml"
    file.write_text(block.text)
    settings.load(file, {})


@pytest.mark.parametrize("block", every("json", "yaml"), ids=name)
def test_data(block: Block) -> None:
    read: Any = json.loads if block.language == "json" else yaml.safe_load
    assert read(block.text)


@pytest.fixture(scope="module")
def stead(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the configurations name: certificate, passwords, rules."""
    needs("openssl", "nginx", "apache2", files=[NGINX_MODULE, MODULES / "mod_security2.so"])
    place = tmp_path_factory.mktemp("stead")
    place.chmod(0o755)
    request = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=wafscope.example.org"
    subprocess.run(
        [*request.split(), "-keyout", place / "wafscope.key", "-out", place / "wafscope.pem"],
        check=True,
        capture_output=True,
    )
    (place / "wafscope.htpasswd").write_text("")
    for server in ("apache2", "caddy", "modsecurity", "nginx"):
        (place / server).mkdir()
    return place


def moved(text: str, stead: Path) -> str:
    """Put what is not on this machine where it is."""
    places = {
        "/etc/ssl/certs/": f"{stead}/",
        "/etc/ssl/private/": f"{stead}/",
        "/etc/nginx/wafscope.htpasswd": f"{stead}/wafscope.htpasswd",
        "/etc/apache2/wafscope.htpasswd": f"{stead}/wafscope.htpasswd",
        "/etc/nginx/modsecurity-wafscope.conf": f"{stead}/on.conf",
        "/etc/nginx/rules.conf": f"{stead}/on.conf",
        "/etc/modsecurity/crs/wafscope-console.conf": f"{EXAMPLES}/crs/wafscope-console.conf",
        "/var/log/": f"{stead}/",
    }
    (stead / "on.conf").write_text("SecRuleEngine On\n")
    for place, other in places.items():
        text = text.replace(place, other)
    return re.sub(r"listen 443\b", "listen 127.0.0.1:8443", text)


def nginx_takes(text: str, stead: Path) -> None:
    inside = text if re.search(r"^\s*(server|upstream) ", text, re.MULTILINE) else f"server {{\n{text}\n}}"
    temporary = " ".join(
        f"{each}_temp_path {stead}/{each};" for each in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    file = stead / "nginx.conf"
    file.write_text(
        f"load_module {NGINX_MODULE}; pid {stead}/nginx.pid; error_log {stead}/error.log; events {{}}\n"
        f"http {{ access_log off; {temporary}\n{moved(inside, stead)}\n}}\n"
    )
    done = subprocess.run(
        [program("nginx"), "-t", "-q", "-p", stead, "-e", stead / "error.log", "-c", file],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def apache_takes(text: str, stead: Path) -> None:
    modules = "".join(f"LoadModule {each}_module {MODULES}/mod_{each}.so\n" for each in MODULES_OF_APACHE)
    file = stead / "apache.conf"
    file.write_text(
        f"{modules}ServerRoot {stead}\nServerName localhost\nListen 127.0.0.1:8080\nPidFile {stead}/apache.pid\n"
        f"ErrorLog {stead}/error.log\n{moved(text, stead)}\n"
    )
    done = subprocess.run(
        [program("apache2"), "-t", "-f", file], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 0, done.stderr


def rules_of_nginx(text: str, stead: Path) -> str:
    rules = stead / "rules.conf"
    rules.write_text(moved(text, stead))
    return f"server {{ listen 127.0.0.1:8080; modsecurity on; modsecurity_rules_file {rules}; }}"


@pytest.mark.parametrize("block", every("nginx", "apache"), ids=name)
def test_servers(block: Block, stead: Path) -> None:
    take = nginx_takes if block.language == "nginx" else apache_takes
    take(block.text, stead)


@pytest.mark.parametrize("block", every("seclang"), ids=name)
def test_seclang(block: Block, stead: Path) -> None:
    if "v2" not in block.words:
        nginx_takes(rules_of_nginx(block.text, stead), stead)
    if "v3" not in block.words:
        apache_takes(block.text, stead)


def test_the_exclusions_are_read_by_both_engines(stead: Path) -> None:
    text = (EXAMPLES / "crs" / "wafscope-console.conf").read_text()
    nginx_takes(rules_of_nginx(text, stead), stead)
    apache_takes(text, stead)


def test_the_compose_example(stead: Path) -> None:
    compose = EXAMPLES / "compose"
    nginx_takes((compose / "site.conf").read_text().replace("listen 80 ", "listen 127.0.0.1:8080 "), stead)
    nginx_takes(rules_of_nginx((compose / "rules.conf").read_text(), stead), stead)


@pytest.mark.parametrize("file", sorted(EXAMPLES.rglob("*.y*ml")), ids=lambda file: file.name)
def test_examples_in_yaml(file: Path) -> None:
    assert list(yaml.safe_load_all(file.read_text())) != [None]


@pytest.mark.parametrize("file", sorted(EXAMPLES.rglob("*.toml")), ids=lambda file: file.name)
def test_examples_of_settings(file: Path) -> None:
    settings.load(file, {})


@pytest.mark.parametrize(
    "file", [ROOT / "Containerfile", EXAMPLES / "compose" / "web.Containerfile"], ids=lambda file: file.name
)
def test_what_an_image_is_made_from_is_there(file: Path) -> None:
    """Images of other hosts are not to be had in a test; that both build and run was tried by hand, with buildah."""
    lines = file.read_text().splitlines()
    copied = [line.split()[1] for line in lines if line.startswith("COPY ") and "--from" not in line]
    assert copied != []
    assert [source for source in copied if not (file.parent / source).exists()] == []
    assert [line for line in lines if line.startswith("FROM ") and not line.startswith("FROM debian:")] == []

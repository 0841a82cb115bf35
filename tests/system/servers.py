"""Real web servers with a firewall, on loopback, for the time of a test."""

from __future__ import annotations

import contextlib
import http.client
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import IO

import pytest
from bench.process import free_port as free_port

NOTHING: Mapping[str, str] = MappingProxyType({})
PATIENCE = 120
"""Seconds; far more than a server takes to start."""
RULES = """
SecRuleEngine DetectionOnly
SecRequestBodyAccess On
SecAuditEngine On
SecRule ARGS "@contains attack" "id:1001,phase:2,pass,log,auditlog,msg:'An attack',severity:2,tag:'attack-generic'"
"""
MODULES = Path("/usr/lib/apache2/modules")
NGINX_MODULE = Path("/usr/lib/nginx/modules/ngx_http_modsecurity_module.so")


def needs(*programs: str, files: Sequence[Path] = ()) -> None:
    """Skip a test where a program is missing (scripts/system-packages.sh installs them)."""
    missing = [p for p in programs if shutil.which(p, path=_path()) is None] + [str(f) for f in files if not f.exists()]
    if missing:
        pytest.skip(f"missing: {', '.join(missing)}; scripts/system-packages.sh installs it")


def _path() -> str:
    return os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/go/bin"


def program(name: str) -> str:
    """The path of a program."""
    found = shutil.which(name, path=_path())
    assert found is not None, name
    return found


@contextmanager
def running(
    command: Sequence[str | Path],
    at: int,
    log: Path,
    *,
    piped: bool = False,
    cwd: Path | None = None,
    environment: Mapping[str, str] = NOTHING,
) -> Iterator[subprocess.Popen[bytes]]:
    """Start a server, wait until it listens, and end it; `piped`: what it writes goes through one pipe to `log`."""
    with contextlib.ExitStack() as stack:
        output: IO[bytes] = stack.enter_context(log.open("wb"))
        if piped:
            # It ends with the last process that writes to it.
            cat = stack.enter_context(subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=output))
            assert cat.stdin is not None
            output = stack.enter_context(cat.stdin)
        process = subprocess.Popen(command, stdout=output, stderr=output, env=os.environ | dict(environment), cwd=cwd)
        try:
            end = time.monotonic() + PATIENCE
            while True:
                assert process.poll() is None, log.read_text()
                try:
                    socket.create_connection(("127.0.0.1", at), timeout=1).close()
                    break
                except OSError:
                    assert time.monotonic() < end, log.read_text()
                    time.sleep(0.05)
            yield process
        finally:
            process.terminate()
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def visit(
    at: int,
    target: str,
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
    *,
    client: str = "127.0.0.1",
) -> int:
    """Ask a server for something, or send it a form; return the status."""
    connection = http.client.HTTPConnection("127.0.0.1", at, timeout=PATIENCE, source_address=(client, 0))
    form = {"Content-Type": "application/x-www-form-urlencoded"} if body is not None else {}
    try:
        connection.request("GET" if body is None else "POST", target, body, form | dict(headers or {}))
        response = connection.getresponse()
        response.read()
        return response.status
    finally:
        connection.close()


@contextmanager
def apache(directory: Path, directives: str, at: int) -> Iterator[subprocess.Popen[bytes]]:
    """Apache with mod_security2; as root, its children belong to nobody, so `directory` must let them in."""
    needs("apache2", files=[MODULES / "mod_security2.so"])
    (directory / "www").mkdir()
    (directory / "www" / "index.html").write_text("ok\n")
    user = "User nobody\nGroup nogroup\n" if os.geteuid() == 0 else ""
    modules = "".join(
        f"LoadModule {name}_module {MODULES}/mod_{name}.so\n"
        for name in ("mpm_event", "authz_core", "dir", "unique_id", "security2")
    )
    configuration = directory / "apache.conf"
    configuration.write_text(
        f"{modules}{user}ServerRoot {directory}\nServerName localhost\nListen 127.0.0.1:{at}\n"
        f"PidFile {directory}/apache.pid\nErrorLog {directory}/error.log\nDocumentRoot {directory}/www\n"
        f"{RULES}SecTmpDir {directory}\nSecDataDir {directory}\n{directives}\n"
    )
    with running([program("apache2"), "-f", configuration, "-DFOREGROUND"], at, directory / "apache.out") as process:
        yield process


@contextmanager
def nginx(
    directory: Path,
    directives: str,
    at: int,
    *,
    user: str = "root",
    switch: str = "on",
    piped: bool = False,
    environment: Mapping[str, str] = NOTHING,
) -> Iterator[subprocess.Popen[bytes]]:
    """Nginx with libmodsecurity; its processes are those of `user` where the test is root.

    `piped`: it writes its access log to the pipe, too.
    """
    needs("nginx", files=[NGINX_MODULE])
    (directory / "www").mkdir(exist_ok=True)
    (directory / "www" / "index.html").write_text("ok\n")
    (directory / "rules.conf").write_text(f"{RULES}{directives}\n")
    user = f"user {user};" if os.geteuid() == 0 else ""
    access = "/dev/stdout" if piped else directory / "access.log"
    temporary = " ".join(
        f"{name}_temp_path {directory}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    configuration = directory / "nginx.conf"
    configuration.write_text(
        f"load_module {NGINX_MODULE}; {user} daemon off; worker_processes 2; pid {directory}/nginx.pid;\n"
        f"error_log {directory}/error.log; events {{}}\n"
        f"http {{ log_format truth '$remote_addr $status $host $request';\n"
        f"  access_log {access}; access_log {directory}/truth.log truth; {temporary}\n"
        f"  server {{ listen 127.0.0.1:{at}; root {directory}/www;\n"
        f"    modsecurity {switch}; modsecurity_rules_file {directory}/rules.conf; }} }}\n"
    )
    command: list[str | Path] = [program("nginx"), "-p", directory, "-e", directory / "error.log", "-c", configuration]
    with running(command, at, directory / "nginx.out", piped=piped, environment=environment) as process:
        yield process


def build_coraza(directory: Path) -> Path:
    """Build the server with Coraza that stands beside this file."""
    needs("go")
    version = subprocess.run([program("go"), "env", "GOVERSION"], check=True, capture_output=True, text=True).stdout
    if tuple(int(part) for part in version.strip().removeprefix("go").split(".")[:2]) < (1, 21):
        pytest.skip(f"{version.strip()} is too old for Coraza")
    built = directory / "coraza"
    # An older Go takes the one that Coraza wants from where it takes the modules.
    done = subprocess.run(
        [program("go"), "build", "-o", built, "."],
        cwd=Path(__file__).parent / "coraza",
        env=os.environ | {"GOTOOLCHAIN": "auto"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return built


def given_up(directory: Path) -> int:
    """How many records Coraza did not get rid of: its writer waits a second for an answer, and never asks again."""
    return (directory / "coraza.log").read_text().count("Failed to write audit log")


@contextmanager
def coraza(built: Path, directory: Path, directives: str, at: int) -> Iterator[subprocess.Popen[bytes]]:
    """A web server in Go with Coraza, which says in a log what it could not log."""
    known = f"{RULES}SecDebugLog {directory}/coraza.log\nSecDebugLogLevel 1\n"
    command: list[str | Path] = [built, f"127.0.0.1:{at}", known + directives]
    with running(command, at, directory / "coraza.out", cwd=directory) as process:
        yield process

"""The commands of the documentation do what it says."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.docs.blocks import PAGES, ROOT, Block, blocks
from tests.system.servers import free_port, needs
from tests.system.serving import PATIENCE

SAMPLES = ROOT / "tests" / "samples"
LOGS = {
    "/var/log/modsec_audit.log": "gen-v3.0.15-json-serial.log",
    "/var/log/nginx/modsec_audit.log": "gen-v3.0.15-json-serial.log",
    "/var/log/nginx/error.log": "gen-errorlog-nginx-v3.0.9.log",
    "/var/log/apache2/modsec_audit.log": "gen-v2-native-serial.log",
    "/var/log/apache2/error.log": "gen-errorlog-apache-v2.log",
    "/var/log/caddy/coraza_audit.log": "gen-coraza-3.7.0-json-ABCEFHIJKZ.log",
    "/var/log/modsec_audit/20261118/20261118-0131/20261118-013108-179496546832.485013": "gen-v3.0.15-json-serial.log",
    "/var/log/mlogc/data/20261118/20261118-0131/20261118-013108-Z2u1lH8AAQEAAGgUAAAAAA": (
        "gen-v2-concurrent-file-native.log"
    ),
}
"""What lies on the machine of the documentation."""
SERVERS = ("serve", "view", "demo")
CONSOLE = "127.0.0.1:8642"
TRIED = [page for page in PAGES if any(block.language == "console" and block.is_tried for block in blocks(page))]


class Desk:
    """The machine of one page: a directory that stands for its root, and what runs on it."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.console = f"127.0.0.1:{free_port()}"
        self.running: list[subprocess.Popen[str]] = []
        for path, sample in LOGS.items():
            self.inside(path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(SAMPLES / sample, self.inside(path))
        for path in ("/var/lib/wafscope", "/etc/wafscope", "/home", "/bin"):
            self.inside(path).mkdir(parents=True, exist_ok=True)
        shim = self.inside("/bin/wafscope")
        shim.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m wafscope.cli.main "$@"\n')
        shim.chmod(0o755)
        kept = {name: value for name, value in os.environ.items() if not name.startswith("WAFSCOPE")}
        self.environ = kept | {
            "PATH": f"{shim.parent}:{os.environ['PATH']}",
            "HOME": str(self.inside("/home")),
            "BROWSER": "true",
            "WAFSCOPE_WEB_LISTEN": self.console,
            "WAFSCOPE_INGEST_WORKERS": "0",
            "LANG": "C.UTF-8",
        }

    def inside(self, path: str) -> Path:
        return self.place / path.lstrip("/")

    def moved(self, text: str) -> str:
        """Put the paths of the documentation below the directory."""
        for path in ("/var/log", "/var/lib/wafscope", "/etc/wafscope"):
            text = re.sub(rf"(?<![\w.-]){path}\b", f"{self.place}{path}", text)
        return text.replace(CONSOLE, self.console)

    def shown(self, text: str) -> str:
        """And take them back from what is printed."""
        return text.replace(str(self.place), "").replace(self.console, CONSOLE)

    def write(self, block: Block) -> None:
        """Put a file of settings where its name says."""
        name = self.moved(block.words[0])
        (self.inside("/home") / name).write_text(self.moved(block.text))

    def run(self, command: str) -> str:
        """Run a command to its end, or until a server answers; return what it prints."""
        script = ["bash", "-o", "pipefail", "-c", self.moved(command)]
        home = self.inside("/home")
        if re.match(rf"wafscope (--\S+ \S+ )*({'|'.join(SERVERS)})\b", command):
            return self._serve(script, home)
        done = subprocess.run(
            script, cwd=home, env=self.environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            timeout=PATIENCE, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{command}\n{done.stdout}"
        return self.shown(done.stdout)

    def _serve(self, script: list[str], home: Path) -> str:
        self.close()  # whoever reads the page has ended what came before
        server = subprocess.Popen(
            script, cwd=home, env=self.environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            start_new_session=True,
        )  # fmt: skip
        self.running.append(server)
        assert server.stdout is not None
        said = ""
        for line in server.stdout:
            said += line
            if "Ctrl-C" in line:
                return self.shown(said)
        raise AssertionError(said)

    def close(self) -> None:
        """End what runs, as Ctrl-C does."""
        while self.running:
            server = self.running.pop()
            os.killpg(server.pid, signal.SIGINT)
            assert server.stdout is not None
            server.stdout.read()
            server.stdout.close()
            assert server.wait(PATIENCE) == 0


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.close()


def steps(text: str) -> Iterator[tuple[str, str]]:
    """Commands and what is expected behind each; a line that ends in \\ goes on."""
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, *expected = re.split(r"(?<!\\)\n", part, maxsplit=1)
        yield command, "".join(expected)


def matches(expected: str, printed: str) -> bool:
    """Compare what is printed with what the documentation shows; … stands for anything, a line of it for any lines."""
    pattern = re.escape(expected.strip()).replace("…", ".*")
    return re.fullmatch(pattern, printed.strip(), re.DOTALL) is not None


@pytest.mark.parametrize("page", TRIED, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_commands(desk: Desk, page: Path) -> None:
    needs("bash", "curl")
    for block in blocks(page):
        if block.language == "toml" and block.words and block.is_tried:
            desk.write(block)
        if block.language != "console" or not block.is_tried:
            continue
        for command, expected in steps(block.text):
            printed = desk.run(command)
            if expected.strip():
                assert matches(expected, printed), f"{block.place}: {command}\n{printed}"

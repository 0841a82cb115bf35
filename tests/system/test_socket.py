"""The command line beside a service that holds the store: the same answers, and the same errors."""

from __future__ import annotations

import json
import os
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from tests.cli.test_commands import RECORDS, SERIAL, imported, run
from tests.system.serving import Serving, serving, until

TORN = b'{"transaction":{"client_ip":"192.0.2.1'
QUESTIONS = [
    ("top", "rule", "--json"),
    ("top", "host"),
    ("top", "status", "--filter", "@status:200", "--json"),
    ("quarantine", "list", "--json"),
    ("quarantine", "show", "1", "--raw"),
]


def filled(folder: Path) -> Path:
    """A store with records and a torn one, whose path is too long for the address of a socket."""
    log = folder / "torn.log"
    log.write_bytes(SERIAL.read_bytes() + TORN)
    file = folder / ("directory" * 12) / "s.duckdb"
    imported(file, log)
    return file


@pytest.fixture(scope="module")
def store() -> Iterator[Path]:
    """Not below the directory of pytest, into which nobody else may look."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield filled(Path(name))


@pytest.fixture(scope="module")
def service(store: Path) -> Iterator[Serving]:
    """A service that is asked by one test after the other."""
    with serving(store.parents[1] / "new.log", "--store", store) as running:
        yield running


def test_the_same_question_has_the_same_answer(tmp_path: Path) -> None:
    store = filled(tmp_path)

    def asked(*question: str) -> tuple[bytes, bytes]:
        done = run(*question, "--store", str(store))
        return done.stdout, done.stderr

    alone = [asked(*question) for question in QUESTIONS]
    with serving(tmp_path / "new.log", "--store", store) as running:
        assert [asked(*question) for question in QUESTIONS] == alone
        assert running.stop() == 0
    assert [file.name for file in store.parent.iterdir() if file.is_socket()] == []


def test_an_import_goes_through_the_service(service: Serving, store: Path, tmp_path: Path) -> None:
    new = tmp_path / "other\udcff.log"
    new.write_bytes((SERIAL.parent / "gen-v3.0.15-json-serial.log").read_bytes())
    before = service.events()
    summary = imported(store, new)
    assert summary["stored"] == summary["received"] > 0
    assert imported(store, new)["duplicate"] == summary["stored"]
    until(lambda: service.events() == before + summary["stored"])
    assert json.loads(run("quarantine", "retry", "--store", str(store), "--json").stdout)["kept"] == 1


def test_a_backup_goes_where_the_one_who_asks_may_write(service: Serving, store: Path, tmp_path: Path) -> None:
    target = tmp_path / "backup.duckdb"
    done = json.loads(run("store", "backup", str(target), "--store", str(store), "--json").stdout)
    assert (done["path"], done["bytes"]) == (str(target), target.stat().st_size)
    assert target.stat().st_mode == store.stat().st_mode
    for wrong, words in (([], "a file already"), (["--force", str(store)], "the store itself")):
        place = wrong.pop() if wrong else str(target)
        refused = run("store", "backup", place, *wrong, "--store", str(store), status=5)
        assert words in refused.stderr.decode()
    refused = run("store", "backup", str(tmp_path / "absent" / "x"), "--store", str(store), status=5)
    assert "could not be written" in refused.stderr.decode()
    assert [file.name for file in store.parent.iterdir() if "backup" in file.name] == []
    assert json.loads(run("top", "rule", "--store", str(target), "--json").stdout)["events"] == service.events()


def test_a_view_imports_and_leads_to_the_console_that_there_is(service: Serving, store: Path) -> None:
    shown = run("view", "--no-open", "--store", str(store), str(SERIAL)).stdout.decode()
    assert f"http://127.0.0.1:{service.port}" in shown


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("quarantine", "show", "7"), 4, "Not in quarantine: 7"),
        (("top", "hots"), 2, "Did you mean"),
        (("top", "host", "--filter", "@rule:92042x"), 2, "Column 7"),
    ],
)
def test_mistakes_are_named_as_without_it(
    service: Serving, store: Path, arguments: tuple[str, ...], status: int, words: str
) -> None:
    assert words in run(*arguments, "--store", str(store), status=status).stderr.decode()


def test_nobody_but_its_owner_may_ask(service: Serving, store: Path) -> None:
    path = store.with_name("s.duckdb.socket")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o666)
    script = (
        "import os, socket, sys; os.chdir(sys.argv[1]); os.setuid(65534); s = socket.socket(socket.AF_UNIX);"
        "s.connect('s.duckdb.socket'); sys.stdout.buffer.write(s.recv(100))"
    )
    store.parent.chmod(0o755)
    done = subprocess.run(["python3", "-c", script, str(store.parent)], capture_output=True, check=False)
    assert os.geteuid() != 0 or (done.returncode, done.stdout) == (0, b""), done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_who_may_not_look_into_its_directory_is_told_what_to_do(tmp_path: Path) -> None:
    store = tmp_path / "closed" / "s.duckdb"
    store.parent.mkdir(mode=0o700)
    script = (
        "import os, sys; from pathlib import Path; from wafscope.store.remote.client import connect; os.setgroups([]);"
        "os.setegid(65534); os.seteuid(65534)\n"
        "try: connect(Path(sys.argv[1]))\n"
        "except Exception as error: print(type(error).__name__, error.hint.message)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(store)], capture_output=True, text=True, timeout=240, check=True
    )
    assert done.stdout == "StoreError Run the command as the user of the service, or as root.\n"


def test_a_second_service_is_told_who_has_the_store(service: Serving, store: Path, tmp_path: Path) -> None:
    done = run("serve", "--listen", "127.0.0.1:0", "--store", str(store), str(tmp_path / "x.log"), status=5)
    assert "open in another process" in done.stderr.decode()


def test_a_socket_that_was_left_behind_is_nobody(tmp_path: Path) -> None:
    store = filled(tmp_path)
    with serving(tmp_path / "new.log", "--store", store) as running:
        running.kill()
    assert store.with_name("s.duckdb.socket").is_socket()
    assert json.loads(run("top", "rule", "--store", str(store), "--json").stdout)["events"] == RECORDS
    with serving(tmp_path / "new.log", "--store", store) as running:
        assert json.loads(run("top", "rule", "--store", str(store), "--json").stdout)["events"] == RECORDS


def test_nonsense_on_the_line_harms_nobody(service: Serving, store: Path) -> None:
    for nonsense in (b"\xff\xff\xff\xff", b"\0\0\0\1\xc1", b"GET / HTTP/1.1\r\n\r\n", b"\0\0\0\x05abcde"):
        directory = os.open(store.parent, os.O_RDONLY)
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(60)
            line.connect(f"/proc/self/fd/{directory}/s.duckdb.socket")
            line.sendall(nonsense)
            line.shutdown(socket.SHUT_WR)
            with suppress(ConnectionResetError):
                while line.recv(1 << 16):
                    pass
        os.close(directory)
    assert json.loads(run("top", "rule", "--store", str(store), "--json").stdout)["events"] >= RECORDS

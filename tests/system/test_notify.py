"""What systemd is told: ready, how it is, alive as long as it goes on, and that it ends."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.system.serving import serving, until
from tests.system.test_serve import append

from wafscope.service.console import answers
from wafscope.service.notify import Notify, watchdog_seconds
from wafscope.service.progress import Progress, Watch


class Manager:
    """Hears what systemd would."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.opened = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.opened.bind(str(path))
        self.opened.settimeout(0)
        self.heard: list[str] = []

    def hear(self) -> list[str]:
        """All that was said so far."""
        try:
            while True:
                self.heard += self.opened.recv(4096).decode().split("\n")
        except BlockingIOError:
            return self.heard

    def has(self, word: str) -> bool:
        return any(each.startswith(word) for each in self.hear())


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    heard = Manager(tmp_path / "notify")
    yield heard
    heard.opened.close()


def test_a_service_tells_how_it_is(tmp_path: Path, manager: Manager) -> None:
    append(tmp_path / "a.log", 1, 2)
    place, limit = str(manager.path), "2000000"
    with serving(
        tmp_path / "a.log", "--store", tmp_path / "s.duckdb", NOTIFY_SOCKET=place, WATCHDOG_USEC=limit
    ) as service:
        until(lambda: manager.has("READY=1"))
        until(lambda: manager.hear().count("WATCHDOG=1") > 1)
        until(lambda: manager.has("STATUS=running: 1 sources, 2 records stored"))
        assert not manager.has("RELOADING")
        manager.heard.clear()
        service.process.send_signal(signal.SIGHUP)
        until(lambda: manager.has("READY=1"))
        assert manager.heard.index("RELOADING=1") < manager.heard.index("READY=1")
        assert manager.has("MONOTONIC_USEC=")
        assert not manager.has("STOPPING")
        assert service.stop() == 0
        assert manager.has("STOPPING=1")


def test_a_service_that_stands_still_is_not_alive(tmp_path: Path, manager: Manager) -> None:
    place, limit = str(manager.path), "1000000"
    with serving(
        tmp_path / "a.log", "--store", tmp_path / "s.duckdb", NOTIFY_SOCKET=place, WATCHDOG_USEC=limit
    ) as service:
        until(lambda: manager.has("WATCHDOG=1"))
        service.process.send_signal(signal.SIGSTOP)
        state = Path(f"/proc/{service.process.pid}/stat")
        until(lambda: state.read_text().rpartition(")")[2].split()[0] == "T")
        manager.hear()
        manager.heard.clear()
        time.sleep(1.5)
        assert manager.hear() == []
        service.process.send_signal(signal.SIGCONT)
        until(lambda: manager.has("WATCHDOG=1"))
        assert service.stop() == 0


def test_each_part_must_go_on(manager: Manager, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "10000000")
    now = 0.0
    progress = Progress(lambda: now)
    watch = Watch(progress, Notify(str(manager.path)), lambda: "well")
    progress.beat("follow")
    progress.beat("web")
    now = 4.0
    watch.look()
    assert manager.hear() == ["WATCHDOG=1", "STATUS=well"]
    progress.beat("web")
    now = 6.0
    watch.look()
    assert manager.hear()[2:] == ["STATUS=No progress for 5 s: follow"]
    with progress.excused("follow"):
        now = 7.0
        watch.look()
        assert manager.hear()[3:] == ["WATCHDOG=1", "STATUS=well"]
        now = 7.0 + 7 * 3600
        progress.beat("web")
        assert progress.stuck(5.0) == ("follow",)
    assert progress.stuck(5.0) == ("follow",)
    progress.beat("follow")
    assert progress.stuck(5.0) == ()


def test_a_part_that_does_not_answer_stands_still(manager: Manager, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "10000000")
    now, well = 0.0, True
    watch = Watch(Progress(lambda: now), Notify(str(manager.path)), lambda: "well", {"web": lambda: well})
    now = 6.0
    watch.look()
    assert "WATCHDOG=1" in manager.hear()
    well, now = False, 12.0
    manager.heard.clear()
    watch.look()
    assert manager.hear() == ["STATUS=No progress for 5 s: web"]


def test_the_console_is_asked_whether_it_answers() -> None:
    with socket.create_server(("127.0.0.1", 0)) as opened:
        opened.settimeout(60)

        def answer() -> None:
            line, _ = opened.accept()
            line.recv(1000)
            line.sendall(b"HTTP/1.1 421 Misdirected\r\ncontent-length: 0\r\n\r\n")
            line.close()

        thread = threading.Thread(target=answer)
        thread.start()
        assert answers(opened)
        thread.join()
    assert not answers(opened)


def test_an_excuse_takes_its_own_time_off_and_no_more() -> None:
    now = 0.0
    progress = Progress(lambda: now)
    progress.beat("follow")
    for _ in range(4):
        now += 2.0
        with progress.excused("follow"):
            now += 100.0
    assert progress.stuck(9.0) == ()
    assert progress.stuck(7.0) == ("follow",)


def test_a_service_that_does_not_come_to_rest_ends_all_the_same() -> None:
    script = (
        "import time; from wafscope.service import run; run._LAST = 0.1; ending = run.Ending()\n"
        "ending.also(lambda: print('told')); ending(); time.sleep(300); raise SystemExit(1)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=120, check=False)
    assert done.returncode == 0
    assert b"told" in done.stdout


def test_the_watchdog_is_for_the_process_that_it_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "3000000")
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
    assert watchdog_seconds() == 3.0
    monkeypatch.setenv("WATCHDOG_PID", "1")
    assert watchdog_seconds() is None
    monkeypatch.setenv("WATCHDOG_USEC", "0")
    assert watchdog_seconds() is None


def test_without_systemd_nobody_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    Notify().ready()
    Notify(str(tmp_path / "absent")).status("x")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind(f"\0wafscope-test-{os.getpid()}")
        heard.settimeout(60)
        Notify(f"@wafscope-test-{os.getpid()}").status("two\nlines")
        assert heard.recv(100) == b"STATUS=two lines"

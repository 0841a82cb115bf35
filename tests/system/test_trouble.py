"""A disk that fills, a store that is not there, logs that are rotated all the time: it waits, says so, and goes on."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest
from tests.system.serving import Serving, free_port, serving, until
from tests.system.test_kill import check, configured, drain, more_than, sending, writing, written
from tests.system.writer import json_record

from wafscope.store.open import open_store


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A file system of a few megabytes."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a file system")
    folder = Path(tempfile.mkdtemp(prefix="wafscope-disk-"))
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=96m", "tmpfs", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
        folder.rmdir()


@contextmanager
def full(disk: Path) -> Iterator[None]:
    """Let a disk be full."""
    ballast = disk / "ballast"
    # The service takes of it meanwhile.
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(bytes(64 << 10)):
            pass
    yield
    ballast.unlink()


def is_told(service: Serving, what: str) -> bool:
    """Tell whether status and readiness say that everything is paused, and why, and the page answers."""
    sources = [each for each in service.status().get("sources", ()) if each["state"] != "imported"]
    is_paused = bool(sources) and all(each["state"] == "paused" and what in each["problem"] for each in sources)
    return is_paused and service.ask("/readyz")[0] == 503 and service.ask("/sources")[0] in {200, 503}


HOLDER = "import duckdb, sys; held = duckdb.connect(sys.argv[1], read_only=True); print(flush=True); sys.stdin.read()"
"""Another process that has a store open until its input ends."""


@contextmanager
def held(store: Path) -> Iterator[None]:
    """Let another process have the store."""
    command = [sys.executable, "-c", HOLDER, str(store)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdin is not None
        assert holder.stdout.readline()
        yield
        holder.stdin.close()


def rename(store: Path, new: Path) -> None:
    """Give a store another name."""
    for ending in ("", ".wal"):
        with suppress(FileNotFoundError):
            Path(f"{store}{ending}").rename(f"{new}{ending}")


@pytest.mark.system
def test_nothing_is_lost_with_a_full_disk_and_a_store_that_is_not_there(tmp_path: Path, small_disk: Path) -> None:
    """Store and spool stand on it: logs wait where they are, senders are told to come again."""
    ports = free_port(), free_port()
    store, away, logs = small_disk / "store.duckdb", small_disk / "away.duckdb", tmp_path / "logs"
    settings = configured(tmp_path, ports, store)
    with serving("--config", settings) as service:
        until(lambda: "waiting" in service.states())
        assert service.stop() == 0
    with ExitStack() as stack:
        senders, writer = stack.enter_context(sending(ports)), stack.enter_context(writing(logs))
        with held(store):
            service = stack.enter_context(serving("--config", settings))
            until(lambda: is_told(service, "another process"), "the first pause")
        stored = more_than(0, service)
        with full(small_disk):
            until(lambda: is_told(service, ""), "the second pause")
        stored = more_than(stored, service)
        with full(small_disk):
            until(lambda: is_told(service, ""), "the third pause")
            rename(store, away)
            until(lambda: is_told(service, "is gone"), "another reason")
        with held(away):
            rename(away, store)
            until(lambda: is_told(service, "another process"), "another reason")
        more_than(stored, service)
        count = written(writer, logs)
        for sender in senders:
            sender.ending.set()
        drain(service, senders, count)
    check(store, logs, count, senders)


class Rotated:
    """A log that is renamed, or copied and truncated; whoever writes it goes on in the renamed one for a while."""

    def __init__(self, path: Path, *, copied: bool) -> None:
        self.path = path
        self.copied = copied
        self.times = 0
        self.written = 0
        self.file = path.open("ab", buffering=0)

    def write(self, count: int) -> None:
        for _ in range(count):
            self.written += 1
            self.file.write(json_record((2_000_000 if self.copied else 1_000_000) + self.written))
            time.sleep(0.005)

    def rotate(self) -> None:
        self.times += 1
        old = self.path.with_name(f"{self.path.name}.{self.times}")
        if self.copied:
            shutil.copy(self.path, old)
            os.truncate(self.path, 0)
        else:
            self.path.rename(old)
            self.write(3)
            self.file.close()
            self.file = self.path.open("ab", buffering=0)
        before = old.with_name(f"{self.path.name}.{self.times - 1}")
        if self.times % 2 == 0:
            subprocess.run(["gzip", before], check=True)


def test_logs_that_are_rotated_every_second_are_read_once(tmp_path: Path) -> None:
    logs = [Rotated(tmp_path / name, copied=name == "copied.log") for name in ("renamed.log", "copied.log")]
    store = tmp_path / "store.duckdb"
    with serving(*(log.path for log in logs), "--store", store) as service:
        until(lambda: service.states() == {"following"})
        for _ in range(6):
            until_next = time.monotonic() + 1
            while time.monotonic() < until_next:
                for log in logs:
                    log.write(5)
            for log in logs:
                log.rotate()
        for log in logs:
            log.file.close()
        count = sum(log.written for log in logs)
        service.reach(count)
        assert service.stop() == 0
    with open_store(f"duckdb:///{store}") as opened:
        found = opened.held().value.sources
    assert {each.source: (each.stored, each.duplicate, each.quarantined) for each in found} == {
        str(log.path): (log.written, 0, 0) for log in logs
    }

"""A service that keeps itself within its limits, and does what it is told to, while it follows a log."""

from __future__ import annotations

import json
import re
import subprocess
import threading
import time
from pathlib import Path

from tests.cli.test_commands import COMMAND, run
from tests.system.serving import serving, until
from tests.system.writer import json_record

from wafscope.store.duckdb import rewrite
from wafscope.store.duckdb.store import DuckStore

NOW = int(time.time())
OLD = NOW - 60 * 86_400
STAMP = re.findall(rb'"time_stamp":"([^"]+)"', json_record(0))[0]


def record(number: int, second: int = NOW) -> bytes:
    """A record of libmodsecurity; its id begins with the second of its transaction."""
    stamp = time.strftime("%a %b %d %H:%M:%S %Y", time.gmtime(second)).encode()
    return json_record(number).replace(b"1795488000", b"%d" % second).replace(STAMP, stamp)


class Writer(threading.Thread):
    """Appends records until it is told to stop."""

    def __init__(self, log: Path) -> None:
        super().__init__(daemon=True)
        self.log, self.stop, self.written = log, threading.Event(), 0

    def run(self) -> None:
        with self.log.open("ab", buffering=0) as file:
            while not self.stop.wait(0.02):
                file.write(record(1_000_000 + self.written))
                self.written += 1

    def end(self) -> int:
        self.stop.set()
        self.join()
        return self.written


def told(store: Path, *arguments: str) -> dict[str, object]:
    answer: dict[str, object] = json.loads(run("store", *arguments, "--store", str(store), "--json").stdout)
    return answer


def test_a_service_removes_what_is_too_old_and_keeps_it_away(tmp_path: Path) -> None:
    log, store = tmp_path / "a.log", tmp_path / "store.duckdb"
    log.write_bytes(b"".join([*(record(n, OLD) for n in range(30)), *(record(n) for n in range(30, 40))]))
    with serving(log, "--store", store, WAFSCOPE_RETENTION_DAYS="30") as service:
        until(lambda: service.events() == 10, "the removal")
        # A copy of the log is read, and brings nothing back.
        copy = tmp_path / "b.log"
        copy.write_bytes(log.read_bytes())
        summary = json.loads(run("import", str(copy), "--store", str(store), "--json").stdout)
        assert (summary["stored"], summary["duplicate"], summary["expired"]) == (0, 10, 30)
        state = told(store, "status")
        assert (state["events"], state["removed_events"]) == (10, 30)
        assert service.stop() == 0
    with DuckStore(store) as opened:
        assert opened.check().faults == ()


def test_the_store_is_rewritten_backed_up_and_checked_under_a_service(tmp_path: Path) -> None:
    log, store, backup = tmp_path / "a.log", tmp_path / "store.duckdb", tmp_path / "backup.duckdb"
    log.write_bytes(b"".join(record(number) for number in range(3_000)))
    with serving(log, "--store", store) as service:
        service.reach(3_000)
        writer = Writer(log)
        writer.start()
        for _ in range(2):
            told(store, "compact")
            assert service.ask("/")[0] == 200
        backed_up = told(store, "backup", str(backup))
        assert told(store, "check")["faults"] == []
        held = run("store", "restore", str(backup), "--store", str(store), "--force", status=5)
        assert b"another process" in held.stderr
        # It is ended in the middle of rewriting.
        with subprocess.Popen([*COMMAND, "store", "compact", "--store", store], stderr=subprocess.DEVNULL) as asking:
            while not rewrite.copy_name(store).exists() and asking.poll() is None:
                time.sleep(0.002)
            service.kill()
        written = writer.end()
    with serving(log, "--store", store) as service:
        service.reach(3_000 + written)
        assert service.stop() == 0
    assert sorted(each.name for each in tmp_path.iterdir()) == ["a.log", "backup.duckdb", "store.duckdb"]
    with DuckStore(store) as opened, DuckStore(backup, read_only=True) as copy:
        assert opened.check().faults == copy.check().faults == ()
        assert copy.held().value.events == backed_up["events"]


def test_a_service_that_rewrites_its_store_ends_when_it_is_told_to(tmp_path: Path) -> None:
    log, store = tmp_path / "a.log", tmp_path / "store.duckdb"
    log.write_bytes(b"".join([*(record(n, OLD) for n in range(2_000)), *(record(n) for n in range(2_000, 9_000))]))
    with serving(
        log, "--store", store, WAFSCOPE_RETENTION_DAYS="30", WAFSCOPE_RETENTION_COMPACT="00:00-23:59"
    ) as service:
        until(lambda: service.events() == 7_000, "the removal")
        assert service.stop() == 0
    with DuckStore(store) as opened:
        assert opened.check().faults == ()

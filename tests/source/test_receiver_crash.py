"""kill -9 of the receiver at any moment: what was acknowledged is stored, and once."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from random import Random

from bench.process import free_port
from tests.make import v3_record
from tests.source.receiving import HTTP, PATIENCE, TOKEN, Drain, port, receiver, send, until

from wafscope.query.question import Count, Scope
from wafscope.source.segment import segments
from wafscope.store.base import EventStore
from wafscope.store.memory import MemoryStore
from wafscope.store.open import open_store

KILLS = 32


class Sender(threading.Thread):
    """Sends one record after the other, each until it is acknowledged, as a sender that retries does."""

    def __init__(self, at: int, first: int, stop: threading.Event) -> None:
        super().__init__()
        self._at = at
        self._next = first
        self._ending = stop
        self.acknowledged: list[int] = []
        self.repeated = 0

    def run(self) -> None:
        while not self._ending.is_set():
            body = v3_record(unique_id=f"17949690{self._next % 100:02d}.{self._next:06d}")
            while not self._sent(body):
                self.repeated += 1
                if self._ending.is_set():
                    return
                time.sleep(0.01)
            self.acknowledged.append(self._next)
            self._next += 1

    def _sent(self, body: bytes) -> bool:
        try:
            return send(self._at, body).status == 200
        except (OSError, http.client.HTTPException):
            return False


def test_every_acknowledged_record_is_stored_once_however_often_the_receiver_is_killed(tmp_path: Path) -> None:
    random = Random(20261127)  # noqa: S311 - the same moments in every run
    spool, stop = tmp_path / "spool", threading.Event()
    with open_store(f"duckdb:///{tmp_path / 'events.duckdb'}") as store, receiver(spool) as process:
        senders = [Sender(port(process), 100_000 * number, stop) for number in range(1, 4)]
        for sender in senders:
            sender.start()
        drain = Drain(spool, store)
        try:
            for _ in range(KILLS):
                time.sleep(random.random() * 0.5)
                drain.once()
                if random.random() < 0.3:  # the service begins anew as well
                    drain.feed.close()
                    drain = continued(spool, store, drain)
                until(lambda: process.alive)
                pid, before = process.pid, process.restarts
                assert pid is not None
                os.kill(pid, signal.SIGKILL)
                until(lambda n=before: process.restarts > n)  # type: ignore[misc]
            until(lambda: sum(len(sender.acknowledged) for sender in senders) > KILLS)
        finally:
            stop.set()
            for sender in senders:
                sender.join()
        acknowledged = sum(len(sender.acknowledged) for sender in senders)
        drain.until(acknowledged)
        counts = store.count(Count(Scope())).value
        assert counts.events == acknowledged
        assert drain.stored == acknowledged
        assert drain.quarantined == 0
        assert drain.duplicate <= sum(sender.repeated for sender in senders)
    drain.all()
    assert segments(spool) == []


def continued(spool: Path, store: EventStore, drain: Drain) -> Drain:
    """Go on from the positions that were committed, as after a restart."""
    later = Drain(spool, store, drain.positions)
    later.stored, later.duplicate, later.quarantined = drain.stored, drain.duplicate, drain.quarantined
    return later


SERVICE = """
import sys, time
from wafscope.source.listener import Listener, ReceiverSettings
from wafscope.source.receiver_supervisor import ReceiverProcess
address = "127.0.0.1:" + sys.argv[2]
listeners = (Listener("receiver", address, tokens={"t0ken": "web1"}), Listener("syslog", "127.0.0.1:0", sensor="web2"))
process = ReceiverProcess(ReceiverSettings(sys.argv[1], listeners))
process.start()
print(process.pid, *[port for _, _, port in process.addresses], flush=True)
time.sleep(600)
"""


def service(spool: Path, at: int) -> tuple[subprocess.Popen[str], int, int, int]:
    started = subprocess.Popen([sys.executable, "-c", SERVICE, str(spool), str(at)], stdout=subprocess.PIPE, text=True)
    assert started.stdout is not None
    pid, first, second = (int(word) for word in started.stdout.readline().split())
    return started, pid, first, second


def running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_the_receiver_of_a_killed_service_keeps_what_arrived_and_ends(tmp_path: Path) -> None:
    first, pid, at, syslog = service(tmp_path / "spool", free_port())
    second = None
    try:
        assert send(at, v3_record(unique_id="1794969000.000001"), f"/in/{TOKEN}").status == 200
        with socket.create_connection(("127.0.0.1", syslog), timeout=PATIENCE) as stream:
            stream.sendall(
                b"<134>2026-11-24T02:44:43Z h com.coraza.waf[7]: " + v3_record(unique_id="1794969000.000002") + b"\n"
            )
            first.kill()
            first.wait()
            # The next service has the same address and the same spool as soon as they are free.
            second, other, again, _ = service(tmp_path / "spool", at)
        until(lambda: not running(pid))
        assert (again, running(other)) == (at, True)
        assert send(at, v3_record(unique_id="1794969000.000003"), f"/in/{TOKEN}").status == 200
    finally:
        for each in (first, second):
            if each is not None:
                each.kill()
                each.wait()
                assert each.stdout is not None
                each.stdout.close()
    until(lambda: not running(other))
    drain = Drain(tmp_path / "spool", MemoryStore())
    drain.all()
    assert drain.sensors == {"web1": 2, "web2": 1}


def test_answers_go_on_while_nothing_is_drained(tmp_path: Path) -> None:
    with receiver(tmp_path / "spool", HTTP) as process:
        at = port(process)
        assert {send(at, v3_record(unique_id=f"1794969000.{n:06d}")).status for n in range(300)} == {200}
        assert len(segments(tmp_path / "spool")) >= 1

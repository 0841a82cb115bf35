"""`kill -9` at any moment: after the next start every record is stored, and none was stored or counted twice."""

from __future__ import annotations

import http.client
import random
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.make import v3_record
from tests.source.receiving import send
from tests.system.serving import PATIENCE, Serving, free_port, serving, until
from tests.system.writer import TREES

from wafscope.store.open import open_store

KILLS = 50
SEED = 20261127
TOKEN = "t0ken"
_BETWEEN = 0.02
"""Seconds between two records of a sender."""
_LINES_AGAIN = 1000
"""More than what can be under way in a connection: so much a sender without acknowledgments sends again."""


class Sender(threading.Thread):
    """Sends records over HTTP, one after the other, each until it is acknowledged."""

    def __init__(self, at: int) -> None:
        super().__init__(daemon=True)
        self.at = at
        self.ending = threading.Event()
        self.sent = 0

    def run(self) -> None:
        while not self.ending.is_set():
            body = v3_record(unique_id=f"1794969001.{self.sent:06d}")
            while not self._is_taken(body):
                time.sleep(0.02)
            self.sent += 1
            time.sleep(_BETWEEN)

    def _is_taken(self, body: bytes) -> bool:
        try:
            return send(self.at, body, f"/in/{TOKEN}").status == 200
        except (OSError, http.client.HTTPException):
            return False


class LineSender(Sender):
    """Sends lines over TCP, which acknowledges nothing: after each break it sends the last ones again."""

    def run(self) -> None:
        while not self.ending.is_set():
            try:
                with socket.create_connection(("127.0.0.1", self.at), timeout=PATIENCE) as connection:
                    connection.sendall(b"".join(map(self._line, range(max(0, self.sent - _LINES_AGAIN), self.sent))))
                    while not self.ending.is_set():
                        connection.sendall(self._line(self.sent))
                        self.sent += 1
                        time.sleep(_BETWEEN)
            except OSError:
                time.sleep(0.05)

    def again(self) -> None:
        """Send the last lines once more, now that nobody is killed."""
        with socket.create_connection(("127.0.0.1", self.at), timeout=PATIENCE) as connection:
            connection.sendall(b"".join(map(self._line, range(max(0, self.sent - _LINES_AGAIN), self.sent))))

    @staticmethod
    def _line(number: int) -> bytes:
        return b"<134>2026-11-24T02:44:43Z web2 com.coraza.waf[7]: %s\n" % v3_record(
            unique_id=f"1794969002.{number:06d}"
        )


@contextmanager
def writing(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that writes logs of every kind into a folder."""
    script = Path(__file__).with_name("writer.py")
    process = subprocess.Popen([sys.executable, str(script), str(folder), str(SEED)], stdout=subprocess.PIPE)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def written(writer: subprocess.Popen[bytes], folder: Path) -> int:
    """End the writer in order, and return how many events it wrote; it has rotated its logs."""
    (folder / "stop").touch()
    assert writer.stdout is not None
    events, rotations = map(int, writer.stdout.read().split())
    assert rotations > 0
    return events


def configured(folder: Path, ports: tuple[int, int], store: Path | None = None) -> Path:
    """Settings that follow all that the writer writes and the senders send; the spool is beside the store."""
    logs = folder / "logs"
    logs.mkdir()
    sources = [("serial", "*_audit.log", "keep"), ("serial", "error.log", "keep")]
    sources += [("concurrent", after, after) for after in TREES]
    lines = [f'[store]\nuri = "duckdb:///{store or folder / "store.duckdb"}"']
    lines += [f'[[source]]\nkind = "{k}"\npath = "{logs}/{p}"\nafter = "{a}"' for k, p, a in sources]
    lines += [f'[[source]]\nkind = "receiver"\nlisten = "127.0.0.1:{ports[0]}"\ntokens = {{ {TOKEN} = "web1" }}']
    lines += [f'[[source]]\nkind = "syslog"\nlisten = "127.0.0.1:{ports[1]}"\nsensor = "web2"']
    file = folder / "wafscope.toml"
    file.write_text("\n".join(lines))
    return file


def more_than(before: int, service: Serving) -> int:
    """Wait until more events are stored than before, and return how many."""
    found: int = until(lambda: (now := service.events()) > before and now)
    return found


@contextmanager
def sending(ports: tuple[int, int]) -> Iterator[tuple[Sender, LineSender]]:
    """Send in both ways."""
    senders = Sender(ports[0]), LineSender(ports[1])
    for sender in senders:
        sender.start()
    try:
        yield senders
    finally:
        for sender in senders:
            sender.ending.set()


def drain(service: Serving, senders: tuple[Sender, LineSender], count: int) -> None:
    """Wait until everything is stored that was written, `count`, and sent; end the service."""
    for sender in senders:
        sender.join()
    senders[1].again()
    truth = count + sum(sender.sent for sender in senders)
    service.reach(truth)
    until(lambda: not any(each["lag_bytes"] or each["waiting"] for each in service.status()["sources"]))
    assert service.stop() == 0


def check(store: Path, logs: Path, count: int, senders: tuple[Sender, LineSender]) -> None:
    """Check that a store holds all that was written and sent, each once."""
    with open_store(f"duckdb:///{store}") as opened:
        held = opened.held().value
    counts = {each.source: (each.stored, each.duplicate, each.quarantined) for each in held.sources}
    # What is sent again is known already, and adds nothing.
    sent = {"receiver:web1": senders[0].sent, "syslog:web2": senders[1].sent}

    assert min(sent.values()) > 0
    assert held.events == count + sum(sent.values())
    assert {name: counts[name][0] for name in sent} == sent
    assert {found[2] for found in counts.values()} == {0}
    # Of what is followed, nothing is even read twice; and every kind of it has its share.
    assert {name: found[1] for name, found in counts.items() if name not in sent and found[1]} == {}
    assert len(counts) == len(sent) + 2 + len(TREES)
    assert len({counts[f"{logs}/{after}"][0] for after in TREES}) == 1


def test_no_event_is_lost_and_none_is_there_twice(tmp_path: Path) -> None:
    chance = random.Random(SEED)  # noqa: S311 - the same each time
    ports = free_port(), free_port()
    settings = configured(tmp_path, ports)
    with serving("--config", settings) as service:
        # What was rotated before the first start is not followed.
        until(lambda: "waiting" in service.states())
    stored = 0
    with sending(ports) as senders, writing(tmp_path / "logs") as writer:
        for number in range(KILLS):
            service = Serving("--config", settings)
            if number % 5 == 0:
                # Some get as far as a commit, however slow this machine is.
                stored = more_than(stored, service)
            elif chance.random() < 0.8:
                service.ready()
            # Often soon, so that the first commits are hit; seldom long after.
            time.sleep(chance.expovariate(2.5))
            service.kill()
        count = written(writer, tmp_path / "logs")
    with serving("--config", settings) as service:
        service.reach(stored)
        drain(service, senders, count)
    check(tmp_path / "store.duckdb", tmp_path / "logs", count, senders)

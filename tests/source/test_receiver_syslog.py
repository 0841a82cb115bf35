"""Syslog over TCP and UDP arrives, whatever its framing; what is lost is counted."""

from __future__ import annotations

import os
import signal
import socket
import time
from pathlib import Path

import pytest
from tests.make import v3_record
from tests.source.receiving import PATIENCE, Drain, port, receiver, until

from wafscope.source.listener import Limits, Listener
from wafscope.source.traffic import read_status
from wafscope.store.memory import MemoryStore

TCP = Listener("syslog", "127.0.0.1:0", sensor="web1")
UDP = Listener("syslog", "127.0.0.1:0", sensor="web2", protocol="udp")


def message(number: int) -> bytes:
    """A line as Coraza's writer makes it (formats specification, section 8.6)."""
    record = v3_record(unique_id=f"17949690{number % 100:02d}.{number:06d}")
    return b"<134>2026-11-24T02:44:43Z waf1 com.coraza.waf[77]: " + record


@pytest.mark.parametrize("counted", [False, True])
def test_several_connections_are_stored_whatever_their_framing(tmp_path: Path, *, counted: bool) -> None:
    with receiver(tmp_path / "spool", TCP) as process:
        drain = Drain(tmp_path / "spool", MemoryStore())
        streams = [socket.create_connection(("127.0.0.1", port(process)), timeout=PATIENCE) for _ in range(4)]
        for number in range(200):
            line = message(number)
            streams[number % 4].sendall(b"%d %s" % (len(line), line) if counted else line + b"\n")
        drain.until(200)
        for stream in streams:
            stream.close()
        drain.all()
    assert (drain.stored, drain.duplicate, drain.quarantined, drain.foreign) == (200, 0, 0, 0)


def test_what_has_arrived_is_kept_when_the_process_is_told_to_end(tmp_path: Path) -> None:
    with receiver(tmp_path / "spool", TCP) as process:
        stream = socket.create_connection(("127.0.0.1", port(process)), timeout=PATIENCE)
        for number in range(100):
            stream.sendall(message(number) + b"\n")
    stream.close()
    drain = Drain(tmp_path / "spool", MemoryStore())
    drain.all()
    assert drain.stored == 100


def test_lines_that_are_too_long_cost_themselves(tmp_path: Path) -> None:
    with receiver(tmp_path / "spool", TCP, limits=Limits(largest=10_000)) as process:
        drain = Drain(tmp_path / "spool", MemoryStore())
        with socket.create_connection(("127.0.0.1", port(process)), timeout=PATIENCE) as stream:
            for number in range(3):
                stream.sendall(message(number) + b"\n" + b"<134>" + b"x" * 100_000 + b"\n")
        drain.until(3)
        until(lambda: bool((s := process.status()) and s.sensors[0].refused == {"too_large": 3}))
        assert drain.quarantined == 0


def test_a_full_spool_slows_a_sender_down_and_loses_nothing(tmp_path: Path) -> None:
    with receiver(tmp_path / "spool", TCP, spool_limit=100_000) as process:
        drain = Drain(tmp_path / "spool", MemoryStore())
        with socket.create_connection(("127.0.0.1", port(process)), timeout=PATIENCE) as stream:
            for number in range(200):
                stream.sendall(message(number) + b"\n")
                if number % 20 == 0:
                    drain.until(number - 40)
        drain.until(200)
    assert drain.stored == 200


def test_datagrams_are_stored_and_losses_are_counted(tmp_path: Path) -> None:
    with receiver(tmp_path / "spool", UDP) as process:
        drain = Drain(tmp_path / "spool", MemoryStore())
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.connect(("127.0.0.1", port(process)))
            for number in range(500):
                sender.send(message(number) + b"\n")
            sent = 500 + until_counted(sender, tmp_path / "spool", 500)
        drain.all()
        assert drain.stored + drain.foreign + lost(tmp_path / "spool") == sent
        assert drain.stored > 0
        assert drain.sensors == {"web2": drain.stored}


def counted(spool: Path) -> int:
    """How many lines came in or are known to be lost."""
    status = read_status(spool)
    return sum(each.accepted for each in status.sensors) + lost(spool) if status is not None else 0


def until_counted(sender: socket.socket, spool: Path, sent: int) -> int:
    """Wait until all that was sent is counted, and return how many more it took: a loss is told with what follows."""
    more = 0
    deadline = time.monotonic() + PATIENCE
    while counted(spool) != sent + more:
        assert time.monotonic() < deadline, (counted(spool), sent, more)
        time.sleep(0.5)  # the receiver tells its counts every now and then
        if counted(spool) != sent + more:
            sender.send(b"<14>more")
            more += 1
            time.sleep(0.5)
    return more


def lost(spool: Path) -> int:
    status = read_status(spool)
    return sum(each.refused.get("lost", 0) for each in status.sensors) if status is not None else 0


def test_datagrams_that_the_kernel_has_no_room_for_are_counted(tmp_path: Path) -> None:
    with receiver(tmp_path / "spool", UDP) as process:
        pid, sent = process.pid, 0
        assert pid is not None
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.connect(("127.0.0.1", port(process)))
            os.kill(pid, signal.SIGSTOP)
            for _ in range(1500):
                sender.send(b"<14>" + b"x" * 50_000)
                sent += 1
            os.kill(pid, signal.SIGCONT)
            until_counted(sender, tmp_path / "spool", sent)
        assert lost(tmp_path / "spool") > 0

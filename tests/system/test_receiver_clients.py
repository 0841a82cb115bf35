"""What the real programs send to the receiver is stored, record by record."""

from __future__ import annotations

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.source.receiving import HTTP, TOKEN, Drain, port, receiver, until
from tests.system.servers import apache, coraza, free_port, given_up, needs, nginx, program, visit

from wafscope.source.listener import Listener
from wafscope.store.memory import MemoryStore

pytestmark = pytest.mark.system

MANY = 60
ATTACK = "/?q=attack"


def visit_often(at: int, count: int = MANY, first: int = 0) -> None:
    """Ask for different things, some at a time; each answer counts."""
    with ThreadPoolExecutor(4) as pool:
        statuses = list(pool.map(lambda n: visit(at, f"{ATTACK}{n}"), range(first, first + count)))
    assert statuses == [200] * count


MLOGC = """
CollectorRoot       "{directory}/collector"
ConsoleURI          "http://127.0.0.1:{port}/rpc/auditLogReceiver"
SensorUsername      "mlogc"
SensorPassword      "{password}"
LogStorageDir       "data"
TransactionLog      "mlogc-transaction.log"
QueuePath           "mlogc-queue.log"
ErrorLog            "mlogc-error.log"
LockFile            "mlogc.lck"
KeepEntries         0
ErrorLogLevel       3
MaxConnections      4
MaxWorkerRequests   1000
TransactionDelay    5
StartupDelay        100
CheckpointInterval  5
ServerErrorTimeout  1
"""


def mlogc(directory: Path, to: int, password: str) -> str:
    """Make what mlogc needs, and return the directives of an Apache that sends through it to this port."""
    data = directory / "collector" / "data"
    data.mkdir(parents=True)
    data.chmod(0o777)
    (directory / "mlogc.conf").write_text(MLOGC.format(directory=directory, port=to, password=password))
    return (
        f"SecAuditLogType Concurrent\nSecAuditLogStorageDir {data}\nSecAuditLogDirMode 0777\n"
        f'SecAuditLog "|{program("mlogc")} {directory}/mlogc.conf"\n'
    )


def waiting(directory: Path) -> int:
    """How many files mlogc has not sent yet."""
    return sum(file.is_file() for file in (directory / "collector" / "data").rglob("*"))


@pytest.mark.parametrize("form", ["Native", "JSON"])
def test_mlogc_sends_every_record_and_deletes_its_file(directory: Path, form: str) -> None:
    needs("mlogc")
    with receiver(directory / "spool") as process:
        directives = mlogc(directory, port(process), "secret") + (
            f"SecAuditLogParts ABFHZ\nSecAuditLogFormat {form}\nSecAuditLogFileMode 0666\n"
        )
        drain = Drain(directory / "spool", MemoryStore())
        at = free_port()
        with apache(directory, directives, at):
            visit_often(at, MANY // 2)
            drain.until(1)
            pid, before = process.pid, process.restarts
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
            visit_often(at, MANY // 2)
            until(lambda: process.restarts > before)
            drain.until(MANY)
            until(lambda: waiting(directory) == 0)
        drain.all()
        assert (drain.stored, drain.quarantined) == (MANY, 0)
        assert drain.sensors == {"web3": MANY}


def test_mlogc_with_a_wrong_password_is_named_and_loses_nothing(directory: Path) -> None:
    needs("mlogc")
    with receiver(directory / "spool") as process:
        directives = mlogc(directory, port(process), "wrong")
        at = free_port()
        with apache(directory, directives, at):
            visit_often(at, 5)
            until(lambda: bool((status := process.status()) and status.loops))
            until(lambda: waiting(directory) == 5)
        status = process.status()
        assert status is not None
        assert [(loop.sensor, loop.reason) for loop in status.loops] == [("mlogc@127.0.0.1", "not_admitted")]
        assert waiting(directory) == 5


def test_the_https_writer_of_libmodsecurity_is_received(directory: Path) -> None:
    with receiver(directory / "spool") as process:
        directives = (
            f"SecAuditLogType Https\nSecAuditLogParts ABFHZ\nSecAuditLog http://127.0.0.1:{port(process)}/in/{TOKEN}\n"
        )
        at = free_port()
        with nginx(directory, directives, at):
            visit_often(at)
            drain = Drain(directory / "spool", MemoryStore())
            drain.until(MANY)
        drain.all()
        assert (drain.stored, drain.quarantined, drain.foreign) == (MANY, 0, 0)
        assert drain.sensors == {"web1": MANY}
        assert len((directory / "access.log").read_text().splitlines()) == MANY


@pytest.mark.parametrize("form", ["JSON", "JsonLegacy", "Native", "OCSF"])
def test_the_https_writer_of_coraza_is_received(built: Path, directory: Path, form: str) -> None:
    with receiver(directory / "spool") as process:
        directives = (
            f"SecAuditLogType HTTPS\nSecAuditLogFormat {form}\nSecAuditLogParts ABFHKZ\n"
            f"SecAuditLog http://127.0.0.1:{port(process)}/in/{TOKEN}\n"
        )
        at = free_port()
        with coraza(built, directory, directives, at):
            visit_often(at)
            drain = Drain(directory / "spool", MemoryStore())
            drain.until(MANY - given_up(directory))
        drain.all()
        assert MANY // 2 < MANY - given_up(directory) <= drain.stored <= MANY
        assert (drain.quarantined, drain.foreign) == (0, 0)


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_the_syslog_writer_of_coraza_is_received(built: Path, directory: Path, protocol: str) -> None:
    tcp = Listener("syslog", "127.0.0.1:0", sensor="web4")
    udp = Listener("syslog", "127.0.0.1:0", sensor="web5", protocol="udp")
    with receiver(directory / "spool", HTTP, tcp, udp) as process:
        directives = (
            "SecAuditLogType Syslog\nSecAuditLogFormat JSON\nSecAuditLogParts ABFHZ\n"
            f"SecAuditLog {protocol}://127.0.0.1:{port(process, 1 if protocol == 'tcp' else 2)}\n"
        )
        at = free_port()
        with coraza(built, directory, directives, at):
            drain = Drain(directory / "spool", MemoryStore())
            for count in range(20, MANY + 1, 20):  # fewer than what the kernel has room for
                visit_often(at, 20, count)
                drain.until(count)
        drain.all()
        assert (drain.stored, drain.quarantined, drain.foreign) == (MANY, 0, 0)
        assert drain.sensors == {"web4" if protocol == "tcp" else "web5": MANY}

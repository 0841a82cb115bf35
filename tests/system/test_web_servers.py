"""Real web servers write or send their audit logs while the service follows: what it stores is what they served."""

from __future__ import annotations

import signal
import subprocess
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.source.receiving import TOKEN
from tests.system.load import APACHE_LOG, BLOCKING, Visit, load, served, stored
from tests.system.servers import apache, build_coraza, coraza, free_port, given_up, needs, nginx, program
from tests.system.serving import Serving, serving, until
from tests.system.test_receiver_clients import MLOGC

from wafscope.store.open import open_store

pytestmark = pytest.mark.system

MANY = 240


@pytest.fixture
def directory() -> Iterator[Path]:
    """A directory that servers may enter which are no more root."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_coraza(tmp_path_factory.mktemp("coraza"))


def settings(directory: Path, *sources: str) -> Path:
    """Settings with these sources."""
    file = directory / "wafscope.toml"
    file.write_text(f'[store]\nuri = "duckdb:///{directory}/store.duckdb"\n' + "".join(sources))
    return file


def finish(service: Serving, count: int) -> None:
    """Wait until everything is stored that was written, and end the service."""
    service.reach(count)
    until(lambda: not any(each["lag_bytes"] or each["waiting"] for each in service.status()["sources"]))
    assert service.stop() == 0


def read_twice(directory: Path) -> int:
    """How many records came again; none must be unreadable."""
    with open_store(f"duckdb:///{directory}/store.duckdb") as store:
        held = store.held().value
    assert sum(each.quarantined for each in held.sources) == 0
    return sum(each.duplicate for each in held.sources)


def rotate(log: Path, server: subprocess.Popen[bytes]) -> None:
    """Rename a log that nginx is told to open again, and wait until libmodsecurity goes on in the old one."""
    until(lambda: log.exists() and log.stat().st_size > 0)
    old = log.with_name("audit.log.1")
    log.rename(old)
    server.send_signal(signal.SIGUSR1)
    before = old.stat().st_size
    until(lambda: old.stat().st_size > before)


@pytest.mark.parametrize("form", ["Native", "JSON"])
def test_what_nginx_writes_is_stored_through_a_rotation(directory: Path, form: str) -> None:
    serial, concurrent = directory / "serial", directory / "concurrent"
    tree = concurrent / "audit"
    tree.mkdir(parents=True)
    serial.mkdir()
    log = serial / "audit.log"
    common = f"{BLOCKING}SecAuditLogParts ABFHZ\nSecAuditLogFormat {form}\n"
    one = f"{common}SecAuditLogType Serial\nSecAuditLog {log}\n"
    other = (
        f"{common}SecAuditEngine RelevantOnly\nSecAuditLogType Concurrent\nSecAuditLogStorageDir {tree}\n"
        f"SecAuditLog {concurrent}/index.log\n"
    )
    file = settings(
        directory,
        f'[[source]]\nkind = "serial"\npath = "{log}"\n',
        f'[[source]]\nkind = "concurrent"\npath = "{tree}"\nafter = "delete"\n',
    )
    ports = free_port(), free_port()
    asked: Counter[Visit] = Counter()
    with serving("--config", file) as service:
        with nginx(serial, one, ports[0]) as server, nginx(concurrent, other, ports[1]):
            rotation = threading.Thread(target=rotate, args=(log, server))
            rotation.start()
            number = 0
            # Until the log is rotated, and a while more.
            while rotation.is_alive() or number < MANY:
                asked += load(ports[0], "serial", range(number, number + 40))
                asked += load(ports[1], "concurrent", range(number, number + 40))
                number += 40
            rotation.join()
        with nginx(serial, one, ports[0]):
            asked += load(ports[0], "serial", range(number, number + 40))
        truth = Counter({visit: count for visit, count in asked.items() if visit.is_attack or "serial" in visit.host})
        finish(service, truth.total())
    found = stored(directory / "store.duckdb")

    assert read_twice(directory) == 0
    assert served(serial / "truth.log") + served(concurrent / "truth.log") == asked
    assert found == truth
    assert {visit.status for visit in found} == {200, 403, 404}
    assert (serial / "audit.log.1").stat().st_size > 0
    assert log.stat().st_size > 0


def receiving(directory: Path, at: int) -> Path:
    """Settings of a receiver that takes a token and the user of mlogc."""
    who = f'tokens = {{ {TOKEN} = "web1" }}\nusers = {{ mlogc = {{ password = "secret", sensor = "web2" }} }}\n'
    return settings(directory, f'[[source]]\nkind = "receiver"\nlisten = "127.0.0.1:{at}"\n{who}')


def test_what_mlogc_sends_is_stored_though_the_service_is_killed(directory: Path) -> None:
    needs("mlogc")
    data = directory / "collector" / "data"
    data.mkdir(parents=True)
    data.chmod(0o777)
    at, to = free_port(), free_port()
    file = receiving(directory, to)
    (directory / "mlogc.conf").write_text(MLOGC.format(directory=directory, port=to, password="secret"))
    directives = (
        f"{BLOCKING}{APACHE_LOG.format(directory=directory)}SecAuditLogType Concurrent\nSecAuditLogParts ABFHZ\n"
        f"SecAuditLogStorageDir {data}\nSecAuditLogDirMode 0777\n"
        f'SecAuditLogFileMode 0666\nSecAuditLog "|{program("mlogc")} {directory}/mlogc.conf"\n'
    )
    with apache(directory, directives, at):
        with serving("--config", file) as service:
            asked = load(at, "apache", range(MANY))
            until(lambda: service.events() > 0)
            service.kill()
        asked += load(at, "apache", range(MANY, MANY + 40))
        with serving("--config", file) as service:
            asked += load(at, "apache", range(MANY + 40, MANY + 80))
            finish(service, asked.total())
            # What was acknowledged is gone there.
            assert [path for path in data.rglob("*") if path.is_file()] == []
    found = stored(directory / "store.duckdb")

    assert served(directory / "truth.log") == asked
    assert found == asked
    read_twice(directory)


def test_what_the_https_writer_of_libmodsecurity_sends_is_stored(directory: Path) -> None:
    at, to = free_port(), free_port()
    directives = (
        f"{BLOCKING}SecAuditLogType Https\nSecAuditLogParts ABFHZ\nSecAuditLog http://127.0.0.1:{to}/in/{TOKEN}\n"
    )
    with serving("--config", receiving(directory, to)) as service:
        with nginx(directory, directives, at):
            asked = load(at, "v3", range(MANY))
        finish(service, asked.total())
    found = stored(directory / "store.duckdb")

    assert read_twice(directory) == 0
    assert served(directory / "truth.log") == asked
    assert found == asked


@pytest.mark.parametrize("writer", ["https", "tcp", "udp"])
def test_what_coraza_sends_is_stored(built: Path, directory: Path, writer: str) -> None:
    at, to = free_port(), free_port()
    if writer == "https":
        file, where = receiving(directory, to), f"SecAuditLogType HTTPS\nSecAuditLog http://127.0.0.1:{to}/in/{TOKEN}\n"
    else:
        source = f'[[source]]\nkind = "syslog"\nlisten = "127.0.0.1:{to}"\nprotocol = "{writer}"\nsensor = "web3"\n'
        file, where = settings(directory, source), f"SecAuditLogType Syslog\nSecAuditLog {writer}://127.0.0.1:{to}\n"
    directives = f"{BLOCKING}SecAuditLogFormat JSON\nSecAuditLogParts ABFHZ\n{where}"
    with serving("--config", file) as service:
        asked: Counter[Visit] = Counter()
        with coraza(built, directory, directives, at):
            for number in range(0, MANY, 40):  # fewer datagrams than what the kernel has room for
                asked += load(at, "coraza", range(number, number + 40))
                until(lambda: service.events() >= asked.total() - given_up(directory))  # noqa: B023 - at once
        finish(service, MANY - given_up(directory))
    found = stored(directory / "store.duckdb")

    assert read_twice(directory) == 0
    # Coraza logs no status of what it has blocked before there was a response.
    truth = Counter(visit._replace(status=0) if visit.status == 403 else visit for visit in asked)
    assert found <= truth
    assert MANY // 2 < MANY - given_up(directory) <= found.total()
    assert writer == "https" or found == truth

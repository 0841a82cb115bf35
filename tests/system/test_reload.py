"""New settings, and a restart, while records come in by every way: nothing lost, nothing twice."""

from __future__ import annotations

import http.client
import random
import signal
import time
from pathlib import Path

from tests.cli.test_commands import RECORDS, SERIAL, imported
from tests.system.serving import PATIENCE, Serving, free_port, serving, until
from tests.system.test_kill import LineSender, Sender, configured, writing, written
from tests.system.test_serve import append

from wafscope.store.open import open_store

_RELOADS = 6
_RESTARTS = 3
SEED = 20261128


def reload(service: Serving) -> str:
    """Let it take its settings anew, and return what it says of that."""
    service.process.send_signal(signal.SIGHUP)
    assert service.process.stdout is not None
    return service.process.stdout.readline().decode()


def called(service: Serving, name: str) -> int:
    """The status with which the console answers under a name."""
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=PATIENCE)
    connection.request("GET", "/healthz", headers={"Host": name})
    status = connection.getresponse().status
    connection.close()
    return status


def test_nothing_is_lost_and_nothing_is_there_twice(tmp_path: Path) -> None:
    chance = random.Random(SEED)  # noqa: S311 - the same each time
    ports = free_port(), free_port(), free_port()
    settings = configured(tmp_path, ports[:2])
    first = settings.read_text()
    more = (
        f'\n[[source]]\nkind = "syslog"\nlisten = "127.0.0.1:{ports[2]}"\nsensor = "w"\n[web]\nnames = ["waf{{}}.x"]\n'
    )
    with serving("--config", settings) as service:
        # What was rotated before the first start is not followed.
        until(lambda: "waiting" in service.states())
        assert service.stop() == 0
    sender, lines = Sender(ports[0]), LineSender(ports[1])
    sender.start()
    lines.start()
    try:
        with writing(tmp_path / "logs") as writer:
            for restart in range(_RESTARTS):
                with serving("--config", settings) as service:
                    if not restart:
                        # Somebody else writes through the service meanwhile.
                        assert imported(tmp_path / "store.duckdb", SERIAL)["stored"] == RECORDS
                    for number in range(_RELOADS):
                        zone = "UTC" if number % 3 else "Europe/Berlin"
                        changed = first.replace('"keep"', f'"keep"\ntimezone = "{zone}"')
                        settings.write_text(changed + (more.format(number) if number % 2 else ""))
                        assert "taken anew" in reload(service)
                        time.sleep(chance.random() * 0.7)
                    # The new code, which takes over, is the same here.
                    assert service.stop() == 0
            truth = written(writer, tmp_path / "logs")
    finally:
        sender.ending.set()
        lines.ending.set()
    settings.write_text(first)
    with serving("--config", settings) as service:
        sender.join()
        lines.join()
        lines.again()
        truth += sender.sent + lines.sent + RECORDS
        service.reach(truth)
        until(lambda: not any(each.get("lag_bytes") or each.get("waiting") for each in service.status()["sources"]))
        assert service.stop() == 0
    with open_store(f"duckdb:///{tmp_path}/store.duckdb") as store:
        held = store.held().value
    assert held.events == truth
    counts = {each.source: each for each in held.sources}
    assert not any(each.quarantined for each in held.sources)
    # Only who sends over a connection that breaks, and gets no answer, sends again.
    again = {"receiver:web1", "syslog:web2"}
    assert not any(each.duplicate for name, each in counts.items() if name not in again)
    assert (counts["receiver:web1"].stored, counts["syslog:web2"].stored) == (sender.sent, lines.sent)


def test_sources_come_and_go_and_the_console_learns_its_names(tmp_path: Path) -> None:
    settings = tmp_path / "wafscope.toml"
    store = f'[store]\nuri = "duckdb:///{tmp_path}/s.duckdb"\n'
    source = '[[source]]\npath = "{}"\nsensor = "{}"\n'
    changed = '[redaction]\nenabled = false\n[web]\nnames = ["waf.example"]\n'
    one, two = tmp_path / "one.log", tmp_path / "two.log"
    append(one, 1)
    append(two, 2)
    settings.write_text(store + source.format(one, "a"))
    with serving("--config", settings) as service:
        until(lambda: service.events() == 1)
        assert called(service, "waf.example") == 421
        settings.write_text(store + source.format(one, "a") + source.format(two, "b") + changed)
        assert "taken anew" in reload(service)
        until(lambda: service.events() == 2)
        assert called(service, "waf.example") == 200
        append(one, 3)
        until(lambda: service.events() == 3)
        assert {each["stored"] for each in service.status()["sources"]} == {1, 2}

        settings.write_text(store + source.format(two, "c"))
        reload(service)
        until(lambda: [each["sensor"] for each in service.status()["sources"] if each["state"] == "following"] == ["c"])
        append(one, 4)
        append(two, 5)
        until(lambda: service.events() == 4)
        assert service.ask("/")[0] == 200
        assert service.stop() == 0


def test_wrong_settings_are_refused_and_the_old_ones_stay(tmp_path: Path) -> None:
    settings = tmp_path / "wafscope.toml"
    log = tmp_path / "one.log"
    right = f'[store]\nuri = "duckdb:///{tmp_path}/s.duckdb"\n[[source]]\npath = "{log}"\n'
    settings.write_text(right)
    with serving("--config", settings) as service:
        other = '[[source]]\nkind = "receiver"\nlisten = "127.0.0.1:{}"\nsensor = "w"\n'
        for wrong in (
            "[web", '[web]\nlisen = "x"', '[[source]]\nkind = "serial"', f'[[source]]\npath = "{log}"',
            other.format(service.port),
            f'{other.format(free_port())}tls_certificate = "x"\ntls_key = "x"',
        ):  # fmt: skip
            settings.write_text(f"{right}{wrong}\n")
            assert "refused, the old ones stay" in reload(service), wrong
        settings.write_text(f"{right}[retention]\ndays = -1\n")
        told = reload(service)
        assert "retention.days: “-1” is out of range. Write a whole number from 0" in told
        append(log, 1)
        until(lambda: service.events() == 1)
        settings.write_text(right.replace("s.duckdb", "other.duckdb"))
        assert "store.uri changes with a restart only" in reload(service)
        append(log, 2)
        until(lambda: service.events() == 2)
        assert not (tmp_path / "other.duckdb").exists()
        assert service.stop() == 0

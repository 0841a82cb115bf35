"""`wafscope serve` as others run it: settings, signals, standard input, a disk that fills."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest
from tests.system.serving import Serving, serving, until
from tests.system.writer import json_record, native_record

from wafscope.store.open import open_store


def append(log: Path, *numbers: int) -> None:
    with log.open("ab") as file:
        file.writelines(json_record(number) for number in numbers)


def test_settings_may_stand_before_or_behind_the_command(tmp_path: Path) -> None:
    settings = tmp_path / "wafscope.toml"
    settings.write_text(
        f'[store]\nuri = "duckdb:///{tmp_path}/store.duckdb"\n[[source]]\npath = "{tmp_path}/*.log"\nsensor = "web1"\n'
    )
    append(tmp_path / "modsec_audit.log", 1, 2)
    with serving("--config", settings) as service:
        until(lambda: service.events() == 2)
        append(tmp_path / "other.log", 3)
        until(lambda: service.events() == 3)
        status = service.status()
        source = status["sources"][0]

        assert status["status"] == "ok"
        assert {
            "kind": "serial", "source": f"{tmp_path}/*.log", "sensor": "web1", "state": "following", "problem": None,
            "lag_bytes": 0, "stored": 3,
        }.items() <= source.items()  # fmt: skip
        assert service.ask("/events")[0] == 200
        measured = service.ask("/metrics")[1]
        assert f'records_stored_total{{kind="serial",sensor="web1",source="{tmp_path}/*.log"}} 3.0' in measured
        assert 'wafscope_store_file_bytes{file="data"}' in measured
        assert service.stop() == 0
    with open_store(f"duckdb:///{tmp_path}/store.duckdb") as store:
        assert [(each.sensor, each.stored) for each in store.held().value.sources] == [("web1", 3)]


def test_an_interrupt_ends_it_in_order(tmp_path: Path) -> None:
    append(tmp_path / "a.log", 1)
    with serving(tmp_path / "a.log", "--store", tmp_path / "store.duckdb") as service:
        until(lambda: service.events() == 1)
        assert service.stop(signal.SIGINT) == 0


def test_a_service_goes_on_though_nobody_hears_it(tmp_path: Path) -> None:
    append(tmp_path / "a.log", 1)
    service = Serving(tmp_path / "a.log", "--store", tmp_path / "store.duckdb")
    assert service.process.stdout is not None
    service.process.stdout.close()
    try:
        until(lambda: service.events() == 1)
        assert service.stop() == 0
    finally:
        service.process.kill()


def test_worker_processes_end_with_a_service_that_is_killed(tmp_path: Path) -> None:
    append(tmp_path / "a.log", *range(2000))
    with serving(tmp_path / "a.log", "--store", tmp_path / "store.duckdb", WAFSCOPE_INGEST_WORKERS="2") as service:
        until(lambda: service.events() == 2000)
        children = Path(f"/proc/{service.process.pid}/task/{service.process.pid}/children").read_text().split()
        service.kill()
    assert len(children) >= 2
    until(lambda: not any(Path(f"/proc/{child}").exists() for child in children), "the end of the workers")


def test_standard_input_is_read_as_it_comes(tmp_path: Path) -> None:
    receiver, sender = os.pipe()
    with serving("-", "--store", tmp_path / "store.duckdb", stdin=receiver) as service:
        os.close(receiver)
        os.write(sender, json_record(1) + json_record(2)[:300])
        until(lambda: service.events() == 1)
        os.write(sender, json_record(2)[300:])
        until(lambda: service.events() == 2)
        os.write(sender, native_record(3))
        os.close(sender)
        until(lambda: service.events() == 3)
        assert service.stop() == 0


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ("", "nothing to follow"),
        ('[[source]]\nkind = "serial"', "needs a path"),
        ('[[source]]\npat = "x"', "source.path"),
        ('[[source]]\npath = "x"\ntimezone = "Europe/Berlln"', "Europe/Berlin"),
        ('[[source]]\npath = "x"\n[[source]]\npath = "x"', "named twice"),
        ('[[source]]\nkind = "serail"\npath = "x"', "serail"),
    ],
)
def test_wrong_settings_are_named(tmp_path: Path, settings: str, said: str) -> None:
    file = tmp_path / "wafscope.toml"
    file.write_text(f'[web]\nlisten = "127.0.0.1:0"\n[store]\nuri = "duckdb:///{tmp_path}/s"\n{settings}')
    service = Serving("--config", file)
    service.process.kill()
    service.process.communicate()
    command = [*service.process.args]  # type: ignore[misc]
    done = subprocess.run(command, capture_output=True, timeout=240, check=False)

    assert done.returncode == 2
    assert said in done.stderr.decode()

"""`kill -9` at any moment: after the next start every record is stored, and none was stored or counted twice."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.system.serving import Serving, serving, until

from wafscope.store.open import open_store

KILLS = 20
SEED = 20261127


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
    assert rotations > 1
    return events


def configured(folder: Path, after: str) -> Path:
    """Settings that follow all that the writer writes."""
    logs = folder / "logs"
    logs.mkdir()
    sources = [("serial", "*_audit.log", "keep"), ("serial", "error.log", "keep"), ("concurrent", "concurrent", after)]
    lines = [f'[store]\nuri = "duckdb:///{folder}/store.duckdb"']
    lines += [f'[[source]]\nkind = "{k}"\npath = "{logs}/{p}"\nafter = "{a}"' for k, p, a in sources]
    file = folder / "wafscope.toml"
    file.write_text("\n".join(lines))
    return file


@pytest.mark.parametrize("after", ["delete", "keep", "archive"])
def test_no_event_is_lost_and_none_is_there_twice(after: str, tmp_path: Path) -> None:
    chance = random.Random(SEED)  # noqa: S311 - the same each time
    settings = configured(tmp_path, after)
    with serving("--config", settings) as service:
        # What was rotated before the first start is not followed.
        until(lambda: service.states() == {"waiting"})
    with writing(tmp_path / "logs") as writer:
        for _ in range(KILLS if after == "delete" else KILLS // 3):
            service = Serving("--config", settings)
            if chance.random() < 0.8:
                service.ready()
            time.sleep(chance.random() * 2)
            service.kill()
        truth = written(writer, tmp_path / "logs")

    with serving("--config", settings) as service:
        until(lambda: service.events() >= truth, f"{truth} events")
        until(lambda: not any(each["lag_bytes"] or each["waiting"] for each in service.status()["sources"]))
        assert service.stop() == 0
    with open_store(f"duckdb:///{tmp_path}/store.duckdb") as store:
        held = store.held().value
    counts = [(each.source, each.stored, each.duplicate, each.quarantined) for each in held.sources]

    assert held.events == truth
    assert [(duplicate, quarantined) for _, _, duplicate, quarantined in counts] == [(0, 0)] * len(counts), counts

"""A concurrent log of many files: how soon they are stored and gone, and what it costs to look at nothing new."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import msgspec

from bench import generate
from bench.memory import Sampler
from bench.process import cpu_seconds, free_port
from bench.report import Check, at_most, megabytes, sentence, table
from bench.visit import get

LIMIT_PERCENT = 5.0
"""Per cent of a core that a service with nothing to do must not exceed."""
_EACH = 200
"""Files in the directory of a minute."""
_SETTLE = 30
"""Seconds in which it may come to rest; more where others keep this machine busy."""
_PATIENCE = 3600.0

Say = Callable[[str], None]


class Wish(msgspec.Struct, frozen=True):
    """What is to be measured."""

    files: int = 100_000
    after: str = "delete"
    idle: float = 20.0
    """Seconds in which nothing comes."""


class Report(msgspec.Struct, frozen=True):
    """What was measured."""

    files: int
    after: str
    stored: int
    stored_seconds: float
    gone_seconds: float | None
    """Seconds after that until the last file and directory were gone; None where they stay."""
    busy_cpu_seconds: float
    peak_bytes: int
    idle: Check


def run(wish: Wish, say: Say) -> Report:
    """Measure, with the whole service in a process of its own."""
    with tempfile.TemporaryDirectory(prefix="wafscope-bench-") as name:
        directory = Path(name)
        root = directory / "audit"
        say(f"writing {wish.files} files")
        write_tree(directory / "records.log", root, wish.files)
        with ExitStack() as stack:
            port = free_port()
            process = stack.enter_context(_service(directory, root, port, wish.after))
            stack.callback(process.terminate)
            sampler = stack.enter_context(Sampler(process.pid))
            say("following")
            begun = time.monotonic()
            _until(lambda: _events(port) >= wish.files)
            stored = time.monotonic() - begun
            gone = None
            if wish.after != "keep":
                _until(lambda: not any(root.iterdir()))
                gone = round(time.monotonic() - begun - stored, 1)
            busy = cpu_seconds(process.pid)
            settled = any(_used(process.pid, 1.0) < LIMIT_PERCENT for _ in range(_SETTLE))
            say(f"idle for {wish.idle:g} s" if settled else "it does not come to rest")
            idle = _used(process.pid, wish.idle)
            events = _events(port)
        return Report(
            wish.files,
            wish.after,
            events,
            round(stored, 1),
            gone,
            round(busy, 1),
            sampler.peak.bytes,
            at_most(idle, LIMIT_PERCENT),
        )


def _used(pid: int, seconds: float) -> float:
    """Per cent of a core that a process takes for so many seconds."""
    before, since = cpu_seconds(pid), time.monotonic()
    time.sleep(seconds)
    return 100 * (cpu_seconds(pid) - before) / (time.monotonic() - since)


def write_tree(log: Path, root: Path, files: int) -> None:
    """Write files, each with a record, as of a day that is over."""
    generate.write_log(log, files)
    folder = root
    with log.open("rb") as records:
        for number, record in enumerate(records):
            if number % _EACH == 0:
                day, minute = divmod(number // _EACH, 1440)
                date = f"202611{1 + day:02d}"
                folder = root / date / f"{date}-{minute // 60:02d}{minute % 60:02d}"
                folder.mkdir(parents=True)
            (folder / f"{folder.name}00-{number:09d}").write_bytes(record)
    log.unlink()


def _service(directory: Path, root: Path, port: int, after: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "wafscope.cli.main", "serve", str(root), "--after", after]
    command += ["--store", str(directory / "store.duckdb"), "--listen", f"127.0.0.1:{port}"]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _events(port: int) -> int:
    try:
        return int(json.loads(get(port, "/healthz"))["events"])
    except OSError:
        return -1


def _until(happens: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not happens():
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(0.25)


def render(report: Report) -> str:
    """The report for a person."""
    gone = "-" if report.gone_seconds is None else f"{report.gone_seconds:.1f}"
    row = [str(report.files), str(report.stored), f"{report.stored_seconds:.1f}", gone]
    row += [f"{report.busy_cpu_seconds:.1f}", megabytes(report.peak_bytes)]
    return (
        table(["files", "stored", "in s", "gone after s", "CPU s", "memory"], [row])
        + f"\n{report.after}; idle, % of a core: {sentence(report.idle)}"
    )

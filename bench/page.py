"""How long the first page takes in a browser that knows nothing yet, and how much it has to load."""

from __future__ import annotations

import gzip
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import msgspec

from bench.report import table
from wafscope.web.settings import WebSettings

Say = Callable[[str], None]

CHROMIUM = os.environ.get("WAFSCOPE_CHROMIUM", "/usr/bin/chromium")
_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-dev-shm-usage"]
_REPEAT = 3
_PATIENCE = 60
"""Seconds within which a server or a page must be ready."""
_COMPLETE = """() => document.readyState === "complete"
  && document.querySelectorAll(".board > *").length > 0
  && !document.querySelector('[hx-trigger="load"], [aria-busy="true"]')"""
_TYPES = (".css", ".js")


class Size(msgspec.Struct, frozen=True):
    """One file of the front end."""

    bytes: int
    gzip_bytes: int


class PageReport(msgspec.Struct, frozen=True):
    """The overview of the sample: a new server, a new browser and a new profile each time."""

    complete_ms: tuple[float, ...]
    """From the call of the page until no panel is missing."""
    median_ms: float
    first_paint_ms: float
    """Median."""
    transferred_bytes: int
    """Of the last load, as the browser counts them, headers included."""
    files: dict[str, Size]
    gzip_bytes: int
    """Style and scripts together."""


class _Load(msgspec.Struct, frozen=True):
    complete: float
    paint: float
    transferred: int


def run(say: Say) -> PageReport:
    """Load the page several times."""
    loads = []
    for number in range(_REPEAT):
        say(f"page, {number + 1} of {_REPEAT}")
        with demo() as address:
            loads.append(_load(address))
    files = sizes(WebSettings().static)
    return PageReport(
        complete_ms=tuple(round(load.complete, 1) for load in loads),
        median_ms=round(statistics.median(load.complete for load in loads), 1),
        first_paint_ms=round(statistics.median(load.paint for load in loads), 1),
        transferred_bytes=loads[-1].transferred,
        files=files,
        gzip_bytes=sum(size.gzip_bytes for size in files.values()),
    )


def sizes(folder: Path) -> dict[str, Size]:
    """The files of the front end, as they are and compressed."""
    contents = {path.name: path.read_bytes() for path in sorted(folder.glob("*")) if path.suffix in _TYPES}
    return {name: Size(len(data), len(gzip.compress(data, 9))) for name, data in contents.items()}


@contextmanager
def demo() -> Iterator[str]:
    """Run `wafscope demo` on a free port until it answers; gives its address."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    command = [sys.executable, "-m", "wafscope.cli.main", "demo"]
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            command, env={**os.environ, "WAFSCOPE_WEB_LISTEN": address}, stdout=subprocess.DEVNULL, stderr=said
        )
        try:
            _wait(process, f"http://{address}/static/wafscope.css")
            yield f"http://{address}/"
        except RuntimeError as error:
            said.seek(0)
            raise RuntimeError(f"{error}: {said.read()[-2_000:].decode(errors='replace')}") from error
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait(process: subprocess.Popen[bytes], address: str) -> None:
    """Wait for the server without asking for anything that it would remember."""
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end and process.poll() is None:
        try:
            with urlopen(address, timeout=5):
                return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError("wafscope demo did not answer")


def _load(address: str) -> _Load:
    from playwright.sync_api import sync_playwright

    with (
        sync_playwright() as playwright,
        tempfile.TemporaryDirectory(prefix="wafscope-bench-") as profile,
        playwright.chromium.launch_persistent_context(
            profile, executable_path=CHROMIUM, args=_ARGUMENTS, viewport={"width": 1440, "height": 900}
        ) as context,
    ):
        page = context.new_page()
        started = time.perf_counter()
        page.goto(address, wait_until="commit")
        page.wait_for_function(_COMPLETE, timeout=_PATIENCE * 1000, polling=20)
        complete = (time.perf_counter() - started) * 1000
        paint = page.evaluate("() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0")
        transferred = page.evaluate(
            "() => [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]"
            ".reduce((sum, entry) => sum + entry.transferSize, 0)"
        )
        return _Load(complete, float(paint), int(transferred))


def render(report: PageReport) -> str:
    """The report for a person."""
    each = ", ".join(f"{ms:.0f}" for ms in report.complete_ms)
    rows = [(name, f"{size.bytes:,}", f"{size.gzip_bytes:,}") for name, size in report.files.items()]
    return "\n".join(
        (
            (
                f"overview of the sample, cold browser: complete after {report.median_ms:.0f} ms (of {each}),"
                f" first paint after {report.first_paint_ms:.0f} ms, {report.transferred_bytes:,} bytes transferred"
            ),
            table(("front end", "bytes", "gzip"), [*rows, ("together", "", f"{report.gzip_bytes:,}")]),
        )
    )

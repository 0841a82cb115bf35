"""A real `wafscope serve`, started and ended by a test."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.process import free_port as free_port

PATIENCE = 120.0
"""Seconds after which what should come is taken never to come."""


def until(happens: Callable[[], Any], what: str = "it") -> Any:
    """Wait until something is true, and return it."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        found = happens()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError(f"{what} did not happen")


class Serving:
    """The process, and what it says of itself."""

    def __init__(
        self, *arguments: str | Path, stdin: int | None = None, log: Path | None = None, **environ: str
    ) -> None:
        self.port = free_port()
        command = [sys.executable, "-m", "wafscope.cli.main", "serve", "--listen", f"127.0.0.1:{self.port}"]
        with (log or Path(os.devnull)).open("wb") as told:
            self.process = subprocess.Popen(
                [*command, *map(str, arguments)],
                stdin=subprocess.DEVNULL if stdin is None else stdin,
                stdout=subprocess.PIPE,
                stderr=told,
                env={**os.environ, "WAFSCOPE_INGEST_WORKERS": "0", **environ},
            )

    def ready(self) -> None:
        """Wait until it answers."""
        assert self.process.stdout is not None
        assert self.process.stdout.readline()

    def ask(self, path: str) -> tuple[int, str]:
        """Ask the console; (0, "") while it does not answer."""
        status, body = self.get(path)
        return status, body.decode()

    def get(self, path: str) -> tuple[int, bytes]:
        """The same, as bytes."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=PATIENCE) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()
        except OSError:
            return 0, b""

    def status(self) -> dict[str, Any]:
        """What `/api/status` says."""
        answer: dict[str, Any] = json.loads(self.ask("/api/status")[1] or "{}")
        return answer

    def states(self) -> set[str]:
        """The states of the sources."""
        return {source["state"] for source in self.status().get("sources", ())}

    def events(self) -> int:
        """How many events the store holds; -1 while it does not say."""
        status, body = self.ask("/healthz")
        return int(json.loads(body)["events"]) if status == 200 else -1

    def reach(self, count: int) -> None:
        """Wait until it holds so many events, as long as there are more and more."""
        held, deadline = -1, time.monotonic() + PATIENCE
        while (found := self.events()) < count:
            if found > held:
                held, deadline = found, time.monotonic() + PATIENCE
            assert time.monotonic() < deadline, f"{held} of {count} events"
            time.sleep(0.1)

    def kill(self) -> None:
        """End it as a failure of the machine would."""
        self.process.kill()
        self._wait()

    def stop(self, by: int = signal.SIGTERM) -> int:
        """End it in order, and return its exit status."""
        self.process.send_signal(by)
        return self._wait()

    def _wait(self) -> int:
        status = self.process.wait(timeout=PATIENCE)
        if self.process.stdout is not None:
            self.process.stdout.close()
        return status


@contextmanager
def serving(
    *arguments: str | Path, stdin: int | None = None, log: Path | None = None, **environ: str
) -> Iterator[Serving]:
    """A service that answers; killed at the end if it still runs."""
    service = Serving(*arguments, stdin=stdin, log=log, **environ)
    try:
        service.ready()
        yield service
    finally:
        if service.process.poll() is None:
            service.kill()

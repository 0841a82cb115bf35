"""Starts the process of the receiver, and starts it again when it dies.

The addresses stay open here, so that senders wait a moment and are not refused while it is started again.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import msgspec
import structlog

from wafscope.errors import InputError
from wafscope.i18n.text import text
from wafscope.source.listener import Listener, ReceiverSettings, check, open_listener
from wafscope.source.receiver_process import READY, Start
from wafscope.source.traffic import Status, read_status

_PAUSE, _LONGEST_PAUSE = 0.1, 2.0
"""Seconds before a process that has died is started again, and between attempts that fail, at most."""
_PATIENCE = 20.0
"""Seconds for everything that has arrived to become durable."""

_log = structlog.get_logger(__name__)


def _address(listener: Listener) -> tuple[str, str, str]:
    """What its socket depends on."""
    return listener.kind, listener.listen, listener.protocol


class ReceiverProcess:
    """One process for all receiver and syslog sources of a service."""

    def __init__(self, settings: ReceiverSettings) -> None:
        """Open the addresses; raises SettingsError."""
        self._settings = settings
        self._sockets: list[socket.socket] = []
        try:
            for listener in settings.listeners:
                check(listener)
                self._sockets.append(open_listener(listener))
        except BaseException:
            self._close_sockets()
            raise
        self._process: subprocess.Popen[bytes] | None = None
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None
        self._changing = False
        """It was ended to be started with other settings."""
        self.restarts = 0
        """How often it died and was started again."""

    @property
    def addresses(self) -> tuple[tuple[Listener, str, int], ...]:
        """Each listener, with the host and port that it has."""
        found = []
        for listener, opened in zip(self._settings.listeners, self._sockets, strict=True):
            host, port = opened.getsockname()[:2]
            found.append((listener, str(host), int(port)))
        return tuple(found)

    @property
    def sensors(self) -> tuple[tuple[str, str], ...]:
        """The kind and the name of each sensor that may send."""
        return tuple(dict.fromkeys(each for listener in self._settings.listeners for each in listener.sensors))

    @property
    def pid(self) -> int | None:
        """The process that runs now."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self.pid is not None

    def start(self) -> None:
        """Start it, and return when it answers; raises InputError when it does not."""
        self._ending.clear()
        if not self._start_once():
            status = self._wait()
            raise InputError(
                text("The receiver did not start (status {status}).", status=status),
                where=self._settings.spool,
                hint=text("The log says why: may Wafscope write the spool, and read certificate and key?"),
            )
        self._thread = threading.Thread(target=self._watch, name="receiver", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End it when all that has arrived is durable, and close the addresses."""
        self._ending.set()
        self._end_process()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        self._close_sockets()

    def restart(self) -> None:
        """End the process; another one is started, with the same addresses."""
        self._end_process()

    def change(self, settings: ReceiverSettings) -> None:
        """Go on with other settings: addresses that stay are not closed, the process is started again.

        Raises SettingsError for an address that can not be had; then nothing has changed.
        """
        kept = {
            _address(listener): opened
            for listener, opened in zip(self._settings.listeners, self._sockets, strict=True)
            if _address(listener) in {_address(each) for each in settings.listeners}
        }
        now: list[socket.socket] = []
        try:
            for listener in settings.listeners:
                check(listener)
                now.append(kept.get(_address(listener)) or open_listener(listener))
        except BaseException:
            for opened in now:
                if opened not in kept.values():
                    opened.close()
            raise
        before, self._sockets, self._settings = self._sockets, now, settings
        self._changing = True
        self._end_process()
        for opened in before:
            if opened not in now:
                opened.close()

    def status(self) -> Status | None:
        """What it has told last."""
        return read_status(Path(self._settings.spool))

    def _start_once(self) -> bool:
        numbers = [opened.fileno() for opened in self._sockets]
        start = Start(self._settings, tuple(numbers), os.getpid())
        process = subprocess.Popen(
            [sys.executable, "-m", "wafscope.source.receiver_process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=numbers,
        )
        self._process = process
        assert process.stdin is not None  # noqa: S101 - asked for above
        assert process.stdout is not None  # noqa: S101
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(msgspec.json.encode(start) + b"\n")
            process.stdin.flush()
        ready = process.stdout.readline() == READY
        process.stdout.close()
        return ready

    def _wait(self) -> int:
        """Wait until the process has ended, and let go of it."""
        process = self._process
        assert process is not None  # noqa: S101 - called for one that was started
        status = process.wait()
        if process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                process.stdin.close()
        return status

    def _end_process(self) -> None:
        process = self._process
        if process is None or process.poll() is not None:
            return
        process.terminate()
        try:
            process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _watch(self) -> None:
        pause, ready = _PAUSE, True
        while self._process is not None:
            status = self._wait()
            if self._ending.is_set():
                return
            pause = _PAUSE if ready else min(_LONGEST_PAUSE, 2 * pause)
            if not self._changing:
                _log.warning("receiver_ended", status=status, again_in=pause)
                if self._ending.wait(pause):
                    return
                self.restarts += 1
            self._changing = False
            ready = self._start_once()
            if self._ending.is_set():
                self._end_process()

    def _close_sockets(self) -> None:
        for opened in self._sockets:
            opened.close()
        self._sockets.clear()

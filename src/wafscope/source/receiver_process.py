"""The process of the receiver: `python -m wafscope.source.receiver_process`, started by `receiver_supervisor.py`.

It is told its settings and its sockets, which are open already, in one line of JSON on standard input.  It ends, with
everything made durable that has arrived, on SIGTERM, when standard input is closed or its parent is gone: a service
that is killed leaves nothing behind.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import signal
import socket
import ssl
import sys
from pathlib import Path
from typing import BinaryIO

import msgspec
import structlog
import uvicorn

from wafscope import logs
from wafscope.errors import WafscopeError
from wafscope.source.http_server import server
from wafscope.source.listener import Listener, ReceiverSettings
from wafscope.source.receiver import Budget, Receiver
from wafscope.source.spool import Spool
from wafscope.source.syslog import SyslogTcp, SyslogUdp
from wafscope.source.traffic import Traffic

READY = b"ready\n"

_EVERY = 0.5
"""Seconds between two looks at the parent, and between two writings of the status."""

_SOON = 0.01
_PRIORITY = -5

_log = structlog.get_logger(__name__)


class Start(msgspec.Struct, frozen=True):
    """What the process is told."""

    settings: ReceiverSettings
    sockets: tuple[int, ...]
    """Descriptors, in the order of the listeners."""
    parent: int


class Process:
    """All servers of one process, with the spool they share."""

    def __init__(self, start: Start) -> None:
        self._start = start
        self._directory = Path(start.settings.spool)
        self._spool = Spool(self._directory, start.settings.spool_limit)
        self._traffic = Traffic()
        self._budget = Budget(start.settings.limits.memory)
        self._http: list[tuple[uvicorn.Server, asyncio.Task[None]]] = []
        self._syslog: list[SyslogTcp | SyslogUdp] = []
        self._end = asyncio.Event()

    async def run(self, lifeline: BinaryIO) -> None:
        """Serve until told to end."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._end.set)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends this process in time
        loop.add_reader(lifeline.fileno(), self._hear, lifeline)
        try:
            for listener, descriptor in zip(self._start.settings.listeners, self._start.sockets, strict=True):
                await self._serve(listener, socket.socket(fileno=descriptor))
            os.write(sys.stdout.fileno(), READY)
            while not self._end.is_set() and os.getppid() == self._start.parent:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._end.wait(), _EVERY)
                self._tell()
        finally:
            loop.remove_reader(lifeline.fileno())
            await self._close()

    def _hear(self, lifeline: BinaryIO) -> None:
        if not os.read(lifeline.fileno(), 1024):
            self._end.set()

    async def _serve(self, listener: Listener, opened: socket.socket) -> None:
        limits = self._start.settings.limits
        if listener.kind == "receiver":
            made = server(listener, limits, Receiver(listener, limits, self._spool, self._traffic, self._budget))
            task = asyncio.create_task(made.serve(sockets=[opened]))
            task.add_done_callback(lambda _: self._end.set())
            self._http.append((made, task))
            while not made.started:
                if task.done():
                    task.result()  # raises what is wrong: the certificate, perhaps
                    raise OSError(listener.listen)
                await asyncio.sleep(_SOON)
        elif listener.protocol == "tcp":
            stream = SyslogTcp(listener, limits, self._spool, self._traffic)
            self._syslog.append(stream)
            await stream.start(opened, _tls(listener))
        else:
            datagrams = SyslogUdp(listener, self._spool, self._traffic)
            self._syslog.append(datagrams)
            datagrams.start(opened)

    def _tell(self) -> None:
        try:
            self._traffic.write(self._directory, self._spool.used, self._spool.limit)
        except OSError as error:
            _log.warning("receiver_status_not_written", reason=str(error))

    async def _close(self) -> None:
        for made, _ in self._http:
            made.should_exit = True
        done = await asyncio.gather(
            *[task for _, task in self._http], *[each.close() for each in self._syslog], return_exceptions=True
        )
        for result in done:
            if isinstance(result, BaseException):
                _log.error("receiver_failed", reason=repr(result))
        await asyncio.to_thread(self._spool.close)
        self._tell()


def _tls(listener: Listener) -> ssl.SSLContext | None:
    if not listener.tls_certificate:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(listener.tls_certificate, listener.tls_key)
    return context


async def _run(start: Start) -> None:
    await Process(start).run(sys.stdin.buffer)


def main() -> int:
    """Run the process; return its exit status."""
    start = msgspec.json.decode(_first_line(sys.stdin.fileno()), type=Start)
    logs.set_up(start.settings.log_level, start.settings.log_format)
    with contextlib.suppress(ValueError, OSError):
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with contextlib.suppress(OSError):  # where it may: a site waits for its answers, nobody for what is read later
        os.setpriority(os.PRIO_PROCESS, 0, _PRIORITY)
    try:
        asyncio.run(_run(start))
    except (WafscopeError, OSError) as error:
        _log.error("receiver_not_started", reason=str(error), where=getattr(error, "where", ""))
        return error.exit_status if isinstance(error, WafscopeError) else 1
    return 0


def _first_line(descriptor: int) -> bytes:
    """Read up to a line end and nothing behind it."""
    parts = bytearray()
    while not parts.endswith(b"\n"):
        byte = os.read(descriptor, 1)
        if not byte:
            break
        parts += byte
    return bytes(parts)


if __name__ == "__main__":
    sys.exit(main())

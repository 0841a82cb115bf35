"""The HTTP server of the receiver: uvicorn, with limits of time for those who send slowly."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Generator
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from wafscope.source.listener import Limits, Listener
from wafscope.source.receiver import Receiver

_KEEP_ALIVE = 75
"""Seconds that a connection may wait for its next request."""
_GRACE = 3
"""Seconds for the requests that are on their way when the process is told to end."""
HANDSHAKE = 10.0
"""Seconds for the beginning of TLS."""
_LARGEST_HEAD = 128 << 10
"""Bytes: the index line of a record, with a long URI in it, stands in a header of mlogc."""


def server(listener: Listener, limits: Limits, application: Receiver) -> uvicorn.Server:
    """Make the server of a listener."""

    class Protocol(Timed):
        head_seconds = limits.head_seconds

    return _Server(
        uvicorn.Config(
            application,
            http=Protocol,
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="critical",
            access_log=False,
            server_header=False,
            date_header=False,
            proxy_headers=False,
            limit_concurrency=limits.connections,
            timeout_keep_alive=_KEEP_ALIVE,
            timeout_graceful_shutdown=_GRACE,
            h11_max_incomplete_event_size=_LARGEST_HEAD,
            ssl_certfile=listener.tls_certificate or None,
            ssl_keyfile=listener.tls_key or None,
            ssl_version=ssl.PROTOCOL_TLS_SERVER,
        )
    )


class _Server(uvicorn.Server):
    """One of several in a process, which looks after the signals itself."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen as uvicorn does, with a limit of time for those who begin TLS and go no further."""
        await self.lifespan.startup()
        loop, config = asyncio.get_running_loop(), self.config

        def protocol() -> asyncio.Protocol:
            made: asyncio.Protocol = config.http_protocol_class(  # type: ignore[call-arg]
                config=config, server_state=self.server_state, app_state=self.lifespan.state, _loop=loop
            )
            return made

        self.servers = [
            await loop.create_server(
                protocol, sock=each, ssl=config.ssl, ssl_handshake_timeout=HANDSHAKE if config.ssl else None
            )
            for each in sockets or ()
        ]
        self.started = True

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


class Timed(H11Protocol):
    """A connection that is closed when the head of a request, or a body that nobody wants, does not end.

    So is one whose answer nobody takes, and one of twice as many as are answered at a time: what waits for nothing
    must not take the files that a process may have open.
    """

    head_seconds = 10.0
    body_seconds: float | None = None
    """For a whole body; None where the application has limits of its own."""
    drain_seconds = 60.0
    """For what the network holds of an answer."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._timer: asyncio.TimerHandle | None = None
        self._drain: asyncio.TimerHandle | None = None
        self._busy: Any = None
        """The request that is being answered."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if self.limit_concurrency is not None and len(self.connections) > 2 * self.limit_concurrency:
            transport.abort()
            return
        self._start_timer(self.head_seconds)

    def data_received(self, data: bytes) -> None:
        if self._timer is None and self._busy is None:
            self._start_timer(self.head_seconds)
        before = self.cycle
        super().data_received(data)
        if self.cycle is not before:
            self._busy = None if self.cycle.response_complete else self.cycle
            self._stop_timer()
            if self.body_seconds is not None and self.cycle.more_body:
                self._start_timer(self.body_seconds)
        elif self._busy is not None and not self.cycle.more_body:
            self._stop_timer()

    def on_response_complete(self) -> None:
        self._busy = None
        self._stop_timer()
        if self.cycle.more_body:
            self._start_timer(self.head_seconds)
        before = self.cycle
        super().on_response_complete()
        if self.cycle is not before:  # the next request was here already
            self._busy = None if self.cycle.response_complete else self.cycle

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        self._drained()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._drain = self._drain or self.loop.call_later(self.drain_seconds, self._too_slow)

    def resume_writing(self) -> None:
        self._drained()
        super().resume_writing()

    def _drained(self) -> None:
        if self._drain is not None:
            self._drain.cancel()
            self._drain = None

    def _start_timer(self, seconds: float) -> None:
        self._stop_timer()
        self._timer = self.loop.call_later(seconds, self._too_slow)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _too_slow(self) -> None:
        self._timer = None
        if not self.transport.is_closing():
            self.transport.abort()

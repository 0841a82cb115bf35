"""The web server of the console."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable

import uvicorn

from wafscope.errors import SettingsError
from wafscope.i18n.text import text
from wafscope.settings import Settings
from wafscope.source.listener import parse_address
from wafscope.store.base import EventStore
from wafscope.web.app import create_app
from wafscope.web.settings import WebSettings
from wafscope.web.status import Statuses, nothing_followed


def listen(address: str) -> socket.socket:
    """Open the address that the console listens on; port 0 takes a free one.  Raises SettingsError."""
    host, port = parse_address(address)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    opened = socket.socket(family, socket.SOCK_STREAM)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        opened.bind((host, port))
    except OSError as error:
        opened.close()
        raise SettingsError(
            text("Cannot listen on {address}: {reason}", address=address, reason=error.strerror or str(error)),
            hint=text("Is another one running? Choose a free port with --port or --listen."),
        ) from error
    return opened


def address(opened: socket.socket) -> str:
    """The address of the console, for a browser."""
    host, port = opened.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def serve(
    store: EventStore,
    settings: Settings,
    opened: socket.socket,
    ready: Callable[[str], None],
    status: Statuses = nothing_followed,
) -> None:
    """Serve the console until the process is told to stop; calls `ready` with its address once it answers."""
    host = opened.getsockname()[0]
    web = WebSettings(
        names=(*settings.web.names, host),
        zone=settings.web.timezone,
        time_limit=settings.web.time_limit,
        status=status,
    )
    config = uvicorn.Config(
        create_app(store, web),
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=3,
        lifespan="on",
    )
    server = _Server(config, lambda: ready(address(opened)))
    with contextlib.suppress(KeyboardInterrupt):
        server.run(sockets=[opened])


class _Server(uvicorn.Server):
    """Says when it is ready."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._ready()

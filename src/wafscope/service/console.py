"""The web server of the console."""

from __future__ import annotations

import contextlib
import http.client
import socket
from collections.abc import Callable
from types import FrameType

import msgspec
import uvicorn

from wafscope.errors import SettingsError
from wafscope.i18n.text import text
from wafscope.ingest.pipeline import Setting
from wafscope.settings import Settings, variable
from wafscope.source.http_server import Timed
from wafscope.source.listener import other_address, parse_address
from wafscope.store.base import EventStore
from wafscope.web.settings import WebSettings
from wafscope.web.site import Website
from wafscope.web.status import Statuses, nothing_followed

_PATIENCE = 5.0
"""Seconds for an answer that costs nothing."""
_GRACE = 3
"""Seconds for answers that are under way when the server ends."""
_CONNECTIONS = 512
"""That are answered at a time: the same process reads the logs, and needs files to be open."""


class _Protocol(Timed):
    """A connection to the console: its own pages send no bodies to speak of."""

    body_seconds = 10.0


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
            hint=other_address(
                error,
                text(
                    "Is another one running? Choose a free port: --port of wafscope view, --listen of wafscope serve,"
                    " or {variable} in the environment.",
                    variable=f"{variable('web', 'listen')}=127.0.0.1:8643",
                ),
            ),
        ) from error
    return opened


def address(opened: socket.socket) -> str:
    """The address of the console, for a browser."""
    host, port = opened.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def answers(opened: socket.socket) -> bool:
    """Tell whether the console answers at its address: whatever it says, as long as it says something."""
    try:
        host, port = opened.getsockname()[:2]
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - that is not bound here
        with contextlib.closing(http.client.HTTPConnection(host, port, timeout=_PATIENCE)) as asked:
            asked.request("GET", "/live")
            asked.getresponse().read()
    except (OSError, http.client.HTTPException):
        return False
    return True


def web_settings(settings: Settings, opened: socket.socket, status: Statuses = nothing_followed) -> WebSettings:
    """What the console is told of the settings."""
    return WebSettings(
        names=(*settings.web.names, opened.getsockname()[0]),
        zone=settings.web.timezone,
        time_limit=settings.web.time_limit,
        quarantine_days=settings.quarantine.days,
        status=status,
    )


def _nothing() -> None:
    pass


def run_console(
    site: Website,
    opened: socket.socket,
    ready: Callable[[str], None],
    *,
    ending: Callable[[], None] = _nothing,
) -> None:
    """Serve until the process is told to stop.

    `ready` is called with the address once it answers, `ending` when it is told to stop.
    """
    config = uvicorn.Config(
        site,
        log_config=None,
        http=_Protocol,
        ws="none",
        access_log=False,
        server_header=False,
        limit_concurrency=_CONNECTIONS,
        log_level="error",
        timeout_graceful_shutdown=_GRACE,
        lifespan="off",
    )
    server = _Server(config, site, lambda: ready(address(opened)), ending)
    with contextlib.suppress(KeyboardInterrupt):
        server.run(sockets=[opened])


class _Server(uvicorn.Server):
    """Says when it is ready, and when it is told to stop."""

    def __init__(
        self,
        config: uvicorn.Config,
        site: Website,
        ready: Callable[[], None],
        ending: Callable[[], None],
    ) -> None:
        super().__init__(config)
        self._site = site
        self._ready, self._ending = ready, ending

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await self._site.begin()
        await super().startup(sockets)
        if self.started:
            self._ready()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if not self.should_exit:
            self._ending()
        super().handle_exit(sig, frame)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await super().shutdown(sockets)
        await self._site.finish()


def serve(
    store: EventStore,
    settings: Settings,
    opened: socket.socket,
    ready: Callable[[str], None],
    setting: Setting,
    *,
    name: str = "",
) -> None:
    """Serve the console over a store that nothing is added to, until the process is told to stop.

    `setting` is how records in quarantine are read again, `name` that of a store that stays.  Nothing expires: what is
    looked at once stays as it is.
    """
    web = web_settings(settings, opened)
    web = msgspec.structs.replace(web, setting=setting, quarantine_days=0, store_name=name)
    run_console(Website(store, web), opened, ready)

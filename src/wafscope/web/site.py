"""The application that answers now; another one can take its place while the server goes on."""

from __future__ import annotations

import asyncio
import contextlib

from litestar import Litestar
from litestar.types import Receive, Scope, Send

from wafscope.store.base import EventStore
from wafscope.web.app import create_app
from wafscope.web.settings import WebSettings

_OLD = 15.0
"""Seconds for answers that are under way when another application takes over."""


class Website:
    """The console at its address; another application can take the place of the one that answers."""

    def __init__(self, store: EventStore, web: WebSettings) -> None:
        self._store = store
        self._app = create_app(store, web)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._end = asyncio.Event()
        """Ends the application that answers."""
        self._tasks: set[asyncio.Task[None]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, as ASGI has it."""
        await self._app(scope, receive, send)

    def change(self, web: WebSettings) -> None:
        """Answer with new settings from now on; to be called from another thread."""
        app = create_app(self._store, web)
        if self._loop is not None:
            asyncio.run_coroutine_threadsafe(self.begin(app), self._loop).result()

    async def begin(self, app: Litestar | None = None) -> None:
        """Start an application, and let it answer."""
        self._loop = asyncio.get_running_loop()
        app = app or self._app
        began, end = asyncio.Event(), asyncio.Event()
        task = self._loop.create_task(_live(app, began, end))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        waiting = self._loop.create_task(began.wait())
        await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if task.done():
            task.result()  # raises what is wrong
        self._loop.call_later(_OLD, self._end.set)
        self._app, self._end = app, end

    async def finish(self) -> None:
        """End the applications."""
        self._end.set()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def _live(app: Litestar, began: asyncio.Event, end: asyncio.Event) -> None:
    async with app.lifespan():
        began.set()
        with contextlib.suppress(asyncio.CancelledError):
            await end.wait()

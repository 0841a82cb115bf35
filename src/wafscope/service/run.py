"""The one place that builds everything from the settings: the store, the sources, the console, the server."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import cast

from wafscope.errors import SettingsError
from wafscope.i18n.text import text
from wafscope.ingest.follow import Follow
from wafscope.ingest.pipeline import Setting
from wafscope.ingest.workers import NEEDED, Workers
from wafscope.service.console import address, serve
from wafscope.service.notify import Notify
from wafscope.service.sources import ARRIVING, check_twice, make_origin, receiver_settings, spool_origin
from wafscope.service.status import statuses
from wafscope.settings import Settings
from wafscope.source.listener import ReceiverSettings
from wafscope.source.receiver_supervisor import ReceiverProcess
from wafscope.store.base import EventStore, LastingStore
from wafscope.store.open import FILE, open_store
from wafscope.store.remote.server import StoreServer

_MOST_WORKERS = 8
_LAST = 10.0
"""Seconds that what is under way may take to be committed."""


def run(settings: Settings, opened: socket.socket, ready: Callable[[str], None], setting: Setting) -> None:
    """Follow the sources and serve the console until the process is told to stop.

    Raises SettingsError for sources that can not be, StoreError when the store can not be opened.
    """
    arriving = receiver_settings(settings)
    origins = [make_origin(source, settings) for source in settings.source if source.kind not in ARRIVING]
    origins += [spool_origin(arriving, settings)] if arriving else []
    if not origins:
        raise SettingsError(
            text("There is nothing to follow."),
            hint=text("Name a log: wafscope serve /var/log/modsec_audit.log, or [[source]] in the settings."),
        )
    check_twice(origins)
    _allow_files()
    count = setting.workers if setting.workers is not None else min(os.cpu_count() or 1, _MOST_WORKERS)
    for name in NEEDED if count else ():
        import_module(name)
    # They are started before the store is opened, when they can still be forked.
    workers = Workers(count, fork=True)
    with contextlib.ExitStack() as stack:
        stack.callback(workers.close)
        receiver = stack.enter_context(_receiving(arriving))
        store = stack.enter_context(open_store(settings.store.uri))
        stack.enter_context(_asked(store, settings.store.uri, address(opened)))
        follow = Follow(store, origins, setting, workers=workers)
        notify = Notify()

        def announce(address: str) -> None:
            ready(address)
            notify.ready()

        with _following(follow):
            serve(store, settings, opened, announce, lambda: statuses(follow.status, receiver))


@contextlib.contextmanager
def _following(follow: Follow) -> Iterator[None]:
    """Let a thread follow, and at the end commit what is under way."""
    stop = threading.Event()
    thread = threading.Thread(target=follow.run, args=(stop,), name="follow", daemon=True)
    # The server raises the signal that ended it once more when it has ended.
    before = signal.signal(signal.SIGTERM, lambda _number, _frame: None)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(_LAST)
        if thread.is_alive():
            # It is in the middle of a commit, which may be cut off at any moment; closing the store may not.
            os._exit(0)
        follow.close_workers()
        signal.signal(signal.SIGTERM, before)


@contextlib.contextmanager
def _asked(store: EventStore, uri: str, console: str) -> Iterator[None]:
    """Let the command line ask, where the store is a file that nobody else can open meanwhile."""
    path = uri.removeprefix(FILE)
    if path == uri:
        yield
        return
    with StoreServer(cast("LastingStore", store), Path(path), console):
        yield


@contextlib.contextmanager
def _receiving(settings: ReceiverSettings | None) -> Iterator[ReceiverProcess | None]:
    """Run the receiver, where there is a source for it."""
    if settings is None:
        yield None
        return
    receiver = ReceiverProcess(settings)
    try:
        receiver.start()
        yield receiver
    finally:
        receiver.stop()


def _allow_files() -> None:
    """Have as many files open as the system allows: each log that is followed is one."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource  # noqa: PLC0415 - not on every system

        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))

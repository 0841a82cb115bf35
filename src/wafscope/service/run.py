"""The one place that builds everything from the settings: the store, the sources, the console, the server."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import msgspec
import structlog

from wafscope.i18n.text import Text
from wafscope.ingest.follow import Follow
from wafscope.ingest.pipeline import Setting
from wafscope.ingest.upkeep import Upkeep
from wafscope.ingest.workers import Workers, load_needed
from wafscope.service.checkup import Checkups
from wafscope.service.console import address, answers, run_console, web_settings
from wafscope.service.notify import Notify
from wafscope.service.plan import Plan, make_plan
from wafscope.service.progress import Progress, Watch
from wafscope.service.receiving import Receiving
from wafscope.service.reload import Reload, is_daemon
from wafscope.service.status import line, statuses
from wafscope.settings import Settings
from wafscope.store.base import EventStore, LastingStore
from wafscope.store.open import FILE, open_store
from wafscope.store.remote.server import StoreServer
from wafscope.web.metrics import Metrics
from wafscope.web.settings import WebSettings
from wafscope.web.site import Website

_log = structlog.get_logger(__name__)

_MOST_WORKERS = 8
_AGAIN = 0.1
_LAST = 9.0
"""Seconds after which a service that was told to stop has ended."""
FOLLOW, WEB = "follow", "web"
"""The parts of which progress is expected."""


class Given(msgspec.Struct, frozen=True):
    """What the command line gives to a service."""

    load: Callable[[], Settings]
    """Reads the settings again, with what the command line says on top; raises SettingsError."""
    setting: Callable[[Settings], Setting]
    """What reading is told of the settings."""
    ready: Callable[[str], None]
    """Called with the address of the console once it answers."""
    say: Callable[[Text], None]
    """Tells a person what has become of what they asked for."""


def run(settings: Settings, opened: socket.socket, given: Given) -> None:
    """Follow the sources and serve the console until the process is told to stop.

    Raises SettingsError for sources that can not be, StoreError when the store can not be opened.
    """
    if is_daemon():
        # One that comes before the service can take new settings must not end it.
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    plan, setting = make_plan(settings), given.setting(settings)
    _allow_files()
    count = setting.workers if setting.workers is not None else min(os.cpu_count() or 1, _MOST_WORKERS)
    if count:
        load_needed(setting.redaction)
    # They are started before the store is opened, when they can still be forked.
    workers = Workers(count, fork=True)
    ending = Ending()
    with contextlib.ExitStack() as stack:
        stack.callback(ending.cancel)
        stack.callback(workers.close)
        receiving = stack.enter_context(Receiving(plan.arriving))
        # Who has it open now may take long, and senders do not wait.
        store = stack.enter_context(
            open_store(settings.store.uri, memory_limit=settings.store.memory_limit, waits=True)
        )
        _Service(plan, store, receiving, opened, given).run(stack, setting, workers, ending)


class _Service:
    """The parts, when the store is open."""

    def __init__(
        self, plan: Plan, store: EventStore, receiving: Receiving, opened: socket.socket, given: Given
    ) -> None:
        self.plan, self.store, self.receiving, self.opened, self.given = plan, store, receiving, opened, given
        self.notify = Notify()
        self.progress = Progress()
        self.metrics = Metrics()
        self.checkups = Checkups(store, plan.settings)

    def run(self, stack: contextlib.ExitStack, setting: Setting, workers: Workers, ending: Ending) -> None:
        """Start the parts, and serve."""
        self.follow = Follow(
            self.store, self.plan.origins, setting, workers=workers, beat=lambda: self.progress.beat(FOLLOW)
        )
        self.site = Website(self.store, self.web(self.plan.settings))
        stack.enter_context(_asked(self.store, self.plan.settings.store.uri, address(self.opened), self.progress))
        reload = Reload(self.plan, self.take, self.given.load, self.given.say, self.notify)
        upkeep = self.upkeep = _upkeep(self.store, self.plan.settings, self.progress)
        probes = {WEB: lambda: answers(self.opened)}
        watch = Watch(self.progress, self.notify, lambda: line(self.follow.status), probes)

        def ready(place: str) -> None:
            self.given.ready(place)
            self.notify.ready()
            watch.start()
            # The first page that asks shall not wait for it.
            threading.Thread(target=self.checkups, args=(0,), name="doctor", daemon=True).start()

        with _following(self.follow, ending), _kept(upkeep, self.store, ending), reload:
            ending.also(self.notify.stopping)
            run_console(self.site, self.opened, ready, ending=ending)
        watch.end()

    def web(self, settings: Settings) -> WebSettings:
        """What the console is told."""
        web = web_settings(settings, self.opened, lambda: statuses(self.follow.status, self.receiving.process))
        uri = self.plan.settings.store.uri
        return msgspec.structs.replace(
            web,
            setting=self.given.setting(settings),
            checkup=self.checkups,
            metrics=self.metrics,
            receiver=self.receiving.status,
            store_name=uri.removeprefix(FILE),
            store=cast("LastingStore", self.store).state if uri.startswith(FILE) else lambda: None,
        )

    def take(self, plan: Plan) -> None:
        """Go on with a new plan; raises SettingsError when that can not be, and then all is as it was."""
        setting = self.given.setting(plan.settings)
        self.receiving.change(plan.arriving)
        self.follow.change(plan.origins, setting)
        self.checkups.change(plan.settings)
        self.site.change(self.web(plan.settings))
        if self.upkeep is not None:
            self.upkeep.change(plan.settings)


class Ending:
    """What is done when the process is told to stop, and the end of its patience."""

    def __init__(self) -> None:
        self._actions: list[Callable[[], None]] = []
        self._timer: threading.Timer | None = None

    def also(self, action: Callable[[], None]) -> None:
        """Do this, too."""
        self._actions.append(action)

    def __call__(self) -> None:
        """It is told to stop."""
        self._timer = threading.Timer(_LAST, self._give_up)
        self._timer.daemon = True
        self._timer.start()
        for action in self._actions:
            action()

    @staticmethod
    def _give_up() -> None:
        # In the middle of a commit, which may be cut off at any moment; closing the store may not.
        _log.warning("ended before all had come to rest; what is not committed is read again")
        os._exit(0)

    def cancel(self) -> None:
        """It has ended in time."""
        if self._timer is not None:
            self._timer.cancel()


@contextlib.contextmanager
def _following(follow: Follow, ending: Ending) -> Iterator[None]:
    """Let a thread follow, and at the end commit what is under way."""
    stop = threading.Event()
    thread = threading.Thread(target=follow.run, args=(stop,), name="follow", daemon=True)
    # The server raises the signal that ended it once more when it has ended.
    before = signal.signal(signal.SIGTERM, lambda _number, _frame: None)
    ending.also(stop.set)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        follow.close_workers()
        signal.signal(signal.SIGTERM, before)


def _upkeep(store: EventStore, settings: Settings, progress: Progress) -> Upkeep | None:
    """What keeps the store within its limits, where it is a file."""
    if not settings.store.uri.startswith(FILE):
        return None
    return Upkeep(cast("LastingStore", store), settings, around=lambda: progress.excused(FOLLOW))


@contextlib.contextmanager
def _kept(upkeep: Upkeep | None, store: EventStore, ending: Ending) -> Iterator[None]:
    """Let a thread keep the store; what takes long is interrupted at the end."""
    if upkeep is None:
        yield
        return
    stop = threading.Event()
    thread = threading.Thread(target=upkeep.run, args=(stop,), name="upkeep", daemon=True)

    def end() -> None:
        stop.set()
        cast("LastingStore", store).hurry()

    ending.also(end)
    thread.start()
    try:
        yield
    finally:
        end()
        while thread.is_alive():
            # An interrupt that comes before the start is lost.
            cast("LastingStore", store).hurry()
            thread.join(_AGAIN)


@contextlib.contextmanager
def _asked(store: EventStore, uri: str, console: str, progress: Progress) -> Iterator[None]:
    """Let the command line ask, where the store is a file that nobody else can open meanwhile."""
    path = uri.removeprefix(FILE)
    if path == uri:
        yield
        return
    # What is asked may take the whole store for long.
    with StoreServer(cast("LastingStore", store), Path(path), console, around=lambda: progress.excused(FOLLOW)):
        yield


def _allow_files() -> None:
    """Have as many files open as the system allows: each log that is followed is one."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource  # noqa: PLC0415 - not on every system

        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))

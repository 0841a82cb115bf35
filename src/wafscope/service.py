"""The one place that builds everything from the settings: the store, the sources, the console, the server."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from pathlib import Path

import uvicorn

from wafscope.errors import SettingsError
from wafscope.i18n.text import Text, text
from wafscope.ingest.follow import Follow, Origin, Status
from wafscope.ingest.follow import SourceStatus as Followed
from wafscope.ingest.pipeline import Setting
from wafscope.ingest.workers import NEEDED, Workers
from wafscope.reader.walk import settled
from wafscope.reader.whole import is_whole
from wafscope.settings import Settings, Source
from wafscope.source.concurrent import ConcurrentFeed, Custom
from wafscope.source.listener import Limits, Listener, ReceiverSettings, parse_address
from wafscope.source.listener import User as Sender
from wafscope.source.reading import Manner
from wafscope.source.receiver_supervisor import ReceiverProcess
from wafscope.source.spool_feed import SpoolFeed
from wafscope.source.stdin import StandardInputFeed
from wafscope.source.tail import TailFeed
from wafscope.store.base import EventStore
from wafscope.store.open import open_store
from wafscope.web.app import create_app
from wafscope.web.settings import WebSettings
from wafscope.web.status import SourceState, SourceStatus, Statuses, nothing_followed


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


def serve(
    store: EventStore,
    settings: Settings,
    opened: socket.socket,
    ready: Callable[[str], None],
    status: Statuses = nothing_followed,
) -> None:
    """Serve the console until the process is told to stop; calls `ready` with its address once it answers."""
    host, port = opened.getsockname()[:2]
    name = f"[{host}]" if ":" in host else host
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
    server = _Server(config, lambda: ready(f"http://{name}:{port}"))
    with contextlib.suppress(KeyboardInterrupt):
        server.run(sockets=[opened])


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
    _check_twice(origins)
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
        follow = Follow(store, origins, setting, workers=workers)
        with _following(follow):
            serve(store, settings, opened, ready, lambda: statuses(follow.status, receiver))


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


def statuses(status: Status, receiver: ReceiverProcess | None) -> tuple[SourceStatus, ...]:
    """How the sources are, for the console."""
    found: list[SourceStatus] = []
    for source in status.sources:
        state, what = _state(status, source)
        if source.kind == SPOOL and receiver is not None:
            found += _arriving(receiver, state, what)
        else:
            found.append(
                SourceStatus(
                    source.name,
                    source.kind,
                    source.sensor,
                    state,
                    source.lag,
                    source.last,
                    what,
                    waiting=source.waiting,
                )
            )
    return tuple(found)


def _state(status: Status, source: Followed) -> tuple[SourceState, Text | None]:
    if status.state == "paused":
        return "paused", status.problem.what if status.problem else None
    problem = next((each for each in source.problems if not each.waits), None)
    if problem is not None:
        return "failed", problem.what
    return "waiting" if source.problems else "following", None


def _arriving(receiver: ReceiverProcess, state: SourceState, what: Text | None) -> Iterator[SourceStatus]:
    """How each sensor is that sends to the receiver."""
    told = receiver.status()
    traffic = {each.sensor: each for each in told.sensors} if told else {}
    loops = {each.sensor: each.reason for each in told.loops} if told else {}
    if what is None and not receiver.alive:
        state, what = "failed", text("The receiver has ended; it is started again.")
    for kind, sensor in receiver.sensors:
        if what is None and sensor in loops:
            looping = text("It is refused again and again: {reason}", reason=loops[sensor])
            yield SourceStatus(f"{kind}:{sensor}", kind, sensor, "failed", problem=looping)
        else:
            last = traffic[sensor].last if sensor in traffic else None
            yield SourceStatus(f"{kind}:{sensor}", kind, sensor, state, last_read=last, problem=what)


_MOST_WORKERS = 8
_LAST = 10.0
"""Seconds that what is under way may take to be committed."""


def _allow_files() -> None:
    """Have as many files open as the system allows: each log that is followed is one."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource  # noqa: PLC0415 - not on every system

        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def make_origin(source: Source, settings: Settings) -> Origin:
    """Tell how the feed of a source is made; raises SettingsError for one that can not be."""
    sensor = source.sensor or socket.gethostname()
    largest, zone = settings.ingest.largest_record, source.timezone
    manner = Manner(settled, largest)
    if source.kind == "stdin":
        feed = StandardInputFeed(manner, sensor=sensor, zone=zone)
        return Origin("stdin", "-", sensor, lambda _: feed.again())
    if not source.path:
        raise SettingsError(
            text("A source of kind “{kind}” needs a path.", kind=source.kind),
            where="source.path",
            hint=text('Such as path = "/var/log/modsec_audit.log".'),
        )
    path = os.path.abspath(source.path)  # noqa: PTH100 - a pattern is no path
    if source.kind == "serial":
        return Origin(
            "serial", path, sensor, lambda positions: TailFeed(path, positions, manner, sensor=sensor, zone=zone)
        )
    archive = Path(source.archive).absolute() if source.archive else None
    custom = Custom(is_whole, largest, source.after, archive)
    return Origin(
        "concurrent",
        path,
        sensor,
        lambda positions: ConcurrentFeed(path, positions, custom, sensor=sensor, zone=zone),
    )


ARRIVING = ("receiver", "syslog")
"""Kinds of sources whose records arrive at an address: one process takes them all, into one spool."""
SPOOL = "spool"
_BESIDE = ".spool"


def receiver_settings(settings: Settings) -> ReceiverSettings | None:
    """What the process of the receiver is told; None where nothing arrives.  Raises SettingsError."""
    sources = [source for source in settings.source if source.kind in ARRIVING]
    if not sources:
        return None
    spools = {source.spool for source in sources if source.spool}
    if len(spools) > 1:
        raise SettingsError(
            text("All that arrives goes to one spool."),
            where="source.spool",
            hint=text("Name the same directory everywhere: {names}", names=", ".join(sorted(spools))),
        )
    store = settings.store.uri.removeprefix("duckdb:///")
    if not spools and store == settings.store.uri:
        raise SettingsError(
            text("A receiver beside such a store needs a directory of its own."),
            where="source.spool",
            hint=text('Such as spool = "/var/lib/wafscope/spool".'),
        )
    listeners = tuple(
        Listener(
            kind="syslog" if source.kind == "syslog" else "receiver",
            listen=source.listen,
            sensor=source.sensor,
            protocol=source.protocol,
            tls_certificate=source.tls_certificate,
            tls_key=source.tls_key,
            tokens=source.tokens,
            users={name: Sender(user.password, user.sensor) for name, user in source.users.items()},
        )
        for source in sources
    )
    return ReceiverSettings(
        spool=str(Path(next(iter(spools), store + _BESIDE)).absolute()),
        listeners=listeners,
        spool_limit=min(source.spool_limit for source in sources),
        limits=Limits(largest=settings.ingest.largest_record),
        log_level=settings.log.level,
        log_format=settings.log.format,
    )


def spool_origin(arriving: ReceiverSettings, settings: Settings) -> Origin:
    """Tell how the feed of the spool is made."""
    spool = Path(arriving.spool)
    zones = {
        sensor: source.timezone
        for source, listener in zip(
            [each for each in settings.source if each.kind in ARRIVING], arriving.listeners, strict=True
        )
        for _, sensor in listener.sensors
    }
    return Origin(SPOOL, arriving.spool, "", lambda positions: SpoolFeed(spool, positions, zones))


def _check_twice(origins: Sequence[Origin]) -> None:
    """What is followed twice would be read twice, with one position for both."""
    names = [(origin.kind, origin.name) for origin in origins]
    for kind, name in names:
        if names.count((kind, name)) > 1:
            raise SettingsError(
                text("The same source is named twice."), where=name, hint=text("Each source has one sensor.")
            )


class _Server(uvicorn.Server):
    """Says when it is ready."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._ready()

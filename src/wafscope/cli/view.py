"""`wafscope view`: from a log to the dashboard in one command; `wafscope demo`: the same with the sample."""

from __future__ import annotations

import signal
import tempfile
import threading
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import msgspec

from wafscope import sample
from wafscope.cli.importing import address, make_setting, read_in, summarised
from wafscope.cli.options import written_by
from wafscope.cli.say import note, said
from wafscope.errors import InputError
from wafscope.i18n.text import text
from wafscope.ingest import heap
from wafscope.ingest.pipeline import start_workers
from wafscope.ingest.workers import Workers
from wafscope.service.console import listen, serve
from wafscope.settings import Settings
from wafscope.store.base import EventStore
from wafscope.store.open import reach_store
from wafscope.store.remote.client import RemoteStore


@click.command(
    "view",
    help=said(
        text(
            "Read logs and look at them in the browser. PATH is a file, a directory of a concurrent log, an archive,"
            " or - for standard input."
        )
    ),
)
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option(
    "--store", "file", default="", help=said(text("Keep the store in this file; without, it is gone at the end."))
)
@click.option("--no-open", is_flag=True, help=said(text("Do not open the browser.")))
@click.option(
    "--port", default=0, type=click.IntRange(0, 65535), help=said(text("Port of the console; a free one unless given."))
)
@written_by
@click.pass_obj
def view_command(
    settings: Settings, paths: tuple[str, ...], file: str, no_open: bool, port: int, zone: str, sensor: str
) -> None:
    """Import with a progress bar, then serve and open the browser."""
    opened = listen(f"127.0.0.1:{port}")
    setting = make_setting(settings, zone, sensor)
    with start_workers(list(paths), setting) as workers, _ended_in_order(), _store(file) as store:
        outcome = read_in(store, paths, setting, workers)
        note(summarised(outcome.summary))
        if outcome.nothing_readable:
            raise SystemExit(InputError.exit_status)
        heap.give_back()
        if isinstance(store, RemoteStore):
            # Its service has a console already.
            opened.close()
            _held(store.console, no_open=no_open)
        else:
            serve(store, settings, opened, _announce(no_open=no_open), setting, name=file)


@click.command("demo", help=said(text("Look at the sample logs that come with Wafscope.")))
@click.pass_obj
def demo_command(settings: Settings) -> None:
    """Serve the sample on the configured address; no question asked, no browser opened."""
    opened = listen(settings.web.listen)
    with _ended_in_order(), _store("") as store:
        setting = msgspec.structs.replace(make_setting(settings, "", sample.SENSOR), workers=0)
        note(summarised(read_in(store, (str(sample.log()),), setting, Workers(0)).summary))
        serve(store, settings, opened, _announce(no_open=True), setting)


@contextmanager
def _ended_in_order() -> Iterator[None]:
    """Let SIGTERM, and a terminal that is closed, end the program so that the temporary store goes with it."""

    def end(number: int, _frame: object) -> None:
        raise SystemExit(128 + number)

    def hang_up(_number: int, _frame: object) -> None:
        # The web server has a handler of its own for it.
        signal.raise_signal(signal.SIGTERM)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {signal.SIGTERM: signal.signal(signal.SIGTERM, end)}
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup
        before[signal.SIGHUP] = signal.signal(signal.SIGHUP, hang_up)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _store(file: str) -> Iterator[EventStore]:
    """Open the store in `file`, or one that is gone at the end."""
    if file:
        with reach_store(address(file)) as store:
            yield store
        return
    with (
        tempfile.TemporaryDirectory(prefix="wafscope-") as folder,
        reach_store(address(str(Path(folder) / "view.duckdb"))) as store,
    ):
        yield store


def _held(console: str, *, no_open: bool) -> None:
    click.echo(said(text("The service that holds the store shows it at {address}.", address=console)))
    if not no_open:
        webbrowser.open(console)


def _announce(*, no_open: bool) -> Callable[[str], None]:
    def ready(address: str) -> None:
        click.echo(said(text("Wafscope is at {address} - Ctrl-C ends it.", address=address)))
        if not no_open:
            webbrowser.open(address)

    return ready

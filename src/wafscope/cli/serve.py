"""`wafscope serve`: follow the logs day and night, and serve the console over what they say."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click
import msgspec

from wafscope import logs
from wafscope import settings as all_settings
from wafscope.cli.importing import address, make_setting
from wafscope.cli.options import config_file, installed, kind_of, written_by
from wafscope.cli.say import said
from wafscope.i18n.text import Text, text
from wafscope.logs import is_journal
from wafscope.service.console import listen
from wafscope.service.run import Given, run
from wafscope.settings import Settings, Source
from wafscope.web.visible import plain


@click.command(
    "serve",
    help=said(
        text(
            "Follow logs and serve the console, until told to stop. PATH is a file, a pattern in quotes, the storage"
            " directory of a concurrent log, or - for standard input; more can be set in the settings."
        )
    ),
)
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@config_file
@click.option("--store", "file", default="", help=said(text("File of the store; made when it is not there.")))
@click.option("--listen", "place", default="", help=said(text("Address and port of the console.")))
@written_by
@click.option(
    "--after",
    type=click.Choice(["keep", "delete", "archive"]),
    default="keep",
    help=said(text("What becomes of the files of a concurrent log when their events are stored.")),
)
@click.pass_context
def serve_command(
    context: click.Context,
    paths: tuple[str, ...],
    config: Path | None,
    file: str,
    place: str,
    zone: str,
    sensor: str,
    after: str,
) -> None:
    """Serve until SIGTERM or Ctrl-C."""
    config = config or context.find_root().params["config"]
    if config is None and not (paths or file):
        config = installed()
    file = address(file) if file else ""
    named = [_source(path, sensor, zone, after) for path in paths]

    def load() -> Settings:
        found = all_settings.load(config, os.environ)
        store = msgspec.structs.replace(found.store, uri=file or found.store.uri)
        web = msgspec.structs.replace(found.web, listen=place or found.web.listen)
        return msgspec.structs.replace(found, store=store, web=web, source=(*found.source, *named))

    settings = load()
    logs.set_up(settings.log.level, settings.log.format)
    opened = listen(settings.web.listen)
    run(settings, opened, Given(load, lambda found: make_setting(found, zone, sensor), _announce, _say))


def _source(path: str, sensor: str, zone: str, after: str) -> Source:
    return msgspec.convert(
        {"kind": kind_of(path), "path": path, "sensor": sensor, "timezone": zone, "after": after}, type=Source
    )


def _announce(place: str) -> None:
    words = text("Wafscope is at {address} - Ctrl-C ends it.", address=place)
    _say(text("Wafscope is at {address}.", address=place) if is_journal(os.environ) else words)


def _say(words: Text) -> None:
    """Say it to whoever still listens: a service goes on without, on a full disk, or when its terminal is gone."""
    try:
        click.echo(plain(said(words)))
    except OSError:
        # What is left in the buffer would be tried once more at the end.
        sys.stdout = None

"""Options that several commands share."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click

from wafscope import settings
from wafscope.cli.say import note, said
from wafscope.i18n.text import text

Command = TypeVar("Command", bound=Callable[..., object])

config_file = click.option(
    "--config",
    type=click.Path(path_type=Path),
    help=said(text("Settings file (TOML); that of the service of this machine unless given.")),
)
"""Add --config (`config`)."""

store_file = click.option(
    "--store", "file", default="", help=said(text("File of the store; that of the settings unless given."))
)
"""Add --store (`file`), for a command about a store that there is: `importing.store_address` says which."""

NUMBER = (1 << 63) - 1
"""The highest number that a store knows."""
MANY = 1_000_000_000
"""The highest limit: more than a terminal or a pipe is for."""

in_json = click.option("--json", "as_json", is_flag=True, help=said(text("Print JSON.")))
"""Add --json (`as_json`)."""


def kind_of(path: str) -> str:
    """The kind of source that a path on the command line stands for."""
    if path == "-":
        return "stdin"
    # Not Path.is_dir, which raises where a directory above may not be looked into: the source then says so.
    return "concurrent" if os.path.isdir(path) else "serial"  # noqa: PTH112


def installed() -> Path | None:
    """Return the settings of the service of this machine, if there are some that may be read, and say so."""
    path = settings.INSTALLED
    try:
        if not path.is_file():
            return None
    except PermissionError:  # the directory may not be looked into, which tells that it is there
        pass
    if not os.access(path, os.R_OK):
        note(
            text(
                "{path} may not be read, so the defaults hold. Ask as root, or give --config or --store.",
                path=str(path),
            )
        )
        return None
    note(text("Settings: {path}", path=str(path)))
    return path


def in_zone(command: Command) -> Command:
    """Add --timezone (`zone`)."""
    words = text("Zone of logs that do not prove their own, such as Europe/Berlin.")
    return click.option("--timezone", "zone", default="", help=said(words))(command)


def written_by(command: Command) -> Command:
    """Add --timezone (`zone`) and --sensor: who wrote the logs that are named beside them."""
    sensor = click.option(
        "--sensor",
        default="",
        help=said(text("Name of the installation that wrote the logs; the host name unless given.")),
    )
    return in_zone(sensor(command))

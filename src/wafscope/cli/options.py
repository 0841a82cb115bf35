"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click

from wafscope.cli.say import said
from wafscope.i18n.text import text

Command = TypeVar("Command", bound=Callable[..., object])

config_file = click.option("--config", type=click.Path(path_type=Path), help=said(text("Settings file (TOML).")))
"""Add --config (`config`)."""

store_file = click.option(
    "--store", "file", default="", help=said(text("File of the store; that of the settings unless given."))
)
"""Add --store (`file`), for a command about a store that there is: `importing.store_address` says which."""

in_json = click.option("--json", "as_json", is_flag=True, help=said(text("Print JSON.")))
"""Add --json (`as_json`)."""


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

"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import click

from wafscope.cli.say import said
from wafscope.i18n.text import text

Command = TypeVar("Command", bound=Callable[..., object])


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

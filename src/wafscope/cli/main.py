"""The command `wafscope`."""

from __future__ import annotations

import os
from pathlib import Path

import click

from wafscope import __version__, logs, settings
from wafscope.cli.importing import import_command
from wafscope.cli.say import fail, said
from wafscope.cli.top import top_command
from wafscope.cli.view import demo_command, view_command
from wafscope.errors import WafscopeError
from wafscope.i18n.text import text


@click.group(
    help=said(text("Read ModSecurity audit logs, see what the firewall saw, tune it with proof.")),
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option("--config", type=click.Path(path_type=Path), help=said(text("Settings file (TOML).")))
@click.version_option(__version__, prog_name="wafscope")
@click.pass_context
def cli(context: click.Context, config: Path | None) -> None:
    """Load the settings for whatever command comes."""
    context.obj = settings.load(config, os.environ)
    logs.set_up(context.obj.log.level, context.obj.log.format)


cli.add_command(view_command)
cli.add_command(import_command)
cli.add_command(top_command)
cli.add_command(demo_command)


def main() -> None:
    """Run the command line; errors that are meant for a person end it with their own status."""
    try:
        cli(prog_name="wafscope")
    except WafscopeError as error:
        fail(error)


if __name__ == "__main__":
    main()

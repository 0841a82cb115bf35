"""The command `wafscope`.

A command is loaded when it is asked for: the console and its libraries are of no use to an import, nor to
the worker processes that it starts.
"""

from __future__ import annotations

import errno
import io
import os
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from wafscope import __version__, settings
from wafscope.cli.options import config_file, installed
from wafscope.cli.say import fail, said
from wafscope.errors import WafscopeError
from wafscope.i18n.text import text

_COMMANDS = {
    "config": ("wafscope.cli.config", "config_command"),
    "convert": ("wafscope.cli.convert", "convert_command"),
    "demo": ("wafscope.cli.view", "demo_command"),
    "doctor": ("wafscope.cli.doctor", "doctor_command"),
    "import": ("wafscope.cli.importing", "import_command"),
    "quarantine": ("wafscope.cli.quarantine", "quarantine_command"),
    "serve": ("wafscope.cli.serve", "serve_command"),
    "store": ("wafscope.cli.store", "store_command"),
    "service": ("wafscope.cli.service", "service_command"),
    "top": ("wafscope.cli.top", "top_command"),
    "view": ("wafscope.cli.view", "view_command"),
}


_OF_THE_SERVICE = frozenset({"config", "doctor", "quarantine", "store", "top"})
"""Commands that are about the service of this machine, where there is one, unless told otherwise.  `serve` is, too, but
only where no log is named."""
_OF_OUTPUT = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF})
"""What may be wrong with standard output: a file on a full disk, a terminal that is gone."""
_WITH_EVENTS = frozenset({"convert", "import", "quarantine", "serve", "store", "view"})
"""Commands that make files in which records stand, which are nobody else's business: as little as the log is."""
_OTHERWISE = ("--config", "--store", "--help", "-h")
_REST = "wafscope.rest"


class _Commands(click.Group):
    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        rest = super().parse_args(ctx, args)
        ctx.meta[_REST] = tuple(rest)
        return rest

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - asked so by click
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _COMMANDS:
            return None
        module, name = _COMMANDS[cmd_name]
        command: Any = getattr(import_module(module), name)
        return command if isinstance(command, click.Command) else None


@click.group(
    cls=_Commands,
    help=said(text("Read ModSecurity audit logs, see what the firewall saw, tune it with proof.")),
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@config_file
@click.version_option(__version__, prog_name="wafscope")
@click.pass_context
def cli(context: click.Context, config: Path | None) -> None:
    """Load the settings for whatever command comes."""
    from wafscope import logs

    name, rest = context.invoked_subcommand, context.meta[_REST]
    if config is None and name in _OF_THE_SERVICE and not any(each.partition("=")[0] in _OTHERWISE for each in rest):
        config = context.params["config"] = installed()
    if name in _WITH_EVENTS:
        before = os.umask(0o007)
        os.umask(before | 0o007)
        context.call_on_close(lambda: os.umask(before))
    # The command about the settings tells itself what is wrong with them.
    load = name != "config"
    context.obj = settings.load(config, os.environ) if load else settings.Settings()
    logs.set_up(context.obj.log.level, context.obj.log.format)


def main() -> None:
    """Run the command line; errors that are meant for a person end it with their own status."""
    _open_closed()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A log has characters that a terminal of another encoding does not.
            stream.reconfigure(errors="backslashreplace")
    try:
        cli(prog_name="wafscope")
    except WafscopeError as error:
        fail(error)
    except OSError as error:
        if error.filename is not None or error.errno not in _OF_OUTPUT:
            raise
        # What is left in the buffer would be tried, and told, once more at the end.
        sys.stdout = None
        fail(
            WafscopeError(
                text("It can not be written: {reason}", reason=error.strerror or str(error)),
                where=said(text("Standard output")),
                hint=text("Is the disk full, or may you not write there?"),
            )
        )


def _open_closed() -> None:
    """Put something in the place of what the caller has closed: else the next file, the store, is taken for it."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            # To what is for reading only, nothing can be written: output that is lost is told.
            os.open(os.devnull, os.O_RDONLY if number == 1 else os.O_RDWR)
    if sys.stderr is None:
        sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115 - as long as the program


if __name__ == "__main__":
    main()

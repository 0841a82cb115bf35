"""Write docs/reference/cli.md from the commands themselves.

python scripts/make_cli_page.py
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

os.environ["LC_ALL"] = "C.UTF-8"  # the commands take their language from it when they are loaded

import click

from wafscope.cli.main import cli

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "cli.md"

HEAD = """# Commands

This page is made from the commands themselves: `python scripts/make_cli_page.py`. `wafscope COMMAND --help` says the
same.

What is asked for goes to standard output, all else to standard error; in colours on a terminal, unless `NO_COLOR` is
set or `TERM` is `dumb`; in the language of `LC_ALL`, `LC_MESSAGES` or `LANG`.

| exit status | |
|---|---|
| 0 | done; of `view` and `serve` also after Ctrl-C, of `serve` after SIGTERM |
| 1 | the output can not be written, or its reader has had enough (for `convert`: 0); `store check` has found a fault |
| 2 | a wrong option or setting, an address that is taken |
| 4 | what was given can not be read, is empty, or holds no record that can be read |
| 5 | the store can not be used |
| 6, 7 | `doctor` has found a warning, an error |
| 130 | Ctrl-C, before all was read; what was read is kept |

The settings come from the file that `--config` names, and from variables of the environment: `WAFSCOPE_WEB_LISTEN` is
`listen` under `[web]`.
"""


def page() -> str:
    """Return the text of the page."""
    lines = [HEAD]
    context = click.Context(cli, info_name="wafscope")
    for command, inner in _commands(cli, context):
        lines += [f"## {inner.command_path}\n", *_section(command, inner)]
    return "\n".join(lines)


def _commands(group: click.Group, context: click.Context) -> Iterator[tuple[click.Command, click.Context]]:
    """Give all commands, those of a group after it."""
    yield group, context
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is None or command.hidden:
            continue
        inner = click.Context(command, info_name=name, parent=context)
        if isinstance(command, click.Group):
            yield from _commands(command, inner)
        else:
            yield command, inner


def _section(command: click.Command, context: click.Context) -> list[str]:
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    lines = [f"{command.help or ''}\n", "```text", usage, "```", ""]
    rows = [_row(option, context) for option in command.params if isinstance(option, click.Option)]
    if rows:
        lines += ["| option | |", "|---|---|", *rows, ""]
    return lines


def _row(option: click.Option, context: click.Context) -> str:
    names = ", ".join(f"`{name}`" for name in (*option.opts, *option.secondary_opts))
    value = "" if option.is_flag or option.count else f" {_value(option, context)}"
    notes = ["required"] if option.required else []
    notes += ["can be given again"] if option.multiple and "given again" not in (option.help or "") else []
    default = option.default
    if isinstance(default, str | int | Path) and not isinstance(default, bool) and default not in {"", None}:
        notes.append(f"`{default}` unless given")
    told = (option.help or "").rstrip(".")
    # Not capitalize(), which would write the rest in small letters.
    noted = "; ".join(notes)
    words = f"{told}. {noted[:1].upper()}{noted[1:]}." if notes else f"{told}."
    return "| {} | {} |".format(*(cell.replace("|", "\\|") for cell in (names + value, words)))


def _value(option: click.Option, context: click.Context) -> str:
    if isinstance(option.type, click.Choice):
        return " ".join(f"`{choice}`" for choice in option.type.choices if choice)
    return "N" if isinstance(option.type, click.types.IntParamType) else option.make_metavar(context)


if __name__ == "__main__":
    PAGE.write_text(page())

"""What the command line says: in the language of the terminal, with nothing that a terminal would obey."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import NoReturn

import click
import msgspec

from wafscope.errors import FilterError, WafscopeError
from wafscope.i18n.catalogue import choose, render
from wafscope.i18n.text import Text, text
from wafscope.web.visible import plain


def language() -> str:
    """The language of the environment: LC_ALL, LC_MESSAGES or LANG, as gettext has it."""
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if value := os.environ.get(name):
            return choose(value.partition(".")[0].replace("_", "-"))
    return choose("")


def said(value: Text) -> str:
    """Render a text for the terminal."""
    return render(value, language())


def note(value: Text) -> None:
    """Say something on standard error."""
    click.echo(plain(said(value)), err=True)


def styled(words: str, *, colour: str = "", bold: bool = False) -> str:
    """Mark words for a terminal that wants it; where none is written to, click takes the marks off again."""
    from wafscope.logs import in_colour

    return click.style(words, fg=colour or None, bold=bold or None) if in_colour(os.environ) else words


def print_json(value: object) -> None:
    """Print a value on standard output as one line of JSON, for programs: in UTF-8, whatever the terminal has."""
    click.echo(msgspec.json.encode(value))


def iso(microseconds: int) -> str:
    """Write microseconds since the epoch as RFC 3339 has them, in UTC."""
    return datetime.fromtimestamp(microseconds / 1_000_000, UTC).isoformat().replace("+00:00", "Z")


def complain(error: WafscopeError) -> None:
    """Say what went wrong, where, and what to do about it."""
    what = plain(said(error.what))
    if isinstance(error, FilterError):
        what = said(text("Column {column}: {what}", column=error.column, what=what))
    where = f"{plain(error.where)}: " if error.where else ""
    # Not inside the f-string: there the texts would not be found for translation.
    mark, advice = said(text("Error:")), said(text("Hint:"))
    click.echo(f"{styled(mark, colour='red', bold=True)} {where}{what}", err=True)
    if error.hint is not None:
        click.echo(f"{advice} {plain(said(error.hint))}", err=True)


def fail(error: WafscopeError) -> NoReturn:
    """Complain, and end with the exit status of the error."""
    complain(error)
    raise SystemExit(error.exit_status)

"""`wafscope store`: how the store is, and what is done to it by hand."""

from __future__ import annotations

import click

from wafscope.cli.importing import address
from wafscope.cli.say import said
from wafscope.i18n.text import text
from wafscope.settings import Settings
from wafscope.store.open import open_lasting

_store = click.option(
    "--store", "file", default="", help=said(text("File of the store; that of the settings unless given."))
)


@click.group("store", help=said(text("How the store is; upgrade it.")))
def store_command() -> None:
    """Group the commands about the store."""


@store_command.command(
    "upgrade", help=said(text("Bring a store of an earlier version up to date; a backup stays beside it."))
)
@_store
@click.pass_obj
def upgrade_command(settings: Settings, file: str) -> None:
    """Open the store for writing: that is all it takes."""
    uri = address(file) if file else settings.store.uri
    with open_lasting(uri) as store:
        backup = store.upgraded_from
    if backup:
        click.echo(said(text("The store is up to date now. As it was before, it is kept at {path}.", path=backup)))
    else:
        click.echo(said(text("The store is up to date.")))

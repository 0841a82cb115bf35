"""`wafscope quarantine`: what could not be read, to be listed, looked at and tried again."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import click
from rich import box
from rich.table import Table
from rich.text import Text

from wafscope.cli.importing import make_setting, store_address
from wafscope.cli.options import MANY, NUMBER, in_json, in_zone, store_file
from wafscope.cli.say import iso, note, print_json, said
from wafscope.cli.table import print_table
from wafscope.errors import InputError, SettingsError
from wafscope.event.text import from_bytes
from wafscope.i18n.text import ntext, text
from wafscope.ingest.retry import REASONS, UNKNOWN, in_words, retry
from wafscope.query.question import Quarantine, QuarantinedPiece
from wafscope.redact.event import Redactor
from wafscope.settings import Settings
from wafscope.store.open import reach_store
from wafscope.web.visible import plain

_TIME_LIMIT = 600.0


def _or_none(_context: click.Context, _option: click.Parameter, value: str | None) -> str:
    return value or ""


_reason = click.option(
    "--reason", type=click.Choice(REASONS), callback=_or_none, help=said(text("Only pieces with this reason."))
)


@click.group("quarantine", help=said(text("What could not be read: list it, look at it, try it again.")))
def quarantine_command() -> None:
    """Group the commands about the quarantine."""


@quarantine_command.command("list", help=said(text("List the pieces that could not be read, oldest first.")))
@store_file
@_reason
@click.option(
    "--limit",
    default=50,
    show_default=True,
    type=click.IntRange(0, MANY),
    help=said(text("How many pieces; 0 for all.")),
)
@in_json
@click.pass_obj
def list_command(settings: Settings, file: str, reason: str, limit: int, as_json: bool) -> None:
    """Print a table, or a JSON object a line."""
    with reach_store(store_address(file, settings), read_only=True) as store:
        pieces = store.quarantine(Quarantine(reason=reason, limit=limit), time_limit=_TIME_LIMIT).value
    if as_json:
        for piece in pieces:
            print_json(_plain(piece))
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in (text("Id"), text("Seen"), text("Source"), text("Offset"), text("Length"), text("Reason")):
        table.add_column(said(heading), overflow="fold")
    for piece in pieces:
        numbers = f"{piece.offset:,}", f"{piece.length:,}"
        # A name of a file is no markup.
        table.add_row(str(piece.id), _moment(piece.seen), Text(plain(piece.source)), *numbers, plain(piece.reason))
    print_table(table)
    for name, words in in_words(pieces):
        note(text("{name}: {what} {hint}", name=name, what=words.what, hint=words.hint))
    note(ntext("{n} piece in quarantine is listed.", "{n} pieces in quarantine are listed.", n=len(pieces)))


@quarantine_command.command("show", help=said(text("Print one piece as it was logged.")))
@click.argument("number", type=click.IntRange(1, NUMBER), metavar="ID")
@store_file
@click.option("--raw", is_flag=True, help=said(text("The bytes as they are, secrets too, for a file or a pipe.")))
@click.pass_obj
def show_command(settings: Settings, number: int, file: str, raw: bool) -> None:
    """Print the bytes, or what can be seen of them."""
    with reach_store(store_address(file, settings), read_only=True) as store:
        redactor = Redactor(settings.redaction, store.encoder().key)
        found = store.quarantine(Quarantine(ids=(number,), with_data=True), time_limit=_TIME_LIMIT).value
    if not found:
        raise _unknown((number,))
    piece = found[0]
    if raw:
        click.echo(piece.data, nl=False)
        return
    words = REASONS.get(piece.reason, UNKNOWN)
    note(
        text(
            "{source}, byte {offset}, {length} long: {what}",
            source=piece.source,
            offset=piece.offset,
            length=piece.length,
            what=words.what,
        )
    )
    for line in from_bytes(redactor.text(piece.data)).removesuffix("\n").split("\n") if piece.data else ():
        click.echo(plain(line))
    note(words.hint)


@quarantine_command.command(
    "retry", help=said(text("Read pieces again, all or those named; what can be read now is stored."))
)
@click.argument("numbers", nargs=-1, type=click.IntRange(1, NUMBER), metavar="[ID]...")
@store_file
@_reason
@in_zone
@in_json
@click.pass_obj
def retry_command(
    settings: Settings, numbers: tuple[int, ...], file: str, reason: str, zone: str, as_json: bool
) -> None:
    """Read again, and print one summary."""
    setting = make_setting(settings, zone, "")
    _check_known(numbers, store_address(file, settings))
    with reach_store(store_address(file, settings)) as store:
        done = retry(store, Quarantine(reason=reason, ids=numbers), setting)
    if as_json:
        print_json(done)
        return
    click.echo(
        said(
            text(
                "{tried} tried: {stored} stored, {duplicate} known already, {kept} still not readable.",
                tried=ntext("{n} piece", "{n} pieces", n=done.tried),
                stored=ntext("{n} event", "{n} events", n=done.stored),
                duplicate=done.duplicate,
                kept=done.kept,
            )
        )
    )


@quarantine_command.command(
    "discard", help=said(text("Let go of pieces for good, those named or all; they count as dropped."))
)
@click.argument("numbers", nargs=-1, type=click.IntRange(1, NUMBER), metavar="[ID]...")
@store_file
@_reason
@click.option("--all", "everything", is_flag=True, help=said(text("All pieces that there are.")))
@in_json
@click.pass_obj
def discard_command(
    settings: Settings, numbers: tuple[int, ...], file: str, reason: str, everything: bool, as_json: bool
) -> None:
    """Discard, and say how many."""
    if not (numbers or reason or everything):
        raise SettingsError(text("Nothing says which pieces."), hint=text("Name their ids, or give --reason or --all."))
    _check_known(numbers, store_address(file, settings))
    with reach_store(store_address(file, settings)) as store:
        gone = store.discard(Quarantine(reason=reason, ids=numbers))
    if as_json:
        print_json({"discarded": gone})
    else:
        click.echo(said(ntext("{n} piece discarded.", "{n} pieces discarded.", n=gone)))


def _check_known(numbers: tuple[int, ...], uri: str) -> None:
    """Raise StoreError where there is no store, which would be made else, and InputError for ids that it has not."""
    asked = Quarantine(ids=numbers, limit=0 if numbers else 1)
    with reach_store(uri, read_only=True) as store:
        known = {piece.id for piece in store.quarantine(asked, time_limit=_TIME_LIMIT).value}
    unknown = tuple(number for number in numbers if number not in known)
    if unknown:
        raise _unknown(unknown)


def _unknown(numbers: tuple[int, ...]) -> InputError:
    return InputError(
        text("Not in quarantine: {ids}", ids=", ".join(map(str, numbers))),
        hint=text("“wafscope quarantine list” shows the ids of what is there."),
    )


def _moment(microseconds: int) -> str:
    return datetime.fromtimestamp(microseconds / 1_000_000, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _plain(piece: QuarantinedPiece) -> dict[str, Any]:
    """A piece for JSON, without its bytes."""
    known = {name: getattr(piece, name) for name in ("id", "source", "sensor", "offset", "length", "reason")}
    return {**known, "seen": iso(piece.seen), "more": piece.more}

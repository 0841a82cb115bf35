"""`wafscope import`, and the import that `view` begins with."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import click
import msgspec

from wafscope.cli.options import written_by
from wafscope.cli.progress import INTERRUPTED, progress_bar, stoppable
from wafscope.cli.say import complain, print_json, said
from wafscope.errors import InputError
from wafscope.i18n.text import Text, ntext, text
from wafscope.ingest import pipeline
from wafscope.ingest.pipeline import Setting, Summary
from wafscope.ingest.sampling import Sampling
from wafscope.ingest.workers import Workers
from wafscope.settings import Settings, check_zone
from wafscope.store.base import EventStore
from wafscope.store.open import WRITING, reach_store


class Outcome(msgspec.Struct, frozen=True):
    """How an import ended."""

    summary: Summary
    nothing_readable: bool
    """Whether all that was named holds nothing that can be read."""
    interrupted: bool
    """Whether Ctrl-C ended it."""


@click.command(
    "import",
    help=said(
        text(
            "Read logs into a store and print what became of them. PATH is a file, a directory of a concurrent log, an"
            " archive, or - for standard input."
        )
    ),
)
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--store", "file", required=True, help=said(text("File of the store; made when it is not there.")))
@written_by
@click.option("--json", "as_json", is_flag=True, help=said(text("Print the summary as JSON.")))
@click.pass_obj
def import_command(
    settings: Settings, paths: tuple[str, ...], file: str, zone: str, sensor: str, as_json: bool
) -> None:
    """Import and print one summary on standard output."""
    setting = make_setting(settings, zone, sensor)
    with (
        pipeline.start_workers(list(paths), setting) as workers,
        reach_store(address(file), threads=WRITING) as store,
    ):
        outcome = read_in(store, paths, setting, workers)
    if as_json:
        print_json(outcome.summary)
    else:
        click.echo(said(summarised(outcome.summary)))
    if outcome.interrupted:
        raise SystemExit(INTERRUPTED)
    if outcome.nothing_readable:
        raise SystemExit(InputError.exit_status)


def address(file: str) -> str:
    """The address of a store given as a file or as an address."""
    known = file.startswith("duckdb:") or file == "memory:" or "://" in file
    return file if known else f"duckdb:///{Path(file).absolute()}"


def store_address(file: str, settings: Settings) -> str:
    """The address of the store that is asked: the one given, else that of the settings."""
    return address(file) if file else settings.store.uri


def make_setting(settings: Settings, zone: str, sensor: str) -> Setting:
    """What the import must be told; raises SettingsError for an unknown zone."""
    if zone:
        check_zone(zone, "--timezone")
    ingest = settings.ingest
    return Setting(
        sensor or socket.gethostname(),
        zone,
        local_zone(),
        ingest.workers,
        ingest.largest_record,
        settings.redaction,
        Sampling(ingest.sample_above, ingest.sample_one_in),
    )


def local_zone() -> str:
    """The IANA name of this machine's zone; UTC when it has none."""
    named = os.environ.get("TZ", "").lstrip(":")
    linked = str(Path("/etc/localtime").resolve()).partition("zoneinfo/")[2]
    for name in (named, linked):
        try:
            return check_zone(name, "")
        except Exception:  # noqa: BLE001, S112 - whatever is odd about it, the next one may do
            continue
    return "UTC"


def summarised(summary: Summary) -> Text:
    """One sentence about an import."""
    counts: dict[str, str | float | Text] = {
        "stored": ntext("{n} event", "{n} events", n=summary.stored - summary.joined),
        "duplicate": summary.duplicate,
        "quarantined": summary.quarantined,
        "foreign": foreign_lines(summary.foreign),
        "matches": ntext("{n} match", "{n} matches", n=summary.matches),
        "megabytes": round(summary.bytes / 1e6, 1),
        "seconds": round(summary.seconds, 1),
    }
    if summary.joined:
        return text(
            "{stored} stored, with {joined} of the error log, {duplicate} known already, {quarantined} not readable,"
            " {foreign}; {matches}, {megabytes} MB in {seconds} s.",
            joined=ntext("{n} record", "{n} records", n=summary.joined),
            **counts,
        )
    return text(
        "{stored} stored, {duplicate} known already, {quarantined} not readable, {foreign}; {matches}, {megabytes} MB"
        " in {seconds} s.",
        **counts,
    )


def foreign_lines(n: int) -> Text:
    """How many lines belong to other logs."""
    return ntext("{n} foreign line", "{n} foreign lines", n=n)


def read_in(store: EventStore, paths: tuple[str, ...], setting: Setting, workers: Workers) -> Outcome:
    """Import with a progress bar on a terminal; Ctrl-C keeps what was read.  Raises InputError.

    What nothing could be read from, though there is no need to end for it, is told.
    """
    refused: list[InputError] = []

    def warn(error: InputError) -> None:
        complain(error)
        refused.append(error)

    with stoppable(text("Stopping: what was read is kept.")) as stop, progress_bar() as bar:

        def show(progress: pipeline.Progress) -> None:
            bar.move(progress.summary.received, progress.consumed, progress.total)

        summary = pipeline.import_paths(
            store, list(paths), setting, progress=show, stop=stop, warn=warn, workers=workers
        )
        return Outcome(summary, len(refused) == len(set(paths)), stop.is_set())

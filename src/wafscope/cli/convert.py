"""`wafscope convert`: events as ECS, OCSF, JSON lines or CSV, for other programs; nothing is stored."""

from __future__ import annotations

import errno
import os
import socket
import sys
from contextlib import suppress
from io import FileIO, RawIOBase
from pathlib import Path
from typing import BinaryIO, Self
from zoneinfo import ZoneInfo

import click
import msgspec

from wafscope.cli.importing import foreign_lines, local_zone
from wafscope.cli.options import written_by
from wafscope.cli.progress import INTERRUPTED, progress_bar, stoppable
from wafscope.cli.say import complain, note, said
from wafscope.errors import FilterError, SettingsError, WafscopeError
from wafscope.export.base import Form, Options
from wafscope.export.stream import FORMS, Conversion, Progress, Setting, Summary
from wafscope.i18n.text import Text, ntext, text
from wafscope.settings import Settings, check_zone
from wafscope.source.oneshot import STANDARD_INPUT

_STANDARD_OUTPUT = "-"


@click.command(
    "convert",
    help=said(
        text(
            "Read logs and write their events as ECS, OCSF, JSON lines or CSV. PATH is a file, a directory of a"
            " concurrent log, an archive, or - for standard input."
        )
    ),
)
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option(
    "--to",
    "form",
    type=click.Choice(list(FORMS)),
    default="jsonl",
    show_default=True,
    help=said(text("Elastic Common Schema 8, OCSF 1.6, the whole event as JSON lines, or a table.")),
)
@click.option("--output", "file", default="", help=said(text("Write to this file, anew, instead of standard output.")))
@written_by
@click.option(
    "--fields", default="", help=said(text("Columns of csv: names as in the search box, separated by commas."))
)
@click.option("--raw", is_flag=True, help=said(text("Put in each record as it was logged, too; not for csv.")))
@click.option(
    "--no-redact", "unmasked", is_flag=True, help=said(text("Write secrets as they are, passwords and cookies too."))
)
@click.pass_obj
def convert_command(
    settings: Settings,
    paths: tuple[str, ...],
    form: str,
    file: str,
    zone: str,
    sensor: str,
    fields: str,
    raw: bool,
    unmasked: bool,
) -> None:
    """Convert, and say on standard error what became of the sources."""
    options = _options(form, fields, raw=raw)
    setting = Setting(
        sensor=sensor or socket.gethostname(),
        zone=ZoneInfo(check_zone(zone, "--timezone")) if zone else None,
        collector_zone=ZoneInfo(local_zone()),
        largest_record=settings.ingest.largest_record,
        redaction=msgspec.structs.replace(settings.redaction, enabled=settings.redaction.enabled and not unmasked),
    )
    file = "" if file == _STANDARD_OUTPUT else file
    if file:
        _check_output(file, paths)
    with stoppable() as stop, _Output(file) as output:
        conversion = Conversion(_form(form, options), setting, output.write)
        try:
            # A terminal to which the events are written has no room for a bar.
            with progress_bar(shown=bool(file) or not _on_terminal()) as bar:

                def show(moved: Progress) -> None:
                    bar.move(moved.events, moved.consumed, moved.total)

                conversion.run(list(paths), progress=show, stop=stop.is_set, warn=complain)
            interrupted = stop.is_set()
        except KeyboardInterrupt:
            interrupted = True
        except BrokenPipeError:
            # Whoever reads has had enough, such as `head`: no error, and nobody to tell.
            return
    note(_summarised(conversion.summary))
    if interrupted:
        raise SystemExit(INTERRUPTED)


def _form(name: str, options: Options) -> Form:
    try:
        return FORMS[name](options)
    except FilterError as error:
        error.where = "--fields"
        raise


def _options(form: str, fields: str, *, raw: bool) -> Options:
    """What is asked of the form; raises SettingsError for what it does not have."""
    if raw and form == "csv":
        raise SettingsError(
            text("A table has no column for the record as logged."), where="--raw", hint=text("Use --to jsonl.")
        )
    if fields and form != "csv":
        raise SettingsError(
            text("Only a table has columns."), where="--fields", hint=text("Use --to csv, or leave --fields out.")
        )
    return Options(raw=raw, fields=tuple(fields.split(",")) if fields else ())


def _check_output(file: str, paths: tuple[str, ...]) -> None:
    """Raise an error when the output can not be written, or would be written over what is to be read."""
    place = Path(file).resolve()
    for path in paths:
        if path != STANDARD_INPUT and place.is_relative_to(Path(path).resolve()):
            raise SettingsError(
                text("It is among the files to read, and would be written over."),
                where=file,
                hint=text("Give --output another name."),
            )
    if place.is_dir():
        raise SettingsError(text("It is a directory."), where=file, hint=text("Give --output the name of a file."))
    if not place.parent.is_dir():
        raise SettingsError(
            text("There is no such directory."), where=str(Path(file).parent), hint=text("Make it first.")
        )


class _Output:
    """Where the bytes go: a file, made when the first of them come, or standard output."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._stream: RawIOBase | BinaryIO | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._stream is not None and self._file:
            self._stream.close()

    def write(self, data: bytes) -> None:
        """Write whole lines; raises BrokenPipeError, and WafscopeError for any other failure."""
        rest = memoryview(data)
        try:
            if self._stream is None:
                self._stream = FileIO(self._file, "wb") if self._file else _standard_output()
            while rest:
                rest = rest[self._stream.write(rest) or 0 :]
        except BrokenPipeError:
            raise
        except OSError as error:
            self._take_back(data, len(data) - len(rest))
            raise WafscopeError(
                text("It can not be written: {reason}", reason=error.strerror or str(error)),
                where=self._file or said(text("Standard output")),
                hint=text("Is the disk full, or may you not write there?"),
            ) from error

    def _take_back(self, data: bytes, written: int) -> None:
        """Cut off the line that a full disk tore."""
        if self._stream is not None and self._file and written:
            torn = written - (data.rfind(b"\n", 0, written) + 1)
            with suppress(OSError):  # Not of a pipe.
                self._stream.truncate(self._stream.tell() - torn)


def _standard_output() -> RawIOBase | BinaryIO:
    """Standard output without its buffer: what can not be written must not be tried again at the end of the program."""
    if sys.stdout is None:
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))
    unbuffered: RawIOBase | BinaryIO = getattr(sys.stdout.buffer, "raw", sys.stdout.buffer)
    return unbuffered


def _on_terminal() -> bool:
    return sys.stdout is not None and sys.stdout.isatty()


def _summarised(summary: Summary) -> Text:
    return text(
        "{written} written, {quarantined} not readable, {foreign}; {matches}, {megabytes} MB in {seconds} s.",
        written=ntext("{n} event", "{n} events", n=summary.events),
        quarantined=summary.quarantined,
        foreign=foreign_lines(summary.foreign),
        matches=ntext("{n} match", "{n} matches", n=summary.matches),
        megabytes=round(summary.bytes / 1e6, 1),
        seconds=round(summary.seconds, 1),
    )

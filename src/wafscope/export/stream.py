"""From paths to bytes: sources are read once, and each event is written as soon as it is there.

Nothing is kept: memory is that of one stretch of a source and its largest record.  What can not be read is counted,
never written.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, tzinfo
from secrets import token_bytes

import msgspec

from wafscope.errors import InputError
from wafscope.event.identity import KEY_SIZE
from wafscope.export.base import Form, Options, Place
from wafscope.export.ecs import Ecs
from wafscope.export.lines import Lines
from wafscope.export.ocsf import Ocsf
from wafscope.export.table import Table
from wafscope.i18n.text import ntext, text
from wafscope.reader.base import Context, Foreign, Found, Piece
from wafscope.reader.framing import read_pieces
from wafscope.reader.walk import settled
from wafscope.redact.event import Redactor
from wafscope.settings import Redaction
from wafscope.source.base import LARGEST_RECORD, Stretch
from wafscope.source.oneshot import check, empty, read_once, stored_size

FORMS: dict[str, Callable[[Options], Form]] = {"ecs": Ecs, "ocsf": Ocsf, "jsonl": Lines, "csv": Table}

_CHUNK = 1 << 18
"""Bytes that are written together."""


class Summary(msgspec.Struct, frozen=True):
    """What became of the sources: events written, pieces that can not be read, lines of something else."""

    events: int = 0
    matches: int = 0
    quarantined: int = 0
    foreign: int = 0
    bytes: int = 0
    """Of the uncompressed input."""
    seconds: float = 0.0


class Progress(msgspec.Struct, frozen=True):
    """How far a conversion is: bytes of the input as stored, of how many (None where unknown)."""

    consumed: int
    total: int | None
    events: int


class Setting(msgspec.Struct, frozen=True):
    """What a conversion has to be told about its sources."""

    sensor: str = ""
    zone: tzinfo | None = None
    collector_zone: tzinfo = UTC
    largest_record: int = LARGEST_RECORD
    redaction: Redaction = Redaction()
    """What is masked before anything is written."""


class Conversion:
    """One run: what was counted so far can be asked at any time, also after an interruption."""

    def __init__(self, form: Form, setting: Setting, write: Callable[[bytes], object]) -> None:
        self._form = form
        self._setting = setting
        self._write = write
        self._context = Context(zone=setting.zone, collector_zone=setting.collector_zone)
        self._redactor = Redactor(setting.redaction, token_bytes(KEY_SIZE))
        self._started = time.monotonic()
        self._waiting = bytearray()
        self._events = self._matches = self._quarantined = self._foreign = self._bytes = 0

    @property
    def summary(self) -> Summary:
        seconds = round(time.monotonic() - self._started, 3)
        return Summary(self._events, self._matches, self._quarantined, self._foreign, self._bytes, seconds)

    def run(
        self,
        paths: list[str],
        *,
        progress: Callable[[Progress], None] = lambda _: None,
        stop: Callable[[], bool] = lambda: False,
        warn: Callable[[InputError], None] = lambda _: None,
    ) -> Summary:
        """Write the events of all sources, until `stop` says so.

        Raises InputError for a path that is not there, may not be read or is empty - before anything is read - and
        when no event was in any of them; a path without one beside others that have is a warning.  Whatever ends it,
        what is written ends with a whole line.
        """
        for path in paths:
            check(path)
        sizes = [stored_size(path) for path in paths]
        total = None if None in sizes else sum(size or 0 for size in sizes)
        before, empty = 0, []
        try:
            for path, size in zip(paths, sizes, strict=True):
                known = self.summary
                for stretch in read_once(path, settled, self._setting.largest_record, live=True):
                    self._stretch(stretch, stop)
                    if stop():
                        return self.summary
                    progress(Progress(before + stretch.consumed, total, self._events))
                before += size or 0
                if self._events == known.events:
                    empty.append(_no_event(path, known, self.summary))
        finally:
            self._flush()
        for error in empty:
            if not self._events:
                raise error
            warn(error)
        return self.summary

    def _stretch(self, stretch: Stretch, stop: Callable[[], bool]) -> None:
        for event_lines in self._lines(stretch):
            self._waiting += event_lines
            if len(self._waiting) >= _CHUNK:
                self._flush()
            if stop():
                return
        self._bytes += len(stretch.data)
        self._quarantined += bool(stretch.damage)
        self._flush()

    def _lines(self, stretch: Stretch) -> Iterator[bytes]:
        sensor, source = self._setting.sensor, stretch.name
        for piece in self._pieces(stretch):
            if isinstance(piece, Found):
                lines = self._form.lines(piece.event, Place(sensor, source, piece.offset, piece.length, piece.more))
                if not self._events:
                    lines = self._form.head() + lines
                self._events += 1
                self._matches += len(piece.event.matches)
                yield lines
            elif isinstance(piece, Foreign):
                self._foreign += piece.lines
            else:
                self._quarantined += 1

    def _pieces(self, stretch: Stretch) -> Iterator[Piece]:
        """The pieces of a stretch, their secrets masked; what can not be masked is as if it could not be read."""
        (hot,) = self._redactor.hot([stretch.data])
        zone = str(self._setting.zone or self._setting.collector_zone)
        lost: list[Found] = []
        context = msgspec.structs.replace(self._context, arrival=stretch.written)
        for piece in read_pieces(stretch.data, stretch.offset, context):
            if isinstance(piece, Found):
                yield from self._redactor.records((piece,), hot, zone, lost.append, stretch.offset)
            else:
                yield piece
        self._quarantined += len(lost)

    def _flush(self) -> None:
        waiting, self._waiting = self._waiting, bytearray()
        if waiting:
            self._write(bytes(waiting))


def _no_event(path: str, before: Summary, after: Summary) -> InputError:
    quarantined = after.quarantined - before.quarantined
    if quarantined:
        return InputError(
            ntext(
                "{n} record in it, which can not be read.",
                "{n} records in it, none of which can be read.",
                n=quarantined,
            ),
            where=path,
            hint=text("They are cut or damaged, or they are no records at all."),
        )
    if after.bytes == before.bytes:
        return empty(path)
    return InputError(
        ntext(
            "No audit record in it: {n} line of something else.",
            "No audit record in it: {n} lines of something else.",
            n=after.foreign - before.foreign,
        ),
        where=path,
        hint=text("Wafscope reads the audit logs of ModSecurity and Coraza, and their lines in error logs."),
    )

"""Pieces in quarantine: what each reason means, and reading them again with the readers of today."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import reduce
from zoneinfo import ZoneInfo

import msgspec

from wafscope.errors import StoreRefusal
from wafscope.i18n.text import Text, text
from wafscope.ingest.pipeline import Setting
from wafscope.query.question import Quarantine, QuarantinedPiece
from wafscope.reader.base import Context, Foreign, Found, Unreadable
from wafscope.reader.framing import read_pieces
from wafscope.redact.event import Redactor
from wafscope.store.base import EventStore, Records, Tally
from wafscope.store.pairing import owner

_TIME_LIMIT = 600.0
_MOST_PIECES = 256
_MOST_BYTES = 16 << 20
"""What is held in memory at a time; a single piece may be larger."""


class Reason(msgspec.Struct, frozen=True):
    """Why bytes could not be read, in a sentence, and what to do about it."""

    what: Text
    hint: Text


REASONS: dict[str, Reason] = {
    "cut": Reason(
        text("A part of the record is missing."),
        text("The log was cut, by a full disk or a rotation, say: import the file with the other part too."),
    ),
    "spliced": Reason(
        text("Two records stand in each other."),
        text("Several servers wrote to one file: give each its own audit log."),
    ),
    "damaged": Reason(
        text("It looks like a record, but it is damaged."),
        text("Look at its bytes; an intact copy of the log can be imported beside it."),
    ),
    "not_json": Reason(
        text("It begins like JSON, but it is none."),
        text("Look at its bytes; a newer Wafscope may be able to read it: try it again then."),
    ),
    "too_deep": Reason(
        text("The JSON is nested too deeply."),
        text("No engine writes such a record: somebody may have made it to do harm."),
    ),
    "no_time": Reason(
        text("The record does not tell its time."),
        text("Import the file itself, not a copy on standard input: the time of the file then stands in."),
    ),
    "wrong_encoding": Reason(
        text("The file is in UTF-16 or UTF-32."),
        text("Convert it: iconv -f UTF-16 -t UTF-8."),
    ),
    "engine_without_json": Reason(
        text("The engine was built without its JSON library, and wrote a notice instead of the record."),
        text("Install an engine that is built with YAJL, or set SecAuditLogFormat to Native."),
    ),
    "not_masked": Reason(
        text("A secret in the record could not be masked without harm to it; it was not kept."),
        text("Tell us about it; with redaction off in the settings, it is stored as it is."),
    ),
    "not_stored": Reason(
        text("It can be read, but the store does not take it."),
        text("Tell us about it; a newer Wafscope may be able to store it: try it again then."),
    ),
    "too_large": Reason(
        text("The record is larger than the limit; it was passed over and not kept."),
        text("Raise largest_record in the settings and import the log again."),
    ),
    "damaged_archive": Reason(
        text("The archive or compressed file is damaged; what stands before the damage was read."),
        text("Import an intact copy: what is known already is not counted again."),
    ),
    "damaged_spool": Reason(
        text("A file of the spool is damaged; what stands around the damage was read."),
        text("Look at the disk; a sensor that keeps its files can send them again."),
    ),
    "missing_file": Reason(
        text("An index names this file, and it is not there."),
        text("Import the directory with the files; they may have been removed or moved."),
    ),
}
UNKNOWN = Reason(text("Wafscope could not read it."), text("Look at its bytes, and tell us about it."))


class Retried(msgspec.Struct, frozen=True):
    """What became of pieces that were read again; the keys of `wafscope quarantine retry --json`."""

    tried: int = 0
    released: int = 0
    """Pieces that left the quarantine."""
    kept: int = 0
    """Pieces that still can not be read, and what is left of those that can in part."""
    stored: int = 0
    duplicate: int = 0
    matches: int = 0

    def add(self, other: Retried) -> Retried:
        return Retried(*(getattr(self, f) + getattr(other, f) for f in self.__struct_fields__))


class _Read(msgspec.Struct, frozen=True):
    piece: QuarantinedPiece
    found: list[Found]
    left: list[Unreadable]
    foreign: int


def retry(store: EventStore, question: Quarantine, setting: Setting) -> Retried:
    """Read pieces again; store what can be read now, and let those go."""
    named = store.quarantine(msgspec.structs.replace(question, with_data=False), time_limit=_TIME_LIMIT).value
    done = Retried()
    for ids in _groups(named):
        pieces = store.quarantine(Quarantine(ids=ids, with_data=True), time_limit=_TIME_LIMIT).value
        done = done.add(_retry(store, pieces, setting))
    return done


def _groups(pieces: Sequence[QuarantinedPiece]) -> Iterator[tuple[int, ...]]:
    ids: list[int] = []
    size = 0
    for piece in pieces:
        if ids and (len(ids) == _MOST_PIECES or size + piece.length > _MOST_BYTES):
            yield tuple(ids)
            ids, size = [], 0
        ids.append(piece.id)
        size += piece.length
    if ids:
        yield tuple(ids)


def _retry(store: EventStore, pieces: Sequence[QuarantinedPiece], setting: Setting) -> Retried:
    encoder, zone = store.encoder(), setting.zone or setting.collector_zone
    redactor = Redactor(setting.redaction, encoder.key) if setting.redaction.enabled else None
    read = [_masked(_read(piece, setting), redactor, zone) for piece in pieces]
    good = [each for each in read if each.found]
    done = Retried(tried=len(read), kept=len(read) - len(good))
    sources = store.held().value.sources
    groups: dict[tuple[str, str], list[_Read]] = defaultdict(list)
    for each in good:
        counts = owner(sources, each.piece.sensor, each.piece.source)
        groups[counts.source if counts else each.piece.source, each.piece.sensor].append(each)
    for (source, sensor), some in groups.items():
        done = done.add(_release(store, source, sensor, some, zone))
    return done


def _release(store: EventStore, source: str, sensor: str, some: Sequence[_Read], zone: str) -> Retried:
    """Store what was read of some pieces; what the store refuses stays where it is."""
    payload = store.encoder().encode([Records(e.piece.source, e.found) for e in some], sensor=sensor, zone=zone)
    found = [record for each in some for record in each.found]
    left = tuple(left for each in some for left in each.left)
    tally = Tally(
        source=source,
        sensor=sensor,
        events=len(found),
        matches=sum(len(record.event.matches) for record in found),
        bytes=0,
        foreign=sum(each.foreign for each in some),
        unreadable=left,
    )
    try:
        written = store.release(payload, tally, [each.piece.id for each in some])
    except StoreRefusal:
        if len(some) == 1:
            return Retried(kept=1)
        parts = [_release(store, source, sensor, [each], zone) for each in some]
        return reduce(Retried.add, parts)
    return Retried(
        released=len(some),
        kept=len(left),
        stored=written.stored,
        duplicate=written.duplicate + written.expired,
        matches=written.matches,
    )


def _read(piece: QuarantinedPiece, setting: Setting) -> _Read:
    """Read a piece; where it stands in several places, its records have the first one."""
    context = Context(ZoneInfo(setting.zone) if setting.zone else None, ZoneInfo(setting.collector_zone))
    found: list[Found] = []
    left: list[Unreadable] = []
    foreign = 0
    for each in read_pieces(piece.data, 0, context) if piece.data else ():
        if isinstance(each, Foreign):
            foreign += each.lines
        elif isinstance(each, Found):
            found.append(_found(each, piece))
        else:
            left.append(_left(each, piece))
    return _Read(piece, found, left, foreign)


def _masked(read: _Read, redactor: Redactor | None, zone: str) -> _Read:
    """Mask what was read, as an import does; what can not be masked stays in quarantine."""
    if redactor is None:
        return read
    found: list[Found] = []
    left = list(read.left)
    for each in read.found:
        masked = redactor.redact(each, zone)
        if masked is None:
            left.append(Unreadable(b"", each.offset, "not_masked", read.piece.source, length=each.length))
        else:
            found.append(masked)
    return msgspec.structs.replace(read, found=found, left=left)


def _found(each: Found, piece: QuarantinedPiece) -> Found:
    # The line end and the prefixes of a container are no part of the data, but of the place.
    length = piece.length if each.length == len(piece.data) else each.length
    return Found(each.event, _offset(each, piece), length)


def _left(each: Unreadable, piece: QuarantinedPiece) -> Unreadable:
    return msgspec.structs.replace(each, offset=_offset(each, piece), source=piece.source, more=())


def _offset(each: Found | Unreadable, piece: QuarantinedPiece) -> int:
    return piece.offset if piece.more else piece.offset + each.offset


def in_words(pieces: Sequence[QuarantinedPiece]) -> Iterator[tuple[str, Reason]]:
    """Give each reason that occurs, with its words."""
    for name in dict.fromkeys(piece.reason for piece in pieces):
        yield name, REASONS.get(name, UNKNOWN)

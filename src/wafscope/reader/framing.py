"""From a stretch of bytes to its pieces: records, foreign lines, and what can not be read.

A stretch begins where a record may begin and ends where none goes on (`walk.settled`).  Its pieces cover it
without gap or overlap; a record's line end and container prefix belong to the record.  Every record is told by
its own bytes: formats change inside one stream when a configuration changes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from wafscope.event.model import Event
from wafscope.reader import native
from wafscope.reader.base import Context, Foreign, Found, NotARecord, Piece, Unreadable
from wafscope.reader.formats import ERROR_LOGS, NATIVE, LineReader
from wafscope.reader.json_lines import pieces_of_json, pieces_of_other, read_fast
from wafscope.reader.sections import V3, is_spliced
from wafscope.reader.walk import Walk
from wafscope.reader.wrapping import Stream

_MOST_WRAPPERS = 3
"""Prefixes in front of prefixes are taken off so often: docker's JSON around syslog, say."""

Range = tuple[int, int]


def read_pieces(data: bytes, offset: int, context: Context, *, depth: int = 0) -> Iterator[Piece]:
    """Yield the pieces of `data`, which stands at `offset` in its source.

    Records in several pieces and those behind prefixes come after the ones that stand on their own.
    """
    walk = Walk(data, wrappers=depth < _MOST_WRAPPERS)
    headless: list[Foreign] | None = [] if offset == 0 and not depth else None
    """Lines before the first record: where that is the rest of one, they belong to it."""
    for span in walk.spans():
        if isinstance(span, native.Region):
            if headless and _is_rest(headless, span):
                end = span.records[0].ranges[0][1]
                yield Unreadable(data[:end], 0, "cut")
                span = native.Region(end, span.records[1:], span.end, span.pending)  # noqa: PLW2901
            elif headless:
                yield from headless
            headless = None
            yield from _native(data, offset, span, context)
            continue
        found = read_fast(data, span, offset, context) if span.kind == "json" else None
        if found is not None:
            if headless:
                yield from headless
            headless = None
            yield found
            continue
        pieces = pieces_of_json if span.kind == "json" else pieces_of_other
        for piece in pieces(data, span, offset, context):
            if headless is None:
                yield piece
            elif isinstance(piece, Foreign):
                headless.append(piece)
            else:
                yield from headless
                headless = None
                yield piece
    yield from headless or ()
    for stream in walk.streams.values():
        yield from _stream(data, offset, stream, context, depth)
    for kind, ranges in walk.groups:
        yield _group(data, offset, ranges, ERROR_LOGS[kind], context)


def _is_rest(lines: list[Foreign], region: native.Region) -> bool:
    """Tell that the lines from the start of a file to a region are the rest of a record, as its first piece is."""
    return sum(line.length for line in lines) == region.start and not region.records[0].whole


def _native(data: bytes, offset: int, region: native.Region, context: Context) -> Iterator[Piece]:
    for record in region.records:
        whole = b"".join([data[start:end] for start, end in record.ranges])
        place = _place(record.ranges, offset)
        if not record.whole or (record.format == "v3.native" and is_spliced(whole, V3)):
            reason = "spliced" if record.whole else "cut"
            yield Unreadable(whole, place[0][0], reason, length=place[0][1], more=place[1:])
            continue
        try:
            event = NATIVE[record.format](whole.rstrip(b"\r\n"), context)
        except (ValueError, RecursionError) as error:
            reason = error.reason if isinstance(error, NotARecord) else "damaged"
            yield Unreadable(whole, place[0][0], reason, length=place[0][1], more=place[1:])
            continue
        if len(record.ranges) > 1:
            event = _flagged(event, "interleaved")
        yield Found(event, *place[0], place[1:])
    yield from _between(data, offset, region)


def _between(data: bytes, offset: int, region: native.Region) -> Iterator[Piece]:
    """What no record of a region owns, such as empty lines."""
    position = region.start
    for start, end in sorted(part for record in region.records for part in record.ranges):
        if start > position:
            yield _loose(data[position:start], offset + position)
        position = max(position, end)
    if position < region.end:
        yield _loose(data[position : region.end], offset + position)


def _loose(data: bytes, offset: int) -> Piece:
    return Unreadable(data, offset, "spliced") if data.strip() else Foreign(offset, len(data), lines=0)


def _stream(data: bytes, offset: int, stream: Stream, context: Context, depth: int) -> Iterator[Piece]:
    """The pieces of what stands behind prefixes, with their places in the input."""
    for piece in read_pieces(stream.data(), 0, context, depth=depth + 1):
        inner = ((piece.offset, _length(piece)), *_more(piece))
        ranges = [place for start, length in inner for place in stream.where(start, start + length)]
        place = _place(ranges, offset)
        if isinstance(piece, Found):
            yield Found(piece.event, *place[0], place[1:])
        elif isinstance(piece, Unreadable):
            whole = b"".join([data[start:end] for start, end in ranges])
            yield Unreadable(whole, place[0][0], piece.reason, length=place[0][1], more=place[1:])
        else:
            yield from (Foreign(*each, lines=piece.lines if i == 0 else 0) for i, each in enumerate(place))


def _group(data: bytes, offset: int, ranges: list[Range], reader: LineReader, context: Context) -> Piece:
    """The event of the lines that an error log has about one transaction."""
    lines = [data[start:end].rstrip(b"\r\n") for start, end in ranges]
    place = _place(ranges, offset)
    try:
        return Found(reader(lines, context), *place[0], place[1:])
    except (ValueError, RecursionError):
        whole = b"".join([data[start:end] for start, end in ranges])
        return Unreadable(whole, place[0][0], "damaged", length=place[0][1], more=place[1:])


def _place(ranges: Sequence[Range], offset: int) -> tuple[Range, ...]:
    """Turn (start, end) in a stretch into (offset, length) in its source; what touches is one."""
    found: list[Range] = []
    for start, end in ranges:
        if found and found[-1][0] + found[-1][1] == offset + start:
            found[-1] = (found[-1][0], found[-1][1] + end - start)
        else:
            found.append((offset + start, end - start))
    return tuple(found)


def _length(piece: Piece) -> int:
    if isinstance(piece, Unreadable):
        return len(piece.data) if piece.length is None else piece.length
    return piece.length


def _more(piece: Piece) -> tuple[Range, ...]:
    return () if isinstance(piece, Foreign) else piece.more


def _flagged(event: Event, flag: str) -> Event:
    return msgspec.structs.replace(event, flags=(*event.flags, flag))

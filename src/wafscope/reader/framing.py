"""From a stretch of bytes to its pieces: records, foreign lines, and what can not be read.

A stretch begins where a record may begin and ends where none goes on (`walk.settled`).  Its pieces cover it
without gap or overlap; a record's line end and container prefix belong to the record.  Every record is told by
its own bytes: formats change inside one stream when a configuration changes.
"""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Iterator, Sequence
from operator import attrgetter
from typing import cast

import msgspec

from wafscope.event.model import Event
from wafscope.reader import native
from wafscope.reader.base import (
    Batch,
    Context,
    Foreign,
    Found,
    NotARecord,
    Piece,
    Range,
    Unreadable,
    one_by_one,
    overlapping,
)
from wafscope.reader.formats import ERROR_LOGS, NATIVE, LineReader, read_record
from wafscope.reader.json_lines import USUAL, pieces_of_json, pieces_of_other, read_fast, reader_at
from wafscope.reader.modsecurity_together import read_together
from wafscope.reader.walk import MOST_WRAPPERS, Span, Walk
from wafscope.reader.wrapping import Stream, time_of

_TOGETHER, _MOST_BYTES = 64, 1 << 20
"""Lines that are read together, and bytes of them: what becomes of them stays in the cache of the processor."""


def read_pieces(data: bytes, offset: int, context: Context, *, depth: int = 0) -> Iterator[Piece]:
    """Give the pieces of `data`, which stands at `offset` in its source.

    Records in several pieces and those behind prefixes come after the ones that stand on their own.
    """
    return one_by_one(read_batches(data, offset, context, depth=depth))


def read_batches(
    data: bytes, offset: int, context: Context, alone: Sequence[Range] = (), *, depth: int = 0
) -> Iterator[Piece | Batch]:
    """Yield the pieces of `data`, and records of the most usual kind in batches.

    Nothing of what stands in the ranges `alone` of `data`, which are in order and apart, is in one.
    """
    first = offset == 0
    if data.startswith(BOM_UTF8):
        yield Foreign(offset, len(BOM_UTF8), lines=0)
        data, offset = data[len(BOM_UTF8) :], offset + len(BOM_UTF8)
        alone = [(start - len(BOM_UTF8), end - len(BOM_UTF8)) for start, end in alone]
    walk = Walk(data, wrappers=depth < MOST_WRAPPERS)
    if first and not depth:
        yield from _first(walk, data, offset, context)
    end = len(data)
    while (start := walk.position) < end:
        if data.startswith(USUAL, start):
            yield from _usual(data, walk, offset, context, alone)
            continue
        read = reader_at(data, start)
        if read is None:
            span = walk.next()
            if span is not None:
                yield from _pieces(data, span, offset, context)
            continue
        # Other records of JSON: they are read here and now, with little made or called on the way.
        stop = data.find(b"\n", start)
        stop, after = (stop, stop + 1) if stop >= 0 else (end, end)
        walk.position = after
        try:
            event = read(data[start:stop], context)
        except (ValueError, RecursionError):
            yield from pieces_of_json(data, Span("json", start, stop, after), offset, context)
        else:
            yield Found(event, offset + start, after - start)
    for stream in walk.streams.values():
        yield from _stream(data, offset, stream, context, depth)
    for kind, ranges in walk.groups:
        yield _group(data, offset, ranges, ERROR_LOGS[kind], context)


def _usual(data: bytes, walk: Walk, offset: int, context: Context, alone: Sequence[Range]) -> Iterator[Piece | Batch]:
    """Yield what is in some lines in a row that begin as most lines of most logs do: they are read together."""
    spans: list[Span] = []
    start, last = walk.position, walk.position + _MOST_BYTES
    while len(spans) < _TOGETHER and start < last and data.startswith(USUAL, start):
        stop = data.find(b"\n", start)
        stop, after = (stop, stop + 1) if stop >= 0 else (len(data), len(data))
        spans.append(Span("json", start, stop, after))
        start = after
    walk.position = start
    is_alone = overlapping(alone, spans[0].start, start) is not None
    lines = [] if is_alone else [data[span.start : span.stop] for span in spans]
    places, columns = read_together(lines, context)
    if not places:
        for span in spans:
            yield from _pieces(data, span, offset, context)
        return
    batch = Batch(
        columns,
        [offset + spans[place].start for place in places],
        [spans[place].after - spans[place].start for place in places],
    )
    if len(places) == len(spans):
        yield batch
        return
    known = frozenset(places)
    others = [span for place, span in enumerate(spans) if place not in known]
    odd = [piece for span in others for piece in pieces_of_json(data, span, offset, context)]
    if all(isinstance(piece, Found) for piece in odd):
        yield batch.joined(cast("list[Found]", odd))
    else:
        yield from sorted([*batch.found(), *odd], key=attrgetter("offset"))


def _first(walk: Walk, data: bytes, offset: int, context: Context) -> Iterator[Piece]:
    """Yield the pieces of a file up to its first record: foreign lines before it may be the rest of one."""
    held: list[Piece] = []
    while walk.position < len(data):
        span = walk.next()
        if span is None:
            continue
        pieces = _pieces(data, span, offset, context)
        if held and isinstance(span, native.Region) and _is_rest(held, span):
            end = span.records[0].ranges[0][1]
            yield Unreadable(data[:end], offset, "cut")
            yield from _native(data, offset, native.Region(end, span.records[1:], span.end, span.pending), context)
            return
        for piece in pieces:
            if isinstance(piece, Foreign) and not isinstance(span, native.Region):
                held.append(piece)
                continue
            yield from held
            yield piece
            yield from pieces
            return
    yield from held


def _pieces(data: bytes, span: Span | native.Region, offset: int, context: Context) -> Iterator[Piece]:
    """Yield the pieces of what stands on its own."""
    if isinstance(span, native.Region):
        yield from _native(data, offset, span, context)
        return
    found = read_fast(data, span, offset, context) if span.kind == "json" else None
    if found is not None:
        yield found
    elif span.kind == "json":
        yield from pieces_of_json(data, span, offset, context)
    else:
        yield from pieces_of_other(data, span, offset, context)


def _is_rest(lines: list[Piece], region: native.Region) -> bool:
    """Tell that the lines from the start of a file to a region are the rest of a record, as its first piece is."""
    return sum(map(_length, lines)) == region.start and not region.records[0].whole


def _native(data: bytes, offset: int, region: native.Region, context: Context) -> Iterator[Piece]:
    for record in region.records:
        whole = _joined(data, record.ranges)
        place = _place(record.ranges, offset)
        if not record.whole:
            yield Unreadable(whole, place[0][0], "cut", length=place[0][1], more=place[1:])
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
    if len(region.records) != 1 or region.records[0].ranges != ((region.start, region.end),):
        yield from _between(data, offset, region)


def _joined(data: bytes, ranges: Sequence[Range]) -> bytes:
    if len(ranges) == 1:
        start, end = ranges[0]
        return data[start:end]
    return b"".join([data[start:end] for start, end in ranges])


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
            yield Found(_timed(piece.event, data, ranges[0][0], context), *place[0], place[1:])
        elif isinstance(piece, Unreadable):
            whole = _joined(data, ranges)
            yield Unreadable(whole, place[0][0], piece.reason, length=place[0][1], more=place[1:])
        else:
            yield from (Foreign(*each, lines=piece.lines if i == 0 else 0) for i, each in enumerate(place))


def _timed(event: Event, data: bytes, position: int, context: Context) -> Event:
    """Give an event without a time of its own that of the prefix of its first line, as it is read again later."""
    if "no_time" not in event.gaps:
        return event
    end = data.find(b"\n", position)
    time = time_of(data[data.rfind(b"\n", 0, position) + 1 : len(data) if end < 0 else end])
    if time is None:
        return event
    return read_record(event.format, event.raw, msgspec.structs.replace(context, arrival=time))


def _group(data: bytes, offset: int, ranges: list[Range], reader: LineReader, context: Context) -> Piece:
    """The event of the lines that an error log has about one transaction."""
    lines = [data[start:end].rstrip(b"\r\n") for start, end in ranges]
    place = _place(ranges, offset)
    try:
        return Found(reader(lines, context), *place[0], place[1:])
    except (ValueError, RecursionError) as error:
        whole = _joined(data, ranges)
        reason = "no_time" if isinstance(error, NotARecord) and error.reason == "no_time" else "damaged"
        return Unreadable(whole, place[0][0], reason, length=place[0][1], more=place[1:])


def _place(ranges: Sequence[Range], offset: int) -> tuple[Range, ...]:
    """Turn (start, end) in a stretch into (offset, length) in its source; what touches is one."""
    if len(ranges) == 1:
        start, end = ranges[0]
        return ((offset + start, end - start),)
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

"""From events to the columns of the DuckDB tables: the expensive step, done in worker processes.

A payload is three Arrow tables as IPC streams: events, matches, raw blocks.  Numbers of events and blocks
are local to the payload; the writer adds its own base.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from socket import AF_INET, AF_INET6, inet_pton
from struct import unpack
from typing import Any

import msgspec
import pyarrow as pa
import zstandard

from wafscope.event.identity import event_id
from wafscope.event.model import Event, Match
from wafscope.event.text import storable
from wafscope.store.base import Records
from wafscope.store.duckdb.schema import (
    EVENT_SCHEMA,
    MATCH_SCHEMA,
    RAW_SCHEMA,
    RULE_SCHEMA,
)

BLOCK_RECORDS = 256
BLOCK_BYTES = 1 << 20
_LEVEL = 1

_values = msgspec.structs.astuple
_SURE_SOURCES = frozenset({"949110_message", "949110_value", "report"})
"""Sources of a score that does not come from the matches themselves."""


class Tables(msgspec.Struct, frozen=True):
    """A payload taken apart: Arrow tables as IPC streams, and what the writer needs to know of them."""

    events: bytes
    matches: bytes
    raw: bytes
    rules: bytes
    event_count: int
    block_count: int
    match_count: int
    repeated: int
    """Records of this payload that stood in it before, byte for byte: duplicates already."""
    first: int
    last: int
    """Times of the first and the last event, microseconds."""


class DuckEncoder(msgspec.Struct, frozen=True):
    """Encodes records for one store: `key` is that store's key of event ids."""

    key: bytes

    def encode(self, files: Sequence[Records], *, sensor: str, zone: str = "") -> bytes:
        """Encode the records of several files; a record that stands here twice is taken once."""
        ids: dict[bytes, None] = {}
        events: list[Event] = []
        places: list[tuple[str, int, int]] = []
        total = 0
        for file in files:
            for found in file.records:
                total += 1
                identity = event_id(self.key, found.event.raw)
                if identity in ids:
                    continue
                ids[identity] = None
                events.append(found.event)
                places.append((file.name, found.offset, found.length))
        raw, blocks, offsets = _pack([e.raw for e in events])
        matches = [(i, e.time, m) for i, e in enumerate(events) for m in e.matches]
        times = [e.time for e in events]
        payload = Tables(
            events=_event_table(events, list(ids), places, blocks, offsets, sensor, zone),
            matches=_match_table(matches),
            raw=raw,
            rules=_rule_table(matches),
            event_count=len(events),
            block_count=blocks[-1] + 1 if blocks else 0,
            match_count=len(matches),
            repeated=total - len(events),
            first=min(times, default=0),
            last=max(times, default=0),
        )
        return msgspec.msgpack.encode(payload)


def _event_table(
    events: list[Event],
    ids: list[bytes],
    places: list[tuple[str, int, int]],
    blocks: list[int],
    offsets: list[int],
    sensor: str,
    zone: str,
) -> bytes:
    count = len(events)
    names = Event.__struct_fields__
    columns = dict(zip(names, _transpose([_values(e) for e in events], len(names)), strict=True))
    columns["interrupted"] = tuple([_WORDS[e.interrupted] for e in events])
    columns["match_count"] = tuple([len(e.matches) for e in events])
    columns["unexplained"] = tuple([_unexplained(e) for e in events])
    columns["sensor"] = (sensor,) * count
    columns["zone"] = (zone,) * count
    columns["source"], columns["source_offset"], columns["source_length"] = _transpose(places, 3)
    halves = unpack(f">{2 * count}Q", b"".join(ids))
    columns["seq"] = tuple(range(count))
    columns["id_high"], columns["id_low"] = halves[::2], halves[1::2]
    columns["client_packed"] = tuple([_packed(a) for a in columns["client_address"]])
    rules = [_rule_ids(e.matches) for e in events]
    columns["rule_ids"], columns["repeated_ids"], columns["scoring_count"] = _transpose(rules, 3)
    columns["block"], columns["block_offset"] = tuple(blocks), tuple(offsets)
    columns["raw_length"] = tuple([len(e.raw) for e in events])
    return _stream(EVENT_SCHEMA, columns)


def _match_table(matches: list[tuple[int, int, Match]]) -> bytes:
    names = Match.__struct_fields__
    columns = dict(zip(names, _transpose([_values(m) for _, _, m in matches], len(names)), strict=True))
    columns["event"] = tuple([i for i, _, _ in matches])
    columns["time"] = tuple([t for _, t, _ in matches])
    return _stream(MATCH_SCHEMA, columns)


def _rule_table(matches: list[tuple[int, int, Match]]) -> bytes:
    """Keep the latest match of each rule: what is known of the rule."""
    latest: dict[int, tuple[int, Match]] = {}
    for _, time, match in matches:
        if match.rule_id is None:
            continue
        known = latest.get(match.rule_id)
        if known is None or time >= known[0]:
            latest[match.rule_id] = (time, match)
    rows = [(i, m.message, m.file, m.line, m.severity, m.tags, m.version, t) for i, (t, m) in latest.items()]
    return _stream(RULE_SCHEMA, dict(zip(RULE_SCHEMA.names, _transpose(rows, len(RULE_SCHEMA)), strict=True)))


def _pack(records: list[bytes]) -> tuple[bytes, list[int], list[int]]:
    """Compress records in blocks; return the table of blocks, and block and offset of each record."""
    compress = zstandard.ZstdCompressor(level=_LEVEL).compress
    blocks: list[int] = []
    offsets: list[int] = []
    packed: list[bytes] = []
    block: list[bytes] = []
    size = 0
    for raw in records:
        if block and (len(block) == BLOCK_RECORDS or size + len(raw) > BLOCK_BYTES):
            packed.append(compress(b"".join(block)))
            block, size = [], 0
        blocks.append(len(packed))
        offsets.append(size)
        block.append(raw)
        size += len(raw)
    if block:
        packed.append(compress(b"".join(block)))
    return _stream(RAW_SCHEMA, {"block": tuple(range(len(packed))), "data": tuple(packed)}), blocks, offsets


def _transpose(rows: list[Any], width: int) -> list[tuple[Any, ...]]:
    return list(zip(*rows, strict=True)) if rows else [()] * width


def _stream(schema: pa.Schema, columns: dict[str, tuple[Any, ...]]) -> bytes:
    arrays = [_array(columns[field.name], field) for field in schema]
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, schema) as writer:
        writer.write_batch(pa.RecordBatch.from_arrays(arrays, schema=schema))
    return bytes(sink.getvalue())


def _array(values: tuple[Any, ...], field: pa.Field) -> pa.Array:
    try:
        return pa.array(values, field.type)
    except UnicodeEncodeError:
        if pa.types.is_list(field.type):
            return pa.array([[storable(v) for v in items or ()] for items in values], field.type)
        return pa.array([v if v is None else storable(v) for v in values], field.type)


_WORDS = {True: "yes", False: "no", None: None}


def _unexplained(event: Event) -> int | None:
    if event.score is None or event.score_source not in _SURE_SOURCES:
        return None
    return max(event.score - event.points, 0)


def _rule_ids(matches: tuple[Match, ...]) -> tuple[list[int | None] | None, list[int | None] | None, int]:
    """Return the distinct rules, scoring ones first; further matches of the same rules; scoring matches."""
    if not matches:
        return None, None, 0
    scoring: dict[int | None, None] = {}
    summing: dict[int | None, None] = {}
    repeated: list[int | None] = []
    count = 0
    for match in matches:
        kept = summing if match.bookkeeping else scoring
        count += not match.bookkeeping
        if match.rule_id in kept:
            repeated.append(match.rule_id)
        kept[match.rule_id] = None
    return [*scoring, *summing], repeated or None, count


@lru_cache(maxsize=1 << 16)
def _packed(address: str | None) -> bytes | None:
    """Return an address in network order, IPv4 in 4 bytes, IPv6 in 16; None when it is none."""
    if address is None:
        return None
    try:
        # A scope (`fe80::1%eth0`) is no part of the address.
        return inet_pton(AF_INET6 if ":" in address else AF_INET, address.partition("%")[0])
    except (OSError, ValueError):
        return None

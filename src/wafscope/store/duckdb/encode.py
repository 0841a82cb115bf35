"""From events to the columns of the DuckDB tables: the expensive step, done in worker processes.

A payload is four Arrow tables as IPC streams: events, matches, raw blocks, latest matches of rules.  Numbers
of events and blocks are local to the payload; the writer adds its own base.
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
from wafscope.event.values import interrupted, unexplained
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


class Tables(msgspec.Struct, frozen=True):
    """A payload taken apart: Arrow tables as IPC streams, and what the writer needs to know of them."""

    events: bytes
    matches: bytes
    raw: bytes
    rules: bytes
    event_count: int
    match_count: int
    first: int
    last: int
    """Times of the first and the last event, microseconds."""


class DuckEncoder(msgspec.Struct, frozen=True):
    """Encodes records for one store: `key` is that store's key of event ids."""

    key: bytes

    def encode(self, files: Sequence[Records], *, sensor: str, zone: str = "") -> bytes:
        """Encode the records of several files; a record that stands here twice is taken once.

        The records are taken a few hundred at a time and let go of: what is worked on stays in the cache of
        the processor, and memory holds columns, not objects.
        """
        payload = _Payload(sensor, zone)
        ids: set[bytes] = set()
        rows: list[_Row] = []
        for file in files:
            for found in file.records:
                identity = event_id(self.key, found.event.raw)
                if identity in ids:
                    continue
                ids.add(identity)
                rows.append((identity, found.event, file.name, found.offset, found.length))
                if len(rows) == _TOGETHER:
                    payload.add(rows)
                    rows = []
        payload.add(rows)
        return msgspec.msgpack.encode(payload.finish())


_Row = tuple[bytes, Event, str, int, int]
"""Id, event, and where it stands: file, offset, length."""

_TOGETHER = 2 * BLOCK_RECORDS


class _Payload:
    """A payload in the making."""

    def __init__(self, sensor: str, zone: str) -> None:
        self._sensor, self._zone = sensor, zone
        self._events, self._matches, self._raw = _Table(EVENT_SCHEMA), _Table(MATCH_SCHEMA), _Table(RAW_SCHEMA)
        self._latest: dict[int, tuple[int, Match]] = {}
        self._first, self._last = 0, 0

    def add(self, rows: list[_Row]) -> None:
        """Add the columns of some events, their matches and their records."""
        if not rows:
            return
        base = self._events.rows
        events = [row[1] for row in rows]
        blocks, offsets = self._pack([e.raw for e in events])
        columns = _event_columns(events)
        ids, _, columns["source"], columns["source_offset"], columns["source_length"] = _transpose(rows, 5)
        halves = unpack(f">{2 * len(rows)}Q", b"".join(ids))
        columns["id_high"], columns["id_low"] = halves[::2], halves[1::2]
        columns["seq"] = tuple(range(base, base + len(rows)))
        columns["sensor"], columns["zone"] = (self._sensor,) * len(rows), (self._zone,) * len(rows)
        columns["block"], columns["block_offset"] = tuple(blocks), tuple(offsets)
        self._events.add(columns)
        matches = [(i, e.time, m) for i, e in enumerate(events, base) for m in e.matches]
        self._matches.add(_match_columns(matches))
        _keep_latest(self._latest, matches)
        times = columns["time"]
        self._first = min(times) if not base else min(self._first, *times)
        self._last = max(self._last, *times)

    def _pack(self, records: list[bytes]) -> tuple[list[int], list[int]]:
        """Compress records in blocks; return block and offset of each record."""
        compress = zstandard.ZstdCompressor(level=_LEVEL).compress
        base = self._raw.rows
        blocks: list[int] = []
        offsets: list[int] = []
        packed: list[bytes] = []
        block: list[bytes] = []
        size = 0
        for raw in records:
            if block and (len(block) == BLOCK_RECORDS or size + len(raw) > BLOCK_BYTES):
                packed.append(compress(b"".join(block)))
                block, size = [], 0
            blocks.append(base + len(packed))
            offsets.append(size)
            block.append(raw)
            size += len(raw)
        packed.append(compress(b"".join(block)))
        self._raw.add({"block": tuple(range(base, base + len(packed))), "data": tuple(packed)})
        return blocks, offsets

    def finish(self) -> Tables:
        """Close the streams and return the payload."""
        rules = _Table(RULE_SCHEMA)
        rows = [(i, m.message, m.file, m.line, m.severity, m.tags, m.version, t) for i, (t, m) in self._latest.items()]
        rules.add(dict(zip(RULE_SCHEMA.names, _transpose(rows, len(RULE_SCHEMA)), strict=True)))
        return Tables(
            events=self._events.finish(),
            matches=self._matches.finish(),
            raw=self._raw.finish(),
            rules=rules.finish(),
            event_count=self._events.rows,
            match_count=self._matches.rows,
            first=self._first,
            last=self._last,
        )


class _Table:
    """A table as an Arrow stream, written batch by batch."""

    def __init__(self, schema: pa.Schema) -> None:
        self.rows = 0
        self._schema = schema
        self._sink = pa.BufferOutputStream()
        self._writer = pa.ipc.new_stream(self._sink, schema)

    def add(self, columns: dict[str, tuple[Any, ...]]) -> None:
        batch = pa.RecordBatch.from_arrays([_array(columns[f.name], f) for f in self._schema], schema=self._schema)
        self._writer.write_batch(batch)
        self.rows += batch.num_rows

    def finish(self) -> bytes:
        self._writer.close()
        return bytes(self._sink.getvalue())


def _event_columns(events: list[Event]) -> dict[str, tuple[Any, ...]]:
    """The columns that come from the events themselves."""
    names = Event.__struct_fields__
    columns = dict(zip(names, _transpose([_values(e) for e in events], len(names)), strict=True))
    columns["interrupted"] = tuple([interrupted(e) for e in events])
    columns["match_count"] = tuple([len(e.matches) for e in events])
    columns["unexplained"] = tuple([unexplained(e) for e in events])
    columns["client_packed"] = tuple([_packed(a) for a in columns["client_address"]])
    rules = [_rule_ids(e.matches) for e in events]
    columns["rule_ids"], columns["repeated_ids"], columns["scoring_count"] = _transpose(rules, 3)
    columns["raw_length"] = tuple([len(e.raw) for e in events])
    return columns


def _match_columns(matches: list[tuple[int, int, Match]]) -> dict[str, tuple[Any, ...]]:
    names = Match.__struct_fields__
    columns = dict(zip(names, _transpose([_values(m) for _, _, m in matches], len(names)), strict=True))
    columns["event"] = tuple([i for i, _, _ in matches])
    columns["time"] = tuple([t for _, t, _ in matches])
    return columns


def _keep_latest(latest: dict[int, tuple[int, Match]], matches: list[tuple[int, int, Match]]) -> None:
    """Keep the latest match of each rule: what is known of the rule."""
    for _, time, match in matches:
        if match.rule_id is None:
            continue
        known = latest.get(match.rule_id)
        if known is None or time >= known[0]:
            latest[match.rule_id] = (time, match)


def _transpose(rows: list[Any], width: int) -> list[tuple[Any, ...]]:
    return list(zip(*rows, strict=True)) if rows else [()] * width


def _array(values: tuple[Any, ...], field: pa.Field) -> pa.Array:
    try:
        return pa.array(values, field.type)
    except UnicodeEncodeError:
        if pa.types.is_list(field.type):
            return pa.array([[storable(v) for v in items or ()] for items in values], field.type)
        return pa.array([v if v is None else storable(v) for v in values], field.type)


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

"""From events to the columns of the DuckDB tables: the expensive step, done in worker processes.

A payload is three Arrow tables as IPC streams - events, matches, raw blocks - and the latest match of each
rule.  Numbers of events and blocks are local to the payload; the writer adds its own base.

Columns that hold few distinct values, mostly the same together, are written as numbers of the rows of a small
table: looking up all of them at once costs less than writing them one by one, and they take a third of the room.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Container, Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import accumulate, islice, repeat
from operator import attrgetter
from socket import AF_INET, AF_INET6, inet_pton
from typing import Any

import msgspec
import pyarrow as pa
import zstandard

from wafscope.event.identity import Identifier
from wafscope.event.model import Event, Match
from wafscope.event.text import storable
from wafscope.event.values import interrupted_word, unexplained_points
from wafscope.reader.joining import FORMATS
from wafscope.store.base import Records
from wafscope.store.duckdb.rows import Rows, columns_of, rows_of
from wafscope.store.duckdb.schema import (
    EVENT_FIELDS,
    EVENT_SCHEMA,
    MATCH_FIELDS,
    MATCH_SCHEMA,
    RAW_SCHEMA,
    SETTING_COLUMNS,
    SETTING_FIELDS,
    WORDING_COLUMNS,
    WORDING_FIELDS,
)
from wafscope.store.pairing import UNTIMED

BLOCK_RECORDS = 256
BLOCK_BYTES = 1 << 20
_LEVEL = 2
"""Of zstd: smaller than with 1, and no slower, for records of every engine."""


class Rule(msgspec.Struct, frozen=True, array_like=True):
    """What the latest match of a rule says about it; in the order of the columns of its table."""

    rule_id: int
    message: str
    file: str
    line: int | None
    severity: int | None
    tags: tuple[str, ...]
    version: str
    time: int


class Tables(msgspec.Struct, frozen=True):
    """A payload taken apart: Arrow tables as IPC streams, and what the writer needs to know of them."""

    events: memoryview
    matches: memoryview
    raw: memoryview
    settings: tuple[bytes, ...]
    """Rows of `setting`, packed; `setting_id` in the events is a place among them."""
    wordings: tuple[bytes, ...]
    """Rows of `wording`, packed; `wording_id` in the matches is a place among them."""
    rules: tuple[Rule, ...]
    event_count: int
    match_count: int
    block_count: int
    first: int
    last: int
    """Times of the first and the last event, microseconds."""
    has_errors: bool = False
    """Whether records of an error log are among them."""
    has_untimed: bool = False
    """Whether some of them tell no time."""

    @property
    def size(self) -> int:
        """Bytes that it takes."""
        return self.events.nbytes + self.matches.nbytes + self.raw.nbytes


class DuckEncoder(msgspec.Struct, frozen=True):
    """Encodes records for one store: `key` is that store's key of event ids."""

    key: bytes
    reads_again: bool = True

    def encode(self, files: Sequence[Records], *, sensor: str, zone: str = "") -> bytes:
        """Encode the records of several files; a record that stands here twice is taken once."""
        payload = _Payload(sensor, zone)
        identify = Identifier(self.key).identify
        seen: set[bytes] = set()
        for rows in rows_of(files, identify):
            new = set(rows.ids)
            kept = rows.without(seen) if len(new) < len(rows.ids) or not seen.isdisjoint(new) else rows
            seen |= new
            if kept.ids:
                payload.add(kept)
        return msgspec.msgpack.encode(payload.finish([file.name for file in files]))


_ORIGIN = (
    "format", "gaps", "zone_source", "server_name", "engine", "interrupted_source", "method", "protocol", "status",
)  # fmt: skip
"""Columns that tell where an event comes from, and how: with those of `setting`, a log has few rows of them."""

_VERDICT = (
    "outcome", "interrupted", "action", "attack_class", "score", "score_source", "points", "threshold",
    "score_outbound",
)  # fmt: skip
"""Columns that the rules that fired decide."""

_COUNTED = ("unexplained", "match_count", "rule_ids", "repeated_ids", "scoring_count")
"""Columns that follow from those and from the rules."""

_RULE = ("rule_id", "bookkeeping")
"""Columns of a match that its rule decides, with those of `wording`."""

_CODED = frozenset(
    {*_ORIGIN, *_VERDICT, *_COUNTED, "client_address", "client_packed", "sensor", "source", "zone"},
)
_PLACES = (
    "seq",
    "setting_id",
    "id_high",
    "id_low",
    "block",
    "block_offset",
    "raw_length",
    "source_offset",
    "source_length",
)


def _batch_schema(schema: pa.Schema, coded: Container[str]) -> pa.Schema:
    return pa.schema([(f.name, pa.dictionary(pa.int32(), f.type) if f.name in coded else f.type) for f in schema])


EVENT_BATCH = _batch_schema(EVENT_SCHEMA.remove(EVENT_SCHEMA.get_field_index("seq")), _CODED)
"""Events as they stand in a payload; the writer numbers them."""

MATCH_BATCH = _batch_schema(MATCH_SCHEMA, frozenset(MATCH_SCHEMA.names) - {"event", "time", "wording_id"})
"""Matches as they stand in a payload: many of them are one and the same (`reader/modsecurity_json.py`)."""

_EMPTY_IS_MISSING = frozenset(
    f.column
    for f in (*EVENT_FIELDS, *SETTING_FIELDS, *MATCH_FIELDS, *WORDING_FIELDS)
    if f.type in {"text", "address"} and not f.empty_is_value
)
"""Columns in which an empty text is a missing value: None in a payload."""

_FORMAT, _GAPS = _ORIGIN.index("format"), _ORIGIN.index("gaps")
DECIDED = (*_VERDICT, *_COUNTED)
"""Columns that follow from the verdict and the rules of an event."""

_SETTING = (*_ORIGIN, *SETTING_COLUMNS)
_verdict = attrgetter(*_VERDICT)
_rule = attrgetter(*_RULE, *WORDING_COLUMNS)


def _single(schema: pa.Schema, others: Iterable[str]) -> list[tuple[pa.DataType, list[str]]]:
    """Columns with a value of its own in most rows - attributes of an event or a match - by their type."""
    kinds: dict[pa.DataType, list[str]] = {}
    for field in schema:
        if field.name not in others:
            kinds.setdefault(field.type, []).append(field.name)
    return list(kinds.items())


_EVENT_SINGLE = _single(EVENT_SCHEMA, {*_CODED, *_PLACES})
_MATCH_SINGLE = _single(MATCH_SCHEMA, {*_RULE, "event", "time", "wording_id"})


class _Codes(dict[Any, int]):
    """Numbers distinct values in the order in which they come."""

    def __missing__(self, value: Any) -> int:
        self[value] = code = len(self)
        return code


class _Columns:
    """Columns of one type, which grow together: one call for all of them makes an array."""

    def __init__(self, kind: pa.DataType, names: Sequence[str]) -> None:
        self._kind = kind
        self._names = names
        self._values = [(name, name in _EMPTY_IS_MISSING) for name in names]
        self._parts: list[tuple[pa.Array, int]] = []

    def add(self, columns: Mapping[str, Sequence[Any]]) -> None:
        """Add rows."""
        values: list[Any] = []
        for name, empty_is_missing in self._values:
            found = columns[name]
            values += [value or None for value in found] if empty_is_missing else found
        self._parts.append((_array(values, self._kind), len(values) // len(self._values)))

    def finish(self) -> dict[str, pa.Array]:
        """Return the columns by name."""
        return {
            name: pa.concat_arrays([array.slice(place * rows, rows) for array, rows in self._parts])
            if self._parts
            else pa.array([], self._kind)
            for place, name in enumerate(self._names)
        }


class _Payload:
    """A payload in the making: columns that grow."""

    def __init__(self, sensor: str, zone: str) -> None:
        self._sensor, self._zone = sensor, zone
        self._count = 0
        self._ids: list[bytes] = []
        self._settings, self._verdicts, self._clients = _Codes(), _Codes(), _Codes()
        self._setting, self._verdict, self._client = array("i"), array("i"), array("i")
        self._file, self._offset, self._length = array("i"), array("q"), array("i")
        self._raw = _Raw()
        self._single = [_Columns(*each) for each in _EVENT_SINGLE]
        self._matches = _Matches()
        self._first, self._last = sys.maxsize, -sys.maxsize

    def add(self, rows: Rows) -> None:
        """Add some events, their matches and their records."""
        columns = rows.columns
        self._ids += rows.ids
        self._file.extend(rows.files)
        self._offset.extend(rows.offsets)
        self._length.extend(rows.lengths)
        self._raw.add(columns["raw"])
        self._setting.extend(map(self._settings.__getitem__, zip(*[columns[name] for name in _SETTING], strict=True)))
        verdicts = zip(*[columns[name] for name in _VERDICT], strict=True)
        self._verdict.extend(
            map(self._verdicts.__getitem__, zip(verdicts, map(_rules_of, columns["matches"]), strict=True))
        )
        self._client.extend(map(self._clients.__getitem__, columns["client_address"]))
        for single in self._single:
            single.add(columns)
        times = columns["time"]
        self._first, self._last = min(self._first, *times), max(self._last, *times)
        self._matches.add(times, columns["matches"], self._count)
        self._count += len(rows.ids)

    def finish(self, files: list[str]) -> Tables:
        """Return the payload."""
        return Tables(
            events=_stream(EVENT_BATCH, self._event_columns(files)),
            matches=_stream(MATCH_BATCH, self._matches.columns()),
            raw=_stream(RAW_SCHEMA, self._raw.columns()),
            settings=tuple([packed(row[len(_ORIGIN) :], SETTING_COLUMNS) for row in self._settings]),
            wordings=self._matches.wordings(),
            rules=self._matches.rules(),
            event_count=self._count,
            match_count=self._matches.count,
            block_count=self._raw.count,
            first=self._first,
            last=self._last,
            has_errors=any(setting[_FORMAT] in FORMATS for setting in self._settings),
            has_untimed=any(UNTIMED in setting[_GAPS] for setting in self._settings),
        )

    def _event_columns(self, files: list[str]) -> dict[str, pa.Array]:
        halves = array("Q", b"".join(self._ids))
        if sys.byteorder == "little":
            halves.byteswap()
        columns = {
            "id_high": _integers(halves[::2], pa.uint64()),
            "id_low": _integers(halves[1::2], pa.uint64()),
            "source_offset": _integers(self._offset, pa.int64()),
            "source_length": _integers(self._length, pa.int32()),
            **self._raw.places(),
        }
        for single in self._single:
            columns |= single.finish()
        origins = [row[: len(_ORIGIN)] for row in self._settings]
        columns |= _coded(EVENT_SCHEMA, self._setting, _ORIGIN, origins)
        columns["setting_id"] = _integers(self._setting, pa.int32())
        verdicts = [_counted(verdict, rules) for verdict, rules in self._verdicts]
        columns |= _coded(EVENT_SCHEMA, self._verdict, (*_VERDICT, *_COUNTED), verdicts)
        clients = [(address, _packed(address)) for address in self._clients]
        columns |= _coded(EVENT_SCHEMA, self._client, ("client_address", "client_packed"), clients)
        places = [(file, self._sensor, self._zone) for file in files]
        columns |= _coded(EVENT_SCHEMA, self._file, ("source", "sensor", "zone"), places)
        return columns


class _Matches:
    """The matches of a payload.  The reader gives a match that came before as the same object: written once."""

    def __init__(self) -> None:
        self._numbers = _Codes()
        self._distinct: list[Match] = []
        """Held, so that no other object can get the identity of one."""
        self._number, self._event, self._time = array("i"), array("q"), array("q")
        self._rules = _Codes()

    @property
    def count(self) -> int:
        return len(self._number)

    def add(self, times: Sequence[int], matches_of: Sequence[tuple[Match, ...]], first: int) -> None:
        """Add the matches of events, by their times; the first event has the number `first`."""
        found = [
            (number, time, matches)
            for number, (time, matches) in enumerate(zip(times, matches_of, strict=True), first)
            if matches
        ]
        fired = [match for _, _, matches in found for match in matches]
        numbers = list(map(self._numbers.__getitem__, map(id, fired)))
        if len(self._numbers) > len(self._distinct):
            for match, number in zip(fired, numbers, strict=True):
                if number == len(self._distinct):
                    self._distinct.append(match)
        self._number.extend(numbers)
        for number, time, matches in found:
            self._event.extend(repeat(number, len(matches)))
            self._time.extend(repeat(time, len(matches)))

    def columns(self) -> dict[str, pa.Array]:
        """The columns of the table of matches."""
        columns = {
            "event": _integers(self._event, pa.int64()),
            "time": _integers(self._time, MATCH_SCHEMA.field("time").type),
        }
        numbers = _integers(self._number, pa.int32())
        distinct = columns_of(self._distinct) if self._distinct else dict.fromkeys(Match.__struct_fields__, ())
        for single in [_Columns(*each) for each in _MATCH_SINGLE]:
            single.add(distinct)
            for name, values in single.finish().items():
                columns[name] = pa.DictionaryArray.from_arrays(numbers, values, safe=False)
        codes = [self._rules[_rule(match)] for match in self._distinct]
        code = array("i", map(codes.__getitem__, self._number))
        columns["wording_id"] = _integers(code, pa.int32())
        return columns | _coded(MATCH_SCHEMA, code, _RULE, [rule[: len(_RULE)] for rule in self._rules])

    def wordings(self) -> tuple[bytes, ...]:
        """The rows of `wording`, when `columns` was called."""
        return tuple([_wording(rule[len(_RULE) :]) for rule in self._rules])

    def rules(self) -> tuple[Rule, ...]:
        """What the latest match of each rule says; of several at one time, the last one."""
        times = self._time.tolist()
        last = dict(zip(self._number, range(len(times)), strict=True))
        if times != sorted(times):
            for place, number in enumerate(self._number):
                if times[place] >= times[last[number]]:
                    last[number] = place
        latest: dict[int, tuple[int, int, Match]] = {}
        for number, place in last.items():
            match = self._distinct[number]
            if match.rule_id is not None:
                found = (times[place], place, match)
                known = latest.setdefault(match.rule_id, found)
                if found[:2] > known[:2]:
                    latest[match.rule_id] = found
        return tuple([_as_rule(match, time) for time, _, match in latest.values()])


def packed(row: Iterable[Any], names: Iterable[str]) -> bytes:
    """Pack the values of some columns: equal bytes for equal rows."""
    return _pack([_stored(value, name in _EMPTY_IS_MISSING) for value, name in zip(row, names, strict=True)])


@lru_cache(maxsize=4096)
def _wording(row: tuple[Any, ...]) -> bytes:
    """Pack a row of `wording`: a log has the same few hundred in each of its payloads."""
    return packed(row, WORDING_COLUMNS)


_pack = msgspec.msgpack.Encoder().encode


def _stored(value: Any, empty_is_missing: bool) -> Any:  # noqa: FBT001 - of a column
    if isinstance(value, tuple | list):
        return [storable(item) for item in value]
    if isinstance(value, str):
        return storable(value) or (None if empty_is_missing else "")
    return value


def decided(event: Event) -> tuple[Any, ...]:
    """Return the values of the columns of `DECIDED`."""
    return _counted(_verdict(event), _rules_of(event.matches))


class _Raw:
    """Records as logged, in compressed blocks."""

    def __init__(self) -> None:
        self._compress = zstandard.ZstdCompressor(level=_LEVEL).compress
        self._packed: list[bytes] = []
        self._parts: list[bytes] = []
        self._records = self._size = 0
        self._block, self._offset, self._length = array("q"), array("i"), array("i")

    @property
    def count(self) -> int:
        return len(self._packed)

    def add(self, records: Sequence[bytes]) -> None:
        """Put records into a block - into the next one where they make this one too large."""
        lengths = array("i", map(len, records))
        size = sum(lengths)
        # An event may have been left without its record (`ingest/sampling.py`).
        there = len(records) - lengths.count(0)
        if self._records and (self._records + there > BLOCK_RECORDS or self._size + size > BLOCK_BYTES):
            self._pack()
        if size > BLOCK_BYTES and len(records) > 1:
            middle = len(records) // 2
            self.add(records[:middle])
            self.add(records[middle:])
            return
        self._block.extend([len(self._packed)] * len(records))
        self._offset.extend(islice(accumulate(lengths, initial=self._size), len(records)))
        self._length += lengths
        self._parts += records
        self._records += there
        self._size += size

    def _pack(self) -> None:
        self._packed.append(self._compress(b"".join(self._parts)))
        self._parts, self._records, self._size = [], 0, 0

    def places(self) -> dict[str, pa.Array]:
        """Where the record of each event is."""
        return {
            "block": self._where(self._block, pa.int64()),
            "block_offset": self._where(self._offset, pa.int32()),
            "raw_length": _integers(self._length, pa.int32()),
        }

    def _where(self, values: array[int], kind: pa.DataType) -> pa.Array:
        """Places; an event that was left without its record has none."""
        if 0 not in self._length:
            return _integers(values, kind)
        return pa.array([value if n else None for value, n in zip(values, self._length, strict=True)], kind)

    def columns(self) -> dict[str, pa.Array]:
        """The blocks."""
        if self._records:
            self._pack()
        return {"block": _array(range(self.count), pa.int64()), "data": _array(self._packed, pa.binary())}


def _stream(schema: pa.Schema, columns: dict[str, pa.Array]) -> memoryview:
    batch = pa.RecordBatch.from_arrays([columns[name] for name in schema.names], schema=schema)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, schema) as writer:
        writer.write_batch(batch)
    return memoryview(sink.getvalue())


def _coded(
    schema: pa.Schema, codes: array[int], names: Sequence[str], rows: Iterable[tuple[Any, ...]]
) -> dict[str, pa.Array]:
    """Columns whose values stand together in a few rows: each a dictionary of Arrow, with the same numbers."""
    numbers = _integers(codes, pa.int32())
    found = {}
    for name, values in zip(names, zip(*rows, strict=True) if codes else [()] * len(names), strict=True):
        kept = [value or None for value in values] if name in _EMPTY_IS_MISSING else values
        dictionary = _array(kept, schema.field(name).type)
        found[name] = pa.DictionaryArray.from_arrays(numbers, dictionary, safe=False)
    return found


def _integers(values: array[int], kind: pa.DataType) -> pa.Array:
    """An array of numbers none of which is missing."""
    return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(values)])


def _array(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    try:
        return pa.array(values, kind)
    except UnicodeEncodeError:
        if pa.types.is_list(kind):
            return pa.array([[storable(v) for v in items or ()] for items in values], kind)
        # One odd value is enough to come here, and the others are as ever.
        return pa.array([v if v is None or v.isascii() else storable(v) for v in values], kind)


_NO_RULES: tuple[tuple[int | None, bool], ...] = ()


def _rules_of(matches: tuple[Match, ...]) -> tuple[tuple[int | None, bool], ...]:
    return tuple([(m.rule_id, m.bookkeeping) for m in matches]) if matches else _NO_RULES


def _counted(verdict: tuple[Any, ...], rules: tuple[tuple[int | None, bool], ...]) -> tuple[Any, ...]:
    """The values of the columns of `_VERDICT` and `_COUNTED`."""
    outcome, interrupted, action, attack_class, score, score_source, points, *rest = verdict
    unexplained = unexplained_points(score, score_source, points)
    return (
        *(outcome, interrupted_word(interrupted), action, attack_class, score, score_source, points, *rest),
        *(unexplained, len(rules), *_rule_ids(rules)),
    )


def _rule_ids(
    rules: tuple[tuple[int | None, bool], ...],
) -> tuple[list[int | None] | None, list[int | None] | None, int]:
    """Return the distinct rules, scoring ones first; further matches of the same rules; scoring matches."""
    if not rules:
        return None, None, 0
    scoring: dict[int | None, None] = {}
    summing: dict[int | None, None] = {}
    repeated: list[int | None] = []
    count = 0
    for rule_id, bookkeeping in rules:
        kept = summing if bookkeeping else scoring
        count += not bookkeeping
        if rule_id in kept:
            repeated.append(rule_id)
        kept[rule_id] = None
    return [*scoring, *summing], repeated or None, count


def _as_rule(match: Match, time: int) -> Rule:
    message, file, version, tags = _rule_texts(match.message, match.file, match.version, match.tags)
    return Rule(match.rule_id or 0, message, file, match.line, match.severity, tags, version, time)


@lru_cache(maxsize=4096)
def _rule_texts(message: str, file: str, version: str, tags: tuple[str, ...]) -> tuple[str, str, str, tuple[str, ...]]:
    """Return the texts of a rule as they can be stored."""
    return storable(message), storable(file), storable(version), tuple([storable(tag) for tag in tags])


@lru_cache(maxsize=1 << 16)
def _packed(address: str | None) -> bytes | None:
    """Return an address in network order, IPv4 in 4 bytes, IPv6 in 16; None when it is none."""
    if address is None:
        return None
    try:
        # A scope (`fe80::1%eth0`) is no part of the address, nor are the brackets of Coraza's middleware.
        bare = address.partition("%")[0].removeprefix("[").removesuffix("]")
        return inet_pton(AF_INET6 if ":" in bare else AF_INET, bare)
    except (OSError, ValueError):
        return None

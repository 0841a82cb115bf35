"""Keeps a store of this version of the schema, and what it answers, for the tests of all later versions.

    python -m tests.store.keep

Run it once for each version that is released: `tests/store/kept/` then holds the samples as this version stored them.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import chdir
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import zstandard

from wafscope.event.fields import FIELDS, Field
from wafscope.ingest.pipeline import Setting, import_paths
from wafscope.query.parser import parse
from wafscope.query.question import Count, Cursor, Histogram, Page, Quarantine, Scope, StoredEvent, Top
from wafscope.query.timespan import DAY, MINUTE, Window
from wafscope.reader.base import Unreadable
from wafscope.source.base import Position
from wafscope.store.base import EventStore, Tally
from wafscope.store.duckdb.schema import VERSION
from wafscope.store.duckdb.store import DuckStore

SAMPLES = Path(__file__).parents[1] / "samples"
KEPT = Path(__file__).parent / "kept"
_PAGE = 100
_FILTERS = (
    "outcome:blocked", "rule.id:942100", "client.address:127.0.0.0/8", "union select", "-rule.id:942100 status:>=400",
)  # fmt: skip


def fill(store: EventStore) -> None:
    """Store the samples, and what no sample has: a piece in quarantine, a position."""
    with chdir(SAMPLES):
        import_paths(
            store, sorted(file.name for file in SAMPLES.iterdir()), Setting("kept", collector_zone="UTC", workers=0)
        )
    payload = store.encoder().encode([], sensor="kept")
    torn = Unreadable(b"\xff\x00torn", 17, "cut")
    position = Position("serial:followed.log", b"\x01\xff")
    store.write(payload, Tally("followed.log", "kept", 0, 0, 6, unreadable=(torn,), position=position))


def answers(store: EventStore, fields: tuple[str, ...] = ()) -> dict[str, Any]:
    """Ask a store all kinds of questions; only about `fields` where they are given."""
    held = store.held().value
    assert held.first is not None
    assert held.last is not None
    every = Scope()
    window = Window(held.first - held.first % DAY, held.last - held.last % DAY + DAY)
    days = Scope(window)
    rules = tuple(value.value for value in store.top(Top("rule.id", every, limit=0)).value.values)
    found: dict[str, Any] = {
        "held": held,
        "positions": {key: state.hex() for key, state in store.positions().items()},
        "quarantine": store.quarantine(Quarantine(with_data=True)).value,
        "rules": store.rules([rule for rule in rules if isinstance(rule, int)]).value,
        "days": store.histogram(Histogram(days, DAY)).value,
        "minutes by outcome": store.histogram(Histogram(days, MINUTE, by="outcome")).value,
        "events": [_told(each) for each in _events(store)],
    }
    for name in fields or tuple(each.name for each in FIELDS):
        found[f"top {name}"] = store.top(Top(name, every, limit=0)).value
        found[f"top {name} new"] = store.top(Top(name, _later(window), limit=0, new=True, bookkeeping=False)).value
    for line in _FILTERS:
        found[f"filter {line}"] = store.count(Count(Scope(filter=parse(line)))).value
        found[f"page {line}"] = store.page(Page(Scope(filter=parse(line)), limit=_PAGE)).value
    plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(found))
    return plain


def _later(window: Window) -> Scope:
    return Scope(Window(window.start + DAY, window.end))


def _events(store: EventStore) -> Iterator[StoredEvent]:
    last: Cursor | None = None
    while rows := store.page(Page(Scope(), limit=_PAGE, older_than=last)).value.rows:
        for row in rows:
            stored = store.event(row.id).value
            assert stored is not None
            yield stored
        last = Cursor(rows[-1].time, rows[-1].id)


def _told(stored: StoredEvent) -> list[Any]:
    records = [(each.source, each.offset, each.length, _digest(each.raw)) for each in stored.joined]
    place = stored.source, stored.offset, stored.length, stored.sensor
    return [stored.id.hex(), stored.event.time, _digest(stored.event.raw), *place, records]


def _digest(raw: bytes) -> str:
    return sha256(raw).hexdigest()[:16]


def field_names(kept: dict[str, Any]) -> tuple[str, ...]:
    """The fields that were there, and still are."""
    known: dict[str, Field] = {each.name: each for each in FIELDS}
    return tuple(name for name in known if f"top {name}" in kept)


def main() -> None:
    """Write the store and its answers."""
    file = KEPT / f"version-{VERSION}.duckdb.zst"
    if file.exists():
        sys.exit(f"{file.name} is kept already")
    KEPT.mkdir(exist_ok=True)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "store.duckdb"
        with DuckStore(path) as store:
            fill(store)
        with DuckStore(path) as store:
            told = answers(store)
        packed = zstandard.ZstdCompressor(level=19).compress(path.read_bytes())
    file.write_bytes(packed)
    text = msgspec.json.encode(told)
    file.with_name(f"version-{VERSION}.json.zst").write_bytes(zstandard.ZstdCompressor(level=19).compress(text))
    print(f"{file.name}: {len(packed)} bytes, answers {len(text)} bytes")


if __name__ == "__main__":
    main()

"""A row for each format: how fast its logs are imported, and how fast its readers are alone.

Real runs of the corpus, each repeated with a mark in every record so that no record comes twice, until there are as
many as in the log that `bench ingest` itself reads.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import msgspec

from bench.one import Measured, What
from bench.report import Check, at_least, sentence, table

RUNS = {
    "v3.json": "ng309-det-json-serial-all",
    "v3.native": "ng309-det-native-serial-all",
    "v2.json": "ap297-det-json-serial-all",
    "v2.native": "ap297-det-native-serial-all",
    "coraza.json": "cz381-crs4-det-json-serial-all",
    "coraza.native": "cz381-crs4-on-native-serial-all",
}
"""The native log of an engine behind its JSON."""
_JSON_WHATS: tuple[What, ...] = ("import", "unmasked", "plain", "fast", "tolerant")
_NATIVE_WHATS: tuple[What, ...] = ("import", "unmasked", "fast")
_READERS: tuple[What, ...] = ("fast", "tolerant")
_RECORDS = 60_000


class FormatRow(msgspec.Struct, frozen=True):
    """One format; records a second, 0 where there is nothing to measure."""

    records: int
    bytes: int
    imported: float
    """As the command does it: secrets masked."""
    unmasked: float
    """The same with redaction off: what can be set beside the plain loop, which masks nothing."""
    plain: float
    """The plain loop of `b`, for JSON."""
    fast: float
    tolerant: float
    ratio: Check
    """JSON: unmasked import to plain loop.  Native: unmasked import to that of the same engine's JSON."""
    readers: dict[str, Check] = {}
    """JSON: `fast` and `tolerant` reader alone to plain loop, each in one process."""


def corpus() -> Path:
    """Where the real runs are, when they are."""
    return Path(os.environ.get("WAFSCOPE_CORPUS", Path(__file__).parents[2] / "shared" / "corpus"))


Say = Callable[[str], None]
Run = Callable[[What, Path, str], Measured]
"""Does one measurement of a log in a format."""


def measure(folder: Path, repeat: int, run: Run, say: Say) -> dict[str, FormatRow]:
    """Measure one format after the other, each by turns; nothing where the corpus is not there."""
    if not corpus().is_dir():
        return {}
    rows: dict[str, FormatRow] = {}
    for name in RUNS:
        log = _log(name, folder)
        best: dict[What, Measured] = {}
        for number in range(repeat):
            say(f"formats, round {number + 1} of {repeat}: {name}")
            for what in _NATIVE_WHATS if name.endswith("native") else _JSON_WHATS:
                found = run(what, log, name)
                if what not in best or found.seconds < best[what].seconds:
                    best[what] = found
        rows[name] = _row(best, log.stat().st_size, rows.get(name.replace("native", "json")))
        log.unlink()
    return rows


def _row(best: dict[What, Measured], size: int, same_engine: FormatRow | None) -> FormatRow:
    """A row; that of a native log beside that of the JSON of the `same_engine`."""
    rates = {what: round(m.records / max(m.seconds, 1e-9), 1) for what, m in best.items()}
    unmasked = rates["unmasked"]
    return FormatRow(
        records=best["import"].records,
        bytes=size,
        imported=rates["import"],
        unmasked=unmasked,
        plain=rates.get("plain", 0.0),
        fast=rates.get("fast", 0.0),
        tolerant=rates.get("tolerant", 0.0),
        ratio=at_least(unmasked / same_engine.unmasked, 0.5)
        if same_engine
        else at_least(unmasked / rates["plain"], 1.75),
        readers={what: at_least(rates[what] / rates["plain"], 1.75) for what in _READERS if "plain" in rates},
    )


def _log(name: str, folder: Path) -> Path:
    """Write the log of a format: its run, again and again, every copy marked."""
    from wafscope.reader.walk import settled
    from wafscope.source.oneshot import read_once

    path = folder / f"{name}.log"
    audit = corpus() / RUNS[name] / "audit"
    data = b"".join(s.data for p in sorted(audit.glob("modsec_audit.log*")) for s in read_once(str(p), settled))
    records = json.loads((audit.parent / "SUMMARY.json").read_bytes())["records"]
    with path.open("wb") as file:
        for copy in range(max(1, round(_RECORDS / records))):
            file.write(_marked(data, copy, native="native" in name))
    return path


def _marked(data: bytes, copy: int, *, native: bool) -> bytes:
    """Change every record a little, and what it says not at all."""
    if not copy:
        return data
    if native:
        return data.replace(b" HTTP/1.1\n", b" HTTP/1.1\nX-Copy: %d\n" % copy)
    return data.replace(b"\n", b" " * copy + b"\n")


def render(rows: dict[str, FormatRow]) -> str:
    """The rows for a person, and what the readers of JSON do alone."""
    readers = [
        f"{name}, {what} reader alone to plain loop: {sentence(check)}"
        for name, row in rows.items()
        for what, check in row.readers.items()
    ]
    return "\n".join([_table(rows), "", *readers])


def _table(rows: dict[str, FormatRow]) -> str:
    return table(
        ("format", "bytes/record", "import/s", "unmasked/s", "plain loop/s", "fast/s", "tolerant/s", "ratio"),
        [
            (
                name, f"{row.bytes / max(row.records, 1):,.0f}", f"{row.imported:,.0f}",
                f"{row.unmasked:,.0f}",
                *(f"{rate:,.0f}" if rate else "–" for rate in (row.plain, row.fast, row.tolerant)), sentence(row.ratio),
            )
            for name, row in rows.items()
        ],
    )  # fmt: skip

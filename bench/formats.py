"""A row for each format: how fast its logs are imported, and how fast its readers are alone.

Real runs of the corpus, each repeated with a mark in every record so that no record comes twice.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import msgspec

from bench.one import Measured, What
from bench.report import Check, at_least, sentence, table

RUNS = {
    "v3.json": "ng309-det-json-serial-all",
    "v2.json": "ap297-det-json-serial-all",
    "coraza.json": "cz381-crs4-det-json-serial-all",
    "v3.native": "ng309-det-native-serial-all",
    "v2.native": "ap297-det-native-serial-all",
    "coraza.native": "cz381-crs4-on-native-serial-all",
}
_SAME_ENGINE = {"v3.native": "v3.json", "v2.native": "v2.json", "coraza.native": "coraza.json"}
_JSON_WHATS: tuple[What, ...] = ("import", "unmasked", "plain", "fast", "tolerant")
_BYTES = 160_000_000
"""How long a log is made: long enough that starting and closing do not decide."""


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


def corpus() -> Path:
    """Where the real runs are, when they are."""
    return Path(os.environ.get("WAFSCOPE_CORPUS", Path(__file__).parents[2] / "shared" / "corpus"))


Say = Callable[[str], None]
Run = Callable[[What, Path, str], Measured]
"""Does one measurement of a log in a format."""


def measure(folder: Path, repeat: int, run: Run, say: Say) -> dict[str, FormatRow]:
    """Measure every format by turns; nothing where the corpus is not there."""
    if not corpus().is_dir():
        return {}
    logs = {name: _log(name, folder) for name in RUNS}
    best: dict[tuple[str, What], Measured] = {}
    for number in range(repeat):
        for name, log in logs.items():
            say(f"formats, round {number + 1} of {repeat}: {name}")
            for what in _whats(name):
                found = run(what, log, name)
                known = best.get((name, what))
                if known is None or found.seconds < known.seconds:
                    best[name, what] = found
    rates = {key: m.records / max(m.seconds, 1e-9) for key, m in best.items()}
    rows = {}
    for name, log in logs.items():
        unmasked = rates[name, "unmasked"]
        other = _SAME_ENGINE.get(name)
        ratio = (
            at_least(unmasked / rates[name, "plain"], 1.75)
            if other is None
            else at_least(unmasked / rates[other, "unmasked"], 0.5)
        )
        rows[name] = FormatRow(
            records=best[name, "import"].records,
            bytes=log.stat().st_size,
            imported=round(rates[name, "import"], 1),
            unmasked=round(unmasked, 1),
            plain=round(rates.get((name, "plain"), 0.0), 1),
            fast=round(rates.get((name, "fast"), 0.0), 1),
            tolerant=round(rates.get((name, "tolerant"), 0.0), 1),
            ratio=ratio,
        )
        log.unlink()
    return rows


def _whats(name: str) -> tuple[What, ...]:
    return ("import", "unmasked", "fast") if name in _SAME_ENGINE else _JSON_WHATS


def _log(name: str, folder: Path) -> Path:
    """Write the log of a format: its run, again and again, every copy marked."""
    from wafscope.reader.walk import settled
    from wafscope.source.oneshot import read_once

    path = folder / f"{name}.log"
    audit = corpus() / RUNS[name] / "audit"
    data = b"".join(s.data for p in sorted(audit.glob("modsec_audit.log*")) for s in read_once(str(p), settled))
    with path.open("wb") as file:
        for copy in range(max(1, _BYTES // len(data))):
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
    """The rows for a person."""
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

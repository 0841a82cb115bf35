"""How fast logs are read, beside what else can be done with them; everything measured in one run, by turns."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from bench import formats, one
from bench.formats import FormatRow
from bench.generate import write_log
from bench.memory import Peak, Sampler
from bench.one import Job, Measured, Stage, What
from bench.report import Check, at_least, at_most, megabytes, sentence, table
from wafscope.reader.walk import settled
from wafscope.source.oneshot import check, read_once

Say = Callable[[str], None]

ROOT = Path(__file__).parents[1]
_RUN = "ng309-scale-ft14d-det-json-serial-all-realip"
_TIME_LIMIT = 1_800
"""Seconds after which a measurement has failed."""

RATES: dict[str, What] = {
    "a_typed": "typed",
    "b_plain": "plain",
    "c_wafscope": "import",
    "c_unmasked": "unmasked",
    "d_fast": "fast",
    "e_tolerant": "tolerant",
    "marred": "marred",
    "odd": "odd",
}
WORDS = {
    "a_typed": "a  decode every field into Structs",
    "b_plain": "b  plain loop: json, lower-case, flatten, json",
    "c_wafscope": "c  wafscope import, committed and closed, redaction on",
    "c_unmasked": "   the same with redaction off",
    "d_fast": "d  fast reader alone",
    "e_tolerant": "e  tolerant reader alone, same lines",
    "marred": "   tolerant reader alone, a byte that is not UTF-8 in each of them",
    "odd": "   tolerant reader alone, lines that only it takes",
}
SMALL, LARGE = 100_000, 1_000_000


class Rate(msgspec.Struct, frozen=True):
    """Records a second: the best round, and each."""

    records: int
    records_per_second: float
    rounds: tuple[float, ...]
    cpu_seconds: float
    """Of the best round."""
    refused: int


class Log(msgspec.Struct, frozen=True):
    """What was read."""

    name: str
    bytes: int
    records: int


class Scaling(msgspec.Struct, frozen=True):
    """The rate of an import by the length of the log."""

    small: Rate
    large: Rate
    ratio: Check
    """Large to small."""


class Report(msgspec.Struct, frozen=True):
    """Everything that `bench ingest` measures."""

    log: Log
    cores: int
    load: float
    """Load average at the start: what else the machine had to do."""
    repeat: int
    workers: int | None
    rates: dict[str, Rate]
    ratios: dict[str, Check]
    stages: dict[str, Stage]
    memory: Peak
    store_bytes: int
    store_share: Check
    scaling: Scaling | None = None
    formats: dict[str, FormatRow] = {}


class Wish(msgspec.Struct, frozen=True):
    """What to measure."""

    logs: tuple[str, ...] = ()
    records: int = 0
    workers: int | None = None
    repeat: int = 3
    scaling: bool = False
    formats: bool = True


def run(wish: Wish, say: Say) -> Report:
    """Measure; says on the way what is done."""
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="wafscope-bench-") as name:
        folder = Path(name)
        log = folder / "audit.log"
        title = _prepare(wish, log, say)
        rounds: dict[str, list[Measured]] = {key: [] for key in RATES}
        stages = []
        for number in range(wish.repeat):
            for key, what in RATES.items():
                say(f"round {number + 1} of {wish.repeat}: {WORDS[key].strip()}")
                rounds[key].append(spawn(what, log, folder, wish.workers)[0])
            say(f"round {number + 1} of {wish.repeat}: stages in one process")
            stages.append(spawn("stages", log, folder, wish.workers)[0])
        say("memory")
        again, peak = spawn("import", log, folder, wish.workers, sampled=True)
        size = log.stat().st_size
        log.unlink()
        rates = {key: _rate(found) for key, found in rounds.items()}
        return Report(
            log=Log(title, size, rates["c_wafscope"].records),
            cores=os.cpu_count() or 1,
            load=round(load, 2),
            repeat=wish.repeat,
            workers=wish.workers,
            rates=rates,
            ratios=_ratios(rates),
            stages=min(stages, key=lambda m: m.cpu_seconds).stages,
            memory=peak,
            store_bytes=again.store_bytes,
            store_share=at_most(again.store_bytes / size, 0.2),
            scaling=_scaling(wish, folder, say) if wish.scaling else None,
            formats=_formats(wish, folder, say) if wish.formats else {},
        )


def _prepare(wish: Wish, log: Path, say: Say) -> str:
    """Write the log that all read, unpacked, and return its name."""
    logs = wish.logs or (() if wish.records else default_logs())
    if not logs:
        records = wish.records or SMALL
        say(f"making a log of {records} records")
        write_log(log, records)
        return f"generated, {records} records"
    for path in logs:
        check(path)
    with log.open("wb") as file:
        for stretch in (s for path in logs for s in read_once(path, settled)):
            file.write(stretch.data)
            if stretch.data[-1:] not in (b"\n", b""):
                file.write(b"\n")
    return ", ".join(Path(path).name if wish.logs else f"{_RUN}/{Path(path).name}" for path in logs)


def default_logs() -> tuple[str, ...]:
    """The audit log of the large run, where it is there."""
    corpus = Path(os.environ.get("WAFSCOPE_CORPUS", ROOT.parent / "shared" / "corpus"))
    return tuple(str(path) for path in sorted((corpus / _RUN / "audit").glob("modsec_audit.log*")))


def spawn(
    what: What, log: Path, folder: Path, workers: int | None = None, *, sampled: bool = False, name: str = "v3.json"
) -> tuple[Measured, Peak]:
    """Do one measurement in a process of its own; with `sampled`, which costs time, watch its memory."""
    with tempfile.TemporaryDirectory(dir=folder) as own:
        job = Job(what, str(log), str(Path(own) / "store.duckdb"), workers, name)
        command = [sys.executable, "-m", one.__name__, msgspec.json.encode(job).decode()]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as process:
            try:
                if sampled:
                    with Sampler(process.pid) as sampler:
                        output, _ = process.communicate(timeout=_TIME_LIMIT)
                    peak = sampler.peak
                else:
                    output, _ = process.communicate(timeout=_TIME_LIMIT)
                    peak = Peak()
            except BaseException:
                process.kill()
                raise
        if process.returncode:
            raise RuntimeError(f"the measurement “{what}” failed with status {process.returncode}")
        return msgspec.json.decode(output, type=Measured), peak


def _rate(found: Sequence[Measured]) -> Rate:
    best = min(found, key=lambda m: m.seconds)
    rates = tuple(round(m.records / max(m.seconds, 1e-9), 1) for m in found)
    return Rate(best.records, max(rates), rates, round(best.cpu_seconds, 3), best.refused)


def _ratios(rates: dict[str, Rate]) -> dict[str, Check]:
    best = {key: rate.records_per_second for key, rate in rates.items()}

    def ratio(upper: str, lower: str) -> float:
        return best[upper] / best[lower] if best[lower] else 0.0

    return {
        "c_to_b": at_least(ratio("c_wafscope", "b_plain"), 1.75, 3),
        "unmasked_to_b": at_least(ratio("c_unmasked", "b_plain"), 1.75, 3),
        "c_to_a": at_least(ratio("c_wafscope", "a_typed"), 0.12, 0.2),
        "on_to_off": at_least(ratio("c_wafscope", "c_unmasked"), 0.8),
        "e_to_d": at_least(ratio("e_tolerant", "d_fast"), 0.5),
    }


def _scaling(wish: Wish, folder: Path, say: Say) -> Scaling:
    """Import a short and a long log by turns."""
    logs = {SMALL: folder / "small.log", LARGE: folder / "large.log"}
    found: dict[int, list[Measured]] = {SMALL: [], LARGE: []}
    for records, log in logs.items():
        say(f"making a log of {records} records")
        write_log(log, records)
    for number in range(wish.repeat):
        for records, log in logs.items():
            say(f"scaling, round {number + 1} of {wish.repeat}: {records} records")
            found[records].append(spawn("import", log, folder, wish.workers)[0])
    small, large = _rate(found[SMALL]), _rate(found[LARGE])
    return Scaling(small, large, at_least(large.records_per_second / small.records_per_second, 0.85))


def _formats(wish: Wish, folder: Path, say: Say) -> dict[str, FormatRow]:
    def one_run(what: What, log: Path, name: str) -> Measured:
        return spawn(what, log, folder, wish.workers, name=name)[0]

    return formats.measure(folder, wish.repeat, one_run, say)


def spread(rate: Rate) -> str:
    """How far the rounds lie apart: from the slowest to the best, in hundredths of their median."""
    middle = statistics.median(rate.rounds)
    return f"{(max(rate.rounds) - min(rate.rounds)) / middle:.0%}" if middle else "-"


def render(report: Report) -> str:
    """The report for a person."""
    log = report.log
    workers = "one worker a core" if report.workers is None else f"{report.workers} workers"
    lines = [
        f"{log.name}: {log.records} records, {megabytes(log.bytes)}",
        f"{report.cores} cores, load {report.load} at the start, {workers}, best of {report.repeat}",
        "Rates depend on the machine and on what else it does; the ratios do so much less.",
        "",
        table(
            ("", "records/s", "µs/record", "spread", "not read"),
            [
                (WORDS[key], f"{rate.records_per_second:,.0f}", _micro(rate), spread(rate), str(rate.refused))
                for key, rate in report.rates.items()
            ],
        ),
        "",
        *(f"{WORDS_OF_RATIO[key]}: {sentence(check)}" for key, check in report.ratios.items()),
        "",
        table(
            ("one process, by turns", "CPU s", "µs/record", "wall s"),
            [
                (name, f"{s.cpu_seconds:.2f}", f"{s.cpu_seconds / max(log.records, 1) * 1e6:.1f}", f"{s.seconds:.2f}")
                for name, s in report.stages.items()
            ],
        ),
        f"CPU of c, best round: {report.rates['c_wafscope'].cpu_seconds:.2f} s",
        (
            f"memory of c at its peak: {megabytes(report.memory.bytes)} in {report.memory.processes} processes"
            f" ({megabytes(report.memory.resident_bytes)} with shared pages counted for each)"
        ),
        f"store: {megabytes(report.store_bytes)}, share of the log {sentence(report.store_share)}",
    ]
    if report.scaling:
        small, large = report.scaling.small, report.scaling.large
        lines.append(
            f"scaling: {small.records_per_second:,.0f} records/s at {small.records:,},"
            f" {large.records_per_second:,.0f} at {large.records:,}: {sentence(report.scaling.ratio)}"
        )
    if report.formats:
        lines += ["", formats.render(report.formats)]
    return "\n".join(lines)


WORDS_OF_RATIO = {
    "c_to_b": "c to b, Wafscope to the plain loop",
    "unmasked_to_b": "c with redaction off to b, which masks nothing",
    "c_to_a": "c to a, Wafscope to decoding alone",
    "on_to_off": "c with redaction on to off",
    "e_to_d": "e to d, tolerant to fast reader",
}


def _micro(rate: Rate) -> str:
    return f"{1e6 / rate.records_per_second:.1f}" if rate.records_per_second else "-"

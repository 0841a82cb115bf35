"""`python -m bench ingest`, `query`, `receive` and the others: `python -m bench --help` lists them."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import click
import msgspec


@click.group(help="How fast Wafscope is; docs/reference/bench.md tells what is measured.")
def cli() -> None:
    """Take the command; one that is told to stop removes what it has made."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


def _say(line: str) -> None:
    click.echo(line, err=True)


def _put(report: msgspec.Struct, text: str, *, as_json: bool) -> None:
    click.echo(msgspec.json.format(msgspec.json.encode(report)).decode() if as_json else text)


@cli.command("ingest")
@click.argument("logs", nargs=-1, metavar="[LOG]...")
@click.option("--records", default=0, type=click.IntRange(0), help="Make a log of so many records instead.")
@click.option("--workers", type=click.IntRange(0), help="Worker processes; without, as `wafscope import` takes.")
@click.option("--repeat", default=5, show_default=True, type=click.IntRange(1), help="Rounds; the best one counts.")
@click.option("--scaling", is_flag=True, help="Also compare 100 000 with 1 000 000 records: takes minutes.")
@click.option("--formats/--no-formats", default=True, help="A row for every format, from the corpus where it is there.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def ingest_command(
    logs: tuple[str, ...],
    records: int,
    workers: int | None,
    repeat: int,
    *,
    scaling: bool,
    formats: bool,
    as_json: bool,
) -> None:
    """Measure how fast logs are read, beside other ways to read them.

    LOG is a file, a directory or an archive of JSON audit logs of ModSecurity 3.
    """
    from bench import ingest

    if logs and records:
        raise click.UsageError("Give logs, or --records for a log that is made.")
    report = ingest.run(ingest.Wish(logs, records, workers, repeat, scaling, formats), _say)
    _put(report, ingest.render(report), as_json=as_json)


@cli.command("query")
@click.option("--events", default=1_000_000, show_default=True, type=click.IntRange(1), help="Events in the store.")
@click.option("--seconds", default=120.0, show_default=True, type=click.FloatRange(0), help="Ask for so long.")
@click.option("--writes", default=2_000, show_default=True, type=click.IntRange(0), help="Events imported a second.")
@click.option(
    "--store", type=click.Path(path_type=Path), help="Keep the store in this file, or take it from there if it is."
)
@click.option("--page", is_flag=True, help="Also load the overview of the sample in Chromium.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def query_command(events: int, seconds: float, writes: int, store: Path | None, *, page: bool, as_json: bool) -> None:
    """Measure how fast every panel answers, for a day and for all time, while an import goes on."""
    from bench import query

    report = query.run(query.Wish(events, seconds, writes, store, page), _say)
    _put(report, query.render(report), as_json=as_json)


@cli.command("receive")
@click.option("--seconds", default=20.0, show_default=True, type=click.FloatRange(0.1), help="Send for so long.")
@click.option("--rate", default=200, show_default=True, type=click.IntRange(1), help="Records sent a second.")
@click.option("--senders", default=4, show_default=True, type=click.IntRange(1), help="Connections that send.")
@click.option("--stalled", is_flag=True, help="Drain nothing meanwhile, as with a store that is closed.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def receive_command(seconds: float, rate: int, senders: int, *, stalled: bool, as_json: bool) -> None:
    """Measure how soon the receiver answers, while its spool is drained into a store that makes checkpoints."""
    from bench import receive

    report = receive.run(receive.Wish(seconds, rate, senders, stalled), _say)
    _put(report, receive.render(report), as_json=as_json)


@cli.command("tree")
@click.option("--files", default=100_000, show_default=True, type=click.IntRange(1), help="Files in the tree.")
@click.option(
    "--after",
    default="delete",
    show_default=True,
    type=click.Choice(["keep", "delete", "archive"]),
    help="What becomes of them.",
)
@click.option("--idle", default=20.0, show_default=True, type=click.FloatRange(1), help="Seconds of nothing to do.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def tree_command(files: int, after: str, idle: float, *, as_json: bool) -> None:
    """Measure how soon a concurrent log of many files is stored and gone, and what it costs when nothing comes."""
    from bench import tree

    report = tree.run(tree.Wish(files, after, idle), _say)
    _put(report, tree.render(report), as_json=as_json)


@cli.command("year")
@click.option("--days", default=400, show_default=True, type=click.IntRange(3), help="Days that are imported.")
@click.option("--events", default=20_000, show_default=True, type=click.IntRange(10), help="Events a day.")
@click.option("--keep", default=30, show_default=True, type=click.IntRange(1), help="Days that are kept.")
@click.option("--size", default="2GB", show_default=True, help="Limit of the file.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def year_command(days: int, events: int, keep: int, size: str, *, as_json: bool) -> None:
    """Live through a year in small, with retention, a compaction and a backup; ends with 1 where one falls short."""
    from bench import year
    from wafscope.settings import parse_size

    report = year.run(year.Wish(days, events, keep, parse_size(size)), _say)
    _put(report, year.render(report), as_json=as_json)
    sys.exit(bool(report.failed))


@cli.command("soak")
@click.option("--seconds", default=1200.0, show_default=True, type=click.FloatRange(1), help="Write for so long.")
@click.option(
    "--idle", default=60.0, show_default=True, type=click.FloatRange(0.1), help="Then do nothing for so long."
)
@click.option("--rate", default=50, show_default=True, type=click.IntRange(1), help="Records written a second.")
@click.option(
    "--rotate", default=30.0, show_default=True, type=click.FloatRange(0.1), help="Seconds between rotations."
)
@click.option("--before", default=300_000, show_default=True, type=click.IntRange(0), help="Events there before.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def soak_command(seconds: float, idle: float, rate: int, rotate: float, before: int, *, as_json: bool) -> None:
    """Measure how `wafscope serve` fares over a long time: memory, idle CPU, how soon a line is seen, what is lost."""
    from bench import soak

    report = soak.run(soak.Wish(seconds, idle, rate, rotate, before), _say)
    _put(report, soak.render(report), as_json=as_json)


@cli.command("flood")
@click.option("--events", default=500_000, show_default=True, type=click.IntRange(1), help="Events of the burst.")
@click.option("--others", default=200_000, show_default=True, type=click.IntRange(1), help="Events of others.")
@click.option("--rounds", default=10, show_default=True, type=click.IntRange(1), help="So often each panel is asked.")
@click.option("--above", default=1_000, show_default=True, type=click.IntRange(1), help="Sample above so many events.")
@click.option("--one-in", default=100, show_default=True, type=click.IntRange(1), help="And keep one in so many.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def flood_command(events: int, others: int, rounds: int, above: int, one_in: int, *, as_json: bool) -> None:
    """Measure what a burst of one client in one hour takes, whole and sampled, and how fast the panels are then."""
    from bench import flood

    report = flood.run(flood.Wish(events, others, rounds, above, one_in), _say)
    _put(report, flood.render(report), as_json=as_json)


if __name__ == "__main__":
    cli(prog_name="python -m bench")

"""`wafscope top`: the values of a field and their counts."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import click
from rich import box
from rich.table import Table
from rich.text import Text

from wafscope.cli.importing import store_address
from wafscope.cli.options import MANY, store_file
from wafscope.cli.say import note, print_json, said
from wafscope.cli.table import print_table
from wafscope.errors import FilterError, SettingsError, StoreError
from wafscope.event.fields import DAY, find
from wafscope.i18n.text import text
from wafscope.query.filter import Filter
from wafscope.query.parser import parse
from wafscope.query.question import Answer, Scope, Top, TopValues
from wafscope.query.timespan import ALL_TIME, Window
from wafscope.settings import Settings, check_zone
from wafscope.store.open import reach_store
from wafscope.web.visible import plain

_TIME_LIMIT = 600.0
_DATE = re.compile(r"\d{4}-\d\d-\d\d")


@click.command("top", help=said(text("Print how often each value of a field occurs, most frequent first.")))
@click.argument("field")
@store_file
@click.option(
    "--filter",
    "line",
    default="",
    help=said(text("Only events that fit, written as in the search box: '@host:example.org -@rule:920420'.")),
)
@click.option(
    "--from",
    "start",
    default="",
    help=said(text("Only events since this date or time, such as 2026-11-16 or 2026-11-16T08:00.")),
)
@click.option(
    "--to", "end", default="", help=said(text("Only events before this time; a date alone includes the day."))
)
@click.option(
    "--timezone", "zone", default="UTC", show_default=True, help=said(text("Zone of days and of --from and --to."))
)
@click.option(
    "--limit",
    default=10,
    show_default=True,
    type=click.IntRange(0, MANY),
    help=said(text("How many values; 0 for all.")),
)
@click.option("--json", "as_json", is_flag=True, help=said(text("Print JSON: field, exact, events, values.")))
@click.pass_obj
def top_command(
    settings: Settings, field: str, file: str, line: str, start: str, end: str, zone: str, limit: int, as_json: bool
) -> None:
    """Ask the store and print the answer."""
    _check_field(field)
    check_zone(zone, "--timezone")
    scope = Scope(_window(start, end, zone), _filter(line))
    with reach_store(store_address(file, settings), read_only=True) as store:
        answer = store.top(Top(field, scope, limit=limit, zone=zone), time_limit=_TIME_LIMIT)
    if answer.cut:
        raise StoreError(
            text("Stopped after {seconds} s: the answer is not complete.", seconds=round(answer.seconds)),
            hint=text("Narrow it with --from and --to."),
        )
    if as_json:
        print_json(_plain(field, answer))
    else:
        _print(field, answer)
    if answer.since is not None:
        since = datetime.fromtimestamp(answer.since / 1_000_000, ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M:%S %Z")
        note(text("Only from {time} on: older events were removed.", time=since))


def _check_field(name: str) -> None:
    if name == DAY.name:
        return
    try:
        find(name)
    except FilterError as error:
        # Alone on the command line, it has no column.
        raise SettingsError(error.what, hint=error.hint) from error


def _filter(line: str) -> Filter:
    try:
        return parse(line)
    except FilterError as error:
        error.where = "--filter"
        raise


def _window(start: str, end: str, zone: str) -> Window:
    low = _moment(start, zone, "--from") if start else ALL_TIME.start
    high = _moment(end, zone, "--to", whole_day=True) if end else ALL_TIME.end
    if low >= high:
        raise SettingsError(text("--from is not before --to."), hint=text("Give a window that holds some time."))
    return ALL_TIME if not start and not end else Window(low, high)


def _moment(written: str, zone: str, option: str, *, whole_day: bool = False) -> int:
    """Microseconds of a date or time in a zone; with `whole_day` a date alone means its end."""
    try:
        moment = datetime.fromisoformat(written)
    except ValueError as error:
        raise SettingsError(
            text("“{written}” is no date or time.", written=written),
            where=option,
            hint=text("Write 2026-11-16 or 2026-11-16T08:00."),
        ) from error
    try:
        if whole_day and _DATE.fullmatch(written):
            moment += timedelta(days=1)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=ZoneInfo(zone))
        return round(moment.timestamp() * 1_000_000)
    except OverflowError:
        # At the edge of the calendar, which is meant as "all".
        return ALL_TIME.end if moment.year > 1 else ALL_TIME.start


def _plain(field: str, answer: Answer[TopValues]) -> dict[str, Any]:
    values = [{"value": v.value, "events": v.events, "matches": v.matches} for v in answer.value.values]
    return {"field": field, "exact": answer.exact, "events": answer.value.events, "values": values}


def _print(field: str, answer: Answer[TopValues]) -> None:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column(field, overflow="fold")
    table.add_column(said(text("Events")), justify="right")
    table.add_column(said(text("Matches")), justify="right")
    for value in answer.value.values:
        shown = said(text("(missing)")) if value.value is None else plain(str(value.value))
        # A value is no markup.
        table.add_row(Text(shown), f"{value.events:,}", f"{value.matches:,}")
    print_table(table)
    note(
        text(
            "{shown} of {distinct} values, {events} events.",
            # A missing value is none of the distinct ones.
            shown=sum(value.value is not None for value in answer.value.values),
            distinct=answer.value.distinct,
            events=answer.value.events,
        )
    )

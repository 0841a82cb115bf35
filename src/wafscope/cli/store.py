"""`wafscope store`: how the store is, and what is done to it by hand.

Where a service holds the store, it is asked to do it.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import msgspec

from wafscope.cli.importing import store_address
from wafscope.cli.options import in_json, store_file
from wafscope.cli.say import note, print_json, said
from wafscope.errors import SettingsError
from wafscope.i18n.text import Text, ntext, text
from wafscope.ingest.upkeep import keeping
from wafscope.query.question import Removed
from wafscope.settings import Settings, parse_size
from wafscope.store.base import LastingStore
from wafscope.store.lasting import Checked, StoreState, limit
from wafscope.store.open import FILE, open_lasting
from wafscope.web.visible import plain

_AGAIN = 0.1


@click.group("store", help=said(text("How the store is; prune, compact, check, back up, restore and upgrade it.")))
def store_command() -> None:
    """Group the commands about the store."""


def _open(settings: Settings, file: str, *, read_only: bool = False) -> LastingStore:
    return open_lasting(store_address(file, settings), read_only=read_only)


# --- status ----------------------------------------------------------------------


@store_command.command("status", help=said(text("How large the store is, what it holds, and what was removed of it.")))
@store_file
@in_json
@click.pass_obj
def status_command(settings: Settings, file: str, as_json: bool) -> None:
    """Print a few lines, or one JSON object."""
    with _open(settings, file, read_only=True) as store:
        state = store.state()
    most = limit(keeping(settings), state.disk)
    if as_json:
        print_json({**_plain(state), "limit": most or None})
        return
    for label, what in _lines(state, most):
        click.echo(f"{said(label)}: {plain(said(what))}")


def _lines(state: StoreState, most: int) -> list[tuple[Text, Text]]:
    size = text("{used} MB used of {file} MB, {free} MB free on the disk", **_megabytes(state))
    if most:
        size = text("{size}; limit {limit} MB", size=size, limit=most // 1_000_000)
    events = ntext("{n} event", "{n} events", n=state.events)
    held = text("nothing") if state.first is None else text(
        "{events}, {matches} matches, from {first} to {last}",
        events=events, matches=state.matches, first=_moment(state.first), last=_moment(state.last),
    )  # fmt: skip
    lines = [
        (text("Store"), text("{path}, schema {version}", path=state.path, version=state.schema)),
        (text("Size"), size),
        (text("Held"), held),
        (text("Reviewed"), ntext("{n} event", "{n} events", n=state.reviewed)),
        (text("In quarantine"), ntext("{n} piece", "{n} pieces", n=state.quarantined)),
    ]
    if state.since is not None:
        removed = ntext("{n} event", "{n} events", n=state.removed_events)
        lines.append(
            (text("Removed"), text("{events} from before {since}", events=removed, since=_moment(state.since)))
        )
        lines += [(text("Removed"), removed_line(each)) for each in state.removed[:7]]
    if state.counted_since is not None:
        lines.append((text("Hourly counts"), text("from {since} on", since=_moment(state.counted_since))))
    if state.compacted is not None:
        lines.append((text("Rewritten"), text("at {time}", time=_moment(state.compacted))))
    if state.dirty:
        lines.append((text("Rewritten"), text("not since something was removed: wafscope store compact")))
    lines += [(text("Before an upgrade"), text("{path}", path=path)) for path in state.backups]
    return lines


def removed_line(each: Removed) -> Text:
    """What was removed of one day, when and why."""
    reasons = {
        "age": text("too old"),
        "size": text("too much for the limit of size"),
        "hand": text("by hand"),
    }
    return text(
        "{events} of {day}, at {time}: {reason}",
        events=ntext("{n} event", "{n} events", n=each.events),
        day=_moment(each.day)[:10],
        time=_moment(each.time),
        reason=reasons[each.reason],
    )


def _megabytes(state: StoreState) -> dict[str, Any]:
    numbers = {"used": state.used, "file": state.file + state.log, "free": state.free}
    return {name: round(number / 1e6, 1) for name, number in numbers.items()}


# --- what is done to it ------------------------------------------------------------


@store_command.command(
    "prune", help=said(text("Remove what is older or more than the settings keep; hourly counts of it stay."))
)
@store_file
@click.option("--days", type=click.IntRange(0, 36500), help=said(text("Days before today to keep, whatever is set.")))
@click.option("--size", help=said(text("What the store may use, such as 20GB, whatever is set.")))
@click.option("--reviewed", is_flag=True, help=said(text("Remove events that are marked as reviewed, too.")))
@in_json
@click.pass_obj
def prune_command(
    settings: Settings, file: str, days: int | None, size: str | None, reviewed: bool, as_json: bool
) -> None:
    """Remove step by step until nothing is left to remove."""
    wish = settings.retention
    parse_size(size or "", "--size")
    given = {"days": days, "size": size, "reviewed": "remove" if reviewed else None}
    wish = msgspec.structs.replace(wish, **{name: value for name, value in given.items() if value is not None})
    rule = keeping(msgspec.structs.replace(settings, retention=wish), by_hand=True)
    if not (rule.days or rule.size or rule.rollup_days or rule.quarantine_days):
        raise SettingsError(
            text("Nothing limits what is kept."), where="retention", hint=text("Give --days or --size.")
        )
    removed: dict[int, int] = {}
    hours = pieces = 0
    with _open(settings, file) as store:
        while True:
            done = store.retain(rule, time.time_ns() // 1000)
            if done.is_nothing and not done.waits:
                break
            hours, pieces = hours + done.hours, pieces + done.pieces
            for each in done.removed:
                removed[each.day] = removed.get(each.day, 0) + each.events
            if done.waits:
                time.sleep(_AGAIN)
    if as_json:
        days_removed = {_moment(day)[:10]: events for day, events in sorted(removed.items())}
        print_json({"removed": sum(removed.values()), "days": days_removed, "hours": hours, "pieces": pieces})
        return
    for day, events in sorted(removed.items()):
        what = ntext("{n} event", "{n} events", n=events)
        click.echo(said(text("{day}: {events} removed.", day=_moment(day)[:10], events=what)))
    note(ntext("{n} event is removed.", "{n} events are removed.", n=sum(removed.values())))
    if removed:
        note(text("Its bytes are gone from the file after “wafscope store compact”."))


@store_command.command(
    "compact", help=said(text("Rewrite the file: what was removed is in no byte of it, and room is given back."))
)
@store_file
@in_json
@click.pass_obj
def compact_command(settings: Settings, file: str, as_json: bool) -> None:
    """Rewrite, and say what it came to."""
    with _open(settings, file) as store:
        done = store.compact()
    if as_json:
        print_json(done)
        return
    click.echo(
        said(
            text(
                "The file is rewritten: {before} MB before, {after} MB now, in {seconds} s.",
                before=round(done.before / 1e6, 1),
                after=round(done.after / 1e6, 1),
                seconds=round(done.seconds, 1),
            )
        )
    )


@store_command.command(
    "backup", help=said(text("Write all that is held to another file; a service goes on meanwhile."))
)
@click.argument("target", type=click.Path(path_type=Path), metavar="FILE")
@store_file
@click.option("--force", is_flag=True, help=said(text("Overwrite FILE.")))
@in_json
@click.pass_obj
def backup_command(settings: Settings, target: Path, file: str, force: bool, as_json: bool) -> None:
    """Back up, and say what it came to."""
    with _open(settings, file) as store:
        done = store.backup(str(target.absolute()), overwrite=force)
    if as_json:
        print_json(done)
        return
    events, size = ntext("{n} event", "{n} events", n=done.events), round(done.bytes / 1e6, 1)
    click.echo(said(text("{events} in {path}, {size} MB.", events=events, path=plain(done.path), size=size)))


@store_command.command("restore", help=said(text("Put a backup in the place of the store; stop its service first.")))
@click.argument("source", type=click.Path(path_type=Path), metavar="FILE")
@store_file
@click.option("--force", is_flag=True, help=said(text("Replace the store that is there: what it holds is lost.")))
@in_json
@click.pass_obj
def restore_command(settings: Settings, source: Path, file: str, force: bool, as_json: bool) -> None:
    """Restore, and say what it came to."""
    from wafscope.store.duckdb.restore import restore

    uri = store_address(file, settings)
    if not uri.startswith(FILE):
        raise SettingsError(text("A backup can only be put into a file."), where="store.uri")
    done = restore(source.absolute(), Path(uri.removeprefix(FILE)), force=force)
    if as_json:
        print_json(done)
        return
    events = ntext("{n} event", "{n} events", n=done.events)
    click.echo(said(text("{events} are in {path} now.", events=events, path=plain(done.path))))


@store_command.command(
    "check",
    help=said(text("Compare all that is counted with the events, and read every record again; status 1 for a fault.")),
)
@store_file
@in_json
@click.pass_context
def check_command(context: click.Context, file: str, as_json: bool) -> None:
    """Check, and exit with 1 when something is wrong."""
    with _open(context.obj, file, read_only=True) as store:
        found = store.check()
    if as_json:
        print_json(found)
    else:
        _print_check(found)
    context.exit(1 if found.faults else 0)


def _print_check(found: Checked) -> None:
    for fault in found.faults:
        line = text(
            "{name}: {found} instead of {expected}", name=fault.name, found=fault.found, expected=fault.expected
        )
        click.echo(said(line))
    click.echo(
        said(
            text(
                "{events}, {matches} matches, {read} records read again from {blocks} blocks.",
                events=ntext("{n} event", "{n} events", n=found.events),
                matches=found.matches,
                read=found.read,
                blocks=found.blocks,
            )
        )
    )
    if found.faults:
        note(text("Something does not agree: restore a backup, or import the logs into a new store."))
    else:
        note(text("All agrees."))


@store_command.command(
    "upgrade", help=said(text("Bring a store of an earlier version up to date; a backup stays beside it."))
)
@store_file
@click.pass_obj
def upgrade_command(settings: Settings, file: str) -> None:
    """Open the store for writing: that is all it takes."""
    with _open(settings, file) as store:
        backup = store.upgraded_from
    if backup:
        click.echo(said(text("The store is up to date now. As it was before, it is kept at {path}.", path=backup)))
    else:
        click.echo(said(text("The store is up to date.")))


# --- words ---------------------------------------------------------------------------


def _moment(microseconds: int | None) -> str:
    if microseconds is None:
        return ""
    return datetime.fromtimestamp(microseconds / 1_000_000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


_TIMES = frozenset({"first", "last", "since", "counted_since", "compacted", "until", "time"})


def _plain(value: msgspec.Struct) -> dict[str, Any]:
    """A value for JSON, with times as RFC 3339 has them."""
    found: dict[str, Any] = {}
    for name, each in msgspec.structs.asdict(value).items():
        if name in _TIMES:
            found[name] = None if each is None else _moment(each).replace(" ", "T")
        elif name == "day":
            found[name] = _moment(each)[:10]
        elif name == "removed":
            found[name] = [_plain(one) for one in each]
        else:
            found[name] = each
    return found

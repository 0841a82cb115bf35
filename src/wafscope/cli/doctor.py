"""`wafscope doctor`: how each source is, and why its log is empty or incomplete."""

from __future__ import annotations

import os
from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import click
import msgspec

from wafscope import settings as all_settings
from wafscope.cli.importing import address
from wafscope.cli.options import config_file, in_json, kind_of, store_file
from wafscope.cli.say import complain, iso, language, note, print_json, said, styled
from wafscope.doctor.diagnosis import AILMENTS, ORDER, Diagnosis
from wafscope.doctor.examine import Examined, apart, key
from wafscope.doctor.person import Person, me, named
from wafscope.doctor.suggest import suggested
from wafscope.doctor.usual import examine_all
from wafscope.errors import InputError, SettingsError, StoreError
from wafscope.i18n import number
from wafscope.i18n.text import Text, english, ntext, text
from wafscope.rules.site import find
from wafscope.rules.site.base import Site
from wafscope.service.arrived import arrived
from wafscope.service.figures import Figures, gather, sensor_of
from wafscope.settings import Settings, Source
from wafscope.store.open import FILE
from wafscope.web.visible import plain
from wafscope.web.words import STATES

WARNED, FAILED = 6, 7
"""Exit status where records lack something, and where nothing is logged or read; below 6 are those of `errors`."""
_OWN_USER = "wafscope"
_MARKS = {"error": ("✗", "red"), "warning": ("!", "yellow"), "notice": ("·", "cyan")}


@click.command(
    "doctor",
    help=said(
        text(
            "Tell how each source is, and why its log is empty or incomplete. PATH is a log or a storage directory;"
            " without one, the sources of the settings are examined, else what the servers of this machine write."
        )
    ),
)
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@config_file
@click.option(
    "--site",
    type=click.Path(path_type=Path),
    help=said(
        text("Configuration of the web server or engine, such as /etc/nginx/nginx.conf; looked for unless given.")
    ),
)
@store_file
@click.option(
    "--user", default="", help=said(text("Examine as this user may read; the user of the service unless given."))
)
@click.option(
    "--ignore", multiple=True, metavar="CODE", help=said(text("A code that is accepted; may be given again."))
)
@in_json
@click.pass_obj
def doctor_command(
    settings: Settings,
    paths: tuple[str, ...],
    config: Path | None,
    site: Path | None,
    file: str,
    user: str,
    ignore: tuple[str, ...],
    as_json: bool,
) -> None:
    """Examine, print, and end with the exit status of the worst."""
    if config is not None:
        settings = all_settings.load(config, os.environ)
    if file:
        settings = msgspec.structs.replace(settings, store=msgspec.structs.replace(settings.store, uri=address(file)))
        _check_store(settings)
    _check_codes(ignore)
    reader = _reader(user)
    sites = [_site(site)] if site else find.look()
    sources = [_named(path, site) for path in paths] or apart(settings.source) or suggested(sites)
    if not sources:
        raise InputError(
            text("There is nothing to examine."),
            hint=text("Name a log, or the settings with --config, or the configuration of the web server with --site."),
        )
    figures: tuple[Figures | None, ...] = (None,) * len(sources)
    try:
        figures = gather(sources, settings) or figures
    except StoreError as error:
        complain(error)
    pieces = [known.reasons if known else None for known in figures]
    heard = [known is not None and known.counts.stored > 0 for known in figures]
    refused = arrived(sources, settings)
    examined_all = examine_all(sources, sites, reader=reader, pieces=pieces, heard=heard, arrived=refused)
    figures = tuple(known for each, known in zip(examined_all, figures, strict=True) if not each.is_left_out)
    found = [_without(each, ignore) for each in examined_all if not each.is_left_out]
    if as_json:
        print_json(_plain(found, figures))
    else:
        for examined, known in zip(found, figures, strict=True):
            _print(examined, known)
        _summary(found)
    worst = {examined.severity for examined in found}
    raise SystemExit(FAILED if "error" in worst else WARNED if "warning" in worst else 0)


def _check_store(settings: Settings) -> None:
    """Raise StoreError where the store that was named is not there: its figures are what was asked for."""
    with suppress(PermissionError):  # whoever opens it says so
        path = settings.store.uri.removeprefix(FILE)
        if path != settings.store.uri and not Path(path).exists():
            raise StoreError(text("There is no store here."), where=path, hint=text("Leave --store out without one."))


def _check_codes(codes: tuple[str, ...]) -> None:
    for code in codes:
        if code not in AILMENTS:
            near = get_close_matches(code, AILMENTS, n=3)
            raise SettingsError(
                text("There is no code “{code}”.", code=code),
                where="--ignore",
                hint=text("Did you mean {names}?", names=", ".join(near))
                if near
                else text("The code stands in brackets behind what is found."),
            )


def _site(path: Path) -> Site:
    """Read the configuration that is named; raises InputError where nothing of it can be read."""
    site = find.read(str(path))
    if not site.setups and site.unread:
        why = site.unread[0]
        raise InputError(
            text("It can not be read: {reason}", reason=why.detail or str(why.reason)),
            where="--site",
            hint=text("Is this path right, and may you read it?"),
        )
    return site


def _named(path: str, site: Path | None) -> Source:
    return msgspec.convert({"kind": kind_of(path), "path": path, "config": str(site or "")}, type=Source)


def _reader(user: str) -> Person:
    """The user of the service: root sees all, and the service does not."""
    if user:
        found = named(user)
        if found is None:
            raise SettingsError(text("There is no user {name}.", name=user), where="--user")
        return found
    return (named(_OWN_USER) if os.geteuid() == 0 else None) or me()


def _without(examined: Examined, codes: tuple[str, ...]) -> Examined:
    kept = tuple(each for each in examined.diagnoses if each.code not in codes)
    return msgspec.structs.replace(examined, diagnoses=kept)


# --- for people ---


def _print(examined: Examined, figures: Figures | None) -> None:
    click.echo(styled(plain(key(examined.source)), bold=True))
    for line in _about(examined, figures):
        click.echo(f"  {plain(said(line))}")
    for diagnosis in examined.diagnoses:
        _print_one(diagnosis)
    click.echo()


def _about(examined: Examined, figures: Figures | None) -> list[Text]:
    lines: list[Text] = []
    if figures is not None:
        status, lately, counts = figures.status, figures.lately, figures.counts
        if status is not None:
            state = STATES[status.state]
            lag = number.size(status.lag_bytes, language()) if status.lag_bytes is not None else "–"
            lines.append(text("{state}, {lag} not stored yet", state=state, lag=lag))
            lines += [each for each in (status.problem, status.hint) if each is not None]
        else:
            lines.append(text("Nobody follows it."))
        if lately.last is None:
            lines.append(text("No event of it is stored."))
        else:
            rate, last = f"{lately.per_hour or 0:.1f}", _moment(lately.last)
            lines.append(
                text("{rate} events an hour in the last 24 hours; the newest is of {last}", rate=rate, last=last)
            )
        lines.append(
            text(
                "{received} received, {stored} stored, {quarantined} in quarantine",
                received=counts.received,
                stored=counts.stored,
                quarantined=counts.quarantined,
            )
        )
    elif examined.last:
        lines.append(text("The newest record is of {last}.", last=_moment(examined.last)))
    if examined.files:
        lines.append(text("Configuration: {files}", files=", ".join(examined.files)))
    else:
        lines.append(text("No configuration was found for it; what is said here, the log shows."))
    return lines


def _print_one(diagnosis: Diagnosis) -> None:
    mark, colour = _MARKS[diagnosis.severity]
    what, why = plain(said(diagnosis.ailment.what)), plain(said(diagnosis.ailment.why))
    click.echo(f"  {styled(mark, colour=colour, bold=True)} {styled(what, bold=True)} {why} [{diagnosis.code}]")
    click.echo(f"      {plain(diagnosis.where)}: {plain(said(diagnosis.evidence))}")
    if diagnosis.change is not None:
        if diagnosis.change.now:
            click.echo(styled(f"      - {plain(diagnosis.change.now)}", colour="red"))
        click.echo(styled(f"      + {plain(diagnosis.change.then)}", colour="green"))
    if diagnosis.hint is not None:
        click.echo(f"      {plain(said(diagnosis.hint))}")


def _summary(found: list[Examined]) -> None:
    counted = Counter(each.severity for examined in found for each in examined.diagnoses)
    if not counted:
        note(ntext("{n} source is well.", "All {n} sources are well.", n=len(found)))
        return
    words = {
        "error": ntext("{n} error", "{n} errors", n=counted["error"]),
        "warning": ntext("{n} warning", "{n} warnings", n=counted["warning"]),
        "notice": ntext("{n} notice", "{n} notices", n=counted["notice"]),
    }
    note(
        text(
            "{errors}, {warnings}, {notices}.",
            errors=words["error"],
            warnings=words["warning"],
            notices=words["notice"],
        )
    )


def _moment(microseconds: int) -> str:
    return datetime.fromtimestamp(microseconds / 1_000_000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


# --- for programs: docs/reference/doctor.md has the keys ---


def _plain(found: list[Examined], figures: tuple[Figures | None, ...]) -> dict[str, Any]:
    severities = [examined.severity for examined in found if examined.severity]
    worst = min(severities, key=ORDER.index) if severities else "healthy"
    sources = [_source(examined, known) for examined, known in zip(found, figures, strict=True)]
    return {"status": worst, "sources": sources}


def _source(examined: Examined, figures: Figures | None) -> dict[str, Any]:
    known: dict[str, Any] = dict.fromkeys(
        ("state", "lag_bytes", "last_read", "rate_per_hour", "received", "stored", "duplicate", "quarantined")
    )
    last = examined.last
    if figures is not None:
        counts, status = figures.counts, figures.status
        known |= {name: getattr(counts, name) for name in ("received", "stored", "duplicate", "quarantined")}
        known["rate_per_hour"] = figures.lately.per_hour
        last = figures.lately.last or last
        if status is not None:
            known |= {"state": status.state, "lag_bytes": status.lag_bytes, "last_read": _iso(status.last_read)}
    return {
        "source": key(examined.source),
        "kind": examined.source.kind,
        "sensor": sensor_of(examined.source),
        "status": examined.severity or "healthy",
        "configuration": examined.files,
        **known,
        "last_record": _iso(last),
        "diagnoses": [_diagnosis(each) for each in examined.diagnoses],
    }


def _diagnosis(diagnosis: Diagnosis) -> dict[str, Any]:
    return {
        "code": diagnosis.code,
        "severity": diagnosis.severity,
        "what": english(diagnosis.ailment.what),
        "why": english(diagnosis.ailment.why),
        "file": diagnosis.place.file,
        "line": diagnosis.place.line or None,
        "evidence": english(diagnosis.evidence),
        "now": diagnosis.change.now or None if diagnosis.change else None,
        "then": diagnosis.change.then if diagnosis.change else None,
        "hint": english(diagnosis.hint) if diagnosis.hint else None,
    }


def _iso(microseconds: int | None) -> str | None:
    return None if microseconds is None else iso(microseconds)

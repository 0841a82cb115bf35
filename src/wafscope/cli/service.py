"""`wafscope service`: the service of systemd, installed and taken away."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import click

from wafscope import settings as all_settings
from wafscope.cli.say import note, said
from wafscope.i18n.text import Text, text
from wafscope.service.install import (
    Remove,
    Step,
    Write,
    check_reach,
    first_settings,
    installing,
    is_taken,
    program,
    take,
    uninstalling,
)
from wafscope.service.unit import CONFIG, NAME, Needs, needs, unit
from wafscope.settings import Settings
from wafscope.web.visible import plain

_root = click.option(
    "--root",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    default=Path("/"),
    help=said(text("Install below this directory: an image, or the root of a container. Nothing is started then.")),
)
_dry_run = click.option(
    "--dry-run", is_flag=True, help=said(text("Show every file and every command, and do none of it."))
)
_group = click.option(
    "--group",
    "groups",
    multiple=True,
    help=said(text("A group that may read the logs, beside those that are found on them; can be given again.")),
)
_any_log = click.option(
    "--any-log",
    is_flag=True,
    help=said(text("Let it read every file of the machine: for logs that belong to root alone.")),
)


@click.group("service", help=said(text("Install Wafscope as a service of systemd, or take it away.")))
def service_command() -> None:
    """Group the commands about the service."""


@service_command.command(
    "install",
    help=said(
        text(
            "Install it: a user of its own, settings in /etc/wafscope, a unit that may do no more than it needs. It is"
            " started, and starts at boot. Given again, it brings the unit up to date with the settings."
        )
    ),
)
@_group
@_any_log
@_root
@_dry_run
def install_command(groups: tuple[str, ...], any_log: bool, root: Path, dry_run: bool) -> None:
    """Take the steps one by one, and say each."""
    place = root / str(CONFIG).lstrip("/")
    first = "" if place.exists() else first_settings(root)
    command = program()
    if not dry_run and root == Path("/"):
        check_reach(command)
    steps = installing(command, _allowed(_read(place, first), groups, any_log=any_log), settings=first)
    _go(steps, root, dry_run=dry_run)
    if not dry_run and root == Path("/"):
        note(text("It is running. How it is: systemctl status {name}; its log: journalctl -u {name}", name=NAME))


@service_command.command(
    "uninstall", help=said(text("Stop it and take it away; settings and store stay unless --purge is given."))
)
@click.option("--purge", is_flag=True, help=said(text("Remove settings, store and user, too: all that was stored.")))
@_root
@_dry_run
def uninstall_command(purge: bool, root: Path, dry_run: bool) -> None:
    """Undo the steps of the installation."""
    _go(uninstalling(purge=purge), root, dry_run=dry_run)


@service_command.command("unit", help=said(text("Print the unit, for a package.")))
@click.option(
    "--program", "command", default="/usr/bin/wafscope", show_default=True, help=said(text("What the unit starts."))
)
@click.option("--for-settings", is_flag=True, help=said(text("Allow what the settings of --config need.")))
@_group
@_any_log
@click.pass_obj
def unit_command(settings: Settings, command: str, for_settings: bool, groups: tuple[str, ...], any_log: bool) -> None:
    """Print it on standard output."""
    allowed = (
        _allowed(settings, groups, any_log=any_log)
        if for_settings
        else Needs(groups=groups or ("adm",), any_log=any_log)
    )
    click.echo(unit((command,), allowed=allowed), nl=False)


def _read(place: Path, first: str) -> Settings:
    """The settings that there are, or will be."""
    if first:
        return all_settings.parse(first, str(place), {})
    return all_settings.load(place, os.environ)


def _allowed(settings: Settings, groups: tuple[str, ...], *, any_log: bool) -> Needs:
    found = needs(settings, groups, any_log=any_log)
    # The group that reads logs on Debian and its kin.
    return found if found.groups else needs(settings, ("adm",) if _exists("adm") else (), any_log=any_log)


def _exists(group: str) -> bool:
    import grp

    return any(each.gr_name == group for each in grp.getgrall())


def _go(steps: Iterable[Step], root: Path, *, dry_run: bool) -> None:
    for step in steps:
        if not is_taken(step, root):
            continue
        if dry_run:
            click.echo(f"# {plain(said(_words(step)))}")
            if isinstance(step, Write):
                click.echo(step.content)
        else:
            note(_words(step))
            take(step, root)


def _words(step: Step) -> Text:
    if isinstance(step, Write):
        return text("write {path}, mode {mode}", path=step.path, mode=f"{step.mode:04o}")
    if isinstance(step, Remove):
        return text("remove {path}", path=step.path)
    return text("run {command}", command=" ".join(step.command))

"""`wafscope config`: the settings, looked through and explained."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from wafscope.cli.options import config_file, in_json
from wafscope.cli.say import note, print_json, said, styled
from wafscope.errors import SettingsError
from wafscope.i18n.text import english, ntext, text
from wafscope.service.check import Finding, check_settings
from wafscope.service.reference import as_markdown, as_toml
from wafscope.web.visible import plain


@click.group("config", help=said(text("Look through the settings, or see what can be set.")))
def config_command() -> None:
    """Group the commands about the settings."""


@config_command.command(
    "check",
    help=said(
        text(
            "Tell all that is wrong with the settings, and what may not work: logs that are not there or may not be"
            " read. The exit status is 2 if they can not be used."
        )
    ),
)
@config_file
@in_json
@click.pass_context
def check_command(context: click.Context, config: Path | None, as_json: bool) -> None:
    """Print what was found, errors first."""
    path = config or context.find_root().params["config"]
    found = sorted(check_settings(path, os.environ), key=lambda finding: finding.level != "error")
    errors = sum(finding.level == "error" for finding in found)
    if as_json:
        print_json([_plain(finding) for finding in found])
    else:
        for finding in found:
            _print(finding)
        _conclude(len(found), errors)
    if errors:
        raise SystemExit(SettingsError.exit_status)


def _print(finding: Finding) -> None:
    error, warning = said(text("error")), said(text("warning"))
    mark = styled(error, colour="red") if finding.level == "error" else styled(warning, colour="yellow")
    where = f"{plain(finding.where)}: " if finding.where else ""
    click.echo(f"{mark}: {where}{plain(said(finding.what))}")
    if finding.hint is not None:
        click.echo(f"  {plain(said(finding.hint))}")


def _conclude(findings: int, errors: int) -> None:
    if errors:
        note(ntext("{n} error: the settings can not be used.", "{n} errors: the settings can not be used.", n=errors))
    elif findings:
        note(ntext("The settings can be used; {n} warning.", "The settings can be used; {n} warnings.", n=findings))
    else:
        note(text("The settings are in order."))
    if os.geteuid() == 0 and not errors:
        note(text("Root may read everything; the user of the service may not: see docs/reference/service.md."))


def _plain(finding: Finding) -> dict[str, Any]:
    return {
        "level": finding.level,
        "where": finding.where,
        "what": english(finding.what),
        "hint": english(finding.hint) if finding.hint else None,
    }


@config_command.command(
    "reference", help=said(text("Print everything that can be set, as a file of settings to begin with."))
)
@click.option("--markdown", is_flag=True, help=said(text("Print it as a page of the documentation.")))
def reference_command(markdown: bool) -> None:
    """Print it on standard output."""
    click.echo(as_markdown() if markdown else as_toml(), nl=False)

"""Installing the service: the steps as values, so that they can be shown before they are taken."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from wafscope.doctor.usual import USUAL_LOGS
from wafscope.errors import InputError, SettingsError
from wafscope.i18n.text import text
from wafscope.service.unit import CONFIG, NAME, STATE, USER, Needs, unit

UNIT = Path("/etc/systemd/system") / NAME
SYSUSERS = Path("/etc/sysusers.d/wafscope.conf")

USERS = f'u {USER} - "Wafscope" {STATE} /usr/sbin/nologin\n'
"""What systemd-sysusers is told: sysusers.d(5)."""


class Write(msgspec.Struct, frozen=True, tag="write"):
    """A file that is written."""

    path: str
    content: str
    mode: int = 0o644


class Remove(msgspec.Struct, frozen=True, tag="remove"):
    """A file that is removed, or a directory with all that is in it."""

    path: str


class Run(msgspec.Struct, frozen=True, tag="run"):
    """A command that is run."""

    command: tuple[str, ...]
    may_fail: bool = False
    in_root: bool = False
    """It can be told a root directory other than that of the machine, with --root."""


Step = Write | Remove | Run


def first_settings(root: Path = Path("/")) -> str:
    """Return the settings that a new installation begins with: the audit logs that are there, or may come."""
    there = [log for log in USUAL_LOGS if (root / log.lstrip("/")).exists()]
    sources = "".join(f'\n[[source]]\npath = "{log}"\n' for log in there or USUAL_LOGS)
    note = "" if there else "# The usual places; each is waited for. Name yours instead if it is another.\n"
    return f"{_FIRST}{note}{sources}"


_FIRST = f"""\
# Settings of Wafscope. After a change: wafscope config check && systemctl reload wafscope
# What else can be set: wafscope config reference

[store]
uri = "duckdb:///{STATE}/wafscope.duckdb"

[web]
listen = "127.0.0.1:8642"

# What is kept: events of so many days, and no more than this or half of the disk. The oldest day goes first.
[retention]
days = 90
size = "20GB"

# The logs that are followed. The user {USER} must be allowed to read them.
"""


def installing(program: Sequence[str], allowed: Needs, *, config: Path = CONFIG, settings: str = "") -> list[Step]:
    """Tell the steps of an installation; `settings` is what the file of the settings begins with, "" to leave it."""
    steps: list[Step] = [
        Write(str(SYSUSERS), USERS),
        Run(("systemd-sysusers", SYSUSERS.name), in_root=True),
    ]
    if settings:
        # Passwords and tokens of senders may stand in it.
        steps += [Write(str(config), settings, 0o640), Run(("chgrp", USER, str(config)))]
    return [
        *steps,
        Write(str(UNIT), unit(program, config, allowed)),
        Run(("systemctl", "daemon-reload")),
        Run(("systemctl", "enable", NAME), in_root=True),
        Run(("systemctl", "restart", NAME)),
    ]


def uninstalling(*, purge: bool = False) -> list[Step]:
    """Tell the steps that undo it; settings, store and user stay, unless all of it is to go."""
    steps: list[Step] = [
        Run(("systemctl", "stop", NAME), may_fail=True),
        Run(("systemctl", "disable", NAME), may_fail=True, in_root=True),
        Remove(str(UNIT)),
        Remove(str(SYSUSERS)),
        Run(("systemctl", "daemon-reload")),
    ]
    if purge:
        steps += [Remove(str(CONFIG.parent)), Remove(str(STATE)), Run(("userdel", USER), may_fail=True)]
    return steps


def take(step: Step, root: Path = Path("/")) -> None:
    """Take one step, below another root directory if there is one.  Raises InputError when it can not be taken."""
    try:
        if isinstance(step, Write):
            _write(_below(root, step.path), step)
        elif isinstance(step, Remove):
            place = _below(root, step.path)
            if place.is_dir() and not place.is_symlink():
                shutil.rmtree(place)
            else:
                place.unlink(missing_ok=True)
        else:
            _run(step, root)
    except OSError as error:
        raise InputError(
            text("It can not be done: {reason}", reason=error.strerror or str(error)),
            where=str(error.filename or ""),
            hint=text("Run it as root; with --dry-run it only says what it would do."),
        ) from error


def is_taken(step: Step, root: Path) -> bool:
    """Tell whether a step has a meaning below another root: most commands are about the machine that runs."""
    return root == Path("/") or not isinstance(step, Run) or step.in_root


def _below(root: Path, path: str) -> Path:
    return root / path.lstrip("/")


def _write(place: Path, step: Write) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    scratch = place.with_name(f".{place.name}.new")
    scratch.unlink(missing_ok=True)
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, step.mode)
    with os.fdopen(descriptor, "w") as file:
        os.fchmod(descriptor, step.mode)
        file.write(step.content)
    scratch.replace(place)


def _run(step: Run, root: Path) -> None:
    program, *arguments = step.command
    below = [f"--root={root}"] if root != Path("/") else []
    command = [program, *below, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - no word is a stranger's
    if done.returncode and not step.may_fail:
        raise InputError(
            text("{command} failed: {reason}", command=" ".join(step.command), reason=" ".join(done.stderr.split())),
            hint=text("What was done before stays; the command can be given again."),
        )


def program() -> tuple[str, ...]:
    """Return the command that starts this Wafscope."""
    beside = Path(sys.executable).parent / "wafscope"
    return (str(beside),) if beside.exists() else (sys.executable, "-m", "wafscope.cli.main")


def check_reach(command: Sequence[str]) -> None:
    """Raise SettingsError where a service can not start a command: homes are hidden from it, and closed to its user."""
    for path in (command[0], sys.executable, os.path.realpath(sys.executable), __file__):
        if any(Path(path).is_relative_to(home) for home in ("/home", "/root", "/run/user")):
            raise SettingsError(
                text("A service can not start what lies in somebody’s home directory."),
                where=path,
                hint=text("Install it for all: PIPX_HOME=/opt/pipx PIPX_BIN_DIR=/usr/local/bin pipx install …"),
            )

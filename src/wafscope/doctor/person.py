"""Whether a user of this system may read or write something: asked of the system, since modes are not all there is."""

from __future__ import annotations

import grp
import os
import pwd
import subprocess
from pathlib import Path
from typing import Literal

import msgspec

Right = Literal["r", "w", "x"]
_RIGHTS = {"r": os.R_OK, "w": os.W_OK, "x": os.X_OK}
_PATIENCE = 10.0


class Person(msgspec.Struct, frozen=True):
    """A user with its groups."""

    name: str
    user: int
    group: int
    groups: tuple[int, ...]


def me() -> Person:
    """The user of this process."""
    user = os.geteuid()
    try:
        name = pwd.getpwuid(user).pw_name
    except KeyError:
        name = str(user)
    return Person(name, user, os.getegid(), tuple(os.getgroups()))


def named(name: str) -> Person | None:
    """The user of a name, or of a number behind `#` as Apache has it; None when there is none."""
    try:
        found = pwd.getpwuid(int(name[1:])) if name.startswith("#") else pwd.getpwnam(name)
    except (KeyError, ValueError):
        return None
    groups = [each.gr_gid for each in grp.getgrall() if found.pw_name in each.gr_mem]
    return Person(found.pw_name, found.pw_uid, found.pw_gid, tuple({found.pw_gid, *groups}))


def may(person: Person, path: str, rights: str) -> bool | None:
    """Tell whether a user has all rights (of `rwx`) to something that is there; None where only root could find out."""
    if person.user == os.geteuid():
        wanted = sum(_RIGHTS[right] for right in rights)
        return os.access(path, wanted, effective_ids=os.access in os.supports_effective_ids)
    if person.user == 0:
        return True
    if os.geteuid() != 0:
        return None
    # The file system itself is asked, as that user: access lists and what is mounted how count, too.
    return all(_asked(person, path, right) for right in rights)


def _asked(person: Person, path: str, right: str) -> bool:
    done = subprocess.run(  # noqa: S603 - no shell, and the path is one word
        ["/usr/bin/test", f"-{right}", path],
        user=person.user,
        group=person.group,
        extra_groups=list(person.groups),
        cwd="/",
        env={},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=_PATIENCE,
        check=False,
    )
    return done.returncode == 0


def obstacle(person: Person, path: str) -> str:
    """Return the outermost folder that keeps a user from something, else the thing itself."""
    for folder in reversed(Path(path).parents):
        if may(person, str(folder), "x") is False:
            return str(folder)
    return path

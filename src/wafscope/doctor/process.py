"""Which processes have a file open for writing, as far as this system tells: those of others only to root."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import msgspec

_PROC = Path("/proc")
_GONE = " (deleted)"


class Writer(msgspec.Struct, frozen=True):
    """A process, and the file that it has open for writing."""

    process: int
    name: str
    file: str
    """The name that the file has now."""
    is_gone: bool = False
    """The file was removed, and lives on as long as it is open."""


def writers(files: set[str]) -> tuple[Writer, ...]:
    """Return the processes that write to one of some files, or to what was removed under its name or one like it."""
    found = []
    for process in _PROC.glob("[0-9]*"):
        if int(process.name) == os.getpid():
            continue
        for file, is_gone in _written(process, files):
            found.append(Writer(int(process.name), _name(process), file, is_gone))
    return tuple(sorted(set(found), key=lambda each: (each.file, each.process)))


def _written(process: Path, files: set[str]) -> Iterator[tuple[str, bool]]:
    try:
        opened = list((process / "fd").iterdir())
    except OSError:
        return
    for descriptor in opened:
        try:
            target = str(descriptor.readlink())
            name = target.removesuffix(_GONE)
            if _is_one(name, files, is_gone=name != target) and _is_for_writing(process / "fdinfo" / descriptor.name):
                yield name, name != target
        except OSError:
            continue


def _is_one(name: str, files: set[str], *, is_gone: bool) -> bool:
    """Tell one of the files; what was rotated and then removed had a name that goes on behind that of the log."""
    return name in files or (is_gone and any(name.startswith((f"{file}.", f"{file}-")) for file in files))


def _is_for_writing(info: Path) -> bool:
    flags = next((line.split()[1] for line in info.read_text().splitlines() if line.startswith("flags:")), "0")
    return int(flags, 8) & os.O_ACCMODE != os.O_RDONLY


def _name(process: Path) -> str:
    try:
        return (process / "comm").read_text(errors="replace").strip()
    except OSError:
        return ""


def libraries(part: str) -> tuple[str, ...]:
    """Return the files with `part` in their name that processes have loaded."""
    found = set()
    for process in _PROC.glob("[0-9]*"):
        try:
            lines = (process / "maps").read_text(errors="replace").splitlines()
        except OSError:
            continue
        found |= {line.split(None, 5)[5] for line in lines if part in line and line.count(" /") == 1}
    return tuple(sorted(name for name in found if part in Path(name).name))

"""Peak memory of a process and all its children, sampled from /proc while it runs."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Self

import msgspec

INTERVAL = 0.02
_PROC = Path("/proc")
_PAGE = os.sysconf("SC_PAGE_SIZE")


class Peak(msgspec.Struct, frozen=True):
    """The largest sums that were seen; both are 0 where there is no /proc."""

    bytes: int = 0
    """Each page counted once, however many processes share it (PSS); of a process that does not tell, RSS."""
    resident_bytes: int = 0
    """Pages that several processes share counted for each (RSS)."""
    processes: int = 0


class Sampler:
    """Samples the tree below `pid` from a thread until it is left."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.peak = Peak()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._done.wait(INTERVAL):
            pids = tree(self._pid)
            sizes = [used(pid) for pid in pids]
            self.peak = Peak(
                max(self.peak.bytes, sum(share for share, _ in sizes)),
                max(self.peak.resident_bytes, sum(resident for _, resident in sizes)),
                max(self.peak.processes, len(pids)),
            )


def tree(root: int) -> list[int]:
    """A process and all below it that run now."""
    children: dict[int, list[int]] = {}
    for entry in _PROC.glob("[0-9]*"):
        try:
            # The name, in parentheses, may hold anything.
            parent = int((entry / "stat").read_bytes().rpartition(b")")[2].split()[1])
        except (OSError, IndexError):
            continue
        children.setdefault(parent, []).append(int(entry.name))
    found = [root]
    for pid in found:
        found += children.get(pid, ())
    return found


def used(pid: int) -> tuple[int, int]:
    """Proportional and resident bytes of a process; nothing of one that has ended."""
    try:
        resident = int((_PROC / str(pid) / "statm").read_bytes().split()[1]) * _PAGE
    except (OSError, IndexError):
        return 0, 0
    try:
        for line in (_PROC / str(pid) / "smaps_rollup").read_bytes().splitlines():
            if line.startswith(b"Pss:"):
                return int(line.split()[1]) * 1024, resident
    except OSError:
        pass
    return resident, resident


def own(pid: int) -> int:
    """Bytes of a process that are of no file; 0 of one that has ended."""
    try:
        for line in (_PROC / str(pid) / "smaps_rollup").read_bytes().splitlines():
            if line.startswith(b"Pss_Anon:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0

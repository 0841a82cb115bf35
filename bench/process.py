"""What benches that run the real service need: a port for it, and what it costs."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from bench.memory import tree

_TICK = os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    """A port on which nobody listens, kept for servers of this process as long as that runs.

    It stays bound, but not listened on: the kernel gives it to nobody who asks for any port, nor to a connection, and
    only who names it, as a server does with SO_REUSEADDR, may have it, as often as it is started.
    """
    with socket.socket() as opened:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind(("127.0.0.1", 0))
        port: int = opened.getsockname()[1]
        opened.detach()
        return port


def cpu_seconds(pid: int) -> float:
    """CPU seconds of a process and of all below it."""
    return sum(_cpu_of(each) for each in tree(pid))


def _cpu_of(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / _TICK

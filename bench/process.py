"""What benches that run the real service need: a port for it, and what it costs."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from bench.memory import tree

_TICK = os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    """A port on which nobody listens now."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
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

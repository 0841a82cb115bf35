"""Telling systemd how the service is: sd_notify(3), a datagram to the socket that NOTIFY_SOCKET names."""

from __future__ import annotations

import contextlib
import os
import socket
import time


class Notify:
    """Says what it is told to; without systemd, to nobody."""

    def __init__(self, address: str | None = None) -> None:
        """Send to `address`: a path, or @name in the abstract namespace; to that of the environment unless given."""
        self._address = os.environ.get("NOTIFY_SOCKET", "") if address is None else address
        self._status = ""

    def ready(self) -> None:
        """It has started, or taken new settings."""
        self._send("READY=1")

    def status(self, words: str) -> None:
        """One line for `systemctl status`."""
        if words != self._status:
            self._status = words
            self._send(f"STATUS={words.replace(chr(10), ' ')}")

    def reloading(self) -> None:
        """It takes new settings; `ready` ends that."""
        self._send(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        """It ends."""
        self._send("STOPPING=1")

    def alive(self) -> None:
        """It goes on: to be said again within the time that the watchdog gives."""
        self._send("WATCHDOG=1")

    def _send(self, message: str) -> None:
        if not self._address:
            return
        address = f"\0{self._address[1:]}" if self._address.startswith("@") else self._address
        # Whoever does not listen must not stop the service.
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.setblocking(False)  # noqa: FBT003 - so it is called
            sender.sendto(message.encode("utf-8", "replace"), address)


def watchdog_seconds() -> float | None:
    """Return the time within which systemd wants to hear of this process; None where it has no watchdog for it."""
    limit, process = os.environ.get("WATCHDOG_USEC", ""), os.environ.get("WATCHDOG_PID", "")
    if not limit.isdigit() or not int(limit) or (process and process != str(os.getpid())):
        return None
    return int(limit) / 1_000_000

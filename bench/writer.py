"""Writes to a log as a web server does, at a steady pace, and sends some records over HTTP."""

from __future__ import annotations

import http.client
import random
import threading
import time
from pathlib import Path
from typing import BinaryIO

from bench import generate
from bench.dice import dice

SENSORS = ("web1", "web2")
PROBE = "198.51.100.77"
"""The client of the records that are waited for."""
_PROBES = 3.1
"""Seconds between two of them: they come at any moment of a second."""
_KEPT = 3
"""Rotated logs that stay."""
_SEND = 1.0
_TIMEOUT = 30
_SENT = 1 << 24
"""Where the numbers of what is sent begin."""
_CLIENTS = 500


class Writer(threading.Thread):
    """Appends records, and rotates the log by renaming it."""

    def __init__(self, path: Path, rate: int, rotate: float) -> None:
        super().__init__(name="writer", daemon=True)
        self._path, self._every, self._rotate = path, 1 / rate, rotate
        self.ending = threading.Event()
        self.written = self.rotations = 0
        self.probes: list[float] = []
        """When each record that is waited for was written."""

    def run(self) -> None:
        roll, found = dice("soak"), generate.templates()
        lines = found.plain * 3 + found.matched + found.invalid
        file = self._open()
        due = turned = probed = time.monotonic()
        while not self.ending.wait(max(0.0, due - time.monotonic())):
            due += self._every
            now = time.monotonic()
            if now - probed >= _PROBES:
                probed, template = now, self._probe(found.plain[0])
                client = PROBE.encode()
            else:
                template, client = roll.choice(lines), _client(roll)
            file.write(generate.stamped(template, client, int(time.time()), self.written))
            self.written += 1
            if now - turned >= self._rotate:
                turned = now
                file.close()
                self._turn()
                file = self._open()
        file.close()

    def _open(self) -> BinaryIO:
        return self._path.open("ab", buffering=0)

    def _probe(self, template: bytes) -> bytes:
        self.probes.append(time.monotonic())
        return template.replace(b'"uri":"/', b'"uri":"/probe-%d/' % (len(self.probes) - 1), 1)

    def _turn(self) -> None:
        """Rename the log, and let go of one that was renamed long ago."""
        self.rotations += 1
        self._path.rename(self._path.with_name(f"{self._path.name}.{self.rotations}"))
        self._path.with_name(f"{self._path.name}.{self.rotations - _KEPT}").unlink(missing_ok=True)


class Sender(threading.Thread):
    """Sends a record a second over HTTP, each until it is acknowledged."""

    def __init__(self, port: int) -> None:
        super().__init__(name="sender", daemon=True)
        self._port = port
        self.ending = threading.Event()
        self.sent = 0

    def run(self) -> None:
        roll, found = dice("soak", "sender"), generate.templates()
        while not self.ending.wait(_SEND):
            record = generate.stamped(roll.choice(found.matched), _client(roll), int(time.time()), _SENT + self.sent)
            while not self._is_taken(record):
                time.sleep(_SEND)
            self.sent += 1

    def _is_taken(self, record: bytes) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=_TIMEOUT)
        try:
            connection.request("POST", "/", record)
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


def _client(roll: random.Random) -> bytes:
    number = roll.randrange(_CLIENTS)
    return b"203.0.113.%d" % (number // 2) if number % 2 else b"2001:db8::%x" % number

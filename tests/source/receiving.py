"""A real receiver for tests, and a store into which its spool is drained."""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from wafscope.ingest.worker import Task, encode
from wafscope.settings import User
from wafscope.source.listener import Limits, Listener, ReceiverSettings
from wafscope.source.receiver_supervisor import ReceiverProcess
from wafscope.source.spool_feed import SpoolFeed
from wafscope.store.base import EventStore

TOKEN = "t0ken"
HTTP = Listener(
    "receiver", "127.0.0.1:0", tokens={TOKEN: "web1", "other": "web2"}, users={"mlogc": User("secret", "web3")}
)
PATIENCE = 120
"""Seconds; far more than anything here takes."""


class Answer(msgspec.Struct, frozen=True):
    status: int
    word: str
    headers: dict[str, str]


@contextmanager
def receiver(
    directory: Path, *listeners: Listener, limits: Limits | None = None, spool_limit: int = 1 << 30
) -> Iterator[ReceiverProcess]:
    """Start a receiver that spools into a directory, and end it."""
    settings = ReceiverSettings(str(directory), listeners or (HTTP,), spool_limit, limits or Limits())
    process = ReceiverProcess(settings)
    try:
        process.start()
        yield process
    finally:
        process.stop()


def port(process: ReceiverProcess, number: int = 0) -> int:
    """The port of a listener."""
    return process.addresses[number][2]


def send(
    at: int, body: bytes, path: str = f"/in/{TOKEN}", method: str = "POST", headers: dict[str, str] | None = None
) -> Answer:
    """Send a request on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", at, timeout=PATIENCE)
    try:
        connection.request(method, path, body, headers or {})
        response = connection.getresponse()
        word = response.read().decode().strip()
        return Answer(response.status, word, {k.lower(): v for k, v in response.getheaders()})
    finally:
        connection.close()


def until(true: Callable[[], bool]) -> None:
    """Wait until something is true."""
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end, "it has not become true"
        time.sleep(0.02)


class Drain:
    """A spool drained into a store, with the positions that the store would keep."""

    def __init__(self, directory: Path, store: EventStore, positions: dict[str, bytes] | None = None) -> None:
        self._store = store
        self.positions = {} if positions is None else positions
        self.feed = SpoolFeed(directory, self.positions)
        self.stored = self.duplicate = self.quarantined = self.foreign = 0
        self.sensors: dict[str, int] = {}
        """Records stored, by sensor."""

    def once(self) -> int:
        """Drain what is there; return how many chunks it was."""
        count = 0
        for count, chunk in enumerate(self.feed.take(1 << 20), 1):  # noqa: B007 - returned
            task = Task(
                chunk.stretches[0].source, chunk.sensor, chunk.zone, "UTC", chunk.stretches, self._store.encoder()
            )
            encoded = encode(task)
            written = self._store.write(encoded.payload, encoded.tally)
            self.positions[chunk.position.key] = chunk.position.state
            self.stored += written.stored
            self.duplicate += written.duplicate
            self.quarantined += written.quarantined
            self.foreign += encoded.tally.foreign
            self.sensors[chunk.sensor] = self.sensors.get(chunk.sensor, 0) + written.stored
            self.feed.committed(chunk.position)
        return count

    def all(self) -> None:
        """Drain until nothing is left."""
        while self.once():
            pass

    def until(self, stored: int) -> None:
        """Drain until so many records are stored."""

        def enough() -> bool:
            self.all()
            return self.stored >= stored

        until(enough)

"""The other end of the socket: a store that answers what the service answers."""

from __future__ import annotations

import os
import shutil
import socket
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from wafscope import __version__
from wafscope.errors import StoreError
from wafscope.event.text import storable
from wafscope.i18n.text import text
from wafscope.store.base import Closing, Encoder, LastingStore, Tally, Written
from wafscope.store.lasting import BackedUp, check_target
from wafscope.store.remote.calls import (
    LEFT_OUT,
    PROTOCOL,
    Call,
    Hello,
    Reply,
    method,
    methods,
    peer,
    raised,
    receive,
    send,
)
from wafscope.store.remote.place import place, short

_PORTION = 16 << 20
"""Bytes that are written in one act: the service holds them while it writes."""
_PATIENCE = 10.0
"""Seconds for the service to say hello."""


class RemoteStore(Closing):
    """A store that a service holds.

    Its methods are those of `LastingStore`: see `calls.methods`.  What is written goes in portions, each in one act.
    """

    upgraded_from = ""
    """The service has brought it up to date."""

    def __init__(self, line: socket.socket, hello: Hello, path: Path) -> None:
        self._line = line
        self._path = path
        self._lock = threading.Lock()
        self._hello = hello

    @property
    def console(self) -> str:
        """Address of the console of the service."""
        return self._hello.console

    @property
    def generation(self) -> int:
        """Not known here: no answer is kept."""
        return 0

    def encoder(self) -> Encoder:
        from wafscope.store.duckdb.encode import DuckEncoder  # noqa: PLC0415 - only for an import

        return DuckEncoder(self._hello.key)

    def write(self, payload: bytes, tally: Tally) -> Written:
        return self.write_all([(payload, tally)])[0]

    def write_all(self, parts: Iterable[tuple[bytes, Tally]]) -> tuple[Written, ...]:
        done: list[Written] = []
        kept: list[tuple[bytes, Tally]] = []
        for payload, tally in parts:
            kept.append((payload, _storable(tally)))
            if sum(len(each) for each, _ in kept) >= _PORTION:
                done += self._ask("write_all", {"parts": kept})
                kept = []
        return (*done, *(self._ask("write_all", {"parts": kept}) if kept else ()))

    def release(self, payload: bytes, tally: Tally, pieces: Sequence[int]) -> Written:
        written: Written = self._ask("release", {"payload": payload, "tally": _storable(tally), "pieces": pieces})
        return written

    def backup(self, path: str, *, overwrite: bool = False) -> BackedUp:
        """Let the service write beside its store, where it may, and put that where whoever asks wants it."""
        target, beside = Path(path), self._path.absolute().with_name(f"{self._path.name}.backup-{os.getpid()}")
        check_target(self._path, target, overwrite=overwrite)
        try:
            done: BackedUp = self._ask("backup", {"path": str(beside), "overwrite": True})
            _move(beside, target)
        except OSError as error:
            raise StoreError(
                text("The backup could not be written: {reason}", reason=error.strerror or str(error)),
                where=path,
                hint=text("Is there room, and may you write there?"),
            ) from error
        finally:
            beside.unlink(missing_ok=True)
        return msgspec.structs.replace(done, path=path)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """Ask the service what only it can do."""
        if name not in methods() and name not in LEFT_OUT:
            raise AttributeError(name)

        def asked(*positional: object, **named: object) -> Any:
            if name in LEFT_OUT:
                raise StoreError(
                    text("A service holds the store, and can not be asked this."),
                    where=str(self._path),
                    hint=text("Its console is at {address}; or stop it first.", address=self.console),
                )
            names = method(name).arguments.__struct_fields__
            return self._ask(name, {**dict(zip(names, positional, strict=False)), **named})

        return asked

    def _ask(self, name: str, arguments: dict[str, Any]) -> Any:
        with self._lock:
            try:
                send(self._line, Call(name, msgspec.Raw(msgspec.msgpack.encode(arguments))))
                data = receive(self._line)
                reply = msgspec.msgpack.decode(data, type=Reply)
            except (OSError, msgspec.DecodeError) as error:
                raise StoreError(
                    text("The service that holds the store did not answer: {reason}", reason=str(error)),
                    where=str(self._path),
                    hint=text("What it has committed is safe; try again when it runs."),
                ) from error
        if reply.failure is not None:
            raise raised(reply.failure)
        return msgspec.msgpack.decode(reply.answer, type=method(name).answer)

    def close(self) -> None:
        self._line.close()


def _move(file: Path, target: Path) -> None:
    """Give a file its place, also on another disk: whole or not at all."""
    part = target.with_name(f"{target.name}.part")
    try:
        shutil.move(file, part)
        with part.open("rb") as opened:
            os.fsync(opened.fileno())
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def _storable(tally: Tally) -> Tally:
    """Names of files that are not UTF-8, as the store writes them."""
    unreadable = tuple(msgspec.structs.replace(each, source=storable(each.source)) for each in tally.unreadable)
    return msgspec.structs.replace(
        tally, source=storable(tally.source), sensor=storable(tally.sensor), unreadable=unreadable
    )


def connect(store: Path) -> LastingStore | None:
    """Return the store at a path as its service has it; None where no service holds it.  Raises StoreError."""
    path = place(store)
    try:
        if not path.is_socket():
            return None
    except PermissionError as error:
        raise StoreError(
            text("The directory of the store may not be looked into."),
            where=str(store.parent),
            hint=text("Run the command as the user of the service, or as root."),
        ) from error
    line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    line.settimeout(_PATIENCE)
    try:
        with short(path) as address:
            line.connect(address)
        # Somebody else's socket would be told what is imported.
        if peer(line) not in {0, store.stat().st_uid}:
            raise PermissionError("it belongs to another user")
        hello = msgspec.msgpack.decode(receive(line), type=Hello)
    except (ConnectionRefusedError, FileNotFoundError):
        line.close()
        return None
    except (OSError, msgspec.DecodeError) as error:
        line.close()
        raise StoreError(
            text("A service holds the store, and does not answer: {reason}", reason=str(error)),
            where=str(path),
            hint=text("Run the command as the user of the service, or as root."),
        ) from error
    if (hello.wafscope, hello.version) != (PROTOCOL, __version__):
        line.close()
        raise StoreError(
            text(
                "The service that holds the store is Wafscope {running}, this is {version}.",
                running=hello.version,
                version=__version__,
            ),
            where=str(store),
            hint=text("Restart the service: systemctl restart wafscope."),
        )
    line.settimeout(None)
    return RemoteStore(line, hello, store)

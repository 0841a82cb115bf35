"""The service's end of the socket: answers the owner of the service, and root, and nobody else."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import msgspec
import structlog

from wafscope import __version__
from wafscope.errors import StoreError, WafscopeError
from wafscope.i18n.text import text
from wafscope.store.base import Closing, LastingStore
from wafscope.store.remote.calls import PROTOCOL, Call, Hello, Reply, failure, method, methods, peer, receive, send
from wafscope.store.remote.place import place, short

_log = structlog.get_logger(__name__)

_WRITES = frozenset({"write_all", "release", "discard", "review", "remove", "retain", "compact"})
_MOST = 16
"""Programs that may ask at a time."""


class StoreServer(Closing):
    """Lets others ask the store that this process has open."""

    def __init__(
        self,
        store: LastingStore,
        path: Path,
        console: str = "",
        *,
        around: Callable[[], AbstractContextManager[object]] = contextlib.nullcontext,
    ) -> None:
        """Open the socket beside the store at `path`; each question is answered inside `around`.  Raises StoreError."""
        self._around = around
        self._store = store
        self._path = place(path)
        self._console = console
        self._lines: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._closed = False
        self._opened = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            # Nobody else has the store open, so nobody listens there.
            self._path.unlink(missing_ok=True)
            with short(self._path) as address:
                self._opened.bind(address)
            self._path.chmod(0o600)
            self._opened.listen(_MOST)
        except OSError as error:
            self._opened.close()
            raise StoreError(
                text("The socket of the service can not be opened: {reason}", reason=error.strerror or str(error)),
                where=str(self._path),
                hint=text("Is this path right, and may you write there?"),
            ) from error
        threading.Thread(target=self._listen, name="socket", daemon=True).start()

    def _listen(self) -> None:
        while not self._closed:
            try:
                line, _ = self._opened.accept()
            except OSError:
                return
            with self._lock:
                welcome = len(self._lines) < _MOST and peer(line) in {0, os.geteuid()}
                if welcome:
                    self._lines.add(line)
            if welcome:
                threading.Thread(target=self._answer, args=(line,), name="asked", daemon=True).start()
            else:
                line.close()

    def _answer(self, line: socket.socket) -> None:
        try:
            send(line, Hello(PROTOCOL, __version__, os.getpid(), self._console, self._store.encoder().key))
            while True:
                send(line, self._reply(receive(line)))
        except (OSError, StoreError, msgspec.DecodeError) as error:
            # A store that could not be opened yet is none that anybody can ask.
            _log.debug("line broken", reason=str(error))
        finally:
            with self._lock:
                self._lines.discard(line)
            line.close()

    def _reply(self, data: bytes) -> Reply:
        try:
            return Reply(msgspec.Raw(msgspec.msgpack.encode(self._asked(data))))
        except WafscopeError as error:
            return Reply(failure=failure(error))
        except Exception as error:  # noqa: BLE001 - logged, and told to whoever asks
            _log.exception("a question over the socket failed")
            return Reply(failure=failure(error))

    def _asked(self, data: bytes) -> object:
        call = msgspec.msgpack.decode(data, type=Call)
        if call.method not in methods():
            raise StoreError(text("The service does not know “{method}”.", method=call.method))
        types = method(call.method)
        asked = msgspec.msgpack.decode(call.arguments, type=types.arguments)
        values = {name: getattr(asked, name) for name in types.arguments.__struct_fields__}
        try:
            with self._around():
                answer: object = getattr(self._store, call.method)(**values)
        except StoreError:
            if call.method in _WRITES:
                # As `Follow` does: after a commit that failed, nothing goes until the file is opened again.
                self._store.recover()
            raise
        return answer

    def close(self) -> None:
        """End all lines; what is under way is not waited for."""
        self._closed = True
        self._path.unlink(missing_ok=True)
        with self._lock:
            for line in (self._opened, *self._lines):
                with contextlib.suppress(OSError):
                    line.shutdown(socket.SHUT_RDWR)
        self._opened.close()

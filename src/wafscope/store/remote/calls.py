"""What goes over the socket: the methods of a store, with the types of their arguments and answers.

A frame is its length, four bytes, and MessagePack.  The service says `Hello` first; then each `Call` gets one `Reply`.
Whatever `LastingStore` can do, can be asked: adding a method there is all it takes, if msgspec can write its types.
"""

from __future__ import annotations

import inspect
import socket
import struct
from functools import cache
from typing import Any, get_type_hints

import msgspec

from wafscope import errors
from wafscope.errors import FilterError, StoreError, WafscopeError
from wafscope.i18n.text import Text, text
from wafscope.store.base import LastingStore, Tally

PROTOCOL = 1
"""Grows with every change that a program of another version would not understand."""
SUFFIX = ".socket"
"""What the socket is called: the name of the store, and this."""

_LARGEST = 256 << 20
_LENGTH = struct.Struct(">I")

LEFT_OUT = frozenset(
    {
        "close",  # the connection alone
        "encoder",  # made here, of the key
        "recover",  # is for whoever writes all the time
        "hurry",  # the same
        "renew",  # the same
        "write",  # one of several
        "event",  # holds bytes that are no text
    }
)
"""Methods of a store that are not asked over the socket."""
_WRITTEN_OUT = {("write_all", "parts"): tuple[tuple[bytes, Tally], ...]}
"""Types of arguments that can be anything that gives such values."""


class Hello(msgspec.Struct, frozen=True):
    """What the service says first."""

    wafscope: int
    """The protocol."""
    version: str
    """Of the program."""
    process: int
    console: str
    """Address of the console."""
    key: bytes
    """Of the store: `Encoder.key`."""


class Call(msgspec.Struct, frozen=True):
    """A method with its arguments, by name."""

    method: str
    arguments: msgspec.Raw


class Failure(msgspec.Struct, frozen=True):
    """An error of `errors.py`, on its way."""

    kind: str
    what: Text
    hint: Text | None
    where: str
    column: int


class Reply(msgspec.Struct, frozen=True):
    """The answer to a call, or why there is none."""

    answer: msgspec.Raw = msgspec.Raw(b"\xc0")
    failure: Failure | None = None


class Method(msgspec.Struct, frozen=True):
    """The types of one method."""

    arguments: type[msgspec.Struct]
    answer: Any


@cache
def methods() -> frozenset[str]:
    """The names of all that can be asked."""
    found = {name for name in dir(LastingStore) if callable(getattr(LastingStore, name)) and not name.startswith("_")}
    return frozenset(found - LEFT_OUT)


@cache
def method(name: str) -> Method:
    """Return the types of a method, from those of the seam itself."""
    asked = getattr(LastingStore, name)
    hints = get_type_hints(asked)
    fields: list[Any] = []
    for parameter in list(inspect.signature(asked).parameters.values())[1:]:
        kind = _WRITTEN_OUT.get((name, parameter.name), hints[parameter.name])
        has_default = parameter.default is not inspect.Parameter.empty
        fields.append((parameter.name, kind, parameter.default) if has_default else (parameter.name, kind))
    return Method(msgspec.defstruct(name, fields, kw_only=True, frozen=True), hints["return"])


def failure(error: Exception) -> Failure:
    """Put an error on its way; one that nobody expected is told as the service's own."""
    if isinstance(error, WafscopeError):
        column = error.column if isinstance(error, FilterError) else 0
        return Failure(type(error).__name__, error.what, error.hint, error.where, column)
    reason = str(error) or type(error).__name__
    return Failure("StoreError", text("The service failed: {reason}", reason=reason), None, "", 0)


def raised(found: Failure) -> WafscopeError:
    """Make the error again; one of a kind that is not known here is one of the store."""
    kind = getattr(errors, found.kind, None)
    if kind is FilterError:
        return FilterError(found.what, column=found.column, hint=found.hint)
    known = kind if isinstance(kind, type) and issubclass(kind, WafscopeError) else StoreError
    return known(found.what, hint=found.hint, where=found.where)


def send(line: socket.socket, value: object) -> None:
    """Send one frame; raises OSError."""
    data = msgspec.msgpack.encode(value)
    line.sendall(_LENGTH.pack(len(data)) + data)


def receive(line: socket.socket) -> bytes:
    """Receive one frame; raises OSError, and ConnectionResetError at the end."""
    (size,) = _LENGTH.unpack(_exactly(line, _LENGTH.size))
    if size > _LARGEST:
        raise OSError(f"a frame of {size} bytes")
    return _exactly(line, size)


def _exactly(line: socket.socket, size: int) -> bytes:
    data = bytearray(size)
    view, got = memoryview(data), 0
    while got < size:
        count = line.recv_into(view[got:])
        if not count:
            raise ConnectionResetError("it has ended")
        got += count
    return bytes(data)


def peer(line: socket.socket) -> int:
    """Return the user at the other end."""
    credentials = line.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    user: int = struct.unpack("3i", credentials)[1]
    return user

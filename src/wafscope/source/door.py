"""Who is at the door: which program sends, for which sensor, and whether it may."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Literal

import msgspec

from wafscope.source.listener import Listener

Origin = Literal["mlogc", "v3", "coraza", "collector"]

_PATHS = frozenset({"/", "/in", "/rpc/auditLogReceiver", "/controller"})
"""The last two are what mlogc and mlog2waffle are usually told."""
_TOKEN = "/in/"  # noqa: S105 - a path
_LONGEST_NAME = 100


class Refusal(Exception):
    """A request that is not taken: the reason as it is counted, and the status that says so."""

    def __init__(self, reason: str, status: int, sensor: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status
        self.sensor = sensor


class Asked(msgspec.Struct, frozen=True):
    """A request as far as its head tells."""

    method: str
    path: str
    headers: Mapping[str, str]
    client: str
    """Address that it comes from."""

    @property
    def origin(self) -> Origin:
        """The program that sends: each understands other answers (formats specification, sections 5, 7.4 and 8.6)."""
        if "x-forensiclog-summary" in self.headers or "x-content-hash" in self.headers:
            return "mlogc"
        agent = self.headers.get("user-agent", "")
        if agent.startswith("ModSecurity3"):
            return "v3"
        return "coraza" if agent.startswith("Coraza") else "collector"


def asked(method: str, path: str, headers: Iterable[tuple[bytes, bytes]], client: str) -> Asked:
    """Make a request of what the server gives."""
    return Asked(method, path, {k.decode("latin-1").lower(): v.decode("latin-1") for k, v in headers}, client)


class Door:
    """The credentials of one listener."""

    def __init__(self, listener: Listener) -> None:
        self._tokens = [(_digest(token), sensor) for token, sensor in listener.tokens.items()]
        self._users = [(_digest(f"{name}:{user.password}"), user.sensor) for name, user in listener.users.items()]
        self._anybody = "" if self._tokens or self._users else listener.sensor

    def admit(self, request: Asked) -> str:
        """Return the sensor that a request comes from; raises Refusal."""
        if request.method not in {"PUT", "POST"}:
            raise Refusal("wrong_method", 405, request.client)
        path, token = request.path, ""
        if path.startswith(_TOKEN):
            path, _, token = path.partition(_TOKEN)
            token, path = token.rstrip("/"), "/in"
        if (path.rstrip("/") or "/") not in _PATHS:
            raise Refusal("wrong_path", 404, self._claimed(request))
        sensor = self._sensor(request, token)
        if not sensor:
            raise Refusal("not_admitted", 401, self._claimed(request))
        return sensor

    def _sensor(self, request: Asked, token: str) -> str:
        if self._anybody:
            return self._anybody
        if token:
            return _found(self._tokens, token)
        scheme, _, value = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return _found(self._tokens, value.strip())
        if scheme.lower() == "basic":
            return _found(self._users, _basic(value))
        return ""

    @staticmethod
    def _claimed(request: Asked) -> str:
        """The name that somebody gives who is not known, and where they come from."""
        scheme, _, value = request.headers.get("authorization", "").partition(" ")
        name = _basic(value).partition(":")[0] if scheme.lower() == "basic" else ""
        shown = "".join(c if c.isprintable() else "?" for c in name[:_LONGEST_NAME])
        return f"{shown}@{request.client}" if shown else request.client


def _digest(secret: str) -> bytes:
    return sha256(secret.encode("utf-8", "surrogateescape")).digest()


def _found(known: Iterable[tuple[bytes, str]], secret: str) -> str:
    """Compare with all of them, in a time that does not tell how much was right."""
    wanted, found = _digest(secret), ""
    for digest, sensor in known:
        if hmac.compare_digest(digest, wanted):
            found = sensor
    return found


def _basic(value: str) -> str:
    try:
        return base64.b64decode(value.strip(), validate=True).decode("utf-8", "surrogateescape")
    except (binascii.Error, ValueError):
        return ""

"""The receiver: takes records over HTTP and answers when they are durable in the spool, whatever the store does.

What is answered follows who asks (formats specification, sections 5, 7.4 and 8.6): mlogc stops all its workers on
anything but 200 and 409, and goes on in a minute, so it gets 409 for what will never be taken and 503 else; the
writers of libmodsecurity and Coraza look at no answer.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import msgspec

from wafscope.source.body import NotPacked, TooLarge, records, unpack
from wafscope.source.door import Asked, Door, Refusal, asked
from wafscope.source.listener import Limits, Listener
from wafscope.source.segment import Frame, Head
from wafscope.source.spool import Spool, SpoolFull
from wafscope.source.traffic import Traffic

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_NEVER = frozenset({"too_large", "empty"})
"""Reasons that will be the same the next time."""
_IN_THREAD = 256 << 10
"""A larger body is looked at beside the loop, so that the others do not wait for it."""
_PROBE = b"WAF-FLE PROBE"
_SAME_AFTER = 1.0
"""Seconds: a body that does not fit its checksum, and is the same later, is not being written any more."""
_MOST_UNSETTLED = 1000
_MOST_THROWN_AWAY = 1 << 30


class Budget:
    """The memory that all requests share while they arrive."""

    def __init__(self, most: int) -> None:
        self._left = most

    def take(self, size: int) -> bool:
        """Take some; False when there is not so much."""
        if size > self._left:
            return False
        self._left -= size
        return True

    def give(self, size: int) -> None:
        """Give back what was taken."""
        self._left += size


class _Arriving:
    """A body on its way."""

    def __init__(self) -> None:
        self.size = 0
        """Bytes that are held."""
        self.ended = False


class Receiver:
    """The application of one listener."""

    def __init__(self, listener: Listener, limits: Limits, spool: Spool, traffic: Traffic, budget: Budget) -> None:
        self._door = Door(listener)
        # What could never find room in the spool would come again for ever.
        self._limits = msgspec.structs.replace(limits, largest=min(limits.largest, spool.limit // 2))
        self._spool = spool
        self._traffic = traffic
        self._budget = budget
        self._unsettled: OrderedDict[tuple[str, str], tuple[str, float]] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take one request."""
        if scope["type"] != "http":
            return
        request = asked(scope["method"], scope["path"], scope["headers"], (scope.get("client") or ("?",))[0])
        if request.path == "/health" and request.method in {"GET", "HEAD"}:
            room = self._spool.used < self._spool.limit
            await _answer(send, 200 if room else 503, "ready" if room else "spool_full")
            return
        arriving = _Arriving()
        try:
            sensor = self._door.admit(request)
            more = await self._take(request, sensor, receive, arriving)
        except Refusal as refusal:
            await self._refuse(request, refusal, receive, send, arriving)
        except _Gone:
            return
        else:
            await _answer(send, 200, "stored", more)
        finally:
            self._budget.give(arriving.size)

    async def _take(
        self, request: Asked, sensor: str, receive: Receive, arriving: _Arriving
    ) -> tuple[tuple[bytes, bytes], ...]:
        """Take the body and make it durable; return headers for the answer.  Raises Refusal."""
        arrival = time.time_ns() // 1000
        body = await self._body(request, sensor, receive, arriving)
        if not body.strip():
            raise Refusal("empty", 400, sensor)
        if body.strip() == _PROBE:
            return ((b"x-waf-fle", b"READY"),)
        work = _work if len(body) < _IN_THREAD else _work_beside
        try:
            payload, digest = await work(request, body, self._limits.largest)
        except TooLarge:
            raise Refusal("too_large", 413, sensor) from None
        except NotPacked:
            raise Refusal("not_packed", 415, sensor) from None
        if not self._budget.take(len(payload)):
            raise Refusal("busy", 503, sensor)
        arriving.size += len(payload)
        if request.origin == "mlogc":
            self._settle(request, sensor, digest)
        frame = Frame(Head(sensor, request.origin, arrival), payload)
        try:
            await asyncio.shield(asyncio.wrap_future(self._spool.put(frame)))
        except SpoolFull:
            raise Refusal("spool_full", 503, sensor) from None
        except OSError as error:
            raise Refusal("spool_broken", 503, sensor) from error
        self._traffic.accept(sensor, len(payload))
        return ()

    async def _body(self, request: Asked, sensor: str, receive: Receive, arriving: _Arriving) -> bytes:
        """Receive the body within the limits of time, size and memory."""
        declared = request.headers.get("content-length", "")
        if declared and "transfer-encoding" in request.headers:
            raise Refusal("two_lengths", 400, sensor)
        if declared.isdecimal() and int(declared) > self._limits.largest:
            raise Refusal("too_large", 413, sensor)
        body = bytearray()
        try:
            async with asyncio.timeout(self._limits.body_seconds):
                while not arriving.ended:
                    async with asyncio.timeout(self._limits.idle_seconds):
                        message = await receive()
                    if message["type"] == "http.disconnect":
                        raise _Gone
                    part = message.get("body", b"")
                    arriving.ended = not message.get("more_body", False)
                    if len(body) + len(part) > self._limits.largest:
                        raise Refusal("too_large", 413, sensor)
                    if not self._budget.take(len(part)):
                        raise Refusal("busy", 503, sensor)
                    arriving.size += len(part)
                    body += part
        except TimeoutError:
            raise Refusal("too_slow", 408, sensor) from None
        return bytes(body)

    def _settle(self, request: Asked, sensor: str, digest: str) -> None:
        """Raise Refusal while a file that mlogc sends is still being written.

        What does not fit the checksum of its index line for ever must not hold up the rest: mlogc sends nothing
        else meanwhile.  It is taken when it comes again as it was.
        """
        wanted = _content_hash(request.headers.get("x-content-hash", ""))
        if not wanted or wanted == digest:
            return
        key = (sensor, hashlib.sha256(request.headers.get("x-forensiclog-summary", "").encode()).hexdigest())
        before = self._unsettled.get(key)
        if before is not None and before[0] == digest and time.monotonic() - before[1] >= _SAME_AFTER:
            del self._unsettled[key]
            return
        if before is None or before[0] != digest:
            self._unsettled[key] = (digest, time.monotonic())
            if len(self._unsettled) > _MOST_UNSETTLED:
                self._unsettled.popitem(last=False)
        raise Refusal("checksum", 503, sensor)

    async def _refuse(
        self, request: Asked, refusal: Refusal, receive: Receive, send: Send, arriving: _Arriving
    ) -> None:
        self._traffic.refuse(refusal.sensor, refusal.reason)
        status, close = refusal.status, not arriving.ended
        if request.origin == "mlogc":
            status = 409 if refusal.reason in _NEVER else 503
            if close and refusal.reason != "too_slow":
                # It would take a connection that is closed in its face for no answer, and come again for ever.
                close = not await self._throw_away(receive)
        headers = [(b"connection", b"close")] if close else []
        if status == 401:
            headers.append((b"www-authenticate", b'Basic realm="wafscope"'))
        elif status == 405:
            headers.append((b"allow", b"PUT, POST"))
        elif status == 503:
            headers.append((b"retry-after", b"10"))
        await _answer(send, status, refusal.reason, tuple(headers))

    async def _throw_away(self, receive: Receive) -> bool:
        """Receive the rest of a body and keep nothing; False when it does not end."""
        size = 0
        try:
            async with asyncio.timeout(self._limits.body_seconds):
                while size < _MOST_THROWN_AWAY:
                    message = await receive()
                    size += len(message.get("body", b""))
                    if message["type"] == "http.disconnect" or not message.get("more_body", False):
                        return True
        except TimeoutError:
            pass
        return False


class _Gone(Exception):
    """The sender has hung up."""


async def _work(request: Asked, body: bytes, most: int) -> tuple[bytes, str]:
    return _payload(request, body, most)


async def _work_beside(request: Asked, body: bytes, most: int) -> tuple[bytes, str]:
    return await asyncio.to_thread(_payload, request, body, most)


def _payload(request: Asked, body: bytes, most: int) -> tuple[bytes, str]:
    """Return the records of a body, and its checksum where mlogc sends it."""
    digest = hashlib.md5(body, usedforsecurity=False).hexdigest() if request.origin == "mlogc" else ""
    data = unpack(body, request.headers.get("content-encoding", "").strip().lower(), most)
    return (records(data) if request.origin == "collector" else data), digest


def _content_hash(header: str) -> str:
    """The checksum that mlogc names, without the blank or ` L` that it leaves behind it; "" for none."""
    value = header.strip().removesuffix(" L").strip().lower()
    return value.removeprefix("md5:") if value.startswith("md5:") else ""


async def _answer(send: Send, status: int, word: str, headers: tuple[tuple[bytes, bytes], ...] = ()) -> None:
    data = word.encode() + b"\n"
    plain = ((b"content-type", b"text/plain"), (b"content-length", str(len(data)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": [*plain, *headers]})
    await send({"type": "http.response.body", "body": data})

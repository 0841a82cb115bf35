"""Syslog over TCP and UDP: each message goes into the spool as a line, with its prefix, as received.

Framing is told by each message: `LENGTH <` counts octets (RFC 6587), anything else ends with its line.  Syslog knows
no acknowledgment, so each transport has a window in which messages can be lost; docs/reference/receiver.md states it.
"""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
import struct
import time
from concurrent.futures import Future

import structlog

from wafscope.source.http_server import HANDSHAKE
from wafscope.source.listener import Limits, Listener
from wafscope.source.segment import Frame, Head
from wafscope.source.spool import Spool, SpoolFull
from wafscope.source.traffic import Traffic

_COUNTED = re.compile(rb"(\d{1,9}) (?=<)")
_MAY_COUNT = re.compile(rb"\d{1,9} ?\Z")
_GATHER = 0.1
"""Seconds that lines wait for others: what belongs to one transaction comes together, and shares a sync."""
_FRAME = 256 << 10
"""Bytes of lines that do not wait any longer."""
_HELD = 4 << 20
"""Not more than this is held of one sender: TCP is slowed down, UDP loses."""
_AGAIN = 0.5
"""Seconds after which a full spool is tried again."""
_RECEIVE_BUFFER = 16 << 20
_SO_RCVBUFFORCE = 33
_SO_RXQ_OVFL = 40
"""Linux tells with each datagram how many were lost before it, for want of room."""
_BURST = 256
_LARGEST_DATAGRAM = 1 << 16

_log = structlog.get_logger(__name__)


class Lines:
    """Cuts a stream into messages; what is longer than `most` is passed over, and counted."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._rest = bytearray()
        self._looked = 0
        """There is no line end up to here."""
        self._skip = False
        self._skip_bytes = 0
        self.too_long = 0

    @property
    def held(self) -> int:
        """Bytes of a message that is not complete."""
        return len(self._rest)

    def feed(self, data: bytes) -> list[bytes]:
        """Return the messages that are complete now, without line ends."""
        self._rest += data
        found: list[bytes] = []
        while self._rest and self._step(found):
            pass
        return found

    def end(self) -> list[bytes]:
        """Return what came last: many senders do not end their last line."""
        found = [] if self._skip or self._skip_bytes else [bytes(self._rest).strip(b"\r\n\0")]
        self._rest.clear()
        return [each for each in found if each]

    def _step(self, found: list[bytes]) -> bool:
        """Take one message off; False when there is none."""
        if self._skip_bytes:
            gone = min(self._skip_bytes, len(self._rest))
            del self._rest[:gone]
            self._skip_bytes -= gone
            return True
        start = bytes(self._rest[:11])
        if not self._skip and not self._looked:
            counted = _COUNTED.match(start)
            if counted is not None:
                return self._counted(counted, found)
            if _MAY_COUNT.match(start):
                return False
        end = self._rest.find(b"\n", self._looked)
        if end < 0:
            self._looked = len(self._rest)
            if len(self._rest) > self._most:
                self.too_long += not self._skip
                self._skip = True
            if self._skip:
                self._rest.clear()
                self._looked = 0
            return False
        line = bytes(self._rest[:end]).strip(b"\r\0")
        del self._rest[: end + 1]
        if not self._skip and len(line) > self._most:
            self.too_long += 1
        elif not self._skip and line:
            found.append(line)
        self._skip, self._looked = False, 0
        return True

    def _counted(self, counted: re.Match[bytes], found: list[bytes]) -> bool:
        length = int(counted[1])
        if length > self._most:
            self.too_long += 1
            self._skip_bytes = counted.end() + length
            return True
        if len(self._rest) < counted.end() + length:
            return False
        message = bytes(self._rest[counted.end() : counted.end() + length]).strip(b"\r\n\0")
        if message:
            found.append(message)
        del self._rest[: counted.end() + length]
        return True


class Gathered:
    """Lines on their way into the spool; tries again while it is full."""

    def __init__(self, sensor: str, spool: Spool, traffic: Traffic) -> None:
        self._sensor = sensor
        self._spool = spool
        self._traffic = traffic
        self._lines: list[bytes] = []
        self._gathered = 0
        self._timer: asyncio.TimerHandle | None = None
        self._waiting: set[asyncio.Task[None]] = set()
        self._ending = False
        self.held = 0
        """Bytes that are not durable yet."""
        self.settled = asyncio.Event()
        """Set whenever something has become durable."""

    def add(self, lines: list[bytes]) -> None:
        """Take lines."""
        size = sum(len(line) + 1 for line in lines)
        self._lines += lines
        self._gathered += size
        self.held += size
        if self._gathered >= _FRAME:
            self.flush()
        elif self._lines and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_GATHER, self.flush)

    def flush(self) -> None:
        """Send what has been gathered to the spool."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._lines:
            head = Head(self._sensor, "syslog", time.time_ns() // 1000)
            frame = Frame(head, b"\n".join([*self._lines, b""]))
            task = asyncio.get_running_loop().create_task(self._put(frame, len(self._lines), self._spool.put(frame)))
            self._waiting.add(task)
            task.add_done_callback(self._waiting.discard)
            self._lines, self._gathered = [], 0

    async def end(self) -> None:
        """Flush, and return when all is durable or, with a full spool, lost."""
        self._ending = True
        self.flush()
        while self._waiting:
            await asyncio.wait(self._waiting)

    async def _put(self, frame: Frame, count: int, future: Future[None]) -> None:
        while True:
            try:
                await asyncio.wrap_future(future)
            except (SpoolFull, OSError):
                self._traffic.refuse(self._sensor, "spool_full")
                if self._ending:
                    self._traffic.refuse(self._sensor, "lost", count)
                    _log.error("syslog_lines_lost", sensor=self._sensor, lines=count)
                    break
                await asyncio.sleep(_AGAIN)
                future = self._spool.put(frame)
            else:
                self._traffic.accept(self._sensor, len(frame.payload), count)
                break
        self.held -= len(frame.payload)
        self.settled.set()


class Stream(asyncio.Protocol):
    """One connection of syslog over TCP."""

    def __init__(self, server: SyslogTcp) -> None:
        self._server = server
        self._lines = Lines(server.limits.largest)
        self._gathered = Gathered(server.sensor, server.spool, server.traffic)
        self._held = 0
        self._paused: asyncio.Task[None] | None = None
        self.transport: asyncio.Transport | None = None
        self._lost = asyncio.Event()
        self.ended: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - a stream has no other
        self.transport = transport
        if len(self._server.streams) >= self._server.limits.connections:
            self._server.traffic.refuse(self._server.sensor, "busy")
            transport.abort()
            return
        self._server.streams.add(self)

    def data_received(self, data: bytes) -> None:
        before = self._lines.too_long
        lines = self._lines.feed(data)
        if self._lines.too_long > before:
            self._server.traffic.refuse(self._server.sensor, "too_large", self._lines.too_long - before)
        self._gathered.add(lines)
        self._server.held += self._lines.held - self._held
        self._held = self._lines.held
        if self._server.held > self._server.limits.memory:
            self._server.traffic.refuse(self._server.sensor, "busy")
            if self.transport is not None:
                self.transport.abort()
        elif self._gathered.held > self._server.share and self._paused is None and self.transport is not None:
            self.transport.pause_reading()
            self._paused = asyncio.get_running_loop().create_task(self._resume())

    async def _resume(self) -> None:
        while self._gathered.held > self._server.share // 2:
            self._gathered.settled.clear()
            self._gathered.flush()
            await self._gathered.settled.wait()
        self._paused = None
        if self.transport is not None and not self.transport.is_closing():
            self.transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        del exc  # whatever the reason: what has arrived is kept
        self._lost.set()
        if self not in self._server.streams:
            return
        self._server.held -= self._held
        self._gathered.add(self._lines.end())
        self.ended = asyncio.get_running_loop().create_task(self._end())

    async def _end(self) -> None:
        # A spool that is full is waited for, as long as the process runs.
        self._gathered.flush()
        while self._gathered.held and not self._server.closing:
            self._gathered.settled.clear()
            try:
                await asyncio.wait_for(self._gathered.settled.wait(), _AGAIN)
            except TimeoutError:
                continue
        await self._gathered.end()
        self._server.streams.discard(self)

    async def close(self) -> None:
        """Take what has arrived, then hang up."""
        if self.transport is not None:
            self.transport.abort()
            await self._lost.wait()
        if self.ended is not None:
            await self.ended


class SyslogTcp:
    """A listener for syslog over TCP."""

    def __init__(self, listener: Listener, limits: Limits, spool: Spool, traffic: Traffic) -> None:
        self.sensor = listener.sensor
        self.limits = limits
        self.spool = spool
        self.traffic = traffic
        self.streams: set[Stream] = set()
        self.held = 0
        """Bytes of messages that are not complete, of all connections."""
        self.closing = False
        self._server: asyncio.Server | None = None

    @property
    def share(self) -> int:
        """Bytes that are held of one connection before it is slowed down."""
        return max(_FRAME, min(_HELD, self.limits.memory // max(1, len(self.streams))))

    async def start(self, opened: socket.socket, tls: ssl.SSLContext | None) -> None:
        """Listen."""
        loop = asyncio.get_running_loop()
        handshake = HANDSHAKE if tls is not None else None
        self._server = await loop.create_server(
            lambda: Stream(self), sock=opened, ssl=tls, ssl_handshake_timeout=handshake
        )

    async def close(self) -> None:
        """Listen no more, and make durable what has arrived."""
        self.closing = True
        if self._server is not None:
            self._server.close()
        await asyncio.sleep(_LAST)
        await asyncio.gather(*[stream.close() for stream in list(self.streams)])


_LAST = 0.2
"""Seconds in which what the kernel holds already is still read."""


class SyslogUdp:
    """A listener for syslog over UDP: best effort, with what is known of its losses counted."""

    def __init__(self, listener: Listener, spool: Spool, traffic: Traffic) -> None:
        self._sensor = listener.sensor
        self._traffic = traffic
        self._gathered = Gathered(listener.sensor, spool, traffic)
        self._lost = 0
        self._socket: socket.socket | None = None

    def start(self, opened: socket.socket) -> None:
        """Listen, with as much room for datagrams as the system gives."""
        for option in (_SO_RCVBUFFORCE, socket.SO_RCVBUF):
            try:
                opened.setsockopt(socket.SOL_SOCKET, option, _RECEIVE_BUFFER)
            except PermissionError:
                continue
            break
        opened.setsockopt(socket.SOL_SOCKET, _SO_RXQ_OVFL, 1)
        opened.setblocking(False)  # noqa: FBT003 - named so by the library
        self._socket = opened
        asyncio.get_running_loop().add_reader(opened.fileno(), self._receive)

    async def close(self) -> None:
        """Take what the kernel holds, and end."""
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket.fileno())
            while self._receive():
                pass
            await self._gathered.end()

    def _receive(self) -> int:
        """Take some datagrams; return how many."""
        assert self._socket is not None  # noqa: S101 - called by its reader
        lines: list[bytes] = []
        count = 0
        for count in range(_BURST):  # noqa: B007 - told to the caller
            try:
                data, more, _, _ = self._socket.recvmsg(_LARGEST_DATAGRAM, 64)
            except (BlockingIOError, InterruptedError):
                break
            for level, kind, value in more:
                if level == socket.SOL_SOCKET and kind == _SO_RXQ_OVFL:
                    self._overflow(struct.unpack("=I", value[:4])[0])
            lines.append(data.strip(b"\r\n\0"))
        lines = [line for line in lines if line]
        if self._gathered.held > _HELD:
            if lines:
                self._traffic.refuse(self._sensor, "lost", len(lines))
        else:
            self._gathered.add(lines)
        return count

    def _overflow(self, total: int) -> None:
        if total != self._lost:
            self._traffic.refuse(self._sensor, "lost", (total - self._lost) % (1 << 32))
            self._lost = total

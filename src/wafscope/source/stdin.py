"""Standard input, for as long as it lasts.

It can not be read twice: what was taken from it and is not committed is lost when the process is killed.  That is
less than a second's worth as a rule, and no more than what the pipe and `MOST` hold while the store is down.
"""

from __future__ import annotations

import os
import select
import time
from collections import deque
from collections.abc import Iterator

from wafscope.source.base import PIECE, Chunk, Condition, Position, Stretch
from wafscope.source.oneshot import STANDARD_INPUT
from wafscope.source.reading import Manner

MOST = 16 << 20
"""Bytes that are taken and not committed, at most."""
_MARGIN = 1 << 20
_KEY = "stdin"


class StandardInputFeed:
    """Reads a pipe without ever waiting for it."""

    def __init__(self, manner: Manner, *, sensor: str, zone: str = "", descriptor: int = 0) -> None:
        self._manner = manner
        self._sensor, self._zone = sensor, zone
        self._descriptor = descriptor
        self._offset = 0
        self._rest = b""
        self._grown = time.monotonic()
        self._taken: deque[Chunk] = deque()
        self._again: deque[Chunk] = deque()
        self.is_at_end = False

    def take(self, most: int) -> Iterator[Chunk]:
        """Give what has come."""
        while self._again and most > 0:
            chunk = self._again.popleft()
            self._taken.append(chunk)
            most -= sum(len(stretch.data) for stretch in chunk.stretches)
            yield chunk
        while most > 0 and sum(len(s.data) for chunk in self._taken for s in chunk.stretches) < MOST:
            before = len(self._rest)
            self._read()
            stretch = self._cut()
            if stretch is None:
                if len(self._rest) == before:
                    return
                continue
            most -= max(1, len(stretch.data))
            chunk = Chunk((stretch,), Position(_KEY, b""), self._sensor, self._zone)
            self._taken.append(chunk)
            yield chunk

    def committed(self, position: Position) -> None:  # noqa: ARG002 - everything that was given is committed at once
        """What was given is durable."""
        self._taken.clear()

    def again(self) -> StandardInputFeed:
        """Give what was not committed once more."""
        self._again.extendleft(reversed(self._taken))
        self._taken.clear()
        return self

    def condition(self) -> Condition:
        return Condition(len(self._rest))

    def close(self) -> None:
        """The pipe is not ours."""

    def _read(self) -> None:
        ready, _, _ = ([], [], []) if self.is_at_end else select.select([self._descriptor], [], [], 0)
        if ready:
            data = os.read(self._descriptor, PIECE)
            self.is_at_end = not data
            self._rest += data
            self._grown = time.monotonic()

    def _cut(self) -> Stretch | None:
        rest = self._rest
        if not rest:
            return None
        quiet = time.monotonic() - self._grown
        if self.is_at_end or quiet > self._manner.closing:
            return self._give(len(rest) if self.is_at_end else rest.rfind(b"\n") + 1)
        margin = 0 if quiet > self._manner.idle else _MARGIN
        cut = self._manner.settled(rest, margin=margin)
        if not cut and len(rest) > self._manner.largest:
            length = rest.rfind(b"\n") + 1 or len(rest)
            self._rest = rest[length:]
            self._offset += length
            name = STANDARD_INPUT
            return Stretch(name, name, self._offset - length, b"", self._offset, "too_large", length, self._now())
        return self._give(cut)

    def _give(self, length: int) -> Stretch | None:
        if not length:
            return None
        data, self._rest = self._rest[:length], self._rest[length:]
        self._offset += length
        return Stretch(STANDARD_INPUT, STANDARD_INPUT, self._offset - length, data, self._offset, written=self._now())

    @staticmethod
    def _now() -> int:
        return time.time_ns() // 1000

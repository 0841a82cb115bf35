"""The spool: bounded files in which the receiver keeps what it has acknowledged until the store has it.

`Spool` is the writing side.  What is put into it is durable when its future is done: records that come together
share one sync.  After a crash it goes on in a new segment; `spool_feed.py` is the reading side, in another process.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import queue
import secrets
import threading
import time
from concurrent.futures import Future
from pathlib import Path

import structlog

from wafscope.errors import InputError
from wafscope.i18n.text import text
from wafscope.source.segment import FULL, HEAD, ID_SIZE, MAGIC, OPEN, Frame, encode, segments, whole_until

LIMIT = 1 << 30
"""Bytes that a spool takes at most, unless set."""
LOCK = "lock"

_SEGMENT = 16 << 20
"""Bytes after which a segment is full."""
_REST = 2.0
"""Seconds after which a segment with something in it is closed, so that no drained record rests in it."""
_MANY, _REST_OF_MANY = 64, 60.0
"""With so many segments nothing is being drained: they are closed less often, so that there are not too many."""
_GROUP = 8 << 20
"""Bytes that are written with one sync."""
_TELL_EVERY = 60.0
"""Seconds between two words in the log about a disk that can not be written."""
_PATIENCE = 10.0
"""Seconds to wait for the process that wrote here before to end."""

_log = structlog.get_logger(__name__)


class SpoolFull(Exception):
    """There is no room: the sender has to come again."""


class Spool:
    """The writing side of a spool; one at a time for a directory."""

    def __init__(self, directory: Path, limit: int = LIMIT) -> None:
        """Open or make the directory; raises InputError when that fails or another process writes there."""
        self._directory = directory
        self._limit = limit
        self._segment_limit = max(1, min(_SEGMENT, limit // 8))
        self._descriptor = -1
        self._path = directory
        self._id = b""
        self._written = 0
        self._begun = 0.0
        self._tell_again = 0.0
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            with contextlib.suppress(OSError):  # it need not be ours to read
                sync_directory(directory.parent)
            self._lock = lock(directory, _PATIENCE)
            seal(directory)
        except OSError as error:
            raise InputError(
                text("The spool can not be written: {reason}", reason=error.strerror or str(error)),
                where=str(directory),
                hint=text("It needs a directory that Wafscope may write, and that no other Wafscope writes to."),
            ) from error
        self.used = 0
        """Bytes that the spool takes; what has been drained since it was last looked at is still in it."""
        self._count = 0
        self._look()
        found = segments(directory)
        self._number = found[-1][0] if found else 0
        self._waiting: queue.SimpleQueue[tuple[Frame, Future[None]] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="spool")
        self._thread.start()

    @property
    def limit(self) -> int:
        """Bytes that it takes at most."""
        return self._limit

    def put(self, frame: Frame) -> Future[None]:
        """Take a frame; the future is done when it is durable, or raises SpoolFull."""
        future: Future[None] = Future()
        self._waiting.put((frame, future))
        return future

    def append(self, frame: Frame) -> None:
        """Take a frame and return when it is durable; raises SpoolFull."""
        self.put(frame).result()

    def close(self) -> None:
        """Write what is waiting, and end."""
        self._waiting.put(None)
        self._thread.join()
        os.close(self._lock)

    def _run(self) -> None:
        ended = False
        while not ended:
            group: list[tuple[Frame, Future[None]]] = []
            size = 0
            with contextlib.suppress(queue.Empty):
                item = self._waiting.get(timeout=self._until_rest())
                while True:
                    if item is None:
                        ended = True
                        break
                    group.append(item)
                    size += item[0].size
                    if size >= _GROUP:
                        break
                    item = self._waiting.get_nowait()
            if group:
                self._commit(group)
            if ended or self._until_rest() == 0:
                self._full()

    def _until_rest(self) -> float | None:
        if self._descriptor < 0:
            return None
        rest = _REST if self._count < _MANY else _REST_OF_MANY
        return max(0.0, self._begun + rest - time.monotonic())

    def _commit(self, group: list[tuple[Frame, Future[None]]]) -> None:
        """Write a group, sync it, and tell those who wait for it."""
        taken: list[tuple[Frame, Future[None]]] = []
        size = 0
        for frame, future in group:
            if not future.set_running_or_notify_cancel():
                continue
            if self._fits(size + frame.size):
                taken.append((frame, future))
                size += frame.size
            else:
                future.set_exception(SpoolFull())
        if not taken:
            return
        try:
            self._write([frame for frame, _ in taken])
        except OSError as error:
            if time.monotonic() >= self._tell_again:
                self._tell_again = time.monotonic() + _TELL_EVERY
                _log.error("spool_not_written", directory=str(self._directory), reason=str(error))
            self._undo()
            for _, future in taken:
                future.set_exception(SpoolFull() if error.errno in _NO_ROOM else error)
            return
        for _, future in taken:
            future.set_result(None)
        if self._written >= self._segment_limit:
            self._full()

    def _fits(self, size: int) -> bool:
        if self.used + size + HEAD <= self._limit:
            return True
        self._look()
        return self.used + size + HEAD <= self._limit

    def _write(self, frames: list[Frame]) -> None:
        if self._descriptor < 0:
            self._begin()
        data = b"".join([encode(frame, self._id) for frame in frames])
        view = memoryview(data)
        while view:
            view = view[os.write(self._descriptor, view) :]
        os.fdatasync(self._descriptor)
        self._written += len(data)
        self.used += len(data)

    def _begin(self) -> None:
        self._number += 1
        self._path = self._directory / f"{self._number:012d}{OPEN}"
        self._descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        self._written = 0
        self._begun = time.monotonic()
        self._id = secrets.token_bytes(ID_SIZE)
        head = MAGIC + self._id
        if os.write(self._descriptor, head) < len(head):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._written = len(head)
        sync_directory(self._directory)
        self.used += len(head)

    def _undo(self) -> None:
        """Take back what was written in part.  A reader may have seen it: nothing is written in its place."""
        if self._descriptor < 0:
            return
        with contextlib.suppress(OSError):
            os.ftruncate(self._descriptor, self._written)
            if self._written <= HEAD:  # of a disk that stays full, there would be a file for each attempt
                self._path.unlink()
        self._full()

    def _look(self) -> None:
        """See what has been drained."""
        sizes = []
        for _, path in segments(self._directory):
            with contextlib.suppress(FileNotFoundError):
                sizes.append(path.stat().st_size)
        self.used, self._count = sum(sizes), len(sizes)

    def _full(self) -> None:
        """Close the segment: the reader may delete it."""
        if self._descriptor < 0:
            return
        os.close(self._descriptor)
        self._descriptor = -1
        with contextlib.suppress(OSError):
            self._path.rename(self._path.with_suffix(FULL))
        self._look()


_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


def lock(directory: Path, patience: float) -> int:
    """Take the right to write in a spool; return what has to be closed to give it back.  Raises OSError."""
    descriptor = os.open(directory / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    until = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= until:
                os.close(descriptor)
                raise
            time.sleep(0.05)
        else:
            return descriptor


def seal(directory: Path) -> None:
    """Close the segments that a process left open when it was killed; only for who has the lock."""
    for _, path in segments(directory):
        if path.suffix == OPEN:
            descriptor = os.open(path, os.O_RDWR)
            try:
                end = whole_until(descriptor)
                if os.fstat(descriptor).st_size > end:
                    os.ftruncate(descriptor, end)
            finally:
                os.close(descriptor)
            path.rename(path.with_suffix(FULL))


def sync_directory(directory: Path) -> None:
    """Make the names in a directory durable."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

"""Worker processes, which read and encode what they are sent.

Each has a thread in this process that hands it one task after the other.  What is sent is large, so it goes through
pipes as it is: through a process pool of the standard library each byte would be copied five times.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import pickle
import queue
import sys
import threading
import traceback
import warnings
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from importlib import import_module
from multiprocessing.connection import Connection
from typing import Any, BinaryIO

import msgspec

from wafscope.errors import WafscopeError
from wafscope.i18n.text import text
from wafscope.ingest.worker import Encoded, Task, encode, prepare, start_worker
from wafscope.settings import Redaction
from wafscope.store.base import Closing

_PIPE = 1 << 20
"""Bytes that a pipe holds, where that can be chosen: the more, the fewer turns sender and receiver take."""


_FEW = 8
"""So many parts of a message are sent one by one, so that they need not be copied."""
_AHEAD = 3
"""Tasks that are handed out ahead of the one that is waited for, for each worker."""

NEEDED = (encode.__module__, "wafscope.store.duckdb.encode")
"""Modules that workers need."""


def load_needed(policy: Redaction) -> None:
    """Load and make what workers need, before they are forked."""
    with ThreadPoolExecutor(1) as other:
        # That takes some 70 ms, in which the modules can be loaded.
        made = other.submit(prepare, policy)
        for name in NEEDED:
            import_module(name)
        made.result()


class Workers(Closing):
    """Some worker processes; with none, tasks are done in this process."""

    def __init__(self, count: int, *, fork: bool = False, trial: Task | None = None) -> None:
        """Start them; with `fork`, from this process as it is: only before a store is opened (see `_context`).

        Each does a `trial` first, whose result nobody gets: what it takes to begin is over when there is work.
        """
        context = _context(fork=fork)
        with warnings.catch_warnings():
            # Python warns of any thread, such as one of a memory allocator, which knows how to be forked.
            warnings.simplefilter("ignore", DeprecationWarning)
            self._workers = [_Worker(context, trial) for _ in range(count)]
        self._idle: queue.SimpleQueue[_Worker] = queue.SimpleQueue()
        for worker in self._workers:
            self._idle.put(worker)
        self._threads = ThreadPoolExecutor(count, "worker") if count else None
        self.left: int | None = None
        """Results of `encode` that are still to come; None as long as that is not known."""

    def encode(self, tasks: Iterable[Task]) -> Iterator[tuple[Encoded, Task]]:
        """Encode tasks, and give the results in the order of the tasks; the processes end behind the last one."""
        self.left = None
        if self._threads is None:
            for task in tasks:
                yield encode(task), task
            return
        waiting: deque[tuple[Future[Encoded], Task]] = deque()
        for task in tasks:
            waiting.append((self._threads.submit(self._call, task), task.without_data()))
            # Enough that none has to wait while results are written, which takes as long as to read a few.
            if len(waiting) > _AHEAD * len(self._workers):
                future, done = waiting.popleft()
                yield future.result(), done
        while waiting:
            future, done = waiting.popleft()
            self.left = len(waiting)
            yield future.result(), done
        # While the last ones are written there is time for it.
        for worker in reversed(self._workers):
            worker.dismiss()

    @property
    def count(self) -> int:
        """How many processes there are."""
        return len(self._workers)

    def start(self, task: Task) -> Future[Encoded]:
        """Begin to encode a task, in this process where there are no others."""
        if self._threads is not None:
            return self._threads.submit(self._call, task)
        done: Future[Encoded] = Future()
        try:
            done.set_result(encode(task))
        except Exception as error:  # noqa: BLE001 - raised where the result is asked for
            done.set_exception(error)
        return done

    def close(self) -> None:
        """End the processes."""
        if self._threads is not None:
            self._threads.shutdown(cancel_futures=True)
        # The later ones hold copies of the pipes to the earlier ones, which must be closed for those to end.
        for worker in reversed(self._workers):
            worker.close()

    def _call(self, task: Task) -> Encoded:
        worker = self._idle.get()
        try:
            return worker.call(task)
        finally:
            self._idle.put(worker)


def _context(*, fork: bool) -> Any:
    """How processes are started.

    Forked from here they are there at once, with all that is loaded.  That is safe as long as no other thread runs:
    not those of an open store, nor on systems whose libraries start some.  Else they are forked from a clean process,
    which first has to load everything again.
    """
    if fork and sys.platform == "linux" and threading.active_count() == 1:
        return multiprocessing.get_context("fork")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(NEEDED))
    return context


class _Worker:
    """A worker process, as seen from here."""

    def __init__(self, context: Any, trial: Task | None) -> None:
        tasks, self._tasks = _pipe(context)
        self._results, results = _pipe(context)
        ends = (self._tasks, self._results)
        self._process = context.Process(target=_serve, args=(tasks, results, ends, trial), daemon=True)
        self._process.start()
        tasks.close()
        results.close()
        self._answers = open(self._results.fileno(), "rb", closefd=False)  # noqa: SIM115 - closed in `close`

    def call(self, task: Task) -> Encoded:
        """Let the process do a task."""
        try:
            _send(self._tasks.fileno(), task.without_data(), [stretch.data for stretch in task.stretches])
            answer, (payload,) = _receive(self._answers)
        except (OSError, EOFError) as error:
            raise WafscopeError(
                text("A worker process has ended unexpectedly."),
                where=task.source,
                hint=text("Is there enough memory? What was committed before is safe."),
            ) from error
        if isinstance(answer, BaseException):
            raise answer
        encoded: Encoded = msgspec.structs.replace(answer, payload=payload)
        return encoded

    def dismiss(self) -> None:
        """Let the process end when it has nothing left to do."""
        self._tasks.close()

    def close(self) -> None:
        """End the process."""
        self.dismiss()
        self._answers.close()
        self._results.close()
        self._process.join()


def _pipe(context: Any) -> tuple[Connection, Connection]:
    receiver, sender = context.Pipe(duplex=False)
    with contextlib.suppress(ImportError, AttributeError, OSError):
        import fcntl  # noqa: PLC0415 - not on every system

        fcntl.fcntl(sender.fileno(), fcntl.F_SETPIPE_SZ, _PIPE)
    return receiver, sender


def _serve(tasks: Connection, results: Connection, others: Sequence[Connection], trial: Task | None) -> None:
    """What a worker process does until its parent closes the pipe, of whose `others` ends it has copies."""
    for end in others:
        end.close()
    start_worker()
    if trial is not None:
        with contextlib.suppress(Exception):
            encode(trial)
    with open(tasks.fileno(), "rb", closefd=False) as stream, contextlib.suppress(EOFError, BrokenPipeError):
        while True:
            task, data = _receive(stream)
            try:
                encoded = encode(task.with_data(data))
            except Exception as error:  # noqa: BLE001 - raised again in the parent
                error.add_note(traceback.format_exc())
                _send(results.fileno(), _sendable(error), [b""])
            else:
                _send(results.fileno(), msgspec.structs.replace(encoded, payload=b""), [encoded.payload])


def _sendable(error: Exception) -> Exception:
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301 - made here
    except Exception:  # noqa: BLE001 - whatever is wrong with it
        return RuntimeError(repr(error))
    return error


def _send(pipe: int, message: object, parts: Sequence[bytes]) -> None:
    """Send a message, and bytes that belong to it as they are."""
    head = pickle.dumps((message, [len(part) for part in parts]))
    # Many small parts cost less as one.
    large = parts if len(parts) <= _FEW else [b"".join(parts)]
    for data in (len(head).to_bytes(8), head, *large):
        view = memoryview(data)
        while view:
            view = view[os.write(pipe, view) :]


def _receive(pipe: BinaryIO) -> tuple[Any, list[bytes]]:
    """Receive what `_send` sends; raises EOFError at the end."""
    message, sizes = pickle.loads(_read(pipe, int.from_bytes(_read(pipe, 8))))  # noqa: S301 - from a process of ours
    return message, [_read(pipe, size) for size in sizes]


def _read(pipe: BinaryIO, size: int) -> bytes:
    data = pipe.read(size)
    if len(data) < size:
        raise EOFError
    return data

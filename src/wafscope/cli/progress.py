"""What a command shows while it reads, and how Ctrl-C ends it without losing what was read."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from wafscope.cli.say import note, said
from wafscope.i18n.text import Text, text

INTERRUPTED = 130
"""Exit status after Ctrl-C, where what was done is less than what was asked for."""


@contextmanager
def stoppable(word: Text | None = None) -> Iterator[threading.Event]:
    """Let the first Ctrl-C set the event, and say a word; a second one raises KeyboardInterrupt."""
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return

    def interrupt(_number: int, _frame: object) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()
        if word is not None:
            note(word)

    before = signal.signal(signal.SIGINT, interrupt)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)


class Bar:
    """Shows how much of the input is read, and how fast."""

    def __init__(self, bar: Progress) -> None:
        self._bar = bar
        self._task = bar.add_task("", total=None, rate="")
        self._started = time.monotonic()

    def move(self, records: int, consumed: int, total: int | None) -> None:
        """Show that so many records and bytes of the input are read; `total` bytes where that is known."""
        rate = records / max(time.monotonic() - self._started, 1e-6)
        words = said(text("{rate} records/s", rate=round(rate)))
        self._bar.update(self._task, total=total, completed=consumed, rate=words)


@contextmanager
def progress_bar(*, shown: bool = True) -> Iterator[Bar]:
    """Give a bar on standard error, seen where that is a terminal."""
    columns = (BarColumn(), DownloadColumn(), TextColumn("{task.fields[rate]}"), TimeRemainingColumn())
    disabled = not (shown and sys.stderr.isatty())
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=disabled) as bar:
        yield Bar(bar)

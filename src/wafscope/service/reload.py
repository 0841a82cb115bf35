"""SIGHUP: the settings are read again, and taken if they can be."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, Self

import structlog

from wafscope import logs
from wafscope.errors import WafscopeError
from wafscope.i18n.text import Text, text
from wafscope.service.notify import Notify
from wafscope.service.plan import Plan, go_on, hold, make_plan
from wafscope.settings import Settings

_log = structlog.get_logger(__name__)

_PATIENCE = 2.0
"""Seconds for settings that are being taken when the service ends."""


def is_daemon() -> bool:
    """Tell whether SIGHUP is a message: where somebody started the service at a terminal, it says that that is gone."""
    return not os.isatty(0)


class Reload:
    """Waits for the signal, and takes the settings in a thread of its own."""

    def __init__(
        self,
        plan: Plan,
        take: Callable[[Plan], None],
        load: Callable[[], Settings],
        say: Callable[[Text], None],
        notify: Notify,
    ) -> None:
        self._plan = plan
        self._take, self._load, self._say, self._notify = take, load, say, notify
        self._wanted = threading.Event()
        self._ended = False
        self._thread = threading.Thread(target=self._run, name="reload", daemon=True)
        self._before: Any = None

    def __enter__(self) -> Self:
        if is_daemon():
            self._before = signal.signal(signal.SIGHUP, self._want)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended = True
        self._wanted.set()
        self._thread.join(_PATIENCE)
        if self._before is not None:
            signal.signal(signal.SIGHUP, self._before)

    def _want(self, _number: int, _frame: FrameType | None) -> None:
        self._wanted.set()

    def _run(self) -> None:
        while True:
            self._wanted.wait()
            self._wanted.clear()
            if self._ended:
                return
            self._notify.reloading()
            try:
                self.once()
            except Exception:  # noqa: BLE001 - logged; the service goes on as it was
                _log.exception("the settings could not be taken")
            self._notify.ready()

    def once(self) -> None:
        """Read the settings, and take them; those that can not be taken are refused as a whole, and told."""
        old = self._plan.settings
        try:
            settings, fixed = hold(self._load(), old)
            plan, waiting = go_on(make_plan(settings), self._plan)
            self._take(plan)
        except WafscopeError as error:
            _log.error("settings refused", reason=str(error), where=error.where)
            reason = text("{where}: {what}", where=error.where, what=error.what) if error.where else error.what
            if error.hint is not None:
                reason = text("{what} {hint}", what=reason, hint=error.hint)
            self._say(text("The new settings are refused, the old ones stay: {reason}", reason=reason))
            return
        self._plan = plan
        logs.set_up(settings.log.level, settings.log.format)
        for name in (*fixed, *waiting):
            _log.warning("a setting changes with a restart only", setting=name)
            self._say(text("{setting} changes with a restart only; the old value stays.", setting=name))
        self._say(text("The settings are taken anew."))

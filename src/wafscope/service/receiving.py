"""The process of the receiver, where there is a source for it, as the settings change."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from wafscope.source.listener import ReceiverSettings
from wafscope.source.receiver_supervisor import ReceiverProcess
from wafscope.source.traffic import Status


class Receiving:
    """Runs the receiver, or none."""

    def __init__(self, settings: ReceiverSettings | None) -> None:
        self._settings = settings
        self.process: ReceiverProcess | None = None

    def __enter__(self) -> Self:
        """Start it; raises SettingsError and InputError."""
        self._begin(self._settings)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def status(self) -> Status | None:
        """What the process has told last; None where there is none."""
        return self.process.status() if self.process is not None else None

    def change(self, settings: ReceiverSettings | None) -> None:
        """Go on with other settings.

        Addresses that stay are open all the time: who sends waits a moment.  Raises SettingsError for an address that
        can not be had, and then nothing has changed.
        """
        if settings is None:
            self._end()
        elif self.process is None:
            self._begin(settings)
        elif settings != self._settings or any(listener.tls_certificate for listener in settings.listeners):
            # A certificate may have been renewed under its name.
            self.process.change(settings)
        self._settings = settings

    def _begin(self, settings: ReceiverSettings | None) -> None:
        if settings is None:
            return
        process = ReceiverProcess(settings)
        try:
            process.start()
        except BaseException:
            process.stop()
            raise
        self.process = process

    def _end(self) -> None:
        if self.process is not None:
            self.process.stop()
            self.process = None

"""What a page needs to follow the store: a mark that changes when there is something new.

Pages ask for the mark about twice a second and for themselves when it has changed; why so:
docs/adr/0006-live-pages.md.
"""

from __future__ import annotations

import logging
import re
import secrets

import msgspec

from wafscope.panel.answers import Answers
from wafscope.web.settings import WebSettings
from wafscope.web.status import SourceStatus, digest

_log = logging.getLogger(__name__)

HEADER = "wafscope-live"
"""Sent by the script when it asks for a page again: `1`, or what was counted when the page was made."""

_COUNTED = re.compile(r"(-?\d{1,18})\.(\d{1,15})", re.ASCII)


class Live(msgspec.Struct, frozen=True):
    """How a page follows."""

    mark: str
    watch: str
    """Which mark it is: `page`, or `sources` for a page that shows how the sources are doing."""


class Refresh(msgspec.Struct, frozen=True):
    """A page is asked for again by its script, which shows the old answers until all new ones are there."""

    start: int | None = None
    """Start of the window that was counted, in microseconds; its events since then are new."""
    events: int = 0
    """How many there were."""


class Pulse:
    """Tells pages whether there is something new, without asking the store anything."""

    def __init__(self, answers: Answers, settings: WebSettings) -> None:
        self._answers = answers
        self._settings = settings
        self._run = secrets.token_hex(4)
        """Another process counts its generations anew."""

    def statuses(self) -> tuple[SourceStatus, ...]:
        """How the sources are doing; a service that can't say must not take the page with it."""
        try:
            return self._settings.status()
        except Exception:  # noqa: BLE001 - logged, and the page says that nothing is known
            _log.exception("the status of the sources can not be told")
            return ()

    def is_live(self) -> bool:
        """Tell whether anything can come."""
        return bool(self.statuses()) if self._settings.live is None else self._settings.live

    def mark(self, watch: str) -> str:
        """The mark of now."""
        told = digest(self.statuses(), whole=watch == "sources")
        return f"{self._run}.{self._answers.generation}.{told}"


def refresh(header: str | None) -> Refresh | None:
    """Read the header of a script that asks for a page again."""
    if header is None:
        return None
    found = _COUNTED.fullmatch(header)
    return Refresh(int(found[1]), int(found[2])) if found else Refresh()

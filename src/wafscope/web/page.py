"""The frame of every page: what its templates find under the name `frame`."""

from __future__ import annotations

import msgspec

from wafscope.i18n.moment import Clock
from wafscope.panel.held import HeldLine
from wafscope.panel.view import View
from wafscope.query.parser import Chip
from wafscope.web.link import Links
from wafscope.web.live import Live, Refresh
from wafscope.web.span import Span
from wafscope.web.state import Asked
from wafscope.web.status import Problem


class Frame(msgspec.Struct, frozen=True):
    """Filter, window, language and addresses of one request."""

    asked: Asked
    view: View
    span: Span
    held: HeldLine
    links: Links
    clock: Clock
    chips: tuple[Chip, ...]
    current: str
    """Page of the navigation that is marked: `overview`, `events`, `sources` or none."""
    now: int = 0
    """When the page was made, in microseconds."""
    live: Live | None = None
    """How the page follows the store; None for one that stays as it is."""
    refresh: Refresh | None = None
    """Not None where the page is asked for again by its script."""
    as_of: int | None = None
    """Microseconds: what was written since then is not in the page; None where there is nothing like that."""
    problems: tuple[Problem, ...] = ()
    """What every page must tell of the sources."""
    store: str = ""
    """Where the events rest; "" where that is not to be told."""

    @property
    def language(self) -> str:
        return self.clock.language

    @property
    def is_empty(self) -> bool:
        """True for a store without any event."""
        return self.held.first is None

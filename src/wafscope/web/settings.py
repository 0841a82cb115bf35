"""What the console must be told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec

from wafscope.doctor.examine import Checkup
from wafscope.ingest.pipeline import Setting
from wafscope.panel.answers import HOLD
from wafscope.source.traffic import Status
from wafscope.store.lasting import StoreState
from wafscope.web.metrics import Metrics
from wafscope.web.status import Statuses, nothing_followed


class WebSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of the console."""

    names: tuple[str, ...] = ()
    """Host names and addresses under which it may be called, beside localhost and loopback addresses; `*` for any."""
    zone: str = "UTC"
    """Zone in which times are shown unless the URL has another one."""
    time_limit: float = 5.0
    """Seconds that one question may take."""
    patience: float = 0.4
    """Seconds that a page waits for its panels; those that take longer load later."""
    hold: float = HOLD
    """Seconds for which all pages show one state of a store that is written to all the time."""
    static: Path = Path(__file__).parent / "static"
    """Folder of the built style sheet and scripts."""
    year: int | None = None
    """Year that dates leave out; None for the current one."""
    now: int | None = None
    """Time taken for the current one, in microseconds, for tests."""
    status: Statuses = nothing_followed
    """How the sources are doing that the service follows; none where logs were imported once."""
    live: bool | None = None
    """Whether pages follow what is written; None: if there is a source that is followed."""
    setting: Setting = Setting("")
    """How records are read, for those that are read again."""
    quarantine_days: int = 0
    """Days for which what could not be read is kept; 0 for ever."""
    checkup: Callable[[int], Checkup | None] = lambda _age: None
    """What the doctor found of the sources, so many microseconds ago at most; None where nothing is followed."""
    metrics: Metrics | None = None
    """What counts the questions; it outlives a change of settings.  None: one of the console's own."""
    receiver: Callable[[], Status | None] = lambda: None
    """What the process of the receiver tells about itself."""
    store_name: str = ""
    """Where the events rest, as a printed page tells it; "" for a store that is gone at the end."""
    store: Callable[[], StoreState | None] = lambda: None
    """How the store is, where it is a file; raises StoreError."""

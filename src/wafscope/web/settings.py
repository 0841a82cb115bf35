"""What the console must be told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec

from wafscope.ingest.follow import Status


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
    static: Path = Path(__file__).parent / "static"
    """Folder of the built style sheet and scripts."""
    year: int | None = None
    """Year that dates leave out; None for the current one."""
    status: Callable[[], Status] | None = None
    """Tells how the sources are that this process follows; None where it follows none."""
    now: int | None = None
    """Time taken for the current one, in microseconds, for tests."""

"""What stands in the place of a panel that has no answer."""

from __future__ import annotations

import msgspec

from wafscope.errors import WafscopeError


class Late(msgspec.Struct, frozen=True):
    """Stands for a panel that is not ready yet: the page asks for it again."""


class Failed(msgspec.Struct, frozen=True):
    """Stands for a panel whose question could not be answered; without `error` it is a fault of the console."""

    error: WafscopeError | None

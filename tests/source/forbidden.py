"""Directories that may not be looked into: for root, who runs many a test, there are none."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest


def forbid(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Callable[[], None]:
    """Let nobody look into a directory; return what allows it again."""
    scan = os.scandir

    def refuse(path: str) -> object:
        if path == str(folder):
            raise PermissionError(13, "Permission denied", path)
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    return lambda: monkeypatch.setattr(os, "scandir", scan)

"""What tests with real servers share."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.system.servers import build_coraza


@pytest.fixture
def directory() -> Iterator[Path]:
    """A directory that servers may enter which are no more root."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A server with Coraza, built once."""
    return build_coraza(tmp_path_factory.mktemp("coraza"))

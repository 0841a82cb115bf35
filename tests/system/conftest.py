"""What tests with real servers, and those that boot a system, share."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.system.servers import build_coraza, needs


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


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Path]:
    """What the machine changes: in memory, since it is removed at once."""
    needs("unshare", "nsenter", "mount", files=[Path("/lib/systemd/systemd")])
    if os.geteuid() != 0:
        pytest.skip("only root can boot a system in namespaces")
    place = tmp_path / "kept"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", place], check=True)
    yield place
    subprocess.run(["umount", "--lazy", place], check=True)

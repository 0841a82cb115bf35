"""For tests that boot a system."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.system.servers import needs


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

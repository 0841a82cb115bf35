"""The tutorial, on a machine of its own: what it says to write and to type makes a log that Wafscope reads."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.docs.blocks import ROOT, blocks
from tests.system.machine import booted
from tests.system.servers import NGINX_MODULE, needs

TUTORIAL = ROOT / "docs" / "tutorial" / "first-dashboard.md"
LOG = "/var/log/nginx/modsec_audit.log"


def test_the_attacks_of_the_tutorial_are_seen(tmp_path: Path, kept: Path) -> None:
    needs("nginx", "curl", files=[NGINX_MODULE])
    with booted(tmp_path / "place", kept) as machine:
        for block in blocks(TUTORIAL):
            for word in block.words:
                if word.startswith("/etc/"):
                    machine.write(word, block.text.encode())
            for line in block.text.splitlines():
                if block.language == "console" and line.startswith(("$ sudo nginx -t", "$ curl -H")):
                    machine.do("sh", "-c", line.removeprefix("$ ").replace("sudo ", ""))
        (tmp_path / "audit.log").write_text(machine.do("cat", LOG))
    done = subprocess.run(
        [
            sys.executable, "-m", "wafscope.cli.main", "import", "--json", "--store", tmp_path / "s.duckdb",
            tmp_path / "audit.log",
        ],
        capture_output=True, check=True, text=True, env=os.environ | {"WAFSCOPE_INGEST_WORKERS": "0"},
    )  # fmt: skip
    summary = json.loads(done.stdout)

    assert (summary["stored"], summary["quarantined"], summary["foreign"]) == (3, 0, 0)
    assert summary["matches"] >= 3

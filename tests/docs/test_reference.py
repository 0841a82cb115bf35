"""Pages that are made from code say what the code says."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.docs.blocks import ROOT

SCRIPTS = sorted((ROOT / "scripts").glob("make_*_page.py"))
COMPARE = """
import runpy, sys
made = runpy.run_path(sys.argv[1])
sys.exit(made["PAGE"].read_text() != made["page"]())
"""


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_a_page_is_up_to_date(script: Path) -> None:
    """If not: `make docs`."""
    done = subprocess.run(
        [sys.executable, "-c", COMPARE, script], env=os.environ | {"LC_ALL": "C.UTF-8"}, check=False, cwd=ROOT
    )
    assert done.returncode == 0


def test_there_are_such_pages() -> None:
    assert {"make_cli_page", "make_fields_page", "make_formats_page"} <= {script.stem for script in SCRIPTS}

"""The readers under a fuzzer that learns from the branches it reaches, with real records to begin with."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "tests" / "samples"
RUNS = 6_000

pytestmark = pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason="no atheris for this Python")


def test_no_bytes_crash_a_reader_or_escape_the_account(tmp_path: Path) -> None:
    seeds = tmp_path / "seeds"
    seeds.mkdir()
    for sample in sorted(SAMPLES.iterdir()):
        (seeds / sample.name).write_bytes(sample.read_bytes()[:6_000])
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.target", f"-runs={RUNS}", "-max_len=8192", "-seed=1", str(seeds)],
        cwd=tmp_path, env={"PYTHONPATH": f"{ROOT}:{ROOT / 'src'}", "PATH": "/usr/bin:/bin"},
        capture_output=True, text=True, errors="replace", timeout=300, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr[-4_000:]
    assert f"Done {RUNS}" in done.stderr

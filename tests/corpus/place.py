"""Where the real runs are, and what is known of them."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

CORPUS = Path(os.environ.get("WAFSCOPE_CORPUS", Path(__file__).parents[3] / "shared" / "corpus"))
ODD = CORPUS / "odd"

JSON_RUNS = tuple(
    sorted(
        p.parent.name
        for p in CORPUS.glob("*/SUMMARY.json")
        if p.parent.name.startswith(("ng309-", "ng315-", "py315-")) and "-json-" in p.parent.name
    )
)
"""Runs that libmodsecurity 3 logged as JSON."""

RUNS = tuple(sorted(p.parent.name for p in CORPUS.glob("*/SUMMARY.json")))
"""All runs: every engine, every format."""


def summary(run: str) -> dict[str, Any]:
    """The ground truth of a run, counted without Wafscope."""
    loaded: dict[str, Any] = json.loads((CORPUS / run / "SUMMARY.json").read_text())
    return loaded


def logs(run: str) -> list[str]:
    """The audit log of a run as `wafscope import` takes it: the index of a concurrent log left out."""
    folder = CORPUS / run / "audit"
    return [str(p) for p in sorted(folder.iterdir()) if p.name.startswith(("modsec_audit", "concurrent"))]


def zone(run: str) -> str:
    """The zone in which the machine of a run counted its days."""
    if "tokyo" in run:
        return "Asia/Tokyo"
    return "America/New_York" if "newyork" in run else "UTC"

"""Real audit logs to look at without having any: fourteen days of nginx with libmodsecurity 3.0.9 and CRS 3.3.4.

The client addresses, hosts, names and secrets in them are invented; response bodies are emptied.
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path

SENSOR = "ng309"


def log() -> Path:
    """Return the file of the sample log (zstd)."""
    return Path(str(resources.files("wafscope.sample").joinpath("modsec_audit.log.zst")))

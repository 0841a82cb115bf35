"""What the servers of a machine write, as sources: for a first look, before anything is set up."""

from __future__ import annotations

from collections.abc import Sequence

from wafscope.doctor.case import STORAGE, kind
from wafscope.doctor.checks.target import is_stream
from wafscope.rules.site.base import Setup, Site
from wafscope.settings import Source


def suggested(sites: Sequence[Site]) -> list[Source]:
    """Return a source for each log that is written, each once."""
    found: list[Source] = []
    for site in sites:
        for setup in site.setups:
            source = _source(setup, site.file)
            if source not in found:
                found.append(source)
    # A block that is switched off beside others that write is no log of its own.
    return [source for source in found if source.path] or found


def _source(setup: Setup, file: str) -> Source:
    """What a setup writes; without a path where it writes nothing that can be read here, and the doctor says why."""
    log, folder = setup.value("SecAuditLog"), setup.value(*STORAGE)
    if kind(setup) == "concurrent" and folder:
        return Source(kind="concurrent", path=setup.path(folder), config=file)
    if log and not is_stream(setup) and kind(setup) in {"serial", "concurrent"}:
        return Source(path=setup.path(log), config=file)
    return Source(config=file)

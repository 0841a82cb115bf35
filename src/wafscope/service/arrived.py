"""What the receiver did not take, for the doctor: as its process has told last, in the directory of the spool."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from wafscope.doctor.case import Arrived
from wafscope.errors import SettingsError
from wafscope.service.sources import ARRIVING, receiver_settings
from wafscope.settings import Settings, Source
from wafscope.source.traffic import read_status


def arrived(sources: Sequence[Source], settings: Settings) -> tuple[Arrived | None, ...]:
    """Return what is known of each source; None where nothing arrives, or nothing has been told."""
    try:
        receiver = receiver_settings(settings)
    except SettingsError:
        receiver = None
    status = read_status(Path(receiver.spool)) if receiver else None
    if receiver is None or status is None:
        return (None,) * len(sources)
    refused = {each.sensor: each.refused for each in status.sensors}
    return tuple(
        Arrived(refused.get(source.sensor, {}), status.started, receiver.limits.largest, receiver.spool_limit)
        if source.kind in ARRIVING
        else None
        for source in sources
    )

"""JSON lines: the whole event model, one object a line, nothing lost.

An attribute stands under its own name, and only where it holds something.  Times are ISO 8601 with microseconds.
Where a text has bytes that are not UTF-8, a second member `<name>_base64` of the same shape has every text of it as
the base64 of its bytes.
"""

from __future__ import annotations

from base64 import b64encode
from typing import Any

from wafscope.event.model import Event
from wafscope.event.text import to_bytes
from wafscope.export.base import Options, Place, held, matched
from wafscope.export.encode import cleaned, line
from wafscope.export.facts import instant, text_of

_APART = frozenset({"raw", "time", "time_logged", "files", "matches"})
SUFFIX = "_base64"


class Lines:
    """Writes events as they are."""

    def __init__(self, options: Options) -> None:
        self._raw = options.raw

    def head(self) -> bytes:
        return b""

    def lines(self, event: Event, place: Place) -> bytes:
        return line(document(event, place, raw=self._raw), exact)


def document(event: Event, place: Place, *, raw: bool = False) -> dict[str, Any]:
    """Return what an event holds, with its place in front."""
    found = {**held(place), "time": instant(event.time), **held(event, _APART)}
    if event.time_logged is not None:
        found["time_logged"] = instant(event.time_logged)
    if event.files:
        found["files"] = [held(file) for file in event.files]
    if event.matches:
        found["matches"] = [matched(match) for match in event.matches]
    if raw:
        text = text_of(event.raw)
        found |= {"raw": text} if text is not None else {f"raw{SUFFIX}": b64encode(event.raw).decode()}
    return found


def exact(value: Any) -> Any:
    """Return an object whose texts are valid Unicode, with the bytes of those that were not beside them."""
    if isinstance(value, list):
        return [exact(each) for each in value]
    if not isinstance(value, dict):
        return cleaned(value)
    found: dict[str, Any] = {}
    for name, each in value.items():
        if isinstance(each, list) and each and isinstance(each[0], dict):
            found[name] = exact(each)
            continue
        found[name] = cleaned(each)
        if _lost(each):
            found[f"{name}{SUFFIX}"] = _bytes(each)
    return found


def _lost(value: Any) -> bool:
    """Tell a value with a text that is no valid Unicode."""
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            return True
        return False
    return isinstance(value, list | tuple) and any(map(_lost, value))


def _bytes(value: Any) -> Any:
    """Return a value of the same shape, each text of which is in base64."""
    if isinstance(value, str):
        return b64encode(to_bytes(value)).decode()
    return [_bytes(each) for each in value] if isinstance(value, list | tuple) else value

"""Telling whether the file of one transaction is complete, or still being written."""

from __future__ import annotations

import msgspec

from wafscope.reader.walk import settled

_JSON = msgspec.json.Decoder(msgspec.Raw)


def is_whole(data: bytes) -> bool:
    """Tell whether no record in a file of a concurrent log is cut off at its end."""
    data = data.rstrip()
    if data[:1] in b"{[":
        return _is_json(data) or _is_json(data.rpartition(b"\n")[2])
    return settled(data + b"\n", margin=0) > len(data)


def _is_json(data: bytes) -> bool:
    try:
        # Bytes that are not UTF-8 do occur in records.
        _JSON.decode(data.decode("utf-8", "replace"))
    except msgspec.DecodeError:
        return False
    return True

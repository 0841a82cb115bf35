"""Telling whether the file of one transaction is complete, or still being written."""

from __future__ import annotations

import msgspec

from wafscope.reader.native import prefixed_at, separator_at
from wafscope.reader.walk import settled

_MEMBERS = (b'"transaction"', b'"class_uid"')
"""One of them is in every record of JSON."""
_JSON = msgspec.json.Decoder(msgspec.Raw)


def is_whole(data: bytes) -> bool:
    """Tell whether a file of a concurrent log holds a record, and none that is cut off at its end."""
    data = data.strip()
    if data[:1] in b"{[":
        return any(name in data for name in _MEMBERS) and (_is_json(data) or _is_json(data.rpartition(b"\n")[2]))
    is_native = separator_at(data, 0) is not None or prefixed_at(data, 0) is not None
    return is_native and settled(data + b"\n", margin=0) > len(data)


def _is_json(data: bytes) -> bool:
    try:
        # Bytes that are not UTF-8 do occur in records.
        _JSON.decode(data.decode("utf-8", "replace"))
    except msgspec.DecodeError:
        return False
    return True

"""Lines that are kept as a text, or a record as an object, in an object of JSON.

So do Filebeat, Logstash, Vector and Fluentd, searches in Elasticsearch, Splunk and Loki, and the logs of clouds write
files; what an agent logs of its own in the same shape has no time under these names.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime

import msgspec

from wafscope.event.text import from_bytes, to_bytes

_TIMES = ("@timestamp", "timestamp", "_time", "time")
_KEPT = ("original", "message", "log", "line", "textPayload", "short_message", "_raw", "jsonPayload", "msg")
"""Under these names the line stands, as it was read above all."""
_AROUND = ("event", "_source", "result", "content", "fields", "attributes")
"""What has such a name in it."""
_ORIGIN = (
    "host",
    "hostname",
    "file",
    "path",
    "source",
    "labels",
    "stream",
    "container",
    "kubernetes",
    "resource",
    "tag",
)
"""What tells where a line comes from: the lines of a native record have these alike."""
_RECORD = re.compile(rb'"(?:client_ip|remote_address|time_stamp)"')
"""What ECS calls a transaction has none of these."""
_HELD = (b'"transaction"', b'"class_uid"', b"Coraza: ", b"ModSecurity: ")
"""An object with one of them is a record, or what a logger made of a line."""
_LIKELY = (b'"@timestamp"', b'"timestamp"', b'"_time"', b'"_source"')
_ALONE = re.compile(rb'\{ ?"(?:message|log)": ?"')
_DEEPEST = 3

_objects = msgspec.json.Decoder(dict[str, msgspec.Raw])


class Opened(msgspec.Struct, frozen=True):
    """What an object holds."""

    origin: bytes
    """Equal for lines of one log."""
    data: bytes
    """Without a line feed at its end."""


def opened(line: bytes) -> Opened | None:
    """Return the line that an object of JSON holds; None for any other object."""
    if not any(name in line for name in _LIKELY) and _ALONE.match(line) is None:
        return None
    members = _members(line)
    if members is None or _is_record(members):
        return None
    data = _kept(members, 0)
    return None if data is None else Opened(_origin(members), data.removesuffix(b"\n"))


def time_in(entry: Mapping[str, object]) -> str:
    """Return the time that an object of JSON tells of its line, with its zone; "" where it tells none."""
    value = next((each for name in _TIMES if isinstance(each := entry.get(name), str | int | float)), "")
    if isinstance(value, str):
        return value
    for unit in (1, 1000):  # seconds or milliseconds since the epoch
        if value < _FAR * unit:
            return datetime.fromtimestamp(max(0.0, value / unit), UTC).isoformat(timespec="microseconds")
    return ""


_FAR = 10_000_000_000
"""The year 2286, in seconds."""


def _members(data: bytes) -> dict[str, msgspec.Raw] | None:
    try:
        return _objects.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _is_record(members: Mapping[str, msgspec.Raw]) -> bool:
    return "class_uid" in members or _RECORD.search(bytes(members.get("transaction", b""))) is not None


def _kept(members: Mapping[str, msgspec.Raw], depth: int) -> bytes | None:
    for name in _AROUND if depth < _DEEPEST else ():
        inner = _members(bytes(members[name])) if name in members else None
        if inner is not None and _is_record(inner):
            return bytes(members[name])
        if inner is not None and (data := _kept(inner, depth + 1)) is not None:
            return data
    for name in _KEPT:
        value = bytes(members.get(name, b""))
        if value.startswith(b'"'):
            try:
                return to_bytes(json.loads(from_bytes(value), strict=False))
            except ValueError:
                return None
        if value.startswith(b"{") and any(word in value for word in _HELD):
            return value
    return None


def _origin(members: Mapping[str, msgspec.Raw]) -> bytes:
    found = [bytes(members[name]) for name in _ORIGIN if name in members]
    # Filebeat has the place of the line there, too.
    log = _members(bytes(members.get("log", b"")))
    return b" ".join([*found, bytes((log or {}).get("file", b""))])

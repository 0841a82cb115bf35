"""The formats there are, and the reader of each.

Told by the bytes of a record alone, never by the name of its file (formats specification, section 14).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from types import ModuleType

import msgspec

from wafscope.event.model import Event
from wafscope.event.text import from_bytes
from wafscope.reader import (
    coraza_error,
    coraza_json,
    coraza_legacy,
    coraza_native,
    coraza_ocsf,
    modsecurity_json,
    modsecurity_tells,
    v2_error,
    v2_json,
    v2_native,
    v3_error,
    v3_native,
)
from wafscope.reader.base import Context, NotARecord

Reader = Callable[[bytes, Context], Event]
"""Reads one whole record."""

LineReader = Callable[[Sequence[bytes], Context], Event]
"""Reads all lines of one transaction."""


class JsonFormat(msgspec.Struct, frozen=True):
    """A format of one JSON object a record: the fast reader, and the one for what it refuses."""

    fast: Reader
    tolerant: Reader


JSON: dict[str, JsonFormat] = {
    "v3.json": JsonFormat(modsecurity_json.read_fast, modsecurity_json.read_tolerant),
    "v2.json": JsonFormat(v2_json.read_fast, v2_json.read_tolerant),
    "coraza.json": JsonFormat(coraza_json.read_fast, coraza_json.read_tolerant),
    "coraza.jsonlegacy": JsonFormat(coraza_legacy.read_fast, coraza_legacy.read_tolerant),
    "coraza.ocsf": JsonFormat(coraza_ocsf.read, coraza_ocsf.read),
}
NATIVE: dict[str, Reader] = {
    "v2.native": v2_native.read,
    "v3.native": v3_native.read,
    "coraza.native": coraza_native.read,
}
ERROR_LOGS: dict[str, LineReader] = {
    "err.apache.v2": v2_error.read,
    "err.nginx.v3": v3_error.read,
    "err.coraza": coraza_error.read,
}

TELLS: dict[str, dict[str, str]] = {
    "v3.json": modsecurity_tells.TELLS,
    "v3.native": v3_native.TELLS,
    "v2.json": v2_json.TELLS,
    "v2.native": v2_native.TELLS,
    "coraza.json": coraza_json.TELLS,
    "coraza.jsonlegacy": coraza_legacy.TELLS,
    "coraza.native": coraza_native.TELLS,
    "coraza.ocsf": coraza_ocsf.TELLS,
    "err.apache.v2": v2_error.TELLS,
    "err.nginx.v3": v3_error.TELLS,
    "err.coraza": coraza_error.TELLS,
}
"""What each format can and cannot tell; the reference page is made of it."""

_WORD = re.compile(rb'\] \[severity "[A-Z]')
_NGINX = re.compile(rb"\d{4}/\d{2}/\d{2} \d{2}:\d{2}:\d{2} \[")


def error_log(line: bytes) -> tuple[str, bytes] | None:
    """Return the format and the transaction id of an error-log line of an engine; None for any other line."""
    modules: tuple[ModuleType, ...] = (coraza_error,)
    if b"ModSecurity: " in line and not line.startswith(b"{"):
        # ModSecurity 2 writes severities as words, libmodsecurity as numbers; both run in nginx.
        third = _NGINX.match(line) and not _WORD.search(line)
        modules = (v3_error if third else v2_error, coraza_error)
    for module in modules:
        transaction = module.transaction_of(line)
        if transaction is not None:
            return module.FORMAT, transaction
    return None


_BEGINNINGS = (
    (b'{"transaction":{"client_ip":', "v3.json"),
    (b'{"transaction":{"timestamp":', "coraza.json"),
    (b'{"class_', "coraza.ocsf"),
)
_TIME = b'{"transaction":{"time":"'
"""v2 goes on with `23/Nov/2026`, Coraza's legacy format with `2026/11/24`."""


def json_format(line: bytes) -> str:
    """Return the format that a JSON record seems to have; whether it is one, its reader tells."""
    for beginning, name in _BEGINNINGS:
        if line.startswith(beginning):
            return name
    if line.startswith(_TIME):
        return "coraza.jsonlegacy" if line[len(_TIME) + 4 : len(_TIME) + 5] == b"/" else "v2.json"
    return _by_members(line)


def _by_members(line: bytes) -> str:
    """Tell the format of an object whose members stand in another order than the engines write them."""
    if b"remote_address" not in line and b"unix_timestamp" not in line and b"class_uid" not in line:
        return "v3.json"
    try:
        top = json.loads(from_bytes(line), strict=False)
    except (ValueError, RecursionError):
        return "v3.json"
    if not isinstance(top, dict):
        return "v3.json"
    inner = top.get("transaction")
    if "class_uid" in top:
        return "coraza.ocsf"
    if not isinstance(inner, dict):
        return "v3.json"
    if "unix_timestamp" in inner:
        return "coraza.json"
    if "remote_address" in inner and "client_ip" not in inner:
        return "coraza.jsonlegacy" if str(inner.get("time", ""))[4:5] == "/" else "v2.json"
    return "v3.json"


def read_json(line: bytes, context: Context) -> Event:
    """Read one JSON record of any format, fast where that is possible.

    Raises NotARecord, ValueError or RecursionError where there is none.
    """
    reader = JSON[json_format(line)]
    try:
        return reader.fast(line, context)
    except (ValueError, RecursionError):
        return reader.tolerant(line, context)


def read_record(name: str, raw: bytes, context: Context) -> Event:
    """Read one record whose format is known."""
    if name in NATIVE:
        return NATIVE[name](raw, context)
    if name in ERROR_LOGS:
        return ERROR_LOGS[name](raw.split(b"\n"), context)
    if name not in JSON:
        raise NotARecord(name, foreign=True)
    try:
        return JSON[name].fast(raw, context)
    except (ValueError, RecursionError):
        return JSON[name].tolerant(raw, context)

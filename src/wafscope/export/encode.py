r"""JSON that is valid whatever was logged: one object, one line.

Bytes that are not UTF-8 and lone surrogates take the form of `event.text.storable`.  What a terminal would obey,
what hides text from the eye and what some readers take for the end of a line is written as an escape (`\u009b`):
the same text to any reader of JSON.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import msgspec

from wafscope.event.text import storable

_encode = msgspec.json.Encoder().encode
_DELETE = 0x7F
HIDDEN = (
    "\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u2800\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
"""Control characters above those that JSON escapes anyway, line separators, and what has no width: a set of `re`."""
_INERT = re.compile(f"[{HIDDEN}]")


def cleaned(value: Any) -> Any:
    """Return a value of JSON whose texts are valid Unicode."""
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, dict):
        return {storable(key): cleaned(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [cleaned(each) for each in value]
    return value


def line(document: msgspec.Struct | dict[str, Any], repair: Callable[[Any], Any] = cleaned) -> bytes:
    """Encode an object as a line; one that is no valid JSON, since a few are not, is repaired first."""
    try:
        data = _encode(document)
    except UnicodeEncodeError:
        data = _encode(repair(msgspec.to_builtins(document)))
    return _inert(data) + b"\n"


def _inert(data: bytes) -> bytes:
    if data.isascii() and _DELETE not in data:
        return data
    return _INERT.sub(_escaped, data.decode()).encode()


def _escaped(found: re.Match[str]) -> str:
    units = found.group().encode("utf-16-be").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))

r"""Text off the wire: bytes that may not be UTF-8, carried through `str` without loss.

Inside an event, a byte that is not UTF-8 is a lone surrogate (PEP 383, `surrogateescape`), so that
`to_bytes(from_bytes(b)) == b` for every `b`.  A lone surrogate cannot be stored as text nor shown;
`storable` gives the readable form, in which such a byte is `\xHH`.
"""

from __future__ import annotations

import re
from codecs import getincrementaldecoder

_SURROGATE = re.compile("[\ud800-\udfff]")


def from_bytes(data: bytes) -> str:
    """Decode bytes off the wire; every byte survives."""
    return data.decode("utf-8", "surrogateescape")


def to_bytes(value: str) -> bytes:
    r"""Give back the bytes of a text made by `from_bytes`.

    A surrogate that was written as a JSON escape (`\ud800`) has no bytes of its own; it becomes
    the three bytes that WTF-8 gives it.
    """
    try:
        return value.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return value.encode("utf-8", "surrogatepass")


def require_utf8(data: bytes) -> None:
    """Raise UnicodeDecodeError for bytes that are not UTF-8, at little cost where they are ASCII."""
    if data.isascii():
        return
    if len(data) <= _AT_ONCE:
        data.decode()
        return
    decode = getincrementaldecoder("utf-8")().decode
    for start in range(0, len(data), _AT_ONCE):
        decode(data[start : start + _AT_ONCE], final=start + _AT_ONCE >= len(data))


_AT_ONCE = 1 << 20


def storable(value: str) -> str:
    r"""Give a text that is valid Unicode: a byte becomes `\xHH`, an escaped surrogate `\uHHHH`."""
    if value.isascii():
        return value
    try:
        value.encode()
    except UnicodeEncodeError:
        return _visible_at_once(value) or _SURROGATE.sub(_visible, value)
    return value


def _visible_at_once(value: str) -> str | None:
    """Return the readable form of a text full of bytes, such as a picture in a body; None where it is not so simple."""
    try:
        data = value.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return None
    # Bytes that stood apart and are text together must stay bytes.
    return data.decode("utf-8", "backslashreplace") if from_bytes(data) == value else None


def _visible(found: re.Match[str]) -> str:
    code = ord(found.group())
    return f"\\x{code - 0xDC00:02x}" if 0xDC80 <= code <= 0xDCFF else f"\\u{code:04x}"

r"""How ModSecurity 2 and Apache write bytes into a line, undone (formats specification, section 12).

The engine writes `\xhh` for bytes outside 0x20 to 0x7e, and has short forms (`\n`) and `\"` and `\\` everywhere
but in data.  Apache's error log does the same to the whole line once more, and leaves quotes as they are.
"""

from __future__ import annotations

import re

from wafscope.event.text import from_bytes, to_bytes

V = r'[^"\\]*(?:\\.[^"\\]*)*'
"""A value between quotes in which quotes are escaped, as a regular expression."""

_SHORT = {"b": "\b", "n": "\n", "r": "\r", "t": "\t", "v": "\v", '"': '"', "\\": "\\"}
_ESCAPE = re.compile(r'(?:\\x[0-9a-f]{2})+|\\["\\bnrtv]')
_HEX = re.compile(r"(?:\\x[0-9a-f]{2})+")
_APACHE = re.compile(rb"\\x([0-9a-f]{2})|\\([\\\"bnrtv])")
_APACHE_SHORT = {name.encode(): char.encode() for name, char in _SHORT.items()}


def unescape(text: str) -> str:
    """Give back what the engine escaped in a name or a value between quotes."""
    return _whole(_ESCAPE.sub(_character, text)) if "\\" in text else text


def unescape_data(text: str) -> str:
    r"""Give back what the engine escaped in data, where every byte it escapes is `\xhh`."""
    return _whole(_HEX.sub(_character, text)) if "\\x" in text else text


def unescape_apache(line: bytes) -> bytes:
    """Take off the escaping of Apache's error log: one level of the whole line."""
    if b"\\" not in line:
        return line
    # Almost all escapes are doubled backslashes; between them the others stand out.
    return b"\\".join([_APACHE.sub(_byte, part) if b"\\" in part else part for part in line.split(b"\\\\")])


def is_utf8(data: bytes) -> bool:
    """Tell whether bytes are UTF-8 as a whole."""
    if data.isascii():
        return True
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _character(found: re.Match[str]) -> str:
    escape = found[0]
    if escape[1] == "x":
        return from_bytes(bytes.fromhex(escape.replace("\\x", "")))
    return _SHORT[escape[1]]


def _whole(text: str) -> str:
    """Put bytes that stand beside each other together: two of them can be one character."""
    return text if text.isascii() else from_bytes(to_bytes(text))


def _byte(found: re.Match[bytes]) -> bytes:
    return bytes.fromhex(found[1].decode()) if found[1] is not None else _APACHE_SHORT[found[2]]

"""What stands around a word such as `password` where it is the name of a secret, in any encoding.

Each check may say yes too often, for `Finder` looks after it, but never no where `Finder` finds something.
"""

from __future__ import annotations

import re

CODED = r"(?:%(?:25)*|\\+(?:x|u00))"
LETTER = rf"{CODED}(?:4[1-9a-f]|5[0-9a]|6[1-9a-f]|7[0-9a])"
"""A letter that stands in a code."""
DIGIT = (
    rf"{CODED}3[0-9]|%(?:25)*u00[3-7][0-9a-f]|&#0*(?:4[89]|5[0-7]|6[5-9]|[78][0-9]|9[07-9]|1[01][0-9]|12[0-2]);"
    "|&#x0*(?:3[0-9]|4[1-9a-f]|5[0-9a]|6[1-9a-f]|7[0-9a]);"
)
"""A digit that stands in a code, or a letter in a code of a page or a script."""
SEPARATOR = r"(?:[^a-z0-9]|\\[nrt]|[%\\][0-9a-fxu%\\]{2,16})?"
"""What may stand between the parts of a name, in a code or not."""
_QUOTE = r"""(?:\\*["'`]|\\+(?:x|u00)2[27]|%(?:25)*2[27]|&(?:quot|apos|#34|#39|#x22|#x27);)"""
_BETWEEN = r"(?:\s|\\+[nrt]|%(?:25)*(?:20|0[9ad])|\+)*"
_FEW_BETWEEN = _BETWEEN.removesuffix("*") + "{0,40}"
_COMMA = r"(?:,|%(?:25)*2c|\\+(?:x|u00)2c)"
COLON = r"(?:=|:|%(?:25)*3[ad]|\\+(?:x|u00)3[ad])"
_QUOTED_SIGN = rf"{_BETWEEN}(?:{COLON}|{_COMMA}{_BETWEEN}{_QUOTE}value|$)"
_SIGN = rf"{_BETWEEN}(?:{COLON}|{_QUOTE}{_QUOTED_SIGN})"
OPENING = r"(?:<|%(?:25)*3c|\\+(?:x|u00)3c|&lt;)"
TAG = rf"{OPENING}(?:input|meta|param|entry|property|textarea|name|key)"
"""What begins a field of a form, or an element that holds a name."""
NAMING = rf"{_QUOTE}(?:key|name|id){_QUOTE}{_BETWEEN}:{_BETWEEN}{_QUOTE}"
"""What begins a member of JSON that holds a name."""

_SIGNED = re.compile(f"(?im){_SIGN}".encode())
_BLANKS = re.compile(f"(?i){_BETWEEN}+".encode())
_QUOTED = re.compile(f"(?im){_QUOTED_SIGN.replace(_BETWEEN, _FEW_BETWEEN)}".encode())
_CODED_QUOTES = (b"%22", b"2522", b"x22", b"0022")
_ENTITIES = (b"&quot;", b"&#34;", b"&#x22;", b"&#X22;")
"""What the name of a member of JSON ends before where its quote stands in a code."""
_RUN = re.compile(rb"[\w.\-\[\]%$\x80-\xff]*+")
"""The rest of a name."""
_LONGEST_TAG = 6200
"""Bytes from the start of a tag to a name in it, each of which may stand in a code."""
_LONGEST_NAMING = 400
"""Bytes from the quote that opens a name to the end of a word in it."""
_ELEMENT = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.:-%\\"
"""What the name of an element is made of, in a code or not."""
_COLLECTIONS = (
    b"args", b"args_get", b"args_post", b"request_headers", b"response_headers", b"multipart_part_headers", b"files",
    b"xml", b"json", b"env", b"session",
)  # fmt: skip
_APART = bytes.maketrans(b"'\"`,|", b"     ")
"""What the name of a variable ends before."""


class Around:
    """What stands around the words of a text, of which one after the other is asked for."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.tag = -_LONGEST_TAG
        """Where what begins a tag ended last."""
        self.naming = -_LONGEST_NAMING
        """Where what begins a member that holds a name ended last."""
        self.multipart = -1
        """Where a part of multipart began last."""
        self._without_sign = -1
        """Up to here a name goes on behind which there is no sign."""
        self._with_sign = 0, -1
        """From here to there a name goes on behind which there is one: a client may repeat a word in it as often as it
        likes."""

    def is_name(self, position: int) -> bool:
        """Tell whether a word that ends at a position, or one byte behind it, may be the name of a secret."""
        return (
            self._is_before_sign(position)
            or self._is_in_member(position)
            or position - self.naming < _LONGEST_NAMING
            or (position - self.tag < _LONGEST_TAG and self._data.find(b"<", self.tag, position) < 0)
            or self._is_in_multipart(position)
            or self._is_behind(position)
        )

    def _is_before_sign(self, position: int) -> bool:
        if position <= self._without_sign:
            return False
        if self._with_sign[0] <= position <= self._with_sign[1]:
            return True
        data = self._data
        run = _RUN.match(data, position)
        end = position if run is None else run.end()
        if _SIGNED.match(data, end):
            self._with_sign = position, end
            return True
        code = data.find(b"%", position, end)
        while code >= 0:
            blanks = _BLANKS.match(data, code)
            behind = code if blanks is None else blanks.end()
            if _SIGNED.match(data, behind):
                self._with_sign = position, code
                return True
            # Each of many blanks is gone over once.
            code = data.find(b"%", max(code + 1, behind), end)
        self._without_sign = end
        return False

    def _is_in_multipart(self, position: int) -> bool:
        """Tell whether a part of multipart began on the same line."""
        if self.multipart < 0:
            return False
        feed = self._data.find(b"\n", self.multipart, position)
        self.multipart = max(position, self.multipart) if feed < 0 else -1
        return feed < 0

    def _is_in_member(self, position: int) -> bool:
        """Tell whether a word is in the name of a member of JSON, of which more words may follow."""
        data, end = self._data, position + _LONGEST_NAMING
        place = data.find(b'"', position, end)
        if place >= 0 and _QUOTED.match(data, place + 1):
            return True
        behind = data[position : end if place < 0 else place]
        quotes = (_CODED_QUOTES if b"22" in behind else ()) + (_ENTITIES if b"&" in behind else ())
        if not quotes:
            return False
        places = [(behind.find(quote), len(quote)) for quote in quotes if quote in behind]
        return any(_QUOTED.match(data, position + place + size) for place, size in places)

    def _is_behind(self, position: int) -> bool:
        """Tell whether a word is the name of an element, or of a variable that a rule looked at."""
        before = self._data[max(0, position - _LONGEST_NAMING) : position]
        apart = before.rstrip(_ELEMENT)
        if apart.endswith((b"<", b";")) or b"3c" in before[len(apart) :].lower():
            return True
        word = before[before.rfind(b" ") + 1 :]
        if b":" not in word:
            return False
        words = word.translate(_APART).rsplit(None, 1)
        return bool(words) and any(each.lower().endswith(_COLLECTIONS) for each in words[-1].split(b":")[:-1])

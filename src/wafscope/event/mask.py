"""What stands in the place of a masked value: enough to see that two values were equal, and no more."""

from __future__ import annotations

import re
from hashlib import blake2b

MASK = re.compile(r"masked-[0-9a-f]{8}")
"""In letters, digits and one hyphen: the same in a URL, a header, JSON, a native record and an error log."""
MASK_BYTES = re.compile(MASK.pattern.encode())
_PURPOSE = b"wafscope mask"
_SIZE = 4
_MOST_KEY = 64


def mask(value: bytes, key: bytes) -> bytes:
    """Return what stands for a value; `key` is the store's own, so that values cannot be tried out from outside."""
    return b"masked-" + blake2b(value, digest_size=_SIZE, key=key[:_MOST_KEY], person=_PURPOSE).hexdigest().encode()

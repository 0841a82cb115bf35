"""The separator lines of native records: its sections are told by the boundary of the record itself."""

from __future__ import annotations

import re

V2 = re.compile(rb"--(?<![^\n\0]--)([0-9a-f]{8})-([A-Z])--\r?$", re.MULTILINE)
V3 = re.compile(rb"---(?<![^\n\0]---)([0-9A-Za-z]{8})---([A-Z])--\r?$", re.MULTILINE)
CORAZA = re.compile(rb"--(?<![^\n\0]--)([A-Za-z]{10}|[A-Za-z]{16})-([A-Z])--\r?$", re.MULTILINE)
"""Separator lines.  Where a line begins, they do; and behind the NUL bytes that a crash of the machine leaves in a
file, which no client can write into a header."""


def behind(prefix: bytes) -> re.Pattern[bytes]:
    """Return the separator lines of libmodsecurity 3 with SecAuditLogPrefix, which stands before every line."""
    pattern = rb"(?:^|(?<=\0))" + re.escape(prefix) + rb"---([0-9A-Za-z]{8})---([A-Z])--\r?$"
    return re.compile(pattern, re.MULTILINE)


_BODIES = frozenset((b"C", b"E", b"I"))


def is_spliced(record: bytes, separator: re.Pattern[bytes]) -> bool:
    """Tell a record in which a line of another boundary stands where no client can have written it."""
    first = separator.match(record)
    if first is None:
        return False  # behind a prefix: no such line begins a line here
    letter = b"A"
    for line in separator.finditer(record):
        if line[1] == first[1]:
            letter = line[2]
        elif letter not in _BODIES:
            return True
    return False

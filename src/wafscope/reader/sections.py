"""Taking a native record apart: its sections, told by the boundary of the record itself."""

from __future__ import annotations

import re

from wafscope.reader.base import Section

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


def sections_of(record: bytes, separator: re.Pattern[bytes]) -> list[Section]:
    """Split one whole record at the separator lines that carry the boundary of its first line.

    A line of another boundary is part of the section it stands in: a client can send such lines in a body.
    The body of a section is all that stands between the line feed that ends its separator line and the next
    separator line; the line feeds that the engine puts before a separator are still in it.
    Raises ValueError when the record does not begin with a separator line.
    """
    first = separator.match(record)
    if first is None:
        raise ValueError("no separator line at the start")
    own = b"\n" + record[: first.start(2)]
    found: list[Section] = []
    letter, start = first[2], first.end() + 1
    position = record.find(own, first.end())
    while position >= 0:
        line = separator.match(record, position + 1)
        if line is not None:
            found.append(Section(letter.decode(), record[start : position + 1]))
            letter, start = line[2], line.end() + 1
        position = record.find(own, position + 1)
    found.append(Section(letter.decode(), record[start:]))
    return found


def is_spliced(record: bytes, separator: re.Pattern[bytes]) -> bool:
    """Tell a record in which a line of another boundary stands where no client can have written it."""
    first = separator.match(record)
    if first is None:
        return False  # behind a prefix: no such line begins a line here
    own = record[: first.start(2)]
    lead = b"\n" + own[: len(own) - len(own.lstrip(b"-"))]
    if record.count(lead) == record.count(b"\n" + own):
        return False
    letter = b"A"
    for line in separator.finditer(record):
        if line[1] == first[1]:
            letter = line[2]
        elif letter not in _BODIES:
            return True
    return False

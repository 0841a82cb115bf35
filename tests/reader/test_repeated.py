"""What imitates the form of a log a thousand times over takes a time that grows as its length does."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable

import pytest

from wafscope.reader.base import Context
from wafscope.reader.framing import read_pieces
from wafscope.reader.walk import settled

SMALL, TIMES = 1_000, 8
LEAST = 0.01
"""Seconds: what else the processor may do."""
FACTS = b"[18/Nov/2026:00:00:00 +0000] a 192.0.2.7 1 198.51.100.2 2\n"
OPEN = b"--0a1b2c3d-A--\n" + FACTS + b"--0a1b2c3d-B--\nPOST / HTTP/1.1\nContent-Length: 5\n\n--0a1b2c3d-C--\n"
LINES: dict[str, tuple[bytes, Callable[[int], bytes]]] = {
    "separators that open nothing": (b"", lambda i: b"--%08x-A--\n" % i),
    "the same separator": (b"", lambda _: b"--0a1b2c3d-A--\n"),
    "ends of others": (b"", lambda i: b"---%08d---A--\n---%08d---Z--\n" % (i, i + 1)),
    "separators behind syslog": (b"", lambda i: b"<13>Nov 24 00:00:00 h%d a[1]: --%08x-A--\n" % (i, i)),
    "prefixes": (b"", lambda i: b"p%d---abcdefgh---A--\np%d[\np%d---abcdefgh---Z--\n" % (i, i, i)),
    "openings between sections": (OPEN.partition(b"--0a1b2c3d-C")[0], lambda i: b"--%08x-A--\n" % i),
    "records in a body": (OPEN, lambda i: b"--%08x-A--\n" % i + FACTS + b"\n--0a1b2c3d-C--\n"),
    "braces": (b"", lambda i: bytes(9 if i >> k & 1 else 32 for k in range(17)) + b"{\n"),
    "empty lines": (b"", lambda _: b"\n\r\n" * 20),
}


def work(data: bytes) -> float:
    """What it takes to cut and read a log: seconds of the processor."""
    gc.collect()
    gc.disable()  # else it depends on all that other tests have left
    least = 99.0
    for _ in range(2):
        before = time.process_time()
        settled(data)
        list(read_pieces(data, 0, Context()))
        least = min(least, time.process_time() - before)
    gc.enable()
    return least


@pytest.mark.parametrize("name", LINES)
def test_the_work_grows_as_the_log_does(name: str) -> None:
    head, line = LINES[name]
    small, large = (head + b"".join(map(line, range(number))) for number in (SMALL, SMALL * TIMES))
    assert work(large) < (work(small) + LEAST) * TIMES * 3


@pytest.mark.parametrize("prefix", [b"<13>Nov 24 00:00:00 h a[1]: ", b"2026-11-24T00:00:00.000000000Z stdout F "])
def test_prefixes_in_front_of_prefixes_end_no_source(prefix: bytes) -> None:
    data = prefix * 2_000 + b"x\n"
    assert settled(data) == len(data)
    assert sum(piece.length or 0 for piece in read_pieces(data, 0, Context())) == len(data)


def test_empty_lines_are_passed_over_at_once() -> None:
    assert len(list(read_pieces(b"\n" * 1_000, 0, Context()))) == 1

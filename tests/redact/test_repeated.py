"""A client that repeats itself costs what its bytes cost, and no more: the work grows as the text does."""

from __future__ import annotations

import gc
import json
import time

import pytest
from tests.make import v3_record

from wafscope.reader.base import Context, Found
from wafscope.reader.framing import read_pieces
from wafscope.redact.event import Redactor
from wafscope.settings import Redaction

SMALL, TIMES = 1 << 14, 8
LEAST = 0.01
"""Seconds: what else the processor may do."""


def logged(place: str, text: str) -> bytes:
    """A record with a text in some place."""
    record = json.loads(v3_record())
    request = record["transaction"]["request"]
    request.setdefault("headers", {})
    match place:
        case "body":
            request["body"] = text
        case "name":
            request["headers"][text] = "v"
        case _:
            request["headers"][place] = text
    return json.dumps(record).encode() + b"\n"


def work(record: bytes) -> float:
    """What it takes to read and mask a record: seconds of the processor."""
    gc.collect()
    gc.disable()  # else it depends on all that other tests have left
    least = 99.0
    for _ in range(3):
        redactor = Redactor(Redaction(), b"k" * 32)  # what it has seen before, it remembers
        before = time.process_time()
        for piece in read_pieces(record, 0, Context()):
            assert isinstance(piece, Found)
            assert redactor.redact(piece, "UTC") is not None
        least = min(least, time.process_time() - before)
    gc.enable()
    return least


@pytest.mark.parametrize(
    ("place", "word"),
    [("body", "eyJ-"), ("name", "pwd"), ("name", "pwd%20"), ("X-Note", "eyJ-")],
)
def test_the_work_grows_as_the_text_does(place: str, word: str) -> None:
    small, large = (logged(place, word * (size // len(word))) for size in (SMALL, SMALL * TIMES))
    assert work(large) < (work(small) + LEAST) * TIMES * 3

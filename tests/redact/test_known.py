"""What is kept of texts that come again is bounded."""

from __future__ import annotations

import sys

from wafscope.redact.record import Masker
from wafscope.settings import Redaction

KEY = b"k" * 32
MOST = 24 << 20
"""Bytes that a worker may keep, whatever it reads."""


def kept(masker: Masker) -> int:
    """Bytes of all that is kept of texts."""
    size = 0
    for half in (masker._known._new, masker._known._old):
        size += sys.getsizeof(half)
        for key, text in half.items():
            each = [
                key,
                key[0],
                key[2],
                text,
                text.region,
                text.view,
                text.view.data,
                text.found,
                text.levels,
                text._bare,
            ]
            size += sum(sys.getsizeof(part) for part in {id(part): part for part in each if part is not None}.values())
            if text.view._parent is not None:
                size += sys.getsizeof(text.view._parent) + sys.getsizeof(text.view._parent._places)
            assert text.view._places is None
    return size


def page(number: int, size: int) -> bytes:
    """A record whose texts never came before, with escapes and a secret."""
    body = (b'%d <p class=\\"x\\">\\n' % number) * (size // 20)
    head = b'{"transaction":{"request":{"headers":{"Cookie":"sid=value-of-%d"},"uri":"/%d"},' % (number, number)
    return head + b'"response":{"body":"token=value-of-%d %s"}}}' % (number, body)


def test_what_is_kept_of_texts_is_bounded() -> None:
    masker = Masker(Redaction(), KEY)
    largest = 0
    for number in range(90):
        size = 100_000 if number % 2 else 2_000
        for sources in masker.read([(page(number, size), "v3.json"), (page(-number - 1, 90), "v3.json")]):
            redacted = masker.redact(sources)
            assert redacted is not None
            assert b"value-of" not in redacted.raw
        largest = max(largest, kept(masker))
    assert (1 << 20) < largest < MOST


def test_small_texts_are_counted_with_what_they_take() -> None:
    masker = Masker(Redaction(), KEY)
    for start in range(0, 12_000, 400):
        records = [
            (b'{"transaction":{"request":{"headers":{"X-A":"%d"}}}}' % n, "v3.json") for n in range(start, start + 400)
        ]
        for sources in masker.read(records):
            assert masker.redact(sources) is None
    assert kept(masker) < MOST


def test_a_text_that_came_before_is_the_very_same_and_a_huge_one_is_not_kept() -> None:
    masker = Masker(Redaction(), KEY)
    first, second = masker.read([(page(1, 2_000), "v3.json")] * 2)
    assert [text is other for text, other in zip(first.texts, second.texts, strict=True)] == [True, True, True]
    huge, again = masker.read([(page(1, 400_000), "v3.json")] * 2)
    assert huge.texts[-1] is not again.texts[-1]

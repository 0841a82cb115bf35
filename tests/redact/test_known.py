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
        for raw in (page(number, size), page(-number - 1, 90)):
            redacted = masker.redact(masker.read(raw, "v3.json"))
            assert redacted is not None
            assert b"value-of" not in redacted.raw
        largest = max(largest, kept(masker))
    assert (1 << 20) < largest < MOST


def test_small_texts_are_counted_with_what_they_take() -> None:
    masker = Masker(Redaction(), KEY)
    for start in range(0, 12_000, 400):
        for number in range(start, start + 400):
            raw = b'{"transaction":{"request":{"headers":{"X-Token-Of":"masked-%08x"}}}}' % number
            assert masker.redact(masker.read(raw, "v3.json")) is None
    assert kept(masker) < MOST


def test_a_text_that_came_before_is_the_very_same_and_a_huge_one_is_not_kept() -> None:
    masker = Masker(Redaction(), KEY)
    first, second = (masker.read(page(1, 2_000), "v3.json").places() for _ in range(2))
    assert [place.text is other.text for place, other in zip(first, second, strict=True)] == [True, True, True]
    huge, again = (masker.read(page(1, 400_000), "v3.json").places() for _ in range(2))
    assert huge[-1].text is not again[-1].text

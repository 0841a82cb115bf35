"""Numbers, shares and lengths of time as each language writes them."""

from __future__ import annotations

from functools import lru_cache

from babel.numbers import format_decimal

from wafscope.i18n.text import Text, text

MINUS = "−"
_TIMES = 10
"""A growth from here on is said as a factor: "×12" is read more easily than "+1,100 %"."""


@lru_cache(maxsize=4096)
def decimal(value: float, language: str) -> str:
    """Write a number with the grouping of the language."""
    return format_decimal(value, locale=language).replace("-", MINUS)


def short(value: int, top: int, language: str) -> str:
    """Write a number for the edge of a chart that goes up to `top`: 4 k of 16 k, 3 M of 12 M."""
    for size, sign in ((1_000_000, "M"), (1_000, "k")):
        if value and top >= 10 * size:
            return f"{decimal(round(value / size, 2), language)} {sign}"
    return decimal(value, language)


def percent(part: float, whole: float) -> str:
    """Write a share; never "0 %" of something nor "100 %" of less than all."""
    if whole <= 0 or part <= 0:
        return "0 %"
    if part >= whole:
        return "100 %"
    share = round(100 * part / whole)
    if share == 0:
        return "<1 %"
    return ">99 %" if share == 100 else f"{share} %"


def change(now: int, before: int, language: str) -> str:
    """Write how a count changed against one that is not zero."""
    ratio = now / before
    if ratio >= _TIMES:
        return f"×{decimal(round(ratio), language)}"
    share = round(100 * (ratio - 1))
    if share == 0:
        return "0 %" if now == before else ("+<1 %" if now > before else f"{MINUS}<1 %")
    return f"+{share} %" if share > 0 else f"{MINUS}{-share} %"


def duration(microseconds: int) -> Text:
    """Write a length of time with its two largest units."""
    seconds = max(0, round(microseconds / 1_000_000))
    minutes, second = divmod(seconds, 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    if days:
        return text("{d} d {h} h", d=days, h=hour) if hour else text("{d} d", d=days)
    if hours:
        return text("{h} h {m} min", h=hour, m=minute) if minute else text("{h} h", h=hour)
    if minutes:
        return text("{m} min {s} s", m=minute, s=second) if second else text("{m} min", m=minute)
    return text("{s} s", s=second)


def lapse(microseconds: int, language: str) -> str:
    """Write a short length of time with three digits: 767 µs, 4.66 ms, 1.23 s."""
    for size, sign in ((1_000_000, "s"), (1_000, "ms")):
        if microseconds >= size:
            value = microseconds / size
            return f"{decimal(round(value, 2 if value < 10 else 1 if value < 100 else 0), language)} {sign}"
    return f"{microseconds} µs"


def size(number: int, language: str) -> str:
    """Write a number of bytes: 812 B, 3.4 kB, 12 MB."""
    for unit, sign in ((1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB")):
        if number >= unit:
            value = number / unit
            return f"{decimal(round(value, 1 if value < 10 else 0), language)} {sign}"
    return f"{number} B"

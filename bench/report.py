"""What a measurement is held against, and how it is printed."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec


class Check(msgspec.Struct, frozen=True):
    """A figure beside its limit: at least `required`, or with `at_most` at most."""

    value: float
    required: float
    met: bool
    aim: float | None = None
    at_most: bool = False


def at_least(value: float, required: float, aim: float | None = None) -> Check:
    """A figure that should be large."""
    return Check(round(value, 4), required, value >= required, aim)


def at_most(value: float, required: float) -> Check:
    """A figure that should be small."""
    return Check(round(value, 4), required, value <= required, at_most=True)


def sentence(check: Check) -> str:
    """A figure and what was asked of it."""
    sign = "≤" if check.at_most else "≥"
    aim = f", aim {check.aim:g}" if check.aim is not None else ""
    return f"{check.value:.3g} ({sign} {check.required:g}{aim}: {'met' if check.met else 'MISSED'})"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns side by side, the first one to the left, the others to the right."""
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]
    lines = [
        "  ".join(
            cell.ljust(w) if i == 0 else cell.rjust(w) for i, (cell, w) in enumerate(zip(row, widths, strict=True))
        )
        for row in (head, *rows)
    ]
    return "\n".join(line.rstrip() for line in lines)


def megabytes(size: float) -> str:
    """A size for a person."""
    return f"{size / 1e6:.1f} MB"


def percentile(values: Sequence[float], part: float) -> float:
    """The smallest value that so large a part of all values does not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -int(-part * len(ordered) // 1) - 1)]

"""What the fuzzer runs: any bytes are read, and what must hold for all bytes is checked.

python -m tests.fuzz.target -runs=100000 FOLDER-OF-SEEDS
"""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["wafscope.reader"]):
    from wafscope.reader.base import Context, Found, Piece, Unreadable
    from wafscope.reader.framing import read_pieces
    from wafscope.reader.walk import settled


def ranges(piece: Piece) -> list[tuple[int, int]]:
    """Where a piece stands: (offset, length), several times perhaps."""
    if isinstance(piece, Unreadable):
        return [(piece.offset, len(piece.data) if piece.length is None else piece.length), *piece.more]
    return [(piece.offset, piece.length), *(piece.more if isinstance(piece, Found) else ())]


def check(data: bytes) -> None:
    """Read `data`, and check that its pieces cover it, and that what is settled can be read alone."""
    pieces = list(read_pieces(data, 0, Context()))
    position = 0
    for offset, length in sorted(place for piece in pieces for place in ranges(piece) if place[1]):
        assert offset == position, (offset, position)
        position += length
    assert position == len(data), (position, len(data))
    cut = settled(data)
    assert 0 <= cut <= len(data)
    assert settled(data, final=True) == len(data)


def main() -> None:
    """Hand over to the fuzzer, which ends the process."""
    atheris.Setup(sys.argv, check)
    atheris.Fuzz()


if __name__ == "__main__":
    main()

"""What every reading of a log must be: pieces that cover all of its bytes, none of them twice."""

from __future__ import annotations

from wafscope.reader.base import Context, Found, Piece, Unreadable
from wafscope.reader.framing import read_pieces


def ranges(piece: Piece) -> list[tuple[int, int]]:
    """Where a piece stands in the input: offset and length of each of its parts."""
    if isinstance(piece, Unreadable):
        return [(piece.offset, len(piece.data) if piece.length is None else piece.length), *piece.more]
    return [(piece.offset, piece.length), *(piece.more if isinstance(piece, Found) else ())]


def covering(data: bytes, context: Context | None = None, *, offset: int = 0) -> list[Piece]:
    """Read, and check that the pieces cover the bytes without gap or overlap.

    What stands behind the prefixes of a stream comes when the stream is over, and so perhaps after what follows it.
    """
    pieces = list(read_pieces(data, offset, context or Context()))
    position = offset
    for start, length in sorted(place for piece in pieces for place in ranges(piece) if place[1]):
        assert start == position
        position += length
    assert position == offset + len(data)
    return pieces

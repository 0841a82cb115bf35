"""All reading paths give the same event for every libmodsecurity 3 JSON record of the corpus."""

from __future__ import annotations

import msgspec
import pytest
from tests.corpus.place import CORPUS, JSON_RUNS, ODD, logs

from wafscope.event.model import Event
from wafscope.reader.base import Context, Found
from wafscope.reader.framing import read_pieces
from wafscope.reader.modsecurity_json import read_fast, read_pairs, read_tolerant
from wafscope.reader.walk import settled
from wafscope.source.oneshot import read_once

pytestmark = [
    pytest.mark.corpus,
    pytest.mark.skipif(not CORPUS.is_dir(), reason="the real runs are not beside the project"),
]

CONTEXT = Context()
ODD_RUNS = tuple(sorted(p.name for p in ODD.glob("*ng3*json*")))


def records(paths: list[str]) -> list[Event]:
    """Every record of these files, most of them read together."""
    return [
        piece.event
        for path in paths
        for stretch in read_once(path, settled)
        for piece in read_pieces(stretch.data, stretch.offset, CONTEXT)
        if isinstance(piece, Found)
    ]


@pytest.mark.parametrize("run", [*JSON_RUNS, *(f"odd/{name}" for name in ODD_RUNS)])
def test_both_paths_give_the_same_event(run: str) -> None:
    fast = 0
    found = records(logs(run))
    for together in found:
        raw = together.raw
        event = read_tolerant(raw, CONTEXT)
        assert together == event
        assert event == read_pairs(raw, CONTEXT)
        try:
            quick = read_fast(raw, CONTEXT)
        except (ValueError, msgspec.MsgspecError):
            # What the fast path refuses must show why.
            assert event.flags, raw[:200]
        else:
            fast += 1
            assert event == quick
    assert fast >= len(found) // 2

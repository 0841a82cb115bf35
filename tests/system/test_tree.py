"""A concurrent log of many files; `python -m bench tree` takes the same for 100 000."""

from __future__ import annotations

import pytest
from bench import tree

FILES = 3000


@pytest.mark.parametrize("after", ["delete", "keep"])
def test_many_files_are_stored_and_cost_little_afterwards(after: str) -> None:
    report = tree.run(tree.Wish(FILES, after, idle=3.0), lambda _: None)

    assert report.stored == FILES
    assert (report.gone_seconds is not None) == (after == "delete")
    # Time of the processor, not of the clock: what else the machine does is not in it.
    assert report.idle.met
    assert str(FILES) in tree.render(report)

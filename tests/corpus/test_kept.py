"""What Coraza's readers keep for lines that come again never changes an event."""

from __future__ import annotations

import pytest
from tests.corpus.place import CORPUS
from tests.corpus.test_coraza import RUNS, records

from wafscope.event.model import Event
from wafscope.reader import coraza_entries, coraza_fired, coraza_json, coraza_line, coraza_native, coraza_quote
from wafscope.reader.base import Context

pytestmark = [
    pytest.mark.corpus,
    pytest.mark.skipif(not CORPUS.is_dir(), reason="the real runs are not beside the project"),
]

CONTEXT = Context()


KEPT = (
    coraza_entries._begins_usually,
    coraza_entries._kept,
    coraza_fired._kept,
    coraza_json._answered_kept,
    coraza_json._asked_kept,
    coraza_line._rule_kept,
    coraza_native._letters,
    coraza_quote._kept,
)


def forget() -> None:
    """Empty all that is kept."""
    for kept in KEPT:
        kept.cache_clear()


@pytest.mark.parametrize("run", RUNS)
def test_an_event_does_not_depend_on_what_was_read_before(run: str) -> None:
    found = list(records(run))
    read = coraza_json.read_fast if "-json-" in run else coraza_native.read

    def afresh(record: bytes) -> Event:
        forget()
        return read(record, CONTEXT)

    alone = [afresh(record) for record in found]
    forget()
    forwards = [read(record, CONTEXT) for record in found]
    assert coraza_fired._kept.cache_info().hits + coraza_entries._kept.cache_info().hits > 0
    again = [read(record, CONTEXT) for record in found]
    forget()
    backwards = [read(record, CONTEXT) for record in reversed(found)][::-1]
    assert alone == forwards
    assert alone == again
    assert alone == backwards

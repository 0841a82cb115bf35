"""What the hard files hold for this format: a table of each, with the reason.

(events, of them known already, quarantined pieces, foreign lines)
"""

from __future__ import annotations

import pytest
from tests.corpus.place import CORPUS, ODD

from wafscope.errors import InputError
from wafscope.ingest.pipeline import Setting, Summary, import_paths
from wafscope.store.memory import MemoryStore

pytestmark = [
    pytest.mark.corpus,
    pytest.mark.skipif(not CORPUS.is_dir(), reason="the real runs are not beside the project"),
]

Counts = tuple[int, int, int, int]

CONSTRUCTED: dict[str, tuple[Counts, str]] = {
    "bom-crlf.jsonl": (
        (10, 0, 0, 0),
        "a byte-order mark is foreign, a CR at the line end no part of a record",
    ),
    "cut.jsonl.gz": (
        (2, 0, 2, 0),
        "what can be unpacked is read; the torn record and the torn archive count",
    ),
    "deep-nesting.jsonl": ((1, 0, 1, 0), "20 000 levels are refused, the record after them is read"),
    "duplicate-key-toplevel.jsonl": ((1, 0, 0, 0), "the last of repeated members counts, as in every JSON reader"),
    "duplicate-records.jsonl": ((20, 5, 0, 0), "five of the twenty are the same bytes again"),
    "garbage-lines.jsonl": (
        (2, 0, 2, 8),
        "a transaction that tells nothing is quarantined, all else foreign",
    ),
    "interleaved.jsonl": (
        (5, 0, 2, 0),
        "two intact lines, a record inside another whose halves are quarantined, two records on one line",
    ),
    "mixed-formats.log": ((2, 0, 1, 243), "the two v3 JSON records; other formats come with their readers"),
    "named-gz-but-plain.gz": ((5, 0, 0, 0), "compression is told by content, not by name"),
    "no-final-newline.jsonl": ((10, 0, 0, 0), "the last record is whole"),
    "nul-at-start-sparse.jsonl": ((5, 0, 0, 0), "64 KiB of NUL are blank"),
    "nul-block.jsonl": ((10, 0, 0, 0), "4096 NUL bytes before a record are blank"),
    "ok.jsonl.gz": ((10, 0, 0, 0), "gzip"),
    "surrogates.jsonl": ((1, 0, 0, 0), "lone surrogates are kept and flagged"),
    "truncated-head.jsonl": ((10, 0, 1, 0), "the tail of a record is quarantined"),
    "truncated.jsonl": ((10, 0, 1, 0), "the eleventh record is cut"),
    "two-members.jsonl.gz": ((15, 0, 0, 0), "gzip with two members"),
    "utf16.jsonl": ((0, 0, 3, 0), "UTF-16 is no log of this engine: quarantined, not dropped"),
    "wrong-types.jsonl": (
        (20, 4, 0, 0),
        "a member that is missing or of a wrong type costs that member only; four lines are the same bytes again",
    ),
}

RUNS: dict[str, tuple[Counts, str]] = {
    "custom-ng309-det-json": ((26, 0, 0, 0), "intact"),
    "custom-ng309-on-json": ((26, 0, 0, 0), "intact"),
    "custom-ng315-on-json": ((26, 0, 0, 0), "intact; has is_interrupted"),
    "diskfull-ng309-json": ((28, 0, 1, 0), "the last record before the disk was full is cut"),
    "huge-ng309-json": ((5, 0, 0, 0), "bodies of 8.4 MB"),
    "kill9-ng309-json": ((9, 0, 0, 0), "kill -9 while 1.7 MB records were written: all whole"),
    "manymsg-pl4-ng309-json": ((4, 0, 0, 0), "up to 250 hostile arguments in one request"),
    "rotate-ng309-json": ((40, 0, 0, 0), "the copy made by copytruncate, and what was written after it"),
    "shared-ng309-json-a": ((480, 0, 0, 0), "two servers, one log: the engine's lock keeps records whole"),
    "stdout-mixed-ng309-json": (
        (598, 0, 4, 1963),
        "599 access and 1364 error lines; two spliced records",
    ),
    "variant-ng309-json-parts-abcdefghijkz": ((71, 0, 0, 0), "all parts"),
    "variant-ng309-json-parts-abfhz": ((72, 0, 0, 0), "no part I, J, E"),
    "variant-ng309-json-parts-ahz": ((72, 0, 0, 0), "no headers: no Host"),
    "variant-ng309-json-parts-az": ((71, 0, 0, 0), "nothing but the transaction: no messages, no producer"),
}

EXTRACTS: dict[str, tuple[Counts, str]] = {
    "ng309-json-control-escapes.jsonl": ((16, 0, 0, 0), "escapes of control characters"),
    "ng309-json-duplicate-keys.jsonl": ((25, 0, 0, 0), "repeated headers"),
    "ng309-json-invalid-utf8.jsonl": ((41, 0, 0, 0), "Shift_JIS, EUC-JP, %ff, binary"),
    "ng309-json-largest-record.jsonl": ((1, 0, 0, 0), "589 410 bytes"),
    "ng309-json-no-host-or-empty-headers.jsonl": ((5, 0, 0, 0), "no Host, or no header at all"),
}

TABLE = [
    *((f"constructed/{name}", counts) for name, (counts, _) in CONSTRUCTED.items()),
    *((f"{name}/audit", counts) for name, (counts, _) in RUNS.items()),
    *((f"genuine-extracts/{name}", counts) for name, (counts, _) in EXTRACTS.items()),
]


def imported(name: str) -> Summary:
    """Import one file or folder into a store of its own."""
    with MemoryStore() as store:
        return import_paths(store, [str(ODD / name)], Setting("s"))


@pytest.mark.parametrize(("name", "expected"), TABLE)
def test_hard_files_give_what_they_hold(name: str, expected: Counts) -> None:
    done = imported(name)
    assert expected == (done.stored + done.duplicate, done.duplicate, done.quarantined, done.foreign)


@pytest.mark.parametrize("name", ["constructed/empty.log", "empty-ng309-json/audit"])
def test_nothing_at_all_is_an_error_with_a_hint(name: str) -> None:
    with pytest.raises(InputError, match="0 bytes") as error:
        imported(name)
    assert error.value.hint is not None


def test_only_blank_lines_hold_no_record() -> None:
    with pytest.raises(InputError, match="No audit record"):
        imported("constructed/only-newlines.log")


def test_the_table_names_every_file_of_this_format() -> None:
    others = {"empty.log", "only-newlines.log"}
    native = {name for name in (p.name for p in (ODD / "constructed").iterdir()) if "native" in name}
    assert {p.name for p in (ODD / "constructed").iterdir()} - native - others == set(CONSTRUCTED)
    runs = {p.name for p in ODD.iterdir() if "-ng3" in p.name and "json" in p.name and not p.name.endswith("-b")}
    assert runs - {"empty-ng309-json"} == set(RUNS)
    assert {p.name for p in (ODD / "genuine-extracts").glob("ng309-json-*")} == set(EXTRACTS)

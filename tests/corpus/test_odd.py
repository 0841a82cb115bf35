"""What the hard files and the samples hold: a table of each, with the reason.

(events, of them known already, quarantined pieces, foreign lines)
"""

from __future__ import annotations

import pytest
from tests.corpus.place import CORPUS, ODD

from wafscope.errors import InputError
from wafscope.ingest.pipeline import Setting, Summary, import_paths
from wafscope.query.question import Scope, Top
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
    "crlf-native2.log": ((5, 0, 0, 0), "CR before every line end"),
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
    "interleaved-native3.log": (
        (1, 0, 2, 0),
        "two records woven line by line can not be told apart: quarantined, and the intact one after them read",
    ),
    "interleaved.jsonl": (
        (5, 0, 2, 0),
        "two intact lines, a record inside another whose halves are quarantined, two records on one line",
    ),
    "mixed-formats.log": (
        (5, 0, 0, 0),
        "two v3 JSON, one v3 native, one v2 JSON, one v2 native: told record by record",
    ),
    "named-gz-but-plain.gz": ((5, 0, 0, 0), "compression is told by content, not by name"),
    "no-final-newline.jsonl": ((10, 0, 0, 0), "the last record is whole"),
    "nul-at-start-sparse.jsonl": ((5, 0, 0, 0), "64 KiB of NUL are blank"),
    "nul-block.jsonl": ((10, 0, 0, 0), "4096 NUL bytes before a record are blank"),
    "ok.jsonl.gz": ((10, 0, 0, 0), "gzip"),
    "surrogates.jsonl": ((1, 0, 0, 0), "lone surrogates are kept and flagged"),
    "truncated-head.jsonl": ((10, 0, 1, 0), "the tail of a record is quarantined"),
    "truncated-native2.log": ((5, 0, 1, 0), "the sixth record is cut"),
    "truncated-native3.log": ((5, 0, 1, 0), "the sixth record is cut"),
    "truncated.jsonl": ((10, 0, 1, 0), "the eleventh record is cut"),
    "two-members.jsonl.gz": ((15, 0, 0, 0), "gzip with two members"),
    "utf16.jsonl": ((3, 0, 0, 0), "UTF-16 with its mark, as a program of Windows saves a log: made UTF-8"),
    "wrong-types.jsonl": (
        (20, 4, 0, 0),
        "a member that is missing or of a wrong type costs that member only; four lines are the same bytes again",
    ),
}

RUNS: dict[str, tuple[Counts, str]] = {
    "custom-ap297-det-native-k": ((27, 0, 0, 0), "intact; has part K"),
    "custom-ap297-on-json": ((27, 0, 0, 0), "intact"),
    "custom-ap297-on-native": ((27, 0, 0, 0), "intact"),
    "custom-ng309-det-json": ((26, 0, 0, 0), "intact"),
    "custom-ng309-on-json": ((26, 0, 0, 0), "intact"),
    "custom-ng309-on-native": ((26, 0, 0, 0), "intact"),
    "custom-ng315-on-json": ((26, 0, 0, 0), "intact; has is_interrupted"),
    "diskfull-ap297-json": ((25, 0, 1, 0), "the last record before the disk was full is cut"),
    "diskfull-ap297-native": ((25, 0, 1, 0), "the same, native"),
    "diskfull-ng309-json": ((28, 0, 1, 0), "the last record before the disk was full is cut"),
    "diskfull-ng309-native": ((27, 0, 1, 0), "the same, native"),
    "forged-ap297-native": ((9, 0, 0, 0), "eight bodies carry a forged record each: payload"),
    "forged-ng309-native": ((9, 0, 0, 0), "eight bodies carry a forged record each: payload"),
    "huge-ap297-json": ((5, 0, 0, 0), "bodies of 8.4 MB"),
    "huge-ap297-native": ((5, 0, 0, 0), "bodies of 8.4 MB"),
    "huge-ng309-json": ((5, 0, 0, 0), "bodies of 8.4 MB"),
    "huge-ng309-native": ((5, 0, 0, 0), "bodies of 8.4 MB"),
    "kill9-ng309-json": ((9, 0, 0, 0), "kill -9 while 1.7 MB records were written: all whole"),
    "manymsg-pl4-ap297-native": ((4, 0, 0, 0), "up to 250 hostile arguments in one request"),
    "manymsg-pl4-ng309-json": ((4, 0, 0, 0), "up to 250 hostile arguments in one request"),
    "rotate-ap297-native": ((40, 0, 0, 0), "the file that was renamed, the copy, and what was written after"),
    "rotate-ng309-json": ((40, 0, 0, 0), "the copy made by copytruncate, and what was written after it"),
    "shared-ap297-json-a": (
        (480, 0, 0, 0),
        "two servers, one log, no lock: a record that was written inside another is found, and so is the other",
    ),
    "shared-ap297-native-a": (
        (480, 0, 0, 0),
        "35 places where records are woven into each other; all 480 that were sent are found",
    ),
    "shared-ng309-json-a": ((480, 0, 0, 0), "two servers, one log: the engine's lock keeps records whole"),
    "shared-ng309-native-a": ((480, 0, 0, 0), "the same, native"),
    "stdout-mixed-ng309-json": (
        (944, 0, 4, 743),
        "598 records and 346 transactions of the error log; 599 access lines and 144 other error lines; two spliced",
    ),
    **{
        f"variant-ap297-{kind}-parts-{parts}": ((records, 0, 0, 0), reason)
        for kind, parts, records, reason in (
            ("json", "abcdefghijkz", 72, "all parts"),
            ("json", "abfhz", 72, "no part C, J, E, K"),
            ("json", "ahz", 71, "no headers: no Host"),
            ("json", "az", 71, "nothing but the transaction"),
            ("native", "abcdefghijkz", 71, "all parts"),
            ("native", "abfhz", 71, "no part C, J, E, K"),
            ("native", "ahz", 71, "no headers: no Host"),
            ("native", "az", 71, "nothing but the transaction, and part E where a rule added it"),
        )
    },
    "variant-ng309-json-parts-abcdefghijkz": ((71, 0, 0, 0), "all parts"),
    "variant-ng309-json-parts-abfhz": ((72, 0, 0, 0), "no part I, J, E"),
    "variant-ng309-json-parts-ahz": ((72, 0, 0, 0), "no headers: no Host"),
    "variant-ng309-json-parts-az": ((71, 0, 0, 0), "nothing but the transaction: no messages, no producer"),
    "variant-ng309-native-parts-abcdefghijkz": ((71, 0, 0, 0), "all parts"),
    "variant-ng309-native-parts-abfhz": ((71, 0, 0, 0), "no part I, J, E"),
    "variant-ng309-native-parts-ahz": ((71, 0, 0, 0), "no headers: no Host"),
    "variant-ng309-native-parts-az": ((71, 0, 0, 0), "nothing but the transaction"),
}

EXTRACTS: dict[str, tuple[Counts, str]] = {
    "ng309-json-control-escapes.jsonl": ((16, 0, 0, 0), "escapes of control characters"),
    "ng309-json-duplicate-keys.jsonl": ((25, 0, 0, 0), "repeated headers"),
    "ng309-json-invalid-utf8.jsonl": ((41, 0, 0, 0), "Shift_JIS, EUC-JP, %ff, binary"),
    "ng309-json-largest-record.jsonl": ((1, 0, 0, 0), "589 410 bytes"),
    "ng309-json-no-host-or-empty-headers.jsonl": ((5, 0, 0, 0), "no Host, or no header at all"),
    "ng309-native-fake-boundary.log": ((2, 0, 0, 0), "what looks like a separator is payload"),
    "ng309-native-invalid-utf8.log": ((7, 0, 0, 0), "raw bytes"),
    "ng309-native-nul-bytes.log": ((6, 0, 0, 0), "NUL in bodies"),
    "ap297-native-c-fake-boundary.log": ((2, 0, 0, 0), "what looks like a separator is payload"),
    "ap297-native-c-invalid-utf8.log": ((8, 0, 0, 0), "raw bytes"),
    "ap297-native-c-nul-bytes.log": ((6, 0, 0, 0), "NUL in bodies"),
    "ap297-native-fake-boundary.log": ((4, 0, 0, 0), "what looks like a separator is payload"),
    "ap297-native-invalid-utf8.log": ((10, 0, 0, 0), "raw bytes"),
    "ap297-native-nul-bytes.log": ((6, 0, 0, 0), "NUL in bodies"),
}

_K = "all parts"
_H = "the recommended parts: H without K"
SAMPLES: dict[str, tuple[Counts, str]] = {
    **{
        f"gen-coraza-{version}-{kind}-{parts}.log": ((records, 0, cut, 0), reason)
        for version, kind, parts, records, cut, reason in (
            ("3.0.4", "json", "ABCEFHIJKZ", 2, 0, _K),
            ("3.0.4", "json", "ABIJDEFHZ", 5, 0, "H without K: no messages at all before 3.4"),
            ("3.0.4", "jsonlegacy", "ABCEFHIJKZ", 5, 0, "texts of messages, no rule ids"),
            ("3.0.4", "jsonlegacy", "ABIJDEFHZ", 5, 0, "no messages"),
            ("3.0.4", "native", "ABCEFHIJKZ", 4, 0, "neither A nor Z: a record ends where another begins"),
            ("3.0.4", "native", "ABIJDEFHZ", 5, 0, "neither A nor Z; text on the id line"),
            ("3.3.3", "json", "ABCEFHIJKZ", 2, 0, _K),
            ("3.3.3", "json", "ABIJDEFHZ", 5, 0, "H without K: no messages at all before 3.4"),
            ("3.3.3", "jsonlegacy", "ABCEFHIJKZ", 5, 0, "texts of messages, no rule ids"),
            ("3.3.3", "jsonlegacy", "ABIJDEFHZ", 5, 0, "no messages"),
            ("3.3.3", "native", "ABCEFHIJKZ", 4, 0, "neither A nor Z"),
            ("3.3.3", "native", "ABIJDEFHZ", 5, 0, "neither A nor Z"),
            ("3.3.3", "ocsf", "ABIJDEFHZ", 3, 0, "class 6001, time in nanoseconds"),
            ("3.4.0", "json", "ABCEFHIJKZ", 2, 0, _K),
            ("3.4.0", "json", "ABIJDEFHZ", 5, 0, _H),
            ("3.4.0", "jsonlegacy", "ABIJDEFHZ", 5, 0, "empty texts of messages"),
            ("3.4.0", "native", "ABCEFHIJKZ", 3, 1, "the sample ends inside a record"),
            ("3.4.0", "native", "ABIJDEFHZ", 5, 0, _H),
            ("3.7.0", "json", "ABCEFHIJKZ", 2, 0, _K),
            ("3.7.0", "json", "ABIJDEFHZ", 5, 0, _H),
            ("3.7.0", "jsonlegacy", "ABCEFHIJKZ", 5, 0, "texts of messages, no rule ids"),
            ("3.7.0", "jsonlegacy", "ABIJDEFHZ", 5, 0, "empty texts of messages"),
            ("3.7.0", "native", "ABCEFHIJKZ", 3, 1, "the sample ends inside a record"),
            ("3.7.0", "native", "ABIJDEFHZ", 5, 0, _H),
            ("3.7.0", "ocsf", "ABCEFHIJKZ", 2, 0, "class 6001, time in nanoseconds"),
        )
    },
    "gen-coraza-3.7.0-concurrent-file.json": ((1, 0, 0, 0), "one document, no line end"),
    "gen-coraza-3.7.0-errorlog.log": ((5, 0, 0, 0), "bare lines without any time, grouped by unique_id"),
    "gen-coraza-3.7.0-syslog.log": ((5, 0, 0, 0), "JSON behind the prefix of syslog"),
    "gen-coraza-https-posts.txt": (
        (4, 0, 11, 72),
        "a capture of requests: bodies cut at 400 bytes, four of them whole enough",
    ),
    "gen-errorlog-apache-v2.log": ((11, 0, 0, 7), "eleven transactions; notices of the start are foreign"),
    "gen-errorlog-nginx-v3.0.9.log": (
        (25, 0, 0, 0),
        "25 transactions; the 26th id stands in the path that a client sent",
    ),
    "gen-mlogc-2.9.7-puts.txt": ((0, 0, 1, 9), "requests of mlogc, their bodies left out"),
    "gen-v2-concurrent-file-native.log": ((1, 0, 0, 0), "one record"),
    "gen-v2-json-serial.log": ((36, 0, 0, 0), "intact"),
    "gen-v2-json-with-matched_rules.log": ((1, 0, 0, 0), "part K in JSON"),
    "gen-v2-native-serial-detectiononly.log": ((36, 0, 0, 0), "intact"),
    "gen-v2-native-serial.log": ((36, 0, 0, 0), "intact"),
    "gen-v2-native-with-K.log": ((1, 0, 0, 0), "part K"),
    "gen-v3.0.15-concurrent-file-two-docs.json": ((2, 1, 0, 0), "the same document twice in one file"),
    "gen-v3.0.15-json-raw-bytes.log": ((1, 0, 0, 0), "raw bytes"),
    "gen-v3.0.15-json-serial.log": ((10, 0, 0, 0), "intact"),
    "gen-v3.0.15-native-prefix.log": ((3, 0, 0, 0), "SecAuditLogPrefix before every line"),
    "gen-v3.0.15-native-raw-bytes.log": ((1, 0, 0, 0), "raw bytes"),
    "gen-v3.0.15-native-serial.log": ((10, 0, 0, 0), "intact"),
    "gen-v3.0.9-https-posts.txt": ((1, 0, 3, 24), "headers and cut bodies of POST requests"),
    "gen-v3.0.9-json-serial.log": ((36, 0, 0, 0), "intact"),
    "gen-v3.0.9-native-serial.log": ((36, 0, 0, 0), "intact"),
}
INDEXES = (
    "gen-coraza-3.0.4-index.log", "gen-coraza-3.7.0-index.log", "gen-v2-index-json.log", "gen-v2-index-native.log",
    "gen-v3.0.15-index-duplicate.log", "gen-v3.0.15-index.log", "gen-v3.0.9-index.log",
)  # fmt: skip
"""Their files are not there: an error that says so."""
NOTHING = (
    "empty-ng309-json/audit",
    "empty-ap297-native/audit",
    "shared-ap297-json-b/audit",
    "shared-ap297-native-b/audit",
)

TABLE = [
    *((f"constructed/{name}", counts) for name, (counts, _) in CONSTRUCTED.items()),
    *((f"{name}/audit", counts) for name, (counts, _) in RUNS.items()),
    *((f"genuine-extracts/{name}", counts) for name, (counts, _) in EXTRACTS.items()),
    *((f"../../samples/{name}", counts) for name, (counts, _) in SAMPLES.items()),
]


def imported(name: str) -> Summary:
    """Import one file or folder into a store of its own."""
    with MemoryStore() as store:
        return import_paths(store, [str(ODD / name)], Setting("s"))


@pytest.mark.parametrize(("name", "expected"), TABLE)
def test_hard_files_give_what_they_hold(name: str, expected: Counts) -> None:
    done = imported(name)
    assert expected == (done.stored + done.duplicate, done.duplicate, done.quarantined, done.foreign)


@pytest.mark.parametrize("name", ["constructed/empty.log", *NOTHING])
def test_nothing_at_all_is_an_error_with_a_hint(name: str) -> None:
    with pytest.raises(InputError, match="0 bytes") as error:
        imported(name)
    assert error.value.hint is not None


def test_only_blank_lines_hold_no_record() -> None:
    with pytest.raises(InputError, match="No audit record"):
        imported("constructed/only-newlines.log")


def test_the_table_names_every_file() -> None:
    constructed = {p.name for p in (ODD / "constructed").iterdir()}
    assert constructed - {"empty.log", "only-newlines.log"} == set(CONSTRUCTED)
    empty = {name.partition("/")[0] for name in NOTHING}
    runs = {p.name for p in ODD.iterdir() if (p / "audit").is_dir() and any((p / "audit").iterdir())}
    assert {run for run in runs - empty if not run.startswith("shared-ng309-") or run.endswith("-a")} == set(RUNS)
    assert {p.name for p in (ODD / "genuine-extracts").iterdir()} == set(EXTRACTS)
    assert {p.name for p in (ODD / "../../samples").iterdir()} - {"MANIFEST.md"} == {*SAMPLES, *INDEXES}


@pytest.mark.parametrize("name", INDEXES)
def test_an_index_without_its_files_is_an_error_with_a_hint(name: str) -> None:
    with pytest.raises(InputError, match="none of the files") as error:
        imported(f"../../samples/{name}")
    assert error.value.hint is not None


@pytest.mark.parametrize("run", ["forged-ap297-native", "forged-ng309-native"])
def test_no_forged_record_is_an_event(run: str) -> None:
    with MemoryStore() as store:
        import_paths(store, [str(ODD / run / "audit")], Setting("s"))
        clients = store.top(Top("client", Scope(), limit=0)).value
    assert sum(value.events for value in clients.values) == 9
    assert "203.0.113.66" not in {value.value for value in clients.values}

"""No secret of the real runs is in a store, in whatever encoding; what is none can still be found."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import duckdb
import msgspec
import pytest
import zstandard
from tests.corpus.place import CORPUS, RUNS, logs, zone

from wafscope.ingest.pipeline import Setting, import_paths
from wafscope.query.question import Quarantine
from wafscope.reader.base import Context, Found
from wafscope.reader.framing import read_pieces
from wafscope.reader.walk import settled
from wafscope.redact.event import Redactor
from wafscope.redact.gate import pieces
from wafscope.redact.record import Masker
from wafscope.settings import Redaction
from wafscope.source.oneshot import read_once
from wafscope.store.duckdb.store import DuckStore

pytestmark = [
    pytest.mark.corpus,
    pytest.mark.skipif(not CORPUS.is_dir(), reason="the real runs are not beside the project"),
]

KEY = b"k" * 32
_ZSTANDARD = b"\x28\xb5\x2f\xfd"
_HEAD = 200_000
MOST = tuple(run for run in RUNS if "-scale-" not in run)
NAMELESS = b"<value>fake-admin-pw-XYZ123</value>", rb"\u003cvalue\u003efake-admin-pw-XYZ123"
"""The same password as a parameter of XML-RPC, which has no name: it may stay (SECRETS.tsv)."""


class Known(msgspec.Struct, frozen=True):
    """A line of SECRETS.tsv."""

    value: bytes
    where: str
    policy: str


def known() -> list[Known]:
    """The values that must go, may stay and must stay."""
    lines = (CORPUS / "SECRETS.tsv").read_text().splitlines()
    rows = [line.split("\t") for line in lines if line and not line.startswith("#")][1:]
    return [Known(value.encode(), where, policy) for value, where, policy in rows]


def needles() -> list[bytes]:
    """The values that must go, and base64 forms of credentials."""
    found: list[bytes] = []
    for each in known():
        if each.policy != "must-go":
            continue
        found.append(each.value)
        user = re.search(r"base64 of (\w+):", each.where)
        if user is not None:
            lead = user[1].encode() + b":"
            found += [base64.b64encode(lead + each.value).rstrip(b"="), base64.b64encode(lead + each.value)[-20:-4]]
    return found


def paths(run: str) -> list[str]:
    """The logs of a run, the error log too."""
    return logs(run) + [str(path) for path in sorted((CORPUS / run).glob("error.log*"))]


def head(run: str, folder: Path) -> Path:
    """A copy of the first records of a run, to be imported a second time."""
    path = folder / "head.log"
    data = next(iter(read_once(paths(run)[0], settled))).data
    # A part of a record would be kept whole in quarantine.
    last = b"-Z--\n" if "native" in run else b"\n"
    path.write_bytes(data if len(data) <= _HEAD else data[: data.rindex(last, 0, _HEAD) + len(last)])
    return path


def contents(file: Path) -> bytes:
    """All that is in a store: the file, the texts of each table, and what is compressed, unpacked."""
    parts = [file.read_bytes()]
    unpack = zstandard.ZstdDecompressor().decompress
    with duckdb.connect(str(file), read_only=True) as connection:
        for (table,) in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall():
            for row in connection.execute(f'SELECT * FROM "{table}"').fetchall():  # noqa: S608 - a name of ours
                for cell in row:
                    if isinstance(cell, bytes):
                        parts.append(unpack(cell) if cell.startswith(_ZSTANDARD) else cell)
                    elif isinstance(cell, str | list):
                        parts.append(str(cell).encode("utf-8", "surrogatepass"))
    return b"\n".join(parts)


@pytest.mark.parametrize("run", MOST)
def test_no_byte_of_a_store_holds_a_secret(run: str, tmp_path: Path) -> None:
    file = tmp_path / "s.duckdb"
    with DuckStore(file) as store:
        done = import_paths(store, paths(run), Setting("s", zone(run), workers=0))
        again = import_paths(store, [str(head(run, tmp_path))], Setting("s", zone(run), workers=0))
        assert store.quarantine(Quarantine(reason="not_masked")).value == ()
    assert (again.stored, again.duplicate) == (0, again.received - again.quarantined)
    assert 0 < again.duplicate <= done.stored + done.duplicate
    held = contents(file)
    for nameless in NAMELESS:
        held = held.replace(nameless, b"")
    low = held.lower()
    assert [needle for needle in needles() if is_in(needle.lower(), low)] == []
    logged = b"".join(stretch.data for path in paths(run) for stretch in read_once(path, settled))
    for each in known():
        if each.policy == "must-stay" and each.value in logged:
            assert each.value in held, each


def is_in(needle: bytes, held: bytes) -> bool:
    """Tell whether a value is held; a number within a longer one, as packed times and ids have it, is another."""
    if not needle.isdigit():
        return needle in held
    return re.search(rb"(?<!\d)" + needle + rb"(?!\d)", held) is not None


@pytest.mark.parametrize("run", MOST)
def test_nothing_is_found_that_the_cheap_look_passes_over(run: str, monkeypatch: pytest.MonkeyPatch) -> None:
    quick, thorough = Redactor(Redaction(), KEY), Masker(Redaction(), KEY)
    monkeypatch.setattr(thorough._gate, "zones", pieces)
    for path in paths(run):
        for stretch in read_once(path, settled):
            found = [piece for piece in read_pieces(stretch.data, 0, Context(arrival=1)) if isinstance(piece, Found)]
            lost: list[Found] = []
            masked = list(quick.records(found, quick.hot([stretch.data])[0], "UTC", lost.append))
            assert lost == []
            for before, after in zip(found, masked, strict=True):
                if after.identity is not None:
                    assert MASKED.search(after.event.raw)
                    continue
                sources = thorough.read(before.event.raw, before.event.format)
                every = set(range(len(sources.regions)))
                monkeypatch.setattr(sources, "told", every.copy)
                assert thorough.redact(sources, "in_place") is None


MASKED = re.compile(rb"masked-[0-9a-f]{8}")

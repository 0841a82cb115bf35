"""A store of an earlier schema opens, keeps a backup, and answers as it did - or stays as it was."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from itertools import zip_longest
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pytest
import zstandard
from duckdb import DuckDBPyConnection
from tests.store import keep

from wafscope.errors import StoreError
from wafscope.store.duckdb import rewrite, upgrade
from wafscope.store.duckdb.schema import VERSION
from wafscope.store.duckdb.store import DuckStore

VERSIONS = sorted(int(file.name.split("-")[1].split(".")[0]) for file in keep.KEPT.glob("*.duckdb.zst"))


def unpack(version: int, folder: Path) -> Path:
    """Put the store that an earlier version wrote into a folder."""
    path = folder / "store.duckdb"
    packed = (keep.KEPT / f"version-{version}.duckdb.zst").read_bytes()
    path.write_bytes(zstandard.ZstdDecompressor().decompress(packed))
    return path


def of_today(folder: Path) -> Path:
    """Put a store of this version into a folder."""
    path = unpack(VERSIONS[-1], folder)
    DuckStore(path).close()
    for backup in folder.glob("*.schema-*"):
        backup.unlink()
    return path


def kept_answers(version: int) -> dict[str, Any]:
    packed = (keep.KEPT / f"version-{version}.json.zst").read_bytes()
    answers: dict[str, Any] = msgspec.json.decode(zstandard.ZstdDecompressor().decompress(packed))
    return answers


def differences(before: Any, now: Any, where: str = "") -> list[str]:
    """What is another than it was; what has come new is none."""
    if isinstance(before, dict) and isinstance(now, dict):
        return [line for key in before for line in differences(before[key], now.get(key), f"{where}/{key}")]
    if isinstance(before, list) and isinstance(now, list):
        both = enumerate(zip_longest(before, now))
        return [line for number, (b, n) in both for line in differences(b, n, f"{where}/{number}")]
    return [] if before == now else [f"{where}: {before!r:.200} is now {now!r:.200}"]


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def tables(path: Path) -> dict[str, list[tuple[str, str]]]:
    found: dict[str, list[tuple[str, str]]] = {}
    with duckdb.connect(str(path), read_only=True) as raw:
        for table, column, kind in raw.execute(
            "SELECT table_name, column_name, data_type FROM duckdb_columns() ORDER BY table_name, column_index"
        ).fetchall():
            found.setdefault(table, []).append((column, kind))
    return found


@pytest.fixture
def newer(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let the program know a version more, which `step` leads to."""

    def add(step: upgrade.Step = add_column) -> None:
        for module in ("connection", "upgrade"):
            monkeypatch.setattr(f"wafscope.store.duckdb.{module}.VERSION", VERSION + 1)
        monkeypatch.setattr(upgrade, "STEPS", (*upgrade.STEPS, step))

    return add


def add_column(cursor: DuckDBPyConnection) -> None:
    cursor.execute("ALTER TABLE quarter ADD COLUMN more INTEGER")


def version_of(path: Path) -> int:
    with duckdb.connect(str(path), read_only=True) as raw:
        return int(raw.execute("SELECT value FROM meta WHERE name = 'version'").fetchall()[0][0])


def test_there_is_a_step_to_each_version() -> None:
    assert len(upgrade.STEPS) == VERSION - 1


@pytest.mark.parametrize("version", VERSIONS)
def test_a_store_of_each_version_answers_as_it_did(version: int, tmp_path: Path) -> None:
    path, before = unpack(version, tmp_path), kept_answers(version)
    with DuckStore(path) as store:
        now = keep.answers(store, keep.field_names(before))
    assert differences(before, now) == []
    with DuckStore(path, read_only=True) as store:
        assert differences(before, keep.answers(store, keep.field_names(before))) == []


@pytest.mark.parametrize("version", VERSIONS)
def test_an_upgraded_store_has_the_tables_of_a_new_one(version: int, tmp_path: Path) -> None:
    path = unpack(version, tmp_path)
    DuckStore(path).close()
    DuckStore(tmp_path / "new.duckdb").close()
    assert tables(path) == tables(tmp_path / "new.duckdb")


@pytest.mark.parametrize("version", VERSIONS)
def test_an_upgraded_store_takes_the_same_logs_as_known(version: int, tmp_path: Path) -> None:
    with DuckStore(unpack(version, tmp_path)) as store:
        before = {(each.source, each.stored) for each in store.held().value.sources}
        keep.fill(store)
        assert {(each.source, each.stored) for each in store.held().value.sources} == before


def test_the_store_before_stays_as_its_backup(tmp_path: Path, newer: Callable[..., None]) -> None:
    path = of_today(tmp_path)
    before = path.read_bytes()
    newer()
    DuckStore(path).close()
    backup = tmp_path / f"store.duckdb.schema-{VERSION}"
    assert (version_of(path), version_of(backup)) == (VERSION + 1, VERSION)
    assert names(tmp_path) == ["store.duckdb", backup.name]
    # Only the header says that it was opened.
    assert backup.read_bytes()[12288:] == before[12288:]


def test_what_is_not_yet_in_the_file_is_taken_along(tmp_path: Path, newer: Callable[..., None]) -> None:
    """A process that was killed leaves its last commits in the log (WAL) beside the file."""
    path = of_today(tmp_path)
    code = "import duckdb, os, sys; c = duckdb.connect(sys.argv[1]); c.execute('INSERT INTO quarter VALUES (77, 1)')"
    subprocess.run([sys.executable, "-c", f"{code}; os._exit(0)", path], check=True)
    assert Path(f"{path}.wal").exists()
    newer()
    DuckStore(path).close()
    for file in (path, tmp_path / f"store.duckdb.schema-{VERSION}"):
        with duckdb.connect(str(file), read_only=True) as raw:
            assert raw.execute("SELECT start FROM quarter WHERE start = 77").fetchall() == [(77,)]


def test_a_step_that_fails_leaves_the_store_as_it_was(tmp_path: Path, newer: Callable[..., None]) -> None:
    path = of_today(tmp_path)

    def fail(cursor: DuckDBPyConnection) -> None:
        cursor.execute("DROP TABLE event")
        cursor.execute("SELECT * FROM nothing")

    newer(fail)
    with pytest.raises(StoreError, match="can not be opened"):
        DuckStore(path)
    assert version_of(path) == VERSION
    assert "event" in tables(path)
    assert not list(tmp_path.glob("*.schema-*"))


def test_a_store_that_is_only_read_is_not_upgraded(tmp_path: Path, newer: Callable[..., None]) -> None:
    path = of_today(tmp_path)
    newer()
    with pytest.raises(StoreError, match="needs") as error:
        DuckStore(path, read_only=True)
    assert error.value.hint is not None
    assert version_of(path) == VERSION


def test_no_room_for_the_copy_is_said_before_anything_is_done(
    tmp_path: Path, newer: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = of_today(tmp_path)
    newer()
    monkeypatch.setattr(rewrite, "free", lambda _: 1_000)
    with pytest.raises(StoreError, match="no room"):
        DuckStore(path)
    assert names(tmp_path) == ["store.duckdb"]


KILLED = """
import os, sys
from pathlib import Path
from wafscope.store.duckdb import connection, rewrite, upgrade
from wafscope.store.duckdb.store import DuckStore

def end(*_): os._exit(9)

def step(cursor):
    cursor.execute("DROP TABLE joined")
    cursor.execute("ALTER TABLE quarter ADD COLUMN more INTEGER")
    if sys.argv[2] == "step": end()

connection.VERSION = upgrade.VERSION = upgrade.VERSION + 1
upgrade.STEPS += (step,)
if sys.argv[2] == "settle": rewrite.settle = end
if sys.argv[2] == "link":
    link = os.link
    os.link = lambda *names: (link(*names), end())
if sys.argv[2] == "replace":
    replace = Path.replace
    Path.replace = lambda *names: (replace(*names), end())
DuckStore(Path(sys.argv[1]))
"""


@pytest.mark.parametrize("place", ["step", "settle", "link", "replace"])
def test_a_kill_at_any_moment_leaves_a_good_store(place: str, tmp_path: Path, newer: Callable[..., None]) -> None:
    path = of_today(tmp_path)
    assert subprocess.run([sys.executable, "-c", KILLED, path, place], check=False).returncode == 9
    assert version_of(path) == VERSION + (place == "replace")
    newer()
    with DuckStore(path) as store:
        assert store.held().value.events > 0
    assert names(tmp_path) == ["store.duckdb", f"store.duckdb.schema-{VERSION}"]
    assert (version_of(path), version_of(tmp_path / f"store.duckdb.schema-{VERSION}")) == (VERSION + 1, VERSION)

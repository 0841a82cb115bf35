"""A store that is there for years: retention, compaction, backups, and the check of all that is kept."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from tests.make import START, event, hour, match, write
from tests.store import keep

from wafscope.errors import StoreError
from wafscope.event.model import Event
from wafscope.query.question import Count, Quarantine, Scope
from wafscope.query.timespan import DAY, HOUR, Window
from wafscope.reader.base import Unreadable
from wafscope.store.duckdb import retention, rewrite
from wafscope.store.duckdb.restore import restore
from wafscope.store.duckdb.store import DuckStore
from wafscope.store.lasting import Keeping, Retained, limit

MARKER = "marker-7f3a-canary"
NOW = START + 40 * DAY + 5 * HOUR


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.duckdb"


@pytest.fixture
def store(path: Path) -> Iterator[DuckStore]:
    with DuckStore(path) as opened:
        yield opened


def record(day: int, number: int, note: str = "") -> Event:
    """An event with a record that a reader can read again."""
    transaction = {"client_ip": "192.0.2.1", "time_stamp": "Wed Nov 18 10:00:00 2026", "id": f"{day}-{number}"}
    raw = json.dumps({"transaction": {**transaction, "request": {"uri": f"/{note}"}}}).encode()
    value = match(942100, message=f"Message {note}", data=note)
    at = START + day * DAY + number * HOUR // 4
    return event(at, value, raw=raw, uri=f"/{note}", client_address="192.0.2.1", host="www.example.org")


def fill(store: DuckStore, days: range, each: int = 40) -> None:
    for day in days:
        write(store, [record(day, number, MARKER if (day, number) == (2, 3) else "") for number in range(each)])


def held(store: DuckStore) -> int:
    return store.count(Count(Scope())).value.events


def retain(store: DuckStore, keeping: Keeping, now: int = NOW) -> list[Retained]:
    done = []
    while not (step := store.retain(keeping, now)).is_nothing or step.waits:
        done.append(step)
    return done


def found(path: Path, marker: str) -> bool:
    """Whether a text is in any byte of the file, its log (WAL) and what else stands beside it."""
    return any(marker.encode() in file.read_bytes() for file in path.parent.iterdir() if file.is_file())


def test_days_that_are_too_old_go_whole(store: DuckStore) -> None:
    fill(store, range(41))
    steps = retain(store, Keeping(days=30))
    held = store.held().value
    assert [each.day for step in steps for each in step.removed] == [START + day * DAY for day in range(10)]
    assert (held.since, held.first) == (START + 10 * DAY, START + 10 * DAY)
    assert held.events == 31 * 40
    assert [(each.events, each.reason) for each in held.removed] == [(40, "age")] * 10
    assert store.check().faults == ()
    assert retain(store, Keeping(days=30)) == []


def test_a_large_day_goes_in_parts(store: DuckStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "STEP", 15)
    fill(store, range(3))
    steps = retain(store, Keeping(days=39))
    assert [sum(each.events for each in step.removed) for step in steps] == [15, 15, 10]
    assert [each.events for each in store.held().value.removed] == [40]
    assert store.check().faults == ()


def test_what_is_too_much_goes_oldest_first(store: DuckStore, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(store, range(30))
    # What is seen before a day is removed and after, while there is still too much.
    used = iter([900, 900, 890, 890, 890, 880, 880, 880, 100, 100])
    monkeypatch.setattr(rewrite, "used", lambda *_: next(used))
    steps = [store.retain(Keeping(size=900), NOW) for _ in range(4)]
    days = [START, START + DAY, START + 2 * DAY]
    assert [each.day for step in steps for each in step.removed] == days
    assert {each.reason for each in store.held().value.removed} == {"size"}


def test_room_that_is_not_seen_yet_is_waited_for(store: DuckStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A question that takes long keeps it from being seen."""
    fill(store, range(30))
    monkeypatch.setattr(rewrite, "used", lambda *_: 900)
    steps = [store.retain(Keeping(size=900), NOW) for _ in range(4)]
    assert [len(step.removed) for step in steps] == [1, 0, 0, 1]
    assert [step.waits for step in steps] == [False, True, True, False]


def test_of_today_it_is_an_hour_at_a_time(store: DuckStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else all that comes in until midnight would be too old to be stored."""
    fill(store, range(1))
    monkeypatch.setattr(rewrite, "used", lambda *_: 1_000)
    store.retain(Keeping(size=900), hour(9))
    assert store.held().value.since == hour(1)
    assert write(store, [event(hour(8))]).stored == 1


def test_the_other_half_of_the_disk_is_left_for_copies() -> None:
    assert limit(Keeping(size=1_000), disk=5_000) == 1_000
    assert limit(Keeping(size=1_000), disk=1_000) == 500
    assert limit(Keeping(), disk=1_000) == 0


def test_hourly_counts_and_pieces_in_quarantine_have_their_own_time(store: DuckStore) -> None:
    fill(store, range(3))
    write(store, [], unreadable=(Unreadable(b"torn", 0, "cut"),))
    seen = store.quarantine(Quarantine()).value[0].seen
    now = (seen // DAY + 20) * DAY + DAY // 2  # whatever hour it is
    keeping = Keeping(days=1, rollup_days=(now - START) // DAY - 1, quarantine_days=21)
    retain(store, keeping, now)
    assert store.held().value.counted_since == START + 2 * DAY
    assert len(store.quarantine(Quarantine()).value) == 1
    assert sum(step.pieces for step in retain(store, keeping, now + 2 * DAY)) == 1
    assert store.quarantine(Quarantine()).value == ()
    assert store.check().faults == ()


def test_a_removed_value_is_in_no_byte_after_a_compaction(store: DuckStore, path: Path) -> None:
    fill(store, range(6))
    store._connection.checkpoint()
    assert found(path, MARKER)
    retain(store, Keeping(days=37))
    assert store.state().dirty
    done = store.compact()
    assert not found(path, MARKER)
    assert (store.state().dirty, store.state().compacted is not None) == (False, True)
    assert done.after == path.stat().st_size
    assert store.check().faults == ()
    # What was numbered before is known no longer: a new one can be written.
    assert write(store, [record(50, 1, MARKER), record(50, 2)]).stored == 2
    assert store.check().faults == ()


def test_a_compaction_keeps_all_that_is_held(store: DuckStore, path: Path) -> None:
    keep.fill(store)
    path.chmod(0o640)
    before = keep.answers(store, ("host", "rule.id", "rule.message"))
    store.compact()
    assert keep.answers(store, ("host", "rule.id", "rule.message")) == before
    assert store.check().faults == ()
    assert path.stat().st_mode & 0o777 == 0o640
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_questions_go_on_while_the_file_is_rewritten(store: DuckStore) -> None:
    fill(store, range(20))
    failed: list[Exception] = []
    asked = 0
    stop = threading.Event()

    def ask() -> None:
        nonlocal asked
        while not stop.is_set():
            try:
                assert store.count(Count(Scope())).value.events == 800
                asked += 1
            except Exception as error:  # noqa: BLE001 - told at the end
                failed.append(error)

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(5):
        store.compact()
    stop.set()
    for thread in threads:
        thread.join()
    assert failed == []
    assert asked > 5


def test_what_a_killed_compaction_left_is_cleared_away(path: Path) -> None:
    with DuckStore(path) as store:
        fill(store, range(1))
    for name in (".new", ".new.wal", ".backup"):
        path.with_name(path.name + name).write_bytes(b"half")
    with DuckStore(path) as store:
        assert store.check().faults == ()
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_a_backup_is_of_one_moment_while_others_write(store: DuckStore, tmp_path: Path) -> None:
    fill(store, range(10))
    stop = threading.Event()

    def follow() -> None:
        day = 10
        while not stop.is_set():
            write(store, [record(day, number) for number in range(40)])
            day += 1

    thread = threading.Thread(target=follow)
    thread.start()
    backups = [store.backup(str(tmp_path / f"b{number}.duckdb")) for number in range(3)]
    stop.set()
    thread.join()
    for done in backups:
        with DuckStore(Path(done.path), read_only=True) as copy:
            assert copy.check().faults == ()
            assert copy.count(Count(Scope())).value.events == done.events
    assert store.check().faults == ()


def test_a_backup_overwrites_only_when_it_is_told_to(store: DuckStore, path: Path, tmp_path: Path) -> None:
    fill(store, range(1))
    target = tmp_path / "backup.duckdb"
    target.write_bytes(b"mine")
    with pytest.raises(StoreError, match="already"):
        store.backup(str(target))
    assert target.read_bytes() == b"mine"
    with pytest.raises(StoreError, match="itself"):
        store.backup(str(path), overwrite=True)
    with pytest.raises(StoreError, match="could not be written"):
        store.backup(str(tmp_path / "nowhere" / "b.duckdb"))
    assert store.backup(str(target), overwrite=True).events == 40
    assert {each.name for each in tmp_path.iterdir()} - {f"{path.name}.wal"} == {target.name, path.name}


def test_a_backup_comes_back(path: Path, tmp_path: Path) -> None:
    target = tmp_path / "backup.duckdb"
    with DuckStore(path) as store:
        keep.fill(store)
        before = keep.answers(store, ("host", "rule.id"))
        store.backup(str(target))
        write(store, [record(1, 1)])
    with pytest.raises(StoreError, match="already"):
        restore(target, path, force=False)
    restore(target, path, force=True)
    with DuckStore(path) as store:
        assert keep.answers(store, ("host", "rule.id")) == before
        with pytest.raises(StoreError, match=r"another process|can not be opened"):
            restore(target, path, force=True)
    restore(target, tmp_path / "new" / "store.duckdb", force=False)
    with DuckStore(tmp_path / "new" / "store.duckdb") as store:
        assert keep.answers(store, ("host", "rule.id")) == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_what_root_restores_belongs_to_whom_the_folder_belongs_to(store: DuckStore, tmp_path: Path) -> None:
    store.backup(str(tmp_path / "backup.duckdb"))
    (tmp_path / "backup.duckdb").chmod(0o600)
    folder = tmp_path / "state"
    folder.mkdir()
    os.chown(folder, 65534, 65534)
    restore(tmp_path / "backup.duckdb", folder / "store.duckdb", force=False)
    made = (folder / "store.duckdb").stat()
    assert (made.st_uid, made.st_gid, made.st_mode & 0o777) == (65534, 65534, 0o600)


def test_a_backup_for_which_there_is_no_room_leaves_nothing(
    store: DuckStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backup, target = tmp_path / "backup.duckdb", tmp_path / "new" / "store.duckdb"
    store.backup(str(backup))

    def fills(_source: Path, new: Path) -> None:
        new.write_bytes(bytes(1000))
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(shutil, "copyfile", fills)
        with pytest.raises(StoreError, match="No space left"):
            restore(backup, target, force=False)
    assert not list(target.parent.iterdir())
    monkeypatch.setattr(rewrite, "free", lambda _folder: 1000)
    with pytest.raises(StoreError, match="no room"):
        restore(backup, target, force=False)
    assert not list(target.parent.iterdir())


def test_a_backup_of_a_newer_schema_is_not_restored(store: DuckStore, path: Path, tmp_path: Path) -> None:
    backup = tmp_path / "backup.duckdb"
    store.backup(str(backup))
    store.close()
    with duckdb.connect(str(backup)) as raw:
        raw.execute("UPDATE meta SET value = '99'::BLOB WHERE name = 'version'")
    with pytest.raises(StoreError, match="schema version 99"):
        restore(backup, path, force=True)
    with DuckStore(path):
        pass


def test_what_is_no_backup_is_not_restored(path: Path, tmp_path: Path) -> None:
    (tmp_path / "text").write_bytes(b"no database at all" * 1000)
    for source in ("text", "missing"):
        with pytest.raises(StoreError, match="no backup"):
            restore(tmp_path / source, path, force=True)
    assert not path.exists()


@pytest.mark.parametrize(
    ("damage", "name"),
    [
        ("DELETE FROM match WHERE rowid = 3", "matches by source"),
        ("DELETE FROM event WHERE rowid = 3", "matches without event"),
        ("UPDATE quarter SET events = events + 1", "events by quarter of an hour"),
        ("UPDATE event SET block_offset = 1 WHERE rowid = 3", "records that can not be read"),
        ("UPDATE raw SET data = '123'::BLOB WHERE rowid = 0", "blocks that can not be unpacked"),
        ("DELETE FROM wording", "matches without wording"),
    ],
)
def test_a_check_finds_what_does_not_agree(damage: str, name: str, path: Path) -> None:
    with DuckStore(path) as store:
        fill(store, range(2))
        assert store.check().faults == ()
    with duckdb.connect(str(path)) as raw:
        raw.execute(damage)
    with DuckStore(path, read_only=True) as store:
        assert name in {fault.name for fault in store.check().faults}


def test_room_of_removed_records_is_used_again(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A row group is freed only when nothing of it is left: what is left moves."""
    monkeypatch.setattr(rewrite, "ROW_GROUP", 2048)
    with DuckStore(path) as store:
        cursor = store._connection.writer
        cursor.execute("INSERT INTO raw SELECT range, repeat(md5(range::VARCHAR), 40)::BLOB FROM range(6000)")
        retention.tidy(cursor, "store")
        full, last = rewrite.used(cursor, "store"), cursor.execute("SELECT * FROM raw WHERE block > 1500").fetchall()
        cursor.execute("DELETE FROM raw WHERE block <= 1500")
        retention.tidy(cursor, "store")
        assert rewrite.used(cursor, "store") < 0.9 * full
        assert sorted(cursor.execute("SELECT * FROM raw").fetchall()) == sorted(last)


KILLED = """
import os, sys
from pathlib import Path
from wafscope.store.duckdb import compact, rewrite
from wafscope.store.duckdb.connection import Connection
from wafscope.store.duckdb.store import DuckStore

def end(*_): os._exit(9)

def after(act): return lambda *given: (act(*given), end())

if sys.argv[2] == "copy": rewrite.copy = after(rewrite.copy)
if sys.argv[2] == "written": compact.write_anew = after(compact.write_anew)
if sys.argv[2] == "checkpoint": Connection.checkpoint = after(Connection.checkpoint)
if sys.argv[2] == "replace": Path.replace = after(Path.replace)
if sys.argv[2] == "close": Connection.close = after(Connection.close)
DuckStore(Path(sys.argv[1])).compact()
"""


@pytest.mark.parametrize("place", ["copy", "written", "checkpoint", "replace", "close"])
def test_a_kill_in_a_compaction_leaves_a_good_store(place: str, path: Path) -> None:
    with DuckStore(path) as store:
        fill(store, range(2))
        store.remove(Window(START, START + DAY), "age", NOW)
    assert subprocess.run([sys.executable, "-c", KILLED, path, place], check=False).returncode == 9
    with DuckStore(path) as store:
        assert store.check().faults == ()
        assert store.held().value.events == 40
        # From the rename on it is the new file.
        assert store.state().dirty is (place not in {"replace", "close"})
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_a_store_is_opened_anew_after_many_commits(store: DuckStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wafscope.store.duckdb.store._WORN", 3)
    fill(store, range(2))
    assert not store.renew()
    fill(store, range(2, 3))
    before = held(store)
    assert store.renew()
    assert held(store) == before
    assert not store.renew()
    # What is known of the rows that stand once is still right, and what was stored is known.
    fill(store, range(4))
    assert held(store) == before // 3 * 4
    assert store.check().faults == ()


def test_a_store_is_not_opened_anew_while_it_is_asked(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wafscope.store.duckdb.store._WORN", 1)
    monkeypatch.setattr("wafscope.store.duckdb.store._SHORT", 0.01)
    asked, answered = threading.Event(), threading.Event()
    with DuckStore(path) as store:
        fill(store, range(1))
        fetch = store._connection.fetch

        def slow(*question: object) -> list[tuple[object, ...]]:
            asked.set()
            answered.wait()
            return fetch(*question)  # type: ignore[arg-type]

        monkeypatch.setattr(store._connection, "fetch", slow)
        thread = threading.Thread(target=held, args=(store,))
        thread.start()
        asked.wait()
        assert not store.renew()
        answered.set()
        thread.join()
        assert store.renew()
        assert held(store) == 40

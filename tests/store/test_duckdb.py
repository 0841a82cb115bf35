"""What is DuckDB's own: the file, its version, its lock, the time limit, what is kept of the unreadable."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from threading import Thread

import duckdb
import pytest
from tests.make import event, hour, write

from wafscope.errors import StoreError, StoreRefusal
from wafscope.query.filter import Term
from wafscope.query.question import Count, Page, Scope, Top
from wafscope.reader.base import Unreadable
from wafscope.store.duckdb.compile import Sql
from wafscope.store.duckdb.connection import Connection, Cut
from wafscope.store.duckdb.store import DuckStore
from wafscope.store.open import open_store


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The file of a store that holds three events."""
    file = tmp_path / "store.duckdb"
    with DuckStore(file) as store:
        write(store, [event(hour(1), 942100), event(hour(2)), event(hour(3), 913100, 949110)])
    return file


def test_a_store_opened_again_knows_its_events(path: Path) -> None:
    with DuckStore(path) as store:
        assert store.count(Count(Scope())).value.events == 3
        again = write(store, [event(hour(1), raw=b"x")])
        assert (again.stored, again.duplicate) == (1, 0)
        assert write(store, [event(hour(1), raw=b"x")]).duplicate == 1


def test_a_question_that_takes_too_long_is_interrupted(path: Path) -> None:
    connection = Connection(path)
    try:
        with pytest.raises(Cut):
            connection.fetch("SELECT sum(a.range * b.range) FROM range(10000000) a, range(10000000) b", (), 0.2)
        # The cursor is good for the next question.
        assert connection.fetch("SELECT count(*) FROM event", (), 5) == [(3,)]
    finally:
        connection.close()


def test_each_question_has_its_own_time(path: Path) -> None:
    """One that began later with less time is cut first, and those that are quick are not cut."""
    endless = "SELECT sum(a.range * b.range) FROM range(10000000) a, range(10000000) b"
    connection = Connection(path)
    cut: list[float] = []

    def ask(limit: float) -> None:
        with pytest.raises(Cut):
            connection.fetch(endless, (), limit)
        cut.append(limit)

    try:
        threads = [Thread(target=ask, args=(limit,)) for limit in (2.0, 0.2)]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            assert connection.fetch("SELECT count(*) FROM event", (), 5) == [(3,)]
        assert cut == [0.2, 2.0]
        assert connection.fetch("SELECT count(*) FROM event", (), 5) == [(3,)]
    finally:
        connection.close()


def test_a_cut_answer_says_so(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = Sql(
        "SELECT v, 1, 1, 1, 1, 1 FROM (SELECT a.range AS v FROM range(10000000) a, range(10000000) b) ORDER BY v DESC"
    )
    with DuckStore(path) as store:
        monkeypatch.setattr("wafscope.store.duckdb.ask.top", lambda _, **_more: slow)
        answer = store.top(Top("host", Scope()), time_limit=0.2)
        assert (answer.cut, answer.value.values) == (True, ())


def test_a_newer_schema_is_refused_with_a_hint(path: Path) -> None:
    with duckdb.connect(str(path)) as raw:
        raw.execute("UPDATE meta SET value = '99'::BLOB WHERE name = 'version'")
    with pytest.raises(StoreError, match="schema version 99") as error:
        DuckStore(path)
    assert error.value.hint is not None


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "other.duckdb"
    with duckdb.connect(str(other)) as raw:
        raw.execute("CREATE TABLE t (a INTEGER)")
    with pytest.raises(StoreError, match="not a store"):
        DuckStore(other)
    text = tmp_path / "text.duckdb"
    text.write_text("not a database at all\n" * 500)
    with pytest.raises(StoreError):
        DuckStore(text)


def test_a_store_that_another_process_has_open_says_so(path: Path) -> None:
    code = f"import duckdb, sys; c = duckdb.connect({str(path)!r}); print('open', flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"open\n"
        try:
            with pytest.raises(StoreError, match="another process"):
                DuckStore(path)
            store = DuckStore(path, waits=True)
            for refused in (store.positions, store.encoder, store.recover):
                with pytest.raises(StoreError):
                    refused()
        finally:
            other.kill()
    with store:
        store.recover()
        assert store.count(Count(Scope())).value.events == 3


def test_a_store_that_is_gone_is_not_made_anew_while_it_runs(path: Path) -> None:
    with DuckStore(path) as store:
        path.unlink()
        with pytest.raises(StoreError, match="is gone"):
            store.recover()
        assert not path.exists()


def test_the_address_of_a_store_tells_its_kind(tmp_path: Path) -> None:
    with open_store(f"duckdb:///{tmp_path / 'a.duckdb'}") as store:
        assert isinstance(store, DuckStore)
    with pytest.raises(StoreError, match="not the address"):
        open_store("postgres://x")


def test_what_can_not_be_read_is_kept_whole(tmp_path: Path) -> None:
    file = tmp_path / "store.duckdb"
    torn = b'{"transaction":{"client_ip":"\xff\x00'
    with DuckStore(file) as store:
        assert write(store, [], unreadable=(Unreadable(torn, 17, "cut"),)).quarantined == 1
    with duckdb.connect(str(file), read_only=True) as raw:
        assert [("cut", 17, torn)] == raw.execute('SELECT reason, "offset", data FROM quarantine').fetchall()


def test_no_value_reaches_the_text_of_a_query(path: Path) -> None:
    hostile = "x'); DROP TABLE event; --"
    with DuckStore(path) as store:
        for operation in ("is", "like", "contains"):
            scope = Scope(filter=Term("" if operation == "contains" else "host", operation, (hostile,)))
            assert store.page(Page(scope)).value.rows == ()
        assert store.count(Count(Scope())).value.events == 3


def test_a_write_that_fails_changes_nothing(path: Path) -> None:
    with DuckStore(path) as store:
        good = store.encoder().encode([], sensor="s")
        from wafscope.store.base import Tally

        with pytest.raises(Exception):  # noqa: B017, PT011 - whatever a broken payload raises
            store.write_all([(good, Tally("a", "s", 0, 0, 1)), (b"broken", Tally("b", "s", 0, 0, 1))])
        assert [s.source for s in store.held().value.sources if s.source in {"a", "b"}] == []
        assert write(store, [event(hour(5))]).stored == 1


def test_what_is_written_is_told_from_what_it_is_written_to(path: Path) -> None:
    connection = Connection(path)
    try:
        for sql in ("SELECT 70000::SMALLINT", "SELECT 'x'::INTEGER"):
            with pytest.raises(StoreRefusal), connection.writing() as cursor:
                cursor.execute(sql)
        with pytest.raises(StoreError) as error, connection.writing():
            raise duckdb.IOException("No space left on device")
        assert not isinstance(error.value, StoreRefusal)
    finally:
        connection.close()


def test_questions_under_way_do_not_keep_a_store_from_being_opened_again(path: Path) -> None:
    endless = "SELECT sum(a.range * b.range) FROM range(10000000) a, range(10000000) b"
    ended: list[str] = []
    with DuckStore(path) as store:

        def ask() -> None:
            try:
                store._connection.fetch(endless, (), 60)
            except StoreError as error:
                ended.append(str(error))

        threads = [Thread(target=ask) for _ in range(2)]
        for thread in threads:
            thread.start()
        while len(store._connection._busy) < len(threads):
            pass
        store.recover()
        for thread in threads:
            thread.join()

        assert len(ended) == len(threads)
        assert all("not available" in each for each in ended)
        assert store.count(Count(Scope())).value.events == 3


def test_a_store_that_can_not_be_opened_again_says_so_until_it_can(path: Path) -> None:
    with DuckStore(path) as store:
        away = path.with_name("away")
        store._connection.close()
        path.rename(away)
        path.mkdir()
        for _ in range(2):
            with pytest.raises(StoreError):
                store.recover()
            with pytest.raises(StoreError, match="not available"):
                store.count(Count(Scope()))
            with pytest.raises(StoreError, match="not available"):
                write(store, [event(hour(5))])
        path.rmdir()
        away.rename(path)
        store.recover()
        assert store.count(Count(Scope())).value.events == 3


def test_a_file_without_tables_is_made_a_store(tmp_path: Path) -> None:
    """It was made on a full disk, where there was no room for them."""
    duckdb.connect(str(tmp_path / "store.duckdb")).close()
    with DuckStore(tmp_path / "store.duckdb") as store:
        assert store.positions() == {}


def test_an_event_whose_record_can_not_be_read_any_more_is_made_of_its_columns() -> None:
    odd = event(hour(1), 942100, raw=b"no record of any format", host="www.example.org", score=5)
    with DuckStore(None) as store:
        write(store, [odd])
        (row,) = store.page(Page(Scope())).value.rows
        found = store.event(row.id).value
    assert found is not None
    assert (found.event.raw, found.event.host, found.event.score) == (odd.raw, "www.example.org", 5)
    assert [match.rule_id for match in found.event.matches] == [942100]

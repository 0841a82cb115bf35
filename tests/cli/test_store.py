"""The commands about the store, as others run them."""

from __future__ import annotations

from pathlib import Path

from tests.cli.test_commands import SERIAL, imported, run


def test_a_store_that_is_up_to_date_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "s.duckdb"
    imported(file, SERIAL)
    assert run("store", "upgrade", "--store", str(file)).stdout == b"The store is up to date.\n"
    assert [each.name for each in tmp_path.iterdir()] == ["s.duckdb"]


def test_where_there_is_no_store_none_is_made(tmp_path: Path) -> None:
    done = run("store", "upgrade", "--store", str(tmp_path / "s.duckdb"), status=5)
    assert b"no store here" in done.stderr
    assert not list(tmp_path.iterdir())

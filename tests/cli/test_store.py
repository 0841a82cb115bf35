"""The commands about the store, as others run them."""

from __future__ import annotations

import json
import os
import resource
import subprocess
from pathlib import Path
from typing import Any

import duckdb
import pytest
from click.testing import CliRunner
from tests.cli.test_commands import COMMAND, RECORDS, SERIAL, imported, run

from wafscope.cli.main import cli
from wafscope.errors import StoreError


def test_a_store_that_is_up_to_date_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "s.duckdb"
    imported(file, SERIAL)
    assert run("store", "upgrade", "--store", str(file)).stdout == b"The store is up to date.\n"
    assert [each.name for each in tmp_path.iterdir()] == ["s.duckdb"]


def test_where_there_is_no_store_none_is_made(tmp_path: Path) -> None:
    done = run("store", "upgrade", "--store", str(tmp_path / "s.duckdb"), status=5)
    assert b"no store here" in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("room", [0, 5000])
def test_a_store_that_could_not_be_made_is_made_when_there_is_room(tmp_path: Path, room: int) -> None:
    file = tmp_path / "s.duckdb"
    done = subprocess.run(
        [*COMMAND, "import", "--store", str(file), str(SERIAL)],
        capture_output=True,
        timeout=60,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (room, room)),
    )
    assert (done.returncode, file.exists()) == (5, False), done.stderr.decode()
    assert imported(file, SERIAL)["stored"] == RECORDS


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_who_may_not_look_there_is_told_so_in_words(open_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = open_path / "hidden"
    hidden, own = folder / "s.duckdb", open_path / "own.duckdb"
    (open_path / "w.toml").write_text(f'[store]\nuri = "duckdb:///{hidden}"\n[[source]]\npath = "{folder}/a.log"\n')
    for file in (hidden, own):
        imported(file, SERIAL)
    folder.chmod(0o700)
    open_path.chmod(0o777)
    os.chown(own, 65534, 65534)
    commands = [
        *(["store", name, "--store", str(hidden)] for name in ("status", "check", "compact", "upgrade")),
        ["top", "rule", "--store", str(hidden)],
        ["store", "backup", str(folder / "b"), "--store", str(own)],
        ["store", "restore", str(hidden), "--store", str(open_path / "new.duckdb")],
        ["store", "restore", str(own), "--store", str(folder / "new.duckdb")],
    ]
    checked = ["config", "check", "--config", str(open_path / "w.toml")]
    examined = ["doctor", "--config", str(open_path / "w.toml")]
    runner = CliRunner()
    for command in (*commands, checked, examined):
        runner.invoke(cli, command)  # what is imported when it is needed may not be read by everybody
    os.chown(own, 65534, 65534)
    monkeypatch.chdir("/")
    os.seteuid(65534)
    try:
        done = [runner.invoke(cli, command) for command in commands]
        found, seen = runner.invoke(cli, checked), runner.invoke(cli, examined)
    finally:
        os.seteuid(0)
    assert [type(each.exception) for each in done] == [StoreError] * len(commands), done
    assert (found.exit_code, "It may not be read and written." in found.stdout) == (0, True), found.exception
    assert (seen.exit_code, "[not_readable]" in seen.stdout) == (7, True), seen.exception


def told(*arguments: str, status: int = 0) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(run("store", *arguments, "--json", status=status).stdout)
    return answer


def test_status_tells_sizes_and_the_window(tmp_path: Path) -> None:
    file = str(tmp_path / "s.duckdb")
    imported(tmp_path / "s.duckdb", SERIAL)
    state = told("status", "--store", file)
    assert (state["events"], state["path"], state["since"], state["dirty"]) == (RECORDS, file, None, False)
    assert state["used"] <= state["file"]
    assert state["first"].endswith("Z")
    spoken = run("store", "status", "--store", file).stdout.decode()
    assert f"{RECORDS} events" in spoken
    assert "MB free on the disk" in spoken


def test_prune_compact_check_backup_and_restore(tmp_path: Path) -> None:
    file, backup = str(tmp_path / "s.duckdb"), tmp_path / "backup.duckdb"
    imported(tmp_path / "s.duckdb", SERIAL)
    assert told("backup", str(backup), "--store", file)["events"] == RECORDS
    assert run("store", "backup", str(backup), "--store", file, status=5).stderr.startswith(b"Error")

    done = told("prune", "--days", "1", "--store", file)
    assert (done["removed"], sum(done["days"].values())) == (RECORDS, RECORDS)
    state = told("status", "--store", file)
    assert (state["events"], state["removed_events"], state["dirty"]) == (0, RECORDS, True)
    assert {each["reason"] for each in state["removed"]} == {"hand"}
    assert imported(tmp_path / "s.duckdb", SERIAL)["expired"] == RECORDS
    assert told("compact", "--store", file)["after"] > 0
    assert not told("status", "--store", file)["dirty"]
    assert told("check", "--store", file)["faults"] == []

    assert run("store", "restore", str(backup), "--store", file, status=5).stderr.startswith(b"Error")
    assert told("restore", str(backup), "--store", file, "--force")["events"] == RECORDS
    assert told("check", "--store", file)["events"] == RECORDS


def test_a_fault_ends_the_check_with_status_1(tmp_path: Path) -> None:
    file = tmp_path / "s.duckdb"
    imported(file, SERIAL)
    with duckdb.connect(str(file)) as raw:
        raw.execute("DELETE FROM match WHERE rowid = 0")
    done = run("store", "check", "--store", str(file), status=1)
    assert b"matches by source" in done.stdout
    assert [each["name"] for each in told("check", "--store", str(file), status=1)["faults"]] == [
        "matches by source",
        "matches of events",
    ]


def test_a_size_that_is_none_is_refused(tmp_path: Path) -> None:
    imported(tmp_path / "s.duckdb", SERIAL)
    done = run("store", "prune", "--size", "much", "--store", str(tmp_path / "s.duckdb"), status=2)
    assert b"--size: \xe2\x80\x9cmuch\xe2\x80\x9d is no size" in done.stderr


def test_a_backup_goes_to_a_file_of_its_own(tmp_path: Path) -> None:
    file = tmp_path / "s.duckdb"
    imported(file, SERIAL)
    for target, what in ((tmp_path, b"directory"), (file, b"the store itself")):
        done = run("store", "backup", str(target), "--store", str(file), "--force", status=5)
        assert what in done.stderr

"""The commands as others run them: options, JSON keys, exit statuses, what a terminal gets to see."""

from __future__ import annotations

import gzip
import io
import json
import os
import pty
import shlex
import signal
import socket
import subprocess
import sys
import tarfile
import urllib.request
from pathlib import Path
from typing import Any

import pytest
import zstandard

from wafscope.cli.options import kind_of

SAMPLES = Path(__file__).parents[1] / "samples"
SERIAL = SAMPLES / "gen-v3.0.9-json-serial.log"
RECORDS = 36
PATIENCE = 240
"""Seconds; far more than a command takes."""
COMMAND = [sys.executable, "-m", "wafscope.cli.main"]


def run(
    *arguments: str, stdin: bytes | None = None, status: int = 0, language: str = "C.UTF-8"
) -> subprocess.CompletedProcess[bytes]:
    """Run a command to its end and check its exit status."""
    done = subprocess.run(
        [*COMMAND, *arguments],
        input=stdin or b"",
        capture_output=True,
        timeout=PATIENCE,
        check=False,
        env={**os.environ, "LC_ALL": language},
    )
    assert done.returncode == status, done.stderr.decode()
    return done


def imported(store: Path, *paths: str | Path, stdin: bytes | None = None) -> dict[str, Any]:
    """Import and return the summary."""
    summary: dict[str, Any] = json.loads(
        run("import", "--store", str(store), "--json", *map(str, paths), stdin=stdin).stdout
    )
    return summary


def test_the_summary_has_the_promised_keys(tmp_path: Path) -> None:
    summary = imported(tmp_path / "s.duckdb", SERIAL)
    counts = ["received", "stored", "duplicate", "quarantined", "joined", "expired", "foreign", "matches", "bytes"]
    assert list(summary) == [*counts, "seconds"]
    assert tuple(summary[k] for k in ("received", "stored", "duplicate", "quarantined", "foreign")) == (
        RECORDS,
        RECORDS,
        0,
        0,
        0,
    )
    assert SERIAL.stat().st_size == summary["bytes"]


def test_every_packing_is_the_same_log(tmp_path: Path) -> None:
    data = SERIAL.read_bytes()
    tree = io.BytesIO()
    with tarfile.open(fileobj=tree, mode="w") as archive:
        for number, line in enumerate(data.splitlines(keepends=True)):
            member = tarfile.TarInfo(f"20261124/20261124-0238/20261124-023836-{number}")
            member.size = len(line)
            archive.addfile(member, io.BytesIO(line))
    packed = {
        "a.log.gz": gzip.compress(data),
        "a.log.zst": zstandard.ZstdCompressor().compress(data),
        "a.tar": tree.getvalue(),
        "a.tar.zst": zstandard.ZstdCompressor().compress(tree.getvalue()),
    }
    store = tmp_path / "s.duckdb"
    assert imported(store, SERIAL)["stored"] == RECORDS
    for name, content in packed.items():
        (tmp_path / name).write_bytes(content)
        assert imported(store, tmp_path / name)["duplicate"] == RECORDS, name
    assert imported(store, "-", stdin=data)["duplicate"] == RECORDS
    assert imported(store, "-", stdin=packed["a.log.zst"])["duplicate"] == RECORDS


def test_a_directory_is_read_file_by_file(tmp_path: Path) -> None:
    for number, line in enumerate(SERIAL.read_bytes().splitlines(keepends=True)):
        place = tmp_path / "audit" / "20261124" / f"20261124-02{number % 7}"
        place.mkdir(parents=True, exist_ok=True)
        (place / f"20261124-0238-{number}").write_bytes(line)
    assert imported(tmp_path / "s.duckdb", tmp_path / "audit")["stored"] == RECORDS


def test_top_answers_in_json(tmp_path: Path) -> None:
    store = tmp_path / "s.duckdb"
    imported(store, SERIAL)
    answer = json.loads(run("top", "rule", "--store", str(store), "--json", "--limit", "2").stdout)
    assert list(answer) == ["field", "exact", "events", "values"]
    assert (answer["field"], answer["exact"], answer["events"], len(answer["values"])) == ("rule", True, RECORDS, 2)
    assert list(answer["values"][0]) == ["value", "events", "matches"]
    everything = json.loads(run("top", "rule", "--store", str(store), "--json", "--limit", "0").stdout)
    truth: dict[int, int] = {}
    for line in SERIAL.read_bytes().splitlines():
        for message in json.loads(line.decode("utf-8", "replace"))["transaction"]["messages"]:
            rule = int(message["details"]["ruleId"])
            truth[rule] = truth.get(rule, 0) + 1
    assert truth == {v["value"]: v["matches"] for v in everything["values"]}


def test_top_takes_a_filter_and_a_window(tmp_path: Path) -> None:
    store = tmp_path / "s.duckdb"
    imported(store, SERIAL)
    ask = ("top", "status", "--store", str(store), "--json")
    everything = json.loads(run(*ask).stdout)
    status = everything["values"][0]
    narrowed = json.loads(run(*ask, "--filter", f"status:{status['value']}").stdout)
    assert [status] == narrowed["values"]
    nothing = json.loads(run(*ask, "--from", "2020-01-01", "--to", "2020-12-31").stdout)
    assert (nothing["events"], nothing["values"]) == (0, [])
    day = json.loads(run("top", "day", "--store", str(store), "--json").stdout)["values"][0]["value"]
    assert json.loads(run(*ask, "--from", day, "--to", day).stdout)["events"] == RECORDS


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("import", "--store", "{tmp}/s", "{tmp}/absent.log"), 4, "no such file"),
        (("import", "--store", "{tmp}/s", "{tmp}/empty.log"), 4, "0 bytes"),
        (("import", "--store", "{tmp}/s", "{tmp}/other.log"), 4, "No audit record"),
        (("import", "--store", "{tmp}/s", "-"), 4, "-: There is nothing in it: 0 bytes"),
        (("view", "--no-open", "{tmp}/absent.log"), 4, "no such file"),
        (("top", "hots", "--store", "{tmp}/s"), 2, "Did you mean"),
        (("top", "host", "--store", "{tmp}/absent"), 5, "no store here"),
        (("store", "restore", "{tmp}/absent", "--store", "{tmp}/s"), 5, "no backup here"),
        (("store", "restore", "{tmp}/other.log", "--store", "{tmp}/s"), 5, "is no backup"),
        (("serve", "--store", "{tmp}/s", "--listen", "192.0.2.1:1", "{log}"), 2, "an address of this machine?"),
        (("top", "host", "--store", "{tmp}/absent", "--filter", "@rule:92042x"), 2, "Column 7"),
        (("top", "host", "--store", "{tmp}/absent", "--timezone", "Mars/Base"), 2, "no time zone"),
        (("top", "host", "--store", "{tmp}/absent", "--filter", "(status:200"), 2, "--filter: Column 1"),
        (("import", "--store", "{tmp}/other.log", "{log}"), 5, "store"),
        (("import", "--store", "postgres://waf", "{log}"), 5, "“postgres://waf” is not the address of a store"),
        (("--config", "{tmp}/absent.toml", "serve"), 2, "absent.toml: The settings can not be read: No such file or"),
        (("--config", "{tmp}/other.log", "serve"), 2, "key/value pair (at line 1, column 6)"),
        (("--config", "{tmp}/single.toml", "serve"), 2, "Write it with two brackets"),
        (("view", "--no-open", "{tmp}/torn.log"), 4, "1 piece was put into quarantine"),
        (("view", "--no-open", "{tmp}/torn.log", "{tmp}/other.log"), 4, "1 line of something else"),
    ],
)
def test_mistakes_are_named_with_a_hint(tmp_path: Path, arguments: tuple[str, ...], status: int, words: str) -> None:
    (tmp_path / "empty.log").touch()
    (tmp_path / "other.log").write_text("just a line\n")
    (tmp_path / "single.toml").write_text("[source]\n")
    (tmp_path / "torn.log").write_bytes(SERIAL.read_bytes()[:300])
    done = run(*(a.format(tmp=tmp_path, log=SERIAL) for a in arguments), status=status)
    assert words in done.stderr.decode()
    assert b"Hint:" in done.stderr or b"such as" in done.stderr  # the example is the hint
    assert b"Traceback" not in done.stderr
    assert done.stdout == b""


def test_one_bad_path_stops_before_anything_is_read(tmp_path: Path) -> None:
    store = tmp_path / "s.duckdb"
    run("import", "--store", str(store), str(SERIAL), str(tmp_path / "absent"), status=4)
    assert imported(store, SERIAL)["duplicate"] == 0


def test_errors_speak_japanese(tmp_path: Path) -> None:
    done = run("import", "--store", str(tmp_path / "s"), str(tmp_path / "absent"), status=4, language="ja_JP.UTF-8")
    assert "エラー" in done.stderr.decode()


def test_a_terminal_gets_no_control_characters(tmp_path: Path) -> None:
    line = SERIAL.read_bytes().splitlines()[0]
    record = json.loads(line)
    record["transaction"]["request"]["headers"]["Host"] = "\x1b[31mred\x07\u202eevil"
    (tmp_path / "h.log").write_text(json.dumps(record) + "\n")
    store = tmp_path / "s.duckdb"
    imported(store, tmp_path / "h.log")
    shown = run("top", "host", "--store", str(store)).stdout.decode()
    assert "red" in shown
    assert not {"\x1b", "\x07", "\u202e"} & set(shown)


def test_a_missing_value_is_not_counted_as_one_of_the_values(tmp_path: Path) -> None:
    store = tmp_path / "s.duckdb"
    imported(store, SERIAL)
    ask = ("top", "referer", "--store", str(store), "--limit", "0")
    values = [value["value"] for value in json.loads(run(*ask, "--json").stdout)["values"]]
    assert None in values
    assert f"{len(values) - 1} of {len(values) - 1} values" in run(*ask).stderr.decode()


def test_the_edges_of_the_calendar_mean_all(tmp_path: Path) -> None:
    store = tmp_path / "s.duckdb"
    imported(store, SERIAL)
    ask = ("top", "host", "--store", str(store), "--json", "--timezone", "Asia/Tokyo")
    assert json.loads(run(*ask, "--from", "0001-01-01", "--to", "9999-12-31").stdout)["events"] == RECORDS


def test_a_terminal_of_another_encoding_gets_escapes_and_json_stays_json(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = json.loads(SERIAL.read_bytes().splitlines()[0])
    record["transaction"]["request"]["headers"]["Host"] = "caf\u00e9.\u65e5"
    (tmp_path / "h.log").write_text(json.dumps(record) + "\n")
    store = tmp_path / "s.duckdb"
    imported(store, tmp_path / "h.log")
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    assert b"caf\\xe9.\\u65e5" in run("top", "host", "--store", str(store)).stdout
    answer = json.loads(run("top", "host", "--store", str(store), "--json").stdout)
    assert answer["values"][0]["value"] == "caf\u00e9.\u65e5"


@pytest.mark.parametrize("arguments", [("config", "reference"), ("top", "host", "--store", "{store}")])
def test_output_that_can_not_be_written_is_an_error_in_words(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    store = tmp_path / "s.duckdb"
    imported(store, SERIAL)
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [*COMMAND, *(each.format(store=store) for each in arguments)],
            stdout=full,
            stderr=subprocess.PIPE,
            timeout=PATIENCE,
            check=False,
            env={**os.environ, "LC_ALL": "C.UTF-8"},
        )
    assert done.returncode == 1
    assert done.stderr.startswith(b"Error: Standard output: It can not be written: No space left on device\nHint:")


def test_a_closed_standard_error_is_not_the_end_of_a_command(tmp_path: Path) -> None:
    store = tmp_path / "s.duckdb"
    command = shlex.join([*COMMAND, "import", "--json", "--store", str(store), str(SERIAL)])
    done = subprocess.run(["sh", "-c", f"{command} 2>&-"], stdout=subprocess.PIPE, timeout=PATIENCE, check=True)
    assert json.loads(done.stdout)["stored"] == RECORDS


@pytest.mark.parametrize("named", [{}, {"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_a_terminal_gets_colours_unless_it_wants_none(tmp_path: Path, named: dict[str, str]) -> None:
    mine, its = pty.openpty()
    environment = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    subprocess.run(
        [*COMMAND, "import", "--store", str(tmp_path / "s.duckdb"), str(tmp_path / "absent")],
        stderr=its,
        timeout=PATIENCE,
        check=False,
        env=environment | {"LC_ALL": "C.UTF-8", "TERM": "xterm"} | named,
    )
    os.close(its)
    assert (b"\x1b[" in os.read(mine, 4096)) == (not named)
    os.close(mine)


@pytest.mark.parametrize(
    "arguments",
    [
        ("top", "host", "--limit"),
        ("quarantine", "list", "--limit"),
        ("quarantine", "show"),
        ("store", "prune", "--days"),
    ],
)
def test_a_number_that_is_too_large_is_a_wrong_option(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    done = run(*arguments, "9" * 20, "--store", str(tmp_path / "absent"), status=2)
    assert b"is not in the range" in done.stderr


def test_a_row_is_a_line_for_those_who_search(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    record = json.loads(SERIAL.read_bytes().splitlines()[0])
    record["transaction"]["request"]["uri"] = path = "/" + "long/" * 60
    (tmp_path / "h.log").write_text(json.dumps(record) + "\n")
    store = tmp_path / "s.duckdb"
    imported(store, tmp_path / "h.log")
    assert path in run("top", "path", "--store", str(store)).stdout.decode()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_a_path_that_may_not_be_looked_at_is_no_end_of_a_service(
    open_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (open_path / "hidden").mkdir(mode=0o700)
    monkeypatch.chdir("/")
    os.seteuid(65534)
    try:
        assert kind_of(f"{open_path}/hidden/*.log") == "serial"
    finally:
        os.seteuid(0)


def test_what_holds_events_is_not_for_all_to_read(tmp_path: Path) -> None:
    """The log itself mostly is for root alone."""
    before = os.umask(0o022)
    try:
        imported(tmp_path / "s.duckdb", SERIAL)
        run("store", "backup", "--store", str(tmp_path / "s.duckdb"), str(tmp_path / "b.duckdb"))
        run("convert", "--output", str(tmp_path / "e.json"), str(SERIAL))
    finally:
        os.umask(before)
    assert {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {
        "s.duckdb": 0o640,
        "b.duckdb": 0o640,
        "e.json": 0o640,
    }


def test_one_is_no_plural(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_bytes(SERIAL.read_bytes().splitlines(keepends=True)[0] + b"just a line\n")
    done = run("import", "--store", str(tmp_path / "s"), str(tmp_path / "a.log"))
    assert "1 event stored" in done.stdout.decode()
    assert "1 foreign line;" in done.stdout.decode()


def started(*arguments: str) -> tuple[subprocess.Popen[str], str]:
    """Start a command that serves; return it with the address it prints."""
    process = subprocess.Popen(
        [*COMMAND, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "LC_ALL": "C.UTF-8"},
    )
    assert process.stdout is not None
    words = process.stdout.readline()
    return process, next(word for word in words.split() if word.startswith("http://"))


def stopped(process: subprocess.Popen[str]) -> str:
    """End it with Ctrl-C; it must end cleanly."""
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, errors
    return errors


def test_view_serves_the_log_and_ends_on_ctrl_c(tmp_path: Path) -> None:
    process, address = started("view", "--no-open", "--store", str(tmp_path / "kept.duckdb"), str(SERIAL))
    try:
        with urllib.request.urlopen(address, timeout=PATIENCE) as page:
            assert page.status == 200
            assert b"Wafscope" in page.read()
    finally:
        errors = stopped(process)
    assert f"{RECORDS} events" in errors
    assert "Traceback" not in errors
    assert imported(tmp_path / "kept.duckdb", SERIAL)["duplicate"] == RECORDS


def test_ctrl_c_during_the_import_keeps_what_was_read_and_goes_on() -> None:
    with subprocess.Popen(
        [*COMMAND, "view", "--no-open", "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "LC_ALL": "C.UTF-8"},
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            process.stdin.write(SERIAL.read_bytes() * 60)
            process.stdin.flush()
            process.send_signal(signal.SIGINT)
            process.stdin.close()
            assert "http://127.0.0.1:" in process.stdout.readline().decode()
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=PATIENCE) == 0
        finally:
            process.kill()
        assert "what was read is kept" in process.stderr.read().decode()


def test_an_import_of_what_can_not_be_read_ends_with_4_and_keeps_it(tmp_path: Path) -> None:
    torn, store = tmp_path / "torn.log", str(tmp_path / "s.duckdb")
    torn.write_bytes(SERIAL.read_bytes()[:300])
    done = run("import", "--store", store, "--json", str(torn), status=4)
    assert json.loads(done.stdout)["quarantined"] == 1
    assert b"quarantine list" in done.stderr
    run("import", "--store", store, str(torn), str(SERIAL))


def test_an_import_that_ctrl_c_ends_says_so_by_its_status(tmp_path: Path) -> None:
    with subprocess.Popen(
        [*COMMAND, "import", "--json", "--store", str(tmp_path / "s.duckdb"), "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "LC_ALL": "C.UTF-8"},
    ) as process:
        assert process.stdin is not None
        try:
            process.stdin.write(SERIAL.read_bytes() * 60)
            process.stdin.flush()
            process.send_signal(signal.SIGINT)
            said, _ = process.communicate(timeout=PATIENCE)
        finally:
            process.kill()
    assert process.returncode == 130
    assert json.loads(said)["stored"] <= RECORDS


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_temporary_store_is_gone_however_the_program_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    # These tests may run below nohup, whose disposition a program inherits.
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    try:
        process, _ = started("view", "--no-open", str(SERIAL))
    finally:
        signal.signal(signal.SIGHUP, before)
    try:
        assert list(tmp_path.glob("wafscope-*"))
        process.send_signal(number)
        process.communicate(timeout=20)
    finally:
        process.kill()
    assert list(tmp_path.glob("wafscope-*")) == []


def test_a_port_that_is_taken_is_named_with_what_to_do_for_each_command() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run("view", "--no-open", "--port", str(port), str(SERIAL), status=2)
    words = done.stderr.decode()
    assert f"127.0.0.1:{port}" in words
    assert "WAFSCOPE_WEB_LISTEN=" in words

"""`wafscope convert` as others run it."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from functools import partial
from pathlib import Path
from resource import RLIMIT_FSIZE, setrlimit
from typing import Any

import pytest
from tests.corpus.place import CORPUS, RUNS, logs, summary

SAMPLES = Path(__file__).parents[1] / "samples"
SERIAL = SAMPLES / "gen-v3.0.9-json-serial.log"
RECORDS = 36
PATIENCE = 240
"""Seconds; far more than a command takes."""
COMMAND = [sys.executable, "-m", "wafscope.cli.main", "convert"]
ENVIRONMENT = {**os.environ, "LC_ALL": "C.UTF-8"}
SMALL = sorted(RUNS, key=lambda run: summary(run)["records"])[:4]


def run(
    *arguments: str | Path, stdin: bytes | None = None, status: int = 0, language: str = "C.UTF-8"
) -> subprocess.CompletedProcess[bytes]:
    """Run the command to its end and check its exit status."""
    done = subprocess.run(
        [*COMMAND, *map(str, arguments)],
        input=stdin or b"",
        capture_output=True,
        timeout=PATIENCE,
        check=False,
        env={**ENVIRONMENT, "LC_ALL": language},
    )
    assert done.returncode == status, done.stderr.decode()
    return done


def objects(data: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in data.decode("utf-8", "strict").split("\n")[:-1]]


def test_events_go_to_standard_output_and_the_rest_elsewhere() -> None:
    done = run(SERIAL)
    assert len(objects(done.stdout)) == RECORDS
    assert done.stderr.decode().startswith(f"{RECORDS} events written, 0 not readable, 0 foreign lines; 86 matches")


def test_lines_without_a_time_have_that_of_their_file(tmp_path: Path) -> None:
    file = tmp_path / "error.log"
    file.write_bytes((SAMPLES / "gen-coraza-3.7.0-errorlog.log").read_bytes())
    os.utime(file, (1_795_488_283, 1_795_488_283))
    events = objects(run(file).stdout)
    assert [event["time"] for event in events] == ["2026-11-24T02:44:43.000000Z"] * 5
    assert all("no_time" in event["gaps"] for event in events)
    assert len(objects(run("-", stdin=file.read_bytes()).stdout)) == 5


def test_what_comes_on_standard_input_is_written_as_it_comes() -> None:
    records = SERIAL.read_bytes().splitlines(keepends=True)
    with subprocess.Popen(
        [*COMMAND, "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=ENVIRONMENT
    ) as started:
        assert started.stdin is not None
        assert started.stdout is not None
        for number, record in enumerate(records[:3]):
            started.stdin.write(record)
            started.stdin.flush()
            written = json.loads(started.stdout.readline())
            assert written["offset"] == sum(map(len, records[:number]))
        started.stdin.close()
        assert started.stdout.read() == b""
    assert started.returncode == 0


@pytest.mark.parametrize(("form", "lines"), [("ecs", RECORDS), ("jsonl", RECORDS), ("ocsf", 69), ("csv", RECORDS + 1)])
def test_a_file_has_the_same_as_standard_output(tmp_path: Path, form: str, lines: int) -> None:
    file = tmp_path / "out"
    file.write_text("what was there before")
    done = run("--no-redact", "--to", form, "--sensor", "web1", "--output", file, SERIAL)
    assert done.stdout == b""
    assert file.read_bytes() == run("--no-redact", "--to", form, "--sensor", "web1", SERIAL).stdout
    assert file.read_bytes().count(b"\n") == lines


def test_standard_input_is_read() -> None:
    (first, *_), done = (
        objects(run("--no-redact", SERIAL).stdout),
        run("--no-redact", "-", stdin=SERIAL.read_bytes()),
    )
    assert len(objects(done.stdout)) == RECORDS
    assert objects(done.stdout)[0] == {**first, "source": "-"}


def test_secrets_are_masked_unless_they_are_asked_for() -> None:
    masked, whole = run("--raw", SERIAL).stdout, run("--raw", "--no-redact", SERIAL).stdout
    assert b"masked-" in masked
    assert b"masked-" not in whole


def test_the_zone_and_the_sensor_are_those_given() -> None:
    record = json.loads(SERIAL.read_bytes().split(b"\n")[0])
    record["transaction"] |= {"unique_id": "x", "time_stamp": "Wed Nov 18 02:30:00 2026"}
    record["transaction"]["response"]["headers"].pop("Date", None)
    line = json.dumps(record).encode() + b"\n"
    (found,) = objects(run("--timezone", "Asia/Tokyo", "--sensor", "web7", "-", stdin=line).stdout)
    assert (found["time"], found["zone_source"], found["sensor"]) == (
        "2026-11-17T17:30:00.000000Z",
        "configured",
        "web7",
    )


def test_a_table_has_the_columns_asked_for() -> None:
    done = run("--to", "csv", "--fields", "tx,ip,rule", SERIAL)
    head, *rows = csv.reader(io.StringIO(done.stdout.decode(), newline=""), strict=True)
    assert head == ["transaction.id", "client.address", "rule.id"]
    assert len(rows) == RECORDS
    truth = Counter(
        message["details"]["ruleId"]
        for line in SERIAL.read_bytes().splitlines()
        for message in json.loads(line.decode("utf-8", "replace"))["transaction"]["messages"]
    )
    assert Counter(each for row in rows if row[2] for each in row[2].split("; ")) == truth


def test_the_record_is_put_in_when_asked_for() -> None:
    found = objects(run("--no-redact", "--raw", "--to", "ecs", SERIAL).stdout)
    originals = [each["event"]["original"].encode() for each in found if "raw_base64" not in each["modsec"]]
    assert originals
    assert set(originals) <= set(SERIAL.read_bytes().splitlines())


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("{tmp}/absent.log",), 4, "no such file"),
        (("{tmp}/empty.log",), 4, "0 bytes"),
        (("{tmp}/other.log",), 4, "No audit record"),
        (("{tmp}/cut.log",), 4, "can not be read"),
        (("{log}", "{tmp}/absent.log"), 4, "no such file"),
        (("--to", "csv", "--fields", "time,hots", "{log}"), 2, "--fields: Column 6"),
        (("-",), 4, "-: There is nothing in it: 0 bytes"),
        (("--fields", "time", "{log}"), 2, "Only a table"),
        (("--raw", "--to", "csv", "{log}"), 2, "A table"),
        (("--timezone", "Mars/Base", "{log}"), 2, "no time zone"),
        (("--output", "{tmp}", "{log}"), 2, "a directory"),
        (("--output", "{tmp}/absent/out", "{log}"), 2, "no such directory"),
        (("--output", "{tmp}/other.log", "{tmp}/other.log"), 2, "written over"),
        (("--output", "{tmp}/new", "{tmp}"), 2, "written over"),
    ],
)
def test_mistakes_are_named_with_a_hint(tmp_path: Path, arguments: tuple[str, ...], status: int, words: str) -> None:
    (tmp_path / "empty.log").touch()
    (tmp_path / "other.log").write_text("just a line\n")
    (tmp_path / "cut.log").write_text('{"transaction":{"client_ip":"192.0.2.7"\n')
    done = run(*(a.format(tmp=tmp_path, log=SERIAL) for a in arguments), status=status)
    assert words in done.stderr.decode()
    assert b"Hint:" in done.stderr
    assert b"Traceback" not in done.stderr
    assert done.stdout == b""
    assert (tmp_path / "other.log").read_text() == "just a line\n"


def test_a_wrong_form_is_a_wrong_option() -> None:
    assert b"'xml' is not one of" in run("--to", "xml", SERIAL, status=2).stderr


def test_a_path_without_a_record_is_a_warning_beside_others(tmp_path: Path) -> None:
    (tmp_path / "other.log").write_text("just a line\n")
    done = run("--to", "ecs", tmp_path / "other.log", SERIAL)
    assert len(objects(done.stdout)) == RECORDS
    assert b"No audit record in it: 1 line of something else." in done.stderr


def test_it_speaks_japanese(tmp_path: Path) -> None:
    assert "書き出し" in run(SERIAL, language="ja_JP.UTF-8").stderr.decode()
    assert "ディレクトリです" in run("--output", tmp_path, SERIAL, status=2, language="ja_JP.UTF-8").stderr.decode()


@pytest.mark.parametrize("form", ["ecs", "ocsf", "jsonl", "csv"])
def test_whoever_has_read_enough_ends_it_quietly(tmp_path: Path, form: str) -> None:
    (tmp_path / "big.log").write_bytes(SERIAL.read_bytes() * 60)
    with subprocess.Popen(
        [*COMMAND, "--to", form, str(tmp_path / "big.log")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=ENVIRONMENT,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().endswith(b"\n")
        process.stdout.close()
        assert process.wait(timeout=PATIENCE) == 0
        assert process.stderr.read() == b""


def test_ctrl_c_leaves_a_whole_last_line(tmp_path: Path) -> None:
    file = tmp_path / "out.jsonl"
    with subprocess.Popen(
        [*COMMAND, "--output", str(file), "-"], stdin=subprocess.PIPE, stderr=subprocess.PIPE, env=ENVIRONMENT
    ) as process:
        assert process.stdin is not None
        assert process.stderr is not None
        try:
            process.stdin.write(SERIAL.read_bytes() * 60)
            process.stdin.flush()
            until = time.monotonic() + PATIENCE
            while not (file.exists() and file.stat().st_size) and time.monotonic() < until:
                time.sleep(0.01)
            process.send_signal(signal.SIGINT)
            process.stdin.close()
            assert process.wait(timeout=PATIENCE) == 130
        finally:
            process.kill()
        said = process.stderr.read().decode()
    assert "Traceback" not in said
    written = len(objects(file.read_bytes()))
    assert 0 < written <= 60 * RECORDS
    assert said.startswith(f"{written:,} events written")


def test_a_full_disk_is_an_error() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    done = run("--output", "/dev/full", SERIAL, status=1)
    assert b"can not be written" in done.stderr
    assert b"Hint:" in done.stderr


def test_a_file_that_can_not_grow_ends_with_a_whole_line(tmp_path: Path) -> None:
    """A limit on the size of files stands for a full disk."""
    file = tmp_path / "out.jsonl"
    done = subprocess.run(
        [*COMMAND, "--output", str(file), str(SERIAL)],
        capture_output=True,
        timeout=PATIENCE,
        check=False,
        env=ENVIRONMENT,
        preexec_fn=partial(setrlimit, RLIMIT_FSIZE, (100_000, 100_000)),
    )
    assert done.returncode == 1, done.stderr.decode()
    assert 0 < len(objects(file.read_bytes())) < RECORDS
    assert file.read_bytes().endswith(b"\n")


@pytest.mark.corpus
@pytest.mark.skipif(not CORPUS.is_dir(), reason="the real runs are not beside the project")
@pytest.mark.parametrize("name", SMALL)
def test_counts_of_a_real_run_are_true(name: str) -> None:
    known = summary(name)
    found = objects(run("--to", "jsonl", *logs(name)).stdout)
    assert len(found) == known["records"]
    assert sum(len(each.get("matches", ())) for each in found) == known["messages"]
    hosts = Counter(each.get("host", "-") for each in found)
    assert hosts == {"-" if host == "-" else host: count for host, count in known["per_host"].items()}
    activities = [each for each in objects(run("--to", "ocsf", *logs(name)).stdout) if each["class_uid"] == 4002]
    assert len(activities) == known["records"]
    assert sum(len(each.get("enrichments", ())) for each in activities) == known["messages"]

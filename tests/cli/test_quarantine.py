"""The commands about the quarantine, as others run them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.cli.test_commands import SERIAL, imported, run

from wafscope.ingest.retry import REASONS

HOSTILE = b'{"transaction":{"client_ip":"\x1b[31mred\x07\xe2\x80\xae\xff'


@pytest.fixture
def store(tmp_path: Path) -> str:
    """A store with two records and a torn one."""
    log = tmp_path / "\x1b]0;torn\x07.log"
    lines = SERIAL.read_bytes().splitlines()[:2]
    log.write_bytes(b"\n".join([*lines, HOSTILE]))
    file = tmp_path / "s.duckdb"
    assert imported(file, log)["quarantined"] == 1
    return str(file)


def test_the_list_has_a_line_a_piece_and_says_what_to_do(store: str) -> None:
    listed = [json.loads(line) for line in run("quarantine", "list", "--store", store, "--json").stdout.splitlines()]
    assert [list(each) for each in listed] == [["id", "source", "sensor", "offset", "length", "reason", "seen", "more"]]
    assert (listed[0]["id"], listed[0]["length"], listed[0]["reason"]) == (1, len(HOSTILE), "cut")
    done = run("quarantine", "list", "--store", store)
    assert b"cut" in done.stdout
    assert b"A part of the record is missing." in done.stderr
    assert not {"\x1b", "\x07", "\u202e"} & set((done.stdout + done.stderr).decode())
    assert run("quarantine", "list", "--store", store, "--reason", "spliced", "--json").stdout == b""


def test_a_piece_is_shown_without_control_characters_and_raw_byte_for_byte(store: str) -> None:
    done = run("quarantine", "show", "1", "--store", store)
    assert b"red" in done.stdout
    assert not {"\x1b", "\x07", "\u202e"} & set((done.stdout + done.stderr).decode())
    assert run("quarantine", "show", "1", "--store", store, "--raw").stdout == HOSTILE


def test_secrets_are_shown_in_raw_only(tmp_path: Path) -> None:
    log, file = tmp_path / "a.log", tmp_path / "s.duckdb"
    torn = (
        b'{"transaction":{"client_ip":"192.0.2.1","request":{"uri":"/?token=torn-secret-1","headers":{"Cookie":"sid=t'
    )
    log.write_bytes(SERIAL.read_bytes().splitlines()[0] + b"\n" + torn)
    assert imported(file, log)["quarantined"] == 1
    shown = run("quarantine", "show", "1", "--store", str(file)).stdout
    assert b"torn-secret-1" not in shown
    assert b"/?token=masked-" in shown
    assert run("quarantine", "show", "1", "--store", str(file), "--raw").stdout == torn


def test_what_still_can_not_be_read_stays(store: str) -> None:
    for _ in range(2):
        summary = json.loads(run("quarantine", "retry", "--store", store, "--json").stdout)
        assert summary == {"tried": 1, "released": 0, "kept": 1, "stored": 0, "duplicate": 0, "matches": 0}
    assert b"1 piece tried: 0 events stored" in run("quarantine", "retry", "1", "--store", store).stdout


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("show", "7", "--store", "{store}"), 4, "Not in quarantine: 7"),
        (("retry", "1", "8", "9", "--store", "{store}"), 4, "Not in quarantine: 8, 9"),
        (("list", "--store", "{store}.absent"), 5, "no store here"),
        (("retry", "--store", "{store}.absent"), 5, "no store here"),
        (("list", "--store", "{store}", "--reason", "bored"), 2, "bored"),
        (("retry", "--store", "{store}", "--timezone", "Mars/Base"), 2, "no time zone"),
    ],
)
def test_mistakes_are_named(store: str, arguments: tuple[str, ...], status: int, words: str) -> None:
    done = run("quarantine", *(a.format(store=store) for a in arguments), status=status)
    assert words in done.stderr.decode()
    assert done.stdout == b""


def test_every_reason_has_words() -> None:
    known = {"cut", "spliced", "damaged", "not_json", "too_deep", "no_time", "wrong_encoding", "engine_without_json"}
    assert known | {"too_large", "damaged_archive", "damaged_spool", "missing_file", "not_masked", "not_stored"} == set(
        REASONS
    )


def test_pieces_are_discarded_when_it_is_said_which(store: str) -> None:
    assert b"Nothing says which pieces." in run("quarantine", "discard", "--store", store, status=2).stderr
    assert b"Not in quarantine: 7" in run("quarantine", "discard", "7", "--store", store, status=4).stderr
    assert json.loads(run("quarantine", "discard", "--reason", "spliced", "--store", store, "--json").stdout) == {
        "discarded": 0
    }
    assert run("quarantine", "discard", "1", "--store", store).stdout == b"1 piece discarded.\n"
    assert run("quarantine", "list", "--store", store, "--json").stdout == b""
    assert run("quarantine", "discard", "--all", "--store", store).stdout == b"0 pieces discarded.\n"

"""What the receiver did not take is in no quarantine: the doctor tells it, with the setting to change."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from wafscope.cli.main import cli
from wafscope.doctor.case import Arrived
from wafscope.doctor.diagnosis import Change, Diagnosis
from wafscope.doctor.examine import examine
from wafscope.i18n.text import english
from wafscope.service.checkup import Checkups
from wafscope.settings import Ingest, Settings, Source
from wafscope.source.traffic import Traffic
from wafscope.store.memory import MemoryStore

MB = 1 << 20
SYSLOG = Source(kind="syslog", listen="127.0.0.1:0", sensor="web1")


def diagnosed(source: Source, refused: dict[str, int], *, largest: int = MB, spool: int = 1 << 30) -> list[Diagnosis]:
    return list(examine(source, (), arrived=Arrived(refused, 0, largest, spool)).diagnoses)


def test_a_line_that_was_too_large_is_told_with_the_setting_to_raise() -> None:
    (found,) = diagnosed(SYSLOG, {"too_large": 2, "busy": 7})
    assert (found.code, found.severity, found.where) == ("arrived_too_large", "warning", "syslog:web1")
    assert english(found.evidence) == "2 were larger than 1048576 bytes since 1970-01-01 00:00 UTC."
    assert found.change == Change("largest_record = 1048576", "largest_record = 2097152")


def test_what_limits_a_request_may_be_the_spool() -> None:
    receiver = Source(kind="receiver", tokens={"t": "web1"}, sensor="web1")
    (found,) = diagnosed(receiver, {"too_large": 1}, largest=64 * MB, spool=4 * MB)
    assert english(found.evidence) == "1 was larger than 2097152 bytes since 1970-01-01 00:00 UTC."
    assert found.change == Change("spool_limit = 4194304", "spool_limit = 8388608")


def test_there_is_an_end_to_raising_it() -> None:
    (found,) = diagnosed(SYSLOG, {"too_large": 1}, largest=2 << 30)
    assert found.change is None
    assert found.hint is not None


def test_lines_that_were_lost_are_told_and_nothing_where_all_was_taken() -> None:
    assert [each.code for each in diagnosed(SYSLOG, {"lost": 5})] == ["arrived_lost"]
    assert diagnosed(SYSLOG, {}) == []


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Settings with a syslog whose receiver has told of a line that was too large."""
    spool = tmp_path / "spool"
    spool.mkdir()
    traffic = Traffic()
    traffic.accept("web1", 100)
    traffic.refuse("web1", "too_large")
    traffic.write(spool, 0, 1 << 30)
    file = tmp_path / "wafscope.toml"
    file.write_text(
        f'[store]\nuri = "duckdb:///{tmp_path}/no.duckdb"\n[ingest]\nlargest_record = {MB}\n'
        f'[[source]]\nkind = "syslog"\nlisten = "127.0.0.1:5140"\nsensor = "web1"\nspool = "{spool}"\n'
    )
    return file


def test_the_command_tells_it_and_ends_with_a_warning(config: Path) -> None:
    ended = CliRunner().invoke(cli, ["doctor", "--config", str(config), "--json"])
    (source,) = json.loads(ended.stdout)["sources"]
    assert [(each["code"], each["then"]) for each in source["diagnoses"]] == [
        ("arrived_too_large", "largest_record = 2097152")
    ]
    assert ended.exit_code == 6


def test_the_sources_page_says_the_same(config: Path) -> None:
    source = Source(kind="syslog", listen="127.0.0.1:5140", sensor="web1", spool=str(config.parent / "spool"))
    checkup = Checkups(MemoryStore(), Settings(ingest=Ingest(largest_record=MB), source=(source,)))(0)
    assert checkup is not None
    assert [[each.code for each in examined.diagnoses] for examined in checkup.examined] == [["arrived_too_large"]]

"""The page of the sources: one row for each source with its lag, rate and newest event, and what the doctor found."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from litestar import Litestar
from litestar.testing import TestClient
from tests.make import write
from tests.web.conftest import NOW, SETTINGS, request

from wafscope.doctor.examine import Checkup, examine
from wafscope.query.question import SourceCounts
from wafscope.query.timespan import HOUR
from wafscope.settings import Source
from wafscope.store.memory import MemoryStore
from wafscope.web.app import create_app
from wafscope.web.status import SourceStatus, rows

LOG = "/var/log/nginx/modsec_audit.log"
OWN = {"Origin": "http://console.local"}


def followed(name: str, kind: str = "serial", sensor: str = "web1") -> SourceStatus:
    return SourceStatus(name, kind, sensor, "following", 0, NOW)


def counts(name: str, stored: int, sensor: str = "web1") -> SourceCounts:
    return SourceCounts(name, sensor, received=stored, stored=stored, bytes=10 * stored)


def test_a_source_has_the_counters_of_all_files_that_it_has_read() -> None:
    pattern = followed("/var/log/*/audit*.log")
    found = rows(
        [
            counts(LOG, 5),
            counts(f"{LOG}.1", 3),
            counts("/var/log/a/audit1.log", 1),
            counts(LOG, 7, "web2"),
            counts("/srv/import.log", 2),
        ],
        [pattern, followed(LOG)],
    )

    assert [(row.counts.source, row.counts.sensor, row.counts.stored, len(row.files)) for row in found] == [
        ("/var/log/*/audit*.log", "web1", 1, 1),
        (LOG, "web1", 8, 2),
        ("/srv/import.log", "web1", 2, 1),
        (LOG, "web2", 7, 1),
    ]
    assert found[1].counts.bytes == 80
    assert [row.status is None for row in found] == [False, False, True, True]


def test_a_source_that_has_brought_nothing_has_a_row() -> None:
    (row,) = rows([], [followed("/var/log/audit", "concurrent")])
    assert (row.counts.received, row.files) == (0, ())


@contextmanager
def console(checkup: Callable[[int], Checkup | None], *statuses: SourceStatus) -> Iterator[TestClient[Litestar]]:
    store = MemoryStore()
    write(store, [request(71), request(71.5), request(2)], source=LOG)
    settings = msgspec.structs.replace(SETTINGS, status=lambda: statuses, checkup=checkup, patience=10)
    with TestClient(create_app(store, settings), base_url="http://console.local") as made:
        yield made


def test_rate_and_newest_event_are_those_of_the_last_day() -> None:
    with console(lambda _age: None, followed(LOG)) as client:
        page = client.get("/sources").text

    assert "2 events in the last 24 hours" in page
    assert "0.1 / h" in page
    assert "Run the doctor" not in page
    assert 'id="doctor"' not in page


def examined(folder: Path, directives: str) -> Checkup:
    log = folder / "audit.log"
    log.write_bytes(b"")
    (folder / "rules.conf").write_text(directives.format(log=log))
    source = Source(path=str(log), sensor="web1", config=str(folder / "rules.conf"))
    return Checkup((examine(source, ()),), NOW - HOUR)


def test_what_the_doctor_found_is_shown_with_the_line_to_change(tmp_path: Path) -> None:
    found = examined(tmp_path, 'SecRuleEngine On\nSecAuditEngine Off\nSecAuditLog "{log}"\n')
    with console(lambda _age: found, followed(str(tmp_path / "audit.log"))) as client:
        page = client.get("/sources").text

    assert "The audit log is switched off." in page
    assert f"{tmp_path}/rules.conf:2" in page
    assert "− SecAuditEngine Off</del>" in page
    assert "+ SecAuditEngine On</ins>" in page
    assert 'href="#doctor-1">' in page
    assert "1 to mend</a>" in page


def test_a_hostile_configuration_is_shown_and_not_obeyed(tmp_path: Path) -> None:
    evil = "<script>alert(1)</script>\u202e\x1b[31m"
    found = examined(
        tmp_path, f'SecAuditEngine RelevantOnly\nSecAuditLogRelevantStatus "{evil}"\nSecAuditLog "{{log}}"\n'
    )
    with console(lambda _age: found, followed(str(tmp_path / "audit.log"))) as client:
        page = client.get("/sources").text

    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "\u202e" not in page
    assert "\x1b" not in page


def test_the_doctor_is_run_anew_by_the_button_alone(tmp_path: Path) -> None:
    ages: list[int] = []

    def checkup(age: int) -> Checkup:
        ages.append(age)
        return examined(tmp_path, "SecRuleEngine On\n")

    with console(checkup, followed(str(tmp_path / "audit.log"))) as client:
        client.get("/sources")
        answer = client.post("/sources/doctor", headers=OWN, follow_redirects=False)

    assert (answer.status_code, answer.headers["location"]) == (303, "/sources#doctor")
    assert ages[0] > 0
    assert ages[-1] == 0

"""The doctor of a service looks when somebody asks, and remembers for a while."""

from __future__ import annotations

import re
from pathlib import Path

from tests.make import write

from wafscope import source
from wafscope.query.timespan import DAY
from wafscope.reader.base import Unreadable
from wafscope.service.checkup import Checkups
from wafscope.service.status import REFUSED
from wafscope.settings import Settings, Source
from wafscope.store.memory import MemoryStore


def test_the_doctor_of_a_service_remembers_until_it_is_asked_for_something_newer(tmp_path: Path) -> None:
    log = tmp_path / "audit.log"
    config = tmp_path / "rules.conf"
    config.write_text(f"SecAuditLog {log}\nSecAuditEngine Off\n")
    store = MemoryStore()
    write(store, [], source=str(log), unreadable=(Unreadable(b"x", 0, "spliced", str(log)),))
    checkups = Checkups(store, Settings(source=(Source(path=str(log), config=str(config)),)))
    first = checkups(DAY)

    assert first is not None
    codes = [each.code for each in first.examined[0].diagnoses]
    assert ("audit_engine_off" in codes, "spliced" in codes) == (True, True)
    assert checkups(DAY) is first
    second = checkups(0)
    assert second is not None
    assert second.at > first.at
    checkups.change(Settings())
    assert (changed := checkups(DAY)) is not None
    assert changed.examined == ()
    checkups.change(Settings(source=(Source(kind="receiver", tokens={"a": "web1", "b": "web2"}),)))
    assert (apart := checkups(DAY)) is not None
    assert [each.source.sensor for each in apart.examined] == ["web1", "web2"]


def test_every_reason_to_refuse_has_words() -> None:
    sources = Path(source.__file__).parent.glob("*.py")
    refusals = re.compile(r'(?:Refusal\(|\.refuse\([^"\n]*)"(\w+)"')
    assert {reason for file in sources for reason in refusals.findall(file.read_text())} == set(REFUSED)

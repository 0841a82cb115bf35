"""What the service does beside following: pieces expire, and the doctor looks when somebody asks."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from tests.make import write

from wafscope.query.question import Quarantine
from wafscope.query.timespan import DAY
from wafscope.reader.base import Unreadable
from wafscope.service.checkup import Checkups
from wafscope.service.expiry import Expiry, expire
from wafscope.settings import Source
from wafscope.store.memory import MemoryStore


def test_pieces_expire_after_so_many_days_and_never_with_0() -> None:
    store = MemoryStore()
    write(store, [], unreadable=(Unreadable(b"x", 0, "cut"), Unreadable(b"y", 1, "cut")))
    seen = store.quarantine(Quarantine()).value[-1].seen

    assert expire(store, 30, seen + 29 * DAY) == 0
    generation = store.generation
    assert expire(store, 0, seen + 900 * DAY) == 0
    assert store.generation == generation  # nothing was written, so that no answer is old
    assert expire(store, 30, seen + 31 * DAY) == 2
    assert store.quarantine(Quarantine()).value == ()


def test_a_service_that_begins_lets_old_pieces_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wafscope.service.expiry.DAY", -DAY)  # what came just now is old
    store = MemoryStore()
    write(store, [], unreadable=(Unreadable(b"x", 0, "cut"),))
    with Expiry(store, 1):
        end = time.monotonic() + 60
        while store.quarantine(Quarantine()).value:
            assert time.monotonic() < end
            time.sleep(0.01)


def test_the_doctor_of_a_service_remembers_until_it_is_asked_for_something_newer(tmp_path: Path) -> None:
    log = tmp_path / "audit.log"
    config = tmp_path / "rules.conf"
    config.write_text(f"SecAuditLog {log}\nSecAuditEngine Off\n")
    store = MemoryStore()
    write(store, [], source=str(log), unreadable=(Unreadable(b"x", 0, "spliced", str(log)),))
    checkups = Checkups(store, [Source(path=str(log), config=str(config))])
    first = checkups(DAY)

    assert first is not None
    codes = [each.code for each in first.examined[0].diagnoses]
    assert ("audit_engine_off" in codes, "spliced" in codes) == (True, True)
    assert checkups(DAY) is first
    second = checkups(0)
    assert second is not None
    assert second.at > first.at
    checkups.change([])
    assert (changed := checkups(DAY)) is not None
    assert changed.examined == ()

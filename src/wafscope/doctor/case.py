"""What the doctor knows of one source before making a diagnosis."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from wafscope.doctor.diagnosis import Change
from wafscope.doctor.log import Seen
from wafscope.doctor.person import Person
from wafscope.rules.seclang import printer
from wafscope.rules.seclang.nodes import Place
from wafscope.rules.site.base import Engine, Setup
from wafscope.settings import Source

# Each value as the engines have it without the directive: formats specification, sections 1, 6 and 8.1.
PARTS = "ABCFHZ"
OFF = "Off"
SERIAL = "Serial"
NATIVE = "Native"

STORAGE = ("SecAuditLogStorageDir", "SecAuditLogDir")
"""The second name is that of Coraza up to 3.3."""


class Arrived(msgspec.Struct, frozen=True):
    """What the receiver did not take of a source, and its limits, both in bytes."""

    refused: Mapping[str, int]
    """How often, by reason (`source/door.py`, `source/syslog.py`)."""
    since: int
    """Since when it counts, microseconds since the epoch."""
    largest: int
    spool_limit: int


class Case(msgspec.Struct, frozen=True):
    """A source, the configuration of the engine that writes it, and a look at the log."""

    source: Source
    setups: tuple[Setup, ...]
    """The setups that write this log, or that are named to; none where nothing is known."""
    engine: Engine
    seen: Seen
    reader: Person
    """The user that reads."""
    is_named: bool = False
    """The configuration was named for this source."""
    pieces: Mapping[str, int] = {}
    """What of this source is in quarantine, by reason."""
    is_heard: bool = False
    """Records of it are known to have come, whatever is there now."""
    arrived: Arrived | None = None
    """None for what does not arrive over the network."""

    @property
    def live(self) -> tuple[Setup, ...]:
        """The setups in which the engine is on and writes an audit log."""
        return tuple(each for each in self.setups if is_on(each) and audits(each))


def is_on(setup: Setup) -> bool:
    """Tell that the server hands requests to the engine; nginx does not unless it is told to."""
    if setup.server != "nginx":
        return True
    return setup.switch is not None and setup.switch.value.lower() == "on"


def audits(setup: Setup) -> bool:
    """Tell that an audit log is written, as far as can be known."""
    return setup.value("SecAuditEngine", default=OFF if setup.is_whole else "").lower() != "off"


def kind(setup: Setup) -> str:
    """serial, concurrent, https or syslog."""
    given = setup.value("SecAuditLogType", default=SERIAL).lower()
    return "concurrent" if given == "parallel" else given


def form(setup: Setup) -> str:
    """native, json, jsonlegacy or ocsf."""
    return setup.value("SecAuditLogFormat", default=NATIVE).lower()


def parts(setup: Setup) -> str:
    """The letters; A and Z are always written."""
    return setup.value("SecAuditLogParts", default=PARTS).upper()


def place_of(setup: Setup, *names: str) -> Place:
    """Where a directive stands; the file alone where it is missing."""
    found = next((each for name in names if (each := setup.last(name)) is not None), None)
    return found.place if found else Place(setup.file, 0)


def change(setup: Setup, name: str, *arguments: str) -> Change | None:
    """The line of a directive, and what it is to be; None for what can not be a line."""
    found = setup.last(name)
    try:
        now = printer.directive(found.name, *found.arguments) if found else ""
        return Change(now, printer.directive(found.name if found else name, *arguments))
    except ValueError:
        return None


def with_parts(given: str, wanted: str) -> str:
    """Add letters where they stand by custom: A first, Z last (Coraza insists on it)."""
    letters = [letter for letter in given.upper() if letter not in "AZ"]
    for letter in wanted:
        if letter not in letters:
            at = next((n for n, each in enumerate(letters) if each > letter), len(letters))
            letters.insert(at, letter)
    return f"A{''.join(letters)}Z"

"""Wafscope's own log: structured, on standard error, as text for people or JSON for machines.

Where standard error is the journal of systemd, each line begins with its priority (sd-daemon(3)), and the journal has
the time.
"""

from __future__ import annotations

import logging
import os
import re
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path

import structlog

_PRIORITIES = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6), (logging.DEBUG, 7))
"""Those of syslog(3)."""


def set_up(level: str, form: str) -> None:
    """Send what structlog and the standard library log to standard error."""
    journal = is_journal(os.environ)
    shared: list[structlog.typing.Processor] = [structlog.contextvars.merge_contextvars]
    if not journal or form == "json":
        shared.append(structlog.processors.add_log_level)
    if not journal:
        shared.append(structlog.processors.TimeStamper(fmt="iso", utc=True))
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if form == "json"
        else structlog.dev.ConsoleRenderer(
            colors=not journal and sys.stderr.isatty() and in_colour(os.environ), pad_event_to=0 if journal else 30
        )
    )
    handler = logging.StreamHandler(sys.stderr)
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            *(() if form == "json" else (_harmless,)),
            renderer,
        ],
    )
    handler.setFormatter(_Journal(formatter) if journal else formatter)
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def without_values(error: BaseException) -> dict[str, str]:
    """Tell what an error is and where it arose, for the log: what it says may be a value, or a secret, of a record."""
    frames = traceback.extract_tb(error.__traceback__)
    at = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return {"error": type(error).__name__, "at": at}


_OBEYED = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
"""What a terminal obeys."""


def _harmless(_logger: object, _method: str, told: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Write out what a terminal would obey, wherever it comes from; only a trace keeps its lines."""
    for name, value in told.items():
        # The others are written by structlog as Python would write them.
        if isinstance(value, str) and (name in _AS_THEY_ARE or _QUOTED.isdisjoint(value)):
            lines = value.split("\n") if name == "exception" else [value]
            told[name] = "\n".join(_OBEYED.sub(_code, line) for line in lines)
    return told


_AS_THEY_ARE, _QUOTED = frozenset({"event", "exception"}), frozenset(" \t=\r\n\"'")


def _code(found: re.Match[str]) -> str:
    number = ord(found[0])
    return {"\n": "\\n", "\r": "\\r", "\t": "\\t"}.get(
        found[0], f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}"
    )


def in_colour(environ: Mapping[str, str]) -> bool:
    """Tell whether a terminal may be written to in colour: https://no-color.org, and TERM of one that has none."""
    return not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"


def is_journal(environ: Mapping[str, str], descriptor: int = 2) -> bool:
    """Tell whether a stream is connected to the journal: JOURNAL_STREAM has its device and inode, systemd.exec(5)."""
    named = environ.get("JOURNAL_STREAM", "")
    if not named:
        return False
    try:
        found = os.fstat(descriptor)
    except OSError:
        return False
    return named == f"{found.st_dev}:{found.st_ino}"


class _Journal(logging.Formatter):
    """Puts the priority before each line: whatever a line holds, it begins no other."""

    def __init__(self, inner: logging.Formatter) -> None:
        super().__init__()
        self._inner = inner

    def format(self, record: logging.LogRecord) -> str:
        priority = next((each for level, each in _PRIORITIES if record.levelno >= level), 7)
        lines = self._inner.format(record).splitlines() or [""]
        return "\n".join(f"<{priority}>{line}" for line in lines)

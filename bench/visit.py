"""A page that is open and follows: it asks as its script does, and tells when it shows what."""

from __future__ import annotations

import json
import re
import threading
import time
import urllib.request

from bench.writer import PROBE, Writer
from wafscope.web.state import State

_WAIT = 0.5
"""Seconds between two questions for the mark, as in frontend/src/live.ts."""
_PATIENCE = 30.0
_SHOWN = re.compile(rb"/probe-(\d+)")
_OTHERS = ("/", "/events?t=1h", "/sources", "/?t=all", "/events?t=all", "/top/url.path?t=all")
_ROUND = 20
"""So many turns of the page, and another one is opened."""


def get(port: int, path: str, **headers: str) -> bytes:
    """Ask the console."""
    asked = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers=headers)
    with urllib.request.urlopen(asked, timeout=_PATIENCE) as answer:
        body: bytes = answer.read()
        return body


class Reader(threading.Thread):
    """Follows the events of the probes, and now and then opens another page."""

    def __init__(self, port: int, writer: Writer) -> None:
        super().__init__(name="reader", daemon=True)
        self._port, self._writer = port, writer
        self._page = State(text=f"client:{PROBE}", preset="1h").url("/events")
        self._mark = ""
        self._seen: set[int] = set()
        self.ending = threading.Event()
        self.took: list[float] = []
        self.failed = 0
        """Pages that did not come."""

    @property
    def missed(self) -> int:
        """Probes that were never shown."""
        return len(self._writer.probes) - len(self._seen)

    def run(self) -> None:
        turn = 0
        while not self.ending.wait(_WAIT):
            turn += 1
            try:
                self._turn()
                if turn % _ROUND == 0:
                    get(self._port, _OTHERS[turn // _ROUND % len(_OTHERS)])
            except OSError:
                self.failed += 1
        self._turn()

    def _turn(self) -> None:
        mark = json.loads(get(self._port, "/live"))["page"]
        if mark == self._mark:
            return
        self._mark = mark
        body = get(self._port, self._page, **{"Wafscope-Live": "1"})
        now = time.monotonic()
        shown = {int(found[1]) for found in _SHOWN.finditer(body)} - self._seen
        self._seen |= shown
        self.took += [now - self._writer.probes[number] for number in sorted(shown)]

"""How logrotate treats a log: renamed under the engine, or copied and truncated."""

from __future__ import annotations

import fnmatch
import os
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from wafscope.rules.seclang.file import content
from wafscope.rules.seclang.nodes import Place, Unread

PLACES = ("/etc/logrotate.conf", "/etc/logrotate.d")
_SCRIPTS = ("postrotate", "prerotate", "firstaction", "lastaction", "preremove")
_AGAIN = ("reload", "restart", "graceful", "hup", "usr1", "invoke-rc.d", "apache2ctl", "apachectl")
"""What makes Apache open its logs again."""


class Rotation(msgspec.Struct, frozen=True):
    """One block of a logrotate file."""

    place: Place
    patterns: tuple[str, ...]
    options: frozenset[str]
    script: str = ""
    """What is done after a rotation."""

    def rotates(self, log: str) -> bool:
        return any(fnmatch.fnmatch(name, each) for each in self.patterns for name in (log, os.path.realpath(log)))

    def is_heard_by(self, engine: str) -> bool:
        """Tell that the engine does not go on writing to the file that was renamed.

        libmodsecurity and Coraza never open a log again, whatever signal comes: only a restart helps (formats
        specification, section 7.5; seen on nginx, which takes no other file at USR1 nor at HUP).
        """
        script = self.script.lower()
        words = _AGAIN if engine == "v2" else ("restart",)
        return "copytruncate" in self.options or any(word in script for word in words)


def find(log: str, places: Sequence[str] | None = None) -> Rotation | None:
    """Return the block that rotates a log; None where there is none, or it can not be read."""
    for file in _files(PLACES if places is None else places):
        source = content(file)
        if not isinstance(source, Unread):
            found = next((block for block in parse(source, file) if block.rotates(log)), None)
            if found is not None:
                return found
    return None


def _files(places: Sequence[str]) -> Iterator[str]:
    for place in places:
        path = Path(place)
        try:
            yield from sorted(str(each) for each in path.iterdir()) if path.is_dir() else [place]
        except OSError:
            continue


def parse(source: str, file: str) -> Iterator[Rotation]:
    """Give the blocks of a file; what holds for all of them counts for none that stands before it."""
    shared: set[str] = set()
    patterns: list[str] = []
    inside: set[str] | None = None
    script: list[str] | None = None
    after, first = "", 0
    for number, line in enumerate(source.split("\n"), 1):
        text = line.strip()
        if script is not None:
            if text == "endscript":
                after, script = "\n".join([after, *script]), None
            else:
                script.append(text)
        elif not text or text.startswith("#"):
            continue
        elif inside is None:
            head, brace, rest = text.partition("{")
            if head[:1] in "/\"'":
                patterns += _words(head)
                first = first or number
            elif not brace:
                shared.add(text.split()[0])
            if brace:
                inside = {*shared, *rest.split()[:1]}
        elif text.startswith("}"):
            yield Rotation(Place(file, first, number), tuple(patterns), frozenset(inside), after)
            patterns, inside, after, first = [], None, "", 0
        elif text.split()[0] in _SCRIPTS:
            script = []
        else:
            inside.add(text.split()[0])


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        return text.split()

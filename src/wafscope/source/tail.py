"""Following logs that grow: each file that a path or a pattern names, through rotation of every kind.

What a file is, its content tells (`fingerprint.py`); names and inodes only help to find it.  Nothing tells Wafscope of
changes: it looks a few times a second, which works on every file system.  A file that was renamed is followed as long
as somebody may write to it, since libmodsecurity never opens its log again (formats specification, section 7.5).

What is lost: what was removed, or truncated without a copy, before Wafscope looked.
"""

from __future__ import annotations

import glob
import os
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from secrets import token_hex
from stat import S_ISDIR, S_ISREG

import msgspec

from wafscope.event.text import storable
from wafscope.i18n.text import text
from wafscope.source.base import PIECE, Chunk, Condition, Position, Problem, Stretch, unreadable
from wafscope.source.fingerprint import HEAD, Place
from wafscope.source.reading import Gone, Manner, PackedReading, Reading
from wafscope.source.unpacking import BROKEN, is_packed, unpacked

_LOOK = 0.4
"""Seconds between two looks at the files."""
_SEARCH = 5.0
"""Seconds between two searches for rotated files, when nothing calls for one at once."""
_QUIET = 600.0
"""Seconds without a byte after which a rotated file is closed; it is opened again when it has grown."""
_SUCCEEDED = 30.0
"""The same, where another file in its place goes on with its content: a removed file holds its space on the disk."""
_COPY = 3.0
"""Seconds in which the copy of a truncated file is looked for, before what was read of it is handed on as it is."""
_FORGET = 3600.0
"""Seconds after which a file that is nowhere to be found is forgotten."""
_MOST_HELD = 64 << 20
"""Bytes of all files together that wait for more; beyond, they are read again."""
_CLOCK = 20_000_000
"""Nanoseconds by which the time of a file may be behind the clock."""
_SINCE = "since"


class _Known(msgspec.Struct):
    """A file that was read, wherever it is now."""

    place: Place
    seen: float


class _Lost(msgspec.Struct, frozen=True):
    """A reading whose file was truncated: its copy may be there soon."""

    reading: Reading
    deadline: float


def _no_file(path: str, status: os.stat_result) -> Problem:
    """What is said of a path that stands for one log and is none, so that nothing will ever come of it."""
    if S_ISDIR(status.st_mode):
        hint = text('Set kind = "concurrent" for a log with a file for each record.')
        return Problem(path, text("It is a directory."), hint=hint)
    hint = text('A pipe is read as standard input: kind = "stdin", or - on the command line.')
    return Problem(path, text("It is no file."), hint=hint)


class TailFeed:
    """Follows the files of one path or pattern."""

    def __init__(
        self, pattern: str, positions: Mapping[str, bytes], manner: Manner, *, sensor: str, zone: str = ""
    ) -> None:
        """Go on from the positions of the store."""
        self.pattern = pattern
        self._manner = manner
        self._sensor, self._zone = sensor, zone
        self._prefix = f"serial:{storable(pattern)}:"
        self._known: dict[str, _Known] = {}
        self._readings: dict[tuple[int, int], Reading] = {}
        self._packed: list[PackedReading] = []
        self._lost: list[_Lost] = []
        self._skipped: dict[tuple[int, int], tuple[int, int, str]] = {}
        """Files that are not read, by inode: size and time at which that was found out, and the file they are."""
        self._problems: dict[str, Problem] = {}
        self._hidden: tuple[Problem, ...] = ()
        """Directories of the pattern that may not be looked into."""
        self._waiting: list[Position] = []
        self._next_look = self._next_search = 0.0
        self._paths: list[str] = []
        self._turn = 0
        self._since = 0
        self._load(positions)

    def take(self, most: int) -> Iterator[Chunk]:
        """Give what has come, one file after the other."""
        self._look()
        while self._waiting:
            yield Chunk((), self._waiting.pop(0), self._sensor, self._zone)
        self._turn += 1
        readings = self._all()
        turn = self._turn % (len(readings) or 1)
        for reading in readings[turn:] + readings[:turn]:
            try:
                for stretch in reading.take(min(most, PIECE)):
                    most -= len(stretch.data)
                    yield self._chunk(reading, stretch)
            except Gone:
                self._lose(reading)
            except OSError as error:
                self._problem(os.fsdecode(reading.place.path), error)
            if most <= 0:
                break
        yield from self._give_up()
        self._shed()

    def committed(self, position: Position) -> None:
        """There is nothing to do: a log stays where it is."""

    def _all(self) -> list[Reading | PackedReading]:
        return [*self._packed, *self._readings.values()]

    def condition(self) -> Condition:
        lag = sum(reading.lag for reading in self._readings.values())
        return Condition(lag, len(self._packed), (*self._problems.values(), *self._hidden))

    def close(self) -> None:
        for reading in [*self._all(), *(lost.reading for lost in self._lost)]:
            reading.close()
        self._readings, self._packed, self._lost = {}, [], []

    # --- positions ---

    def _load(self, positions: Mapping[str, bytes]) -> None:
        now = time.monotonic()
        for key, state in positions.items():
            if key == self._prefix + _SINCE:
                self._since = int.from_bytes(state)
            elif key.startswith(self._prefix) and ":" not in key[len(self._prefix) :]:
                with suppress(msgspec.MsgspecError):
                    # What can not be understood is read again: what is known is not stored twice.
                    self._known[key] = _Known(msgspec.msgpack.decode(state, type=Place), now)
        if not self._since:
            # Rotated files from before are left alone; those of later may have been missed, and are read.
            self._since = time.time_ns() - _CLOCK
            self._waiting.append(Position(self._prefix + _SINCE, self._since.to_bytes(8)))

    def _chunk(self, reading: Reading | PackedReading, stretch: Stretch) -> Chunk:
        self._known[reading.key] = _Known(reading.place, time.monotonic())
        has_content = stretch.data or stretch.damage
        stretches = (msgspec.structs.replace(stretch, source=self.pattern),) if has_content else ()
        position = Position(reading.key, msgspec.msgpack.encode(reading.place))
        return Chunk(stretches, position, self._sensor, self._zone)

    def _give_up(self) -> Iterator[Chunk]:
        """Hand on what was read of truncated files whose copy is nowhere, and let go of what is done."""
        now = time.monotonic()
        for lost in [lost for lost in self._lost if lost.deadline <= now]:
            self._lost.remove(lost)
            stretch = lost.reading.rest()
            if stretch is not None:
                yield self._chunk(lost.reading, stretch)
            lost.reading.close()
        for packed in [packed for packed in self._packed if packed.is_done]:
            packed.close()
            self._packed.remove(packed)

    def _shed(self) -> None:
        """Keep what waits in memory within bounds; what waits most is not read again and again."""
        held = sum(reading.held for reading in self._readings.values())
        for reading in sorted(self._readings.values(), key=lambda each: each.held)[:-1]:
            if held <= _MOST_HELD:
                return
            held -= reading.held
            reading.shed()

    # --- files ---

    def _look(self) -> None:
        """See what became of the files."""
        now = time.monotonic()
        if now < self._next_look:
            return
        self._next_look = now + _LOOK
        self._problems.clear()
        found: set[tuple[int, int]] = set()
        self._paths = _named(self.pattern)
        is_new = False
        for path in self._paths:
            is_new |= self._visit(path, found, is_named=True)
        if not found or now >= self._next_search:
            self._hidden = tuple(unreadable(path, error, self.pattern) for path, error in hidden(self.pattern))
        if not found and not self._problems and not self._hidden:
            self._problems[self.pattern] = Problem(
                self.pattern, text("There is no such file yet; it is waited for."), waits=True
            )
        for inode, reading in self._readings.items():
            if inode not in found and not reading.is_rotated:
                reading.is_rotated = is_new = True
        # While a file is looked for, so is its copy.
        if is_new or self._lost or now >= self._next_search:
            self._next_search = now + _SEARCH
            self._search(found)
            self._retire(found, now)

    def _search(self, found: set[tuple[int, int]]) -> None:
        """Look at the rotated files beside those that are followed."""
        paths = dict.fromkeys([*self._paths, *(os.fsdecode(known.place.path) for known in self._known.values())])
        # Where a path is a link, the log is rotated beside that which it leads to.
        linked = dict.fromkeys(os.path.realpath(path) for path in paths if os.path.islink(path))
        for path in siblings(paths | linked):
            self._visit(path, found, is_named=False)

    def _visit(self, path: str, found: set[tuple[int, int]], *, is_named: bool) -> bool:
        """Look at a file; tell whether it is one that was not there before."""
        try:
            status = os.stat(path)
            inode = status.st_dev, status.st_ino
            reading = self._readings.get(inode)
            found.add(inode)
            if reading is not None:
                reading.is_rotated = reading.is_rotated and not is_named
                self._known.get(reading.key, _Known(reading.place, 0)).seen = time.monotonic()
                return False
            size, written, key = self._skipped.get(inode, (-1, -1, ""))
            if (size, written) == (status.st_size, status.st_mtime_ns):
                if key in self._known:
                    self._known[key].seen = time.monotonic()
                return False
            if not S_ISREG(status.st_mode):
                if path == self.pattern:
                    self._problems[path] = _no_file(path, status)
                return False
            return self._identify(path, is_named=is_named)
        except FileNotFoundError:
            return False
        except OSError as error:
            self._problem(path, error)
            return False

    def _identify(self, path: str, *, is_named: bool) -> bool:
        """Find out which file it is, and read it where there is something to read."""
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        is_taken = False
        try:
            status = os.fstat(descriptor)
            head = os.pread(descriptor, HEAD, 0)
            packed = is_packed(head)
            if packed:
                head = _unpacked_head(descriptor)
            key = self._recognise(head)
            if key is None and self._is_wanted(status, head, is_named=is_named):
                key = self._prefix + token_hex(8)
            if key is not None and is_named and not packed:
                key = self._taken_over(key, descriptor, status)
            if key is not None and not self._is_read(key):
                known = self._known.get(key)
                place = known.place if known else Place(path=os.fsencode(path))
                take = self._unpack if packed else self._open
                is_taken = take(descriptor, status, key, place, is_named=is_named)
            return is_taken
        finally:
            if not is_taken:
                os.close(descriptor)

    def _is_wanted(self, status: os.stat_result, head: bytes, *, is_named: bool) -> bool:
        """Tell whether a file that is not known is to be read."""
        if head and any(os.pread(r.descriptor, len(head), 0) == head for r in self._readings.values()):
            # It is just being copied from one that is open.
            return False
        if not is_named and status.st_mtime_ns < self._since:
            self._skip(status, "")
        return is_named or (bool(head) and status.st_mtime_ns >= self._since)

    def _open(self, descriptor: int, status: os.stat_result, key: str, place: Place, *, is_named: bool) -> bool:
        """Read on in a file that is not compressed."""
        is_it = status.st_size >= place.offset and (
            not place.mark or place.goes_on(os.pread(descriptor, place.mark, place.offset - place.mark))
        )
        if not is_it:
            if not is_named:
                return False
            key, place = self._prefix + token_hex(8), Place(path=place.path)
        elif not is_named and (status.st_size == place.offset or not self._is_found(key, status.st_size)):
            self._skip(status, key)
            return False
        reading = Reading(descriptor, key, place, self._manner)
        reading.is_rotated = not is_named
        self._readings[status.st_dev, status.st_ino] = reading
        return True

    def _unpack(self, descriptor: int, status: os.stat_result, key: str, place: Place, *, is_named: bool) -> bool:  # noqa: ARG002 - as `_open`
        """Read what was missed in a compressed file."""
        self._skip(status, key)
        if place.packed == (status.st_size, status.st_mtime_ns):
            return False
        packed = PackedReading(os.fdopen(os.dup(descriptor), "rb"), key, place, self._manner)
        try:
            packed.begin()
        except Gone:
            packed.close()
            return False
        self._is_found(key, None)
        self._packed.append(packed)
        os.close(descriptor)
        return True

    def _is_found(self, key: str, size: int | None) -> bool:
        """Let go of a truncated file whose copy is found, unless more was read of it than the copy has."""
        for lost in [lost for lost in self._lost if lost.reading.key == key]:
            if size is not None and size < lost.reading.place.offset + lost.reading.held:
                return False
            self._lost.remove(lost)
            lost.reading.close()
        return True

    def _skip(self, status: os.stat_result, key: str) -> None:
        self._skipped[status.st_dev, status.st_ino] = status.st_size, status.st_mtime_ns, key

    def _recognise(self, head: bytes) -> str | None:
        """Return the file that begins so."""
        found = [key for key, known in self._known.items() if known.place.begins(head)]
        found = [key for key in found if not self._is_another(key, head)]
        places = {key: self._known[key].place for key in found}
        return max(found, key=lambda key: (places[key].head, places[key].offset), default=None)

    def _is_another(self, key: str, head: bytes) -> bool:
        """Tell a file that only begins like one that is open, of which there is little yet, from a copy of it."""
        for reading in self._readings.values():
            if reading.key == key:
                own = os.pread(reading.descriptor, HEAD, 0)
                # Where the open file was just truncated, nothing is known.
                return reading.place.begins(own) and not own.startswith(head)
        return False

    def _is_read(self, key: str) -> bool:
        """The file is open: what was found is a copy of it, which may turn out to be needed."""
        return any(reading.key == key for reading in self._all())

    def _taken_over(self, key: str, descriptor: int, status: os.stat_result) -> str:
        """Let a file that stands where another one stood go on where that was left, as one that rsync brings does.

        The other one is read on for a while, since somebody may still write to it; it is another file from now on.
        """
        for reading in self._readings.values():
            # What is shorter may be a copy that is not written to its end.
            is_whole = status.st_size >= reading.place.offset or time.time() - status.st_mtime > _COPY
            if reading.key == key and reading.is_rotated and is_whole:
                reading.succeeded(descriptor)
                reading.key = self._prefix + token_hex(8)
        return key

    def _lose(self, reading: Reading | PackedReading) -> None:
        """A file is not what it was: its old content may stand in a copy, the new one begins at 0."""
        if isinstance(reading, PackedReading):
            reading.close()
            self._packed.remove(reading)
            self._skipped = {inode: skipped for inode, skipped in self._skipped.items() if skipped[2] != reading.key}
            return
        inode = next(inode for inode, each in self._readings.items() if each is reading)
        again = Reading(os.dup(reading.descriptor), self._prefix + token_hex(8), _begun(reading.place), self._manner)
        again.is_rotated = reading.is_rotated
        self._readings[inode] = again
        self._lost.append(_Lost(reading, time.monotonic() + _COPY))
        self._next_search = self._next_look = 0.0

    def _retire(self, found: Iterable[tuple[int, int]], now: float) -> None:
        """Close rotated files that are quiet, and forget those that are nowhere."""
        present = set(found)
        for inode, reading in list(self._readings.items()):
            quiet = _SUCCEEDED if reading.is_succeeded else _QUIET
            if reading.is_rotated and now - reading.grown > quiet and not reading.held:
                reading.close()
                del self._readings[inode]
        self._skipped = {inode: skipped for inode, skipped in self._skipped.items() if inode in present}
        read = {reading.key for reading in self._all()}
        for key, known in list(self._known.items()):
            if key not in read and now - known.seen > _FORGET:
                del self._known[key]
                self._waiting.append(Position(key, b""))

    def _problem(self, path: str, error: OSError) -> None:
        self._problems[path] = unreadable(path, error, self.pattern)


def _begun(place: Place) -> Place:
    return Place(path=place.path)


def _named(pattern: str) -> list[str]:
    """The files that a path or a pattern names."""
    return sorted(glob.glob(pattern)) if glob.has_magic(pattern) else [pattern]


def hidden(pattern: str) -> Iterator[tuple[str, OSError]]:
    """Directories of a pattern that may not be looked into, where files may be that it names: `glob` finds nothing."""
    if not glob.has_magic(pattern):
        return
    folder = os.path.dirname(pattern) or "."
    folders = _named(folder)
    if not folders:
        yield from hidden(folder)
    for each in folders:
        try:
            os.scandir(each).close()
        except PermissionError as error:
            yield each, error
        except OSError:
            continue  # it is not there, or no directory


def siblings(paths: Iterable[str]) -> Iterator[str]:
    """Files whose names are those of rotated ones: log.1, log-20261127.gz, name-20261127.log."""
    folders: dict[str, list[re.Pattern[str]]] = {}
    for path in paths:
        folder, name = os.path.split(path)
        stem, suffix = os.path.splitext(name)
        rotated = rf"{re.escape(name)}[.-].+|{re.escape(stem)}[.-]\d[\d.-]*{re.escape(suffix)}(\.\w+)?"
        folders.setdefault(folder or ".", []).append(re.compile(rotated))
    for folder, patterns in folders.items():
        try:
            names = os.listdir(folder)
        except OSError:
            continue
        for name in sorted(names):
            if any(each.fullmatch(name) for each in patterns):
                yield os.path.join(folder, name)


def _unpacked_head(descriptor: int) -> bytes:
    os.lseek(descriptor, 0, os.SEEK_SET)
    with os.fdopen(os.dup(descriptor), "rb") as file:
        try:
            return unpacked(file).read(HEAD)
        except BROKEN:
            return b""
        finally:
            os.lseek(descriptor, 0, os.SEEK_SET)

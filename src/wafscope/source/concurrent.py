"""Following the directory of a concurrent log: a file for each transaction, below a directory for each minute.

    STORAGE[/USER]/YYYYMMDD/YYYYMMDD-HHMM/YYYYMMDD-HHMMSS-ID       (formats specification, sections 4, 7.3 and 8.6)

Directories that change are looked at all the time, all others once a minute, by their own time of change, so that
a million files cost nothing.  What was read is remembered by time, not by name: all that was there before a look at
the whole tree began, and by a few bytes each what came since.
"""

from __future__ import annotations

import os
import re
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from stat import S_ISREG
from typing import Literal

import msgspec

from wafscope.event.text import storable
from wafscope.i18n.text import text
from wafscope.source.archive import Archive
from wafscope.source.base import Chunk, Condition, Position, Problem, Stretch, unreadable, unremovable
from wafscope.source.unpacking import is_packed, unpacked_bytes

After = Literal["keep", "delete", "archive"]

_DAY = re.compile(r"\d{8}")
_MINUTE = re.compile(r"\d{8}-\d{4}")
_FILE = re.compile(r"\d{8}-\d{6}-.+", re.DOTALL)
_LOOK = 0.5
_WHOLE = 60.0
"""Seconds between two looks at all directories."""
_HOT = 120.0
"""Seconds after its last change in which a directory is looked at all the time."""
_TICK = 2.0
"""Seconds by which times of the file system may be coarse or late."""
_MOST_FILES = 512
_REMOVING = 0.3
"""Seconds of one turn for removing files."""
_LATER = 5.0
"""Seconds after its last change before a file is removed: libmodsecurity may append another record to it."""
_MOST_WAITING = 2_000
"""Files that are known and wait to be read; further directories are looked at later."""


class Custom(msgspec.Struct, frozen=True):
    """How a tree is read."""

    is_whole: Callable[[bytes], bool]
    """Tells whether a file is complete: one that is being written is waited for."""
    largest: int
    after: After = "keep"
    archive: Path | None = None
    """Where the archives go; beside the tree unless given."""
    patience: float = 10.0
    """Seconds without a change after which a file that is not complete is read as it is."""
    rest: float = 180.0
    """Seconds after which an empty directory is removed, if its minute is over for so long."""
    later: float = _LATER


class _State(msgspec.Struct, frozen=True, array_like=True):
    """What was read: all that changed last before `until`, what stands before `upto`, and what is named.

    After a look at the whole tree, `until` is its beginning; while one goes on, `upto` is the directory it has
    reached, and `began` takes the place of `until` up to there.
    """

    until: int = 0
    """Nanoseconds since the epoch."""
    left: tuple[bytes, ...] = ()
    """Files and directories that could not be read, although they changed before that."""
    names: bytes = b""
    """Eight bytes for each file that was read and is not covered by the times."""
    upto: bytes = b""
    began: int = 0
    kept: tuple[tuple[bytes, bytes], ...] = ()
    """Path and mark of each file that is not deleted, since it holds no whole record."""


class _File(msgspec.Struct, frozen=True):
    """A file as it was when it was looked at."""

    path: str
    size: int
    written: int
    """Nanoseconds since the epoch, as set by whoever wrote it."""
    changed: int
    """Nanoseconds since the epoch at which it came here or was changed: nobody can set this."""

    @property
    def mark(self) -> bytes:
        """What tells it from others, and from itself when it has grown."""
        return blake2b(f"{self.size}:{self.path}".encode("utf-8", "surrogateescape"), digest_size=8).digest()


class _Folder(msgspec.Struct):
    """A directory, and what is known of the files in it while it changes."""

    changed: int = -1
    touched: float = -_HOT
    """When it last had something new."""
    files: dict[str, tuple[int, float]] = msgspec.field(default_factory=dict)
    """Size of each file that was seen, and when."""


class _Round(msgspec.Struct):
    """A look at the directories, which stops while files wait to be read."""

    paths: Iterator[str]
    began: int
    """Nanoseconds since the epoch."""
    is_whole: bool
    upto: str = ""
    is_broken: bool = False
    """A directory of days could not be read, so that it is not known what is in it."""

    @property
    def tells(self) -> bool:
        """Whether its time can stand for the names of the files that it found."""
        return self.is_whole and not self.is_broken


class ConcurrentFeed:
    """Follows one storage directory."""

    def __init__(
        self, root: str, positions: Mapping[str, bytes], custom: Custom, *, sensor: str, zone: str = ""
    ) -> None:
        """Go on from the position of the store."""
        self.root = root
        self._custom = custom
        self._sensor, self._zone = sensor, zone
        self._key = f"concurrent:{storable(root)}"
        self._state = _State()
        with suppress(msgspec.MsgspecError):
            # What can not be understood is read again: what is known is not stored twice.
            self._state = msgspec.msgpack.decode(positions.get(self._key, b""), type=_State)
        names = self._state.names
        self._read = {names[at : at + 8]: (0, "") for at in range(0, len(names), 8)}
        """Marks of files that were read, each with the time of its last change and its directory; (0, "") for those of
        an earlier run that were not met yet."""
        self._blocked: set[str] = set()
        """Directories that could not be read."""
        self._open: dict[str, _File] = {}
        """Files that are not complete, or could not be read."""
        for name in map(os.fsdecode, self._state.left):
            if os.path.isdir(name):
                self._blocked.add(name)
            else:
                self._open[name] = _File(name, -1, 0, 0)
        self._folders: dict[str, _Folder] = {}
        self._inner: dict[str, tuple[int, list[str]]] = {}
        """The directories in those of days and users, and when these changed."""
        self._waiting: deque[_File] = deque()
        self._taken: deque[tuple[bytes, tuple[_File, ...]]] = deque()
        """Files that were handed on, with the state of their position."""
        self._pending: set[bytes] = set()
        """Marks of those."""
        self._kept = {mark: os.fsdecode(path) for path, mark in self._state.kept}
        """Files that do not hold a whole record, by mark: they are not deleted."""
        self._spent: dict[str, _File] = {}
        """Files that are durable in the store and can go."""
        self._problems: dict[str, Problem] = {}
        self._stuck: tuple[Problem, ...] = ()
        """What keeps files that are stored from being removed, until it is done."""
        self._next_look = self._next_whole = self._next_removal = 0.0
        self._round: _Round | None = None
        self._is_removing = False
        """There are many files to be removed, which need not be looked at again and again."""
        archive = custom.archive or Path(f"{root.rstrip('/')}.archive")
        self._archive = Archive(archive, root) if custom.after == "archive" else None

    # --- the feed ---

    def take(self, most: int) -> Iterator[Chunk]:
        """Give what has come, in order of directories and names."""
        self._remove()
        self._look()
        while most > 0 and self._waiting:
            stretches, files = self._some(most)
            most -= max(1, sum(len(stretch.data) for stretch in stretches))
            if not files:
                continue
            self._settle()
            state = self._encoded()
            self._taken.append((state, files))
            yield Chunk(stretches, Position(self._key, state), self._sensor, self._zone)

    def committed(self, position: Position) -> None:
        """Let files go that were read up to this position."""
        while self._taken:
            state, files = self._taken.popleft()
            self._pending.difference_update(file.mark for file in files)
            if self._custom.after != "keep":
                self._spent.update((file.path, file) for file in files if file.mark not in self._kept)
            if state == position.state:
                break

    def condition(self) -> Condition:
        lag = sum(file.size for file in self._waiting)
        again = sum(file.path in self._open for file in self._waiting)
        return Condition(lag, len(self._waiting) + len(self._open) - again, (*self._problems.values(), *self._stuck))

    def close(self) -> None:
        self._waiting.clear()
        self._taken.clear()

    # --- what was read ---

    def _encoded(self) -> bytes:
        left = {os.fsencode(path) for path in [*self._open, *self._blocked]} if self._custom.after == "keep" else ()
        kept = tuple((os.fsencode(path), mark) for mark, path in self._kept.items())
        state = msgspec.structs.replace(self._state, left=tuple(sorted(left)), names=b"".join(self._read), kept=kept)
        return msgspec.msgpack.encode(state)

    def _settle(self) -> None:
        """Where all files that were found are read, the time of the look says more than their names."""
        if self._round is None or self._waiting or not self._round.tells or self._custom.after != "keep":
            return
        began = self._round.began - int(_TICK * 1e9)
        upto = self._round.upto
        if upto < os.fsdecode(self._state.upto):
            # A look before this one, of an earlier run, has come further: what it covers stays covered.
            return
        self._state = _State(self._state.until, upto=os.fsencode(upto), began=began)
        # Those of an earlier run may stand in a directory that this look has not reached.
        self._read = {m: (at, path) for m, (at, path) in self._read.items() if at >= began or path > upto or not path}

    def _end_round(self, ended: _Round) -> None:
        """All files that a look found are read."""
        self._round = None
        if ended.tells:
            self._kept = {mark: path for mark, path in self._kept.items() if os.path.lexists(path)}
        if not ended.tells or self._custom.after != "keep":
            return
        until = ended.began - int(_TICK * 1e9)
        self._state = _State(until)
        self._read = {mark: (at, path) for mark, (at, path) in self._read.items() if at >= until}

    def _is_read(self, file: _File) -> bool:
        folder = os.path.dirname(file.path)
        if file.mark in self._read:
            self._read[file.mark] = file.changed, folder
            return True
        if self._custom.after != "keep" or folder in self._blocked:
            return False
        state = self._state
        return file.changed < state.until or (file.changed < state.began and folder <= os.fsdecode(state.upto))

    # --- looking ---

    def _look(self) -> None:
        """Look at directories until there is enough to read."""
        now = time.monotonic()
        if self._waiting or self._is_removing:
            return
        if self._round is None:
            if now < self._next_look:
                return
            self._problems.clear()
            is_whole = now >= self._next_whole
            self._round = _Round(iter(()), time.time_ns(), is_whole)
            self._round.paths = iter(self._tree())
        for path in self._round.paths:
            folder = self._folders.setdefault(path, _Folder())
            if self._round.is_whole or folder.changed < 0 or now - folder.touched < _HOT:
                self._list(path, folder, now)
            self._round.upto = path
            if len(self._waiting) > _MOST_WAITING:
                return
        if self._waiting:
            # They are read first: the time of this look must not cover what is not handed on.
            return
        self._end_round(self._round)
        self._next_look = now + _LOOK
        if now >= self._next_whole:
            self._next_whole = now + _WHOLE
        self._reopen()

    def _tree(self) -> list[str]:
        """The directories of minutes, in order; days and users are few, and read again when they change."""
        found: list[str] = []
        for first in self._folders_in(self.root):
            for day in [first] if _DAY.fullmatch(os.path.basename(first)) else self._folders_in(first):
                if _DAY.fullmatch(os.path.basename(day)):
                    found += (f for f in self._folders_in(day) if _MINUTE.fullmatch(os.path.basename(f)))
        return sorted(found)

    def _folders_in(self, path: str) -> list[str]:
        """The directories in one, from memory while it does not change."""
        try:
            changed = os.stat(path).st_mtime_ns
            known = self._inner.get(path)
            if known is None or known[0] != changed:
                with os.scandir(path) as entries:
                    inner = sorted(entry.path for entry in entries if entry.is_dir(follow_symlinks=False))
                # A change in the same tick of the clock would not be seen.
                is_sure = time.time_ns() - changed > _TICK * 1e9
                known = self._inner[path] = (changed if is_sure else -1, inner)
            return known[1]
        except FileNotFoundError:
            self._inner.pop(path, None)
            if path == self.root:
                self._problems[path] = Problem(
                    path, text("There is no such directory yet; it is waited for."), waits=True
                )
        except OSError as error:
            self._problem(path, error)
            if self._round is not None:
                self._round.is_broken = True
        return []

    def _list(self, path: str, folder: _Folder, now: float) -> None:
        """Find the new files of a directory, and those that have grown."""
        found = []
        try:
            changed = os.stat(path).st_mtime_ns
            if changed == folder.changed:
                self._check_grown(path, folder, now)
                return
            if folder.changed == -1 and self._is_cold(path, changed):
                folder.changed = changed
                return
            with os.scandir(path) as entries:
                for entry in entries:
                    if entry.name not in folder.files and _FILE.fullmatch(entry.name):
                        file = _seen(entry.path)
                        if file is not None:
                            found.append(file)
        except FileNotFoundError:
            self._folders.pop(path, None)
            return
        except OSError as error:
            self._problem(path, error)
            self._blocked.add(path)
            return
        # A change in the same tick of the clock would not be seen.
        age = time.time_ns() / 1e9 - changed / 1e9
        folder.changed = changed if age > _TICK else -2
        folder.touched = max(folder.touched, now if found else now - age)
        if found:
            if age < _HOT:
                folder.files.update((os.path.basename(file.path), (file.size, now)) for file in found)
            self._enqueue(sorted(found, key=lambda file: file.path))
        self._blocked.discard(path)
        self._check_grown(path, folder, now)

    def _is_cold(self, path: str, changed: int) -> bool:
        """Nothing came into a directory since the last look at the whole tree, in a run before this one."""
        if self._custom.after != "keep" or path in self._blocked:
            return False
        return changed < self._state.until - int(_WHOLE * 1e9)

    def _check_grown(self, path: str, folder: _Folder, now: float) -> None:
        """Find files that were appended to: libmodsecurity does so when it logs a transaction twice."""
        is_whole = self._round is not None and self._round.is_whole
        if self._custom.after != "keep" or not folder.files:
            return
        is_new = now - folder.touched < 4 * _TICK
        for name, (size, seen) in list(folder.files.items()) if is_new or is_whole else ():
            if now - seen < 4 * _TICK or is_whole:
                file = _seen(f"{path}/{name}")
                if file is not None and file.size != size:
                    folder.files[name] = file.size, now
                    folder.touched = now
                    self._enqueue([file])
        if now - folder.touched > _HOT - _LOOK:
            folder.files.clear()

    def _enqueue(self, files: list[_File]) -> None:
        for file in files:
            if file.path in self._open:
                continue
            if not self._is_read(file):
                self._waiting.append(file)
            elif self._custom.after != "keep" and file.mark not in self._pending and file.mark not in self._kept:
                self._spent[file.path] = file

    def _reopen(self) -> None:
        """Look again at the files that were not complete."""
        for path, file in list(self._open.items()):
            now = _seen(path)
            if now is None:
                del self._open[path]
            elif now != file or abs(time.time() - now.written / 1e9) > self._custom.patience:
                # It stays among them until it is read: the time of this look may cover it.
                self._waiting.append(now)

    # --- reading ---

    def _some(self, most: int) -> tuple[tuple[Stretch, ...], tuple[_File, ...]]:
        stretches: list[Stretch] = []
        files: list[_File] = []
        while self._waiting and most > 0 and len(files) < _MOST_FILES:
            file = self._waiting.popleft()
            try:
                found = self._stretch(file)
            except FileNotFoundError:
                self._open.pop(file.path, None)
                continue
            except OSError as error:
                self._problem(file.path, error)
                found = None
            if found is None:
                self._open[file.path] = file
                continue
            self._open.pop(file.path, None)
            stretch, file = found
            if file.mark in self._read:
                # It grew while it was looked at, and stood here twice.
                continue
            self._read[file.mark] = file.changed, os.path.dirname(file.path)
            if self._custom.after == "delete" and (stretch.damage or not self._custom.is_whole(stretch.data)):
                self._kept[file.mark] = file.path  # what is in it may be nowhere else
            self._pending.add(file.mark)
            most -= len(stretch.data)
            stretches.append(stretch)
            files.append(file)
        return tuple(stretches), tuple(files)

    def _stretch(self, file: _File) -> tuple[Stretch, _File] | None:
        """Read a file, and tell how it was then; None for one that is not complete."""
        with open(file.path, "rb") as opened:
            data = opened.read(self._custom.largest + 1)
            status = os.fstat(opened.fileno())
        written = status.st_mtime_ns // 1000
        read = _File(file.path, len(data), status.st_mtime_ns, status.st_ctime_ns)
        if len(data) > self._custom.largest:
            size = status.st_size
            stretch = Stretch(self.root, file.path, 0, b"", size, "too_large", skipped=size, written=written)
            return stretch, msgspec.structs.replace(read, size=size)
        # A time that lies in the future tells as little as one of long ago.
        is_old = abs(time.time() - status.st_mtime) > self._custom.patience
        content, damage = unpacked_bytes(data, self._custom.largest) if is_packed(data) else (data, "")
        if not is_old and (damage or not (content and self._custom.is_whole(content))):
            return None
        return Stretch(self.root, file.path, 0, content, len(data), damage, written=written), read

    # --- afterwards ---

    def _remove(self) -> None:
        """Let go of files that are durable in the store, and of directories that are empty."""
        if self._custom.after == "keep":
            return
        now = time.time()
        ready = [file for file in self._spent.values() if abs(now - file.written / 1e9) > self._custom.later]
        deadline = time.monotonic() + _REMOVING
        self._is_removing = False
        for start in range(0, len(ready), _MOST_FILES):
            if time.monotonic() > deadline:
                self._is_removing = True
                return
            some = ready[start : start + _MOST_FILES]
            for file in some:
                del self._spent[file.path]
            some = [file for file in some if self._is_unchanged(file)]
            try:
                if self._archive is not None:
                    self._archive.add([file.path for file in some])
                for file in some:
                    os.unlink(file.path)
                    self._read.pop(file.mark, None)
                    folder = self._folders.get(os.path.dirname(file.path))
                    if folder is not None:
                        folder.files.pop(os.path.basename(file.path), None)
                self._stuck = ()
            except OSError as error:
                self._stuck = (unremovable(error.filename or self.root, error),)
                self._spent.update((file.path, file) for file in some if os.path.lexists(file.path))
                break
        if not self._spent:
            self._stuck = ()
        self._remove_folders()

    def _is_unchanged(self, file: _File) -> bool:
        """A file that has grown since it was read is read again."""
        now = _seen(file.path)
        if now is None:
            self._read.pop(file.mark, None)
            return False
        if now.size == file.size:
            return True
        self._waiting.append(now)
        return False

    def _remove_folders(self) -> None:
        """Remove empty directories of minutes and days that are over; users and the storage directory stay."""
        now = time.monotonic()
        if now < self._next_removal or self._waiting:
            return
        self._next_removal = now + _LOOK
        busy = {os.path.dirname(path) for path in [*self._spent, *self._open]}
        for path, folder in list(self._folders.items()):
            if path in busy or now - folder.touched < self._custom.later or not _is_over(path, self._custom.rest):
                continue
            with suppress(OSError):
                os.rmdir(path)
                del self._folders[path]
        for day in [path for path in self._inner if _DAY.fullmatch(os.path.basename(path))]:
            if _is_over(day, self._custom.rest):
                with suppress(OSError):
                    os.rmdir(day)
                    del self._inner[day]

    def _problem(self, path: str, error: OSError) -> None:
        self._problems[path] = unreadable(path, error, self.root)


def _seen(path: str) -> _File | None:
    """Look at a file; None when it is none, or gone."""
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return None
    if not S_ISREG(status.st_mode):
        return None
    return _File(path, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def _is_over(path: str, rest: float) -> bool:
    """Tell whether no writer will use a directory any more: its name is of the past, in UTC and in local time."""
    name = os.path.basename(path)
    over = time.time() - rest
    form = "%Y%m%d-%H%M" if _MINUTE.fullmatch(name) else "%Y%m%d"
    return all(name < time.strftime(form, zone(over)) for zone in (time.gmtime, time.localtime))

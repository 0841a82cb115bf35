"""Following a log: each record once, whatever becomes of the file."""

from __future__ import annotations

import gzip
import os
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import zstandard
from tests.source.forbidden import forbid
from tests.system.writer import error_lines, json_record, native_record

from wafscope.i18n.text import english
from wafscope.reader.walk import settled
from wafscope.source import reading, tail
from wafscope.source.base import Problem
from wafscope.source.reading import Manner
from wafscope.source.tail import TailFeed

LARGEST = 64 << 20


class Following:
    """A feed on one log, with the positions that a store would hold."""

    def __init__(self, log: Path | str, *, idle: float = reading.IDLE, largest: int = LARGEST) -> None:
        self.log = str(log)
        self.manner = Manner(settled, largest, idle=idle, closing=2 * idle)
        self.positions: dict[str, bytes] = {}
        self.data = b""
        self.damage: list[tuple[str, int]] = []
        self.feed = self._made()

    def _made(self) -> TailFeed:
        return TailFeed(self.log, self.positions, self.manner, sensor="web1")

    def take(self, most: int = 1 << 30) -> bytes:
        """Look, take what has come, and commit it."""
        self.feed._next_look = self.feed._next_search = 0.0
        taken = b""
        for chunk in self.feed.take(most):
            taken += b"".join(stretch.data for stretch in chunk.stretches)
            self.damage += [(each.damage, each.skipped) for each in chunk.stretches if each.damage]
            self.positions[chunk.position.key] = chunk.position.state
            if not chunk.position.state:
                del self.positions[chunk.position.key]
        self.data += taken
        return taken

    def status(self) -> tuple[Problem, ...]:
        """Look, and tell what can not be read."""
        self.take()
        return self.feed.condition().problems

    def until(self, *numbers: int) -> None:
        """Take until these records have come, each once and no other."""
        deadline = time.monotonic() + 60
        while self.numbers() != Counter(numbers) and time.monotonic() < deadline:
            self.take()
            time.sleep(0.02)
        self.take()
        assert self.numbers() == Counter(numbers)

    def numbers(self) -> Counter[int]:
        """How often each record was taken."""
        return Counter({n: self.data.count(json_record(n)) for n in range(1000) if json_record(n) in self.data})

    def restart(self) -> None:
        """Begin again with what was committed."""
        self.feed.close()
        self.feed = self._made()


Follow = Callable[..., Following]


@pytest.fixture
def follow() -> Iterator[Follow]:
    """Make feeds, which are closed when the test is over."""
    made: list[Following] = []

    def make(log: Path | str, *, idle: float = reading.IDLE, largest: int = LARGEST) -> Following:
        made.append(Following(log, idle=idle, largest=largest))
        return made[-1]

    yield make
    for following in made:
        following.feed.close()


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "modsec_audit.log"


def append(path: Path, *numbers: int) -> None:
    with path.open("ab") as file:
        file.writelines(json_record(number) for number in numbers)


def test_what_is_appended_comes_once(log: Path, follow: Follow) -> None:
    following = follow(log)
    assert following.take() == b""
    assert [problem.where for problem in following.feed.condition().problems] == [str(log)]
    append(log, 1, 2)
    following.until(1, 2)
    append(log, 3)
    following.until(1, 2, 3)
    following.restart()
    append(log, 4)
    following.until(1, 2, 3, 4)
    assert following.feed.condition().lag == 0


def test_a_half_written_line_waits(log: Path, follow: Follow) -> None:
    following = follow(log, idle=0.05)
    record = json_record(1)
    log.write_bytes(record[:500])
    following.take()
    time.sleep(0.3)
    assert following.take() == b""
    following.restart()
    assert following.take() == b""
    with log.open("ab") as file:
        file.write(record[500:])
    following.until(1)


def test_files_of_a_pattern_are_followed_as_they_come(tmp_path: Path, follow: Follow) -> None:
    following = follow(tmp_path / "*.log")
    append(tmp_path / "one.log", 1)
    following.until(1)
    append(tmp_path / "two.log", 2)
    append(tmp_path / "one.log", 3)
    following.until(1, 2, 3)


def test_a_renamed_log_is_followed_as_long_as_it_is_written(log: Path, follow: Follow) -> None:
    """libmodsecurity never opens its log again."""
    following = follow(log)
    append(log, 1)
    following.until(1)
    with log.open("ab") as old:
        log.rename(log.with_suffix(".log.1"))
        append(log, 2)
        following.until(1, 2)
        old.write(json_record(3))
        old.flush()
        following.until(1, 2, 3)


def test_a_log_that_is_brought_anew_each_time_is_read_on(log: Path, follow: Follow) -> None:
    """As rsync does: a new file takes the place of the old one, which may have ended within a record."""
    following = follow(log, idle=0.1)
    brought, last = log.with_suffix(".brought"), list(range(10))
    append(log, *last)
    following.until(*last)
    for number in (10, 11, 12):
        brought.write_bytes(log.read_bytes() + json_record(number)[:200])
        brought.rename(log)
        following.until(*last)
        shutil.copy(log, brought)
        with brought.open("ab") as file:
            file.write(json_record(number)[200:])
        brought.rename(log)
        last.append(number)
        following.until(*last)
    time.sleep(0.3)
    following.until(*last)
    assert following.data == log.read_bytes()
    following.restart()
    following.until(*last)


def test_a_log_whose_place_a_copy_took_is_read_on(log: Path, follow: Follow) -> None:
    """The engine writes on into the old file, somebody else into the copy."""
    following = follow(log)
    first, copy = range(10), log.with_suffix(".copy")
    append(log, *first)
    following.until(*first)
    shutil.copy(log, copy)
    with log.open("ab") as writer:
        copy.rename(log)
        append(log, 10)
        following.until(*first, 10)
        writer.write(json_record(11))
        writer.flush()
        append(log, 12)
        following.until(*range(13))


def test_a_removed_log_is_read_to_its_end(log: Path, follow: Follow) -> None:
    following = follow(log)
    append(log, 1)
    following.until(1)
    append(log, 2)
    log.unlink()
    append(log, 3)
    following.until(1, 2, 3)


def test_what_was_rotated_while_nobody_looked_is_read(log: Path, follow: Follow) -> None:
    following = follow(log)
    append(log, 1)
    following.until(1)
    following.feed.close()
    append(log, 2)
    log.rename(log.with_suffix(".log.3"))
    append(log, 3)
    log.rename(log.with_suffix(".log.2"))
    append(log, 4)
    log.rename(log.with_suffix(".log.1"))
    append(log, 5)
    following.restart()
    following.until(1, 2, 3, 4, 5)
    following.restart()
    following.until(1, 2, 3, 4, 5)


def test_a_log_that_a_link_leads_to_is_rotated_where_it_stands(tmp_path: Path, log: Path, follow: Follow) -> None:
    real = tmp_path / "data" / "audit.log"
    real.parent.mkdir()
    log.symlink_to(real)
    following = follow(log)
    append(real, 1)
    following.until(1)
    following.feed.close()
    append(real, 2)
    real.rename(real.with_suffix(".log.1"))
    append(real, 3)
    following.restart()
    following.until(1, 2, 3)


@pytest.mark.parametrize("kind", ["gz", "zst"])
@pytest.mark.parametrize("pattern", ["modsec_audit.log", "modsec_audit.log*"])
def test_of_a_compressed_log_only_what_was_missed_is_read(log: Path, kind: str, pattern: str, follow: Follow) -> None:
    following = follow(log.with_name(pattern))
    append(log, 1, 2)
    following.until(1, 2)
    following.feed.close()
    append(log, 3)
    packed = log.with_name(f"{log.name}.1.{kind}")
    data = log.read_bytes()
    packed.write_bytes(gzip.compress(data) if kind == "gz" else zstandard.compress(data))
    log.unlink()
    append(log, 4)
    following.restart()
    following.until(1, 2, 3, 4)
    following.restart()
    following.until(1, 2, 3, 4)


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
def test_a_log_that_is_just_being_compressed_is_waited_for(
    log: Path, pack: Callable[[bytes], bytes], follow: Follow
) -> None:
    following = follow(log)
    append(log, 1, 2)
    following.until(1, 2)
    following.feed.close()
    append(log, *range(3, 50))
    data = pack(log.read_bytes())
    packed = log.with_name(f"{log.name}.1.gz")
    packed.write_bytes(data[:-100])
    log.unlink()
    append(log, 50)
    following.restart()
    following.take()
    assert following.damage == []
    packed.write_bytes(data)
    following.until(*range(1, 51))
    assert following.damage == []


def test_a_log_that_is_compressed_while_it_is_followed_is_not_read_again(log: Path, follow: Follow) -> None:
    following = follow(log.with_name("modsec_audit.log*"))
    append(log, 1, 2)
    following.until(1, 2)
    old = log.with_suffix(".log.1")
    log.rename(old)
    append(log, 3)
    following.until(1, 2, 3)
    old.with_suffix(".1.gz").write_bytes(gzip.compress(old.read_bytes()))
    old.unlink()
    following.until(1, 2, 3)
    following.restart()
    following.until(1, 2, 3)


def test_rotated_logs_from_before_the_first_start_are_left_alone(log: Path, follow: Follow) -> None:
    old = log.with_suffix(".log.1")
    append(old, 1)
    os.utime(old, (time.time() - 60, time.time() - 60))
    append(log, 2)
    following = follow(log)
    following.until(2)
    following.restart()
    following.until(2)


def test_a_log_that_is_copied_and_truncated_is_read_once(log: Path, follow: Follow) -> None:
    following = follow(log)
    append(log, 1)
    following.until(1)
    append(log, 2)
    shutil.copy(log, log.with_suffix(".log.1"))
    os.truncate(log, 0)
    append(log, 3)
    following.until(1, 2, 3)


def test_a_log_that_was_copied_and_truncated_while_nobody_looked_is_read_once(log: Path, follow: Follow) -> None:
    following = follow(log)
    append(log, 1)
    following.until(1)
    following.feed.close()
    append(log, 2)
    shutil.copy(log, log.with_suffix(".log.1"))
    os.truncate(log, 0)
    append(log, 3, 4, 5)
    following.restart()
    following.until(1, 2, 3, 4, 5)


@pytest.mark.parametrize("numbers", [(3,), (3, 4), (3, 4, 5, 6)])
def test_a_truncated_log_begins_again(log: Path, numbers: tuple[int, ...], follow: Follow) -> None:
    """Whether it is shorter then, as long as before, or longer."""
    following = follow(log)
    append(log, 1, 2)
    following.until(1, 2)
    os.truncate(log, 0)
    append(log, *numbers)
    following.until(1, 2, *numbers)


@pytest.mark.parametrize("shed", [False, True])
def test_a_truncated_log_whose_beginning_stays_is_known_by_what_was_read_last(
    log: Path, follow: Follow, *, shed: bool
) -> None:
    following = follow(log)
    head = b"# " + b"x" * 2000 + b"\n"
    log.write_bytes(head + json_record(1) + b"# the first one\n")
    following.until(1)
    if shed:
        for each in following.feed._readings.values():
            each.shed()
    os.truncate(log, len(head))
    append(log, 2, 3)
    following.until(1, 2, 3)


def test_what_was_read_of_a_truncated_log_and_waits_is_handed_on(
    log: Path, monkeypatch: pytest.MonkeyPatch, follow: Follow
) -> None:
    monkeypatch.setattr(tail, "_COPY", 0.1)
    following = follow(log)
    lines = error_lines(1)
    log.write_bytes(b"".join(lines))
    assert following.take() == b""
    os.truncate(log, 0)
    append(log, 2)
    following.until(2)
    time.sleep(0.2)
    following.take()
    assert all(following.data.count(line) == 1 for line in lines)


def test_a_copy_that_lacks_what_was_read_takes_nothing_away(
    log: Path, monkeypatch: pytest.MonkeyPatch, follow: Follow
) -> None:
    """It was made before the last lines were written, and the log was truncated after they were read."""
    monkeypatch.setattr(tail, "_COPY", 0.1)
    following = follow(log)
    append(log, 1)
    following.until(1)
    lines = error_lines(2)
    with log.open("ab", buffering=0) as file:
        file.write(lines[0])
        shutil.copy(log, log.with_suffix(".log.1"))
        file.write(b"".join(lines[1:]))
    following.take()
    os.truncate(log, 0)
    append(log, 3)
    following.until(1, 3)
    time.sleep(0.2)
    following.take()
    assert [following.data.count(line) for line in lines] == [1] * len(lines)


def test_what_waits_in_many_files_is_held_for_few_and_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, follow: Follow
) -> None:
    monkeypatch.setattr(tail, "_MOST_HELD", 1)
    following = follow(tmp_path / "*.log", idle=0.3)
    lines = [line for number in range(3) for line in error_lines(number)]
    for number in range(3):
        (tmp_path / f"{number}.log").write_bytes(b"".join(error_lines(number)))
    following.take()
    assert [reading.held > 0 for reading in following.feed._readings.values()].count(True) <= 1
    deadline = time.monotonic() + 60
    while len(following.data) < sum(map(len, lines)) and time.monotonic() < deadline:
        following.take()
        time.sleep(0.02)
    assert [following.data.count(line) for line in lines] == [1] * len(lines)


def test_an_inode_tells_nothing(log: Path, follow: Follow) -> None:
    """A new log of the same name gets the inode of the old one, as happens while nobody looks."""
    following = follow(log)
    append(log, 1, 2)
    following.until(1, 2)
    following.feed.close()
    inode = log.stat().st_ino
    with log.open("r+b") as file:
        file.truncate(0)
        file.write(json_record(3) + json_record(4) + json_record(5))
    assert log.stat().st_ino == inode
    following.restart()
    following.until(1, 2, 3, 4, 5)


def test_open_groups_of_an_error_log_are_read_again_from_their_beginning(log: Path, follow: Follow) -> None:
    following = follow(log, idle=0.5)
    first, second = error_lines(1), error_lines(2)
    log.write_bytes(b"".join(first[:2] + second[:1]))
    following.take()
    following.restart()
    with log.open("ab") as file:
        file.write(b"".join(first[2:] + second[1:]))
    taken = b""
    deadline = time.monotonic() + 60
    while not taken and time.monotonic() < deadline:
        taken = following.take()
    assert taken == b"".join(first[:2] + second[:1] + first[2:] + second[1:])


def test_a_native_record_is_never_torn(log: Path, follow: Follow) -> None:
    following = follow(log)
    with log.open("ab", buffering=0) as file:
        for number in range(20):
            record = native_record(number)
            for start in range(0, len(record), 700):
                file.write(record[start : start + 700])
                taken = following.take()
                assert taken.count(b"-A--") == taken.count(b"-Z--")
    deadline = time.monotonic() + 60
    while following.data != log.read_bytes() and time.monotonic() < deadline:
        following.take()
    assert following.data == log.read_bytes()


def test_a_record_that_is_too_large_is_passed_over(log: Path, follow: Follow) -> None:
    following = follow(log, largest=10_000)
    huge = b'{"transaction":{' + b"x" * 50_000
    log.write_bytes(json_record(1) + huge)
    following.until(1)
    following.restart()
    with log.open("ab") as file:
        file.write(huge + b"}\n" + json_record(2))
    following.until(1, 2)
    assert following.damage == [("too_large", 2 * len(huge) + 2)]


def test_a_hole_that_is_larger_than_any_record_takes_none_with_it(
    log: Path, monkeypatch: pytest.MonkeyPatch, follow: Follow
) -> None:
    monkeypatch.setattr(reading, "PIECE", 8 << 10)
    following = follow(log, largest=20_000)
    append(log, 1)
    following.until(1)
    shutil.copy(log, log.with_suffix(".log.1"))
    with log.open("r+b") as writer:
        writer.truncate(0)
        writer.seek(90_000)
        writer.write(json_record(2))
    following.until(1, 2)
    assert following.damage == []


def test_a_log_that_may_not_be_read_does_not_hold_up_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, follow: Follow
) -> None:
    append(tmp_path / "one.log", 1)
    append(tmp_path / "two.log", 2)
    opened = os.open
    forbidden = True

    def refuse(path: str, flags: int) -> int:
        if forbidden and str(path).endswith("one.log"):
            raise PermissionError(13, "Permission denied", path)
        return opened(path, flags)

    monkeypatch.setattr(os, "open", refuse)
    following = follow(tmp_path / "*.log")
    following.until(2)
    assert [problem.where for problem in following.feed.condition().problems] == [str(tmp_path / "one.log")]
    forbidden = False
    following.until(1, 2)
    assert following.feed.condition().problems == ()


@pytest.mark.parametrize("within", ["a", "*"])
def test_a_directory_of_a_pattern_that_may_not_be_looked_into_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, follow: Follow, within: str
) -> None:
    """`glob` tells of none: the log would be waited for in silence."""
    for number, name in enumerate("ab", 1):
        (tmp_path / name).mkdir()
        append(tmp_path / name / "x.log", number)
    allow = forbid(monkeypatch, tmp_path / "a")
    following = follow(tmp_path / within / "*.log")
    (problem,) = following.status()
    assert (problem.where, problem.waits, problem.hint is not None) == (f"{tmp_path}/a", False, True)
    allow()
    following.until(*((1, 2) if within == "*" else (1,)))
    assert following.status() == ()


@pytest.mark.parametrize(
    ("make", "what", "hint"),
    [(os.mkdir, "It is a directory.", "concurrent"), (os.mkfifo, "It is no file.", "stdin")],
)
def test_what_is_no_file_is_named(
    log: Path, follow: Follow, make: Callable[[Path], None], what: str, hint: str
) -> None:
    make(log)
    append(log.with_name("other.log"), 1)
    (problem,) = follow(log).status()
    assert problem.hint is not None
    assert (english(problem.what), hint in english(problem.hint), problem.waits) == (what, True, False)
    # A pattern fits what it fits.
    following = follow(log.with_name("*.log"))
    following.until(1)
    assert following.status() == ()


def test_a_file_that_is_nowhere_is_forgotten(log: Path, monkeypatch: pytest.MonkeyPatch, follow: Follow) -> None:
    following = follow(log)
    append(log, 1)
    following.until(1)
    log.unlink()
    monkeypatch.setattr(tail, "_QUIET", 0.0)
    monkeypatch.setattr(tail, "_FORGET", 0.0)
    for _ in range(3):
        following.take()
    assert [key for key in following.positions if not key.endswith("since")] == []


def test_files_that_begin_alike_are_all_read(tmp_path: Path, follow: Follow) -> None:
    following = follow(tmp_path / "*.log")
    (tmp_path / "one.log").write_bytes(b"# a header\n")
    following.take()
    (tmp_path / "two.log").write_bytes(b"# a header\n" + json_record(1))
    following.until(1)
    append(tmp_path / "one.log", 2)
    following.until(1, 2)
    following.restart()
    append(tmp_path / "one.log", 3)
    append(tmp_path / "two.log", 4)
    following.until(1, 2, 3, 4)


def test_a_log_that_is_rotated_all_the_time_is_read_once(log: Path, follow: Follow) -> None:
    """By a writer that does not wait: many times between two looks."""
    following = follow(log)
    following.take()
    for number in range(0, 200, 2):
        append(log, number, number + 1)
        log.rename(log.with_name(f"{log.name}.{number}"))
        if number % 24 == 0:
            following.take()
    append(log, 200)
    following.until(*range(201))


def test_a_position_that_can_not_be_understood_is_none(log: Path, follow: Follow) -> None:
    following = follow(log)
    append(log, 1)
    following.until(1)
    following.positions = dict.fromkeys(following.positions, b"\xc1")
    following.data = b""
    following.restart()
    following.until(1)

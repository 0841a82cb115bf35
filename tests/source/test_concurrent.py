"""Following the directory of a concurrent log: each file once, and what becomes of it afterwards."""

from __future__ import annotations

import gzip
import os
import tarfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
import zstandard
from tests.source.forbidden import forbid
from tests.system.writer import json_record

from wafscope.i18n.text import english
from wafscope.reader.whole import is_whole
from wafscope.source import concurrent
from wafscope.source.archive import Archive
from wafscope.source.concurrent import After, ConcurrentFeed, Custom
from wafscope.source.unpacking import unpacked

SAMPLES = Path(__file__).parents[1] / "samples"
OLD = "20261120/20261120-0930"


class Following:
    """A feed on one directory, with the positions that a store would hold."""

    def __init__(self, root: Path, after: After = "keep", **custom: float) -> None:
        self.root = root
        values: dict[str, float] = {"patience": 60.0, "later": 0.0} | custom
        self.custom = msgspec.structs.replace(Custom(is_whole, 64 << 20, after), **values)
        self.positions: dict[str, bytes] = {}
        self.numbers: Counter[int] = Counter()
        self.names: list[str] = []
        self.feed = self._made()

    def _made(self) -> ConcurrentFeed:
        return ConcurrentFeed(str(self.root), self.positions, self.custom, sensor="web1")

    def take(self, *, commit: bool = True) -> None:
        """Look, take what has come, and commit it."""
        self.feed._next_look = self.feed._next_removal = 0.0
        for chunk in self.feed.take(1 << 30):
            data = b"".join(stretch.data + b"\n" for stretch in chunk.stretches)
            self.names += [os.path.relpath(stretch.name, self.root) for stretch in chunk.stretches]
            self.numbers.update({n: count for n in range(300) if (count := data.count(json_record(n)))})
            if commit:
                self.positions[chunk.position.key] = chunk.position.state
                self.feed.committed(chunk.position)

    def look_at_all(self) -> None:
        """Look at the whole tree."""
        self.feed._next_whole = 0.0
        self.take()

    def restart(self) -> None:
        self.feed.close()
        self.feed = self._made()


def write(root: Path, folder: str, *numbers: int) -> list[Path]:
    """Write a file for each number."""
    minute = root / folder
    minute.mkdir(parents=True, exist_ok=True)
    files = [minute / f"{minute.name}00-{number}" for number in numbers]
    for file, number in zip(files, numbers, strict=True):
        with file.open("ab") as opened:
            opened.write(json_record(number))
    return files


def minute_now() -> str:
    return time.strftime("%Y%m%d/%Y%m%d-%H%M")


def test_files_come_once_also_after_a_restart(tmp_path: Path) -> None:
    following = Following(tmp_path)
    write(tmp_path, OLD, 1, 2)
    write(tmp_path, minute_now(), 3)
    for _ in range(3):
        following.take()
        following.look_at_all()
    following.restart()
    write(tmp_path, OLD, 4)
    write(tmp_path, minute_now(), 5)
    for _ in range(3):
        following.take()
        following.look_at_all()

    assert following.numbers == Counter([1, 2, 3, 4, 5])


def test_a_user_has_a_level_of_its_own(tmp_path: Path) -> None:
    """As ModSecurity 2.9.3 and later write it."""
    write(tmp_path, f"www-data/{OLD}", 1)
    following = Following(tmp_path)
    following.take()

    assert following.names == [f"www-data/{OLD}/20261120-093000-1"]


def test_files_of_another_kind_are_left_alone(tmp_path: Path) -> None:
    following = Following(tmp_path, "delete", rest=0.0)
    (tmp_path / OLD).mkdir(parents=True)
    other = [tmp_path / "index", tmp_path / OLD / "notes.txt", tmp_path / "20261120" / "x"]
    for file in other:
        file.write_bytes(json_record(1))
    for _ in range(3):
        following.take()

    assert following.numbers == Counter()
    assert all(file.exists() for file in other)


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
def test_a_file_that_was_compressed_is_read(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    following = Following(tmp_path)
    (file,) = write(tmp_path, OLD, 1)
    data = pack(file.read_bytes())
    packed = file.with_name(f"{file.name}.gz")
    packed.write_bytes(data[:-5])
    file.unlink()
    following.take()
    assert following.numbers == Counter()
    packed.write_bytes(data)
    for _ in range(2):
        following.take()
    assert following.numbers == Counter([1])


def test_what_could_not_be_read_is_not_deleted(tmp_path: Path) -> None:
    following = Following(tmp_path, "delete", rest=0.0)
    following.custom = msgspec.structs.replace(following.custom, largest=len(json_record(1)), patience=-1.0)
    following.restart()
    large, damaged, unknown, good = write(tmp_path, OLD, 1, 2, 3, 4)
    unknown.write_bytes(b"of a version that is not known yet\n")
    large.write_bytes(json_record(1) * 2)
    damaged.write_bytes(gzip.compress(json_record(2))[:-5])
    for _ in range(3):
        following.take()
    following.restart()
    for _ in range(3):
        following.take()

    assert [file for file in (large, damaged, unknown, good) if file.exists()] == [large, damaged, unknown]


def test_a_file_that_is_being_written_is_waited_for(tmp_path: Path) -> None:
    following = Following(tmp_path)
    (file,) = write(tmp_path, OLD, 1)
    file.write_bytes(json_record(1)[:400])
    following.take()
    assert following.names == []
    assert following.feed.condition().waiting == 1
    following.restart()
    following.take()
    assert following.names == []
    file.write_bytes(json_record(1))
    for _ in range(2):
        following.take()
    assert following.numbers == Counter([1])
    assert following.feed.condition().waiting == 0


def test_a_file_that_stays_as_it_is_is_taken_so(tmp_path: Path) -> None:
    following = Following(tmp_path, patience=0.2)
    (file,) = write(tmp_path, OLD, 1)
    file.write_bytes(json_record(1)[:400])
    following.take()
    time.sleep(0.3)
    for _ in range(2):
        following.take()

    assert len(following.names) == 1


@pytest.mark.parametrize(
    "sample",
    [
        "gen-v2-concurrent-file-native.log",
        "gen-v3.0.15-concurrent-file-two-docs.json",
        "gen-coraza-3.7.0-concurrent-file.json",
    ],
)
def test_the_files_of_every_engine_are_known_to_be_whole(sample: str) -> None:
    data = (SAMPLES / sample).read_bytes()

    assert is_whole(data)
    assert not is_whole(data[: len(data) * 2 // 3])


def test_a_record_that_is_appended_is_read(tmp_path: Path) -> None:
    following = Following(tmp_path)
    (file,) = write(tmp_path, minute_now(), 1)
    following.take()
    with file.open("ab") as opened:
        opened.write(json_record(2))
    following.take()
    following.look_at_all()

    assert following.numbers[2] == 1
    assert file.exists()


def test_files_and_empty_directories_go_when_they_are_committed(tmp_path: Path) -> None:
    following = Following(tmp_path, "delete", rest=0.0)
    files = [*write(tmp_path, OLD, 1, 2), *write(tmp_path, minute_now(), 3)]
    following.take(commit=False)
    following.take()
    assert all(file.exists() for file in files)
    following.restart()
    following.take()
    for _ in range(3):
        following.take()

    assert following.numbers == Counter([1, 2, 3] * 2)
    assert not any(file.exists() for file in files)
    assert not (tmp_path / OLD).parent.exists()
    assert tmp_path.exists()


def test_the_directory_of_the_current_minute_stays(tmp_path: Path) -> None:
    following = Following(tmp_path, "delete")
    (file,) = write(tmp_path, minute_now(), 1)
    for _ in range(4):
        following.take()

    assert not file.exists()
    assert file.parent.exists()


def test_a_file_that_grows_after_it_was_read_is_not_removed_unread(tmp_path: Path) -> None:
    following = Following(tmp_path, "delete", rest=0.0)
    (file,) = write(tmp_path, OLD, 1)
    following.take()
    with file.open("ab") as opened:
        opened.write(json_record(2))
    for _ in range(4):
        following.take()

    assert following.numbers == Counter([1, 1, 2])
    assert not file.exists()


def test_files_that_were_committed_but_not_removed_are_not_read_again(tmp_path: Path) -> None:
    following = Following(tmp_path, "delete")
    files = write(tmp_path, OLD, 1, 2)
    following.take()
    following.restart()
    assert all(file.exists() for file in files)
    for _ in range(3):
        following.take()

    assert following.numbers == Counter([1, 2])
    assert not any(file.exists() for file in files)


def archived(root: Path) -> list[tuple[str, bytes]]:
    """Name and content of all that stands in the archives of a directory."""
    found = []
    for archive in sorted(Path(f"{root}.archive").iterdir()):
        with archive.open("rb") as file, tarfile.open(fileobj=unpacked(file), mode="r|") as tar:
            for member in tar:
                opened = tar.extractfile(member)
                assert opened is not None
                found.append((member.name, opened.read()))
    return found


def test_files_are_archived_by_day(tmp_path: Path) -> None:
    root = tmp_path / "audit"
    following = Following(root, "archive", rest=0.0)
    for number, folder in enumerate((OLD, OLD, "20261121/20261121-0000")):
        write(root, folder, number)
        for _ in range(3):
            following.take()

    assert [path.name for path in sorted(Path(f"{root}.archive").iterdir())] == ["20261120.tar.zst", "20261121.tar.zst"]
    assert archived(root) == [
        (f"{OLD}/20261120-093000-0", json_record(0)),
        (f"{OLD}/20261120-093000-1", json_record(1)),
        ("20261121/20261121-0000/20261121-000000-2", json_record(2)),
    ]
    assert list(root.iterdir()) == []


def test_an_archive_that_can_not_be_written_is_told_until_it_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "audit"
    following = Following(root, "archive", rest=0.0)
    refused = Archive.add

    def refuse(archive: Archive, names: list[str]) -> None:
        raise PermissionError(13, "Permission denied", f"{root}.archive")

    monkeypatch.setattr(Archive, "add", refuse)
    write(root, OLD, 0)
    told: list[str] = []
    for _ in range(4):
        following.look_at_all()
        following.look_at_all()
        told = [english(problem.what) for problem in following.feed.condition().problems]
    assert told == [f"Files that are stored can not be archived or removed: {root}.archive: Permission denied"]
    monkeypatch.setattr(Archive, "add", refused)
    following.look_at_all()
    assert following.feed.condition().problems == ()
    assert archived(root) == [(f"{OLD}/20261120-093000-0", json_record(0))]


def test_an_archive_survives_a_failure_at_any_byte(tmp_path: Path) -> None:
    """The files that were to go into the frame are still there, and go in once."""
    root = tmp_path / "audit"
    following = Following(root, "archive")
    write(root, OLD, 1)
    for _ in range(2):
        following.take()
    archive = Path(f"{root}.archive") / "20261120.tar.zst"
    first = archive.stat().st_size
    (second,) = write(root, OLD, 2)
    written = second.stat().st_mtime_ns
    for _ in range(2):
        following.take()
    whole = archive.read_bytes()
    for size in (first, first + 1, (first + len(whole)) // 2, len(whole) - 1, len(whole)):
        archive.write_bytes(whole[:size])
        second.parent.mkdir(parents=True, exist_ok=True)
        second.write_bytes(json_record(2))
        os.utime(second, ns=(written, written))
        following.restart()
        for _ in range(3):
            following.take()
        assert [data for _, data in archived(root)] == [json_record(1), json_record(2)], size
        assert not second.exists()


def test_many_files_that_were_read_are_a_small_position(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(concurrent, "_TICK", 0.0)
    following = Following(tmp_path)
    for hour in range(10):
        write(tmp_path, f"20261120/20261120-{hour:02d}00", *range(hour * 20, hour * 20 + 20))
    following.take()
    time.sleep(0.05)
    following.look_at_all()
    write(tmp_path, OLD, 250)
    following.take()
    following.restart()
    following.look_at_all()

    assert following.numbers == Counter([*range(200), 250])
    assert sum(map(len, following.positions.values())) < 200


@pytest.mark.parametrize("folder", [OLD, "20261120"])
def test_a_directory_that_may_not_be_read_does_not_hold_up_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    monkeypatch.setattr(concurrent, "_TICK", 0.0)
    forbidden = f"{tmp_path}/{folder}"
    allow = forbid(monkeypatch, tmp_path / folder)
    write(tmp_path, OLD, 1)
    write(tmp_path, minute_now(), 2)
    following = Following(tmp_path)
    following.look_at_all()
    following.look_at_all()
    assert following.numbers == Counter([2])
    assert forbidden in [problem.where for problem in following.feed.condition().problems]
    assert any(forbidden in english(problem.what) for problem in following.feed.condition().problems)
    write(tmp_path, minute_now(), 3)
    following.take()
    following.restart()
    allow()
    following.look_at_all()
    following.look_at_all()
    assert following.numbers == Counter([1, 2, 3])


def test_what_waits_is_not_lost_when_it_ends_between_two_commits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(concurrent, "_TICK", 0.0)
    monkeypatch.setattr(concurrent, "_MOST_FILES", 2)
    write(tmp_path, OLD, *range(6))
    following = Following(tmp_path)
    first = next(following.feed.take(1 << 30))
    following.positions[first.position.key] = first.position.state
    following.restart()
    following.take()

    assert len(first.stretches) == 2
    assert following.numbers == Counter(range(2, 6))


def grown_when_seen(monkeypatch: pytest.MonkeyPatch, *files: Path) -> None:
    """Complete files just after they were looked at, as a writer may at any time."""
    look = concurrent._seen
    rest = {str(file): json_record(number)[400:] for number, file in enumerate(files, 1)}

    def seen(path: str) -> concurrent._File | None:
        found = look(path)
        if path in rest:
            with Path(path).open("ab") as opened:
                opened.write(rest.pop(path))
        return found

    monkeypatch.setattr(concurrent, "_seen", seen)


def test_a_file_that_grows_during_a_look_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    following = Following(tmp_path)
    files = write(tmp_path, minute_now(), 1, 2)
    for number, file in enumerate(files, 1):
        file.write_bytes(json_record(number)[:400])
    grown_when_seen(monkeypatch, *files)
    for _ in range(3):
        following.take()
    following.restart()
    following.take()

    assert following.numbers == Counter([1, 2])
    assert following.feed.condition().waiting == 0


def test_a_file_that_grew_while_it_was_looked_at_is_not_read_again_by_the_next_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(concurrent, "_TICK", 0.0)
    (file,) = write(tmp_path, minute_now(), 1)
    file.write_bytes(json_record(1)[:400])
    following = Following(tmp_path)
    grown_when_seen(monkeypatch, file)
    time.sleep(0.05)
    following.take()
    time.sleep(0.05)
    following.look_at_all()
    following.restart()
    following.take()

    assert following.numbers == Counter([1])


def test_a_look_that_stops_on_its_way_forgets_nothing_of_an_earlier_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(concurrent, "_TICK", 0.0)
    following = Following(tmp_path)
    write(tmp_path, f"b/{OLD}", 1)
    following.take()
    following.look_at_all()
    write(tmp_path, f"b/{OLD}", 2)
    following.take()
    write(tmp_path, f"a/{OLD}", 3, 4)
    monkeypatch.setattr(concurrent, "_MOST_WAITING", 1)
    following.restart()
    following.take()
    following.restart()
    for _ in range(3):
        following.take()

    assert following.numbers == Counter([1, 2, 3, 4])


def test_a_file_that_was_waited_for_is_not_lost_when_it_ends_between_two_commits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(concurrent, "_TICK", 0.0)
    monkeypatch.setattr(concurrent, "_MOST_FILES", 1)
    following = Following(tmp_path, patience=0.2)
    for number, file in enumerate(write(tmp_path, OLD, 1, 2), 1):
        file.write_bytes(json_record(number)[:400])
    following.take()
    time.sleep(0.3)
    following.feed._next_look = 0.0
    first = next(following.feed.take(1 << 30))
    following.positions[first.position.key] = first.position.state
    following.restart()
    following.names.clear()
    for _ in range(2):
        following.take()

    assert [stretch.name for stretch in first.stretches] != following.names
    assert len(following.names) == 1

"""Stretches: every byte once, in order, cut where no record is torn, whatever the size of the pieces."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import tarfile
import tempfile
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from threading import Thread

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from wafscope.errors import InputError
from wafscope.reader.walk import settled
from wafscope.source import oneshot
from wafscope.source.base import Stretch
from wafscope.source.oneshot import check, read_once

PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "plain": bytes,
    "gzip": gzip.compress,
    "zstd": zstandard.ZstdCompressor().compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
}


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read in pieces of 64 bytes, and take 300 for the largest record."""
    monkeypatch.setattr(oneshot, "PIECE", 64)


def read(path: Path) -> list[Stretch]:
    """Read a file and check that the offsets follow from the bytes."""
    stretches = list(read_once(str(path), settled, 300))
    for before, after in pairwise(stretches):
        assert before.offset + len(before.data) <= after.offset
    return stretches


@pytest.mark.parametrize("kind", PACKERS)
def test_every_byte_comes_once_whatever_the_packing(tmp_path: Path, kind: str) -> None:
    log = b"".join(b'{"n":%d,"text":"%s"}\n' % (n, b"x" * (n % 50)) for n in range(60))
    (tmp_path / "log").write_bytes(PACKERS[kind](log))
    stretches = read(tmp_path / "log")
    assert b"".join(s.data for s in stretches) == log
    assert len(stretches) > 5
    assert all(s.data.startswith(b"{") for s in stretches)


def test_no_object_is_torn_even_when_printed_over_several_lines(tmp_path: Path) -> None:
    document = b'{\n  "a": 1,\n  "b": {\n    "c": 2\n  }\n}\n'
    (tmp_path / "log").write_bytes(document * 9)
    for stretch in read(tmp_path / "log"):
        assert stretch.data.count(b"\n}") == stretch.data.count(b'"a"')


def test_a_line_beyond_all_measure_is_passed_over_and_named(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b'{"a":1}\n' + b'{"b":"' + b"x" * 5000 + b'"}\n' + b'{"c":3}\n')
    stretches = read(tmp_path / "log")
    assert [s.damage for s in stretches if s.damage] == ["too_large"]
    assert b"".join(s.data for s in stretches) == b'{"a":1}\n{"c":3}\n'
    assert max(len(s.data) for s in stretches) < 300


def test_a_hole_that_is_larger_than_any_record_takes_none_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As copytruncate leaves it where the writer goes on at its own place."""
    monkeypatch.setattr(oneshot, "PIECE", 8 << 10)
    first, second = b'{"a":1}\n', b'{"b":2}\n'
    for before in (b"", first):
        (tmp_path / "log").write_bytes(before + bytes(90_000) + second)
        stretches = list(read_once(str(tmp_path / "log"), settled, 20_000))
        assert [s.damage for s in stretches if s.damage] == []
        assert b"".join(s.data.strip(b"\0") for s in stretches) == before + second
        assert stretches[-1].offset + len(stretches[-1].data) == len(before) + 90_000 + len(second)


def test_what_could_be_unpacked_of_a_broken_archive_is_read(tmp_path: Path) -> None:
    log = b"".join(b'{"n":%d}\n' % n for n in range(2000))
    packed = gzip.compress(log)
    (tmp_path / "log.gz").write_bytes(packed[: len(packed) // 2])
    stretches = read(tmp_path / "log.gz")
    assert stretches[-1].damage == "damaged_archive"
    text = b"".join(s.data for s in stretches)
    assert log.startswith(text)
    assert len(text) > 100


@pytest.mark.parametrize("kind", [kind for kind in PACKERS if kind != "plain"])
def test_a_packed_file_that_ends_too_early_is_named_wherever_it_ends(tmp_path: Path, kind: str) -> None:
    log = b"".join(b'{"n":%d}\n' % n for n in range(60))
    packed = PACKERS[kind](log) + PACKERS[kind](log)
    whole = len(packed) // 2
    for size in {*range(6, len(packed), 7), len(packed) - 1} - {whole}:
        (tmp_path / "log").write_bytes(packed[:size])
        stretches = read(tmp_path / "log")
        assert stretches[-1].damage == "damaged_archive", size
        read_first = b"".join(s.data for s in stretches)
        assert (log * 2).startswith(read_first)
        assert len(read_first) >= len(log) * (size > whole)


def test_every_member_of_an_archive_is_read_packed_or_not(tmp_path: Path) -> None:
    logs = {name: b"".join(b'{"%s":%d}\n' % (name.encode(), n) for n in range(40)) for name in [*PACKERS, "inner.tar"]}
    packed = {name: PACKERS[name](log) if name in PACKERS else tar({"log": log}) for name, log in logs.items()}
    (tmp_path / "log").write_bytes(gzip.compress(tar(packed)))
    stretches = list(read_once(str(tmp_path / "log"), settled))
    assert not any(s.damage for s in stretches)
    assert {Path(s.name).name for s in stretches} == {*PACKERS, "log"}
    assert b"".join(s.data for s in stretches) == b"".join(logs.values())


def test_all_of_an_archive_that_ends_too_early_is_read(tmp_path: Path) -> None:
    log = b"".join(b'{"n":%d}\n' % n for n in range(20_000))
    archive = tar({"first": log, "second": log})
    for size in (len(log) // 2, len(log) + 2000, len(log) + len(log) // 3):
        (tmp_path / "log").write_bytes(archive[:size])
        stretches = list(read_once(str(tmp_path / "log"), settled))
        assert [s.damage for s in stretches if s.damage] == ["damaged_archive"]
        assert b"".join(s.data for s in stretches) == (archive[512 : 512 + len(log)] + log)[: size_of(size, len(log))]


def tar(members: dict[str, bytes]) -> bytes:
    """Make an archive."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        for name, data in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return made.getvalue()


def size_of(size: int, first: int) -> int:
    """How much content stands in so many bytes of an archive of two members."""
    second = 1024 + first + -first % 512
    return min(first, size - 512) + max(0, size - second)


@pytest.mark.parametrize("kind", PACKERS)
@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_what_powershell_wrote_is_read(tmp_path: Path, kind: str, encoding: str) -> None:
    log = "".join(f'{{"n":"{n} \u3042\U0001f600"}}\r\n' for n in range(60))
    (tmp_path / "log").write_bytes(PACKERS[kind](("\ufeff" + log).encode(encoding)))
    assert b"".join(s.data for s in read(tmp_path / "log")) == ("\ufeff" + log).encode()


def test_links_in_a_folder_are_followed_and_each_file_is_read_once(tmp_path: Path) -> None:
    away, folder = tmp_path / "away", tmp_path / "folder"
    (away / "day").mkdir(parents=True)
    (away / "log").write_bytes(b'{"n":1}\n')
    (away / "day" / "log").write_bytes(b'{"n":2}\n')
    folder.mkdir()
    (folder / "own").write_bytes(b'{"n":3}\n')
    links = {"a": away / "log", "b": away / "log", "c": folder / "own", "day": away / "day", "up": folder}
    for name, target in links.items():
        (folder / name).symlink_to(target)
    check(str(folder))
    assert sorted(s.data for s in read_once(str(folder), settled)) == [b'{"n":%d}\n' % n for n in (1, 2, 3)]


def test_a_pipe_of_the_shell_is_read_once(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = Thread(target=pipe.write_bytes, args=(gzip.compress(b'{"n":1}\n'),))
    writer.start()
    check(str(pipe))
    assert [s.data for s in read_once(str(pipe), settled)] == [b'{"n":1}\n']
    writer.join()


@settings(max_examples=60)
@given(st.lists(st.binary(max_size=150), max_size=12))
def test_any_bytes_come_through(tmp_path_factory: pytest.TempPathFactory, parts: list[bytes]) -> None:
    log = b"\n".join(p.replace(b"\n", b" ") for p in parts)
    if not log or log[:2] in {b"\x1f\x8b", b"BZ"} or log[:4] == b"\x28\xb5\x2f\xfd":
        return
    path = tmp_path_factory.mktemp("any") / "log"
    path.write_bytes(log)
    assert b"".join(s.data for s in read(path)) == log


def test_a_folder_that_may_not_be_read_is_not_taken_for_an_empty_one() -> None:
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o755)
        folder = Path(place) / "audit" / "20261124"
        folder.mkdir(parents=True)
        (folder / "record").write_text("{}")
        folder.chmod(0)
        somebody = 65534 if os.geteuid() == 0 else os.geteuid()
        before = os.geteuid()
        os.seteuid(somebody)
        try:
            with pytest.raises(InputError, match="Permission denied") as caught:
                check(str(folder.parent))
        finally:
            os.seteuid(before)
            folder.chmod(0o700)
    assert caught.value.where == str(folder)

"""Stretches: every byte once, in order, cut where no record is torn, whatever the size of the pieces."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import tempfile
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

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


def test_what_could_be_unpacked_of_a_broken_archive_is_read(tmp_path: Path) -> None:
    log = b"".join(b'{"n":%d}\n' % n for n in range(2000))
    packed = gzip.compress(log)
    (tmp_path / "log.gz").write_bytes(packed[: len(packed) // 2])
    stretches = read(tmp_path / "log.gz")
    assert stretches[-1].damage == "damaged_archive"
    text = b"".join(s.data for s in stretches)
    assert log.startswith(text)
    assert len(text) > 100


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

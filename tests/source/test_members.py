"""What the heads of an archive claim is not believed."""

from __future__ import annotations

import gzip
import tarfile
from pathlib import Path

import pytest

from wafscope.reader.walk import settled
from wafscope.source.base import Stretch
from wafscope.source.oneshot import read_once

LOG = b'{"n":1}\n' * 100
END = bytes(1024)


def head(name: str, size: int, kind: bytes = tarfile.REGTYPE) -> bytes:
    entry = tarfile.TarInfo(name)
    entry.size, entry.type = size, kind
    return entry.tobuf(tarfile.GNU_FORMAT)


def member(name: str = "log", kind: bytes = tarfile.REGTYPE, data: bytes = LOG) -> bytes:
    return head(name, len(data), kind) + data + bytes(-len(data) % 512)


def pax(key: bytes, value: bytes) -> bytes:
    size = len(key) + len(value) + 3
    size += len(str(size + 2))
    return member("pax", tarfile.XHDTYPE, b"%d %s=%s\n" % (size, key, value))


def negative() -> bytes:
    """A head whose size, in base 256, is less than nothing."""
    made = bytearray(head("log", 0))
    made[124:136] = b"\xff" * 10 + b"\xfe\0"
    made[148:156] = b" " * 8
    made[148:156] = b"%06o\0 " % sum(made)
    return bytes(made)


def read(folder: Path, archive: bytes) -> list[Stretch]:
    (folder / "a.tar").write_bytes(archive)
    return list(read_once(str(folder / "a.tar"), settled))


@pytest.mark.parametrize("kind", [b"L", b"K", b"x", b"g"])
def test_a_head_that_claims_a_long_name_is_not_held(tmp_path: Path, kind: bytes) -> None:
    size = 64 << 20
    found = read(tmp_path, gzip.compress(member() + head("x", size, kind) + bytes(size) + END, 1))
    assert b"".join(each.data for each in found) == LOG
    assert [each.damage for each in found if each.damage] == ["damaged_archive"]


@pytest.mark.parametrize(
    "odd",
    [
        negative(),
        pax(b"size", b"-512") + member(),
        b"damaged" + member()[7:],
        pax(b"GNU.sparse.major", b"1") + pax(b"GNU.sparse.size", b"9999999999999") + member(),
    ],
    ids=["size", "pax", "damaged", "holes"],
)
def test_a_head_that_can_not_be_is_told(tmp_path: Path, odd: bytes) -> None:
    found = read(tmp_path, member() + odd + END)
    assert b"".join(each.data for each in found).startswith(LOG)
    assert [each.damage for each in found if each.damage]


@pytest.mark.parametrize("time", [b"nan", b"inf", b"1e308", b"-5", b"1e30"])
def test_a_time_that_can_not_be_is_that_of_the_archive(tmp_path: Path, time: bytes) -> None:
    found = read(tmp_path, pax(b"mtime", time) + member() + END)
    seconds = (tmp_path / "a.tar").stat().st_mtime
    assert {(each.written, each.damage) for each in found} == {(round(seconds * 1_000_000), "")}
    assert b"".join(each.data for each in found) == LOG

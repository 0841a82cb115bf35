"""An index finds the files of its transactions, and nothing that a client wrote into it finds any other."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from wafscope.errors import InputError
from wafscope.reader.walk import settled
from wafscope.source.index import is_index, read_index
from wafscope.source.oneshot import check, read_once

NAME = "20261124/20261124-0231/20261124-023122-179548748210.1"
HEAD = "a.example 192.0.2.1 - "
V2 = HEAD + '- [24/Nov/2026:02:31:22.1 +0000] "GET / HTTP/1.1" 200 5 "-" "-" id "-" {path} 0 9 md5:{md5} \n'
V3 = HEAD + '[24/Nov/2026:02:31:22 +0000] "GET / HTTP/1.1" 200 5 - "{agent}" id - {path} 0 9.000000 md5:{md5}\n'
CORAZA = '192.0.2.7 198.51.100.2 - - [2026/11/24 02:43:51]\n "GET / "\n 200\nid - {path}\n'
MD5 = "0" * 32
LONG = 450_000


@pytest.fixture
def record(tmp_path: Path) -> Path:
    """The file of one transaction."""
    path = tmp_path / "concurrent" / NAME
    path.parent.mkdir(parents=True)
    path.write_text('{"transaction":{"client_ip":"192.0.2.1"}}')
    return path


def index(tmp_path: Path, text: str) -> Path:
    """An index beside the storage directory."""
    path = tmp_path / "index.log"
    path.write_text(text)
    return path


@pytest.mark.parametrize("line", [V2, V3, CORAZA])
@pytest.mark.parametrize("where", ["as written", "moved"])
def test_the_files_of_an_index_are_read(tmp_path: Path, record: Path, line: str, where: str) -> None:
    named = record if where == "as written" else Path("/var/log/audit") / NAME
    path = index(tmp_path, line.format(path=named, md5=MD5, agent="probe") * 2)

    assert is_index(path)
    assert read_index(path).files == (record,)
    check(str(path))
    assert [s.data for s in read_once(str(path), settled)] == [record.read_bytes()]


@pytest.mark.parametrize("where", ["as written", "moved"])
def test_the_files_of_an_index_that_were_compressed_since_then_are_read(
    tmp_path: Path, record: Path, where: str
) -> None:
    named = record if where == "as written" else Path("/var/log/audit") / NAME
    path = index(tmp_path, V3.format(path=named, md5=MD5, agent="probe"))
    data = record.read_bytes()
    packed = record.with_name(f"{record.name}.gz")
    packed.write_bytes(gzip.compress(data))
    record.unlink()

    assert (read_index(path).files, read_index(path).missing) == ((packed,), ())
    assert [s.data for s in read_once(str(path), settled)] == [data]


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
def test_an_index_that_was_rotated_and_compressed(tmp_path: Path, record: Path, pack: Callable[[bytes], bytes]) -> None:
    path = tmp_path / "index.log.1"
    path.write_bytes(pack(V3.format(path=record, md5=MD5, agent="probe").encode() * 3))

    assert is_index(path)
    assert [s.data for s in read_once(str(path), settled)] == [record.read_bytes()]
    path.write_bytes(path.read_bytes()[:-3])
    assert read_index(path).missing == ()
    record.unlink()
    path.write_bytes(pack(V3.format(path=record, md5=MD5, agent="probe").encode()))
    with pytest.raises(InputError, match="none of the files"):
        check(str(path))


def test_a_path_below_the_storage_directory(tmp_path: Path, record: Path) -> None:
    assert read_index(index(tmp_path, V2.format(path=f"/www-data/{NAME}", md5=MD5))).files == (record,)


@pytest.mark.parametrize("agent", ["/etc/passwd 0 9.000000 md5:" + MD5, '" x - /etc/passwd', "/etc/20261124/x"])
def test_what_a_client_sent_names_no_file(tmp_path: Path, record: Path, agent: str) -> None:
    found = read_index(index(tmp_path, V3.format(path=record, md5=MD5, agent=agent)))

    assert found.files == (record,)
    assert found.missing == ()


def test_a_path_that_is_no_record_is_not_followed(tmp_path: Path) -> None:
    path = index(tmp_path, V3.format(path="/etc/passwd", md5=MD5, agent=""))

    assert not is_index(path)


def test_files_that_are_not_there_are_named(tmp_path: Path, record: Path) -> None:
    gone = V3.format(path=f"/x/{NAME}9", md5=MD5, agent="")
    path = index(tmp_path, V3.format(path=record, md5=MD5, agent="") + gone)
    found = list(read_once(str(path), settled))

    assert [(s.name, s.damage) for s in found if s.damage] == [(f"/x/{NAME}9", "missing_file")]
    path.write_text(gone)
    with pytest.raises(InputError, match="none of the files"):
        check(str(path))


@pytest.mark.parametrize("line", [b"a" + b" /" * LONG, b"a - /x" + b" " * LONG + b"x", b"a" + b" /a 1 1" * LONG])
def test_a_long_line_of_an_index_is_read_from_its_end(tmp_path: Path, line: bytes) -> None:
    # In a time that grew as the square of it, this took hours.
    index = tmp_path / "index"
    index.write_bytes(line[:900_000] + b"\n" + b"b" + line[:900_000] + b"\n")
    assert not is_index(index)
    assert read_index(index).files == ()

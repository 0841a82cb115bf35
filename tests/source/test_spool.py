"""What is put into a spool is durable, bounded, handed on once, and leaves nothing behind."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from wafscope.errors import InputError
from wafscope.source import spool as spool_module
from wafscope.source.base import Chunk
from wafscope.source.segment import Frame, Head, segments
from wafscope.source.spool import Spool, SpoolFull
from wafscope.source.spool_feed import SpoolFeed

MOST = 1 << 20


def frame(payload: bytes, sensor: str = "web1", origin: str = "mlogc") -> Frame:
    return Frame(Head(sensor, origin, 1_794_960_000_000_000), payload)


def drain(feed: SpoolFeed, positions: dict[str, bytes], most: int = MOST) -> list[bytes]:
    """Take all there is, and commit each chunk."""
    found = []
    while chunks := list(feed.take(most)):
        for chunk in chunks:
            found += [stretch.data for stretch in chunk.stretches]
            positions[chunk.position.key] = chunk.position.state
            feed.committed(chunk.position)
    return found


def payloads(chunks: list[Chunk]) -> list[bytes]:
    return [stretch.data for chunk in chunks for stretch in chunk.stretches]


def test_frames_come_out_as_they_went_in_and_nothing_stays(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    for payload in (b"one", b"", b"three\n" * 1000):
        spool.append(frame(payload))
    feed = SpoolFeed(tmp_path, {})
    assert feed.lag > 6003
    [chunk] = feed.take(MOST)
    assert feed.lag == 0
    assert [s.data for s in chunk.stretches] == [b"one", b"", b"three\n" * 1000]
    assert {(s.source, s.written) for s in chunk.stretches} == {("receiver:web1", 1_794_960_000_000_000)}
    assert chunk.sensor == "web1"
    spool.close()
    feed.committed(chunk.position)
    assert segments(tmp_path) == []
    feed.close()


def test_a_segment_is_closed_soon_so_that_no_drained_record_rests(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool_module, "_REST", 0.05)
    spool = Spool(tmp_path)
    spool.append(frame(b"secret"))
    feed = SpoolFeed(tmp_path, {})
    assert drain(feed, {}) == [b"secret"]
    while segments(tmp_path):
        assert drain(feed, {}) == []
    spool.append(frame(b"next"))
    assert drain(feed, {}) == [b"next"]
    spool.close()
    feed.close()


def test_each_sensor_has_its_own_chunk_and_position(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    for number in range(6):
        spool.append(frame(str(number).encode(), sensor=f"web{number % 2}"))
    feed = SpoolFeed(tmp_path, {}, {"web1": "Europe/Berlin"})
    first, second = feed.take(MOST)
    assert [s.data for s in first.stretches] == [b"0", b"2", b"4"]
    assert (second.sensor, second.zone) == ("web1", "Europe/Berlin")
    spool.close()
    feed.committed(first.position)
    assert len(segments(tmp_path)) == 1
    feed.close()
    # The process ends after one of two chunks was committed.
    feed = SpoolFeed(tmp_path, {first.position.key: first.position.state})
    assert drain(feed, {}) == [b"1", b"3", b"5"]
    assert segments(tmp_path) == []
    feed.close()


def test_what_was_committed_but_not_deleted_is_not_given_again(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.append(frame(b"one"))
    [chunk] = SpoolFeed(tmp_path, {}).take(MOST)
    spool.append(frame(b"two"))
    spool.close()
    positions = {chunk.position.key: chunk.position.state}
    feed = SpoolFeed(tmp_path, positions)
    assert drain(feed, positions) == [b"two"]
    assert segments(tmp_path) == []
    # A later segment has the number of the first one again, but it is another one.
    spool = Spool(tmp_path)
    spool.append(frame(b"three"))
    spool.close()
    assert [number for number, _ in segments(tmp_path)] == [1]
    assert drain(SpoolFeed(tmp_path, positions), positions) == [b"three"]


def test_a_feed_gives_a_little_at_a_time_and_loses_no_chunk(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    for number in range(50):
        spool.append(frame(b"%02d" % number * 100, sensor=f"web{number % 3}"))
    feed = SpoolFeed(tmp_path, {})
    found = []
    while chunk := next(feed.take(1000), None):
        found += payloads([chunk])
        feed.committed(chunk.position)
    assert sorted(found) == [b"%02d" % number * 100 for number in range(50)]
    spool.close()
    list(feed.take(1))
    assert segments(tmp_path) == []


def test_a_torn_frame_at_the_end_is_left_out_wherever_it_is_torn(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "whole")
    spool.append(frame(b"kept"))
    size = segments(tmp_path / "whole")[0][1].stat().st_size
    spool.append(frame(b"torn" * 20))
    whole = segments(tmp_path / "whole")[0][1].read_bytes()
    spool.close()
    for length in range(len(whole)):
        directory = tmp_path / str(length)
        directory.mkdir()
        (directory / "000000000001.open").write_bytes(whole[:length])
        spool = Spool(directory)
        spool.append(frame(b"after"))
        spool.close()
        feed = SpoolFeed(directory, {})
        expected = [b"kept", b"after"] if length >= size else [b"after"]
        assert drain(feed, {}) == expected
        assert segments(directory) == []
        feed.close()


def test_damage_in_the_middle_costs_one_frame_and_is_told(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    for payload in (b"first", b"second", b"third"):
        spool.append(frame(payload))
    spool.close()
    [(_, path)] = segments(tmp_path)
    path.write_bytes(path.read_bytes().replace(b"second", b"sec\0nd"))
    chunks = list(SpoolFeed(tmp_path, {}).take(MOST))
    assert [data for data in payloads(chunks) if data] == [b"first", b"third"]
    assert [s.damage for chunk in chunks for s in chunk.stretches if s.damage] == ["damaged_spool"]


def test_bytes_of_a_record_never_pass_for_a_frame(tmp_path: Path) -> None:
    other = Spool(tmp_path / "other")
    other.append(frame(b"forged", sensor="admin"))
    other.close()
    forged = segments(tmp_path / "other")[0][1].read_bytes()
    spool = Spool(tmp_path / "spool")
    spool.append(frame(b"x" * 10 + forged + b"y" * 10))
    spool.append(frame(b"last"))
    spool.close()
    [(_, path)] = segments(tmp_path / "spool")
    path.write_bytes(path.read_bytes().replace(b"x" * 10, b"z" * 10))
    feed = SpoolFeed(tmp_path / "spool", {})
    assert [data for data in payloads(list(feed.take(MOST))) if data] == [b"last"]


def test_a_full_spool_refuses_until_it_is_drained(tmp_path: Path) -> None:
    spool = Spool(tmp_path, limit=64 << 10)
    futures = [spool.put(frame(b"x" * 2000)) for _ in range(100)]
    errors = [future.exception() for future in futures]
    stored = errors.count(None)
    assert all(isinstance(error, SpoolFull) for error in errors[stored:])
    assert 20 < stored < 33
    assert sum(path.stat().st_size for _, path in segments(tmp_path)) <= 64 << 10
    feed = SpoolFeed(tmp_path, {})
    assert len(drain(feed, {})) == stored
    spool.append(frame(b"again"))
    assert drain(feed, {}) == [b"again"]
    spool.close()


def test_a_disk_that_can_not_be_written_refuses_and_recovers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = Spool(tmp_path)
    spool.append(frame(b"before"))
    real = os.fdatasync

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fdatasync", full)
    for _ in range(5):
        with pytest.raises(SpoolFull):
            spool.append(frame(b"refused"))
    assert len(segments(tmp_path)) == 1
    monkeypatch.setattr(os, "fdatasync", real)
    spool.append(frame(b"after"))
    spool.close()
    assert drain(SpoolFeed(tmp_path, {}), {}) == [b"before", b"after"]


def test_frames_that_come_together_share_a_sync(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    count = 0
    real = os.fdatasync

    def counted(descriptor: int) -> None:
        nonlocal count
        count += 1
        real(descriptor)

    monkeypatch.setattr(os, "fdatasync", counted)
    spool = Spool(tmp_path)
    for future in [spool.put(frame(b"%d" % number)) for number in range(2000)]:
        future.result()
    spool.close()
    assert count < 1000
    assert len(drain(SpoolFeed(tmp_path, {}), {})) == 2000


def test_only_one_process_writes_a_spool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool_module, "_PATIENCE", 0.0)
    spool = Spool(tmp_path)
    with pytest.raises(InputError, match="can not be written"):
        Spool(tmp_path)
    spool.close()
    Spool(tmp_path).close()


def test_a_spool_whose_writer_is_gone_is_drained_to_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = Spool(tmp_path / "one")
    spool.append(frame(b"left"))
    (tmp_path / "two").mkdir()
    [(_, path)] = segments(tmp_path / "one")
    (tmp_path / "two" / path.name).write_bytes(path.read_bytes())
    spool.close()
    monkeypatch.setattr("wafscope.source.spool_feed._ABANDONED", 0.0)
    feed = SpoolFeed(tmp_path / "two", {})
    assert drain(feed, {}) == [b"left"]
    list(feed.take(MOST))
    assert segments(tmp_path / "two") == []

"""A writer of its own process: serial, native, error and several concurrent logs, rotated while it writes.

It stops when the file `stop` appears in its folder, and prints how many records and transactions it wrote.
"""

from __future__ import annotations

import gzip
import os
import random
import sys
import time
from pathlib import Path

SAMPLES = Path(__file__).parents[1] / "samples"
JSON = (SAMPLES / "gen-v3.0.15-json-serial.log").read_bytes().splitlines()[0]
JSON_ID = b"179548800992.746444"
NATIVE = (SAMPLES / "gen-v2-native-serial.log").read_bytes().partition(b"-Z--\n\n")[0] + b"-Z--\n\n"
NATIVE_ID, NATIVE_BOUNDARY = b"awT7FG9Um0DHgOjVCpUFYAAAAAA", b"12d61c36"
ERROR_ID = b"awT2Uv0GuWwdB4WSmh5ypgAAAAQ"
ERROR = b"".join(
    line for line in (SAMPLES / "gen-errorlog-apache-v2.log").read_bytes().splitlines(keepends=True) if ERROR_ID in line
)
TREES = ("delete", "keep", "archive")
"""Directories of concurrent logs, named by what becomes of their files."""


def json_record(number: int) -> bytes:
    """A record of libmodsecurity that no other number has."""
    return JSON.replace(JSON_ID, b"1795488%05d.%06d" % (number // 1_000_000, number % 1_000_000)) + b"\n"


def native_record(number: int) -> bytes:
    """A native record of ModSecurity 2 that no other number has."""
    return NATIVE.replace(NATIVE_BOUNDARY, b"%08x" % number).replace(NATIVE_ID, b"awT7FG9Um0DHgOjVCp%09d" % number)


def error_lines(number: int) -> list[bytes]:
    """The lines of a transaction in an error log."""
    return ERROR.replace(ERROR_ID, b"awT2Uv0GuWwdB4WSmh%09d" % number).splitlines(keepends=True)


class Log:
    """A log that is rotated by renaming; every other old one is compressed."""

    def __init__(self, path: Path, each: int) -> None:
        self.path = path
        self.each = each
        self.written = self.rotated = 0
        self.file = path.open("ab", buffering=0)

    def write(self, data: bytes, chance: random.Random) -> None:
        if chance.random() < 0.05:
            # A record may be seen half written.
            self.file.write(data[: len(data) // 2])
            time.sleep(0.003)
            self.file.write(data[len(data) // 2 :])
        else:
            self.file.write(data)
        self.written += 1
        if self.each and self.written % self.each == 0:
            self._rotate()

    def _rotate(self) -> None:
        self.rotated += 1
        old = self.path.with_name(f"{self.path.name}.{self.rotated}")
        self.file.close()
        self.path.rename(old)
        self.file = self.path.open("ab", buffering=0)
        before = self.path.with_name(f"{self.path.name}.{self.rotated - 1}")
        if self.rotated % 2 and before.exists():
            packed = before.with_name(f"{before.name}.gz")
            with gzip.open(packed, "wb") as file:
                file.write(before.read_bytes())
            os.utime(packed, ns=(before.stat().st_mtime_ns,) * 2)
            before.unlink()


def main(folder: Path, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - the same each time
    serial, native = Log(folder / "modsec_audit.log", 300), Log(folder / "native_audit.log", 170)
    errors = Log(folder / "error.log", 0)
    number = 0
    while not (folder / "stop").exists():
        for _ in range(chance.randrange(1, 12)):
            number += 1
            serial.write(json_record(number), chance)
            native.write(native_record(number), chance)
            for times, tree in enumerate(TREES, 1):
                minute = folder / tree / time.strftime("%Y%m%d") / time.strftime("%Y%m%d-%H%M")
                minute.mkdir(parents=True, exist_ok=True)
                file = Log(minute / f"{time.strftime('%Y%m%d-%H%M%S')}-{number:09d}", 0)
                file.write(json_record(times * 100_000_000 + number), chance)
                file.file.close()
        for line in error_lines(number):
            errors.write(line, chance)
        # Ever more slowly: where the machine is slow, so is whoever reads all that.
        time.sleep(chance.random() * 0.15 * (1 + number / 1000))
    for log in (serial, native, errors):
        log.file.close()
    transactions = errors.written // ERROR.count(b"\n")
    print((2 + len(TREES)) * number + transactions, serial.rotated, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))

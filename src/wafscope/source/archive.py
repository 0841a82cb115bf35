"""Archives of files that were read: one for each day, of tar in zstd, which grows by a frame at a time.

Nothing is lost and nothing stands in it twice: a frame is durable before its files are removed, and when a file is
found again after a crash, it is looked up in the archive first.
"""

from __future__ import annotations

import io
import os
import re
import tarfile
from collections import defaultdict
from pathlib import Path
from typing import BinaryIO

import zstandard

from wafscope.source.spool import sync_directory

_DAY = re.compile(r"(?:^|/)(\d{8})/")
_PIECE = 1 << 20

_Entry = tuple[str, int, int]
"""Name, size and time of a file."""


class Archive:
    """The archives of one storage directory."""

    def __init__(self, folder: Path, root: str) -> None:
        self._folder = folder
        self._root = root
        self._held: dict[str, set[_Entry]] = {}
        """What stood in an archive before this process wrote to it."""

    def add(self, paths: list[str]) -> None:
        """Put files into the archives of their days; they are safe when this returns.  Raises OSError."""
        days: dict[str, list[str]] = defaultdict(list)
        for path in paths:
            name = os.path.relpath(path, self._root)
            match = _DAY.search(name)
            days[match[1] if match else "other"].append(name)
        for day, names in days.items():
            self._append(self._folder / f"{day}.tar.zst", names)

    def _append(self, archive: Path, names: list[str]) -> None:
        if archive.name not in self._held:
            archive.parent.mkdir(parents=True, exist_ok=True)
            self._held[archive.name] = _mend(archive)
        held = self._held[archive.name]
        packed = io.BytesIO()
        # Without a last block of zeros, one frame goes on where the one before ended.
        tar = tarfile.TarFile(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT)
        for name in names:
            with open(os.path.join(self._root, name), "rb") as file:
                info = tar.gettarinfo(arcname=name, fileobj=file)
                if (name, info.size, int(info.mtime)) not in held:
                    tar.addfile(info, file)
        if not packed.tell():
            return
        is_new = not archive.exists()
        size = archive.stat().st_size if not is_new else 0
        try:
            with archive.open("ab") as file:
                file.write(zstandard.compress(packed.getvalue()))
                file.flush()
                os.fsync(file.fileno())
        except OSError:
            # On a full disk half a frame would stand in the way of the next one.
            os.truncate(archive, size)
            raise
        if is_new:
            sync_directory(archive.parent)


def _mend(archive: Path) -> set[_Entry]:
    """Cut off a frame that was not written to its end, and return what stands in the others."""
    held: set[_Entry] = set()
    if not archive.exists():
        return held
    whole = 0
    with archive.open("rb") as file:
        while True:
            frame = _frame(file, whole)
            if frame is None:
                break
            data, whole = frame
            with tarfile.open(fileobj=io.BytesIO(data)) as tar:
                held.update((each.name, each.size, int(each.mtime)) for each in tar)
    if archive.stat().st_size != whole:
        os.truncate(archive, whole)
    return held


def _frame(file: BinaryIO, start: int) -> tuple[bytes, int] | None:
    """The content of the frame that begins at `start`, and where it ends; None where there is no whole one."""
    file.seek(start)
    unpacker = zstandard.ZstdDecompressor().decompressobj()
    parts, read = [], 0
    while not unpacker.eof:
        data = file.read(_PIECE)
        if not data:
            return None
        read += len(data)
        try:
            parts.append(unpacker.decompress(data))
        except zstandard.ZstdError:
            return None
    return b"".join(parts), start + read - len(unpacker.unused_data)

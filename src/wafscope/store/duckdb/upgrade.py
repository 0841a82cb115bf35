"""Steps from one version of the schema to the next.

To change the schema, change it in `schema.py`, add one to `VERSION` there, and put a function in `steps.py` that brings
a store of the version before to the new one, whatever it holds; name it at the end of `STEPS`.  A step is about two
versions that do not change any more: its statements are written out, and it imports nothing from `schema.py`, which
goes on.  It runs in a transaction of its own, in a copy of the store.  The tests open a store of each earlier version
(`tests/store/kept/`), compare its tables with those of a new store, the order of their columns too, and ask it what it
was asked when it was made.  Keep one of each version that is released: `python -m tests.store.keep`.

The store as it was stays beside the new one, as its backup; see docs/adr/0012-a-store-for-years.md.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import structlog
from duckdb import DuckDBPyConnection

from wafscope.errors import StoreError
from wafscope.i18n.text import text
from wafscope.store.duckdb import rewrite, steps
from wafscope.store.duckdb.schema import VERSION

_log = structlog.get_logger(__name__)

Step = Callable[[DuckDBPyConnection], None]

STEPS: tuple[Step, ...] = (steps.split, steps.retention)
"""The first leads from version 1 to 2, and so on.  Tables are named without their database."""

_OLD, _NEW = "old", "new"
_SET = "UPDATE meta SET value = ? WHERE name = 'version'"
_GET = "SELECT value FROM {name}.meta WHERE name = 'version'"


def upgrade(path: Path, root: DuckDBPyConnection) -> Path | None:
    """Bring the store at `path` to the version of this program; return the backup, the store as it was.

    `root` is a connection that may touch files, and has none attached.  None where nothing was to be done: another
    process was quicker.  Raises StoreError and duckdb.Error, and then the store is as it was.
    """
    rewrite.attach(root, path, _OLD)
    version = int(root.execute(_GET.format(name=_OLD)).fetchall()[0][0])
    if version >= VERSION:
        return None
    _log.warning("the store is brought to a new schema", store=str(path), found=version, wanted=VERSION)
    root.execute(f"FORCE CHECKPOINT {_OLD}")
    rewrite.check_room(path, rewrite.used(root, _OLD) * 2)
    new = rewrite.copy_name(path)
    rewrite.copy(root, _OLD, new, _NEW)
    root.execute(f"USE {_NEW}")
    for number, step in enumerate(STEPS[version - 1 :], version + 1):
        root.execute("BEGIN")
        step(root)
        root.execute(_SET, [str(number).encode()])
        root.execute("COMMIT")
    root.execute("USE memory")
    root.execute(f"DETACH {_NEW}")
    # The old file is still attached, and so locked, until the new one has its name.
    backup = _keep(path, version)
    rewrite.take_place(new, path)
    _log.warning("the store has a new schema; the one before is kept", store=str(path), backup=str(backup))
    return backup


def needed(path: Path | None, version: int) -> StoreError:
    """What is said of an older store that is to be read only."""
    return StoreError(
        text("The store has schema version {found}, this program needs {known}.", found=version, known=VERSION),
        where=str(path),
        hint=text(
            "Bring it up to date with “wafscope store upgrade --store {file}”, which keeps a backup, or start the"
            " service.",
            file=str(path),
        ),
    )


def _keep(path: Path, version: int) -> Path:
    """Give the store as it is a second name; it costs no room until the store is another file."""
    if Path(f"{path}.wal").exists():
        raise StoreError(text("The store could not be written: {reason}", reason="WAL"), where=str(path))
    for number in range(1, 1000):
        backup = path.with_name(f"{path.name}.schema-{version}" + (f".{number}" if number > 1 else ""))
        try:
            os.link(path, backup)
        except FileExistsError:
            # It has been given already, by one who was ended then.
            if backup.samefile(path):
                return backup
            continue
        except OSError:
            shutil.copy2(path, backup)
        return backup
    raise StoreError(text("There are too many backups beside the store."), where=str(path))

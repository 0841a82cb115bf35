"""A backup that takes the place of a store, which no process may have open."""

from __future__ import annotations

import os
import shutil
from contextlib import closing, suppress
from pathlib import Path

import duckdb

from wafscope.errors import StoreError, StoreHeld
from wafscope.i18n.text import text
from wafscope.store.duckdb import rewrite
from wafscope.store.duckdb.connection import newer, opening_failed
from wafscope.store.duckdb.schema import VERSION
from wafscope.store.lasting import BackedUp

_WRITTEN = text("Name the file that “wafscope store backup” has written.")


def restore(source: Path, path: Path, *, force: bool) -> BackedUp:
    """Put the store in the file `source` at `path`; what is there already stays unless `force`.  Raises StoreError."""
    try:
        is_there, is_taken = source.exists(), path.exists()
    except OSError as error:
        raise _not_put(error, Path(error.filename or path)) from error
    if not is_there:
        raise StoreError(text("There is no backup here."), where=str(source), hint=_WRITTEN)
    if is_taken and not force:
        raise StoreError(
            text("There is a store already."),
            where=str(path),
            hint=text("Choose another --store, or replace it with --force: what it holds is lost then."),
        )
    # One of an earlier schema is a store, too: it is upgraded when it is opened where it comes to be.
    with closing(duckdb.connect(":memory:")) as root:
        try:
            rewrite.attach(root, source, "source", read_only=True)
            events = root.execute("SELECT count(*) FROM source.event").fetchall()[0][0]
            found = dict(root.execute("SELECT name, value FROM source.meta").fetchall())
            version = int(found["version"])
        except (duckdb.Error, KeyError, ValueError) as error:
            raise StoreError(
                text("This is no backup of a store of Wafscope: {reason}", reason=str(error)),
                where=str(source),
                hint=_WRITTEN,
            ) from error
    if version > VERSION:
        raise newer(version, source)
    new = rewrite.copy_name(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        rewrite.clear(new)
        rewrite.check_room(path, source.stat().st_size)
        try:
            shutil.copyfile(source, new)
            if path.exists():
                _close_old(path)
                rewrite.take_place(new, path)
            else:
                shutil.copymode(source, new)
                _give_away(new, path.parent)
                rewrite.settle(new)
                new.replace(path)
                rewrite.settle(path)
        finally:
            rewrite.clear(new)
    except OSError as error:
        raise _not_put(error, path) from error
    return BackedUp(str(path), path.stat().st_size, events, 0.0)


def _not_put(error: OSError, path: Path) -> StoreError:
    reason = error.strerror or str(error)
    return StoreError(
        text("The backup could not be put there: {reason}", reason=reason),
        where=str(path),
        hint=text("Is there room, and may you write there?"),
    )


def _give_away(new: Path, folder: Path) -> None:
    """Let a file belong to whom its folder belongs to: root restores what a service with a user of its own opens."""
    owner = folder.stat()
    with suppress(PermissionError):
        os.chown(new, owner.st_uid, owner.st_gid)


def _close_old(path: Path) -> None:
    """Make sure that no process has the old store open, and that no log (WAL) of it is left."""
    with closing(duckdb.connect(":memory:")) as root:
        try:
            rewrite.attach(root, path, "old")
            root.execute("DETACH old")
        except duckdb.Error as error:
            failed = opening_failed(error, path)
            if isinstance(failed, StoreHeld):
                raise failed from error
            # Whatever is wrong with it, it is to be replaced.
    Path(f"{path}.wal").unlink(missing_ok=True)

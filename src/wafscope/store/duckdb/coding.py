"""Numbers for the rows of `setting` and `wording`, to which events and matches point.

Two rows may say the same: what was numbered long ago is not remembered for ever, and a client can make new rows with
every request.  So nothing may rely on a row being there once only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import pyarrow as pa
from duckdb import DuckDBPyConnection

from wafscope.store.duckdb.batch import batch
from wafscope.store.duckdb.encode import packed
from wafscope.store.duckdb.schema import SETTING_SCHEMA, WORDING_SCHEMA

_MOST = 1 << 14
"""So many rows of each table are remembered."""

_unpack = msgspec.msgpack.Decoder(list[Any]).decode


class Codes:
    """The numbers of a table's rows, from transaction to transaction."""

    def __init__(self, table: str, schema: pa.Schema) -> None:
        self._table, self._schema = table, schema
        self._known: dict[bytes, int] | None = None
        self._new: dict[bytes, int] = {}
        self._unwritten: dict[bytes, int] = {}
        self._next = 0

    def begin(self, cursor: DuckDBPyConnection) -> None:
        """Begin a transaction; what one before numbered that failed is forgotten."""
        if self._known is None:
            names = ", ".join(f'"{name}"' for name in self._schema.names)
            rows = cursor.execute(f"SELECT {names} FROM {self._table} ORDER BY id DESC LIMIT {_MOST // 2}").fetchall()
            self._known = {packed(row[1:], self._schema.names[1:]): row[0] for row in reversed(rows)}
        self._new, self._unwritten = {}, {}
        self._next = cursor.execute(f"SELECT coalesce(max(id), -1) + 1 FROM {self._table}").fetchall()[0][0]

    def numbers(self, rows: Sequence[bytes]) -> pa.Array:
        """Return the numbers of some rows."""
        return pa.array([self._number(row) for row in rows], pa.int32())

    def _number(self, row: bytes) -> int:
        number = (self._known or {}).get(row)
        if number is None:
            number = self._new.get(row)
        if number is None:
            number = self._new[row] = self._unwritten[row] = self._next
            self._next += 1
        return number

    def write(self, cursor: DuckDBPyConnection) -> None:
        """Write the rows that are new."""
        if not self._unwritten:
            return
        columns = zip(*map(_unpack, self._unwritten), strict=True)
        kinds = [field.type for field in self._schema]
        arrays = [
            pa.array(values, kind) for values, kind in zip([self._unwritten.values(), *columns], kinds, strict=True)
        ]
        with batch(cursor, "batch_code", self._schema, [pa.RecordBatch.from_arrays(arrays, schema=self._schema)]):
            cursor.execute(f"INSERT INTO {self._table} FROM batch_code")
        self._unwritten = {}

    def keep(self) -> None:
        """Remember what was numbered: it is committed."""
        known = self._known or {}
        known |= self._new
        if len(known) > _MOST:
            known = dict(list(known.items())[-_MOST // 2 :])
        self._known, self._new = known, {}

    def forget(self) -> None:
        """Forget all: the table was changed in another way."""
        self._known = None


class Coding:
    """The numbers of both tables."""

    def __init__(self) -> None:
        self.settings = Codes("setting", SETTING_SCHEMA)
        self.wordings = Codes("wording", WORDING_SCHEMA)
        self._both = (self.settings, self.wordings)

    def begin(self, cursor: DuckDBPyConnection) -> None:
        """Begin a transaction."""
        for codes in self._both:
            codes.begin(cursor)

    def write(self, cursor: DuckDBPyConnection) -> None:
        """Write the rows that are new."""
        for codes in self._both:
            codes.write(cursor)

    def keep(self) -> None:
        """Remember what was numbered: it is committed."""
        for codes in self._both:
            codes.keep()

    def forget(self) -> None:
        """Forget all: the tables were changed in another way, or another file is open."""
        for codes in self._both:
            codes.forget()


def sweep(cursor: DuckDBPyConnection) -> None:
    """Delete rows that nothing points to any more; `Coding.forget` comes after it."""
    cursor.execute("DELETE FROM setting WHERE id NOT IN (SELECT setting_id FROM event WHERE setting_id IS NOT NULL)")
    cursor.execute("DELETE FROM wording WHERE id NOT IN (SELECT wording_id FROM match WHERE wording_id IS NOT NULL)")

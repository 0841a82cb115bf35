"""Rows of Arrow that one statement reads as a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pyarrow as pa
from duckdb import DuckDBPyConnection


@contextmanager
def batch(
    cursor: DuckDBPyConnection, name: str, schema: pa.Schema, batches: Sequence[pa.RecordBatch]
) -> Iterator[None]:
    """Let one statement read some batches as a table.

    A stream of batches, not a table of Arrow: for that, DuckDB loads a part of pyarrow that takes 0.1 s.
    """
    cursor.register(name, pa.RecordBatchReader.from_batches(schema, batches))
    try:
        yield
    finally:
        cursor.unregister(name)

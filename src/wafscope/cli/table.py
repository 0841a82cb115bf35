"""Tables on standard output."""

from __future__ import annotations

import os
import sys

from rich.console import Console
from rich.table import Table

_LONGEST_LINE = 100_000


def print_table(table: Table) -> None:
    """Print a table: in a file or a pipe a row is a line, however long, so that others can search in it."""
    is_seen = sys.stdout is not None and sys.stdout.isatty()
    Console(highlight=False, width=None if is_seen or "COLUMNS" in os.environ else _LONGEST_LINE).print(table)

"""Events whose records were not kept, from the columns that were (`event/outline.py`)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from wafscope.event.model import Event
from wafscope.event.outline import EVENT, MATCH, event_of, match_of
from wafscope.store.duckdb.compile import Sql
from wafscope.store.duckdb.schema import WORD_COLUMNS

_COLUMNS = ", ".join("epoch_us(time)" if name == "time" else f'"{name}"' for name in EVENT)
_EVENT = f"SELECT {_COLUMNS} FROM event LEFT JOIN setting ON setting.id = setting_id WHERE seq = ?"
_OWN = f"SELECT {', '.join(WORD_COLUMNS)} FROM own_word WHERE event = ?"
_NAMES = ", ".join(f'"{name}"' for name in MATCH)
# They were written in their order, and only the newest rows are ever written anew.
_MATCHES = (
    f"SELECT {_NAMES} FROM match LEFT JOIN wording ON wording.id = wording_id WHERE event = ? ORDER BY match.rowid"
)

_YES = {"yes": True, "no": False}

Ask = Callable[[Sql], list[tuple[Any, ...]]]


def read(ask_store: Ask, seq: int, *, is_joined: bool) -> Event:
    """Return the event of a number; of one that is `is_joined`, as it was before."""
    (row,) = ask_store(Sql(_EVENT, (seq,)))
    columns = dict(zip(EVENT, row, strict=True))
    if is_joined:
        (own,) = ask_store(Sql(_OWN, (seq,)))
        columns |= dict(zip(WORD_COLUMNS, own, strict=True))
    columns["interrupted"] = _YES.get(columns["interrupted"])
    matches = [match_of(_there(MATCH, row)) for row in ask_store(Sql(_MATCHES, (seq,)))]
    return event_of(_there(EVENT, columns.values()), matches)


def _there(names: Sequence[str], values: Any) -> dict[str, Any]:
    """Columns that are not missing; lists become tuples."""
    found = zip(names, values, strict=True)
    return {name: tuple(value) if isinstance(value, list) else value for name, value in found if value is not None}

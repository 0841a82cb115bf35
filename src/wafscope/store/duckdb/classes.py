"""The class of a rule, which no column holds, as SQL over what tells it: see `event/rule.py`.

The number of a rule of CRS 3 and 4 tells it, but for the numbers that CRS 2 has for something else; of all other rules
what they say of themselves does, which is in `wording`.  All names and numbers here are constants of this program.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from wafscope.event.rule import (
    BOOKKEEPING_FILES,
    BOOKKEEPING_IDS,
    CLASS_OF_CRS2_FILE,
    CLASS_OF_CRS2_ID,
    CLASS_OF_CRS2_TAG,
    CLASS_OF_FILE,
    CLASS_OF_TAG,
    CRS2_FILE,
    CRS2_VERSION,
    NO_BOOKKEEPING,
    REUSED,
)

_CERTAIN = {file: name for file, name in CLASS_OF_FILE.items() if 1000 * file not in REUSED}
_REUSED = f"BETWEEN {REUSED.start} AND {REUSED.stop - 1}"


def bookkeeping(column: str) -> str:
    """The condition that a rule id is one of a bookkeeping rule."""
    files, ids = (_list(numbers) for numbers in (BOOKKEEPING_FILES, BOOKKEEPING_IDS))
    none = "".join(f" AND NOT {column} BETWEEN {first} AND {last}" for first, last in NO_BOOKKEEPING)
    return f"(({column} // 1000 IN ({files}){none}) OR {column} IN ({ids}))"


def by_file(column: str) -> str:
    """The class of the rules of a file of the CRS, as the thousands of their ids; NULL where these do not tell."""
    return f"CASE {column} {_cases(_CERTAIN)} END"


def files_of(names: Collection[str]) -> str:
    """The files whose rules have one of these classes."""
    return _list(file for file, name in _CERTAIN.items() if name in names)


def _list(numbers: Iterable[int]) -> str:
    return ", ".join(map(str, sorted(numbers)))


def _cases(names: Mapping[int, str] | Mapping[str, str]) -> str:
    return " ".join(f"WHEN {key!r} THEN '{name}'" for key, name in names.items())


def _first(column: str, found: str) -> str:
    """What the first of the items of a list that tells something tells."""
    return f"list_filter(list_transform({column}, lambda item: {found}), lambda item: item IS NOT NULL)[1]"


_FILE = CRS2_FILE.pattern.replace(r"\Z", r"\z")
_IS_CRS2 = (
    f"CASE WHEN version <> '' THEN starts_with(version, '{CRS2_VERSION}')"
    f" ELSE coalesce(regexp_matches(file, '{_FILE}'), false) END"
)
_BY_TAGS = _first("tags", f"CASE item {_cases(CLASS_OF_TAG)} END")
_BY_CRS2_TAGS = _first(
    "tags",
    "CASE "
    + " ".join(
        f"WHEN starts_with(item, '{start}') OR starts_with(item, 'OWASP_CRS/{start}') THEN '{name}'"
        for start, name in CLASS_OF_CRS2_TAG
    )
    + " END",
)
_BY_CRS2_FILE = f"CASE regexp_extract(file, '{_FILE}', 1) {_cases(CLASS_OF_CRS2_FILE)} END"

ROWS = (
    f"match JOIN (SELECT id, {_IS_CRS2} AS crs2, coalesce({_BY_TAGS}, {_BY_CRS2_TAGS}) AS tagged,"
    f" {_BY_CRS2_FILE} AS filed FROM wording) ON wording_id = id"
)
"""The rows of `match` with what their wording tells, which is worked out once for each wording."""

OF_MATCH = (
    f"CASE WHEN NOT bookkeeping THEN coalesce({by_file('rule_id // 1000')},"
    f" CASE WHEN rule_id {_REUSED} AND NOT crs2 THEN CASE rule_id // 1000 {_cases(CLASS_OF_FILE)} END END,"
    f" CASE WHEN crs2 THEN CASE rule_id {_cases(CLASS_OF_CRS2_ID)} END END,"
    " tagged, CASE WHEN crs2 THEN filed END, 'other') END"
)
"""The class of the rule of one of `ROWS`; NULL for a bookkeeping rule."""

_IS_OWN = f"rule_id // 1000 NOT IN ({_list(_CERTAIN)}) AND NOT {bookkeeping('rule_id')}"
OWN = f"rule_id IN (SELECT rule_id FROM rule WHERE {_IS_OWN})", "rule_id IS NULL"
"""Conditions, one of which holds for the `rule_id` of a match, or in an event, that does not tell the class; the first
one holds for such a row of `rule`, too."""

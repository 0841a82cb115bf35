"""What every reader concludes from a record in the same way."""

from __future__ import annotations

import re
from functools import lru_cache

from wafscope.event.model import Headers, InterruptedSource, ZoneSource

_HOT = {"host": 0, "user-agent": 1, "referer": 2, "content-type": 3}
_ALPHA = "request_headers:"  # before names in the alpha versions (ModSecurity-nginx issue 27)
_AUTHORITY = re.compile(r"https?://[^/?#]*", re.IGNORECASE)


def hot(headers: Headers) -> tuple[str | None, ...]:
    """Return Host, User-Agent, Referer and Content-Type: the first of each, in any case."""
    found: list[str | None] = [None, None, None, None]
    for name, value in headers:
        place = _PLACES[name]
        if place is not None and found[place] is None:
            found[place] = value
    return tuple(found)


COLD: tuple[str | None, ...] = (None, None, None, None)
"""What `hot` returns where there is none of them."""


def hot_names(names: tuple[str, ...]) -> tuple[str | None, ...]:
    """Return which of the `names` of headers are those whose values `hot` returns."""
    return hot(tuple([(name, name) for name in names]))


class _Places(dict[str, int | None]):
    """Where the value of a header goes; a spelling is looked at once."""

    def __missing__(self, name: str) -> int | None:
        place = _HOT.get(name.lower().removeprefix(_ALPHA))
        if len(self) < _MOST_NAMES:
            self[name] = place
        return place


_MOST_NAMES = 4096
_PLACES = _Places()


def date_of(headers: Headers | None) -> str | None:
    """Return the Date header of a response; None without one."""
    for name, value in headers or ():
        if name in {"Date", "date"}:
            return value
    return None


def split_uri(uri: str) -> tuple[str, str | None]:
    """Split a request target into path and query; an absolute one (HAProxy) loses scheme and authority."""
    path, mark, query = uri.partition("?")
    if path[:1] != "/" and path[:4].lower() == "http":
        path = _AUTHORITY.sub("", path, count=1)
    return path, query if mark else None


@lru_cache(maxsize=1024)
def gaps_of(
    no_headers: bool,  # noqa: FBT001 - facts of one record, named by their order everywhere
    no_body: bool,  # noqa: FBT001
    no_messages: bool,  # noqa: FBT001
    interrupted_source: InterruptedSource,
    zone_source: ZoneSource,
    more: tuple[str, ...] = (),
) -> tuple[str, ...]:
    """Return what a record cannot tell, by name; `more` are gaps that only its format has."""
    missing = {
        "no_headers": no_headers,
        "no_body": no_body,
        "no_messages": no_messages,
        "no_blocked_flag": interrupted_source in {"inferred", ""},
        "zone_assumed": zone_source == "assumed",
    }
    return (*(gap for gap, is_missing in missing.items() if is_missing), *more)

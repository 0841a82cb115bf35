"""Many records of libmodsecurity 3 JSON at once: each as `modsecurity_json.read_fast` reads it, in fewer steps.

What is done for every record costs little where one call does it for all of them, column by column; and columns are
what a store wants.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import repeat
from typing import Any, cast

import msgspec

from wafscope.event.model import Event, Headers, Match, ZoneSource
from wafscope.event.text import require_utf8
from wafscope.reader.base import Context
from wafscope.reader.facts import COLD, gaps_of, hot, split_uri
from wafscope.reader.header_pairs import pairs_of
from wafscope.reader.modsecurity_json import (
    NOTHING,
    decode,
    hot_in,
    maker_in,
    messages_in,
    response_pairs_in,
    version_in,
)
from wafscope.reader.modsecurity_record import (
    FORMAT,
    UNKNOWN_MAKER,
    Request,
    Transaction,
    decide_of,
    moment_of,
    untold_of,
)
from wafscope.reader.timestamps import SECOND, are_ids, proved_by
from wafscope.reader.verdict import Score, action_of

Columns = dict[str, Sequence[Any]]
"""Values of attributes of `Event`, by name."""

_astuple = msgspec.structs.astuple
_DEFAULTS = [(field.name, field.default) for field in msgspec.structs.fields(Event)]


def read_together(lines: Sequence[bytes], context: Context) -> tuple[list[int], Columns]:
    """Read some records; return the places of those that could be read so, and the columns of their events.

    The others are odd, or stand beside one that is odd inside: they are to be read one by one.
    """
    places: list[int] = []
    transactions: list[Transaction[msgspec.Raw]] = []
    for place, line in enumerate(lines):
        try:
            require_utf8(line)
            transactions.append(decode(line).transaction)
        except (ValueError, RecursionError):
            continue
        places.append(place)
    if not places:
        return [], {}
    taken = lines if len(places) == len(lines) else [lines[place] for place in places]
    try:
        columns = _columns(taken, transactions, context)
    except (ValueError, RecursionError):
        return [], {}
    return places, {name: columns.get(name) or (default,) * len(places) for name, default in _DEFAULTS}


def _columns(lines: Sequence[bytes], transactions: Sequence[Transaction[msgspec.Raw]], context: Context) -> Columns:
    """Return what the records say; raises ValueError where one can not be read, or only in another way."""
    (
        client_addresses, times, server_ids, client_ports, server_addresses, server_ports, ids, _, flags,
        requests, responses, producers, messages,
    ) = zip(*map(_astuple, transactions), strict=True)  # fmt: skip
    if not all(ids):
        raise ValueError("unique_id")  # of another version, or no record at all
    asked = _of_requests(requests, context)
    answers, statuses, headers = zip(*map(_astuple, responses), strict=True)
    pairs: list[Headers | None] = _read(response_pairs_in, headers, None)
    seconds, zone_sources, untold = _proved(times, ids) or _moments(times, ids, pairs, context)
    makers = zip(*map(_astuple, _read_alike(maker_in, producers, UNKNOWN_MAKER)), strict=True)
    engines, engine_versions, connectors, modes, rulesets = makers
    found = _read(messages_in, messages, NOTHING)
    matches: list[tuple[Match, ...] | None] = [each for each, _ in found]
    interrupted, interrupted_sources, outcomes = zip(*map(decide_of, flags, modes, statuses, matches), strict=True)
    gaps = map(
        gaps_of,
        [each.headers is None for each in requests],
        [each.body is None for each in requests],
        [each is None for each in matches],
        interrupted_sources,
        zone_sources,
        untold,
    )
    return {
        "raw": lines,
        "format": (FORMAT,) * len(lines),
        "gaps": list(gaps),
        "time": [second * SECOND for second in seconds],
        "time_original": times,
        "zone_source": zone_sources,
        "transaction_id": ids,
        "client_address": client_addresses,
        "client_port": client_ports,
        "server_address": server_addresses,
        "server_port": server_ports,
        "server_id": server_ids,
        "status": statuses,
        "response_headers": [each or () for each in pairs] if context.whole else (),
        "response_body": answers,
        "engine": engines,
        "engine_version": engine_versions,
        "connector": connectors,
        "engine_mode": modes,
        "rulesets": rulesets,
        "matches": [each or () for each in matches],
        "interrupted": interrupted,
        "interrupted_source": interrupted_sources,
        "action": [action_of("", each) for each in interrupted],
        "outcome": outcomes,
        **asked,
        **_scores([score for _, score in found]),
    }


def _of_requests(requests: Sequence[Request[msgspec.Raw]], context: Context) -> Columns:
    """Return the columns of what was asked by their names in an event."""
    methods, protocols, versions, hostnames, uris, bodies, headers = zip(*map(_astuple, requests), strict=True)
    pairs: Sequence[Headers] = [each or () for each in _read(pairs_of, headers, None)] if context.whole else ()
    known = map(hot, pairs) if context.whole else _read(hot_in, headers, COLD)
    hosts, user_agents, referers, content_types = zip(*known, strict=True)
    paths, queries = zip(*map(split_uri, uris), strict=True)
    return {
        "server_name": hostnames,
        "host": hosts,
        "method": [method or protocol for method, protocol in zip(methods, protocols, strict=True)],
        "protocol": _read_alike(version_in, versions, ""),
        "uri": uris,
        "path": paths,
        "query": queries,
        "request_headers": pairs,
        "request_body": bodies,
        "user_agent": user_agents,
        "referer": referers,
        "content_type": content_types,
    }


def _read(read: Callable[[bytes], Any], values: Iterable[msgspec.Raw | None], absent: Any) -> list[Any]:
    """Read parts of records from their bytes; `absent` stands for one that is not there."""
    return [absent if value is None else read(bytes(value)) for value in values]


def _read_alike(read: Callable[[bytes], Any], values: Iterable[msgspec.Raw | None], absent: Any) -> list[Any]:
    """Do the same where mostly all are the same."""
    parts = [b"" if value is None else bytes(value) for value in values]
    if parts.count(parts[0]) == len(parts):
        return [read(parts[0]) if parts[0] else absent] * len(parts)
    return [read(part) if part else absent for part in parts]


_Moments = tuple[Sequence[int], Sequence[ZoneSource], Iterable[tuple[str, ...]]]
"""The second of each record, how its zone is known, and the gap of one whose time is none."""


def _proved(times: Sequence[str], ids: Sequence[str]) -> _Moments | None:
    """Return the moments of records whose ids prove the zones of all of them; else None."""
    if not are_ids(ids):
        return None
    seconds = [proved_by(time, each[:10]) for time, each in zip(times, ids, strict=True)]
    sources: list[ZoneSource] = ["unique_id"]
    return None if None in seconds else (cast("list[int]", seconds), sources * len(ids), repeat(()))


def _moments(times: Sequence[str], ids: Sequence[str], headers: Sequence[Headers | None], context: Context) -> _Moments:
    found = [moment_of(*each, context) for each in zip(times, ids, headers, strict=True)]
    sources = [source for _, source in found]
    return [second for second, _ in found], sources, map(untold_of, times, sources)


def _scores(scores: Sequence[Score]) -> Columns:
    """Return the columns of some scores by the names that they have in an event."""
    columns = zip(*map(_astuple, scores), strict=True)
    return dict(
        zip(("score", "score_source", "score_outbound", "threshold", "points", "attack_class"), columns, strict=True)
    )

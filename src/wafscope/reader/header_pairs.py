"""Headers of a JSON record: the members of an object of texts in order, repeated names and all."""

from __future__ import annotations

import json

import msgspec

from wafscope.event.model import Headers

_decode = msgspec.json.Decoder(dict[str, str]).decode


def pairs_of(data: bytes) -> Headers:
    """Return the headers of a JSON object; raises ValueError where it is none, or holds half a character.

    A dict keeps only the last of repeated names.  Each member takes four quotes, escaped ones not counted: so many
    prove that nothing was lost, and anything else is read again by a decoder that keeps pairs.
    """
    members = _decode(data)
    quotes = data.count(b'"')
    if quotes != 4 * len(members) and b"\\" in data and b"\\\\" not in data:
        quotes -= data.count(b'\\"')
    if quotes == 4 * len(members):
        return tuple(members.items())
    pairs: Headers = json.loads(data, object_pairs_hook=tuple)
    return pairs


def headers_of(members: object) -> Headers | None:
    """Return headers that were read as a dict, or as pairs where a name is repeated; raises ValidationError else."""
    if members is None:
        return None
    pairs = tuple(members.items()) if isinstance(members, dict) else members
    if not isinstance(pairs, tuple) or not _TEXT.issuperset(map(type, [value for _, value in pairs])):
        raise msgspec.ValidationError("headers")
    return pairs


_TEXT = frozenset({str})

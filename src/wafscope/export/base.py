"""What every form of output is given and gives: an event and its place in, whole lines out."""

from __future__ import annotations

from typing import Any, Protocol, TypeVar

import msgspec

from wafscope.event.model import Event, Match


class Place(msgspec.Struct, frozen=True, gc=False):
    """Where a record stands: what the event itself does not know."""

    sensor: str = ""
    source: str = ""
    """The file, perhaps inside an archive; `-` for standard input."""
    offset: int = 0
    length: int = 0
    more: tuple[tuple[int, int], ...] = ()
    """Further (offset, length), where the record does not stand in one piece."""


class Options(msgspec.Struct, frozen=True):
    """What a form can be asked for."""

    raw: bool = False
    """Whether the record as logged is put in, too."""
    fields: tuple[str, ...] = ()
    """Columns of a table, by name or alias; none for the usual ones."""


class Form(Protocol):
    """One form of output."""

    def head(self) -> bytes:
        """Return what stands before the first event."""

    def lines(self, event: Event, place: Place) -> bytes:
        """Return the whole lines of an event."""


class Part(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """An object of the output; what is None or empty in it is left out."""


AnyPart = TypeVar("AnyPart", bound=Part)


def some(part: AnyPart) -> AnyPart | None:
    """Return a part, or None where nothing is in it."""
    values = msgspec.structs.astuple(part)
    return None if values.count(None) == len(values) else part


_OPTIONAL = frozenset(f.name for f in msgspec.structs.fields(Event) if f.default is None)
"""Attributes whose empty text was sent as such, rather than not at all."""

_ALWAYS = frozenset({int, bool})
"""Zero and false say something; an empty list does not."""


def held(struct: msgspec.Struct, without: frozenset[str] = frozenset()) -> dict[str, Any]:
    """Return the attributes that hold something, by name: a number, a truth value, a text, a list."""
    return {
        name: value
        for name, value in zip(struct.__struct_fields__, msgspec.structs.astuple(struct), strict=True)
        if (value or value.__class__ in _ALWAYS or (value == "" and name in _OPTIONAL)) and name not in without
    }


def matched(match: Match) -> dict[str, Any]:
    """Return a match as an object: its attributes by their names in the event model."""
    found = held(match)
    if match.others:
        found["others"] = [held(each) for each in match.others]
    return found

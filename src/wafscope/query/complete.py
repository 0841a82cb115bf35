"""What could come next in the search box: names of fields, words after `is:`, values."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence

import msgspec

from wafscope.errors import FilterError
from wafscope.event.fields import FIELDS, Field, find
from wafscope.i18n.text import Text, text
from wafscope.query.condition import example, short
from wafscope.query.lexer import unescaped
from wafscope.query.printer import value_text

Values = Callable[[Field, str], Sequence[tuple[str, int]]]
"""Gives values of a field that begin with a text, and how many events have each."""

MOST = 16
"""Items in a list; more can not be taken in."""

# A quote that is still open runs to the end of what was typed.
_PIECE = re.compile(
    r'"(?P<quoted>(?:[^"\\]|\\.)*)(?P<closed>"|\\?\Z)|[^\s()",]+|(?P<end>[\s()])|(?P<comma>,)', re.DOTALL
)
_TERM = re.compile(r"(?P<before>[-~]*@?)(?P<name>[A-Za-z_][A-Za-z0-9_.]*)?(?P<colon>:)?(?P<values>.*)", re.DOTALL)
_REST_OF_NAME = re.compile(r"[A-Za-z0-9_.]*:?")
_REST_OF_VALUE = re.compile(r"[^\s(),]*")
_REST_OF_QUOTE = re.compile(r'(?:[^"\\]|\\.)*"', re.DOTALL)
_COMPARED = re.compile(r"[<>]|\d*[.]{2}|\d+-")

_STATES = (
    ("blocked", text("The engine stopped the request.")),
    ("would_block", text("In DetectionOnly; with the engine on, the request would have been stopped.")),
    ("below", text("Rules matched, and the score is below the threshold.")),
    ("no_match", text("No rule matched.")),
    ("unknown", text("The log does not tell.")),
    ("unexplained", text("Has points that the matches in the log do not explain.")),
    ("reviewed", text("Somebody has marked it as reviewed.")),
    ("unreviewed", text("Nobody has marked it as reviewed.")),
)


class Item(msgspec.Struct, frozen=True):
    """Something that can be taken from the list."""

    shown: str
    text: str
    """All of the search box after it was taken."""
    caret: int
    """Where the caret stands then."""
    note: Text | None = None
    count: int | None = None


class Completion(msgspec.Struct, frozen=True):
    """The list under the search box."""

    head: Text
    items: tuple[Item, ...] = ()
    typed: str = ""
    """What the items have in common with what was typed."""


class _Place(msgspec.Struct, frozen=True):
    """Where the caret is: after `kept` and what was `typed` of a name or a value, before `rest`."""

    kept: str
    typed: str
    rest: str


def complete(before: str, rest: str, values: Values) -> Completion:
    """Return what could follow the text before the caret; `rest` is the text after it."""
    start, in_quote = _last_term(before)
    term = _TERM.fullmatch(before, start)
    if term is None or (term["values"] and not term["colon"]):
        return _word()
    if not term["colon"]:
        return _names(_Place(before[: term.end("before")], term["name"] or "", rest))
    if not term["name"]:
        return _word()
    place = _value_place(before, term.start("values"), rest, in_quote=in_quote)
    name = term["name"].lower()
    if name == "is":
        found = [(word, note) for word, note in _STATES if word.startswith(place.typed.lower())]
        items = tuple(_taken(place, word, note=note) for word, note in found)
        return Completion(text("What the engine did, or somebody here"), items, place.typed)
    try:
        return _values(place, find(name), values)
    except FilterError as error:
        return Completion(error.what)


def _word() -> Completion:
    return Completion(text("Looks for this text"))


def _names(place: _Place) -> Completion:
    """Offer names: the fields with facets as long as nothing is typed."""
    if not place.typed and place.rest[:1].strip(" ()"):
        return _word()
    typed = place.typed.lower()
    tail = _REST_OF_NAME.match(place.rest) if place.typed else None
    rest = place.rest[tail.end() :] if tail else place.rest
    items = []
    for name, note in _matching_names(typed):
        taken = f"{place.kept}{name}:"
        items.append(Item(f"{name}:", taken + rest, len(taken), note))
    return Completion(text("Fields"), tuple(items[:MOST]), place.typed) if items else _word()


def _matching_names(typed: str) -> Iterator[tuple[str, Text]]:
    if "is".startswith(typed):
        yield (
            "is",
            text("What the engine did, or somebody here: {words}.", words=", ".join(word for word, _ in _STATES)),
        )
    for field in FIELDS:
        if not typed and not field.facet:
            continue
        for name in (short(field), *field.aliases, field.name):
            if name.startswith(typed):
                yield name, field.help
                break


def _values(place: _Place, field: Field, values: Values) -> Completion:
    if field.type == "time" or (field.type == "integer" and _COMPARED.match(place.typed)):
        return Completion(text("{field}: for example {example}", field=field.label, example=example(field)))
    found: Iterable[tuple[str, int | None]]
    if field.choices:
        counts = dict(values(field, place.typed.lower()))
        found = [(word, counts.get(word)) for word in field.choices if word.startswith(place.typed.lower())]
    else:
        found = [(value, count) for value, count in values(field, place.typed) if value]
    items = tuple(_taken(place, value, written=value_text(field, value), count=count) for value, count in found)
    return Completion(text("{field}: values in this window", field=field.label), items[:MOST], place.typed)


def _taken(place: _Place, shown: str, *, written: str = "", note: Text | None = None, count: int | None = None) -> Item:
    """Put a value where the caret is, and a blank after it where the next term can begin."""
    blank = "" if place.rest[:1] and (place.rest[0].isspace() or place.rest[0] in "),") else " "
    taken = place.kept + (written or shown) + blank
    return Item(shown, taken + place.rest, len(taken), note, count)


def _last_term(before: str) -> tuple[int, bool]:
    """Return where the last term begins, and whether a quote in it is still open."""
    start, in_quote = 0, False
    for piece in _PIECE.finditer(before):
        in_quote = piece["closed"] is not None and piece["closed"] != '"'
        if piece["end"]:
            start = piece.end()
    return start, in_quote


def _value_place(before: str, start: int, rest: str, *, in_quote: bool) -> _Place:
    """Find the value under the caret: the last one of a list."""
    typed = ""
    for piece in _PIECE.finditer(before, start):
        if piece["comma"]:
            start, typed = piece.end(), ""
        else:
            typed += unescaped(piece["quoted"]) if piece["quoted"] is not None else piece[0]
    tail = (_REST_OF_QUOTE if in_quote else _REST_OF_VALUE).match(rest)
    return _Place(before[:start], typed, rest[tail.end() :] if tail else rest)

"""The language of the search box and of `--filter`.

    filter      = alternative *( "or" alternative )
    alternative = term *( ["and"] term )
    term        = *( "-" / "~" ) ( group / field ":" values / word )   each sign at most once
    group       = "(" filter ")"
    field       = ["@"] name                                           a name or alias of event.fields, or "is"
    values      = value *( "," value )                                 any of them
    value       = *( bare / quoted )

Terms side by side must all hold, and bind tighter than `or`.  `-` excludes; what begins with `~` is
switched off: it stays in the text and says nothing.  `query.lexer` tells how values are quoted,
`query.condition` what they mean for each type of field.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Literal

import msgspec

from wafscope.errors import FilterError
from wafscope.event.fields import Field, find, names
from wafscope.event.text import storable
from wafscope.i18n.text import text
from wafscope.query.condition import can_be_empty, condition, state
from wafscope.query.filter import EVERYTHING, All, AnyOf, Filter, Not, Operation, Term
from wafscope.query.lexer import Token, tokens
from wafscope.query.printer import condition_text, printed, quote

__all__ = [
    "Chip", "decode", "encode", "negate", "parse", "printed", "quote", "terms", "toggled", "with_term", "without",
]  # fmt: skip

MOST_NESTED = 20
"""Groups inside one another; nobody writes more, and every store can follow so many."""

MOST_TERMS = 100
"""Terms of a filter.  A value may have any number of alternatives, with commas between them; each term costs a page
links that read the filter again, and anybody may lead a reader to a long one."""

_BASE64URL = re.compile(r"[A-Za-z0-9_-]*", re.ASCII)
_BACKWARDS = "."


class Chip(msgspec.Struct, frozen=True):
    """One term of a filter as it is shown beside the search box: `text[start:end]`, with what it says."""

    text: str
    start: int
    end: int
    field: str = ""
    """Canonical name; empty for a word and for a group."""
    alias: str = ""
    """The field as written, without `@`, or `is`."""
    operation: Operation | Literal["group"] = "contains"
    value: str = ""
    """The values without quotes, with commas between them; of a group what is inside the parentheses."""
    negated: bool = False
    off: bool = False
    group: bool = False


class _Node(msgspec.Struct, frozen=True):
    """A term that was read."""

    token: Token
    end: int
    inner: Filter | None
    """What it says without its signs; None for a group in which everything is switched off."""
    group: bool = False
    bare: bool = False
    """A group without parentheses: alternatives that are the whole text."""

    @property
    def filter(self) -> Filter | None:
        if self.token.off or self.inner is None:
            return None
        return Not(self.inner) if self.token.negated else self.inner


def parse(line: str) -> Filter:
    """Return the filter that a text stands for; raises FilterError, with column and hint, and nothing else."""
    return _combined(_Reader(line).everything()) or EVERYTHING


def terms(line: str) -> tuple[Chip, ...]:
    """Return the terms of a filter in order; alternatives without parentheses around them are one group."""
    return tuple(_chip(line, node) for node in _top(line))


def with_term(line: str, field: str, value: str | int | None, *, negated: bool = False) -> str:
    """Append a condition that a field, named by name or alias, is `value`; without a field, a word.

    None stands for a missing value, and so does an empty text in a field that has no empty values.  A term
    that says the same or the opposite is taken out first, also one that is switched off.
    """
    if value is None or (value == "" and not can_be_empty(find(field))):
        added, negated = f"{field}:*", not negated
    elif not field:
        added = quote(str(value))
    elif field == "is":
        added = f"is:{value}"
    else:
        added = condition_text(field, Term(find(field).name, "is", (value,)))
    said = _top(added)[0].inner
    kept = [_grouped(line, node) for node in _top(line) if node.inner != said]
    return " ".join([*kept, "-" + added if negated else added])


def without(line: str, index: int) -> str:
    """Take a term out; `index` counts as in `terms`."""
    chips = terms(line)
    return " ".join(chip.text for chip in chips if chip is not chips[index])


def toggled(line: str, index: int) -> str:
    """Switch a term off, or on again."""
    node = _top(line)[index]
    return _signed(line, index, negated=node.token.negated, off=not node.token.off)


def negate(line: str, index: int) -> str:
    """Exclude what a term asks for, or the other way round."""
    node = _top(line)[index]
    return _signed(line, index, negated=not node.token.negated, off=node.token.off)


def encode(line: str) -> str:
    """Write a filter for a URL, so that the site's own firewall does not take it for an attack: base64url, backwards.

    In clear `union select` would be stopped; as plain base64 `eval(` still is, by rules that decode what they look at
    (CRS 934100, 944300). A dot in front tells that it is backwards, and dots stand for the dashes, many of which pass
    for SQL (942431).
    """
    packed = urlsafe_b64encode(storable(line).encode()).rstrip(b"=").decode()
    return f"{_BACKWARDS}{packed[::-1].replace('-', '.')}" if packed else ""


def decode(encoded: str) -> str:
    """Read a filter from a URL, also plain base64url; raises FilterError when it is neither."""
    if encoded.startswith(_BACKWARDS):
        encoded = encoded[1:].replace(".", "-")[::-1]
    if not _BASE64URL.fullmatch(encoded):
        raise _damaged()  # other characters would be passed over in silence
    try:
        return urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode()
    except ValueError:  # binascii.Error and UnicodeDecodeError are such
        raise _damaged() from None


def _damaged() -> FilterError:
    return FilterError(
        text("The filter in this address is damaged."),
        column=1,
        hint=text("Copy the whole address again, or write the filter into the search box."),
    )


# --- from text to nodes -------------------------------------------------------


class _Reader:
    """Reads tokens from left to right, and what belongs together into nodes."""

    def __init__(self, line: str) -> None:
        self._tokens = tuple(tokens(line))
        self._at = 0
        terms = [token for token in self._tokens if token.kind == "term"]
        if len(terms) > MOST_TERMS:
            raise FilterError(
                text("A filter has at most {most} terms.", most=MOST_TERMS),
                column=terms[MOST_TERMS].start + 1,
                hint=text("Write several values of a field with commas between them: {example}", example="rule:1,2,3"),
            )

    def everything(self) -> list[list[_Node]]:
        """Read all there is, as alternatives; none where the text is blank."""
        if not self._tokens:
            return []
        alternatives = self._alternatives(0)
        if self._at < len(self._tokens):
            raise _closes_nothing(self._tokens[self._at])
        return alternatives

    def _alternatives(self, depth: int) -> list[list[_Node]]:
        alternatives = [self._terms(depth)]
        while self._take("or"):
            alternatives.append(self._terms(depth))
        return alternatives

    def _terms(self, depth: int) -> list[_Node]:
        nodes = []
        while True:
            if token := self._take("term"):
                nodes.append(_leaf(token))
            elif token := self._take("open"):
                nodes.append(self._group(token, depth + 1))
            elif nodes and self._last.kind != "and":
                return nodes
            else:
                raise self._missing(depth)
            self._take("and")

    def _group(self, opened: Token, depth: int) -> _Node:
        if depth > MOST_NESTED:
            raise FilterError(
                text("More than {most} groups stand inside one another.", most=MOST_NESTED),
                column=opened.body + 1,
            )
        inner = _combined(self._alternatives(depth))
        closed = self._take("close")
        if closed is None:
            raise _never_closed(opened)
        return _Node(opened, closed.end, inner, group=True)

    def _take(self, kind: str) -> Token | None:
        if self._at < len(self._tokens) and self._tokens[self._at].kind == kind:
            self._at += 1
            return self._last
        return None

    @property
    def _last(self) -> Token:
        """The token that was taken last."""
        return self._tokens[self._at - 1]

    def _missing(self, depth: int) -> FilterError:
        """Say why there is no term where one must be."""
        following = self._tokens[self._at] if self._at < len(self._tokens) else None
        for token in (following, self._last if self._at else None):
            if token and token.kind in ("or", "and"):
                return FilterError(
                    text("“{word}” needs a term on both sides.", word=token.kind),
                    column=token.start + 1,
                    hint=text("To look for the word, put it in quotes: {quoted}", quoted=f'"{token.kind}"'),
                )
        if following is None:
            return _never_closed(self._last)
        if depth == 0:
            return _closes_nothing(following)
        return FilterError(text("This group is empty."), column=self._last.body + 1)


def _closes_nothing(token: Token) -> FilterError:
    return FilterError(
        text("This parenthesis closes nothing."),
        column=token.start + 1,
        hint=text("To look for a parenthesis, put it in quotes."),
    )


def _never_closed(token: Token) -> FilterError:
    return FilterError(
        text("This parenthesis is never closed."),
        column=token.body + 1,
        hint=text("Close the group with ). To look for a parenthesis, put it in quotes."),
    )


def _leaf(token: Token) -> _Node:
    return _Node(token, token.end, _said(token))


def _said(token: Token) -> Filter:
    """Return what a term says without its signs."""
    if token.name.lower() == "is":
        return state(token.values)
    if token.name:
        return condition(_field(token), token.values)
    (word,) = token.values
    if not word.text:
        raise FilterError(
            text("There is nothing between these quotes."),
            column=word.column,
            hint=text("-host:* finds events without a host, and so on for every field."),
        )
    return Term("", "contains", (storable(word.text),))


def _field(token: Token) -> Field:
    name = token.name.lower()
    try:
        return find(name)
    except FilterError as error:
        near = get_close_matches(name, ("is", *names()), n=3)
        quoted = f'"{token.name}:…"'
        raise FilterError(
            error.what,
            column=token.name_at + 1,
            hint=text("Did you mean {names}?", names=", ".join(near))
            if near
            else text("To look for it as text, put it in quotes: {quoted}", quoted=quoted),
        ) from None


def _combined(alternatives: Sequence[Sequence[_Node]]) -> Filter | None:
    """Join terms; None where every one of them is switched off."""
    joined: list[Filter] = []
    for nodes in alternatives:
        filters = tuple(said for node in nodes if (said := node.filter) is not None)
        if filters:
            joined.append(filters[0] if len(filters) == 1 else All(filters))
    if not joined:
        return None
    return joined[0] if len(joined) == 1 else AnyOf(tuple(joined))


# --- from nodes to text -------------------------------------------------------


def _top(line: str) -> list[_Node]:
    """Read the terms that are not inside a group; alternatives make one group of them all."""
    alternatives = _Reader(line).everything()
    if len(alternatives) <= 1:
        return [node for nodes in alternatives for node in nodes]
    start, end = alternatives[0][0].token.start, alternatives[-1][-1].end
    return [_Node(Token("open", start, start, end), end, _combined(alternatives), group=True, bare=True)]


def _chip(line: str, node: _Node) -> Chip:
    token = node.token
    first = node.inner.parts[0] if isinstance(node.inner, AnyOf) and not node.group else node.inner
    chip = Chip(line[token.start : node.end], token.start, node.end, negated=token.negated, off=token.off)
    if node.group or not isinstance(first, Term):
        inside = line[token.body : node.end] if node.bare else line[token.body + 1 : node.end - 1].strip()
        return msgspec.structs.replace(chip, operation="group", value=storable(inside), group=True)
    return msgspec.structs.replace(
        chip,
        field=first.field,
        alias=token.name.lower(),
        operation=first.operation,
        value=", ".join(storable(value.text) for value in token.values),
    )


def _grouped(line: str, node: _Node) -> str:
    """Return a term as it is written, with parentheses where it can not stand beside another without."""
    written = line[node.token.start : node.end]
    return f"({written})" if node.bare else written


def _signed(line: str, index: int, *, negated: bool, off: bool) -> str:
    """Write the filter again with other signs before one term."""
    nodes = _top(line)
    written = [_grouped(line, node) for node in nodes]
    sign = ("~" if off else "") + ("-" if negated else "")
    body = nodes[index].token.body - nodes[index].token.start
    written[index] = sign + written[index][body:]
    return " ".join(written)

"""A record with its secrets masked, all else byte for byte."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import accumulate
from typing import Literal, NamedTuple

import msgspec

from wafscope.event.mask import MASK_BYTES, mask
from wafscope.redact.finding import Finder, Span, inner_secrets
from wafscope.redact.gate import Gate
from wafscope.redact.regions import Kind, Region, is_json, own_words, regions_of
from wafscope.redact.view import ENTITY, ESCAPED, NO_LETTERS, PERCENT, View, bare, bared, plain
from wafscope.settings import Redaction

_SHORT = 4
"""A secret of fewer letters and digits is masked in its own place alone: it stands everywhere."""
_LONG = 8
"""A secret of fewer is looked for in bodies and matches alone, and as a word: it may be a word of the language."""
_PREFIX = 32
"""So much of a long secret is enough to know it by, where an engine has cut the rest."""
_MOST_SECRETS = 64
"""Secrets of one record that are looked for one by one; further ones as whole words."""
_LARGEST_KNOWN = 1 << 17
"""A longer text is not kept for the next record."""
_MOST_KNOWN = 1 << 21
"""Bytes of texts in half of what is kept; what has been worked out about them is some five times as much."""
_EACH_KNOWN = 500
"""What a text takes beside its bytes."""
_MOST_MASKS = 1 << 10
_COOKIES = frozenset({b"cookie", b"set-cookie"})
_LONGEST_SETTING = 16
_WORD = re.compile(rb"[\w.~%\x80-\xff-]{4,}")


_KINDS = (ESCAPED, PERCENT, ENTITY)
_DEPTHS = (ESCAPED, PERCENT, ENTITY, ESCAPED, PERCENT, ESCAPED, PERCENT, ENTITY, ESCAPED)
"""In which order a text is decoded: JSON in a form in JSON, and what is percent-encoded three times."""

_QUOTES = re.compile(rb"&(?:quot|#)")
"""What may hide quotes; other entities hide neither a name nor the sign behind it."""

How = Literal["everywhere", "whole", "in_place"]
"""Each secret wherever it stands; each text in which there is one, whole; each secret where its name stands."""


class Redacted(msgspec.Struct, frozen=True):
    """A record without its secrets."""

    raw: bytes
    matched: bool
    """Whether something masked stands in what a rule matched."""


class Own(NamedTuple):
    """A secret that its name or its form told, in a region."""

    start: int
    end: int
    value: bytes
    first: int
    """Where it begins in the text of the region as it was decoded once, where it was found so; else -1."""
    last: int


class _Text:
    """The text of a region, wherever it is, and what has been worked out about it."""

    __slots__ = ("_bare", "_view_of_bare", "found", "levels", "own", "region", "speaks_of_secret", "view")

    def __init__(self, region: Region, view: View) -> None:
        self.region = region
        self.view = view
        self.levels: list[tuple[View, list[Span]]] | None = None
        """Each level of its encoding, and where in it there may be a secret that is told by what stands around it;
        none where there is none; None while nobody has looked."""
        self.speaks_of_secret: bool | None = None
        """Whether it is a sentence about a variable that holds a secret; None while nobody has looked."""
        self.found: Sequence[Own] | None = None
        """Its secrets at every level of its encoding."""
        self.own: list[Span] | None = None
        """Where in the text the engine speaks of itself; None while nobody has looked."""
        self._bare: bytes | None = None
        self._view_of_bare: View | None = None

    @property
    def bare(self) -> bytes:
        """The text as `View.bare` has it."""
        if self._bare is None:
            self._bare = bared(self.view.data)
        return self._bare

    def view_of_bare(self) -> View:
        """Return the same with the way back."""
        if self._view_of_bare is None:
            self._view_of_bare = self.view.bare()
        return self._view_of_bare

    def outside(self, view: View, start: int, end: int) -> Span | None:
        """Turn a place in a view of this text into one in the region; None where the engine speaks of itself."""
        if self.region.kind == "match":
            if self.own is None:
                self.own = own_words(self.view.data)
            if self.own and _within(self.own, *view.span_in(self.view, start, end)):
                return None
        return view.span(start, end)

    def forget(self) -> None:
        """Let go of what takes far more memory than the text does."""
        self.view.forget()
        self._view_of_bare = None


class Sources(msgspec.Struct, frozen=True):
    """A record taken apart."""

    raw: bytes
    starts: list[int]
    """Where each text begins."""
    texts: list[_Text]


class _Known:
    """Texts that came before, such as a page that is sent again and again; of two halves, the older one goes."""

    def __init__(self) -> None:
        self._new: dict[tuple[bytes, Kind, bytes, bool, bool], _Text] = {}
        self._old: dict[tuple[bytes, Kind, bytes, bool, bool], _Text] = {}
        self._size = 0

    def text(self, data: bytes, region: Region, *, as_json: bool) -> _Text:
        """Return the text of a region with these bytes."""
        key = data, region.kind, region.name, region.exact, as_json
        text = self._new.get(key)
        if text is not None:
            return text
        text = self._old.get(key)
        if text is None:
            view = View(data, 0)
            nowhere = msgspec.structs.replace(region, start=0, end=len(data))
            text = _Text(nowhere, view.from_json() if as_json else view)
        if len(data) <= _LARGEST_KNOWN:
            self._size += len(data) + _EACH_KNOWN
            if self._size > _MOST_KNOWN:
                self._old, self._new, self._size = self._new, {}, len(data) + _EACH_KNOWN
            self._new[key] = text
        return text


class Secret(msgspec.Struct, frozen=True):
    """A value that was found, decoded, and what stands for it."""

    value: bytes
    mask: bytes


class Masker:
    """Masks records for one store, whose `key` makes masks that nobody else can make."""

    def __init__(self, policy: Redaction, key: bytes) -> None:
        self._key = key
        self._finder = Finder(policy)
        self._gate = Gate(policy)
        self._known = _Known()
        self._mask = lru_cache(_MOST_MASKS)(self._masked)

    def read(self, records: Sequence[tuple[bytes, str]]) -> list[Sources]:
        """Take records apart; many at once cost less for each.  A text of any kind has the format ""."""
        sources = [Sources(raw, *self._texts(raw, kind)) for raw, kind in records]
        unseen: list[_Text] = []
        for each in sources:
            for text in each.texts:
                if text.levels is None:
                    text.levels = []
                    unseen.append(text)
        asked: list[tuple[list[Span], int, bytes]] = []
        for text, zones in zip(unseen, self._gate.zones([text.view.data for text in unseen]), strict=True):
            if zones:
                text.levels = list(_levels(text.view, zones, asked))
        for (zones, begin, _), found in zip(asked, self._gate.zones([piece for _, _, piece in asked]), strict=True):
            zones += [(begin + first, begin + last) for first, last in found]
            zones.sort()
        return sources

    def redact(self, sources: Sources, how: How = "everywhere") -> Redacted | None:
        """Return a record with its secrets masked; None where there is none."""
        texts, starts = sources.texts, sources.starts
        spans: list[tuple[int, int, bytes, int]] = []
        secrets: dict[bytes, Secret] = {}
        own: dict[tuple[int, bytes], list[Own]] = {}
        telling: set[bytes] = set()
        for number in range(len(texts)):
            begin = starts[number]
            for each in self._found(texts, number):
                secret = secrets.get(each.value)
                if secret is None:
                    secret = secrets[each.value] = Secret(each.value, self._mask(each.value))
                spans.append((begin + each.start, begin + each.end, secret.mask, number))
                if not _is_setting(texts[number].region, each.value):
                    telling.add(each.value)
                own.setdefault((number, each.value), []).append(each)
        for secret in self._inner(list(secrets.values())):
            secrets.setdefault(secret.value, secret)
            telling.add(secret.value)
        if not secrets:
            return None
        if how != "in_place":
            wanted = [each for value, each in secrets.items() if value in telling]
            spans += self._elsewhere(sources, sorted(wanted, key=lambda each: -len(each.value)), own)
        if how == "whole":
            spans = [(b, b + texts[n].region.end, m, n) for _, _, m, n in spans for b in (starts[n],)]
        numbers = {number for _, _, _, number in spans}
        for number in numbers:
            texts[number].forget()
        matched = any(texts[number].region.kind == "match" for number in numbers)
        return Redacted(_replaced(sources.raw, spans), matched)

    def _texts(self, raw: bytes, kind: str) -> tuple[list[int], list[_Text]]:
        as_json = is_json(raw, kind)
        regions = regions_of(raw, kind)
        known = self._known.text
        return [r.start for r in regions], [known(raw[r.start : r.end], r, as_json=as_json) for r in regions]

    def _found(self, texts: Sequence[_Text], number: int) -> Sequence[Own]:
        """Return the secrets of a text."""
        text = texts[number]
        region, view = text.region, text.view
        if region.exact and region.kind == "match" and number and b"found within" not in view.data:
            before = texts[number - 1]
            if before.region.name == b"match" and self._is_about_secret(before):
                return [Own(0, region.end, plain(view.data), 0, len(view.data))]
        if text.found is not None:
            return text.found
        if text.levels or self._finder.is_secret(region):
            found = list(self._find(text))
            if len(found) > _MOST_SECRETS:
                return found
            text.levels = []
            text.found = found
        else:
            text.found = ()
        return text.found

    def _is_about_secret(self, text: _Text) -> bool:
        if text.speaks_of_secret is None:
            text.speaks_of_secret = self._finder.is_secret_target(text.view.data)
        return text.speaks_of_secret

    def _find(self, text: _Text) -> Iterator[Own]:
        for level, zones in text.levels or _levels(text.view, [], []):
            for start, end in self._finder.find(level.data, text.region, zones):
                value = level.data[start:end]
                if end == start or MASK_BYTES.fullmatch(value.strip()):
                    continue
                place = text.outside(level, start, end)
                if place is not None:
                    yield Own(*place, plain(value), *((start, end) if level is text.view else (-1, -1)))

    def _masked(self, value: bytes) -> bytes:
        return mask(value, self._key)

    def _inner(self, secrets: Sequence[Secret]) -> Iterator[Secret]:
        for secret in secrets:
            for value in inner_secrets(secret.value.replace(b" ", b"+")):
                yield Secret(value, self._mask(value))

    def _elsewhere(
        self, sources: Sources, secrets: Sequence[Secret], own: Mapping[tuple[int, bytes], Sequence[Own]]
    ) -> list[tuple[int, int, bytes, int]]:
        """Where the values stand beside the places that gave them away, which are their `own`."""
        found: list[tuple[int, int, bytes, int]] = []
        texts = sources.texts
        wanted = [Wanted(secret) for secret in secrets if len(secret.value) >= _SHORT]
        for number, index in _pairs(texts, wanted[:_MOST_SECRETS]):
            each, text, begin = wanted[index], texts[number], sources.starts[number]
            for view, start, end in each.places(text, own.get((number, each.value), ())):
                place = text.outside(view, start, end)
                if place is not None:
                    found.append((begin + place[0], begin + place[1], each.mask, number))
        if len(wanted) > _MOST_SECRETS:
            many = {each.value.lower(): each.mask for each in wanted[_MOST_SECRETS:]}
            for number, (begin, text) in enumerate(zip(sources.starts, texts, strict=True)):
                for word in _WORD.finditer(text.view.data.lower()):
                    known = many.get(word[0])
                    if known is not None:
                        first, last = text.view.span(*word.span())
                        found.append((begin + first, begin + last, known, number))
        return found


def _pairs(texts: Sequence[_Text], wanted: Sequence[Wanted]) -> list[tuple[int, int]]:
    """Return which texts may hold which of the values: a look at all of them together takes far less time."""
    pairs: set[tuple[int, int]] = set()
    for parts, needles in (
        ([text.view.data for text in texts], [each.low for each in wanted]),
        ([text.bare for text in texts], [each.needle for each in wanted]),
    ):
        joined = b"\n".join(parts).lower()
        begins = list(accumulate((len(part) + 1 for part in parts), initial=0))
        for index, needle in enumerate(needles):
            position = joined.find(needle) if len(needle) >= _SHORT else -1
            while position >= 0:
                number = bisect_right(begins, position) - 1
                pairs.add((number, index))
                # One that goes on in the next text may hide one that begins there.
                position = joined.find(needle, begins[number + 1])
    return sorted(pairs)


class Wanted:
    """A secret that is looked for."""

    def __init__(self, secret: Secret) -> None:
        self.mask = secret.mask
        self.value = secret.value
        self.bare = bare(secret.value)
        self.needle = self.bare[:_PREFIX]
        self.low = secret.value.lower()
        lead = self.low[: len(self.low) - len(self.low.lstrip(NO_LETTERS))]
        self._before, self._behind = lead, self.low[len(self.low.rstrip(NO_LETTERS)) :]

    def places(self, text: _Text, own: Sequence[Own]) -> Iterator[tuple[View, int, int]]:
        """Give the places of the value in a text beside its `own`, in any encoding: a view, start and end."""
        short = len(self.bare) < _LONG
        if short and text.region.kind not in ("body", "match"):
            return
        # A number may stand in a longer one by chance, such as a time.
        as_word = short or self.bare.isdigit()
        low = text.view.data.lower()
        known = {each.first for each in own}
        times = 0
        position = low.find(self.low)
        while position >= 0:
            end = position + len(self.low)
            times += 1
            if position not in known and (not as_word or _is_word(low, position, end)):
                yield text.view, position, end
            position = low.find(self.low, end)
        needle, bare = self.needle, text.bare
        if len(needle) < _SHORT or bare.count(needle) <= times + self._coded(low, own, times):
            return
        view = text.view_of_bare()
        position = bare.find(needle)
        while position >= 0:
            end, further = position + len(needle), len(needle)
            while further < len(self.bare) and bare[end : end + 1] == self.bare[further : further + 1]:
                end += 1
                further += 1
            first, last = view.span_in(text.view, position, end)
            if not as_word or _is_word(low, first, last):
                yield view, position, end
                yield from self._edges(low, text, first, last)
            position = bare.find(needle, end)

    def _coded(self, low: bytes, own: Sequence[Own], times: int) -> int:
        """Return how many of its own places hold the value in another encoding."""
        return len(
            {
                (each.start, each.end)
                for each in own
                if (self.low not in low[each.first : each.last] if each.first >= 0 else not times)
            }
        )

    def _edges(self, low: bytes, text: _Text, first: int, last: int) -> Iterator[tuple[View, int, int]]:
        """What stands before the first and behind the last letter of the value."""
        if self._behind and low.startswith(self._behind, last):
            yield text.view, last, last + len(self._behind)
        if self._before and low[max(first - len(self._before), 0) : first] == self._before:
            yield text.view, first - len(self._before), first


def _levels(
    view: View, zones: list[Span], asked: list[tuple[list[Span], int, bytes]]
) -> Iterator[tuple[View, list[Span]]]:
    """Give the levels of an encoding, with the pieces between quotes in which there may be a secret.

    Where quotes come out of a code, `asked` says of what more must be asked, and whose pieces they are then.
    """
    yield view, zones
    spans = zones
    since = 0
    for pattern in _DEPTHS:
        further = view
        if pattern is not ENTITY or _QUOTES.search(view.data):
            further, spans = view.deeper(spans, pattern)
        since = 0 if further is not view else since + 1
        if since == len(_KINDS):
            return
        if further is not view:
            view = further
            now = []
            for first, last in spans:
                if view.data.find(b'"', first, last) < 0:
                    now.append((first, last))
                else:
                    asked.append((now, first, view.data[first:last]))
            yield view, now


def _is_setting(region: Region, value: bytes) -> bool:
    """Tell whether a value of a cookie is a plain word, such as a language or a consent: it stands anywhere."""
    return (
        region.name.lower() in _COOKIES and len(value) <= _LONGEST_SETTING and value.isalpha() and value[1:].islower()
    )


def _is_word(text: bytes, start: int, end: int) -> bool:
    return not (text[max(start - 1, 0) : start].isalnum() or text[end : end + 1].isalnum())


def _within(own: Sequence[Span], start: int, end: int) -> bool:
    index = bisect_right(own, (start, end)) - 1
    return any(a <= start < b or a < end <= b for a, b in own[max(index, 0) : index + 2])


def _replaced(raw: bytes, spans: list[tuple[int, int, bytes, int]]) -> bytes:
    """Put the masks in; of spans that overlap, the one that begins first gives the mask for all."""
    parts: list[bytes] = []
    position, last = 0, b""
    for start, end, value, _ in sorted(spans, key=lambda each: (each[0], -each[1])):
        if start < position or (start == position and value == last):
            position = max(position, end)
            continue
        parts += raw[position:start], value
        position, last = end, value
    parts.append(raw[position:])
    return b"".join(parts)

"""A record with its secrets masked, all else byte for byte."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property, lru_cache
from typing import Literal, NamedTuple

import msgspec

from wafscope.event.mask import MASK_BYTES, mask
from wafscope.redact.elsewhere import LEAST, Letters, Secret, Wanted, pairs
from wafscope.redact.finding import Finder, Span, inner_secrets
from wafscope.redact.gate import Gate, Hit, Look, gate_of
from wafscope.redact.regions import Region, is_json, regions_of
from wafscope.redact.texts import Known, Level, Own, Text, deeper, hides_quotes, parts_of
from wafscope.redact.view import View, bare, plain
from wafscope.settings import Redaction

_MOST_SECRETS = 64
"""Secrets of one record that are looked for one by one; further ones as whole words."""
_MOST_MASKS = 1 << 10
_COOKIES = frozenset({b"cookie", b"set-cookie"})
_LONGEST_SETTING = 16
_WORD = re.compile(rb"[\w.~%\x80-\xff-]{4,}")
_LAST_TWO = 2
"""From within what was found to behind its end: a part of a name is found with the byte behind it."""

_SURE = 8
"""A value of fewer letters and digits may be masked in its own place alone."""

_Further = tuple[Level, list[Span], list[bytes]]

How = Literal["everywhere", "whole", "in_place"]
"""Each secret wherever it stands; each text in which there is one, whole; each secret where its name stands."""


class Redacted(msgspec.Struct, frozen=True):
    """A record without its secrets."""

    raw: bytes
    matched: bool
    """Whether something masked stands in what a rule matched."""


class Place(NamedTuple):
    """A text, and where it begins in a record."""

    begin: int
    text: Text


class Mark(NamedTuple):
    """Where a mask belongs, and in which text."""

    start: int
    end: int
    mask: bytes
    place: Place


class Sources:
    """A record taken apart, as far as it has been asked for."""

    def __init__(self, raw: bytes, kind: str, known: Known, look: Look) -> None:
        self.raw = raw
        self.look = look
        self.regions = regions_of(raw, kind)
        self._as_json = is_json(raw, kind)
        self._known = known
        self._places: dict[int, Place] = {}

    @cached_property
    def letters(self) -> Letters:
        """The letters and digits of each region."""
        return Letters([self.raw[region.start : region.end] for region in self.regions])

    def place(self, number: int) -> Place:
        """Return the text of a region."""
        place = self._places.get(number)
        if place is None:
            region = self.regions[number]
            text = self._known.text(self.raw[region.start : region.end], region, as_json=self._as_json)
            place = self._places[number] = Place(region.start, text)
        return place

    def places(self) -> list[Place]:
        """Return the texts of all regions."""
        return [self.place(number) for number in range(len(self.regions))]

    def told(self) -> set[int]:
        """Return the regions in which something tells a secret by what stands around it."""
        regions = self.regions
        found: set[int] = set()
        for position in self.look.told:
            place = position - _LAST_TWO
            number = bisect_left(regions, place + 1, key=_start) - 1
            # The value of a header may be a region within that of its line.
            found.update(each for each in (number, number - 1) if each >= 0 and place < regions[each].end)
        return found


class Masker:
    """Masks records for one store, whose `key` makes masks that nobody else can make."""

    def __init__(self, policy: Redaction, key: bytes, gate: Gate | None = None) -> None:
        self._key = key
        self._finder = Finder(policy)
        self._gate = gate or gate_of(policy)
        self._known = Known()
        self._mask = lru_cache(_MOST_MASKS)(self._masked)

    def read(self, raw: bytes, kind: str, hits: Sequence[Hit] | None = None) -> Sources:
        """Take a record apart, of which all `hits` may be known.  A text of any kind has the format ""."""
        return Sources(raw, kind, self._known, self._gate.look(raw, hits))

    def redact(self, sources: Sources, how: How = "everywhere") -> Redacted | None:
        """Return a record with its secrets masked; None where there is none."""
        marks: list[Mark] = []
        secrets: dict[bytes, Secret] = {}
        own: dict[bytes, dict[int, list[Own]]] = {}
        telling: set[bytes] = set()
        for number, found in self._all_found(sources):
            place = sources.place(number)
            for each in found:
                secret = secrets.get(each.value)
                if secret is None:
                    secret = secrets[each.value] = Secret(each.value, self._mask(each.value))
                marks.append(Mark(place.begin + each.start, place.begin + each.end, secret.mask, place))
                if not _is_setting(place.text.region, each.value):
                    telling.add(each.value)
                own.setdefault(each.value, {}).setdefault(number, []).append(each)
        for secret in self._inner(list(secrets.values())):
            secrets.setdefault(secret.value, secret)
            telling.add(secret.value)
        if not secrets:
            return None
        if how != "in_place":
            wanted = [each for value, each in secrets.items() if value in telling]
            marks += self._elsewhere(sources, sorted(wanted, key=lambda each: -len(each.value)), own)
        if how == "whole":
            marks = [Mark(p.begin, p.begin + p.text.region.end, m, p) for _, _, m, p in marks]
        matched = False
        for text in {id(each.place.text): each.place.text for each in marks}.values():
            text.forget()
            matched = matched or text.region.kind == "match"
        return Redacted(_replaced(sources.raw, marks), matched)

    def _all_found(self, sources: Sources) -> Iterator[tuple[int, Sequence[Own]]]:
        """Give the regions with secrets in them, in order."""
        told = sources.told()
        for number, region in enumerate(sources.regions):
            if region.exact and region.kind == "match" and number - 1 in told:
                before = sources.regions[number - 1]
                text = sources.place(number).text
                if (
                    before.name == b"match"
                    and b"found within" not in text.view.data
                    and self._is_about_secret(sources.place(number - 1).text)
                ):
                    whole = Own(0, text.region.end, plain(text.view.data), 0, len(text.view.data))
                    yield number, [whole]
                    continue
            if number in told or self._finder.is_secret(region):
                yield number, self._found(sources.place(number).text)

    def _found(self, text: Text) -> Sequence[Own]:
        """Return the secrets of a text."""
        if text.found is None:
            found = list(self._find(text))
            if len(found) > _MOST_SECRETS:
                return found
            text.found = found or ()
        return text.found

    def _is_about_secret(self, text: Text) -> bool:
        if text.speaks_of_secret is None:
            text.speaks_of_secret = self._finder.is_secret_target(text.view.data)
        return text.speaks_of_secret

    def _find(self, text: Text) -> Iterator[Own]:
        """Give the secrets of a text, found at each level of its encoding."""
        zones = self._gate.zones(text.view.data)
        if not zones and not self._finder.is_secret(text.region):
            return
        found = self._finder.find(text.view.data, text.region, zones)
        yield from self._own(text, text.view, found)
        further = self._find_in_parts(text, zones, found)
        if further is None:
            known = [text.view.data[start:end] for start, end in found]
            further = [
                (level, self._finder.find(level.view.data, text.region, level.zones), known)
                for level in deeper(self._gate, text.view, zones)
            ]
        for level, spans, known in further:
            if not _is_known(level.view.data, spans, known):
                yield from self._own(text, level.view, spans)

    def _find_in_parts(self, text: Text, zones: Sequence[Span], before: Sequence[Span]) -> list[_Further] | None:
        """Return what is found at further levels in the parts of a large page, and at the first one.

        None where the whole must be looked at.
        """
        parts = parts_of(text, zones)
        if not parts:
            return None
        found: list[_Further] = []
        entities = hides_quotes(text.view.data)
        for part in parts:
            known = [text.view.data[start:end] for start, end in before if part.begin <= start < part.end]
            for level in deeper(self._gate, part.view, part.zones, entities=entities):
                spans = self._finder.find(level.view.data, text.region, level.zones)
                if not part.is_enough(level, spans):
                    return None
                found.append((level, spans, known))
        return sorted(found, key=lambda each: each[0].depth)

    def _own(self, text: Text, view: View, spans: Sequence[Span]) -> Iterator[Own]:
        for start, end in spans:
            value = view.data[start:end]
            if end == start or MASK_BYTES.fullmatch(value.strip()):
                continue
            place = text.outside(view, start, end)
            if place is not None:
                yield Own(*place, plain(value), *((start, end) if view is text.view else (-1, -1)))

    def _masked(self, value: bytes) -> bytes:
        return mask(value, self._key)

    def _inner(self, secrets: Sequence[Secret]) -> Iterator[Secret]:
        for secret in secrets:
            for value in inner_secrets(secret.value.replace(b" ", b"+")):
                yield Secret(value, self._mask(value))

    def _elsewhere(
        self, sources: Sources, secrets: Sequence[Secret], own: Mapping[bytes, Mapping[int, Sequence[Own]]]
    ) -> list[Mark]:
        """Where the values stand beside the places that gave them away, which are their `own`."""
        wanted = [Wanted(secret) for secret in secrets if len(secret.value) >= LEAST]
        first = wanted[:_MOST_SECRETS]
        marks: list[Mark] = []
        for number, index in sorted(self._may_hold(sources, first, own)):
            each, place = first[index], sources.place(number)
            letters = None if sources.look.coded else sources.letters.of(number)
            for view, start, end in each.places(place.text, own.get(each.value, {}).get(number, ()), letters):
                outside = place.text.outside(view, start, end)
                if outside is not None:
                    marks.append(Mark(place.begin + outside[0], place.begin + outside[1], each.mask, place))
        if len(wanted) > _MOST_SECRETS:
            many = {each.value.lower(): each.mask for each in wanted[_MOST_SECRETS:]}
            for place in sources.places():
                for word in _WORD.finditer(place.text.view.data.lower()):
                    known = many.get(word[0])
                    if known is not None:
                        start, end = place.text.view.span(*word.span())
                        marks.append(Mark(place.begin + start, place.begin + end, known, place))
        return marks

    def _may_hold(
        self, sources: Sources, wanted: Sequence[Wanted], own: Mapping[bytes, Mapping[int, Sequence[Own]]]
    ) -> Iterator[tuple[int, int]]:
        """Give which regions may hold which values beside their own places."""
        unsure: list[int] = []
        for index, each in enumerate(wanted):
            found = None if sources.look.coded else _regions_with(sources, each, own.get(each.value, {}))
            if found is None:
                unsure.append(index)
            else:
                yield from ((number, index) for number in found)
        if unsure:
            texts = [place.text for place in sources.places()]
            yield from ((number, unsure[index]) for number, index in pairs(texts, [wanted[index] for index in unsure]))


def _regions_with(sources: Sources, wanted: Wanted, own: Mapping[int, Sequence[Own]]) -> set[int] | None:
    """Return which regions may hold a value beside its own places; None where any may."""
    inside: dict[int, list[bytes]] = {}
    forms: list[bytes] = []
    for number, found in own.items():
        begin = sources.regions[number].start
        # Of what lies in each other only the outermost counts.
        last = 0
        for start, end in sorted({(each.start, each.end) for each in found}, key=lambda span: (span[0], -span[1])):
            if start >= last:
                form = sources.raw[begin + start : begin + end]
                inside.setdefault(number, []).append(form)
                # What a rule matched may have lost its blanks and quotes, which stand elsewhere in a code.
                if sources.regions[number].kind != "match":
                    forms.append(form.lower())
                last = end
    if own:
        wanted.cut(forms)
    else:
        wanted.cut_anyhow()
    return sources.letters.regions_with(wanted, inside)


def _is_known(data: bytes, spans: Sequence[Span], known: Sequence[bytes]) -> bool:
    """Tell whether values are those that were found before they were decoded further, in the same order.

    Should one of them stand in another place now, that one is found by its value; but a short one would not be.
    """
    values = [data[start:end] for start, end in spans]
    return values == known and all(map(_is_sure, values))


def _is_sure(value: bytes) -> bool:
    """Tell a value that is found, whole, wherever it stands."""
    return len(bare(value)) >= _SURE and not value.isalpha() and value[:1].isalnum() and value[-1:].isalnum()


def _start(region: Region) -> int:
    return region.start


def _is_setting(region: Region, value: bytes) -> bool:
    """Tell whether a value of a cookie is a plain word, such as a language or a consent: it stands anywhere."""
    return (
        region.name.lower() in _COOKIES and len(value) <= _LONGEST_SETTING and value.isalpha() and value[1:].islower()
    )


def _replaced(raw: bytes, marks: Sequence[Mark]) -> bytes:
    """Put the masks in; of those that overlap, the one that begins first gives the mask for all."""
    parts: list[bytes] = []
    position, last = 0, b""
    for start, end, value, _ in sorted(marks, key=lambda each: (each[0], -each[1])):
        if start < position or (start == position and value == last):
            position = max(position, end)
            continue
        parts += raw[position:start], value
        position, last = end, value
    parts.append(raw[position:])
    return b"".join(parts)

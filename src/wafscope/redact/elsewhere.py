"""Where else in a record a secret stands, in whatever encoding."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate

import msgspec

from wafscope.redact.texts import Own, Text
from wafscope.redact.view import NO_LETTERS, View, bare

LEAST = 4
"""A secret of fewer letters and digits is masked in its own place alone: it stands everywhere."""
_LONG = 8
"""A secret of fewer is looked for in bodies and matches alone, and as a word: it may be a word of the language."""
_PREFIX = 32
"""So much of a long secret is enough to know it by, where an engine has cut the rest."""
_LONG_RUN = 24
"""A run of so many letters and digits is looked for in two halves: a line may be broken within it."""
_MOST_RUNS = 4
"""So many are enough to know a secret by."""
_LETTERS = re.compile(rb"[a-z0-9]+")


class Secret(msgspec.Struct, frozen=True):
    """A value that was found, decoded, and what stands for it."""

    value: bytes
    mask: bytes


class Wanted:
    """A secret that is looked for."""

    def __init__(self, secret: Secret) -> None:
        self.mask = secret.mask
        self.value = secret.value
        self.bare = bare(secret.value)
        self.needle = self.bare[:_PREFIX]
        self.low = secret.value.lower()
        self.runs: list[list[bytes]] = []
        """What it can be known by without decoding anything; nothing until somebody says how it stands there."""
        self.spare = 0
        """How many of them may be missing where it stands."""
        lead = self.low[: len(self.low) - len(self.low.lstrip(NO_LETTERS))]
        self._before, self._behind = lead, self.low[len(self.low.rstrip(NO_LETTERS)) :]

    def cut(self, forms: Sequence[bytes]) -> None:
        """Take its letters and digits, as far as it must be known by them, cut where something else is in between.

        `forms` are how it stands in the request or the response: what is cut in none of them hides nothing there, and
        is whole in any other place, whatever an engine left out.  Of a long run there are two halves, for a line may
        be broken within it.  Nothing if it is not to be known by them.
        """
        runs = [run for run in self._long_runs() if all(run in form for form in forms)] if forms else []
        self.runs = [_halves(run) if len(run) >= _LONG_RUN else [run] for run in runs]

    def cut_anyhow(self) -> None:
        """Do the same for one that stands nowhere as it is: a line may be broken within one of its runs."""
        runs = self._long_runs()[:_MOST_RUNS]
        if len(runs) == 1:
            runs = [half for half in _halves(runs[0]) if len(half) >= LEAST]
        self.runs = [[run] for run in runs] if len(runs) > 1 else []
        self.spare = 1

    def _long_runs(self) -> list[bytes]:
        """Return its runs of letters and digits, the longest first."""
        left = _PREFIX
        found: list[bytes] = []
        for each in _LETTERS.finditer(self.low) if self.low.isascii() else ():
            run = each[0][:left]
            if len(run) >= LEAST:
                found.append(run)
            left -= len(run)
            if left <= 0:
                break
        return sorted(found, key=len, reverse=True)

    def places(self, text: Text, own: Sequence[Own], letters: bytes | None = None) -> Iterator[tuple[View, int, int]]:
        """Give the places of the value in a text beside its `own`, in any encoding: a view, start and end.

        `letters` are those of the text as it was logged, where no letter and no digit stands in a code.
        """
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
        if letters is not None and self._is_all(letters, times):
            return
        needle, bare = self.needle, text.bare
        if len(needle) < LEAST or bare.count(needle) <= times + self._coded(low, own, times):
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

    def _is_all(self, letters: bytes, times: int) -> bool:
        """Tell whether the value stands in a text no oftener than it was found, as it is, in it."""
        counted = (all(letters.count(half) == times * self.bare.count(half) for half in run) for run in self.runs)
        return sum(counted) > self.spare if self.spare else any(counted)

    def _coded(self, low: bytes, own: Sequence[Own], times: int) -> int:
        """Return how many of its own places hold the value in another encoding."""
        return len(
            {
                (each.start, each.end)
                for each in own
                if (self.low not in low[each.first : each.last] if each.first >= 0 else not times)
            }
        )

    def _edges(self, low: bytes, text: Text, first: int, last: int) -> Iterator[tuple[View, int, int]]:
        """What stands before the first and behind the last letter of the value."""
        if self._behind and low.startswith(self._behind, last):
            yield text.view, last, last + len(self._behind)
        if self._before and low[max(first - len(self._before), 0) : first] == self._before:
            yield text.view, first - len(self._before), first


class Letters:
    """The letters and digits of the regions of a record as it was logged: much is told by them, and nothing decoded.

    Only for a record in which no letter and no digit stands in a code.
    """

    def __init__(self, parts: Sequence[bytes]) -> None:
        self._parts = [bare(part) for part in parts]
        self._joined = b"\n".join(self._parts)
        self._begins = list(accumulate((len(part) + 1 for part in self._parts), initial=0))

    def of(self, number: int) -> bytes:
        """Return those of a region."""
        return self._parts[number]

    def regions_with(self, wanted: Wanted, own: Mapping[int, Sequence[bytes]]) -> set[int] | None:
        """Return which regions may hold a value beside its `own` places; None where any may.

        Of the places there is what stands there, by region.  The value has been cut before.
        """
        if not wanted.runs:
            return None
        inside = {number: [bare(part) for part in parts] for number, parts in own.items()}
        enough = len(wanted.runs) - wanted.spare
        found: dict[int, int] = {}
        for left, run in zip(range(len(wanted.runs))[::-1], wanted.runs, strict=True):
            for number in set[int]().union(*(self._regions_with(half, inside) for half in run)):
                found[number] = found.get(number, 0) + 1
            if max(found.values(), default=0) + left < enough:
                return set()
        return {number for number, times in found.items() if times >= enough}

    def _regions_with(self, run: bytes, inside: Mapping[int, Sequence[bytes]]) -> Iterator[int]:
        own = {number: sum(part.count(run) for part in parts) for number, parts in inside.items()}
        if self._joined.count(run) == sum(own.values()):
            return
        position = self._joined.find(run)
        while position >= 0:
            number = bisect_right(self._begins, position) - 1
            if self._parts[number].count(run) != own.get(number, 0):
                yield number
            position = self._joined.find(run, self._begins[number + 1])


def _halves(run: bytes) -> list[bytes]:
    return [run[: len(run) // 2], run[len(run) // 2 :]]


def pairs(texts: Sequence[Text], wanted: Sequence[Wanted]) -> list[tuple[int, int]]:
    """Return which texts may hold which of the values: a look at all of them together takes far less time."""
    found = set(_with([text.view.data for text in texts], [each.low for each in wanted]))
    # To decode all takes longest.
    if any(len(each.needle) >= LEAST for each in wanted):
        found.update(_with([text.bare for text in texts], [each.needle for each in wanted]))
    return sorted(found)


def _with(parts: Sequence[bytes], needles: Sequence[bytes]) -> Iterator[tuple[int, int]]:
    joined = b"\n".join(parts).lower()
    begins = list(accumulate((len(part) + 1 for part in parts), initial=0))
    for index, needle in enumerate(needles):
        position = joined.find(needle) if len(needle) >= LEAST else -1
        while position >= 0:
            number = bisect_right(begins, position) - 1
            yield number, index
            # One that goes on in the next text may hide one that begins there.
            position = joined.find(needle, begins[number + 1])


def _is_word(text: bytes, start: int, end: int) -> bool:
    return not (text[max(start - 1, 0) : start].isalnum() or text[end : end + 1].isalnum())

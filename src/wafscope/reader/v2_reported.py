"""What the messages of one transaction of ModSecurity 2 tell together: its matches, its score, what was denied."""

from __future__ import annotations

from functools import lru_cache

import msgspec

from wafscope.event.model import Action, Match
from wafscope.reader.v2_message import is_cut, read_message, sentence_of
from wafscope.reader.v2_sentence import Sentence
from wafscope.reader.verdict import NO_SCORE, Score, read_score

_DENIED = "Access denied "
_DENIALS: frozenset[Action] = frozenset({"deny", "drop", "redirect", "proxy"})
_LONGEST = 8192
"""Messages that are longer together are not kept for the next record that has the same."""


class Reported(msgspec.Struct, frozen=True, gc=False):
    """What messages tell."""

    matches: tuple[Match, ...] = ()
    cut: bool = False
    """Whether the engine cut one of them."""
    denials: tuple[Sentence, ...] = ()
    """The words of those that interrupt a request."""
    score: Score = NO_SCORE

    def denial(self, phase: int | None) -> Sentence | None:
        """Return the words of the message that interrupted the request; in `phase`, where that is known."""
        for sentence in self.denials:
            if phase is None or sentence.phase == phase:
                return sentence
        return self.denials[0] if self.denials else None


NOTHING_REPORTED = Reported()


def reported_by(messages: tuple[str, ...]) -> Reported:
    """Return what the messages of a record tell: what a scanner provokes, it provokes again and again."""
    if not messages:
        return NOTHING_REPORTED
    return _kept(messages) if sum(map(len, messages)) <= _LONGEST else _read(messages)


def _read(messages: tuple[str, ...]) -> Reported:
    matches = tuple([read_message(text) for text in messages])
    denials = [sentence_of(text) for text in messages if text.startswith(_DENIED)]
    return Reported(
        matches,
        any(map(is_cut, matches)),
        tuple([sentence for sentence in denials if sentence.action in _DENIALS]),
        read_score(matches),
    )


_kept = lru_cache(maxsize=2048)(_read)

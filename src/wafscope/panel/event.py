"""One event in full: request and response, each match explained, the score, its neighbours."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from wafscope.event.model import AttackClass, Event, Match
from wafscope.event.rule import is_outbound
from wafscope.event.text import from_bytes
from wafscope.i18n.text import Text
from wafscope.panel import block, explain, joined, place, region, stopwatch
from wafscope.panel.answers import Answers
from wafscope.panel.block import Block, Mark
from wafscope.panel.events import Events, listed
from wafscope.panel.joined import ErrorLines
from wafscope.panel.place import Place
from wafscope.panel.reference import Link, read
from wafscope.panel.score import Waterfall, waterfall
from wafscope.panel.stopwatch import Stopwatch
from wafscope.panel.view import View, one_of
from wafscope.query.question import Count, Counts, Cursor, Page, Scope, StoredEvent
from wafscope.query.timespan import Window

_EVER = Window(-(1 << 60), 1 << 60)
_NEIGHBOURS = 3
_LEVEL = "paranoia-level/"
SHOWN = 200
"""Matches that the page explains, and whose place it looks for."""
_MOST_VALUES = 20
"""Further values of one match that the page shows, and whose place it looks for."""


class MatchView(msgspec.Struct, frozen=True):
    """A match made ready to be read; `number` is that of its mark in the request."""

    number: int
    match: Match
    sentence: Text | None
    """None where the log says of none of its matches what they found."""
    place: Place | None
    operator: str
    transformations: tuple[str, ...]
    level: str
    """Paranoia level by the tags of the rule; empty where there is none."""
    outbound: bool
    says_data: bool
    """True where the sentence is the rule's data, word for word."""


class EventPage(msgspec.Struct, frozen=True):
    """Answer of the page, without what must be asked of other events."""

    stored: StoredEvent
    request: Block
    response: Block
    matches: tuple[MatchView, ...]
    sums: tuple[MatchView, ...]
    """The bookkeeping rules, which only sum and report."""
    score: Waterfall
    in_body: int
    """Explained matches of the body, which the record does not have."""
    unplaced: int
    """Other explained matches with a target whose place in the request is not certain."""
    targets: int
    """Distinct targets of the matches."""
    classes: tuple[AttackClass, ...]
    """Attack classes of the matches, the one of the event first."""
    stopwatch: Stopwatch | None
    request_line: str
    """The request line as logged, where the request that is shown begins otherwise."""
    deciding: Match | None
    """The match that interrupted the request or let it pass, where the log tells."""
    error_log: tuple[ErrorLines, ...]
    """The lines of the error log about the same transaction."""
    said: str
    """Why the engine interrupted, in its own words, where that match is not known."""

    @property
    def explained(self) -> tuple[MatchView, ...]:
        """The matches that the page explains."""
        return self.matches[:SHOWN]

    @property
    def left_out(self) -> int:
        """Matches that it does not."""
        return max(0, len(self.matches) - SHOWN) + max(0, len(self.sums) - SHOWN)


class Neighbours(msgspec.Struct, frozen=True):
    """Events of the same client around this one, newest first, and how many there are at all."""

    newer: Events
    older: Events
    all: Counts


class Beside(msgspec.Struct, frozen=True):
    """The next newer and the next older event of the list one came from."""

    newer: bytes | None
    older: bytes | None


def find(answers: Answers, event_id: bytes) -> EventPage | None:
    """Find an event and make it ready; None where the store does not have it."""
    stored = answers.event(event_id).value
    return None if stored is None else ready(stored)


def ready(stored: StoredEvent) -> EventPage:
    """Make an event ready to be read."""
    event = stored.event
    request = region.lay_out(event)
    views = [_view(number, match, event) for number, match in enumerate(event.matches, start=1)]
    scoring = tuple(view for view in views if not view.match.bookkeeping)
    placed = tuple(msgspec.structs.replace(view, place=place.find(view.match, request)) for view in scoring[:SHOWN])
    marks = [mark for view in placed for mark in _marks(view, request)]
    unplaced = [view for view in placed if view.place is None and view.match.target]
    # Without the request line nothing proves that an argument was not in the query.
    no_body = event.request_body is None and "no_request" not in event.gaps
    in_body = sum(place.is_of_body(view.match, request) for view in unplaced) if no_body else 0
    classes = dict.fromkeys(view.match.attack_class for view in scoring)
    if event.attack_class is not None:
        classes = {event.attack_class: None, **classes}
    deciding = _deciding(event)
    return EventPage(
        stored=stored,
        request=block.request_block(request, block.merged(marks)),
        response=block.response_block(event),
        matches=placed + scoring[SHOWN:],
        sums=tuple(view for view in views if view.match.bookkeeping),
        score=waterfall(event),
        in_body=in_body,
        unplaced=len(unplaced) - in_body,
        targets=len({view.match.target for view in scoring if view.match.target}),
        classes=tuple(classes),
        stopwatch=stopwatch.read(event),
        request_line=_request_line(event, request),
        deciding=deciding,
        error_log=joined.read(stored),
        said=event.action_message if deciding is None else "",
    )


def neighbours(answers: Answers, stored: StoredEvent) -> Neighbours:
    """Ask for the events of the same client right before and after."""
    scope = Scope(_EVER, one_of("client.address", (stored.event.client_address,)))
    here = Cursor(stored.event.time, stored.id)
    return Neighbours(
        newer=listed(answers, answers.page(Page(scope, _NEIGHBOURS, newer_than=here))),
        older=listed(answers, answers.page(Page(scope, _NEIGHBOURS, older_than=here))),
        all=answers.count(Count(scope)).value,
    )


def beside(answers: Answers, stored: StoredEvent, view: View) -> Beside:
    """Ask for the next events of the list in either direction."""
    here = Cursor(stored.event.time, stored.id)
    newer = answers.page(Page(view.scope, 1, newer_than=here)).value.rows
    older = answers.page(Page(view.scope, 1, older_than=here)).value.rows
    return Beside(newer[-1].id if newer else None, older[0].id if older else None)


def _marks(view: MatchView, request: region.Request) -> Iterator[Mark]:
    """The places of a match: that of its own value, and those of the further values it matched."""
    if view.place is not None:
        yield Mark(view.place.start, view.place.end, (view.number,))
    for value in view.match.others[:_MOST_VALUES]:
        found = place.find(place.of_value(view.match, value), request) if value.target else None
        if found is not None:
            yield Mark(found.start, found.end, (view.number,))


def _request_line(event: Event, request: region.Request) -> str:
    shown = from_bytes(request.text[: request.line_end])
    return "" if event.request_line.strip() == shown.strip() else event.request_line


def _deciding(event: Event) -> Match | None:
    """The match whose words are those of what the engine did."""
    wanted = (event.action or "unknown") if event.interrupted else "allow"
    same = [match for match in event.matches if match.action == wanted]
    in_phase = [match for match in same if match.phase == event.action_phase]
    return next(iter(in_phase or same), None)


def _sentence(match: Match, event: Event) -> Text | None:
    """Say what a match found; None where the log says of no match what it found, which is said once for all."""
    if "no_match_details" in event.gaps and not (match.operator or match.data or match.justification):
        return None
    return explain.sentence(match, event)


def _view(number: int, match: Match, event: Event) -> MatchView:
    links: tuple[Link, ...] = read(match.reference)
    return MatchView(
        number=number,
        match=match,
        sentence=_sentence(match, event),
        place=None,
        operator=explain.operator_name(match) if match.operator else "",
        transformations=links[-1].transformations if links else (),
        level=next((tag.removeprefix(_LEVEL) for tag in match.tags if tag.startswith(_LEVEL)), ""),
        outbound=is_outbound(match.rule_id, match.version, match.file),
        says_data=explain.quotes_data(match),
    )

"""An event made ready: what decided, where the further values stand, what is counted as not placed."""

from typing import Any

from tests.make import START, event, match

from wafscope.event.model import Event, Value
from wafscope.i18n.text import english
from wafscope.panel.event import EventPage, ready
from wafscope.query.question import StoredEvent


def page(made: Event) -> EventPage:
    return ready(StoredEvent(bytes(16), made, "web1", "/a.log", 0, len(made.raw)))


def request(*matches: Any, **values: Any) -> Event:
    known = {"method": "GET", "uri": "/a?q=evil&r=evil2", "path": "/a", "query": "q=evil&r=evil2", "protocol": "1.1"}
    return event(START, *matches, **(known | values))


def test_further_values_are_marked_with_the_number_of_their_match() -> None:
    also = Value(target="ARGS:r", value="evil2", data="Matched Data: evil2 found within ARGS:r: evil2")
    made = request(match(941180, target="ARGS:q", value="evil", others=(also, Value(message="no target"))))
    opened = [piece.numbers for piece in page(made).request.lines[0].pieces if piece.kind == "open"]
    assert opened == [(1,), (1,)]


def test_the_match_that_interrupted() -> None:
    first, second = match(949110, action="deny", phase=1), match(949111, action="deny", phase=2)
    known = {"interrupted": True, "action": "deny", "action_phase": 2, "action_message": "Operator GE"}
    found = page(request(match(), first, second, **known))
    assert (found.deciding, found.said) == (second, "")
    found = page(request(match(), **known))
    assert (found.deciding, found.said) == (None, "Operator GE")
    assert page(request(match(action="allow", phase=1), interrupted=False)).deciding is not None
    assert page(request(match(action="deny"), interrupted=False)).deciding is None


def test_the_request_line_only_where_it_differs() -> None:
    assert page(request(request_line="GET /a?q=evil&r=evil2 HTTP/1.1")).request_line == ""
    assert page(request(request_line="GET  /a?q=evil&r=evil2")).request_line == "GET  /a?q=evil&r=evil2"


def test_what_can_not_be_placed() -> None:
    without_target, unknown = match(7004), match(1, target="ARGS:z", value="zz")
    assert (page(request(without_target)).unplaced, page(request(without_target)).in_body) == (0, 0)
    assert (page(request(unknown)).unplaced, page(request(unknown)).in_body) == (0, 1)
    in_query = match(1, target="ARGS:q", value="something else")
    assert (page(request(in_query)).unplaced, page(request(in_query)).in_body) == (1, 0)
    of_error_log = page(request(unknown, uri="/a", gaps=("no_request",)))
    assert (of_error_log.unplaced, of_error_log.in_body) == (1, 0)


def test_what_the_log_says_of_no_match_is_not_said_for_each() -> None:
    silent = match(None, message="UTF8 Encoding Abuse Attack Attempt")
    assert page(request(silent, gaps=("no_match_details",))).matches[0].sentence is None
    said = page(request(silent)).matches[0].sentence
    assert said is not None
    assert english(said) == "The log doesn’t say what the rule tested."


def test_a_record_without_request_line_begins_with_its_headers() -> None:
    made = event(START, request_headers=(("Host", "a"),))
    assert [piece.text for piece in page(made).request.lines[0].pieces] == ["Host:", " a"]
    assert page(event(START)).request.lines == ()

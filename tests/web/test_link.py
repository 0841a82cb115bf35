"""Addresses: each keeps the state and changes one thing."""

from urllib.parse import parse_qs, urlsplit

from tests.make import START

from wafscope.panel.view import one_of
from wafscope.query.parser import decode, parse
from wafscope.query.timespan import DAY, Window
from wafscope.web.link import Links, added
from wafscope.web.state import State

STATE = State(text="@host:a.example", preset="7d", zone="Asia/Tokyo")
LINKS = Links(STATE, "/")


def filter_of(address: str) -> str:
    return decode(parse_qs(urlsplit(address).query).get("f", [""])[0])


def test_filter_for_and_exclude() -> None:
    assert filter_of(LINKS.within("client.address", "192.0.2.1")) == "@host:a.example client:192.0.2.1"
    assert filter_of(LINKS.outside("rule.id", 942100)) == "@host:a.example -rule:942100"
    assert filter_of(LINKS.within("waf.outcome", "would_block")) == "@host:a.example is:would_block"
    assert filter_of(LINKS.outside("host", "a.example")) == "-host:a.example"


def test_the_rest_of_the_state_stays() -> None:
    query = parse_qs(urlsplit(LINKS.within("host", "b")).query)
    assert (query["t"], query["tz"]) == (["7d"], ["Asia/Tokyo"])


def test_a_missing_value_can_be_filtered_for() -> None:
    assert filter_of(LINKS.within("client.address", None)) == "@host:a.example -client:*"


def test_a_hostile_value_stays_one_value() -> None:
    value = 'a" or is:blocked -rule:*\n(*'
    line = filter_of(Links(State(), "/").within("host", value))
    assert parse(line) == one_of("host", (value,))


def test_conditions_join_alternatives_in_parentheses() -> None:
    line = added("@host:a or @host:b", one_of("rule.id", (1, 2)))
    assert line == "(@host:a or @host:b) rule:1,2"
    assert added(line, one_of("rule.id", (3,))) == "(@host:a or @host:b) rule:1,2 rule:3"


def test_a_filter_that_can_not_be_read_is_not_added_to() -> None:
    assert filter_of(Links(State(text="(("), "/").within("host", "b")) == "host:b"


def test_windows_replace_presets_and_the_other_way_round() -> None:
    assert "t=" not in LINKS.between(Window(START, START + DAY))
    assert "from=" not in Links(State(start=START, end=START + DAY), "/").at("24h")


def test_the_brush_has_places_for_both_times() -> None:
    query = parse_qs(urlsplit(LINKS.brush()).query)
    assert (query["from"], query["to"]) == (["__FROM__"], ["__TO__"])


def test_a_part_that_loads_later_knows_its_page() -> None:
    assert "on=" not in LINKS.panel("hits")
    assert parse_qs(urlsplit(Links(STATE, "/events").panel("presets")).query)["on"] == ["/events"]


def test_language_comes_back_to_the_same_page() -> None:
    assert parse_qs(urlsplit(LINKS.language("ja")).query)["next"] == [LINKS.here()]

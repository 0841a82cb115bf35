"""Every store answers every question about the hand-made events as the reference does."""

from __future__ import annotations

import pytest
from tests.contract.conftest import Twins
from tests.make import START, event, hour, write

from wafscope.errors import StoreError
from wafscope.event.fields import FIELDS
from wafscope.query.parser import parse
from wafscope.query.question import Count, Histogram, Page, Scope, Top, TopOrder
from wafscope.query.timespan import ALL_TIME, DAY, HOUR, MINUTE, Window
from wafscope.store.base import EventStore

NAMES = [*(field.name for field in FIELDS), "day"]

WINDOWS = {
    "all": ALL_TIME,
    "ordinary": Window(START, hour(50)),
    "one event": Window(hour(1.25), hour(1.25) + 1),
    "no event": Window(hour(1.25) + 1, hour(2.5)),
    "nothing": Window(hour(3), hour(3)),
    "until midnight": Window(START, START + 10 * DAY),
    "around the epoch": Window(-1, 1),
}

FILTERS = (
    # fields of events: is, a list, not, known, missing
    "host:www.example.org",
    "host:www.example.org,blog.example.org",
    "-host:www.example.org",
    "host:*",
    "-host:*",
    'host:""',
    '-host:""',
    'query:"","a*b"',
    "method:get",
    "method:GET",
    "method:*",
    "-uri:*",
    'host:"…"',
    'host:" blank "',
    'host:"line\\u{a}feed"',
    'host:"caf\\xe9"',
    "host:caf\\xe9",
    'host:"\\ud800"',
    """host:"'; DROP TABLE event; --\"""",
    'query:"\\""',
    # patterns: case, the signs of SQL and of regular expressions
    "path:/wp-*",
    "path:*",
    "path:**",
    "path:/a_*",
    "path:/A_*",
    "host:100%*",
    "host:*back\\slash*",
    "path:\\*",
    "host:*.example.*",
    "uri:*n=1,*n=3,/index_page",
    "host:line*feed",
    "host:*É",
    "-agent:*curl*",
    'query:"a*b"',
    "query:a*b",
    # numbers
    "status:403",
    "status:403,404,500-599",
    "status:0",
    "status:-1",
    "status:>=404",
    "status:>404",
    "status:<404",
    "-status:>=0",
    "score:..0",
    "score:-2147483648",
    "port:0",
    "score:99999999999",
    "score:<99999999999",
    "score:>=-99999999999",
    "is:unexplained",
    "unexplained:0",
    "-unexplained:*",
    "matches:0",
    "matches:>=3",
    "waf.score.outbound:0",
    # choices
    "is:blocked",
    "is:would,unknown",
    "is:reviewed",
    "is:unreviewed",
    "-is:reviewed",
    "is:unreviewed,blocked",
    "is:reviewed,unreviewed",
    "is:reviewed host:*",
    "class:sqli",
    "-class:*",
    "interrupted:yes",
    "interrupted:no",
    "-interrupted:*",
    "mode:detection_only",
    # addresses
    "ip:192.0.2.1",
    "ip:192.0.2.0/30",
    "ip:10.0.0.0/8",
    "ip:10.1.2.3/32",
    "ip:0.0.0.0/0",
    "ip:::/0",
    "ip:2001:db8::/33",
    "ip:::ffff:0:0/96",
    "ip:192.0.2.4/30,2001:db8::1",
    "-ip:10.0.0.0/8",
    "ip:fe80::/10",
    'ip:"unix:"',
    'ip:""',
    "-ip:*",
    # times
    "time:2026-11-18",
    "time:>=2026-11-18T02:00 time:<2026-11-18T05",
    "-time:>=1970-01-01",
    "time:1970-01-01T00:00:00.000000",
    # several texts
    "ruleset:site/1",
    "ruleset:OWASP*",
    "ruleset:*",
    "-ruleset:*",
    "-ruleset:site/1",
    "gap:no_body,zone_assumed",
    "flag:*",
    'ruleset:"caf\\xe9"',
    # fields of matches
    "rule:942100",
    "rule:942100 rule:941100",
    "rule:942100,1",
    "-rule:942100",
    "rule:*",
    "-rule:*",
    "rule:920000-920999",
    "rule:>=949110",
    "rule:<0",
    "rule:99999999999",
    "rule:<99999999999",
    "rule.message:*Anomaly*",
    "message:*",
    "-message:*",
    "tag:attack-sqli",
    "tag:attack-*",
    "rule_class:sqli",
    "rule_class:other",
    "rule_class:sqli,policy",
    "rule_class:sqli rule_class:policy",
    "rule_class:s*",
    "rule_class:nothing*",
    "rule_class:*",
    "-rule_class:*",
    "-tag:*",
    'tag:"\\xff\\xfe"',
    "target:ARGS:q",
    "-target:ARGS:*",
    "severity:0",
    "-severity:*",
    "severity:>=3",
    "rule.line:1-5",
    "rule.version:*4.9*",
    # what the store knows
    "sensor:web1",
    "-sensor:*",
    "source:-",
    "source:/var/log/*",
    "source:/var/log/café.log",
    # words
    "curl",
    "CURL",
    "mixed",
    "café",
    "CAFÉ",
    "日本",
    "ж",
    '"caf\\xe9"',
    '"line\\u{a}feed"',
    "ANOMALY",
    '"matched data: \\xff"',
    "%",
    "_",
    "*",
    "\\",
    "tx0001",
    "192.0.2",
    "-example",
    "nothing_has_this",
    # trees
    "(host:www.example.org or status:500) -is:blocked",
    "-(host:* status:*)",
    "-(host:* or status:*)",
    "(rule:942100 or (rule:920350 -rule:949110)) ruleset:*",
    "-(-rule:942100)",
    "~host:www.example.org status:403",
)


@pytest.mark.parametrize("line", FILTERS)
def test_the_same_events_are_counted(twins: Twins, line: str) -> None:
    tree = parse(line)
    for window in (ALL_TIME, WINDOWS["until midnight"]):
        twins.count(Scope(window, tree))


@pytest.mark.parametrize("line", FILTERS)
def test_the_same_values_of_a_filtered_field_are_on_top(twins: Twins, line: str) -> None:
    scope = Scope(ALL_TIME, parse(line))
    for name in ("host", "rule.id", "rule.tags"):
        twins.top(Top(name, scope, limit=5))


def test_filters_are_worth_asking(twins: Twins) -> None:
    """All but a few hold for some events and not for all."""
    everything = twins.reference.count(Count(Scope())).value.events
    found = [twins.reference.count(Count(Scope(filter=parse(line)))).value.events for line in FILTERS]

    assert sum(events in (0, everything) for events in found) < len(FILTERS) / 6


@pytest.mark.parametrize("window", WINDOWS.values(), ids=list(WINDOWS))
def test_the_same_events_are_in_a_window(twins: Twins, window: Window) -> None:
    twins.count(Scope(window))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("order", ["events", "matches", "last"])
def test_values_come_in_the_same_order(twins: Twins, name: str, order: TopOrder) -> None:
    twins.top(Top(name, Scope(), limit=0, order=order))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("bookkeeping", [True, False], ids=["all rules", "scoring rules"])
def test_values_in_scope_are_the_same(twins: Twins, name: str, *, bookkeeping: bool) -> None:
    scope = Scope(WINDOWS["until midnight"], parse("-rule:949110 or matches:>2"))
    twins.top(Top(name, scope, limit=0, bookkeeping=bookkeeping))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("start", [hour(20), hour(95), START - DAY])
def test_the_same_values_are_new(twins: Twins, name: str, start: int) -> None:
    scope = Scope(Window(start, hour(100)), parse("-status:404"))
    for bookkeeping in (True, False):
        top = Top(name, scope, limit=4, new=True, bookkeeping=bookkeeping)
        twins.top(top)


@pytest.mark.parametrize(
    ("zone", "last"),
    [
        ("UTC", "2026-11-28"),
        ("Asia/Tokyo", "2026-11-28"),
        ("Pacific/Apia", "2026-11-29"),
        ("America/St_Johns", "2026-11-28"),
    ],
)
def test_days_are_those_of_the_zone(twins: Twins, zone: str, last: str) -> None:
    days = twins.top(Top("day", Scope(), limit=0, zone=zone, order="last"))

    assert last == days.values[0].value


def test_an_alias_is_as_good_as_a_name(twins: Twins) -> None:
    aliased = twins.top(Top("ip", Scope()))

    assert aliased == twins.store.top(Top("client.address", Scope())).value


@pytest.mark.parametrize(
    "by", ["", *(field.name for field in FIELDS if field.scope == "event" and field.type != "time")]
)
def test_events_over_time_are_the_same(twins: Twins, by: str) -> None:
    for window, step in ((Window(START - 1, hour(120)), 6 * HOUR), (WINDOWS["around the epoch"], 1), (ALL_TIME, DAY)):
        for limit in (2, 100):
            question = Histogram(Scope(window), step, by=by, limit=limit)
            twins.histogram(question)


def test_filtered_events_over_time_are_the_same(twins: Twins) -> None:
    scope = Scope(Window(hour(2), hour(60)), parse("rule:942100 -host:blog.example.org"))
    bins = twins.histogram(Histogram(scope, 15 * MINUTE, by="class"))

    assert bins.bins


@pytest.mark.parametrize("line", ["", "host:www.example.org", "rule:942100", "-rule_class:xss"])
@pytest.mark.parametrize("window", ["all", "ordinary"])
def test_each_class_of_rules_counts_the_events_that_its_filter_finds(twins: Twins, line: str, window: str) -> None:
    scope = Scope(WINDOWS[window], parse(line))
    found = twins.top(Top("rule_class", scope, limit=0, bookkeeping=False, brief=True)).values
    assert found
    for each in found:
        narrowed = Scope(scope.window, parse(f"{line} rule_class:{each.value}"))
        assert each.events == twins.count(narrowed).events


@pytest.mark.parametrize("brief", [True, False])
def test_classes_where_no_rule_is_of_the_site_s_own(store: EventStore, brief: bool) -> None:  # noqa: FBT001
    write(
        store, [event(hour(1), 942100, 942100, 942190, 920350, 949110), event(hour(2), 920350), event(hour(3), 980130)]
    )
    answer = store.top(Top("rule_class", Scope(), limit=0, brief=brief)).value
    figures = [(each.value, each.events, each.matches, each.first, each.last) for each in answer.values]
    both = [("policy", 2, 2, hour(1), hour(2)), ("sqli", 1, 3, hour(1), hour(1))]
    assert figures == [(name, events, 0, 0, 0) if brief else (name, events, *rest) for name, events, *rest in both]
    assert (answer.distinct, answer.events) == (2, 0 if brief else 3)


def test_several_lists_are_answered_at_once(twins: Twins) -> None:
    scope = Scope(WINDOWS["ordinary"], parse("method:GET,POST"))
    questions = [Top(field.name, scope, limit=5, bookkeeping=False) for field in FIELDS if field.facet]
    answers = twins.agree(lambda store: store.facets(questions))

    assert len(questions) == len(answers)
    assert twins.store.facets([]).value == ()


def test_the_latest_match_tells_what_a_rule_is(twins: Twins) -> None:
    wanted = [949110, 1, 777, 942100, 2_147_483_647, 920350]
    known = twins.agree(lambda store: store.rules(wanted))

    assert [rule.rule_id for rule in known] == [949110, 1, 942100, 2_147_483_647, 920350]
    assert "The newest message" in [rule.message for rule in known]
    assert twins.store.rules([]).value == ()


def test_what_is_held_is_the_same(twins: Twins) -> None:
    held = twins.agree(lambda store: store.held())

    assert held.first == -1
    assert [(counts.source, counts.sensor) for counts in held.sources][:3] == [
        ("-", ""),
        ("/var/log/café.log", "web2"),
        ("/var/log/modsec_audit.log", "web1"),
    ]


def test_an_unknown_id_is_no_event(twins: Twins) -> None:
    assert twins.agree(lambda store: store.event(bytes(16))) is None


def test_an_unknown_zone_is_an_error_that_says_so(twins: Twins) -> None:
    with pytest.raises(StoreError):
        twins.store.top(Top("day", Scope(), zone="Mars/Olympus"))


def test_no_time_gives_no_answer(twins: Twins) -> None:
    """And says so."""
    scope = Scope()
    store = twins.store
    top = Top("host", scope)
    answers = (
        store.count(Count(scope), time_limit=0),
        store.page(Page(scope), time_limit=0),
        store.top(top, time_limit=0),
        store.facets([top, top], time_limit=-1),
        store.histogram(Histogram(scope, HOUR), time_limit=0),
        store.rules([942100], time_limit=0),
        store.event(bytes(16), time_limit=0),
        store.held(time_limit=0),
    )

    assert all(answer.cut for answer in answers)
    empty = [answer.value for answer in answers]
    with_nothing = twins.reference.facets([top, top], time_limit=0).value
    assert with_nothing == empty[3]
    assert empty[0].events == 0  # type: ignore[union-attr] # Counts
    assert empty[1].rows == ()  # type: ignore[union-attr] # Rows

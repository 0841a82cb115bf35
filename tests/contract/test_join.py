"""One transaction in two logs is one event, in every store and in whatever order the logs come."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import permutations
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.contract.conftest import Twins, open_kind
from tests.make import START, event, match, v3_record, write

from wafscope.event.model import Event, Match
from wafscope.query.question import Held, Histogram, JoinedRecord, Page, Scope, StoredEvent, Top
from wafscope.query.timespan import DAY, HOUR, SECOND, Window
from wafscope.reader.again import read_again
from wafscope.store.base import Records, Tally, Written
from wafscope.store.memory import MemoryStore

AUDIT, ERROR = "/var/log/audit.log", "/var/log/error.log"
FIELDS = ("rule.id", "client.address", "waf.interrupted", "waf.interrupted_source", "waf.outcome", "waf.action")
KEPT = ("event.gaps", "event.format", "rule.message", "host", "time.zone_source", "waf.score.inbound")


def audit(number: int, *rules: Match | int, late: int = 0, **values: Any) -> Event:
    """Make a record of libmodsecurity before 3.0.15: it does not say whether the request was stopped."""
    known: dict[str, Any] = {
        "transaction_id": f"17949690{number:02}12.345678",
        "interrupted": bool(rules),
        "interrupted_source": "inferred",
        "outcome": "blocked" if rules else "no_match",
        "gaps": ("no_body", "no_blocked_flag"),
        "client_address": f"192.0.2.{number % 5}",
        "host": "www.example.org",
        "zone_source": "unique_id",
    }
    return event(START + (number * 1000 + late) * SECOND, *rules, **(known | values))


def error(number: int, *rules: Match | int, late: int = 0, **values: Any) -> Event:
    """Make what the error log has about the same transaction."""
    known: dict[str, Any] = {
        "format": "err.nginx.v3",
        "transaction_id": f"17949690{number:02}12.345678",
        "interrupted": True,
        "interrupted_source": "error_log",
        "outcome": "blocked",
        "action": "deny",
        "gaps": ("no_headers",),
        "client_address": f"192.0.2.{number % 5}",
        "zone_source": "unique_id",
    }
    return event(START + (number * 1000 + late) * SECOND, *rules, **(known | values))


_QUIET: dict[str, Any] = {"interrupted": False, "outcome": "below", "action": ""}


def quiet(number: int, *rules: Match | int, **values: Any) -> Event:
    """Make lines of the error log none of which is a denial."""
    return error(number, *rules, **(_QUIET | values))


@pytest.fixture
def both(kind: str) -> Iterator[Twins]:
    """An empty store and the reference."""
    with open_kind(kind) as store, MemoryStore() as reference:
        yield Twins(store, reference)


def put(both: Twins, events: list[Event], source: str = AUDIT, **values: Any) -> Written:
    expected, done = (write(store, events, source=source, **values) for store in (both.reference, both.store))
    assert expected == done
    ask(both)
    return done


def ask(both: Twins) -> Held:
    """Ask for all that an import can have changed."""
    held = both.agree(lambda store: store.held())
    assert held.events == sum(counts.stored - counts.joined for counts in held.sources)
    for name in (*FIELDS, *KEPT):
        both.top(Top(name, Scope(), limit=0))
        both.top(Top(name, Scope(Window(START + HOUR, START + 9 * DAY)), limit=0, new=True))
    both.histogram(Histogram(Scope(Window(START, START + DAY)), HOUR))
    both.agree(lambda store: store.rules([942100, 920350, 913100, 949110, 1]))
    matches = both.count(Scope()).matches
    assert matches == sum(counts.matches for counts in held.sources)
    return held


def found(both: Twins, field: str) -> dict[Any, int]:
    return {value.value: value.events for value in both.top(Top(field, Scope(), limit=0)).values}


def test_the_same_transaction_in_both_logs_is_one_event(both: Twins) -> None:
    put(both, [audit(1, 942100), audit(2)])
    done = put(both, [error(1, 942100), error(3, 920350)], ERROR)

    assert done == Written(stored=2, duplicate=0, quarantined=0, matches=1, joined=1)
    assert found(both, "waf.interrupted_source") == {"error_log": 2, "inferred": 1}
    assert found(both, "event.format") == {"v3.json": 2, "err.nginx.v3": 1}
    assert found(both, "waf.action") == {"deny": 2, None: 1}
    assert found(both, "event.gaps") == {"no_body": 2, "no_blocked_flag": 1, "no_headers": 1}
    assert ask(both).joined == 1


def test_the_error_log_may_come_first(both: Twins) -> None:
    put(both, [error(1, 942100), error(3, 920350)], ERROR)
    done = put(both, [audit(1, 942100), audit(2)])

    assert done == Written(stored=2, duplicate=0, quarantined=0, matches=1, joined=1)
    assert [(s.source, s.stored, s.joined, s.matches) for s in ask(both).sources] == [
        (AUDIT, 2, 0, 1),
        (ERROR, 2, 1, 1),
    ]


def test_both_may_stand_in_one_log(both: Twins) -> None:
    done = put(both, [error(1, 942100), audit(1, 942100), audit(2), error(2)], "-")

    assert done == Written(stored=4, duplicate=0, quarantined=0, matches=1, joined=2)
    assert both.count(Scope()).events == 2


def test_both_may_be_written_in_one_act(both: Twins) -> None:
    for store in (both.reference, both.store):
        parts = [
            (
                store.encoder().encode([Records(source, _placed(events))], sensor="s"),
                Tally(source, "s", len(events), 1, 9),
            )
            for source, events in ((ERROR, [error(1, 942100, raw=b"e")]), (AUDIT, [audit(1, 942100, raw=b"a")]))
        ]
        one, two = store.write_all(parts)
        assert (one.stored, one.joined, one.matches, two.stored, two.joined) == (1, 1, 0, 1, 0)
    ask(both)


def _placed(events: list[Event]) -> Any:
    from wafscope.reader.base import Found

    return [Found(each, 0, len(each.raw)) for each in events]


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_every_order_gives_the_same(both: Twins, order: tuple[int, ...]) -> None:
    batches = (
        ([audit(n, 942100, 920350, raw=b"a%d" % n) for n in range(6)], AUDIT),
        ([error(n, 942100, 920350, late=1, raw=b"e%d" % n) for n in range(3)], ERROR),
        ([quiet(n, 942100, 920350, 913100, raw=b"e%d" % n) for n in range(3, 8)], "/var/log/error.log.1"),
    )
    for number in order:
        put(both, *batches[number])
    for number in reversed(order):
        assert put(both, *batches[number]).stored == 0

    assert both.count(Scope()).events == 8
    assert found(both, "rule.id") == {942100: 8, 920350: 8, 913100: 2}
    assert found(both, "waf.interrupted") == {"yes": 3, "no": 5}


def test_a_second_import_of_either_log_adds_nothing(both: Twins) -> None:
    audits, errors = [audit(n, 942100) for n in range(4)], [error(n, 942100, late=n) for n in range(5)]
    put(both, errors, ERROR)
    put(both, audits)
    held = ask(both)
    assert (put(both, errors, ERROR).duplicate, put(both, audits).duplicate) == (5, 4)
    assert put(both, [*errors, *audits], "copy.log").duplicate == 9

    assert held.events == ask(both).events == 5


def test_several_records_of_the_error_log_may_belong_to_one_event(both: Twins) -> None:
    """The lines of a transaction that stand far apart are read as two."""
    put(both, [quiet(1, 942100, raw=b"first")], ERROR)
    put(both, [audit(1, 942100, 949110)])
    assert found(both, "waf.interrupted_source") == {"inferred": 1}  # no line for 949110: it may have been a denial
    done = put(both, [error(1, 949110, raw=b"second")], "/var/log/error.log.1")

    assert (done.joined, both.count(Scope()).events) == (1, 1)
    assert found(both, "waf.interrupted_source") == {"error_log": 1}
    assert ask(both).joined == 2


@pytest.mark.parametrize(
    ("own", "said", "expected"),
    [
        (("yes", "inferred", "blocked"), quiet, ("no", "error_log", "below")),
        (("no", "inferred", "below"), error, ("yes", "error_log", "blocked")),
        ((None, "", "unknown"), error, ("yes", "error_log", "blocked")),
        ((None, "", "unknown"), quiet, ("no", "error_log", "below")),
        (("yes", "flag", "blocked"), quiet, ("yes", "flag", "blocked")),
        (("no", "flag", "would_block"), quiet, ("no", "flag", "would_block")),
        (("no", "action_line", "below"), error, ("no", "action_line", "below")),
        (("no", "mode", "would_block"), quiet, ("no", "mode", "would_block")),
        (("no", "mode", "would_block"), error, ("yes", "error_log", "blocked")),
    ],
)
def test_only_a_weaker_word_gives_way(both: Twins, own: Any, said: Any, expected: Any) -> None:
    """An engine that only detects writes no denial; where there is one, a rule had switched it on."""
    interrupted, source, outcome = own
    known = {"yes": True, "no": False, None: None}[interrupted]
    put(both, [audit(1, 942100, interrupted=known, interrupted_source=source, outcome=outcome)])
    put(both, [said(1, 942100)], ERROR)
    names = ("waf.interrupted", "waf.interrupted_source", "waf.outcome")

    assert expected == tuple(next(iter(found(both, name))) for name in names)


@pytest.mark.parametrize("action", ["", "unknown"])
def test_an_action_that_the_audit_record_does_not_name_is_that_of_the_error_log(both: Twins, action: str) -> None:
    put(both, [audit(1, 942100, interrupted=True, interrupted_source="flag", action=action)])
    put(both, [error(1, 942100)], ERROR)

    assert (found(both, "waf.action"), found(both, "waf.interrupted_source")) == ({"deny": 1}, {"flag": 1})


@pytest.mark.parametrize(
    "other",
    [
        error(1, 942100, late=61),
        error(1, 942100, transaction_id=""),
        error(1, 942100, transaction_id="17949690011.345678"),
        error(1, 942100, format="v2.native"),
    ],
)
def test_other_transactions_stay_apart(both: Twins, other: Event) -> None:
    put(both, [audit(1, 942100), audit(2, transaction_id="")])
    put(both, [other], ERROR)

    assert both.count(Scope()).events == 3


def test_the_same_id_at_another_sensor_is_another_transaction(both: Twins) -> None:
    put(both, [audit(1, 942100)])
    assert put(both, [error(1, 942100)], ERROR, sensor="web2").joined == 0
    assert put(both, [error(1, 942100)], ERROR, sensor="").joined == 0


def test_the_nearest_of_several_audit_records_is_joined(both: Twins) -> None:
    shared: dict[str, Any] = {"transaction_id": "same"}
    put(both, [audit(1, host="a", **shared), audit(1, late=9, host="b", **shared)])
    put(both, [error(1, late=6, **shared)], ERROR)

    for store in (both.reference, both.store):
        rows = store.page(Page(Scope())).value.rows
        assert {row.host: row.outcome for row in rows} == {"a": "no_match", "b": "blocked"}


def test_an_audit_record_of_the_same_second_goes_before_a_nearer_one(both: Twins) -> None:
    """An error log has whole seconds: the time of its line is that of the beginning of the second."""
    second = audit(1).time // 1_000_000 * 1_000_000
    shared: dict[str, Any] = {"transaction_id": "same"}
    same = msgspec.structs.replace(audit(1, host="same", **shared), time=second + 900_000)
    nearer = msgspec.structs.replace(audit(2, host="nearer", **shared), time=second - 100_000)
    put(both, [same, nearer])
    put(both, [msgspec.structs.replace(error(1, **shared), time=second)], ERROR)

    for store in (both.reference, both.store):
        rows = store.page(Page(Scope())).value.rows
        assert {row.host: row.outcome for row in rows} == {"same": "blocked", "nearer": "no_match"}


def test_an_id_that_is_only_a_second_joins_no_other_request(both: Twins) -> None:
    """libmodsecurity 3.0.5 to 3.0.7 gave all transactions of a second the same id (issue 2752)."""
    shared: dict[str, Any] = {"transaction_id": "1794969000"}
    put(both, [audit(1, path="/a", **shared), audit(1, path="/b", **shared)])
    done = put(both, [error(1, path="/b", **shared), error(1, path="/c", **shared)], ERROR)

    assert (done.joined, both.count(Scope()).events) == (1, 3)


def test_a_record_without_any_time_is_known_and_joined_by_its_id(both: Twins) -> None:
    """Bare lines of Coraza have the time of their file, and a copy of the file has another."""
    bare: dict[str, Any] = {"format": "err.coraza", "gaps": ("no_time", "zone_assumed"), "raw": b"bare"}
    put(both, [error(1, 942100, **bare)], ERROR)
    assert put(both, [error(1, 942100, late=40 * 86_400, **bare)], "copy.log").duplicate == 1
    done = put(both, [audit(1, 942100, late=5 * 86_400)])

    assert (done.joined, both.count(Scope()).events) == (1, 1)
    assert put(both, [error(1, 942100, late=80 * 86_400, **bare)], "copy.log").duplicate == 1


def test_what_is_kept_of_rules_and_clients_forgets_what_is_joined(both: Twins) -> None:
    """A rule that only the error log names is gone with its record; one seen earlier there is new later."""
    early = error(1, match(942100, message="as the error log has it"), 913100, late=-20, client_address="198.51.100.1")
    put(both, [early], ERROR)
    put(both, [audit(1, match(942100, message="as the audit log has it"))])

    assert found(both, "rule.id") == {942100: 1}
    assert [rule.message for rule in both.agree(lambda store: store.rules([942100, 913100]))] == [
        "as the audit log has it"
    ]


few = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
rules = st.lists(st.sampled_from((942100, 920350, 913100, 949110)), max_size=3)


@st.composite
def histories(draw: st.DrawFn) -> list[tuple[str, list[Event]]]:
    """Draw logs with both kinds of records about a few transactions, cut into imports."""
    made = []
    for number in range(draw(st.integers(1, 6))):
        source = draw(st.sampled_from(("inferred", "flag", "mode", "")))
        own = audit(number, *draw(rules), interrupted_source=source, raw=b"a%d" % number)
        made.append((AUDIT, own))
        for part in range(draw(st.integers(0, 2))):
            make = draw(st.sampled_from((error, quiet)))
            late = draw(st.integers(-3, 70))
            made.append((ERROR, make(number, *draw(rules), late=late, raw=b"e%d.%d" % (number, part))))
    chosen = draw(st.permutations(made + draw(st.lists(st.sampled_from(made), max_size=3))))
    cuts = sorted(draw(st.lists(st.integers(0, len(chosen)), max_size=3)))
    parts = [chosen[start:end] for start, end in zip([0, *cuts], [*cuts, len(chosen)], strict=True)]
    return [(source, [each for name, each in part if name == source]) for part in parts for source in (ERROR, AUDIT)]


@few
@given(history=histories())
def test_generated_histories_are_joined_alike(kind: str, history: list[tuple[str, list[Event]]]) -> None:
    with open_kind(kind) as store, MemoryStore() as reference:
        twins = Twins(store, reference)
        for source, events in history:
            assert write(reference, events, source=source) == write(store, events, source=source)
        ask(twins)


def nginx_line(number: int, *rules: int, denied: bool = False) -> bytes:
    """Make a line of libmodsecurity 3 in the error log of nginx for each rule."""
    word = "Access denied with code 403 (phase 2)" if denied else "Warning"
    return b"\n".join(
        b"2026/11/18 02:3%d:00 [error] 7#7: *2 [client 192.0.2.7] ModSecurity: %s. Matched \"Operator `Ge' with"
        b' parameter `5\' against variable `TX:score\' (Value: `5\' ) [file "/etc/crs/a.conf"] [line "81"] [id "%d"]'
        b' [rev ""]'
        b' [msg "Message of %d"] [data "x"] [severity "2"] [ver "OWASP_CRS/4.9.0"] [maturity "0"] [accuracy "0"]'
        b' [tag "attack-sqli"] [hostname "198.51.100.1"] [uri "/search"] [unique_id "179496900%d.000001"] [ref "v1,2"],'
        b' client: 192.0.2.7, server: www, request: "GET /search?q=1 HTTP/1.1", host: "www.example.org"'
        % (number, word.encode(), rule, rule, number)
        for rule in rules
    )


def read(kind: str, raw: bytes) -> Event:
    return read_again(kind, raw, "", assumed=True)


def without_part_h(number: int) -> Event:
    """Read a record of an audit log without part H."""
    record = json.loads(v3_record(unique_id=f"179496900{number}.000001"))
    del record["transaction"]["messages"]
    return read("v3.json", json.dumps(record).encode())


def stored_events(both: Twins) -> list[StoredEvent]:
    """The events of both stores, which are the same but for their ids."""
    found = []
    for store in (both.reference, both.store):
        rows = store.page(Page(Scope())).value.rows
        events = [event for row in rows if (event := store.event(row.id).value)]
        assert [(row.outcome, row.rule_ids, row.score) for row in rows] == [
            (
                each.event.outcome,
                tuple(dict.fromkeys(match.rule_id for match in each.event.matches)),
                each.event.score,
            )
            for each in events
        ]
        found.append([msgspec.structs.replace(each, id=b"") for each in events])
    assert found[0] == found[1]
    return found[0]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_an_event_has_the_lines_of_the_error_log(both: Twins, order: tuple[int, int]) -> None:
    line = nginx_line(1, 942100, denied=True)
    logs = (
        ([read("v3.json", v3_record(unique_id="1794969001.000001"))], AUDIT),
        ([read("err.nginx.v3", line)], ERROR),
    )
    for number in order:
        put(both, *logs[number])
    (stored,) = stored_events(both)

    assert stored.joined == (JoinedRecord("err.nginx.v3", ERROR, 0, len(line) + 1, line),)
    assert (stored.event.interrupted, stored.event.interrupted_source) == (True, "error_log")
    assert (stored.event.action, stored.event.action_phase, stored.event.action_status) == ("deny", 2, 403)
    assert (stored.source, [match.rule_id for match in stored.event.matches]) == (AUDIT, [942100])


def test_the_id_of_a_joined_record_leads_to_its_event(both: Twins) -> None:
    error_event = read("err.nginx.v3", nginx_line(1, 942100))
    for store in (both.reference, both.store):
        write(store, [error_event], source=ERROR)
        row = store.page(Page(Scope())).value.rows[0]
        write(store, [read("v3.json", v3_record(unique_id="1794969001.000001"))])
        found = store.event(row.id).value
        assert found is not None
        assert found.id == store.page(Page(Scope())).value.rows[0].id != row.id
        assert store.event(b"\0" * 16).value is None


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_a_record_without_part_h_takes_over_the_matches(both: Twins, order: tuple[int, ...]) -> None:
    logs = (
        ([without_part_h(1), without_part_h(2)], AUDIT),
        ([read("err.nginx.v3", nginx_line(1, 942100, 920350))], ERROR),
        ([read("err.nginx.v3", nginx_line(1, 949110, denied=True))], "/var/log/error.log.1"),
    )
    for number in order:
        put(both, *logs[number])
        put(both, *logs[number])
    one, two = sorted(stored_events(both), key=lambda stored: stored.event.transaction_id)

    assert [match.rule_id for match in one.event.matches] == [942100, 920350, 949110]
    assert (one.event.interrupted, one.event.outcome, one.event.points) == (True, "blocked", 10)
    assert ("no_messages" in one.event.gaps, "no_messages" in two.event.gaps) == (False, True)
    assert found(both, "rule.id") == {942100: 1, 920350: 1, 949110: 1}
    assert found(both, "event.gaps")["no_messages"] == 1
    assert sum(counts.matches for counts in ask(both).sources) == 3


def test_a_bare_line_can_be_read_again(both: Twins) -> None:
    """Its time is that of its file, which the record itself does not have."""
    line = (
        b'[client "192.0.2.7"] Coraza: Warning. SQL [file ""] [line "1"] [id "942100"] [rev ""] [msg "m"] [data "d"]'
        b' [severity "critical"] [ver ""] [maturity "0"] [accuracy "0"] [hostname ""] [uri "/"] [unique_id "AbCdEf"]'
    )
    put(both, [read_again("err.coraza", line, "", assumed=True, arrival=START)], ERROR)

    assert [(each.event.time, "no_time" in each.event.gaps) for each in stored_events(both)] == [(START, True)]

"""Events in few words, for tests of everything that stands above the readers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import count
from typing import Any

from wafscope.event.model import Event, Match
from wafscope.event.rule import attack_class, is_bookkeeping
from wafscope.query.timespan import HOUR, SECOND
from wafscope.reader.base import Unreadable
from wafscope.store.base import EventStore, Found, Records, Tally, Written

START = 1_794_960_000 * SECOND
"""2026-11-18 00:00 UTC."""

SOURCE = "/var/log/modsec_audit.log"

_numbers = count()


def match(rule_id: int | None = 942100, **values: Any) -> Match:
    """Make a match; whether the rule keeps books, and its class, follow from its id."""
    known: dict[str, Any] = {
        "message": f"Message of {rule_id}",
        "bookkeeping": is_bookkeeping(rule_id),
        "attack_class": attack_class(
            rule_id, values.get("tags", ()), values.get("version", ""), values.get("file", "")
        ),
    }
    return Match(rule_id=rule_id, **(known | values))


def event(time: int = START, *matches: Match | int, **values: Any) -> Event:
    """Make an event at a time in microseconds; a bare number stands for a match of that rule."""
    known: dict[str, Any] = {"raw": f"record {next(_numbers)}".encode(), "format": "v3.json"}
    made = tuple(each if isinstance(each, Match) else match(each) for each in matches)
    return Event(time=time, matches=made, **(known | values))


def hour(number: float) -> int:
    """Return the time so many hours after the start."""
    return START + int(number * HOUR)


def write(
    store: EventStore,
    events: Sequence[Event],
    *,
    sensor: str = "web1",
    source: str = SOURCE,
    file: str = "",
    foreign: int = 0,
    unreadable: tuple[Unreadable, ...] = (),
) -> Written:
    """Write events, as if they stood one after the other in one file."""
    found = []
    offset = 0
    for each in events:
        found.append(Found(each, offset, len(each.raw) + 1))
        offset += len(each.raw) + 1
    payload = store.encoder().encode([Records(file or source, found)], sensor=sensor)
    tally = Tally(
        source=source,
        sensor=sensor,
        events=len(events),
        matches=sum(len(each.matches) for each in events),
        bytes=offset,
        foreign=foreign,
        unreadable=unreadable,
    )
    return store.write(payload, tally)


def v3_record(**transaction: Any) -> bytes:
    """Make a small record of libmodsecurity 3 in JSON."""
    known: dict[str, Any] = {
        "client_ip": "192.0.2.7",
        "time_stamp": "Wed Nov 18 02:30:00 2026",
        "server_id": "aa55",
        "client_port": 40000,
        "host_ip": "198.51.100.1",
        "host_port": 443,
        "unique_id": "1794969000.000001",
        "request": {
            "method": "GET",
            "http_version": 1.1,
            "uri": "/search?q=1%27%20or%201=1",
            "headers": {"Host": "www.example.org", "User-Agent": "curl/8.5.0"},
        },
        "response": {"http_code": 403, "headers": {"Content-Type": "text/html"}},
        "producer": {
            "modsecurity": "ModSecurity v3.0.13 (Linux)",
            "connector": "ModSecurity-nginx v1.0.3",
            "secrules_engine": "Enabled",
            "components": ["OWASP_CRS/4.9.0"],
        },
        "messages": [
            {
                "message": "SQL Injection Attack Detected via libinjection",
                "details": {
                    "match": "detected SQLi using libinjection.",
                    "reference": "v14,8",
                    "ruleId": "942100",
                    "file": "/etc/crs/rules/REQUEST-942-APPLICATION-ATTACK-SQLI.conf",
                    "lineNumber": "66",
                    "data": "Matched Data: s&1c found within ARGS:q: 1' or 1=1",
                    "severity": "2",
                    "ver": "OWASP_CRS/4.9.0",
                    "rev": "",
                    "tags": ["attack-sqli", "OWASP_CRS"],
                    "maturity": "0",
                    "accuracy": "0",
                },
            }
        ],
    }
    return json.dumps({"transaction": known | transaction}).encode()
